"""Values with a structure: a list or a mapping in a study file, one text everywhere else.

The text is what is drawn, stored, shown and written, and a study file takes it as well; the trainer has its structure
back from the same notation. Two structures that mean the same have the same text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MOST = 100  # items
MOST_UNITS = 100_000
LAST_EPOCH = 10**9
WIDTHS_TEXT = r"[0-9]{1,9}(-[0-9]{1,9})*"
FACTORS_TEXT = r"[0-9]{1,10}:[^\s:]+( [0-9]{1,10}:[^\s:]+)*"
RATES_TEXT = r"[0-9][^\s:]*( [^\s:]+)*"


@dataclass(frozen=True, slots=True)
class Notation(Generic[T]):
    """How a structure is written."""

    description: str  # what is expected, for messages
    parse: Callable[[object], T]  # of YAML's lists and mappings, or of the text; ValueError says what was found
    text: Callable[[T], str]
    structure: Mapping[str, Any]  # the JSON Schema of the list or mapping
    pattern: str  # of the text

    def canonical(self, written: object) -> str:
        """The one text of a value, however it is written; ValueError says what was found instead."""
        return self.text(self.parse(written))

    def admits(self, text: str) -> bool:
        """Whether a text is the one text of a legal value."""
        try:
            return self.canonical(text) == text
        except ValueError:
            return False


def _widths(written: object) -> tuple[int, ...]:
    """Units by layer, of [256, 128] or "256-128"."""
    if isinstance(written, str) and re.fullmatch(WIDTHS_TEXT, written):
        written = [int(part) for part in written.split("-")]
    if not isinstance(written, list):
        raise _unlike(written, f": one layer is written [{written}]" if isinstance(written, int | float) else "")
    if not written:
        raise ValueError("found an empty list: for no hidden layers write hidden_layers: 0, without widths")
    if len(written) > MOST:
        raise ValueError(f"found {len(written):,} layers")
    return tuple(_whole(units, 1, MOST_UNITS) for units in written)


def _factors(written: object) -> tuple[tuple[int, float], ...]:
    """First epochs and factors, of {10: 0.1, 20: 0.01} or "10:0.1 20:0.01"; sorted by epoch."""
    if isinstance(written, dict):
        pairs = list(written.items())
    elif isinstance(written, str) and re.fullmatch(FACTORS_TEXT, written):
        pairs = [(epoch, _number(factor)) for epoch, factor in (pair.split(":") for pair in written.split())]
    else:
        raise _unlike(written)
    if not 1 <= len(pairs) <= MOST:
        raise ValueError(f"found {len(pairs):,} factors, expected 1 to {MOST}")
    found = {_whole(_number(epoch), 0, LAST_EPOCH): _positive(factor) for epoch, factor in pairs}
    if len(found) < len(pairs):
        raise ValueError("found an epoch twice")
    return tuple(sorted(found.items()))


def _rates(written: object) -> tuple[float, ...]:
    """Shares dropped by layer, of [0.5, 0.2] or "0.5 0.2"."""
    if isinstance(written, str) and re.fullmatch(RATES_TEXT, written):
        written = [_number(part) for part in written.split(" ")]
    if not isinstance(written, list):
        raise _unlike(written, f": one layer is written [{written}]" if isinstance(written, int | float) else "")
    if not 1 <= len(written) <= MOST:
        raise ValueError(f"found {len(written):,} rates")
    return tuple(_share(rate) for rate in written)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise _unlike(value)
    return float(value) + 0.0  # -0.0 becomes 0.0


def _whole(value: object, low: int, high: int) -> int:
    """A whole number in any notation, as 64.0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high or value % 1:
        raise _unlike(value)
    return int(value)


def _positive(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise _unlike(value)
    return float(value)


def _number(text: str) -> float | str:
    """The number that a text is, or else the text."""
    try:
        return float(text)
    except ValueError:
        return text


def _unlike(written: object, advice: str = "") -> ValueError:
    """Something that is found where something else is expected."""
    names = {dict: "a mapping", list: "a list", type(None): "nothing", bool: str(written).lower()}
    return ValueError(f"found {names.get(type(written)) or repr(written)[:60]}{advice}")


WIDTHS = Notation(
    f"the units of 1 to {MOST} hidden layers, each 1 to {MOST_UNITS:,}, as [256, 128]",
    _widths,
    lambda units: "-".join(map(str, units)),
    {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST,
        "items": {"type": "integer", "minimum": 1, "maximum": MOST_UNITS},
    },
    WIDTHS_TEXT,
)
"""Units of each hidden layer."""

FACTORS = Notation(
    "factors above 0 by the epoch, a whole number, from which they hold, counted from 0, as {10: 0.1, 20: 0.01}",
    _factors,
    lambda steps: " ".join(f"{epoch}:{factor!r}".removesuffix(".0") for epoch, factor in steps),
    {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MOST,
        "propertyNames": {"pattern": "^[0-9]{1,10}$"},
        "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
    },
    FACTORS_TEXT,
)
"""Factors of the learning rate by the epoch from which they hold."""

RATES = Notation(
    f"the shares dropped of 1 to {MOST} hidden layers, each from 0 to below 1, as [0.5, 0.2]",
    _rates,
    lambda rates: " ".join(f"{rate!r}".removesuffix(".0") for rate in rates),
    {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST,
        "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    },
    RATES_TEXT,
)
"""Shares dropped of each hidden layer; the last one holds for all further layers."""
