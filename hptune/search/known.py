"""What a proposal may know of the trials before it."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hptune.trial import BY_CHANCE, Status, TrialResult, Value

Key = tuple[tuple[str, bool, Value], ...]
"""A configuration as something that can be compared and looked up."""


@dataclass(frozen=True, slots=True)
class Known:
    """A trial that has ended, as far as proposals need it."""

    number: int
    configuration: Mapping[str, Value]
    status: Status
    lowest: Sequence[float]  # the lowest metric so far, epoch by epoch

    @property
    def has_score(self) -> bool:
        return self.status in (Status.COMPLETED, Status.STOPPED)

    def at(self, epoch: int) -> float | None:
        """The lowest metric after so many epochs.

        That of a completed trial that needed fewer stands; one that diverged before is worse than all others; of one
        that was stopped before, or whose training failed, nothing is known.
        """
        if epoch <= len(self.lowest):
            return self.lowest[epoch - 1]
        if self.status is Status.COMPLETED:
            return self.lowest[-1]
        return math.inf if self.status is Status.DIVERGED else None


def known_of(configuration: Mapping[str, Value], result: TrialResult, scores: Iterable[float]) -> Known:
    """What is known of a trial with such a result and such metrics, epoch by epoch.

    How far one came whose workers died, or that took too long, is chance.
    """
    lowest = array("d", () if result.status in BY_CHANCE else itertools.accumulate(scores, min))
    return Known(result.number, configuration, result.status, lowest)


def best_first(known: Iterable[Known]) -> list[Known]:
    """The trials with a score in the order of ranking.ranked: completed ones, then stopped ones, the farthest first."""
    return sorted((trial for trial in known if trial.has_score), key=rank_key)


def rank_key(trial: Known) -> tuple[bool, int, float, int]:
    """By which trials with a score are ordered, the best first."""
    is_stopped = trial.status is Status.STOPPED
    return is_stopped, -len(trial.lowest) if is_stopped else 0, trial.lowest[-1], trial.number


def key_of(configuration: Mapping[str, Value]) -> Key:
    return tuple((name, isinstance(value, bool), value) for name, value in sorted(configuration.items()))
