"""Domains of whole numbers and of steps: values that can be counted, on a linear or a log scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hptune.domains import BORDER, Border, Domain, is_number, show, sides
from hptune.legal import Legal
from hptune.scales import LINEAR, LOG, Scale
from hptune.trial import Value

FAR = 10**12
"""How many steps a value may lie from 0: so near, neighbours stay apart in floats and in unit coordinates."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Equally likely, equally spaced numbers: low, low + step, ...; whole numbers where both are whole."""

    low: float | int
    step: float | int
    count: int

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

    def border(self, value: Value) -> Border | None:
        return _border(self._index(value), self.count - 1, self.to_unit(value))

    def least_side(self, value: Value) -> float:  # noqa: ARG002  (all levels are equally wide)
        return min(3 / self.count, 1.0)

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:  # noqa: ARG002
        border = self.border(centre)
        low, high = sides(self.to_unit(centre), factor, border)
        box = math.ceil(low * self.count - 0.5), math.floor(high * self.count - 0.5)
        return self._part(
            *_around(self._index(centre), box, (0, self.count - 1), border, self._legal_indices(legal)),
        )

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:  # noqa: ARG002  (what has been drawn is legal)
        return self._part(*_enclosing([self._index(value) for value in values], (0, self.count - 1)))

    def extended(self, side: Border, share: float, legal: Legal) -> Domain:
        first, last = self._legal_indices(legal)
        more = math.ceil(exact(share) * self.count)
        if side == "low":
            return self._part(max(-more, first), self.count - 1)
        return self._part(0, min(self.count - 1 + more, last))

    def _part(self, first: int, last: int) -> Domain:
        return Grid(self._at(first), self.step, last - first + 1)

    def _legal_indices(self, legal: Legal) -> tuple[int, int]:
        """The outermost indices whose values are legal and can be computed with."""
        reach = min(FAR * self.step, LINEAR.highest)
        low, high = max(legal.low, -reach), min(legal.high, reach)
        first = math.ceil((exact(low) - exact(self.low)) / exact(self.step))
        last = math.floor((exact(high) - exact(self.low)) / exact(self.step))
        first += not legal.admits(self._at(first))  # an open limit
        last -= not legal.admits(self._at(last))
        return min(first, 0), max(last, self.count - 1)

    def plain(self) -> Value | dict[str, Value | list[Value]]:
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


@dataclass(frozen=True, slots=True)
class LogInteger:
    """Whole numbers from low to high on a log scale.

    A value v has the share of [v - 1/2, v + 1/2] on a log scale of [low - 1/2, high + 1/2]: every whole
    number can occur, with P(v) = log((v + 1/2) / (v - 1/2)) / log((high + 1/2) / (low - 1/2)).
    """

    low: int
    high: int

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

    def border(self, value: Value) -> Border | None:
        return _border(int(value) - self.low, self.high - self.low, self.to_unit(value))

    def least_side(self, value: Value) -> float:
        """That of [value - 3/2, value + 3/2], as far as it lies in the range."""
        low, high = max(float(value) - 1.5, self.low - 0.5), min(float(value) + 1.5, self.high + 0.5)
        return math.log(high / low) / self._width

    def around(self, centre: Value, among: Sequence[Value], factor: float, legal: Legal) -> Domain:  # noqa: ARG002
        border = self.border(centre)
        low, high = sides(self.to_unit(centre), factor, border)
        box = math.ceil(self._at(low)), math.floor(self._at(high))
        return LogInteger(*_around(int(centre), box, (self.low, self.high), border, self._legal_levels(legal)))

    def enclosing(self, values: Iterable[Value], legal: Legal) -> Domain:  # noqa: ARG002  (what has been drawn is legal)
        return LogInteger(*_enclosing([int(value) for value in values], (self.low, self.high)))

    def extended(self, side: Border, share: float, legal: Legal) -> Domain:
        first, last = self._legal_levels(legal)
        if side == "low":
            return LogInteger(max(min(math.ceil(self._at(-share)), self.low - 1), first), self.high)
        return LogInteger(self.low, min(max(math.floor(self._at(1 + share)), self.high + 1), last))

    def _legal_levels(self, legal: Legal) -> tuple[int, int]:
        first, last = math.ceil(max(legal.low, 1)), math.floor(min(legal.high, FAR))
        first += not legal.admits(first)  # an open limit
        last -= not legal.admits(last)
        return min(first, self.low), max(last, self.high)

    def plain(self) -> Value | dict[str, Value | list[Value]]:
        return {"type": "int", "scale": "log", "low": self.low, "high": self.high}

    def describe(self) -> str:
        return f"{self.low} .. {self.high} (log)"

    @property
    def size(self) -> float:
        return self.high - self.low + 1


def whole_numbers(low: int, high: int, scale: Scale) -> Grid | LogInteger:
    """The whole numbers from low to high along a scale that has such (Scale.integers)."""
    return LogInteger(low, high) if scale is LOG else Grid(low, 1, high - low + 1)


def exact(number: float) -> Decimal:
    """The decimal number that was written: 0.1 as a tenth, not as its nearest float."""
    return Decimal(repr(number))


def _border(level: int, last: int, unit: float) -> Border | None:
    """The border rule for levels 0..last: the outermost level counts even where its share is wide."""
    if level <= 0 or unit < BORDER:
        return "low"
    return "high" if level >= last or unit > 1 - BORDER else None


def _around(
    centre: int, box: tuple[int, int], old: tuple[int, int], border: Border | None, legal: tuple[int, int]
) -> tuple[int, int]:
    """The levels of a box and both neighbours of its centre; beyond the old levels only on the border's side."""
    lowest = legal[0] if border == "low" else old[0]
    highest = legal[1] if border == "high" else old[1]
    first, last = min(box[0], centre - 1), max(box[1], centre + 1)
    return _at_least_three(max(first, lowest), min(last, highest), (lowest, highest))


def _enclosing(levels: Sequence[int], old: tuple[int, int]) -> tuple[int, int]:
    """The levels from the lowest to the highest; another stage may have gone beyond the old ones."""
    first, last = min(levels), max(levels)
    return _at_least_three(first, last, (min(first, old[0]), max(last, old[1])))


def _at_least_three(first: int, last: int, room: tuple[int, int]) -> tuple[int, int]:
    """The levels first..last, widened to three where there is room."""
    while last - first < 2 and (first, last) != room:
        first, last = max(first - 1, room[0]), min(last + 1, room[1])
    return first, last
