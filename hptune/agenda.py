"""What is left of a run: its last stage where that was interrupted, and the stage that follows.

All of it is made from what is stored, so that a run goes on as if it had not been interrupted, however that happened.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hptune.config import study_file
from hptune.config.study_file import StudyConfig
from hptune.data.settings import DataSettings
from hptune.errors import UsageError
from hptune.search import confirmation, student, used_up
from hptune.search.handed_out import Past
from hptune.search.known import Key, Known, key_of, known_of
from hptune.search.plan import PARALLEL_PER_WORKER, Budget, ConfirmPlan, Few, SearchPlan, search_plan
from hptune.search.stage_search import StageSearch
from hptune.space import SearchSpace
from hptune.stage_trials import Again, Confirmations, SearchAndConfirmation, Trials
from hptune.store import Snapshot, Stage, StoredTrial
from hptune.store.answer import contenders, fresh_of, standings, uncompared, whole
from hptune.trial import Kind, Status, TrialResult, TrialSpec, Value
from hptune.wording import counted

Scores = Mapping[int, Sequence[float]]
"""The metric of trials, epoch by epoch, by trial number."""

EpochCost = Callable[[Mapping[str, Value]], float]
"""The estimated seconds of an epoch of a configuration."""

MOST_CERTAIN = 100  # trials of a search that no number of trials limits
MOST_SHOWN = 1000  # of any other


def first_stage(config: StudyConfig) -> Stage:
    """The stage that a run begins with: a search of the whole space."""
    return search_stage(config, config.space, number=0, name="search", origin="whole space", first_trial=0)


def search_stage(  # noqa: PLR0913  (what a stage is made of is all said here)
    config: StudyConfig,
    space: SearchSpace,
    *,
    number: int,
    name: str,
    origin: str,
    first_trial: int,
    parents: tuple[int, ...] = (),
    before: Snapshot | None = None,
) -> Stage:
    """A search of a space as the study file plans it; before is the run that it is added to."""
    settings = config.search
    left = None if settings.method == "random" else n_new(space, config, before)
    plan = search_plan(
        settings.budget,
        max(space.most_epochs(config.train), config.space.most_epochs(config.train)),
        method=settings.method,
        bars=settings.bars,
        parallel=settings.parallel or PARALLEL_PER_WORKER,
        extend=settings.extend,
        confirm=settings.confirm,
        few=None if left is None else Few(left, 0 if before is None else len(_unconfirmed(before))),
    )
    n_trials = plan.budget.trials if plan.budget == Budget(trials=plan.budget.trials) else None
    return Stage(number, name, origin, json.dumps(space.plain()), first_trial, n_trials, plan, parents)


def n_new(space: SearchSpace, config: StudyConfig, before: Snapshot | None = None) -> int | None:
    """How many configurations of a space have not been tried; None where there are many."""
    every = used_up.configurations(space, config.train)
    tried = [] if before is None else [t for t in before.trials if t.result is not None and t.spec.replicate is None]
    return None if every is None else len(every - {key_of(trial.hyperparameters) for trial in tried})


def _unconfirmed(snapshot: Snapshot) -> set[Key]:
    """The configurations that have completed and were not confirmed."""
    completed = {result.number for result in snapshot.found if result.status is Status.COMPLETED}
    return {key_of(t.hyperparameters) for t in snapshot.trials if t.number in completed} - _confirmed(snapshot)


def retest_stage(snapshot: Snapshot, top: int, n_seeds: int, data: Mapping[str, Any] | None = None) -> Stage:
    """The best configurations of a run, trained again from seeds that it has not used; data are facts of other data.

    Raises:
        UsageError: no trial has completed.

    """
    plans = [stage.plan for stage in snapshot.stages if isinstance(stage.plan, ConfirmPlan)]
    first = max((replicate + 1 for plan in plans for replicate in plan.replicates), default=0)
    trials = tuple(_best_to_retest(snapshot)[:top])
    if not trials:
        raise UsageError(f"{snapshot.folder.path}: no trial has completed, so there is nothing to train again")
    margin = student.margin(len(trials) - 1, n_seeds) if n_seeds > 1 else 1.0
    plan = ConfirmPlan(trials, tuple(range(first, first + n_seeds)), data=data, margin=margin)
    number = len(snapshot.stages)
    where = "" if data is None else f" on {DataSettings.from_json(data['settings']).name}"
    origin = f"the best {len(trials)}{where}, {counted(n_seeds, 'fresh seed')} each"
    n_trials = len(trials) * n_seeds
    space = snapshot.stages[-1].final_space
    return Stage(number, f"retest-{number}", origin, space, snapshot.next_number, n_trials, plan, trials)


def _best_to_retest(snapshot: Snapshot) -> list[int]:
    """The distinct configurations that have completed, in the order in which they are trained again.

    The answer, better scores that nothing has compared with it, the others as they were confirmed, then by rank, and
    at last those that failed to confirm.
    """
    compared = contenders(snapshot)
    held = [one.trial for one in compared if math.isfinite(one.mean)]
    failed = [one.trial for one in compared if not math.isfinite(one.mean)]
    completed = [result.number for result in standings(snapshot) if result.status is Status.COMPLETED]
    others = [number for number in completed if number not in failed]
    keys = {trial.number: key_of(trial.hyperparameters) for trial in snapshot.trials}
    seen: dict[Key, int] = {}
    for number in (*held[:1], *uncompared(snapshot), *held[1:], *others, *failed):
        seen.setdefault(keys[number], number)
    return list(seen.values())


def open_stage(snapshot: Snapshot) -> Stage | None:
    """The stage that is to be gone on with, which brings its confirmation with it; None where nothing is left.

    An earlier stage comes first, where results of it were taken back.
    """
    if snapshot.is_finished:
        return None
    open_stages = [_search_of(snapshot, trial.stage) for trial in taken_back(snapshot)]
    return min([*open_stages, _current(snapshot)], key=lambda stage: stage.number)


def taken_back(snapshot: Snapshot) -> list[StoredTrial]:
    """The trials whose results were taken back (hptune retry) and that are still to be trained again.

    Not those of a stage that was ended since, as by a zoom.
    """
    ended = {stage.number for stage in snapshot.stages if snapshot.has_ended(stage)}
    return [trial for trial in snapshot.trials if trial.is_taken_back and trial.stage not in ended]


def _current(snapshot: Snapshot) -> Stage:
    """The stage that was added last, or the search that it follows."""
    return _search_of(snapshot, len(snapshot.stages) - 1)


def _search_of(snapshot: Snapshot, number: int) -> Stage:
    """The stage of that number or, where it confirms what a search has found, that search."""
    plan = snapshot.stages[number].plan
    follows = plan.follows if isinstance(plan, ConfirmPlan) else None
    return snapshot.stages[number if follows is None else follows]


def certain_specs(stage: Stage, config: StudyConfig) -> list[TrialSpec]:
    """What a search will begin with, whatever comes of it: its random or coarse trials, without their bars."""
    assert isinstance(stage.plan, SearchPlan)
    plan = replace(stage.plan, bars=False)
    space = study_file.stage_space(stage.space)
    seed = config.search.seed
    search = StageSearch(plan, space, config.train, seed=seed, stage=stage.number, first_trial=stage.first_trial)
    specs: list[TrialSpec] = []
    while (spec := search.next_spec()) is not None and spec.origin.kind in (Kind.RANDOM, Kind.COARSE):
        specs.append(spec)
        if len(specs) == (MOST_CERTAIN if plan.budget.trials is None else MOST_SHOWN):
            break
        epochs = int({**config.train, **spec.hyperparameters}["epochs"])
        for epoch in range(1, epochs + 1):
            search.see_epoch(spec.number, epoch, 0.0)
        search.see_result(TrialResult(spec.number, Status.COMPLETED, epochs=epochs, best_epoch=1, score=0.0))
    return specs


def trials_of(
    snapshot: Snapshot,
    stage: Stage,
    config: StudyConfig,
    scores: Scores,
    epoch_cost: EpochCost,
    ties: Scores = MappingProxyType({}),
) -> Trials:
    """What hands out the trials of a stage, as far along as it was stored; ties are what breaks those of scores."""
    is_again_alone = snapshot.n_to_go == len(taken_back(snapshot))  # nothing else is left
    if is_again_alone or stage.number != _current(snapshot).number:
        return Again(t for t in taken_back(snapshot) if _search_of(snapshot, t.stage).number == stage.number)
    seed, stored = config.search.seed, snapshot.trials_of(stage)
    if isinstance(stage.plan, ConfirmPlan):
        known = {trial.number: trial for trial in _searched(snapshot, scores, ties)}
        specs = confirmation.specs(
            [known[number] for number in stage.plan.trials],
            stage.plan.replicates,
            seed=seed,
            stage=stage.number,
            first_trial=stage.first_trial,
        )
        return Confirmations(stage.number, specs, stored)
    space = study_file.stage_space(stage.space)
    before = replace(snapshot, stages=snapshot.stages[: stage.number])
    earlier = _searched(before, scores, ties)
    search = StageSearch(
        stage.plan,
        space,
        config.train,
        seed=seed,
        stage=stage.number,
        first_trial=stage.first_trial,
        epoch_cost=epoch_cost,
        earlier=earlier,
        past=[
            Past(trial.spec, trial.result, scores.get(trial.number, ()), ties.get(trial.number, ())) for trial in stored
        ],
        readings=snapshot.readings_of(stage),
    )
    if stage.plan.budget.time_s is not None and stage.n_trials is not None:
        search.close()  # it had had its time
    if not stage.plan.confirm:
        return search
    number = stage.number + 1
    stored = [trial for trial in snapshot.trials if trial.stage == number]
    known = {one.number: one for one in _searched(snapshot, scores, ties)}
    plans = [later.plan for later in snapshot.stages[number:]]
    chosen = [known[trial] for plan in plans if isinstance(plan, ConfirmPlan) for trial in plan.trials]
    return SearchAndConfirmation(
        search, stage, number, seed=seed, confirmed=_confirmed(before), stored=stored, chosen=chosen
    )


def _searched(snapshot: Snapshot, scores: Scores, ties: Scores) -> list[Known]:
    """The trials of searches that have ended."""
    fresh = fresh_of(snapshot)
    return [
        known_of(
            trial.hyperparameters,
            trial.result,
            scores.get(trial.number, ()),
            ties.get(trial.number, ()),
            fresh.get(trial.number),
        )
        for trial in snapshot.trials
        if trial.result is not None and trial.stage < len(snapshot.stages) and snapshot.stages[trial.stage].is_search
    ]


def _confirmed(snapshot: Snapshot) -> set[Key]:
    """The configurations that were confirmed, or tested again, on the run's own data; a single seed tells nothing."""
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    return {
        key_of(configurations[one.trial])
        for stage in snapshot.stages
        if isinstance(stage.plan, ConfirmPlan) and stage.has_own_data and len(stage.plan.replicates) > 1
        for one in whole(snapshot, stage)
    }
