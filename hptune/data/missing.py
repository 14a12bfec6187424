"""Which cells stand for a missing value, and what is done about them: data.missing and data.missing_values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hptune.data.numbers import finite_numbers, parse_number

USUAL = frozenset(("", "na", "n/a", "#n/a", "nan", "null"))
USUAL_NUMBERS = USUAL | {"?", ".", "-", "none"}  # in a column of numbers; among texts they may be names
QUOTED = "\0"
"""Stands before a usual text that somebody has put in quotes, or that a Parquet file holds: among texts it is one."""


def plain(cell: str) -> str:
    """The text of a cell, without blanks around it."""
    return cell.removeprefix(QUOTED).strip()


def quotes_marked(content: bytes, separator: str) -> bytes:
    """A CSV file in which usual texts that stand in quotes are marked by QUOTED."""
    if b'"' not in content:
        return content
    usual = b"|".join(re.escape(text.encode()) for text in sorted(USUAL - {""}))
    sign = re.escape(separator.encode())
    pattern = rb'((?:%b|[\r\n]) *")( *(?:%b) *"(?= *(?:%b|[\r\n]|\Z)))' % (sign, usual, sign)
    return re.sub(pattern, rb"\1\0\2", content, flags=re.IGNORECASE)


def marked(text: str) -> str:
    """A text of a file that has another sign for what is missing."""
    return QUOTED + text if text.strip() and text.strip().lower() in USUAL else text


@dataclass(frozen=True)
class Missing:
    """What a study says of missing values."""

    todo: str = "refuse"  # one of settings.MISSING
    texts: tuple[str, ...] | None = None  # that stand for one, besides nothing at all; None: the usual ones

    @property
    def drops(self) -> bool:
        """Whether rows with missing values are left out."""
        return self.todo == "drop"

    @property
    def fills(self) -> bool:
        """Whether something is put in the place of missing values."""
        return self.todo == "fill"

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """The texts that are numbers, as -999."""
        return tuple(number for text in self.texts or () if (number := parse_number(text)) is not None)

    def is_missing(self, cell: str, *, number: bool = False) -> bool:
        """Whether a cell stands for a missing value, in a column of texts or of numbers."""
        text = plain(cell)
        if not text:
            return True
        if self.texts is not None:
            return text in self.texts or (bool(self.numbers) and parse_number(text) in self.numbers)
        if number:
            return text.lower() in USUAL_NUMBERS
        return not cell.startswith(QUOTED) and text.lower() in USUAL

    def is_unusual_text(self, cell: str) -> bool:
        """Whether a cell of a column of texts is one, though it looks missing."""
        return plain(cell).lower() in USUAL and not self.is_missing(cell)

    def as_numbers(self, cells: Sequence[str]) -> NDArray[np.float64] | None:
        """All cells as numbers, or None if one is not a finite number; NaN where one is missing and not refused."""
        values = finite_numbers(cells)
        if values is None and self.todo != "refuse":
            values = self._with_gaps(cells)
        return None if values is None else self.without(values)

    def _with_gaps(self, cells: Sequence[str]) -> NDArray[np.float64] | None:
        missing = {cell for cell in set(cells) if self.is_missing(cell, number=True)}
        is_there = np.array([cell not in missing for cell in cells], np.bool_)
        values = finite_numbers([cell for cell in cells if cell not in missing])
        if values is None:
            return None
        all_values = np.full(len(cells), np.nan)
        all_values[is_there] = values
        return all_values

    def without(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values with NaN where there is a number that stands for a missing one."""
        return values if not self.numbers else np.where(np.isin(values, self.numbers), np.nan, values)

    def to_json(self) -> dict[str, Any]:
        return {"todo": self.todo, "texts": self.texts}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        texts = record["texts"]
        return cls(str(record["todo"]), None if texts is None else tuple(map(str, texts)))
