"""Whether the parts of a run fit together: what checksums cannot show is that something is not there, or too many.

All of it holds in whatever moment a run was stored, so that what does not is damage, or was edited by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from hptune.search.plan import ConfirmPlan
from hptune.store.curves import Table
from hptune.store.rows import UnsoundError
from hptune.trial import Status, TrialResult, TrialSpec

if TYPE_CHECKING:
    from hptune.store.snapshot import Snapshot, StoredTrial

NEEDED = {"config": str, "data": dict}  # facts
ROUNDING = 1e-6  # of sums of seconds
GAPS = (
    "gaps"  # the fact that names trials that a repair could not save: they may be missing, until they are trained again
)


def check_place(spec: TrialSpec, number: int, stage: int) -> None:
    """Whether a trial stands where it says."""
    if (spec.number, spec.stage) != (number, stage):
        raise UnsoundError(f"trial {number} of stage {stage} is trial {spec.number} of stage {spec.stage} inside")


def check_stages(snapshot: Snapshot) -> None:
    """Whether the facts and the stages of a run are all there.

    Raises:
        UnsoundError: they are not.

    """
    for name, kind in NEEDED.items():
        if not isinstance(snapshot.facts.get(name), kind):
            raise UnsoundError(f'table facts: "{name}" is missing')
    if not snapshot.stages:
        raise UnsoundError("table stages: it is empty")
    first = 0
    for place, stage in enumerate(snapshot.stages):
        if stage.number != place:
            raise UnsoundError(f"table stages: stage {place} is missing")
        if stage.first_trial < first or (stage.n_trials is not None and stage.n_trials < 0):
            raise UnsoundError(f"stage {place}: no such numbers of trials can be")
        first = stage.first_trial
        follows = stage.plan.follows if isinstance(stage.plan, ConfirmPlan) else None
        if follows is not None and not (0 <= follows < place and snapshot.stages[follows].is_search):
            raise UnsoundError(f"stage {place}: it follows stage {follows}, which is no search before it")
    for place, sitting in enumerate(snapshot.sittings):
        if sitting.number != place or not 0 <= sitting.stage < len(snapshot.stages):
            raise UnsoundError(f"table sittings: sitting {place} is missing, or of a stage that is not there")


def check_trials(snapshot: Snapshot, last: int) -> None:
    """Whether the trials of a run are all there, in stages that are, and have what belongs to their status.

    The last is the highest number that a curve names.

    Raises:
        UnsoundError: they do not.

    """
    check_numbers(snapshot, ((trial.number, trial.stage) for trial in snapshot.trials), last)
    searched = {trial.number for trial in snapshot.trials if snapshot.stages[trial.stage].is_search} | _gaps(snapshot)
    ended = Counter(trial.stage for trial in snapshot.trials if trial.result is not None)
    for trial in snapshot.trials:
        parent = trial.spec.origin.parent
        if parent is not None and (parent not in searched or parent >= trial.number):
            raise UnsoundError(f"trial {trial.number}: its parent, trial {parent}, is no trial of a search before it")
        _check_attempts(trial)
        if trial.result is not None:
            _check_result(trial.result)
    _check_sittings(snapshot)
    for stage in snapshot.stages:
        named = (*stage.parents, *(stage.plan.trials if isinstance(stage.plan, ConfirmPlan) else ()))
        if missing := [number for number in named if number not in searched]:
            raise UnsoundError(f"{stage.name}: it grew from trial {missing[0]}, which no search has")
        if stage.n_trials is not None and ended[stage.number] > stage.n_trials:
            raise UnsoundError(f"{stage.name}: {ended[stage.number]} trials have ended of {stage.n_trials}")


def check_numbers(snapshot: Snapshot, trials: Iterable[tuple[int, int]], last: int) -> None:
    """Whether the numbers of every stage's trials follow on each other from its first, to the last.

    Trials are (number, stage); the last is the highest number that a curve names.

    Raises:
        UnsoundError: they do not.

    """
    gaps, expected = _gaps(snapshot), {stage.number: stage.first_trial for stage in snapshot.stages}
    known: set[int] = set()
    for number, stage in trials:
        if stage not in expected:
            raise UnsoundError(f"trial {number}: of stage {stage}, which is not there")
        while expected[stage] in gaps and expected[stage] < number:
            expected[stage] += 1
        if number != expected[stage]:
            name = snapshot.stages[stage].name
            raise UnsoundError(f"table trials: trial {expected[stage]} of {name} is missing before {number}")
        expected[stage] += 1
        known.add(number)
    if last > max((*known, *gaps), default=-1):
        raise UnsoundError(f"table trials: trial {last} is missing, which has a curve")
    if not (known or gaps) and any(sitting.busy_s for sitting in snapshot.sittings):
        raise UnsoundError("table trials: it is empty, although trials have ended")


def _gaps(snapshot: Snapshot) -> set[int]:
    return set(snapshot.facts.get(GAPS, ()))


def check_curves(snapshot: Snapshot, table: Table) -> None:
    """Whether trials with a score have their curves.

    Raises:
        UnsoundError: one has not.

    """
    n_rows = np.bincount(table[:, 0].astype(np.int64), minlength=snapshot.next_number)
    if len(n_rows) > snapshot.next_number:
        raise UnsoundError(f"table epochs: trial {len(n_rows) - 1} was never started")
    for result in snapshot.results:
        if result.score is not None and n_rows[result.number] != result.epochs:
            raise UnsoundError(f"trial {result.number}: {n_rows[result.number]} of {result.epochs} epochs are there")


def _check_sittings(snapshot: Snapshot) -> None:
    """Trials are trained in sittings, which count their seconds; those that a repair has lost do not come back."""
    is_counted = GAPS not in snapshot.facts and all(sitting.environment != "{}" for sitting in snapshot.sittings)
    trained_s = sum(result.seconds for result in snapshot.results)
    busy_s = sum(sitting.busy_s for sitting in snapshot.sittings)
    if is_counted and trained_s > busy_s * (1 + ROUNDING) + ROUNDING:
        raise UnsoundError(f"table sittings: one is missing: they had {busy_s:.3f} s, and trials took {trained_s:.3f}")


def _check_attempts(trial: StoredTrial) -> None:
    """Of the attempts that its last sitting has counted, all but the last were lost."""
    n_lost = sum(lost.status is None for lost in trial.lost)
    if n_lost < trial.attempts - 1:
        raise UnsoundError(f"trial {trial.number}: of {trial.attempts} attempts {n_lost} are known to be lost")


def _check_result(result: TrialResult) -> None:
    has_score = result.status in (Status.COMPLETED, Status.STOPPED)
    if (result.score is not None, result.best_epoch is not None) != (has_score, has_score):
        raise UnsoundError(f"trial {result.number}: {result.status.value}, with{'out' * has_score} a score")
    if result.epochs < 0 or not 1 <= (result.best_epoch or 1) <= max(result.epochs, 1):
        raise UnsoundError(f"trial {result.number}: the best epoch is {result.best_epoch} of {result.epochs}")
