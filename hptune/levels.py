"""Domains of whole numbers and of steps: values that can be counted, on a linear or a log scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from hptune.domains import is_number, show
from hptune.legal import Legal
from hptune.scales import LINEAR, LOG, Scale
from hptune.trial import Value

FAR = 10**12
"""How many steps a value may lie from 0: so near, neighbours stay apart in floats and in unit coordinates."""

Levels = tuple[int, int]
"""The first and the last of some levels."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Equally likely, equally spaced numbers: low, low + step, ...; whole numbers where both are whole."""

    low: float | int
    step: float | int
    count: int
    scale: ClassVar[Scale] = LINEAR

    @property
    def _is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.step, int)

    def _at(self, index: int) -> float | int:
        if self._is_whole:
            return self.low + index * self.step
        # in decimals, so that 0.1 + 2 * 0.1 is 0.3 and not its neighbour
        return float(exact(self.low) + index * exact(self.step))

    @property
    def high(self) -> float | int:
        return self._at(self.count - 1)

    def _index(self, value: Value) -> int:
        return round((float(value) - self.low) / self.step)

    def to_unit(self, value: Value) -> float:
        return (self._index(value) + 0.5) / self.count

    def from_unit(self, unit: float) -> Value:
        return self._at(min(max(int(unit * self.count), 0), self.count - 1))

    def contains(self, value: Value) -> bool:
        return is_number(value) and self.low <= value <= self.high and value == self._at(self._index(value))

    def share(self, value: Value) -> tuple[float, float]:
        index = self._index(value)
        return index / self.count, (index + 1) / self.count

    def least_side(self, _value: Value, /) -> float:
        return min(3 / self.count, 1.0)

    def window(self, low: float, high: float, holding: Sequence[float], legal: Legal) -> Grid:
        """The levels whose middles lie between two unit coordinates (see Range)."""
        inside = math.ceil(low * self.count - 0.5), math.floor(high * self.count - 0.5)
        old = 0, self.count - 1
        room = _room(low, high, old, self._legal_indices(legal))
        first, last = _window(inside, [self._index(value) for value in holding], old, room)
        return Grid(self._at(first), self.step, last - first + 1)

    def _legal_indices(self, legal: Legal) -> Levels:
        """The outermost indices whose values are legal and can be computed with."""
        reach = min(FAR * self.step, LINEAR.highest)
        low, high = max(legal.low, -reach), min(legal.high, reach)
        first = math.ceil((exact(low) - exact(self.low)) / exact(self.step))
        last = math.floor((exact(high) - exact(self.low)) / exact(self.step))
        first += not legal.admits(self._at(first))  # an open limit
        last -= not legal.admits(self._at(last))
        return min(first, 0), max(last, self.count - 1)

    def plain(self) -> dict[str, Value | list[Value]]:
        written: dict[str, Value | list[Value]] = {"low": self.low, "high": self.high}
        if self._is_whole:
            written = {"type": "int", **written}
        return written if self._is_whole and self.step == 1 else {**written, "step": self.step}

    def describe(self) -> str:
        step = "" if self._is_whole and self.step == 1 else f" (step {show(self.step)})"
        return f"{show(self.low)} .. {show(self.high)}{step}"

    @property
    def size(self) -> float:
        return self.count

    @property
    def values(self) -> Sequence[Value]:
        return [self._at(index) for index in range(self.count)]


@dataclass(frozen=True, slots=True)
class LogInteger:
    """Whole numbers from low to high on a log scale.

    A value v has the share of [v - 1/2, v + 1/2] on a log scale of [low - 1/2, high + 1/2]: every whole
    number can occur, with P(v) = log((v + 1/2) / (v - 1/2)) / log((high + 1/2) / (low - 1/2)).
    """

    low: int
    high: int
    step: ClassVar[int] = 1
    scale: ClassVar[Scale] = LOG

    @property
    def _width(self) -> float:
        return math.log((self.high + 0.5) / (self.low - 0.5))

    def _unit(self, real: float) -> float:
        return math.log(real / (self.low - 0.5)) / self._width

    def _at(self, unit: float) -> float:
        return (self.low - 0.5) * math.exp(unit * self._width)

    def to_unit(self, value: Value) -> float:
        return (self._unit(float(value) - 0.5) + self._unit(float(value) + 0.5)) / 2

    def from_unit(self, unit: float) -> Value:
        return min(max(math.floor(self._at(unit) + 0.5), self.low), self.high)

    def contains(self, value: Value) -> bool:
        return is_number(value) and self.low <= value <= self.high and value % 1 == 0

    def share(self, value: Value) -> tuple[float, float]:
        return self._unit(float(value) - 0.5), self._unit(float(value) + 0.5)

    def least_side(self, value: Value, /) -> float:
        """That of [value - 3/2, value + 3/2], as far as it lies in the range."""
        low, high = max(float(value) - 1.5, self.low - 0.5), min(float(value) + 1.5, self.high + 0.5)
        return math.log(high / low) / self._width

    def window(self, low: float, high: float, holding: Sequence[float], legal: Legal) -> LogInteger:
        """The whole numbers that lie themselves between two unit coordinates (see Range)."""
        inside, old = (math.ceil(self._at(low)), math.floor(self._at(high))), (self.low, self.high)
        room = _room(low, high, old, self._legal_levels(legal))
        return LogInteger(*_window(inside, [int(value) for value in holding], old, room))

    def _legal_levels(self, legal: Legal) -> Levels:
        first, last = math.ceil(max(legal.low, 1)), math.floor(min(legal.high, FAR))
        first += not legal.admits(first)  # an open limit
        last -= not legal.admits(last)
        return min(first, self.low), max(last, self.high)

    def plain(self) -> dict[str, Value | list[Value]]:
        return {"type": "int", "scale": "log", "low": self.low, "high": self.high}

    def describe(self) -> str:
        return f"{self.low} .. {self.high} (log)"

    @property
    def size(self) -> float:
        return self.high - self.low + 1

    @property
    def values(self) -> Sequence[Value]:
        return range(self.low, self.high + 1)


def whole_numbers(low: int, high: int, scale: Scale) -> Grid | LogInteger:
    """The whole numbers from low to high along a scale that has such (Scale.integers)."""
    assert scale in (LINEAR, LOG), f"there are no whole numbers on a {scale.name} scale"
    return LogInteger(low, high) if scale is LOG else Grid(low, 1, high - low + 1)


def exact(number: float) -> Decimal:
    """The decimal number that was written: 0.1 as a tenth, not as its nearest float."""
    return Decimal(repr(number))


def _room(low: float, high: float, old: Levels, legal: Levels) -> Levels:
    """The outermost levels of a window: beyond the old ones only where its ends lie outside of the unit interval."""
    return legal[0] if low < 0 else old[0], legal[1] if high > 1 else old[1]


def _window(inside: Levels, holding: Sequence[int], old: Levels, room: Levels) -> Levels:
    """The levels inside, and those to be held, as far as there is room; at least three, if there were that many."""
    first, last = max(min(inside[0], *holding), room[0]), min(max(inside[1], *holding), room[1])
    lowest, highest = min(first, old[0]), max(last, old[1])
    while last - first < 2 and (first, last) != (lowest, highest):
        first, last = max(first - 1, lowest), min(last + 1, highest)
    return first, last
