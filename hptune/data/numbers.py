"""Which texts are numbers, and whole columns of them at speed.

Python's float() is more generous than a data file should be: it takes 1_000 and digits of every script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MEANT_AS_NUMBER = re.compile(r"[+-]?\d+([_,']\d+)+(\.\d+)?", re.ASCII)


def parse_number(text: str) -> float | None:
    """The number, perhaps infinite, or None where the text is none."""
    stripped = text.strip()
    if "_" in stripped or not stripped.isascii():
        return None
    try:
        return float(stripped)
    except ValueError:
        return None


def meant_as_number(text: str) -> bool:
    """Whether it is a number, or was one for somebody who writes 1_000, 1,000 or a decimal comma."""
    return parse_number(text) is not None or _MEANT_AS_NUMBER.fullmatch(text.strip()) is not None


def finite_numbers(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """All of them as numbers, or None if one of them is not a finite number."""
    joined = "".join(texts)
    try:
        if "_" in joined or not joined.isascii():  # rare: one by one, to tell a stray blank from a wrong digit
            values = np.array([np.nan if (n := parse_number(text)) is None else n for text in texts])
        else:
            values = np.array(list(map(float, texts)))
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def whole_number(text: str) -> int | None:
    """7 for "7", "7.0" and "7e0"; None for a text, a fraction or an infinity."""
    value = parse_number(text)
    if value is None or not value.is_integer():  # an infinity is no integer
        return None
    try:
        return int(text)  # exact beyond 2**53
    except ValueError:
        return int(value)
