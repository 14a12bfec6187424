"""Bars: a trial goes on only where it is among the best third of those before it, at a few epochs early in its life.

Successive halving without its waiting (Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning): the
bars are computed when a trial is proposed, from what is known then, and travel in its spec. Its worker applies them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from hptune.search.known import Known
from hptune.trial import Bar

KEPT = 3  # one trial in three goes on
RUNGS = 3  # at 1/27, 1/9 and 1/3 of the epochs


def rungs(epochs: int) -> tuple[int, ...]:
    """The epochs at which trials of so many epochs are compared: 1, 3 and 10 of 30; none of a single one."""
    found = {max(1, round(epochs / KEPT**power)) for power in range(1, RUNGS + 1)}
    return tuple(sorted(found - {epochs}))


def bars(known: Iterable[Known], epochs: int) -> tuple[Bar, ...]:
    """The bars of a new trial.

    With n trials known at a rung, it goes on as one of the best (n + 1) / 3 of all n + 1, ties included. A single known
    trial is no measure, and where even the best third has diverged there is no bar.
    """
    trials = tuple(known)
    found = []
    for rung in rungs(epochs):
        scores = sorted(score for trial in trials if (score := trial.at(rung)) is not None)
        if len(scores) > 1:
            bar = scores[max(1, (len(scores) + 1) // KEPT) - 1]
            if bar < math.inf:
                found.append((rung, bar))
    return tuple(found)
