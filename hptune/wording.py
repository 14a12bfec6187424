"""Words that depend on a number, and words from elsewhere made visible."""

from __future__ import annotations

import re
import time


def moment(seconds: float | None = None) -> str:
    """Tell a moment of the wall clock, or now, as 2026-03-04T05:06:07+00:00; in years that datetime has not, too."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def counted(number: int, noun: str) -> str:
    """'1 cell', '2,000 cells'."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def visible(text: str) -> str:
    """The text with what cannot be seen (control characters, marks of direction, halves of characters) as escapes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


A_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
FORMULA_STARTS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")  # a spreadsheet runs what begins so, wide signs included


def defused(text: str) -> str:
    """A cell of text that no spreadsheet runs as a formula: an apostrophe before what is none of a number's signs."""
    is_number = A_NUMBER.fullmatch(text) is not None
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not is_number else text


def amount(value: float) -> str:
    """A number in a unit of the user's own: four digits, from 1,000 on all digits before the point."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """As 0:07, 12:30 or 3:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def span(seconds: float) -> str:
    """A length of time as somebody would say it: 45 s, 12 min, 1.5 h, 2 d."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def rounded(number: float) -> float:
    """An estimate, with the two digits that may count."""
    return float(f"{number:.2g}")


def size(n_bytes: float) -> str:
    """Bytes as somebody would say them: 320 kB, 512 MB, 1.25 GB."""
    units = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
    unit, one = next((unit for unit in units if n_bytes >= unit[1]), ("bytes", 1))
    return f"{n_bytes / one:.3g} {unit}"


LONE_NUMBER = re.compile(r"(?<![\w.:])-?(0x[0-9a-f]+|\d+(\.\d+)?(e[-+]?\d+)?)(?!\w)", re.IGNORECASE)
"""A number that stands alone, not one that is part of a name or a line of a file."""


def without_numbers(text: str) -> str:
    """The text with N for every number that stands alone: what texts have in common that differ in numbers."""
    return LONE_NUMBER.sub("N", text)
