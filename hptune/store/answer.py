"""The answer of a run: which configuration it has found, how sure that is, and whose weights are best.npz.

The leader of a search owes part of its score to the luck of its seed, so a configuration that has been confirmed on
fresh seeds comes before all that have not, and of those that searches have confirmed it is the best mean. The answer
of a zoom's confirmation and the one before it are compared with what each has; an exact tie changes nothing. Once
confirmed, a configuration competes everywhere with its mean (see means), not with the score that found it.

A retest (hptune retest) asks whether that answer holds. Chance alone brings another to the front in many retests, so
it changes the answer only for one that is ahead by more than chance explains in 5 % of retests (search.student), seed
by seed; else the answer keeps the
mean and the weights that it had. Where nothing had been confirmed, its best mean is the answer.

So a new answer is always one whose trainings are of the last stage: their weights are still there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hptune.search.confirmation import Confirmed, confirmed, is_ahead
from hptune.search.known import Fresh, Key, key_of
from hptune.search.plan import ConfirmPlan, SearchPlan
from hptune.search.ranking import leader, ranked
from hptune.store.snapshot import Snapshot, Stage
from hptune.trial import Status, TrialResult


@dataclass(frozen=True, slots=True)
class Answer:
    """The best configuration so far."""

    trial: int  # of a search, that found it
    weights: int  # the trial whose weights are kept: this one or, once confirmed, the best of those that confirm it
    confirmed: Confirmed | None = None  # None: nothing but the score of the search is known


@dataclass(frozen=True, slots=True)
class CutShort:
    """A confirmation that has ended before all configurations were trained from every seed."""

    n_confirmed: int  # configurations that were
    n_planned: int
    by_time: bool  # whether its search had a budget of time


def answer_of(snapshot: Snapshot) -> Answer | None:
    """The best of those that have been confirmed, else the leader of all searches; None where nothing leads."""
    best = next(iter(contenders(snapshot)), None)
    if best is not None and math.isfinite(best.mean):
        return Answer(best.trial, best.best_training, best)
    found = leader(snapshot.found)
    return None if found is None else Answer(found.number, found.number)


def contenders(snapshot: Snapshot) -> list[Confirmed]:
    """The configurations that are compared on the run's own data: the answer, if there is one, then by their means."""
    found: list[Confirmed] = []
    replicates: tuple[int, ...] = ()
    for stage in _confirmations(snapshot):
        assert isinstance(stage.plan, ConfirmPlan)
        new, is_retest = whole(snapshot, stage), stage.plan.follows is None
        answer = next((one for one in found[:1] if _is_finite(one)), None)
        first = _first(answer, new, stage.plan.margin if is_retest else None)
        if not new or (found and (first is None or (is_retest and first is answer))):
            continue
        before = found if stage.plan.replicates == replicates else [] if answer is None else [answer]
        lead = {} if first is None else {first.trial: first}
        pool = {one.trial: one for one in (*before, *new)} | lead
        found = sorted(pool.values(), key=lambda one: (one.trial not in lead, one.place))
        replicates = stage.plan.replicates
    return found


def _first(answer: Confirmed | None, new: Sequence[Confirmed], margin: float | None) -> Confirmed | None:
    """Who is the answer after a confirmation, the answer before or one of the new; None where none has completed.

    margin is that of a retest; None of the confirmation of a search.
    """
    if answer is not None and margin is not None:
        return next(iter(ahead_of(answer.trial, new, margin)), answer)
    again = [one for one in new if answer is not None and one.trial == answer.trial]
    rivals = [*(again or ([] if answer is None else [answer])), *new]
    best = min(rivals, key=lambda one: one.rounded_mean, default=None)  # of equals the first
    return best if best is not None and _is_finite(best) else answer


def means(snapshot: Snapshot) -> dict[int, float]:
    """The mean metric of fresh seeds of every configuration that has them, by the trials of searches that have it.

    The seeds of all confirmations and retests on the run's own data count, infinite where one has not completed; but
    what is compared for the answer keeps the mean that it is compared with.
    """
    return {number: fresh.mean for number, fresh in fresh_of(snapshot).items()}


