"""Domains: every domain is a map to and from the unit interval, and everything else follows.

A value drawn is from_unit(u) with u uniform in [0, 1); a scale is how values lie along that interval.
This is the only home of scales: the rest of hptune sees unit coordinates, values and texts. Units
below 0 or above 1 are points beyond a border, which only a zoom that extends the space asks for.

    linear   value = low + u * (high - low)
    log      value = low^(1-u) * high^u                          each decade gets its share
    1-beta   value = 1 - (1-low)^(1-u) * (1-high)^u              1 - value is log-uniform
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from hptune.legal import Legal
from hptune.trial import Value

BORDER = 0.05  # the outer share of a range on either side that counts as its border
Border = Literal["low", "high"]


@dataclass(frozen=True, slots=True)
class Scale:
    """A monotonous map that makes a range linear, and its inverse."""

    name: str
    straighten: Callable[[float], float] = field(repr=False)
    bend: Callable[[float], float] = field(repr=False)


LINEAR = Scale("linear", float, float)
LOG = Scale("log", math.log, math.exp)
ONE_MINUS = Scale("1-beta", lambda value: math.log1p(-value), lambda line: -math.expm1(line))
SCALES: Mapping[str, Scale] = {scale.name: scale for scale in (LINEAR, LOG, ONE_MINUS)}


class Domain(Protocol):
    """The values a parameter may take, in an order that the unit interval follows."""

    def to_unit(self, value: Value) -> float:
        """The unit coordinate of value: for one of several discrete values, the middle of its share."""

    def from_unit(self, unit: float) -> Value:
        """The value at a unit coordinate in [0, 1]."""

    def border(self, value: Value) -> Border | None:
        """On which border of the domain value lies, or None."""

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:
        """The domain narrowed to factor of its range around centre; extended where centre is on a border.

        Values without an order stay where they are among the given ones.
        """

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:
        """The smallest domain of this kind that holds the values, but never a single point."""

    def plain(self) -> Value | dict[str, Value | list[Value]]:
        """As written in a study file."""

    def describe(self) -> str:
        """In a few words, for tables."""

    @property
    def size(self) -> float:
        """How many values there are; infinite for reals."""


def _sides(centre: float, factor: float, border: Border | None) -> tuple[float, float]:
    """The ends of a box around a unit coordinate: inside [0, 1] but on the side where centre is on a border."""
    low, high = centre - factor / 2, centre + factor / 2
    return (low if border == "low" else max(low, 0.0), high if border == "high" else min(high, 1.0))


def _hull(units: Iterable[float]) -> tuple[float, float]:
    """The range of unit coordinates, never narrower than a border."""
    found = list(units)
    low, high = min(found), max(found)
    slack = max(0.0, BORDER - (high - low)) / 2
    return max(low - slack, 0.0) if low >= 0 else low, min(high + slack, 1.0) if high <= 1 else high


@dataclass(frozen=True, slots=True)
class Real:
    """Real numbers from low to high, along a scale."""

    low: float
    high: float
    scale: Scale = LINEAR

    def to_unit(self, value: Value) -> float:
        low, high = self.scale.straighten(self.low), self.scale.straighten(self.high)
        return (self.scale.straighten(float(value)) - low) / (high - low)

    def _at(self, unit: float) -> float:
        low, high = self.scale.straighten(self.low), self.scale.straighten(self.high)
        return self.scale.bend(low * (1 - unit) + high * unit)

    def from_unit(self, unit: float) -> Value:
        return min(max(self._at(unit), self.low), self.high)

    def border(self, value: Value) -> Border | None:
        unit = self.to_unit(value)
        return "low" if unit < BORDER else "high" if unit > 1 - BORDER else None

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:  # noqa: ARG002
        return self._span(*_sides(self.to_unit(centre), factor, self.border(centre)), legal)

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:
        return self._span(*_hull(self.to_unit(value) for value in values), legal)

    def _span(self, low: float, high: float, legal: Legal) -> Domain:
        new_low = self.low if low == 0 else legal.move_low(self.low, self._at(low))
        new_high = self.high if high == 1 else legal.move_high(self.high, self._at(high))
        # 1-beta has no values below 0, and rounding must not carry it to 1
        if self.scale is ONE_MINUS:
            new_low, new_high = max(new_low, 0.0), min(new_high, math.nextafter(1.0, 0.0))
        return Real(new_low, new_high, self.scale)

    def plain(self) -> Value | dict[str, Value | list[Value]]:
        return {"scale": self.scale.name, "low": self.low, "high": self.high}

    def describe(self) -> str:
        scale = "" if self.scale is LINEAR else f" ({self.scale.name})"
        return f"{self.low:.4g} .. {show(self.high)}{scale}"

    @property
    def size(self) -> float:
        return math.inf


@dataclass(frozen=True, slots=True)
class Grid:
    """Equally likely, equally spaced numbers: low, low + step, ...; whole numbers where both are whole."""

    low: float | int
    step: float | int
    count: int

    def _at(self, index: int) -> float | int:
        if isinstance(self.low, int) and isinstance(self.step, int):
            return self.low + index * self.step
        # in decimals, so that 0.1 + 2 * 0.1 is 0.3 and not its neighbour
        return float(Decimal(repr(self.low)) + index * Decimal(repr(self.step)))

    @property
    def high(self) -> float | int:
        return self._at(self.count - 1)

    def _index(self, value: Value) -> int:
        return round((float(value) - self.low) / self.step)

    def to_unit(self, value: Value) -> float:
        return (self._index(value) + 0.5) / self.count

    def from_unit(self, unit: float) -> Value:
        return self._at(min(int(unit * self.count), self.count - 1))

    def border(self, value: Value) -> Border | None:
        return _border_level(self._index(value), self.count - 1, self.to_unit(value))

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:  # noqa: ARG002
        index, border = self._index(centre), self.border(centre)
        low, high = _sides(self.to_unit(centre), factor, border)
        first = min(math.ceil(low * self.count - 0.5), index - 1)
        last = max(math.floor(high * self.count - 0.5), index + 1)
        return self._levels(
            first if border == "low" else max(first, 0), last if border == "high" else min(last, self.count - 1), legal
        )

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:
        indices = [self._index(value) for value in values]
        first, last = _three_levels(min(indices), max(indices), 0, self.count - 1)
        return self._levels(first, last, legal)

    def _levels(self, first: int, last: int, legal: Legal) -> Domain:
        while first < 0 and not legal.admits(self._at(first)):
            first += 1
        while last >= self.count and not legal.admits(self._at(last)):
            last -= 1
        return Grid(self._at(first), self.step, last - first + 1)

    def plain(self) -> Value | dict[str, Value | list[Value]]:
        written: dict[str, Value | list[Value]] = {"low": self.low, "high": self.high}
        if isinstance(self.low, int) and isinstance(self.step, int):
            written = {"type": "int", **written}
        return written if self.step == 1 and "type" in written else {**written, "step": self.step}

    def describe(self) -> str:
        step = "" if self.step == 1 else f" (step {self.step:g})"
        return f"{show(self.low)} .. {show(self.high)}{step}"

    @property
    def size(self) -> float:
        return self.count


@dataclass(frozen=True, slots=True)
class LogInteger:
    """Whole numbers from low to high on a log scale.

    A value v has the share of [v - 1/2, v + 1/2] on a log scale of [low - 1/2, high + 1/2]: every whole
    number can occur, with P(v) = log((v + 1/2) / (v - 1/2)) / log((high + 1/2) / (low - 1/2)).
    """

    low: int
    high: int

    def _unit(self, real: float) -> float:
        return math.log(real / (self.low - 0.5)) / math.log((self.high + 0.5) / (self.low - 0.5))

    def _at(self, unit: float) -> float:
        return math.pow(self.low - 0.5, 1 - unit) * math.pow(self.high + 0.5, unit)

    def to_unit(self, value: Value) -> float:
        return (self._unit(float(value) - 0.5) + self._unit(float(value) + 0.5)) / 2

    def from_unit(self, unit: float) -> Value:
        return min(max(math.floor(self._at(unit) + 0.5), self.low), self.high)

    def border(self, value: Value) -> Border | None:
        return _border_level(int(value) - self.low, self.high - self.low, self.to_unit(value))

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:  # noqa: ARG002
        border, level = self.border(centre), int(centre)
        low, high = _sides(self.to_unit(centre), factor, border)
        first = min(math.ceil(self._at(low)), level - 1)
        last = max(math.floor(self._at(high)), level + 1)
        return self._levels(
            first if border == "low" else max(first, self.low),
            last if border == "high" else min(last, self.high),
            legal,
        )

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:
        levels = [int(value) for value in values]
        return self._levels(*_three_levels(min(levels), max(levels), self.low, self.high), legal)

    def _levels(self, first: int, last: int, legal: Legal) -> Domain:
        lowest = max(1, math.ceil(legal.low)) if math.isfinite(legal.low) else 1
        highest = math.floor(legal.high) if math.isfinite(legal.high) else last
        return LogInteger(max(first, min(lowest, self.low)), min(last, max(highest, self.high)))

    def plain(self) -> Value | dict[str, Value | list[Value]]:
        return {"type": "int", "scale": "log", "low": self.low, "high": self.high}

    def describe(self) -> str:
        return f"{self.low} .. {self.high} (log)"

    @property
    def size(self) -> float:
        return self.high - self.low + 1


def _border_level(level: int, last: int, unit: float) -> Border | None:
    """The border rule for whole numbers: the outermost level counts even where its share is wide."""
    if level <= 0 or unit < BORDER:
        return "low"
    return "high" if level >= last or unit > 1 - BORDER else None


def _three_levels(first: int, last: int, lowest: int, highest: int) -> tuple[int, int]:
    """The levels first..last, widened to at least three where lowest..highest leaves room."""
    while last - first < 2 and (first > lowest or last < highest):
        first, last = max(first - 1, min(lowest, first)), min(last + 1, max(highest, last))
    return first, last


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values without an order, equally likely. A single one is a constant."""

    values: tuple[Value, ...]
    constant: bool = False  # written in the study file as a bare value

    def _index(self, value: Value) -> int:
        return next(i for i, known in enumerate(self.values) if same(known, value))

    def to_unit(self, value: Value) -> float:
        return (self._index(value) + 0.5) / len(self.values)

    def from_unit(self, unit: float) -> Value:
        return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]

    def border(self, value: Value) -> Border | None:  # noqa: ARG002  (choices have no order, so no border)
        return None

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:  # noqa: ARG002
        return self.enclosing(among, legal)

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:  # noqa: ARG002  (the Domain protocol)
        found = list(values)
        return Choice(tuple(v for v in self.values if any(same(v, other) for other in found)), self.constant)

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
        return f"{value:.{3 - math.floor(math.log10(1 - value))}g}"
    return f"{value:.4g}"
