"""Domains: every domain is a map to and from the unit interval, and everything else follows.

A value drawn is from_unit(u) with u uniform in [0, 1); a scale (hptune.scales) is how values lie along that interval.
Whole numbers and steps are in hptune.levels. Units below 0 or above 1 are points beyond a border, which only a zoom
that extends the space asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeGuard

from hptune.legal import Legal
from hptune.scales import LINEAR, Scale
from hptune.trial import Value

BORDER = 0.05  # the outer share of a range on either side that counts as its border
Border = Literal["low", "high"]


class Domain(Protocol):
    """The values a parameter may take, in an order that the unit interval follows."""

    def to_unit(self, value: Value) -> float:
        """The unit coordinate of value: for one of several discrete values, the middle of its share."""

    def from_unit(self, unit: float) -> Value:
        """The value at a unit coordinate in [0, 1]."""

    def contains(self, value: Value) -> bool:
        """Whether value lies in the domain; True and False are no numbers."""

    def border(self, value: Value) -> Border | None:
        """On which border of the domain value lies, or None."""

    def least_side(self, value: Value) -> float:
        """The side, in unit coordinates, of a box of three levels around value; 0 where there are no levels.

        A narrower box may hold nothing else than value.
        """

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:
        """The domain narrowed to factor of its range around centre; extended where centre is on a border.

        Values without an order stay where they are among the given ones.
        """

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:
        """The smallest domain of this kind that holds the values, but never a single point."""

    def extended(self, side: Border, share: float, legal: Legal) -> Domain:
        """The domain with `share` (above 0) of its range added at one end, on its own scale, as far as is legal.

        It is the domain itself where nothing beyond that end is legal, and where values have no order.
        """

    def plain(self) -> Value | dict[str, Value | list[Value]]:
        """As written in a study file."""

    def describe(self) -> str:
        """In a few words, for tables."""

    @property
    def size(self) -> float:
        """How many values there are; infinite for reals."""


def can_be(domain: Domain, value: Value) -> bool:
    """Whether value is one of the separate values of a domain; real ranges never hit a value."""
    return not math.isinf(domain.size) and domain.contains(value)


def is_number(value: Value) -> TypeGuard[float | int]:
    """Whether value is a number, as True and False are not."""
    return isinstance(value, float | int) and not isinstance(value, bool)


def sides(centre: float, factor: float, border: Border | None) -> tuple[float, float]:
    """The ends of a box around a unit coordinate: inside [0, 1], but well outside where centre is on a border."""
    low, high = centre - factor / 2, centre + factor / 2
    return (
        min(low, -BORDER) if border == "low" else max(low, 0.0),
        max(high, 1 + BORDER) if border == "high" else min(high, 1.0),
    )


def _hull(units: Iterable[float]) -> tuple[float, float]:
    """The range of unit coordinates, never narrower than a border."""
    found = list(units)
    low, high = min(found), max(found)
    slack = max(0.0, BORDER - (high - low)) / 2
    return max(low - slack, 0.0) if low >= 0 else low, min(high + slack, 1.0) if high <= 1 else high


@dataclass(frozen=True, slots=True)
class Real:
    """Real numbers from low to high, along a scale that tells the two apart."""

    low: float
    high: float
    scale: Scale = LINEAR

    def to_unit(self, value: Value) -> float:
        low, high = self.scale.straighten(self.low), self.scale.straighten(self.high)
        return (self.scale.straighten(float(value)) - low) / (high - low)

    def from_unit(self, unit: float) -> Value:
        return self._inside(unit)

    def _inside(self, unit: float) -> float:
        if unit <= 0:
            return self.low
        return self.high if unit >= 1 else min(max(self._at(unit), self.low), self.high)

    def _end(self, unit: float) -> float:
        return self._inside(unit) if 0 <= unit <= 1 else self._at(unit)

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

    def border(self, value: Value) -> Border | None:
        unit = self.to_unit(value)
        return "low" if unit < BORDER else "high" if unit > 1 - BORDER else None

    def least_side(self, value: Value) -> float:  # noqa: ARG002  (the Domain protocol)
        return 0.0

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:  # noqa: ARG002
        return self._span(sides(self.to_unit(centre), factor, self.border(centre)), [float(centre)], legal)

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:
        held = [float(value) for value in values]
        return self._span(_hull(self.to_unit(value) for value in held), held, legal)

    def extended(self, side: Border, share: float, legal: Legal) -> Domain:
        ends = (-share, 1.0) if side == "low" else (0.0, 1 + share)
        return self._span(ends, [self.low, self.high], legal)

    def _span(self, ends: tuple[float, float], held: Sequence[float], legal: Legal) -> Domain:
        """The range between two unit coordinates, which holds the values whatever rounding does."""
        low, high = ends
        new_low = self._end(low) if low >= 0 else legal.move_low(self.low, self._at(low))
        new_high = self._end(high) if high <= 1 else legal.move_high(self.high, self._at(high))
        new_low, new_high = min(new_low, *held), max(new_high, *held)
        if not self.scale.tells_apart(new_low, new_high):  # so narrow that there is nothing left to narrow
            new_low, new_high = min(new_low, self.low), max(new_high, self.high)
        return Real(new_low, new_high, self.scale)

    def plain(self) -> Value | dict[str, Value | list[Value]]:
        return {"scale": self.scale.name, "low": self.low, "high": self.high}

    def describe(self) -> str:
        scale = "" if self.scale is LINEAR else f" ({self.scale.name})"
        return f"{show(self.low)} .. {show(self.high)}{scale}"

    @property
    def size(self) -> float:
        return math.inf


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values without an order, equally likely. A single one is a constant."""

    values: tuple[Value, ...]
    constant: bool = False  # written in the study file as a bare value

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

    def border(self, value: Value) -> Border | None:  # noqa: ARG002  (choices have no order, so no border)
        return None

    def least_side(self, value: Value) -> float:  # noqa: ARG002  (nor levels)
        return 0.0

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:  # noqa: ARG002
        kept = (centre, *among)
        return Choice(tuple(v for v in self.values if any(same(v, other) for other in kept)), self.constant)

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:  # noqa: ARG002  (the Domain protocol)
        found = list(values)
        kept = [known for known in self.values if any(same(known, value) for value in found)]
        for value in found:  # of a trial drawn from another stage, where there were more choices
            if not any(same(value, other) for other in kept):
                kept.append(value)
        return Choice(tuple(kept), self.constant and len(kept) == 1)

    def extended(self, side: Border, share: float, legal: Legal) -> Domain:  # noqa: ARG002  (nor ends)
        return self

    def plain(self) -> Value | dict[str, Value | list[Value]]:
        return self.values[0] if self.constant else {"choices": list(self.values)}

    def describe(self) -> str:
        return ", ".join(show(value) for value in self.values)

    @property
    def size(self) -> float:
        return len(self.values)


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
