"""CSV, TSV and Parquet files -> examples: which column is the label, which are features, and how each is encoded.

The training file decides on columns, categories and classes; files of dev and test are read by the same schema.
"""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hptune.data.columns import Cells, Column, encode, find_column, note_unusual_texts, unknown_texts
from hptune.data.csv_file import TextTable, read_csv
from hptune.data.dataset import Dataset, Examples, Unseen
from hptune.data.files import excess
from hptune.data.filling import about_gaps, complete_rows, filled
from hptune.data.kinds import kind
from hptune.data.labels import Classes, class_numbers, find_classes, labels_of
from hptune.data.missing import Missing
from hptune.data.numbers import parse_number
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
    missing: Missing = field(default_factory=Missing)

    @classmethod
    def of_arrays(cls, features: tuple[str, ...], classes: Classes | None, missing: Missing) -> Self:
        """The schema of a table with a column of numbers for every column of X, and y."""
        return cls("y", (), tuple(map(Column, features)), classes, missing)

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """That of a data set that came from a file or a generator."""
        return cls.from_json(json.loads(dataset.schema), dataset.classes)

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(name for column in self.columns for name in column.features)

    def read(self, path: str) -> Examples:
        """Another file with the same columns, in any order."""
        problems = _problems_of(path)
        table = _read(path, self.ignored, self._texts, self.missing, problems)
        if table is not None:
            self._check_columns(table, problems)
        problems.raise_any()
        assert table is not None  # a table that is None has left a problem
        return self.encode(self.complete(table, problems), problems)

    def complete(self, table: TextTable, problems: FileProblems) -> TextTable:
        """The table without the rows that are to be left out for what is missing in them."""
        if not self.missing.drops:
            return table
        is_complete = self._are_complete(table, {**self._are_numbers, self.target: self.classes is None}, problems)
        return table if is_complete.all() else table.rows(is_complete)

    def _are_complete(
        self, table: TextTable, is_number: Mapping[str, bool], problems: FileProblems
    ) -> NDArray[np.bool_]:
        """(examples,): in which rows no cell is missing, of columns by name, which are of numbers or of text."""
        missing = {
            name: _cells(table, name, self.missing, problems).are_missing(number=number)
            for name, number in is_number.items()
        }
        return complete_rows(missing, problems)

    @property
    def _are_numbers(self) -> Mapping[str, bool]:
        """Which of the feature columns are of numbers, the others being of text."""
        return {column.name: column.categories is None for column in self.columns}

    def read_unseen(self, path: str) -> Unseen:
        """Another file with the same feature columns, with or without labels, and notes on what is not used or known.

        Where rows with missing cells were left out of training, they are here, too.
        """
        problems = _problems_of(path)
        problems.unseen = True
        table = _read(path, _AllBut(frozenset(self._known)), self._texts, self.missing, problems)
        if table is not None:
            self._check_missing(self._known[1:], table, problems)
        problems.raise_any()
        assert table is not None  # a table that is None has left a problem
        is_complete = None
        if self.missing.drops:
            is_complete = self._are_complete(table, self._are_numbers, problems)
            problems.raise_any()
            table = table.rows(is_complete)
        for note in self._notes(table, problems):
            problems.note(note)
        if self._has_labels(table):
            examples = self.encode(table, problems, todo="; or remove the column, and no error is measured")
            x, y = examples.x, examples.y
        else:
            x, y = self._inputs(table, problems), None
            problems.raise_any()
        return Unseen(self.fill_unseen(x, problems), y, is_complete=is_complete, notes=tuple(problems.notes))

    def fill_unseen(self, x: NDArray[np.float64], problems: FileProblems) -> NDArray[np.float64]:
        """X as it was read of another file, with what stands for missing numbers; which that are goes to the notes."""
        for note in about_gaps(self.columns, {"": x}) if self.missing.fills else ():
            problems.note(note)
        return filled(x, self.columns)

    def _has_labels(self, table: TextTable) -> bool:
        return self.target in table.header and not all(map(self.missing.is_missing, table.column(self.target)))

    def _notes(self, table: TextTable, problems: FileProblems) -> Iterator[str]:
        """What is not used of a table, or not known from training."""
        if unused := _without(table.header, (*self._known, *self.ignored)):
            yield f"columns that are not used: {listed(unused)}"
        if self.target in table.header and not self._has_labels(table):
            yield f"column {quoted(self.target)} is empty: no error is measured"
        for column in self.columns:
            if column.categories is None:
                continue
            if texts := unknown_texts(column, _cells(table, column.name, self.missing, problems)):
                count = f"{len(texts):,} of {counted(len(table.lines), 'text')}"
                what = f"{count} unknown from training, as {quoted(texts[0])}"
                yield f"column {quoted(column.name)}: {what}; they count as none of {listed(column.categories or ())}"

    def encode(self, table: TextTable, problems: FileProblems, todo: str = "") -> Examples:
        """The examples of a table that has all columns; raises what is wrong with its cells.

        todo is something else to be done about labels that are wrong.
        """
        x = self._inputs(table, problems)
        cells = _cells(table, self.target, self.missing, problems)

        def report(message: str, position: int | None) -> None:
            cells.report(message + todo, position)

        if self.classes is None:
            y: NDArray[Any] = numbers_of(cells.texts, self.missing, report)
        else:
            y = class_numbers(labels_of(cells.texts, self.missing), self.classes, report)
        problems.raise_any()
        notes = tuple(problems.notes)
        return Examples(x, y, self.classes.names if self.classes else (), self.features, notes=notes)

    def _inputs(self, table: TextTable, problems: FileProblems) -> NDArray[np.float64]:
        """X (examples, inputs as they are read); what is wrong with its cells goes to problems."""
        examples = len(table.lines)
        if too_much := excess(examples * len(self.features) * 8):
            what = f"{examples:,} rows of {len(self.features):,} features need {too_much}"
            problems.add(f"{what}: put columns under data.ignore, or use fewer rows")
        fits = not too_much
        x = np.zeros((examples if fits else 0, sum(column.width for column in self.columns)))
        start = 0
        for column in self.columns if fits else ():
            stop = start + column.width
            encode(column, _cells(table, column.name, self.missing, problems), x[:, start:stop])
            start = stop
        return x

    def to_json(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "ignored": self.ignored,
            "columns": [[column.name, column.categories] for column in self.columns],
            "classes_are_numbers": None if self.classes is None else self.classes.are_numbers,
            "missing": self.missing.to_json(),
            "fills": {column.name: column.fill for column in self.columns if column.fill is not None},
            "marked": [column.name for column in self.columns if column.marks_missing],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any], classes: tuple[str, ...]) -> Self:
        """The schema that was written; classes are the names of the classes, which are not part of it."""
        fills = {name: float(fill) for name, fill in record.get("fills", {}).items()}
        marked = set(record.get("marked", ()))
        columns = tuple(
            Column(name, None if texts is None else tuple(texts), name in marked, fills.get(name))
            for name, texts in record["columns"]
        )
        found = Classes(classes, record["classes_are_numbers"]) if classes else None
        missing = Missing.from_json(record["missing"]) if "missing" in record else Missing()
        schema = cls(record["target"], tuple(record["ignored"]), columns, found, missing)
        if not all(map(math.isfinite, fills.values())):
            raise ValueError("a missing number is filled with none")
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
            problems.add(message + _about_header(name, [*set(table.header) - set(self._known)]), table.header_line)


