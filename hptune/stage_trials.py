"""What hands out the trials of a stage: a search, a confirmation, or a search and its confirmation behind it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from hptune.search import confirmation
from hptune.search.known import Key, Known, key_of
from hptune.search.plan import CONFIRM_SHARE, REPLICATES, ConfirmPlan, SearchPlan
from hptune.search.ranking import best_first
from hptune.search.stage_search import StageSearch
from hptune.search.stage_time import Reading
from hptune.space import SearchSpace
from hptune.store import Stage, StoredTrial
from hptune.trial import Status, TrialResult, TrialSpec


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

    def see_epoch(self, number: int, epoch: int, score: float, tie: float | None = None) -> None:
        """A trial has a metric after an epoch, from 1, and what breaks ties of it where something does."""

    def see_result(self, result: TrialResult) -> None:
        """A trial has ended."""

    def see_time(self, elapsed_s: float) -> None:
        """So long has been spent so far; what has had its time hands out nothing that is new."""

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Those of the clock that proposals rest on, to be recorded."""

    @property
    def notice(self) -> str:
        """What the person should know of it; empty where there is nothing."""


class _Independent:
    """Trials that depend on nothing that they bring."""

    space = confirmation = None
    readings: tuple[Reading, ...] = ()
    notice = ""

    def see_epoch(self, number: int, epoch: int, score: float, tie: float | None = None) -> None:
        pass

    def see_result(self, result: TrialResult) -> None:
        pass

    def see_time(self, elapsed_s: float) -> None:
        pass


class Again(_Independent):
    """Trials whose results were taken back, of stages that have handed out all others."""

    ended: Mapping[int, int] = MappingProxyType({})

    def __init__(self, trials: Iterable[StoredTrial]) -> None:
        self._left = [trial.spec for trial in trials]

    @property
    def is_over(self) -> bool:
        return not self._left

    def next_spec(self) -> TrialSpec | None:
        return self._left.pop(0) if self._left else None


class Confirmations(_Independent):
    """The trials of a confirmation."""

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
        chosen: Iterable[Known] = (),
    ) -> None:
        """The search of a stage, and its confirmation as stage number.

        confirmed are the configurations that need not be confirmed again and take no places, stored is what an earlier
        sitting has trained of the confirmation, and chosen are the trials whose configurations it has chosen for it.
        """
        assert isinstance(stage.plan, SearchPlan)
        self._search, self._stage, self._number, self._seed = search, stage, number, seed
        self._n = stage.plan.confirm
        self._confirmed = confirmed
        self._time_s = stage.plan.budget.time_s  # of the search
        self._chosen = list(chosen)
        self._n_added = 0  # of them, to the confirmations
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
        costs = tuple(self._search.training_cost(known.configuration) for known in self._chosen)
        plan = ConfirmPlan(trials, tuple(range(REPLICATES)), follows=self._stage.number, costs=costs)
        n_best = len(self._chosen) if self.is_over else self._n
        origin = f"the best {n_best}, {REPLICATES} fresh seeds each" if n_best else "nothing new has completed"
        n_trials = self._confirmations.n_handed_out if self.is_over else self._n * REPLICATES
        name = f"confirm-{self._number}"
        return Stage(self._number, name, origin, self._stage.space, self._first, n_trials, plan, trials)

    @property
    def ended(self) -> Mapping[int, int]:
        return {**self._search.ended, **(self._confirmations.ended if self.is_over else {})}

    @property
    def is_over(self) -> bool:
        return self._search.is_over and not self._search.n_under_way and self._confirmations.is_over

    @property
    def readings(self) -> tuple[Reading, ...]:
        return self._search.readings

    @property
    def notice(self) -> str:
        return self._search.notice

    def next_spec(self) -> TrialSpec | None:
        spec = self._search.next_spec()
        if spec is not None or not self._search.is_over:
            return spec
        self._choose()
        return self._confirmations.next_spec()

    def see_epoch(self, number: int, epoch: int, score: float, tie: float | None = None) -> None:
        if number < self._first:
            self._search.see_epoch(number, epoch, score, tie)

    def see_result(self, result: TrialResult) -> None:
        if result.number < self._first:
            self._search.see_result(result)

    def see_time(self, elapsed_s: float) -> None:
        self._search.see_time(elapsed_s)
        if self._time_s is not None and elapsed_s >= self._time_s / (1 - CONFIRM_SHARE):
            self._confirmations.close()

    @property
    def _first(self) -> int:
        """The number of the first trial of the confirmation."""
        return self._stage.first_trial + self._search.n_handed_out

    def _choose(self) -> None:
        """Have those configurations confirmed that are sure to be among the best.

        It goes from one end of a trial to the next, so that the order does not depend on how many are told at a time.
        """
        self._add()
        for known, n_to_come in self._search.endings():
            if n_to_come >= self._n or len(known) == self._n_looked_at:
                continue
            self._n_looked_at = len(known)
            new = [trial for trial in best_first(known) if self._may_be_confirmed(trial)]
            surely = confirmation.distinct(new)[: max(self._n - n_to_come, 0)]
            new = [one for one in surely if not self._is_chosen(one)]
            self._chosen.extend(new[: self._n - len(self._chosen)])
            self._add()

    def _add(self) -> None:
        """Have the chosen ones trained."""
        new = self._chosen[self._n_added :]
        first = self._first + self._n_added * REPLICATES
        seed, stage = self._seed, self._number
        self._confirmations.add(confirmation.specs(new, range(REPLICATES), seed=seed, stage=stage, first_trial=first))
        self._n_added = len(self._chosen)

    def _may_be_confirmed(self, one: Known) -> bool:
        """Whether it has completed, and its configuration was not confirmed before: that one has its mean."""
        return one.status is Status.COMPLETED and key_of(one.configuration) not in self._confirmed

    def _is_chosen(self, one: Known) -> bool:
        """Whether its configuration is being confirmed."""
        key = key_of(one.configuration)
        return any(key == key_of(other.configuration) for other in self._chosen)
