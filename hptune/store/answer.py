"""The answer of a run: which configuration it has found, how sure that is, and whose weights are best.npz.

The leader of a search owes part of its score to the luck of its seed, so a configuration that has been confirmed on
fresh seeds comes before all that have not. Configurations are compared on the same seeds. Where later seeds are
others (hptune retest), those that were trained from them are compared anew; the answer so far stays in the comparison
with what it had, unless it was among them. So a new answer is always one whose trainings have just ended: their
weights are still there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hptune.search.confirmation import Confirmed, confirmed
from hptune.search.plan import ConfirmPlan
from hptune.search.ranking import ranked
from hptune.store.snapshot import Snapshot, Stage


@dataclass(frozen=True, slots=True)
class Answer:
    """The best configuration so far."""

    trial: int  # of a search, that found it
    weights: int  # the trial whose weights are kept: this one or, once confirmed, the best of those that confirm it
    confirmed: Confirmed | None = None  # None: nothing but the score of the search is known


def answer_of(snapshot: Snapshot) -> Answer | None:
    """The best mean of those that have been confirmed, else the leader of all searches; None where nothing leads."""
    best = next(iter(contenders(snapshot)), None)
    if best is not None and math.isfinite(best.mean):
        return Answer(best.trial, best.best_training, best)
    leader = next(iter(ranked(snapshot.found)), None)
    return None if leader is None else Answer(leader.number, leader.number)


def contenders(snapshot: Snapshot) -> list[Confirmed]:
    """The configurations that are compared on the run's own data, the best mean first."""
    found: list[Confirmed] = []
    replicates: tuple[int, ...] = ()
    for stage in snapshot.stages:
        if isinstance(stage.plan, ConfirmPlan) and stage.has_own_data and (new := whole(snapshot, stage)):
            before = found if stage.plan.replicates == replicates else [one for one in found[:1] if _is_finite(one)]
            pool = {one.trial: one for one in (*before, *new)}
            best_first = sorted(pool.values(), key=lambda one: (one.mean, one.trial))
            if not found or _is_finite(best_first[0]):
                found, replicates = best_first, stage.plan.replicates
    return found


def whole(snapshot: Snapshot, stage: Stage) -> list[Confirmed]:
    """The configurations of a confirmation whose trainings have all ended, the best mean first."""
    assert isinstance(stage.plan, ConfirmPlan)
    ended = [(trial.spec, trial.result) for trial in snapshot.trials_of(stage) if trial.result is not None]
    return confirmed(ended, len(stage.plan.replicates))


def _is_finite(one: Confirmed) -> bool:
    return math.isfinite(one.mean)
