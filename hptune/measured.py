"""What is measured beside the trials: what always the same answer reaches, and what the network of an answer does.

The records alone, as a run stores them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

SETS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True)
class Baseline:
    """The errors and losses, by set, of whoever has learned nothing from train but how often each answer is right.

    The error is that of always answering the commonest class; the loss is the cross-entropy of always saying the shares
    of the classes. In regression both are those of always saying the mean. A run of an earlier hptune knows the dev
    error alone.
    """

    error: Mapping[str, float]
    loss: Mapping[str, float]  # without a set that has a class which train has not
    answer: str | None = None  # the commonest class of train; None in regression, and where it is not known
    rarest: str | None = None  # class of train, likewise
    rarest_share: float | None = None  # of train

    def to_json(self) -> dict[str, Any]:
        return {
            "error": dict(self.error),
            "loss": dict(self.loss),
            "answer": self.answer,
            "rarest": self.rarest,
            "rarest_share": self.rarest_share,
        }


RARE = 0.1  # share of train


def is_unbalanced(rarest: float, commonest: float) -> bool:
    """Whether a class is so rare beside the commonest one that the share of errors says little, by shares of train.

    Ten classes that are equally common have less than a tenth each as well, and are none too few.
    """
    return rarest < RARE and rarest < commonest / 2


def baseline_of(facts: Mapping[str, Any]) -> Baseline | None:
    """The baseline in the facts of a data set; None where they have none."""
    if "baseline" in facts:
        return Baseline(**facts["baseline"])
    return Baseline({"dev": facts["baseline_error"]}, {}) if "baseline_error" in facts else None


class ClassCount(NamedTuple):
    """The examples of a set that have to do with a class."""

    n_true: int  # of the class
    n_answered: int  # for which the class is the answer
    n_right: int  # both

    @property
    def recall(self) -> float | None:
        """The share of the class that is found."""
        return self.n_right / self.n_true if self.n_true else None

    @property
    def precision(self) -> float | None:
        """The share of right ones among the answers."""
        return self.n_right / self.n_answered if self.n_answered else None


def gain_over(counts: Sequence[ClassCount], always: int) -> tuple[float, float]:
    """By how much the error is below that of always answering one class, and the standard error of that.

    Only examples count which one of the two answers rightly and the other wrongly, as in McNemar's test (1947): b found
    of the other classes, c lost of this one. The gain of n examples is (b - c) / n, its variance
    (b + c - (b - c)^2 / n) / n^2.
    """
    n = sum(one.n_true for one in counts)
    gained = sum(one.n_right for number, one in enumerate(counts) if number != always)
    lost = counts[always].n_true - counts[always].n_right
    difference = gained - lost
    return difference / n, math.sqrt(gained + lost - difference**2 / n) / n


@dataclass(frozen=True, slots=True)
class Measured:
    """A network on a set of examples."""

    loss: float
    loss_gain: float | None  # by how much the loss is below that of always the same answer; None: that is infinite
    loss_gain_error: float | None  # its standard error, example by example
    by_class: tuple[ClassCount, ...]  # by class number; none in regression

    def to_json(self) -> dict[str, Any]:
        return {
            "loss": self.loss,
            "loss_gain": self.loss_gain,
            "loss_gain_error": self.loss_gain_error,
            "by_class": [list(one) for one in self.by_class],
        }


def fact_of(trial: int) -> str:
    """The name of the fact that holds what the network of a trial reaches."""
    return f"measured {trial}"


def measured_in(facts: Mapping[str, Any], trial: int) -> dict[str, Measured]:
    """What the network of a trial reaches, by set; empty where an earlier hptune has measured it, or none has."""
    found: Mapping[str, Mapping[str, Any]] = facts.get(fact_of(trial), {})
    return {name: Measured(**{**one, "by_class": _counts(one["by_class"])}) for name, one in found.items()}


def _counts(rows: Sequence[Sequence[int]]) -> tuple[ClassCount, ...]:
    return tuple(ClassCount(*row) for row in rows)
