"""Words that depend on a number."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """'1 cell', '2,000 cells'."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
