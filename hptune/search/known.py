"""What a proposal may know of the trials before it."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hptune.trial import BY_CHANCE, Standing, Status, TrialResult, Value

Key = tuple[tuple[str, bool, Value], ...]
"""A configuration as something that can be compared and looked up."""


class Fresh(NamedTuple):
    """What fresh seeds say of a configuration, in the order in which such configurations compete."""

    mean: float  # of the metric; infinite where a training has not completed
    standard_error: float = 0.0  # of the mean, over the seeds
    cost: float = 0.0  # estimated seconds of a training


@dataclass(frozen=True, slots=True)
class Known:
    """A trial that has ended, as far as proposals need it."""

    number: int
    configuration: Mapping[str, Value]
    status: Status
    lowest: Sequence[float]  # the lowest metric so far, epoch by epoch
    ties: Sequence[float] = ()  # what breaks ties of it, likewise; empty where nothing does
    fresh: Fresh | None = None  # None where it has not been confirmed

    @property
    def has_score(self) -> bool:
        return self.status in (Status.COMPLETED, Status.STOPPED)

    def at(self, epoch: int) -> float | None:
        """The lowest metric after so many epochs (see standing_at)."""
        found = self.standing_at(epoch)
        return None if found is None else found[0]

    def standing_at(self, epoch: int) -> Standing | None:
        """The lowest standing after so many epochs.

        That of a completed trial that needed fewer stands; one that diverged before is worse than all others; of one
        that was stopped before, or whose training failed, nothing is known.
        """
        if epoch <= len(self.lowest) or self.status is Status.COMPLETED:
            place = min(epoch, len(self.lowest)) - 1
            return self.lowest[place], self.ties[place] if self.ties else 0.0
        return (math.inf, math.inf) if self.status is Status.DIVERGED else None


def known_of(
    configuration: Mapping[str, Value],
    result: TrialResult,
    scores: Iterable[float],
    ties: Sequence[float] = (),
    fresh: Fresh | None = None,
) -> Known:
    """What is known of a trial with such a result and such metrics, epoch by epoch, and of what breaks their ties.

    How far one came whose workers died, or that took too long, is chance.
    """
    if result.status in BY_CHANCE:
        return Known(result.number, configuration, result.status, array("d"))
    lowest, of_ties = array("d"), array("d")
    if not ties:
        lowest.extend(itertools.accumulate(scores, min))
        return Known(result.number, configuration, result.status, lowest, (), fresh)
    for score, tie in itertools.accumulate(zip(scores, ties, strict=True), min):
        lowest.append(score)
        of_ties.append(tie)
    return Known(result.number, configuration, result.status, lowest, of_ties, fresh)


def key_of(configuration: Mapping[str, Value]) -> Key:
    return tuple((name, isinstance(value, bool), value) for name, value in sorted(configuration.items()))
