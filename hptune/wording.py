"""Words that depend on a number."""

from __future__ import annotations

import re


def counted(number: int, noun: str) -> str:
    """'1 cell', '2,000 cells'."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


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


NUMBER = re.compile(r"(?<![\w.:])-?(0x[0-9a-f]+|\d+(\.\d+)?(e[-+]?\d+)?)(?!\w)", re.IGNORECASE)
"""A number that stands alone, not one that is part of a name or a line of a file."""


def without_numbers(text: str) -> str:
    """The text with N for every number that stands alone: what texts have in common that differ in numbers."""
    return NUMBER.sub("N", text)
