"""Which values a hyperparameter may take, whatever a study file asks for or a zoom would like.

A trainer declares one rule per hyperparameter; the study file is checked against it, and the borders
of a search space are never moved past it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from hptune.notations import Notation
from hptune.trial import Value


@dataclass(frozen=True, slots=True)
class Need:
    """What a hyperparameter needs of another one to have an effect: one of some values, or any other than those."""

    name: str
    values: tuple[Value, ...]
    other_than: bool = False
    why: str = ""  # where it does not explain itself

    def describe(self) -> str:
        """In words: "optimizer: rmsprop or adam", "hidden_layers other than 0"."""
        values = " or ".join(str(value).lower() for value in self.values)
        return f"{self.name} other than {values}" if self.other_than else f"{self.name}: {values}"


@dataclass(frozen=True, slots=True)
class Legal:
    """The rule of one hyperparameter."""

    kind: Literal["int", "real", "choice", "bool"]
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False  # low itself is not legal
    high_open: bool = False
    low_is_off: bool = False  # low switches off what larger numbers set: no neighbour of theirs, and in no range
    choices: tuple[str, ...] = ()  # legal words; of a number, beside the numbers
    notation: Notation[Any] | None = None  # of a choice: structures, legal beside the words
    only_with: tuple[Need, ...] = ()  # all of them must hold, or this hyperparameter has no effect
    required: bool = False  # must be given wherever it can have an effect: its default stands for nothing given

    def describe(self) -> str:
        """The rule in words: "a number above 0 and below 1"."""
        if self.notation is not None:
            return ", or ".join([*self.choices, self.notation.description])
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "bool":
            return "true or false"
        noun = "a whole number" if self.kind == "int" else "a number"
        bounds = []
        if self.low > -math.inf:
            bounds.append(f"above {self.low:,.15g}" if self.low_open else f"of at least {self.low:,.15g}")
        if self.high < math.inf:
            bounds.append(f"below {self.high:,.15g}" if self.high_open else f"at most {self.high:,.15g}")
        number = " ".join([noun, " and ".join(bounds)]).strip()
        return ", or ".join([number, *self.choices])

    def admits(self, value: Value) -> bool:
        """Whether value is legal; True and False are no numbers."""
        if isinstance(value, str):
            return value in self.choices or (self.notation is not None and self.notation.admits(value))
        if isinstance(value, bool) or self.kind in {"choice", "bool"}:
            return isinstance(value, bool) and self.kind == "bool"
        if isinstance(value, float) and not math.isfinite(value):
            return False
        if self.kind == "int" and not isinstance(value, int):
            return False
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    @property
    def in_ranges(self) -> Legal:
        """The rule of the numbers that a range may hold."""
        if not self.low_is_off:
            return self
        if self.kind == "int":
            return replace(self, low=self.low + 1, low_is_off=False)
        return replace(self, low_open=True, low_is_off=False)

    def move_low(self, low: float, to: float) -> float:
        """The lower border moved from low to `to`, no further than is legal; half-way to an open limit."""
        if to > self.low:
            return to
        if not self.low_open:
            return self.low
        half = (low + self.low) / 2
        return half if half > self.low else low  # rounding has reached the limit

    def move_high(self, high: float, to: float) -> float:
        """The upper border moved from high to `to`, no further than is legal; half-way to an open limit."""
        if to < self.high:
            return to
        if not self.high_open:
            return self.high
        half = (high + self.high) / 2
        return half if half < self.high else high  # rounding has reached the limit
