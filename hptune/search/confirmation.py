"""Confirmation: the best configurations trained again from other seeds, before one of them is called the answer.

The best of many scores is better than its configuration deserves: part of it is the luck of its seed. Trained again
from a few seeds that the search has not seen, the same for all, the best configurations are compared fairly.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hptune.search.known import Key, Known, key_of
from hptune.search.ranking import rounded
from hptune.trial import Kind, Origin, TrialResult, TrialSpec

TINY = 1e-12  # of a score: smaller differences come of its last digit


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A configuration and how good it is from fresh seeds."""

    trial: int  # that found it
    trainings: tuple[int, ...]  # the trials that confirm it
    scores: tuple[float, ...]  # theirs; infinite where one has not completed
    cost: float = 0.0  # estimated seconds of a training; 0 where it was not recorded

    @property
    def mean(self) -> float:
        return math.fsum(self.scores) / len(self.scores)

    @property
    def place(self) -> tuple[float, float, float, int]:
        """By which configurations are ordered, the best first.

        Of equal means the one with the smaller standard error comes first, then the cheaper one. The mean is rounded,
        for that of equal sums may differ in its last digit.
        """
        return self.rounded_mean, self.standard_error or 0.0, self.cost, self.trial

    @property
    def rounded_mean(self) -> float:
        return rounded(self.mean)

    @property
    def best_training(self) -> int:
        """The training with the lowest score; of equals the first."""
        return min(zip(self.scores, self.trainings, strict=True))[1]

    @property
    def standard_error(self) -> float | None:
        """Of the mean; None of a single score, and where a training has not completed."""
        if len(self.scores) < 2 or math.isinf(self.mean):
            return None
        return statistics.stdev(self.scores) / math.sqrt(len(self.scores))


def distinct(order: Iterable[Known]) -> list[Known]:
    """The trials whose configurations differ from all before."""
    seen: dict[Key, Known] = {}
    for trial in order:
        seen.setdefault(key_of(trial.configuration), trial)
    return list(seen.values())


def specs(
    trials: Iterable[Known], replicates: Iterable[int], *, seed: int, stage: int, first_trial: int
) -> list[TrialSpec]:
    """The trainings of a confirmation, configuration by configuration, so that one cut short has whole ones."""
    pairs = itertools.product(trials, replicates)
    return [
        TrialSpec(number, stage, trial.configuration, seed, Origin(Kind.CONFIRMATION, trial.number), (), replicate)
        for number, (trial, replicate) in enumerate(pairs, first_trial)
    ]


def confirmed(
    trials: Sequence[tuple[TrialSpec, TrialResult]], n_replicates: int, costs: Mapping[int, float] | None = None
) -> list[Confirmed]:
    """The configurations that have been trained from all replicates, the best first; costs of a training by trial."""
    by_parent: dict[int, list[tuple[int, float]]] = {}
    for spec, result in trials:
        assert spec.origin.parent is not None
        score = math.inf if result.score is None else result.score
        by_parent.setdefault(spec.origin.parent, []).append((spec.number, score))
    found = [
        Confirmed(
            trial=parent,
            trainings=tuple(number for number, _ in scores),
            scores=tuple(score for _, score in scores),
            cost=(costs or {}).get(parent, 0.0),
        )
        for parent, scores in by_parent.items()
        if len(scores) == n_replicates
    ]
    return sorted(found, key=lambda one: one.place)


def paired(one: Confirmed, other: Confirmed) -> tuple[float | None, float | None]:
    """The mean of one's scores less the other's from the same seeds, and its standard error.

    Both are None where a training has not completed, and the error of a single seed.
    """
    if not all(map(math.isfinite, (*one.scores, *other.scores))):
        return None, None
    differences = [score - less for score, less in zip(one.scores, other.scores, strict=True)]
    least = _least(one, other)
    gap = _unless_tiny(statistics.fmean(differences), least)
    if len(differences) < 2:
        return gap, None
    return gap, _unless_tiny(statistics.stdev(differences) / math.sqrt(len(differences)), least)


def _least(one: Confirmed, other: Confirmed) -> float:
    """What is smaller comes of the last digits of scores."""
    return TINY * max(map(abs, (*one.scores, *other.scores)))


def grain_error(one: Confirmed, other: Confirmed) -> float:
    """The standard error that a difference has at the least where scores come in steps, as errors on few examples do.

    Differences may agree by chance then, so that their spread says nothing. A step adds step^2 / 12 to the variance of
    a score (Sheppard 1898), twice that to a difference. The smallest step that there is between scores stands for it.
    """
    least, scores = _least(one, other), sorted((*one.scores, *other.scores))
    steps = [high - low for low, high in itertools.pairwise(scores) if high - low > least]
    return min(steps, default=0.0) / math.sqrt(6 * len(one.scores))


def _unless_tiny(value: float, least: float) -> float:
    return 0.0 if abs(value) < least else value


def is_ahead(one: Confirmed, other: Confirmed, margin: float) -> bool:
    """Whether one is better, on the same seeds, by more than so many standard errors of the difference.

    So is one that has completed of one that has not. A single seed cannot tell.
    """
    if len(one.scores) < 2 or math.isinf(one.mean):
        return False
    gap, standard_error = paired(other, one)
    return gap is None or (standard_error is not None and gap > margin * max(standard_error, grain_error(one, other)))