def read_table(path: str, settings: DataSettings) -> tuple[Examples, TableSchema]:
    """The training file, and the schema it sets for the files of dev and test."""
    if settings.target is None:
        raise DataError(f"{path}: data.target is missing: name the column that holds the labels")
    problems, missing = _problems_of(path), Missing(settings.missing, settings.missing_values)
    table = _read(path, settings.ignore, (settings.target, *settings.categorical), missing, problems)
    if table is None:
        problems.raise_any()
    assert table is not None  # a table that is None has left a problem
    for note in table.notes:
        problems.note(note)
    names = _check_names(table, settings, settings.target, problems)
    if settings.target not in table.header:
        for column in (columns := _find_columns(table, names, settings, missing, problems)):
            width = np.zeros((len(table.lines), column.width))
            encode(column, _cells(table, column.name, missing, problems), width)
        problems.raise_any()
    if missing.drops:
        columns = _find_columns(table, names, settings, missing, _problems_of(path))
        classes = None if settings.is_regression else Classes((), are_numbers=False)
        table = TableSchema(settings.target, (), columns, classes, missing).complete(table, problems)
    columns = _find_columns(table, names, settings, missing, problems)
    cells = _cells(table, settings.target, missing, problems)
    for name in (*(column.name for column in columns if column.categories is not None), settings.target):
        note_unusual_texts(_cells(table, name, missing, problems))
    classes = None if settings.is_regression else find_classes(labels_of(cells.texts, missing), cells.report)
    schema = TableSchema(settings.target, settings.ignore, columns, classes, missing)
    return schema.encode(table, problems), schema


def _find_columns(
    table: TextTable, names: Iterable[str], settings: DataSettings, missing: Missing, problems: FileProblems
) -> tuple[Column, ...]:
    return tuple(
        find_column(_cells(table, name, missing, problems), categorical=name in settings.categorical) for name in names
    )


def _problems_of(path: str) -> FileProblems:
    return FileProblems(path, "row" if kind(path) == "parquet" else "line")


@dataclass(frozen=True, slots=True)
class _AllBut:
    """All names but these."""

    names: frozenset[str]

    def __contains__(self, name: object) -> bool:
        return name not in self.names


def _read(
    path: str, ignored: Container[str], as_text: Container[str], missing: Missing, problems: FileProblems
) -> TextTable | None:
    if kind(path) == "parquet":
        return read_parquet(path, ignored, as_text, missing, problems)
    return read_csv(path, ignored, as_text, missing, problems)


def _cells(table: TextTable, name: str, missing: Missing, problems: FileProblems) -> Cells:
    return Cells(name, table.column(name), table.lines, problems, missing, table.numbers.get(name))


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
    problems.add(message + _about_header(name, table.header), table.header_line)


def _about_header(name: str, header: Sequence[str]) -> str:
    """Why a column may not be found in a header, or which one was meant; empty where nothing is known."""
    parts = [part.strip("'") for part in header[0].split()] if len(header) == 1 else []
    if name in parts or (len(parts) > 1 and all(parse_number(part) is not None for part in parts)):
        return " The fields look separated by blanks: save the file with commas."
    if 2 * sum(parse_number(other) is not None for other in header) >= len(header):
        return " Is the header missing? The first line has the names of the columns."
    return did_you_mean(name, header)
