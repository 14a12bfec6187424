"""What is left of a run: its last stage where that was interrupted, and the stage that follows.

All of it is made from what is stored, so that a run goes on as if it had not been interrupted, however that happened.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from hptune.config import study_file
from hptune.config.study_file import StudyConfig
from hptune.data.settings import DataSettings
from hptune.errors import UsageError
from hptune.search import confirmation
from hptune.search.known import Key, Known, best_first, key_of, known_of
from hptune.search.plan import CONFIRM_SHARE, REPLICATES, Budget, ConfirmPlan, SearchPlan, search_plan
from hptune.search.ranking import ranked
from hptune.search.stage_search import Past, StageSearch
from hptune.space import SearchSpace
from hptune.store import Snapshot, Stage, StoredTrial
from hptune.store.answer import contenders, uncompared
from hptune.trial import Kind, Status, TrialResult, TrialSpec, Value
from hptune.wording import counted

Scores = Mapping[int, Sequence[float]]
"""The metric of trials, epoch by epoch, by trial number."""

EpochCost = Callable[[Mapping[str, Value]], float]
"""The estimated cost of an epoch of a configuration, in any unit."""


MOST_CERTAIN = 100  # trials of a search that no number of trials limits
MOST_SHOWN = 1000  # of any other


class Trials(Protocol):
    """Hands out the trials of a stage, or of a search and its confirmation."""

    @property
    def space(self) -> SearchSpace | None:
        """The space that they are drawn from, as far as it has been extended; None where none is."""

    @property
    def confirmation(self) -> Stage | None:
        """The stage that confirms what a search has found, as far as it is planned."""

    @property
    def ended(self) -> Mapping[int, int]:
        """How many trials were handed out, by stage, of stages that will hand out nothing more."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be handed out."""

    def next_spec(self) -> TrialSpec | None:
        """What to train next; None where it is over, or cannot say before it is told more."""

    def see_epoch(self, number: int, epoch: int, score: float) -> None:
        """A trial has a metric after an epoch, from 1."""

    def see_result(self, result: TrialResult) -> None:
        """A trial has ended."""

    def see_time(self, elapsed_s: float) -> None:
        """So long has been spent so far; what has had its time hands out nothing that is new."""


class Confirmations:
    """The trials of a confirmation, which depend on nothing that they bring."""

    space = confirmation = None

    def __init__(self, stage: int, specs: Iterable[TrialSpec], stored: Sequence[StoredTrial]) -> None:
        self._stage = stage
        self._started = {trial.number for trial in stored}
        self._has_result = {trial.number for trial in stored if trial.result is not None}
        self._left: list[TrialSpec] = []
        self._is_closed = False
        self.n_handed_out = len(stored)
        self.add(specs)

    def add(self, specs: Iterable[TrialSpec]) -> None:
        """More of them."""
        self._left.extend(spec for spec in specs if spec.number not in self._has_result)
        if self._is_closed:
            self.close()

    @property
    def ended(self) -> Mapping[int, int]:
        return {self._stage: self.n_handed_out} if self.is_over else {}

    @property
    def is_over(self) -> bool:
        return not self._left

    def next_spec(self) -> TrialSpec | None:
        if not self._left:
            return None
        spec = self._left.pop(0)
        self.n_handed_out += spec.number not in self._started
        return spec

    def see_epoch(self, number: int, epoch: int, score: float) -> None:
        pass

    def see_result(self, result: TrialResult) -> None:
        pass

    def see_time(self, elapsed_s: float) -> None:
        pass

    def close(self) -> None:
        """Hand out nothing that has not been handed out in an earlier sitting."""
        self._is_closed = True
        self._left = [spec for spec in self._left if spec.number in self._started]


