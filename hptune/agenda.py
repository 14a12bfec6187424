"""What is left of a run: its last stage where that was interrupted, and the stage that follows.

All of it is made from what is stored, so that a run goes on as if it had not been interrupted, however that happened.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from hptune.config import study_file
from hptune.config.study_file import StudyConfig
from hptune.data.settings import DataSettings
from hptune.errors import UsageError
from hptune.search import confirmation
from hptune.search.known import Known, known_of
from hptune.search.plan import CONFIRM_SHARE, REPLICATES, Budget, ConfirmPlan, SearchPlan, search_plan
from hptune.search.ranking import ranked
from hptune.search.stage_search import Past, StageSearch
from hptune.space import SearchSpace
from hptune.store import Snapshot, Stage, StoredTrial
from hptune.store.answer import contenders
from hptune.trial import Kind, Status, TrialResult, TrialSpec, Value
from hptune.wording import counted

Scores = Mapping[int, Sequence[float]]
"""The metric of trials, epoch by epoch, by trial number."""

EpochCost = Callable[[Mapping[str, Value]], float]
"""The estimated cost of an epoch of a configuration, in any unit."""


MOST_CERTAIN = 100  # trials of a search that no number of trials limits
RETEST = "retest"  # the names of stages that were asked for with hptune retest begin so


class Trials(Protocol):
    """Hands out the trials of a stage."""

    @property
    def space(self) -> SearchSpace | None:
        """The space that they are drawn from, as far as it has been extended; None where none is."""

    @property
    def n_handed_out(self) -> int:
        """Trials so far, those of earlier sittings included."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be handed out."""

    def next_spec(self) -> TrialSpec | None:
        """What to train next; None where it is over, or cannot say before it is told more."""

    def see_epoch(self, number: int, epoch: int, score: float) -> None:
        """A trial has a metric after an epoch, from 1."""

    def see_result(self, result: TrialResult) -> None:
        """A trial has ended."""

    def close(self) -> None:
        """Hand out nothing that has not been handed out before."""


class Confirmations:
    """The trials of a confirmation, which depend on nothing."""

    space = None

    def __init__(self, specs: Iterable[TrialSpec], stored: Sequence[StoredTrial]) -> None:
        ended = {trial.number for trial in stored if trial.result is not None}
        self._started = {trial.number for trial in stored}
        self._specs = [spec for spec in specs if spec.number not in ended]
        self.n_handed_out = len(stored)

    @property
    def is_over(self) -> bool:
        return not self._specs

    def next_spec(self) -> TrialSpec | None:
        if not self._specs:
            return None
        spec = self._specs.pop(0)
        self.n_handed_out += spec.number not in self._started
        return spec

    def see_epoch(self, number: int, epoch: int, score: float) -> None:
        pass

    def see_result(self, result: TrialResult) -> None:
        pass

    def close(self) -> None:
        self._specs = [spec for spec in self._specs if spec.number in self._started]


def first_stage(config: StudyConfig) -> Stage:
    """The stage that a run begins with: a search of the whole space."""
    return search_stage(config, config.space, number=0, name="search", origin="whole space", first_trial=0)


def search_stage(
    config: StudyConfig,
    space: SearchSpace,
    *,
    number: int,
    name: str,
    origin: str,
    first_trial: int,
    parents: tuple[int, ...] = (),
) -> Stage:
    """A search of a space as the study file plans it."""
    settings = config.search
    plan = search_plan(
        settings.budget,
        space.most_epochs(config.train),
        method=settings.method,
        bars=settings.bars,
        parallel=settings.parallel or 2,
        extend=settings.extend,
        confirm=settings.confirm,
    )
    n_trials = plan.budget.trials if plan.budget == Budget(trials=plan.budget.trials) else None
    return Stage(number, name, origin, json.dumps(space.plain()), first_trial, n_trials, plan, parents)


def following_stage(snapshot: Snapshot) -> Stage | None:
    """The stage that follows the last one, which has ended: the confirmation of what a search has found."""
    last = snapshot.stages[-1]
    if not isinstance(last.plan, SearchPlan) or not last.plan.confirm:
        return None
    time_s = last.plan.budget.time_s
    plan = ConfirmPlan(
        _to_confirm(snapshot, last.plan.confirm),
        tuple(range(REPLICATES)),
        None if time_s is None else time_s * CONFIRM_SHARE / (1 - CONFIRM_SHARE),
    )
    number = len(snapshot.stages)
    origin = f"{len(plan.trials)} of the best, {REPLICATES} fresh seeds each"
    n_trials = len(plan.trials) * REPLICATES
    return Stage(number, f"confirm-{number}", origin, last.space, snapshot.next_number, n_trials, plan, plan.trials)


