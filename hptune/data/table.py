"""CSV, TSV and Parquet files -> examples: which column is the label, which are features, and how each is encoded.

The training file decides on columns, categories and classes; files of dev and test are read by the same schema.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hptune.data.columns import Cells, Column, encode, find_column, unknown_texts
from hptune.data.csv_file import TextTable, read_csv
from hptune.data.dataset import Examples
from hptune.data.files import excess
from hptune.data.kinds import kind
from hptune.data.labels import Classes, class_numbers, find_classes, labels_of
from hptune.data.numbers import is_missing
from hptune.data.parquet_file import read_parquet
from hptune.data.problems import FileProblems, listed, quoted
from hptune.data.settings import DataSettings
from hptune.data.targets import numbers_of
from hptune.errors import DataError, did_you_mean
from hptune.wording import counted

MOST_MISSING = 5  # columns that get a line each


@dataclass(frozen=True, slots=True)
class TableSchema:
    """What the columns of the training file mean."""

    target: str
    ignored: tuple[str, ...]
    columns: tuple[Column, ...]
    classes: Classes | None  # None: regression

    @classmethod
    def of_arrays(cls, features: tuple[str, ...], classes: Classes | None) -> Self:
        """The schema of a table with a column of numbers for every column of X, and y."""
        return cls("y", (), tuple(map(Column, features)), classes)

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(name for column in self.columns for name in column.features)

    def read(self, path: str) -> Examples:
        """Another file with the same columns, in any order."""
        problems = _problems_of(path)
        table = _read(path, self.ignored, self._texts, problems)
        if table is not None:
            self._check_columns(table, problems)
        problems.raise_any()
        assert table is not None  # a table that is None has left a problem
        return self.encode(table, problems)

    def read_unseen(self, path: str) -> tuple[NDArray[np.float64], NDArray[Any] | None, tuple[str, ...]]:
        """Another file with the same feature columns: X, y if it has labels, and notes on what is not used or known."""
        problems = _problems_of(path)
        table = _read(path, _AllBut(frozenset(self._known)), self._texts, problems)
        if table is not None:
            self._check_missing(self._known[1:], table, problems)
        problems.raise_any()
        assert table is not None  # a table that is None has left a problem
        notes = tuple(f"{path}: {note}" for note in self._notes(table))
        if self._has_labels(table):
            examples = self.encode(table, problems, todo="; or remove the column, and no error is measured")
            return examples.x, examples.y, notes
        x = self._inputs(table, problems)
        problems.raise_any()
        return x, None, notes

    def _has_labels(self, table: TextTable) -> bool:
        return self.target in table.header and not all(map(is_missing, table.column(self.target)))

    def _notes(self, table: TextTable) -> Iterator[str]:
        """What is not used of a table, or not known from training."""
        if unused := _without(table.header, (*self._known, *self.ignored)):
            yield f"columns that are not used: {listed(unused)}"
        if self.target in table.header and not self._has_labels(table):
            yield f"column {quoted(self.target)} is empty: no error is measured"
        for column in self.columns:
            texts = [] if column.categories is None else unknown_texts(column.categories, table.column(column.name))
            if texts:
                count = f"{len(texts):,} of {counted(len(table.lines), 'text')}"
                what = f"{count} unknown from training, as {quoted(texts[0])}"
                yield f"column {quoted(column.name)}: {what}; they count as none of {listed(column.categories or ())}"

    def encode(self, table: TextTable, problems: FileProblems, todo: str = "") -> Examples:
        """The examples of a table that has all columns; raises what is wrong with its cells.

        todo is something else to be done about labels that are wrong.
        """
        x = self._inputs(table, problems)
        cells = _cells(table, self.target, problems)

        def report(message: str, position: int | None) -> None:
            cells.report(message + todo, position)

        if self.classes is None:
            y: NDArray[Any] = numbers_of(cells.texts, report)
        else:
            y = class_numbers(labels_of(cells.texts), self.classes, report)
        problems.raise_any()
        return Examples(x, y, self.classes.names if self.classes else (), self.features)

    def _inputs(self, table: TextTable, problems: FileProblems) -> NDArray[np.float64]:
        """X (examples, features); what is wrong with its cells goes to problems."""
        examples = len(table.lines)
        if too_much := excess(examples * len(self.features) * 8):
            what = f"{examples:,} rows of {len(self.features):,} features need {too_much}"
            problems.add(f"{what}: put columns under data.ignore, or use fewer rows")
        fits = not too_much
        x = np.zeros((examples if fits else 0, len(self.features)))
        start = 0
        for column in self.columns if fits else ():
            stop = start + len(column.features)
            encode(column, _cells(table, column.name, problems), x[:, start:stop])
            start = stop
        return x

    def to_json(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "ignored": self.ignored,
            "columns": [[column.name, column.categories] for column in self.columns],
            "classes_are_numbers": None if self.classes is None else self.classes.are_numbers,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any], classes: tuple[str, ...]) -> Self:
        """The schema that was written; classes are the names of the classes, which are not part of it."""
        columns = tuple(Column(name, None if texts is None else tuple(texts)) for name, texts in record["columns"])
        found = Classes(classes, record["classes_are_numbers"]) if classes else None
        schema = cls(record["target"], tuple(record["ignored"]), columns, found)
        texts = (*schema._known, *schema.ignored, *(text for column in columns for text in column.categories or ()))
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("names of columns that are no texts")
        return schema

    @property
    def _known(self) -> tuple[str, ...]:
        return (self.target, *(column.name for column in self.columns))

    @property
    def _texts(self) -> Container[str]:
        """The columns that are read as text."""
        return {self.target, *(column.name for column in self.columns if column.categories is not None)}

    def _check_columns(self, table: TextTable, problems: FileProblems) -> None:
        self._check_missing(self._known, table, problems)
        known = {*self._known, *self.ignored}
        for name in table.header:
            if name not in known:
                message = f"column {quoted(name)} is not in the training file: remove it or put it under data.ignore"
                problems.add(message, table.header_line)

    def _check_missing(self, needed: Iterable[str], table: TextTable, problems: FileProblems) -> None:
        missing = [name for name in needed if name not in table.places]
        if len(missing) > MOST_MISSING:
            message = f"{len(missing):,} columns of the training file are not in this one: {listed(missing)}: add them"
            problems.add(message, table.header_line)
            return
        for name in missing:
            message = f"column {quoted(name)} of the training file is not in this one: add it."
            problems.add(message + did_you_mean(name, set(table.header) - set(self._known)), table.header_line)


def read_table(path: str, settings: DataSettings) -> tuple[Examples, TableSchema]:
    """The training file, and the schema it sets for the files of dev and test."""
    if settings.target is None:
        raise DataError(f"{path}: data.target is missing: name the column that holds the labels")
    problems = _problems_of(path)
    table = _read(path, settings.ignore, (settings.target, *settings.categorical), problems)
    if table is None:
        problems.raise_any()
    assert table is not None  # a table that is None has left a problem
    names = _check_names(table, settings, settings.target, problems)
    columns = tuple(
        find_column(_cells(table, name, problems), categorical=name in settings.categorical) for name in names
    )
    if settings.target not in table.header:
        for column in columns:
            encode(column, _cells(table, column.name, problems), np.zeros((len(table.lines), len(column.features))))
        problems.raise_any()
    cells = _cells(table, settings.target, problems)
    classes = None if settings.is_regression else find_classes(labels_of(cells.texts), cells.report)
    schema = TableSchema(settings.target, settings.ignore, columns, classes)
    return schema.encode(table, problems), schema


def _problems_of(path: str) -> FileProblems:
    return FileProblems(path, "row" if kind(path) == "parquet" else "line")


@dataclass(frozen=True, slots=True)
class _AllBut:
    """All names but these."""

    names: frozenset[str]

    def __contains__(self, name: object) -> bool:
        return name not in self.names


def _read(path: str, ignored: Container[str], as_text: Container[str], problems: FileProblems) -> TextTable | None:
    if kind(path) == "parquet":
        return read_parquet(path, ignored, problems)
    return read_csv(path, ignored, as_text, problems)


def _cells(table: TextTable, name: str, problems: FileProblems) -> Cells:
    return Cells(name, table.column(name), table.lines, problems, table.numbers.get(name))


def _check_names(table: TextTable, settings: DataSettings, target: str, problems: FileProblems) -> list[str]:
    """The names of the feature columns."""
    if target not in table.header:
        _report_unknown("target", target, table, problems)
    for key, names in (("ignore", settings.ignore), ("categorical", settings.categorical)):
        for name in names:
            if name not in table.header:
                _report_unknown(key, name, table, problems)
        if target in names:
            problems.add(f"data.{key}: {quoted(target)} is data.target: take it out of data.{key}")
    features = _without(table.header, (target, *settings.ignore))
    if not features:
        problems.add(f"no feature columns left: the file has {listed(table.header)}", table.header_line)
    return features


def _without(names: Sequence[str], others: Iterable[str]) -> list[str]:
    left_out = set(others)
    return [name for name in names if name not in left_out]


def _report_unknown(key: str, name: str, table: TextTable, problems: FileProblems) -> None:
    message = f"data.{key}: no column {quoted(name)}; the file has {listed(table.header)}."
    problems.add(message + did_you_mean(name, table.header), table.header_line)