def fresh_of(snapshot: Snapshot) -> dict[int, Fresh]:
    """What fresh seeds say of configurations, as means does, with what decides between equal means."""
    found = pooled(snapshot)
    return {number: Fresh(one.mean, one.standard_error or 0.0, one.cost) for number, one in found.items()}


def pooled(snapshot: Snapshot) -> dict[int, Confirmed]:
    """The scores of fresh seeds that means are of."""
    if not (confirmations := _confirmations(snapshot)):
        return {}
    keys = {trial.number: key_of(trial.hyperparameters) for trial in snapshot.trials}
    found: dict[Key, Confirmed] = {}
    costs: dict[Key, float] = {}
    for stage in confirmations:
        for one in whole(snapshot, stage):
            key = keys[one.trial]
            found[key] = replace(one, scores=(*found[key].scores, *one.scores)) if key in found else one
            costs[key] = max(costs.get(key, 0.0), one.cost)
    found |= {keys[one.trial]: one for one in contenders(snapshot)}
    return {number: replace(found[key], cost=costs[key]) for number, key in keys.items() if key in found}


def standings(snapshot: Snapshot) -> list[TrialResult]:
    """The trials of searches with a score in the order in which they compete: the answer, then by mean or score."""
    order, answer = ranked(snapshot.found, fresh_of(snapshot)), answer_of(snapshot)
    return sorted(order, key=lambda result: answer is None or result.number != answer.trial)


def ahead_of(trial: int, found: Sequence[Confirmed], margin: float) -> list[Confirmed]:
    """Those of a confirmation that are ahead of a trial in it by more than so many standard errors."""
    one = next((one for one in found if one.trial == trial), None)
    return [] if one is None else [other for other in found if is_ahead(other, one, margin)]


def uncompared(snapshot: Snapshot) -> list[int]:
    """The trials whose scores are better than that with which a confirmed answer was found, and not confirmed.

    Distinct configurations, the best first.
    """
    answer = answer_of(snapshot)
    if answer is None or answer.confirmed is None:
        return []
    keys = {trial.number: key_of(trial.hyperparameters) for trial in snapshot.trials}
    seen = {keys[one.trial] for stage in _confirmations(snapshot) for one in whole(snapshot, stage)}
    found = []
    for result in itertools.takewhile(lambda result: result.number != answer.trial, ranked(snapshot.found)):
        if result.status is Status.COMPLETED and keys[result.number] not in seen:
            seen.add(keys[result.number])
            found.append(result.number)
    return found


def cut_short(snapshot: Snapshot, stage: Stage) -> CutShort | None:
    """How far the confirmation of a search has come, where it has ended before its end."""
    if not isinstance(stage.plan, ConfirmPlan) or stage.plan.follows is None or not snapshot.has_ended(stage):
        return None
    n_confirmed, n_planned = len(whole(snapshot, stage)), len(stage.plan.trials)
    searched = snapshot.stages[stage.plan.follows].plan
    by_time = isinstance(searched, SearchPlan) and searched.budget.time_s is not None
    return CutShort(n_confirmed, n_planned, by_time) if n_confirmed < n_planned else None


def _confirmations(snapshot: Snapshot) -> list[Stage]:
    return [stage for stage in snapshot.stages if not stage.is_search and stage.has_own_data]


def whole(snapshot: Snapshot, stage: Stage) -> list[Confirmed]:
    """The configurations of a confirmation whose trainings have all ended, the best mean first."""
    assert isinstance(stage.plan, ConfirmPlan)
    ended = [(trial.spec, trial.result) for trial in snapshot.trials_of(stage) if trial.result is not None]
    costs = dict(zip(stage.plan.trials, stage.plan.costs, strict=False))
    return confirmed(ended, len(stage.plan.replicates), costs)


def _is_finite(one: Confirmed) -> bool:
    return math.isfinite(one.mean)
