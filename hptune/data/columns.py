"""One column of text -> numbers: as they are, or one-hot encoded.

Whether a column holds numbers or categories is decided once, on the training file; the same encoding is then
applied to every other file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hptune.data.numbers import finite_numbers, is_missing, meant_as_number, parse_number
from hptune.data.problems import FileProblems, quoted
from hptune.wording import counted

MOST_CATEGORIES = 200  # of a column of text
MOST_CATEGORIES_ASKED = 1000  # of a column under data.categorical


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is encoded."""

    name: str
    categories: tuple[str, ...] | None = None  # one-hot, in this order; None: a number

    @property
    def features(self) -> tuple[str, ...]:
        if self.categories is None:
            return (self.name,)
        return tuple(f"{self.name}={category}" for category in self.categories)


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one column and where they stand."""

    name: str
    texts: Sequence[str]
    lines: Sequence[int]
    problems: FileProblems
    read_as_numbers: NDArray[np.float64] | None = None  # in place of texts, where they are finite numbers

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        """All of them as numbers, or None if one of them is not a finite number."""
        return finite_numbers(self.texts) if self.read_as_numbers is None else self.read_as_numbers

    def report(self, message: str, position: int | None = None) -> None:
        line = 0 if position is None else self.lines[position]
        self.problems.add(f"column {quoted(self.name)}: {message}", line)


def find_column(cells: Cells, *, categorical: bool) -> Column:
    """The encoding for a column of the training file.

    At least half of the cells numbers: a column of numbers. Cells meant as numbers by somebody who writes
    1,000 or 1_000 count as well, so that they are refused and do not pass for categories.
    """
    if not categorical and cells.numbers is not None:
        return Column(cells.name)
    counts = Counter(cells.texts)
    total = sum(counts[text] for text in counts if not is_missing(text, number=True))
    if not categorical and 2 * sum(counts[text] for text in counts if meant_as_number(text)) >= total:
        return Column(cells.name)
    categories = tuple(sorted({text.strip() for text in counts if not is_missing(text)}))
    most = MOST_CATEGORIES_ASKED if categorical else MOST_CATEGORIES
    if len(categories) > most:
        what = f"{len(categories):,} different texts, at most {most:,} expected"
        cells.report(f"{what}: it looks like free text or an id; put it under data.ignore")
    return Column(cells.name, categories)


def encode(column: Column, cells: Cells, out: NDArray[np.float64]) -> None:
    """Write the column into out (examples, features of the column); what cannot be encoded is reported."""
    if column.categories is not None:
        _report_missing(cells)
        _encode_categories(column.categories, cells.texts, out)
    elif (values := cells.numbers) is not None:
        out[:, 0] = values
    else:
        _report_missing(cells, number=True)
        _report_not_numbers(cells)


def _encode_categories(categories: tuple[str, ...], texts: Sequence[str], out: NDArray[np.float64]) -> None:
    """1 in the column of the category; all zeros for one that the training file does not have."""
    number = {category: i for i, category in enumerate(categories)}
    code = {text: number.get(text.strip(), -1) for text in set(texts)}
    codes = np.fromiter((code[text] for text in texts), np.int64, len(texts))
    (known,) = np.nonzero(codes >= 0)
    out[known, codes[known]] = 1.0


def unknown_texts(categories: Sequence[str], texts: Sequence[str]) -> list[str]:
    """The texts that are none of the categories, missing ones left out."""
    known = set(categories)
    strange = {text for text in set(texts) if text.strip() not in known and not is_missing(text)}
    return [text for text in texts if text in strange] if strange else []


def _report_missing(cells: Cells, *, number: bool = False) -> None:
    missing = [position for position, text in enumerate(cells.texts) if is_missing(text, number=number)]
    if missing:
        what = f"{counted(len(missing), 'cell')} missing, the first one here ({quoted(cells.texts[missing[0]])})"
        cells.report(f"{what}: fill them in, remove the rows, or put the column under data.ignore", missing[0])


def _report_not_numbers(cells: Cells) -> None:
    for position, text in enumerate(cells.texts):
        value = parse_number(text)
        if is_missing(text, number=True) or (value is not None and np.isfinite(value)):
            continue
        if value is not None:
            cells.report(f"found {quoted(text)}, expected a finite number: correct it or remove the row", position)
        elif meant_as_number(text):
            hint = "numbers have a decimal point and no separators; or put the column under data.categorical"
            cells.report(f"found {quoted(text)}, expected a number: {hint}", position)
        else:
            hint = "correct it, or put the column under data.categorical if its values are names"
            cells.report(f"found {quoted(text)}, expected a number: {hint}", position)
