"""The search of one stage: it hands out what to train next, and is told what comes of it.

Which trials it hands out depends on the plan, the space, the seed and the results alone: not on the order in which it
is told, nor on how many workers train them. Told what an interrupted search has stored, it goes on as if nothing had
happened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import final

from hptune.search import borders, coarse_to_fine, random_search
from hptune.search.bars import FEWEST as FEWEST_FOR_BARS
from hptune.search.bars import Standings
from hptune.search.borders import End
from hptune.search.coarse_to_fine import Proposal, Turn
from hptune.search.handed_out import HandedOut, Past
from hptune.search.known import Key, Known, key_of
from hptune.search.ordered import Ordered
from hptune.search.plan import CONFIRM_SHARE, SearchPlan, most_without_bars
from hptune.search.ranking import rank_key
from hptune.search.simulated_clock import SimulatedClock
from hptune.search.spending import Spending
from hptune.search.stage_time import Reading, StageTime
from hptune.space import SearchSpace
from hptune.trial import BY_CHANCE, Kind, Origin, TrialResult, TrialSpec, Value
from hptune.wording import rounded, span

MUCH = 0.25  # of the time held back for the confirmation, which is told where running trials take more


@final
class StageSearch:
    """Hands out the trials of a stage, one after the other."""

    def __init__(  # noqa: PLR0913  (what a search depends on is all said here)
        self,
        plan: SearchPlan,
        space: SearchSpace,
        fixed: Mapping[str, Value],
        *,
        seed: int,
        stage: int,
        first_trial: int,
        epoch_cost: Callable[[Mapping[str, Value]], float] = lambda _: 1.0,
        earlier: Sequence[Known] = (),
        past: Iterable[Past] = (),
        readings: Iterable[Reading] = (),
    ) -> None:
        """A search in a space, beside fixed hyperparameters.

        epoch_cost estimates the seconds of an epoch of a configuration. earlier are trials of stages before
        this one: all of them count for bars, those inside the space for everything. past are those that this stage
        has handed out in earlier sittings, and readings those of the clock in them.
        """
        self.space = space
        self.extensions: dict[End, int] = {}
        self._plan, self._fixed, self._seed, self._stage, self._first = plan, fixed, seed, stage, first_trial
        self._epoch_cost = epoch_cost
        self._clock = SimulatedClock(plan.parallel)
        inside = [trial for trial in earlier if space.contains(trial.configuration)]
        self._ordered = Ordered(rank_key, (trial for trial in inside if trial.has_score))
        self._known = {trial.number: trial for trial in earlier}  # and all of it, by which bars are set
        self._standings = Standings(space.most_epochs(fixed), earlier)
        self._taken: set[Key] = {key_of(trial.configuration) for trial in inside}
        self._past = {trial.spec.number: trial for trial in past}
        self._n_handed_out = 0
        self._under_way: dict[int, HandedOut] = {}  # those that the search does not know the end of
        self._spending = Spending()
        self._has_closed_in = False  # whether a trial was no coarse one: none is after that
        self._time = StageTime(plan.budget.time_s, readings)
        self._training_costs = 0.0  # estimated seconds of all trials handed out, if each went to its end
        self._has_had_its_time = False
        self.notice = ""
        self._most_epochs = space.most_epochs(fixed)
        self._is_closed = False
        self._n_unknown = 0  # trials of a blind search without a result

    @property
    def n_handed_out(self) -> int:
        return self._n_handed_out

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be handed out."""
        trials, epochs = self._plan.budget.trials, self._plan.budget.epochs
        if self._past:  # what was handed out stays so, even if a trial that is trained again spends more
            return False
        return (
            self._is_closed
            or (trials is not None and self.n_handed_out >= trials)
            or (epochs is not None and self._spending.epochs + self._most_epochs > epochs)
        )

    @property
    def confirmation(self) -> None:
        """No stage follows."""

    @property
    def ended(self) -> Mapping[int, int]:
        """How many trials were handed out, by stage, where it is over."""
        return {self._stage: self.n_handed_out} if self.is_over else {}

    @property
    def n_under_way(self) -> int:
        """How many trials were handed out whose end is not known yet."""
        return len(self._under_way)

    def training_cost(self, configuration: Mapping[str, Value]) -> float:
        """The estimated seconds of a training of a configuration to its end."""
        return self._epoch_cost(configuration) * self._epochs_of(configuration)

    def endings(self) -> Iterator[tuple[Collection[Known], int]]:
        """What is known, earlier trials included, and how many trials are to come: now, and after each further end.

        For a search that is over. Every end is seen, in the order of the clock, however many are told at a time.
        """
        yield self._known.values(), self.n_under_way
        while self._advance():
            yield self._known.values(), self.n_under_way

    def see_time(self, elapsed_s: float) -> None:
        """So long has been spent on the stage so far; after its time it hands out nothing that is new."""
        self._time.see(elapsed_s)
        if self._time.is_over and not self._has_had_its_time:
            self._has_had_its_time = True
            self.notice = self._overrun(self._plan.budget.time_s or 0.0)
            self.close()

    def _overrun(self, time_s: float) -> str:
        """That trials will be trained on in the time that is held back to confirm the best; empty where none will."""
        held_back_s = time_s / (1 - CONFIRM_SHARE) - time_s
        running = {number: trial for number, trial in self._under_way.items() if trial.result is None}
        left_s = {
            number: self._time.expected_s(trial.cost * (trial.epochs - len(trial.scores)))
            for number, trial in running.items()
        }
        late = [number for number, seconds in left_s.items() if seconds > held_back_s * MUCH]
        if not self._plan.confirm or not late:
            return ""
        which = f"trial{'s' if len(late) > 1 else ''} {', '.join(map(str, late))}"
        most = f"may take {span(rounded(max(left_s.values())))} more"
        return f"search.time: {which} {most}, of the {span(rounded(held_back_s))} held back to confirm the best"

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Those of the clock, to be recorded."""
        return self._time.readings

    def close(self) -> None:
        """Hand out nothing that has not been handed out in an earlier sitting."""
        self._is_closed = True

    def next_spec(self) -> TrialSpec | None:
        """What to train next; None where the search is over, or cannot say before it is told more."""
        while (spec := self._next()) is not None:
            past = self._past.pop(spec.number, None)
            if past is None or past.result is None:
                return spec
            self._under_way[spec.number].scores.extend(past.scores)
            self._under_way[spec.number].ties.extend(past.ties)
            self.see_result(past.result)
        return None

    def see_epoch(self, number: int, epoch: int, score: float, tie: float | None = None) -> None:
        """A trial has a metric after an epoch, from 1, and what breaks ties of it where something does."""
        trial = self._under_way[number]
        if epoch > len(trial.scores):  # a trial that is trained again tells the same once more
            trial.scores.append(score)
            if tie is not None:
                trial.ties.append(tie)
        if not self._is_blind:
            self._clock.see(number, trial.least_epochs(len(trial.scores)))

    def see_result(self, result: TrialResult) -> None:
        """A trial has ended.

        Where it did not end as planned, since it diverged or failed, the clock waits for the next planned end: so
        nothing that is still to come can end earlier on it than is known. How far one came whose workers died or
        that took too long is chance: on the clock it runs as long as it may.
        """
        trial = self._under_way[result.number]
        trial.result = result
        if result.status not in BY_CHANCE:
            self._time.see_training(result.seconds, trial.cost * result.epochs)
        is_lost = result.status in BY_CHANCE
        if self._is_blind:
            self._n_unknown -= 1
        else:
            self._clock.end(result.number, trial.epochs if is_lost else trial.least_epochs(result.epochs))

    def _next(self) -> TrialSpec | None:
        """The next spec, whether it has been trained before or not."""
        while not self.is_over:
            if self._has_room:
                return self._hand_out()
            if not self._advance():
                return None
        return None

    @property
    def _best(self) -> Sequence[Known]:
        """The trials that the next proposal may know of, the best first."""
        return self._ordered.items

    @property
    def _is_blind(self) -> bool:
        """Whether proposals need not know anything, so that there is nothing to wait for."""
        plan = self._plan
        return plan.method == "random" and not (plan.bars or plan.extend) and plan.budget.epochs is None

    @property
    def _has_room(self) -> bool:
        """Whether a trial more may be under way: a machine is free, and epochs are left even if all go to their end."""
        if not (self._is_blind or self._clock.has_room) or self._is_too_early:
            return False
        epochs = self._plan.budget.epochs
        if epochs is None or (self._past and not self._under_way):
            return True
        under_way = sum(trial.epochs for trial in self._under_way.values())
        return self._spending.epochs + under_way + self._most_epochs <= epochs

    @property
    def _is_too_early(self) -> bool:
        """Whether there is no bar yet, and as many trials run to their end as the budget can bear."""
        if not self._plan.bars or self._is_blind or len(self._known) >= FEWEST_FOR_BARS or self._most_epochs == 1:
            return False
        most = most_without_bars(self._plan.budget, self._most_epochs)
        return most is not None and len(self._under_way) >= most

    def _advance(self) -> bool:
        """Let the next trial end on the clock, and know of it."""
        number = self._next_ended()
        if number is None:
            return False
        trial = self._under_way.pop(number)
        known = trial.known()
        epochs = len(known.lowest) or 1  # a trial that fails at once costs something, or there is no end of them
        self._spending.see(trial, known.status, epochs)
        self._known[known.number] = known
        self._standings.add(known)
        if known.has_score:
            self._ordered.add(known)
        if self._plan.extend and self._share >= coarse_to_fine.COARSE and not self.is_over:
            self.space, ends = borders.extended(self.space, self._best[: borders.REST_ON], self.extensions)
            self.extensions |= {end: self.extensions.get(end, 0) + 1 for end in ends}
        return True

    def _next_ended(self) -> int | None:
        """The next trial to know of: the clock's or, where nothing depends on any, by number once all have ended."""
        if not self._is_blind:
            return self._clock.next_ended()
        return None if self._n_unknown else next(iter(self._under_way), None)

    @property
    def _has_time(self) -> bool:
        """Whether a usual training ends within the time; what is held back for the confirmation must be left for it."""
        return not self._plan.confirm or self._time.has_room(self._training_costs / max(self.n_handed_out, 1))

    @property
    def _share(self) -> float:
        """How much of the budget is spent: by trials proposed, epochs known of, or the time, whichever is most."""
        budget = self._plan.budget
        shares = [
            0.0 if budget.trials is None else self.n_handed_out / budget.trials,
            0.0 if budget.epochs is None else self._epochs_spent / budget.epochs,
        ]
        share = min(max(*shares, self._time.share), 1.0)
        return max(share, coarse_to_fine.COARSE) if self._has_closed_in else share

    @property
    def _epochs_spent(self) -> float:
        """The epochs of trials known of, and those that trials under way will take."""
        return self._spending.epochs + self._spending.expected(self._under_way.values())

    def _hand_out(self) -> TrialSpec | None:
        number = self._first + self.n_handed_out
        past = self._past.get(number)
        if past is None and not self._has_time:
            self.close()
            return None
        self._time.read(self.n_handed_out, is_new=past is None)
        spec = self._propose(number) if past is None else past.spec
        if spec is None:  # every configuration of the space has been tried
            self.close()
            return None
        self._has_closed_in |= spec.origin.kind in (Kind.ZOOM, Kind.GLOBAL)
        self._taken.add(key_of(spec.hyperparameters))
        configuration = spec.hyperparameters
        cost = 0.0 if self._is_blind and self._plan.budget.time_s is None else self._epoch_cost(configuration)
        trial = HandedOut(spec, self._epochs_of(configuration), self._patience_of(configuration), cost)
        self._under_way[number] = trial
        self._n_handed_out += 1
        self._training_costs += cost * trial.epochs
        if self._is_blind:
            self._n_unknown += 1
        else:
            self._clock.start(number, cost, trial.least_epochs(0))
        return spec

    def _propose(self, number: int) -> TrialSpec | None:
        if self._plan.method == "random":
            configuration = random_search.anywhere(self.space, self._fixed, seed=self._seed, number=number)
            found: Proposal | None = configuration, Origin(Kind.RANDOM)
        else:
            found = coarse_to_fine.propose(
                self.space,
                self._fixed,
                self._best,
                self._taken,
                self._turn(number),
            )
        if found is None:
            return None
        configuration, origin = found
        centre = None if origin.parent is None else self._known[origin.parent]
        bars = self._standings.bars(centre) if self._plan.bars else ()
        own = [bar for bar in bars if bar[0] < self._epochs_of(configuration)]
        ties = tuple(tie for _, (_, tie) in own)
        return TrialSpec(
            number=number,
            stage=self._stage,
            hyperparameters=configuration,
            seed=self._seed,
            origin=origin,
            bars=tuple((epoch, score) for epoch, (score, _) in own),
            bar_ties=ties if any(ties) else (),
        )

    def _turn(self, number: int) -> Turn:
        under_way = tuple(trial.spec.hyperparameters for trial in self._under_way.values())
        share, cost = self._share, self._spending.failure_cost
        return Turn(self._seed, self._stage, self.n_handed_out, number, share, cost, under_way)

    def _patience_of(self, configuration: Mapping[str, Value]) -> int:
        return int({"patience": 0, **self._fixed, **configuration}["patience"])

    def _epochs_of(self, configuration: Mapping[str, Value]) -> int:
        return int({**self._fixed, **configuration}["epochs"])
