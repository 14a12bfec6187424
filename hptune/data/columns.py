"""One column of text -> numbers: as they are, or one-hot encoded; and how its missing cells are filled.

Whether a column holds numbers or categories is decided once, on the training file; the same encoding is then
applied to every other file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hptune.data.missing import Missing, plain
from hptune.data.numbers import meant_as_number, parse_number
from hptune.data.problems import FileProblems, listed, quoted
from hptune.wording import counted

MOST_CATEGORIES = 200  # of a column of text
MOST_CATEGORIES_ASKED = 1000  # of a column under data.categorical
EXAMPLES = 3  # wrong cells that a message repeats


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is encoded."""

    name: str
    categories: tuple[str, ...] | None = None  # one-hot, in this order; None: a number
    marks_missing: bool = False  # whether an input more is 1 where a cell is missing
    fill: float | None = None  # of numbers: what stands for a missing one, the mean of train; None: none may be missing

    @property
    def features(self) -> tuple[str, ...]:
        mark = (f"{self.name} is missing",) if self.marks_missing else ()
        if self.categories is None:
            return (self.name, *mark)
        return (*(f"{self.name}={category}" for category in self.categories), *mark)

    @property
    def width(self) -> int:
        """How many inputs it has as it is read: missing numbers are NaN, and marked when they are filled."""
        return 1 if self.categories is None else len(self.features)


@dataclass(frozen=True)
class Cells:
    """The cells of one column and where they stand."""

    name: str
    texts: Sequence[str]
    lines: Sequence[int]
    problems: FileProblems
    missing: Missing
    read_as_numbers: NDArray[np.float64] | None = None  # in place of texts, where they are numbers

    @cached_property
    def numbers(self) -> NDArray[np.float64] | None:
        """All of them as numbers, NaN where one is known to be missing, or None if one is not a finite number."""
        if self.read_as_numbers is not None:
            return self.missing.without(self.read_as_numbers)
        return self.missing.as_numbers(self.texts)

    def are_missing(self, *, number: bool) -> NDArray[np.bool_]:
        """(examples,): which are."""
        if number and self.numbers is not None:
            return np.isnan(self.numbers)
        gone = {text for text in set(self.texts) if self.missing.is_missing(text, number=number)}
        return np.array([text in gone for text in self.texts], np.bool_)

    def report(self, message: str, position: int | None = None) -> None:
        line = 0 if position is None else self.lines[position]
        self.problems.add(f"column {quoted(self.name)}: {message}", line)

    def note(self, message: str) -> None:
        self.problems.note(f"column {quoted(self.name)}: {message}")


def find_column(cells: Cells, *, categorical: bool) -> Column:
    """The encoding for a column of the training file.

    At least half of the cells numbers: a column of numbers. Cells meant as numbers by somebody who writes
    1,000 or 1_000 count as well, so that they are refused and do not pass for categories.
    """
    missing = cells.missing
    if not categorical and cells.numbers is not None:
        return Column(cells.name)
    counts = Counter(cells.texts)
    total = sum(counts[text] for text in counts if not missing.is_missing(text, number=True))
    if not categorical and 2 * sum(counts[text] for text in counts if meant_as_number(text)) >= total:
        return Column(cells.name)
    gone = {text for text in counts if missing.is_missing(text)}
    categories = tuple(sorted({plain(text) for text in counts if text not in gone}))
    most = MOST_CATEGORIES_ASKED if categorical else MOST_CATEGORIES
    if len(categories) > most:
        what = f"{len(categories):,} different texts, at most {most:,} expected"
        cells.report(f"{what}: it looks like free text or an id; put it under data.ignore")
    return Column(cells.name, categories, marks_missing=missing.fills and bool(gone))


def note_unusual_texts(cells: Cells) -> None:
    """Say which texts look like missing ones and are none."""
    counts = Counter(cells.texts)
    for text in sorted(text for text in counts if cells.missing.is_unusual_text(text)):
        why = "" if cells.missing.texts else ", being in quotes" if cells.problems.unit == "line" else ", being no null"
        todo = f"if it stands for a missing one, write data.missing_values: [{plain(text)}]"
        cells.note(f"{quoted(plain(text))} ({counted(counts[text], 'cell')}) is a value{why}: {todo}")


