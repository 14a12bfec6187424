"""Domains: every domain is a map to and from the unit interval, and everything else follows.

A value drawn is from_unit(u) with u uniform in [0, 1); a scale (hptune.scales) is how values lie along that interval.
Whole numbers and steps are in hptune.levels. Units below 0 or above 1 are points beyond a border, which only a zoom
that extends the space asks for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeGuard

from hptune.legal import Legal
from hptune.scales import LINEAR, Scale
from hptune.trial import Value


class Range(Protocol):
    """Numbers from low to high, in an order that the unit interval follows."""

    @property
    def low(self) -> float | int:
        """The lowest value."""

    @property
    def high(self) -> float | int:
        """The highest value."""

    @property
    def step(self) -> float | int:
        """How far a level is from the next one; 0 of reals."""

    @property
    def scale(self) -> Scale:
        """How values lie along the unit interval."""

    @property
    def size(self) -> float:
        """How many values there are; infinite of reals."""

    @property
    def values(self) -> Sequence[Value]:
        """All levels in order, to be asked for where they are few; none of reals."""

    def to_unit(self, value: Value) -> float:
        """The unit coordinate of value: of a level, the middle of its share."""

    def from_unit(self, unit: float) -> Value:
        """The value at a unit coordinate in [0, 1]."""

    def share(self, value: Value) -> tuple[float, float]:
        """The part of the unit interval that is drawn as value; of reals a point."""

    def contains(self, value: Value) -> bool:
        """Whether value lies in the range; True and False are no numbers."""

    def window(self, low: float, high: float, holding: Sequence[float], legal: Legal) -> Range:
        """The part between two unit coordinates, and what else it takes to hold some values.

        Below 0 and above 1 it reaches beyond the range, as far as is legal. Of levels it has at least three, if there
        are so many. Scale and step stay.
        """

    def least_side(self, value: Value, /) -> float:
        """The side, in unit coordinates, of a box of three levels around value; 0 where there are no levels.

        A narrower box may hold nothing else than value.
        """

    def plain(self) -> dict[str, Value | list[Value]]:
        """As written in a study file."""

    def describe(self) -> str:
        """In a few words, for tables."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values without an order, and so without a scale, equally likely. A single one is a constant."""

    values: tuple[Value, ...]
    constant: bool = False  # written in the study file as a bare value
    scale: ClassVar[None] = None

    def _index(self, value: Value) -> int:
        for index, known in enumerate(self.values):
            if same(known, value):
                return index
        raise ValueError(f"{value!r} is none of {self.values}")

    def to_unit(self, value: Value) -> float:
        return (self._index(value) + 0.5) / len(self.values)

    def from_unit(self, unit: float) -> Value:
        return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]

    def contains(self, value: Value) -> bool:
        return any(same(known, value) for known in self.values)

    def holding(self, values: Sequence[Value]) -> Choice:
        """The choices among some values, and then those of the values that are none of the choices."""
        kept = [known for known in self.values if any(same(known, value) for value in values)]
        for value in values:
            if not any(same(value, other) for other in kept):
                kept.append(value)
        return Choice(tuple(kept), self.constant and len(kept) == 1)

    def plain(self) -> Value | dict[str, Value | list[Value]]:
        return self.values[0] if self.constant else {"choices": list(self.values)}

    def describe(self) -> str:
        return ", ".join(show(value) for value in self.values)

    @property
    def size(self) -> float:
        return len(self.values)


Domain = Choice | Range
"""The values that a hyperparameter may take. Who needs a range asks whether its scale is None, as of choices."""


@dataclass(frozen=True, slots=True)
class Real:
    """Real numbers from low to high, along a scale that tells the two apart."""

    low: float
    high: float
    scale: Scale = LINEAR
    step: ClassVar[float] = 0.0

    def to_unit(self, value: Value) -> float:
        low, high = self.scale.straighten(self.low), self.scale.straighten(self.high)
        return (self.scale.straighten(float(value)) - low) / (high - low)

    def from_unit(self, unit: float) -> float:
        if unit <= 0:
            return self.low
        return self.high if unit >= 1 else min(max(self._at(unit), self.low), self.high)

    def _end(self, unit: float) -> float:
        return self.from_unit(unit) if 0 <= unit <= 1 else self._at(unit)

    def _at(self, unit: float) -> float:
        """The value at any unit coordinate, as far as the scale reaches."""
        scale = self.scale
        low = scale.straighten(self.low)
        width = scale.straighten(self.high) - low
        line = low + unit * width  # in this form it never falls as unit rises
        if not 0 <= unit <= 1 and abs(line) < 1e-12 * width:
            line = 0.0  # where rounding alone keeps an end from the middle of the scale
        line = min(max(line, scale.straighten(scale.lowest)), scale.straighten(scale.highest))
        return min(max(scale.bend(line), scale.lowest), scale.highest)

    def contains(self, value: Value) -> bool:
        return is_number(value) and self.low <= value <= self.high

    def share(self, value: Value) -> tuple[float, float]:
        unit = self.to_unit(value)
        return unit, unit

    def least_side(self, _value: Value, /) -> float:
        return 0.0

    def window(self, low: float, high: float, holding: Sequence[float], legal: Legal) -> Real:
        new_low = self._end(low) if low >= 0 else legal.move_low(self.low, self._at(low))
        new_high = self._end(high) if high <= 1 else legal.move_high(self.high, self._at(high))
        new_low, new_high = min(new_low, *holding), max(new_high, *holding)
        if not self.scale.tells_apart(new_low, new_high):  # so narrow that there is nothing left to narrow
            new_low, new_high = min(new_low, self.low), max(new_high, self.high)
        return Real(new_low, new_high, self.scale)

    def plain(self) -> dict[str, Value | list[Value]]:
        return {"scale": self.scale.name, "low": self.low, "high": self.high}

    def describe(self) -> str:
        scale = "" if self.scale is LINEAR else f" ({self.scale.name})"
        return f"{show(self.low)} .. {show(self.high)}{scale}"

    @property
    def size(self) -> float:
        return math.inf

    @property
    def values(self) -> Sequence[Value]:
        return ()


def can_be(domain: Domain, value: Value) -> bool:
    """Whether value is one of the separate values of a domain; real ranges never hit a value."""
    return not math.isinf(domain.size) and domain.contains(value)


def is_number(value: Value) -> TypeGuard[float | int]:
    """Whether value is a number, as True and False are not."""
    return isinstance(value, float | int) and not isinstance(value, bool)


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same: 1 and True are not, nor 1 and "1"; 1 and 1.0 are."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def show(value: Value) -> str:
    """A value for people: four significant digits, more where a number nears 1 from below."""
    if not isinstance(value, float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if 0.9 < value < 1:
        return min(f"{value:.{3 - math.floor(math.log10(1 - value))}g}", repr(value), key=len)
    return f"{value:.4g}"
