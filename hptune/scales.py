"""Scales: how numbers lie along the unit interval.

A new scale of reals is one more Scale in SCALES, and nothing else: the study file, its schema, draws, zooms, tables and
advice ask it what they need to know. One of whole numbers needs a domain beside it in hptune.levels.

    linear   value = low + u * (high - low)
    log      value = low^(1-u) * high^u                          each decade gets its share
    1-beta   value = 1 - (1-low)^(1-u) * (1-high)^u              1 - value is log-uniform
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hptune.legal import Legal


@dataclass(frozen=True, slots=True)
class Scale:
    """An increasing map that makes a range linear, its inverse, and what it asks of the ends of a range."""

    name: str
    straighten: Callable[[float], float] = field(repr=False)
    bend: Callable[[float], float] = field(repr=False)
    rule: Legal = field(default=Legal("real"), repr=False)  # of the ends of a range, each by itself
    needs: str = field(default="", repr=False)  # that rule in words, if any: of an {end}, and what was {found}
    largest: float = field(default=sys.float_info.max, repr=False)  # magnitude that can be computed with
    integers: bool = field(default=False, repr=False)  # there are whole numbers on it (hptune.levels)
    complement: bool = field(default=False, repr=False)  # what counts is 1 - value, so tables show it too
    lowest: float = field(init=False, repr=False)  # that can be computed with; every draw asks for it
    highest: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        low, high = max(self.rule.low, -self.largest), min(self.rule.high, self.largest)
        object.__setattr__(self, "lowest", math.nextafter(low, math.inf) if self.rule.low_open else float(low))
        object.__setattr__(self, "highest", math.nextafter(high, -math.inf) if self.rule.high_open else float(high))

    def tells_apart(self, low: float, high: float) -> bool:
        """Whether a range has a width on the scale: log 1e300 and the log of its neighbour are the same number."""
        return self.straighten(low) < self.straighten(high)


LINEAR = Scale("linear", float, float, largest=sys.float_info.max / 2, integers=True)  # no range's width overflows
LOG = Scale(
    "log",
    math.log,
    math.exp,
    Legal("real", low=0, low_open=True),
    "a log scale needs {end} above 0, found {found}; bounds are values, never exponents: 10^-4 is written 1e-4",
    integers=True,
)
ONE_MINUS = Scale(
    "1-beta",
    lambda value: -math.log1p(-value),
    lambda line: -math.expm1(-line),
    Legal("real", low=0, high=1, high_open=True),
    "1-beta needs 0 <= low < high < 1, found {end} {found}",
    complement=True,
)
SCALES: Mapping[str, Scale] = {scale.name: scale for scale in (LINEAR, LOG, ONE_MINUS)}