def encode(column: Column, cells: Cells, out: NDArray[np.float64]) -> None:
    """Write the column into out (examples, its width); what cannot be encoded is reported."""
    is_number = column.categories is None
    if is_number and cells.numbers is None:
        _report_missing(cells, number=True)
        _report_not_numbers(cells)
    elif is_number:
        out[:, 0] = cells.numbers
        if not cells.missing.fills:
            _report_missing(cells, number=True)
    else:
        _encode_categories(column, cells, out)


def _encode_categories(column: Column, cells: Cells, out: NDArray[np.float64]) -> None:
    """1 in the column of the category; all zeros for one that the training file does not have."""
    categories = column.categories or ()
    number = {category: i for i, category in enumerate(categories)}
    gone = {text for text in set(cells.texts) if cells.missing.is_missing(text)}
    if gone and not cells.missing.fills:
        _report_missing(cells, number=False)
    elif gone and not column.marks_missing:
        n_gone = sum(text in gone for text in cells.texts)
        what = f"{counted(n_gone, 'cell')} missing, but none in the training file"
        cells.note(f"{what}: they count as none of {listed(categories)}")
    of_missing = len(categories) if column.marks_missing else -1
    code = {text: of_missing if text in gone else number.get(plain(text), -1) for text in set(cells.texts)}
    codes = np.fromiter((code[text] for text in cells.texts), np.int64, len(cells.texts))
    (known,) = np.nonzero(codes >= 0)
    out[known, codes[known]] = 1.0


def unknown_texts(column: Column, cells: Cells) -> list[str]:
    """The texts that are none of the categories, missing ones left out."""
    known = set(column.categories or ())
    strange = {text for text in set(cells.texts) if plain(text) not in known and not cells.missing.is_missing(text)}
    return [plain(text) for text in cells.texts if text in strange] if strange else []


def _report_missing(cells: Cells, *, number: bool) -> None:
    (missing,) = np.nonzero(cells.are_missing(number=number))
    if not len(missing):
        return
    first = int(missing[0])
    text = plain(cells.texts[first]) if len(cells.texts) else ""
    shown = "" if cells.read_as_numbers is not None else f" ({quoted(text)})"
    todo = _what_to_do("" if number else text, unseen=cells.problems.unseen)
    cells.report(f"{counted(len(missing), 'cell')} missing, the first one here{shown}: {todo}", first)


def _what_to_do(text: str, *, unseen: bool) -> str:
    """About cells that are missing, the first of which holds a text that may be a value."""
    if unseen:
        return "fill them in or remove the rows; a network trained with data.missing: fill takes them as they are"
    todo = "write data.missing: drop or fill, fill them in, or put the column under data.ignore"
    return f"{todo}; if {quoted(text)} is a value, write data.missing_values: ['']" if text else todo


def _report_not_numbers(cells: Cells) -> None:
    """A line for each way of being no number, with the first place and some of the texts."""
    missing = cells.missing
    reason = _why_no_unseen_number if cells.problems.unseen else _why_no_number
    why = {text: "" if missing.is_missing(text, number=True) else reason(text) for text in set(cells.texts)}
    for expected in dict.fromkeys(why[text] for text in cells.texts):
        if not expected:
            continue
        positions = [position for position, text in enumerate(cells.texts) if why[text] == expected]
        texts = dict.fromkeys(plain(cells.texts[position]) for position in positions)
        rest = f" in {len(positions):,} cells, the first one here" if len(positions) > 1 else ""
        cells.report(f"found {listed(texts, EXAMPLES)}{rest}, expected {expected}", positions[0])


def _why_no_number(text: str) -> str:
    """What was expected instead of a text in a column of numbers; empty where it is one."""
    value = parse_number(text)
    if value is not None:
        return "" if np.isfinite(value) else "a finite number: correct it or remove the row"
    if meant_as_number(text):
        hint = "numbers have a decimal point and no separators; or put the column under data.categorical"
        return f"a number: {hint}"
    hint = "list it under data.missing_values if it stands for a missing one"
    return f"a number: correct it; {hint}; or put the column under data.categorical if its values are names"


def _why_no_unseen_number(text: str) -> str:
    """The same in a file for a trained network: what the study file says of columns is settled."""
    value = parse_number(text)
    if value is not None and np.isfinite(value):
        return ""
    hint = ", with a decimal point and without separators" if value is None and meant_as_number(text) else ""
    return f"a {'' if value is None else 'finite '}number{hint}: correct it or remove the row"