def retest_stage(snapshot: Snapshot, top: int, n_seeds: int, data: Mapping[str, Any] | None = None) -> Stage:
    """The best configurations of a run, trained again from seeds that it has not used; data are facts of other data.

    Raises:
        UsageError: no trial has completed.

    """
    plans = [stage.plan for stage in snapshot.stages if isinstance(stage.plan, ConfirmPlan)]
    first = max((replicate + 1 for plan in plans for replicate in plan.replicates), default=0)
    trials = tuple(_best_first(snapshot)[:top])
    if not trials:
        raise UsageError(f"{snapshot.folder.path}: no trial has completed, so there is nothing to train again")
    plan = ConfirmPlan(trials, tuple(range(first, first + n_seeds)), data=data)
    number = len(snapshot.stages)
    where = "" if data is None else f" on {DataSettings.from_json(data['settings']).name}"
    origin = f"the best {len(trials)}{where}, {counted(n_seeds, 'fresh seed')} each"
    n_trials = len(trials) * n_seeds
    space = snapshot.stages[-1].final_space
    return Stage(number, f"{RETEST}-{number}", origin, space, snapshot.next_number, n_trials, plan, trials)


def _best_first(snapshot: Snapshot) -> list[int]:
    """The distinct configurations that have completed: as they were confirmed, then by rank, then those that failed."""
    compared = contenders(snapshot)
    held = [one.trial for one in compared if math.isfinite(one.mean)]
    failed = [one.trial for one in compared if not math.isfinite(one.mean)]
    completed = {result.number: result for result in ranked(snapshot.found) if result.status is Status.COMPLETED}
    order = dict.fromkeys([*held, *(number for number in completed if number not in failed), *failed])
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    return confirmation.distinct([completed[number] for number in order], configurations, len(order))


def _to_confirm(snapshot: Snapshot, n: int) -> tuple[int, ...]:
    """The trials whose configurations are to be confirmed: the best so far, without those that have been."""
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    completed = [result for result in ranked(snapshot.found) if result.status is Status.COMPLETED]
    best = confirmation.distinct(completed, configurations, n)
    done = {
        trial
        for stage in snapshot.stages
        if isinstance(stage.plan, ConfirmPlan) and stage.plan.replicates == tuple(range(REPLICATES))
        for trial in stage.plan.trials
    }
    return tuple(number for number in best if number not in done)


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
        if plan.budget.trials is None and len(specs) == MOST_CERTAIN:
            break
        epochs = int({**config.train, **spec.hyperparameters}["epochs"])
        for epoch in range(1, epochs + 1):
            search.see_epoch(spec.number, epoch, 0.0)
        search.see_result(TrialResult(spec.number, Status.COMPLETED, epochs=epochs, best_epoch=1, score=0.0))
    return specs


def trials_of(snapshot: Snapshot, stage: Stage, config: StudyConfig, scores: Scores, epoch_cost: EpochCost) -> Trials:
    """What hands out the trials of a stage, as far along as it was stored."""
    seed, stored = config.search.seed, snapshot.trials_of(stage)
    if isinstance(stage.plan, ConfirmPlan):
        configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
        specs = confirmation.specs(
            stage.plan, configurations, seed=seed, stage=stage.number, first_trial=stage.first_trial
        )
        return Confirmations(specs, stored)
    space = study_file.stage_space(stage.space)
    return StageSearch(
        stage.plan,
        space,
        config.train,
        seed=seed,
        stage=stage.number,
        first_trial=stage.first_trial,
        epoch_cost=epoch_cost,
        earlier=_earlier(snapshot, stage, space, scores),
        past=[Past(trial.spec, trial.result, scores.get(trial.number, ())) for trial in stored],
    )


def _earlier(snapshot: Snapshot, stage: Stage, space: SearchSpace, scores: Scores) -> list[Known]:
    """The trials of searches before a stage that lie in its space."""
    return [
        known_of(trial.hyperparameters, trial.result, scores.get(trial.number, ()))
        for trial in snapshot.trials
        if trial.stage < stage.number
        and snapshot.stages[trial.stage].is_search
        and trial.result is not None
        and space.contains(trial.hyperparameters)
    ]