class SearchAndConfirmation:
    """A search, and behind it the confirmation of the best that it has found.

    A configuration that is sure to be among the best, whatever the last trials of the search bring, is confirmed while
    they are still trained: so workers need not wait for the slowest of them.
    """

    def __init__(
        self,
        search: StageSearch,
        stage: Stage,
        number: int,
        *,
        seed: int,
        confirmed: Container[Key],
        stored: Sequence[StoredTrial],
    ) -> None:
        """The search of a stage, and its confirmation as stage number.

        confirmed are the configurations that need not be confirmed again, stored is what an earlier sitting has trained
        of the confirmation.
        """
        assert isinstance(stage.plan, SearchPlan)
        self._search, self._stage, self._number, self._seed = search, stage, number, seed
        self._n = stage.plan.confirm
        self._confirmed = confirmed
        self._has_limited_time = stage.plan.budget.time_s is not None
        self._chosen: list[Known] = []
        self._n_looked_at = -1  # known trials at the last choice
        self._confirmations = Confirmations(number, (), stored)

    @property
    def space(self) -> SearchSpace:
        return self._search.space

    @property
    def confirmation(self) -> Stage | None:
        if not self._search.is_over:
            return None
        trials = tuple(known.number for known in self._chosen)
        plan = ConfirmPlan(trials, tuple(range(REPLICATES)), follows=self._stage.number)
        origin = f"the best {self._n}, {REPLICATES} fresh seeds each"
        n_trials = self._confirmations.n_handed_out if self.is_over else self._n * REPLICATES
        name = f"confirm-{self._number}"
        return Stage(self._number, name, origin, self._stage.space, self._first, n_trials, plan, trials)

    @property
    def ended(self) -> Mapping[int, int]:
        return {**self._search.ended, **(self._confirmations.ended if self.is_over else {})}

    @property
    def is_over(self) -> bool:
        return self._search.is_over and not self._search.n_under_way and self._confirmations.is_over

    def next_spec(self) -> TrialSpec | None:
        spec = self._search.next_spec()
        if spec is not None or not self._search.is_over:
            return spec
        self._choose()
        return self._confirmations.next_spec()

    def see_epoch(self, number: int, epoch: int, score: float) -> None:
        if number < self._first:
            self._search.see_epoch(number, epoch, score)

    def see_result(self, result: TrialResult) -> None:
        if result.number < self._first:
            self._search.see_result(result)

    def see_time(self, elapsed_s: float) -> None:
        self._search.see_time(elapsed_s)
        search_s = self._stage.plan.budget.time_s if isinstance(self._stage.plan, SearchPlan) else None
        if search_s is not None and elapsed_s >= search_s / (1 - CONFIRM_SHARE):
            self._confirmations.close()

    @property
    def _first(self) -> int:
        """The number of the first trial of the confirmation."""
        return self._stage.first_trial + self._search.n_handed_out

    def _choose(self) -> None:
        """Have those configurations confirmed that are sure to be among the best.

        It goes from one end of a trial to the next, so that the order does not depend on how many are told at a time.
        Where time may cut it short, it begins with the best, and so when all are known.
        """
        for known, n_to_come in self._search.endings():
            if n_to_come >= (1 if self._has_limited_time else self._n) or len(known) == self._n_looked_at:
                continue
            self._n_looked_at = len(known)
            completed = [trial for trial in best_first(known) if trial.status is Status.COMPLETED]
            surely = confirmation.distinct(completed)[: max(self._n - n_to_come, 0)]
            new = [one for one in surely if not self._is_chosen(one)]
            first = self._first + len(self._chosen) * REPLICATES
            seed, stage = self._seed, self._number
            self._confirmations.add(
                confirmation.specs(new, range(REPLICATES), seed=seed, stage=stage, first_trial=first)
            )
            self._chosen.extend(new)

    def _is_chosen(self, one: Known) -> bool:
        """Whether its configuration is or has been confirmed."""
        key = key_of(one.configuration)
        return key in self._confirmed or any(key == key_of(other.configuration) for other in self._chosen)


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
        max(space.most_epochs(config.train), config.space.most_epochs(config.train)),
        method=settings.method,
        bars=settings.bars,
        parallel=settings.parallel or 2,
        extend=settings.extend,
        confirm=settings.confirm,
    )
    n_trials = plan.budget.trials if plan.budget == Budget(trials=plan.budget.trials) else None
    return Stage(number, name, origin, json.dumps(space.plain()), first_trial, n_trials, plan, parents)


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
    plan = ConfirmPlan(trials, tuple(range(first, first + n_seeds)), data=data)
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
    completed = [result.number for result in ranked(snapshot.found) if result.status is Status.COMPLETED]
    others = [number for number in completed if number not in failed]
    keys = {trial.number: key_of(trial.hyperparameters) for trial in snapshot.trials}
    seen: dict[Key, int] = {}
    for number in (*held[:1], *uncompared(snapshot), *held[1:], *others, *failed):
        seen.setdefault(keys[number], number)
    return list(seen.values())


def open_stage(snapshot: Snapshot) -> Stage | None:
    """The stage that is to be gone on with, which brings its confirmation with it; None where nothing is left."""
    if snapshot.is_finished:
        return None
    last = snapshot.stages[-1]
    follows = last.plan.follows if isinstance(last.plan, ConfirmPlan) else None
    return last if follows is None else snapshot.stages[follows]


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


def trials_of(snapshot: Snapshot, stage: Stage, config: StudyConfig, scores: Scores, epoch_cost: EpochCost) -> Trials:
    """What hands out the trials of a stage, as far along as it was stored."""
    seed, stored = config.search.seed, snapshot.trials_of(stage)
    if isinstance(stage.plan, ConfirmPlan):
        known = {trial.number: trial for trial in _searched(snapshot, scores)}
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
    earlier = _searched(before, scores)
    search = StageSearch(
        stage.plan,
        space,
        config.train,
        seed=seed,
        stage=stage.number,
        first_trial=stage.first_trial,
        epoch_cost=epoch_cost,
        earlier=earlier,
        past=[Past(trial.spec, trial.result, scores.get(trial.number, ())) for trial in stored],
    )
    if not stage.plan.confirm:
        return search
    number = stage.number + 1
    stored = [trial for trial in snapshot.trials if trial.stage == number]
    return SearchAndConfirmation(search, stage, number, seed=seed, confirmed=_confirmed(before), stored=stored)


def _searched(snapshot: Snapshot, scores: Scores) -> list[Known]:
    """The trials of searches that have ended."""
    return [
        known_of(trial.hyperparameters, trial.result, scores.get(trial.number, ()))
        for trial in snapshot.trials
        if trial.result is not None and trial.stage < len(snapshot.stages) and snapshot.stages[trial.stage].is_search
    ]


def _confirmed(snapshot: Snapshot) -> set[Key]:
    """The configurations that searches have had confirmed, from all replicates."""
    stages = {
        stage.number
        for stage in snapshot.stages
        if isinstance(stage.plan, ConfirmPlan) and stage.plan.follows is not None
    }
    trials = [trial for trial in snapshot.trials if trial.stage in stages and trial.result is not None]
    pairs = [(trial.spec, trial.result) for trial in trials if trial.result is not None]
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    return {key_of(configurations[one.trial]) for one in confirmation.confirmed(pairs, REPLICATES)}
