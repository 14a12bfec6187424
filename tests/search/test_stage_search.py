from __future__ import annotations

import heapq
import math
import random
from array import array
from collections import Counter
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune.domains import Choice, Real
from hptune.levels import Grid, LogInteger
from hptune.nn.hyperparameters import LEGAL
from hptune.randomness import Purpose, generator
from hptune.scales import LOG
from hptune.search import bars as bars_module
from hptune.search import coarse_to_fine, handed_out, random_search, stage_search
from hptune.search.borders import End
from hptune.search.handed_out import Past
from hptune.search.known import key_of, known_of
from hptune.search.plan import Budget, SearchPlan, most_without_bars
from hptune.search.ranking import best_first
from hptune.search.stage_search import StageSearch
from hptune.space import Parameter, SearchSpace
from hptune.stage_trials import SearchAndConfirmation
from hptune.store import Stage
from hptune.trial import Kind, Origin, Status, TrialResult, TrialSpec

FIXED = {"epochs": 9, "patience": 3}


def space(**domains):
    when = {"momentum": (("optimizer", ("momentum",)),)}
    return SearchSpace(tuple(Parameter(name, d, LEGAL[name], when.get(name, ())) for name, d in domains.items()))


SPACE = space(
    learning_rate=Real(1e-4, 1.0, LOG),
    optimizer=Choice(("momentum", "adam")),
    momentum=Real(0.5, 0.9),
    hidden_units=LogInteger(4, 64),
)
OF_EPOCHS = space(learning_rate=Real(1e-4, 1.0, LOG), epochs=Grid(3, 1, 7))  # 3 to 9
SMALL = space(activation=Choice(("relu", "tanh")), hidden_layers=Grid(1, 1, 3))


def cost(configuration):
    return 1.0 + configuration.get("hidden_units", 8) / 16


def epochs_of(spec):
    return int({**FIXED, **spec.hyperparameters}["epochs"])


def outcome(spec, *, faults=True):
    """The metric epoch by epoch and the status of a training, which follow from its spec alone."""
    rng = generator(spec.seed, Purpose.WEIGHTS, spec.number)
    fate = rng.random() if faults else 1.0
    rate = spec.hyperparameters.get("learning_rate", 0.1)
    scores, best = [], math.inf
    for epoch in range(1, epochs_of(spec) + 1):
        scores.append(round(abs(math.log10(rate)) / 4 + 1 / epoch + rng.random() / 2, 2))
        best = min(best, scores[-1])
        if best > dict(spec.bars).get(epoch, math.inf):
            return scores, Status.STOPPED
        if epoch == scores.index(best) + 1 + FIXED["patience"]:
            break
    if fate < 0.15:
        return scores[: int(fate * 40)], Status.FAILED if fate < 0.05 else Status.DIVERGED
    if fate < 0.2:
        return [], Status.CRASHED
    return scores, Status.COMPLETED


def result_of(spec, scores, status):
    best = min(scores) if status in (Status.COMPLETED, Status.STOPPED) else None
    epochs = len(scores)
    return TrialResult(spec.number, status, epochs=epochs, best_epoch=best and scores.index(best) + 1, score=best)


class Sitting:
    """A search that is trained by a number of workers, who tell what they have in an order of chance."""

    def __init__(self, search, workers, rng, outcome=outcome):
        self.search, self.rng, self.workers, self.outcome = search, rng, workers, outcome
        self.specs, self.past, self.running = [], {}, {}

    def run(self, n_events=math.inf):
        """To the end, or until so many things have happened."""
        self._fill()
        while self.running and n_events > 0:
            n_events -= 1
            number = self.rng.choice(sorted(self.running))
            self._go_on(number)
            self._fill()
        if not self.running:
            assert self.search.is_over, "nothing is trained, and nothing is proposed"
        return self

    def _fill(self):
        while len(self.running) < self.workers and (spec := self.search.next_spec()) is not None:
            self.specs.append(spec)
            self.past[spec.number] = Past(spec)
            scores, status = self.outcome(spec)
            seen = scores
            if status is Status.CRASHED:  # its workers may die anywhere
                seen = [0.01] * self.rng.randrange(epochs_of(spec))
            self.running[spec.number] = [0, seen, result_of(spec, scores, status)]

    def _go_on(self, number):
        told, scores, result = self.running[number]
        if self.rng.random() > 0.95:  # its worker has died, and another one begins anew
            told = self.running[number][0] = 0
        if told < len(scores):
            self.running[number][0] += 1
            self.search.see_epoch(number, told + 1, scores[told])
        else:
            del self.running[number]
            self.search.see_result(result)
        ended = number not in self.running
        self.past[number] = Past(self.past[number].spec, result if ended else None, scores[: told + (not ended)])


def started(plan, where=SPACE, **more):
    return StageSearch(plan, where, FIXED, **{"seed": 5, "stage": 0, "first_trial": 0, "epoch_cost": cost, **more})


def specs_of(plan, where=SPACE, outcome=outcome, **more):
    """The specs of a whole search that one worker trains, one trial after the other."""
    return Sitting(started(plan, where, **more), 1, random.Random(0), outcome).run().specs


PLANS = st.builds(
    SearchPlan,
    st.sampled_from(["coarse-to-fine", "coarse-to-fine", "random"]),
    bars=st.booleans(),
    parallel=st.integers(1, 6),
    budget=st.builds(Budget, st.integers(1, 16))
    | st.builds(Budget, st.none(), st.integers(9, 120))
    | st.builds(Budget, st.integers(1, 16), st.integers(9, 120)),
    extend=st.booleans(),
)
SPACES = st.sampled_from([SPACE, OF_EPOCHS, SMALL])
RANDOM = st.builds(random.Random, st.integers(0, 2**32))
SEEDS = st.integers(0, 5)


# what is handed out depends on nothing but the plan, the space, the seed and the results


@settings(deadline=None, max_examples=60)
@given(PLANS, SPACES, SEEDS, st.integers(1, 8), RANDOM)
def test_the_specs_are_the_same_with_any_workers_who_tell_in_any_order(plan, where, seed, workers, rng):
    expected = specs_of(plan, where, seed=seed)
    found = Sitting(started(plan, where, seed=seed), workers, rng).run().specs
    assert [spec.to_json() for spec in found] == [spec.to_json() for spec in expected]
    assert [spec.number for spec in found] == list(range(len(found)))


@settings(deadline=None, max_examples=60)
@given(PLANS, SPACES, SEEDS, st.integers(1, 8), RANDOM, st.lists(st.integers(0, 60), min_size=1, max_size=3))
def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(plan, where, seed, workers, rng, interruptions):
    expected = specs_of(plan, where, seed=seed)
    past = {}
    for n_events in [*interruptions, math.inf]:
        search = started(plan, where, seed=seed, past=past.values())
        sitting = Sitting(search, workers, rng).run(n_events)
        assert all(past[spec.number].spec == spec for spec in sitting.specs if spec.number in past)
        assert not any(past[spec.number].result for spec in sitting.specs if spec.number in past)
        past |= sitting.past
        past = dict(sorted(past.items()))
    assert [one.spec for one in past.values()] == expected
    assert search.n_handed_out == len(expected)
    assert all(one.result for one in past.values())


def test_a_search_depends_on_its_seed_and_its_stage():
    plan = SearchPlan("coarse-to-fine", True, 2, Budget(6))
    first = [spec.hyperparameters for spec in specs_of(plan)]
    assert first == [spec.hyperparameters for spec in specs_of(plan)]
    assert first[0] != specs_of(plan, seed=6)[0].hyperparameters
    assert first[0] != specs_of(plan, stage=2, first_trial=0)[0].hyperparameters
    later = specs_of(plan, stage=2, first_trial=40)
    assert later[0].hyperparameters == specs_of(plan, stage=2)[0].hyperparameters  # coarse, and the first of its stage
    assert [(spec.number, spec.stage, spec.seed) for spec in later] == [(number, 2, 5) for number in range(40, 46)]


# budgets


def epochs_run(spec):
    scores, status = outcome(spec)
    return 0 if status is Status.CRASHED else len(scores)


@settings(deadline=None, max_examples=40)
@given(PLANS, SPACES, SEEDS)
def test_no_budget_is_exceeded_nor_left(plan, where, seed):
    search = started(plan, where, seed=seed)
    specs = Sitting(search, 3, random.Random(seed)).run().specs
    budget, most = plan.budget, search.space.most_epochs(FIXED)
    spent = sum(epochs_run(spec) for spec in specs)
    assert budget.trials is None or len(specs) <= budget.trials
    assert budget.epochs is None or spent <= budget.epochs
    used_up = where is SMALL and plan.method != "random" and len(specs) == 6
    failed_at_once = sum(epochs_run(spec) == 0 for spec in specs)
    assert used_up or len(specs) == budget.trials or spent + failed_at_once + most > budget.epochs
    assert search.next_spec() is None
    assert search.is_over


def test_epochs_that_trials_did_not_need_go_to_others():
    plan = SearchPlan("coarse-to-fine", False, 2, Budget(epochs=36))
    assert len(specs_of(plan, outcome=lambda spec: ([0.5] * 9, Status.COMPLETED))) == 4
    assert len(specs_of(plan, outcome=lambda spec: ([0.5] * 4, Status.COMPLETED))) == 7  # 28 leave less than 9


def test_a_budget_of_epochs_ends_though_every_trial_fails_at_once():
    plan = SearchPlan("coarse-to-fine", True, 4, Budget(epochs=50))
    assert len(specs_of(plan, outcome=lambda spec: ([], Status.FAILED))) == 42  # the last begins with 9 epochs left


@pytest.mark.parametrize("seed", range(4))
def test_the_range_of_epochs_never_grows_for_they_are_a_budget(seed):
    plan = SearchPlan("coarse-to-fine", False, 3, Budget(epochs=300), extend=True)
    search = started(plan, OF_EPOCHS, seed=seed)
    longer_is_better = lambda spec: ([1 / (epoch + 1) for epoch in range(epochs_of(spec))], Status.COMPLETED)  # noqa: E731
    specs = Sitting(search, 2, random.Random(1), longer_is_better).run().specs
    assert search.space.most_epochs(FIXED) == 9
    assert 300 - 9 < sum(map(epochs_of, specs)) <= 300


def train_to_the_end(search, spec, seconds=0.0, epochs=9):
    for epoch in range(1, epochs + 1):
        search.see_epoch(spec.number, epoch, 0.5)
    search.see_result(TrialResult(spec.number, Status.COMPLETED, "", epochs, 1, 0.5, seconds=seconds))


def told_turns(monkeypatch):
    """A list to which every turn is added at which something is proposed."""
    turns, propose = [], coarse_to_fine.propose
    record = lambda *given: turns.append(given[-1]) or propose(*given)  # noqa: E731
    monkeypatch.setattr(coarse_to_fine, "propose", record)
    return turns


def test_a_time_ends_when_it_is_over_and_shares_are_those_of_the_clock(monkeypatch):
    plan = SearchPlan("coarse-to-fine", False, 2, Budget(time_s=60.0))
    search = started(plan)  # whatever the estimates say, and however many machines there are
    turns = told_turns(monkeypatch)
    for index in range(20):
        search.see_time(3.0 * index)
        spec = search.next_spec()
        origin = spec.origin
        assert origin.kind is Kind.COARSE if index < 5 else origin.kind in (Kind.ZOOM, Kind.GLOBAL)
        assert turns[-1].share == pytest.approx(3.0 * index / 60)
        train_to_the_end(search, spec)
    assert search.readings == tuple((index, 3.0 * index) for index in range(1, 20))
    shorter = specs_of(replace(plan, budget=Budget(7, time_s=1e9)))
    assert shorter == specs_of(replace(plan, budget=Budget(7)))
    search.see_time(59.9)
    assert not search.is_over
    search.see_time(60.0)
    assert search.is_over
    assert search.next_spec() is None
    without = started(replace(plan, budget=Budget(7)))
    without.see_time(1e9)
    assert not without.is_over
    assert without.readings == ()


@pytest.mark.parametrize("n_before", [1, 7, 13])
def test_a_search_with_a_time_goes_on_from_what_the_clock_had_said(n_before):
    """The space as it was extended, too: extensions begin when the coarse part is over."""
    plan = SearchPlan("coarse-to-fine", True, 2, Budget(time_s=60.0), extend=True)

    def go_on(search, n, past):
        for _ in range(n):
            search.see_time(2.5 * len(past))
            spec = search.next_spec()
            scores, status = outcome(spec)
            result = result_of(spec, scores, status)
            for epoch, score in enumerate(scores, 1):
                search.see_epoch(spec.number, epoch, score)
            search.see_result(result)
            past.append(Past(spec, result, scores))
        return search

    undisturbed, past = [], []
    whole = go_on(started(plan), 20, undisturbed)
    before = go_on(started(plan), n_before, past)
    again = go_on(started(plan, past=past, readings=before.readings), 20 - n_before, past)
    assert [one.spec for one in past] == [one.spec for one in undisturbed]
    assert (again.space, again.readings) == (whole.space, whole.readings)


def test_what_is_held_back_to_confirm_is_left_for_it():
    """Trainings take 5 s where 3 s are estimated; 34 s are for the search, and another does not fit after 29 s."""
    plan = SearchPlan("coarse-to-fine", False, 2, Budget(time_s=34.0), confirm=2)
    search = started(plan, epoch_cost=lambda _: 1 / 3)
    first = search.next_spec()
    train_to_the_end(search, first, 5.0)
    search.see_time(28.9)
    train_to_the_end(search, search.next_spec(), 5.0)
    search.see_time(29.1)
    assert search.next_spec() is None
    assert search.is_over
    assert started(replace(plan, confirm=0)).next_spec() is not None


def test_it_is_said_where_running_trials_take_what_is_held_back_to_confirm():
    """A trial that has run 3 of 9 epochs, of 2 s each; 6 s are held back."""
    plan = SearchPlan("coarse-to-fine", False, 2, Budget(time_s=34.0), confirm=2)
    search = started(plan, epoch_cost=lambda _: 1.0)
    train_to_the_end(search, search.next_spec(), 18.0)
    spec = search.next_spec()
    for epoch in range(1, 4):
        search.see_epoch(spec.number, epoch, 0.5)
    search.see_time(33.9)
    assert search.notice == ""
    search.see_time(34.0)
    assert search.notice == "search.time: trial 1 may take 12 s more, of the 6 s held back to confirm the best"


def test_what_an_earlier_sitting_has_proposed_stands_whatever_would_be_proposed_today():
    plan = SearchPlan("coarse-to-fine", True, 1, Budget(4))
    begun = TrialSpec(0, 0, {"learning_rate": 0.123}, 5, bars=((2, 0.5),))
    assert started(plan, past=[Past(begun)]).next_spec() == begun


@pytest.mark.parametrize(
    ("scores", "least"),
    [
        ((), 1),  # the first bar
        ((0.5,), 4),  # below it: now its patience, from epoch 1
        ((0.6,), 4),  # a tie goes on
        ((0.61,), 1),  # stopped there
        ((0.5, 0.4), 5),
        ((0.5, 0.4, 0.4), 5),  # no lower
        ((0.5, 0.4, 0.4, 0.4, 0.4), 5),  # its patience is over
        ((0.5, 0.4, 0.3, 0.2), 6),  # the second bar
        ((0.5, 0.4, 0.3, 0.2, 0.2, 0.1), 9),
        ((0.5, 0.4, 0.3, 0.25, 0.25, 0.21), 6),  # above that
        ((0.5, 0.4, 0.3, 0.2, 0.2, 0.1, 0.05, 0.04), 10),  # its last epoch
    ],
)
def test_when_a_trial_can_end_as_planned(scores, least):
    spec = TrialSpec(0, 0, {}, 0, bars=((1, 0.6), (6, 0.2)))
    assert handed_out.HandedOut(spec, 10, 3, 0.0, array("d", scores)).least_epochs(len(scores)) == least


def test_without_patience_a_trial_can_end_at_its_last_epoch_alone():
    trial = handed_out.HandedOut(TrialSpec(0, 0, {}, 0), 10, 0, 0.0, array("d", [0.5] * 9))
    assert [trial.least_epochs(seen) for seen in (0, 1, 9)] == [10, 10, 10]


def test_a_closed_search_hands_out_what_an_earlier_sitting_had_begun_and_no_more():
    plan = SearchPlan("coarse-to-fine", True, 2, Budget(time_s=60.0))
    before = Sitting(started(plan), 2, random.Random(3)).run(30)
    open_ones = [number for number, past in before.past.items() if past.result is None]
    assert len(open_ones) == 2
    search = started(plan, past=before.past.values())
    search.close()
    assert not search.is_over
    assert [spec.number for spec in Sitting(search, 2, random.Random(4)).run().specs] == open_ones
    assert search.n_handed_out == len(before.past)


# what is known when


def epochs_on_the_clock(spec):
    """A trial that fails is taken to end when it next could have ended as planned."""
    scores, status = outcome(spec)
    if status is Status.CRASHED:
        return epochs_of(spec)
    if status in (Status.COMPLETED, Status.STOPPED):
        return len(scores)
    best = scores.index(min(scores)) if scores else 0
    planned = [epoch for epoch, _ in spec.bars] + [best + 1 + FIXED["patience"], epochs_of(spec)]
    return min(epoch for epoch in planned if epoch > len(scores) or epoch == epochs_of(spec))


def ended_when_proposed(specs, plan):
    """For each trial, those that have ended when it is proposed: by a queue of events, told everything beforehand."""
    parallel, budget = plan.parallel, plan.budget
    running, ended, found, now = [], [], [], 0.0
    for spec in specs:
        while (
            len(running) == parallel
            or (
                budget.epochs is not None
                and sum(max(epochs_run(specs[i]), 1) for i in ended) + sum(epochs_of(specs[i]) for _, i in running)
                > budget.epochs - 9
            )
            or (plan.bars and len(ended) < 2 and len(running) >= (most_without_bars(budget, 9) or plan.parallel))
        ):
            now, number = heapq.heappop(running)
            ended.append(number)
        found.append(list(ended))
        heapq.heappush(running, (now + cost(spec.hyperparameters) * epochs_on_the_clock(spec), spec.number))
    return found


@settings(deadline=None, max_examples=30)
@given(PLANS, st.sampled_from([SPACE, OF_EPOCHS]), SEEDS, st.integers(1, 8), RANDOM)
def test_a_proposal_knows_what_has_ended_on_the_clock_and_nothing_else(plan, where, seed, workers, rng):
    plan = replace(plan, method="coarse-to-fine", extend=False)
    known, seen = [], []

    class Recording(bars_module.Standings):
        def add(self, trial):
            seen.append(trial)
            super().add(trial)

    def propose(space, fixed, best, taken, turn):
        assert turn.number == len(known)
        assert len(taken) == turn.number
        assert best == best_first(seen)
        known.append([trial.number for trial in seen])
        return coarse_to_fine_propose(space, fixed, best, taken, turn)

    coarse_to_fine_propose = coarse_to_fine.propose
    with (
        mock.patch.object(coarse_to_fine, "propose", propose),
        mock.patch.object(stage_search, "Standings", Recording),
    ):
        specs = Sitting(started(plan, where, seed=seed), workers, rng).run().specs
    assert known == ended_when_proposed(specs, plan)


def test_bars_are_those_of_what_is_known_at_rungs_that_the_trial_reaches():
    plan = SearchPlan("coarse-to-fine", True, 1, Budget(12))
    specs = specs_of(plan, OF_EPOCHS)
    ends = [(spec, *outcome(spec)) for spec in specs]
    knowns = [known_of({}, result_of(spec, scores, status), scores) for spec, scores, status in ends]
    for spec in specs:
        centre = None if spec.origin.parent is None else knowns[spec.origin.parent]
        expected = bars_module.Standings(9, knowns[: spec.number]).bars(centre)
        assert spec.bars == tuple((epoch, score) for epoch, (score, _) in expected if epoch < epochs_of(spec))
    assert {len(spec.bars) for spec in specs} == {0, 1, 2}  # 3 epochs have the rung 1, more have 1 and 3
    assert not any(spec.bars for spec in specs_of(replace(plan, bars=False), OF_EPOCHS))


def test_successors_of_a_slow_starter_are_not_stopped_for_being_slow():
    """The farther from 1e-4 its rate is, the slower a trial begins and the better it ends."""

    def outcome(spec):
        slowness = math.log10(spec.hyperparameters["learning_rate"]) / 4 + 1  # 0 to 1
        scores = [1 - slowness * (epoch == 9) - 0.01 * epoch * (1 - slowness) for epoch in range(1, 10)]
        stopped = next((epoch for epoch, bar in spec.bars if min(scores[:epoch]) > bar), None)
        return scores[:stopped], Status.STOPPED if stopped else Status.COMPLETED

    def n_good():
        where = space(learning_rate=Real(1e-4, 1.0, LOG))
        specs = specs_of(SearchPlan("coarse-to-fine", True, 1, Budget(60)), where, outcome)
        ends = [outcome(spec) for spec in specs if spec.origin.kind is Kind.ZOOM]
        return sum(status is Status.COMPLETED and scores[-1] < 0.5 for scores, status in ends)

    class WithoutCentre(bars_module.Standings):
        def bars(self, _centre=None):
            return super().bars()

    assert n_good() >= 5
    with mock.patch.object(stage_search, "Standings", WithoutCentre):
        assert n_good() == 0


def test_earlier_trials_are_known_and_not_repeated():
    plan = SearchPlan("coarse-to-fine", True, 2, Budget(8))
    first = specs_of(plan, SMALL)
    assert len({key_of(spec.hyperparameters) for spec in first}) == len(first) == 6
    earlier = [
        known_of(spec.hyperparameters, result_of(spec, [0.5, 0.25], Status.COMPLETED), [0.5, 0.25]) for spec in first
    ]
    search = started(plan, SMALL, stage=1, first_trial=8, earlier=earlier[:-1])
    only = search.next_spec()
    assert only.hyperparameters == first[-1].hyperparameters
    assert only.bars == ((1, 0.5), (3, 0.25))
    assert search.next_spec() is None
    assert started(plan, SMALL, earlier=earlier).next_spec() is None


# repetition


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(1, 8), RANDOM)
def test_every_configuration_is_tried_once_and_then_the_search_ends(parallel, workers, rng):
    plan = SearchPlan("coarse-to-fine", True, parallel, Budget(100))
    search = started(plan, SMALL)
    specs = Sitting(search, workers, rng).run().specs
    assert len({key_of(spec.hyperparameters) for spec in specs}) == len(specs) == SMALL.size == 6
    assert search.is_over


@settings(deadline=None, max_examples=30)
@given(PLANS, SEEDS)
def test_no_configuration_is_tried_twice(plan, seed):
    specs = specs_of(replace(plan, method="coarse-to-fine"), seed=seed)
    assert max(Counter(key_of(spec.hyperparameters) for spec in specs).values()) == 1


# the parts of a search


def test_a_quarter_is_coarse_and_the_rest_is_near_to_what_is_known(monkeypatch):
    turns = told_turns(monkeypatch)
    plan = SearchPlan("coarse-to-fine", False, 1, Budget(40))
    specs = specs_of(plan, outcome=lambda spec: ([0.5] * 9, Status.COMPLETED))
    assert [spec.origin.kind for spec in specs[:10]] == [Kind.COARSE] * 10
    assert specs[10].origin.kind in (Kind.ZOOM, Kind.GLOBAL)
    assert Kind.COARSE not in [spec.origin.kind for spec in specs[10:]]
    assert all(spec.origin.parent in (0, 1, 2) for spec in specs if spec.origin.kind is Kind.ZOOM)  # all tie
    assert [turn.share for turn in turns] == [number / 40 for number in range(40)]
    assert {turn.failure_cost for turn in turns} == {1.0}  # there are no bars


def test_a_budget_of_epochs_is_shared_by_epochs_that_trials_have_run():
    plan = SearchPlan("coarse-to-fine", False, 1, Budget(epochs=360))
    specs = specs_of(plan, outcome=lambda spec: ([0.5] * 3, Status.COMPLETED))
    assert [spec.origin.kind for spec in specs].index(Kind.ZOOM) == 30  # 90 epochs


def test_the_budget_that_is_nearer_to_its_end_counts():
    plan = SearchPlan("coarse-to-fine", False, 1, Budget(trials=1000, epochs=360))
    specs = specs_of(plan, outcome=lambda spec: ([0.5] * 9, Status.COMPLETED))
    assert [spec.origin.kind is Kind.COARSE for spec in specs].index(False) == 10


def test_a_search_that_has_begun_to_close_in_is_not_coarse_again():
    """Trials under way that end after an epoch take less than was expected of them."""
    plan = SearchPlan("coarse-to-fine", False, 8, Budget(epochs=270))  # 30 trainings
    specs = specs_of(plan, outcome=lambda spec: ([0.5] * (1 if spec.number else 9), Status.COMPLETED))
    is_coarse = [spec.origin.kind is Kind.COARSE for spec in specs]
    assert is_coarse == sorted(is_coarse, reverse=True)
    assert sum(is_coarse) < 68  # a quarter of the budget would be so many of an epoch


def test_as_long_as_no_trial_has_completed_the_search_stays_coarse():
    plan = SearchPlan("coarse-to-fine", False, 2, Budget(12))
    bad = lambda spec: ([0.5], Status.COMPLETED if spec.number == 7 else Status.DIVERGED)  # noqa: E731
    specs = specs_of(plan, outcome=bad)
    kinds = [spec.origin.kind for spec in specs]
    assert kinds[:8] == [Kind.COARSE] * 8
    assert all(origin.parent == 7 for spec in specs[8:] if (origin := spec.origin).kind is Kind.ZOOM)
    assert Kind.ZOOM in kinds


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_tiny_budgets_and_more_machines_than_trials(n):
    for parallel in (1, 2, 6):
        specs = specs_of(SearchPlan("coarse-to-fine", True, parallel, Budget(n)))
        assert len(specs) == n
        first = max(min(parallel, 2), math.ceil(n / 4))  # no more run before there are bars
        assert all(spec.origin.kind is Kind.COARSE for spec in specs[:first])


def test_random_search_waits_for_nothing_and_is_plain_random_search():
    search = started(SearchPlan("random", False, 1, Budget(20)), first_trial=3)
    specs = []
    while (spec := search.next_spec()) is not None:
        specs.append(spec)
    assert specs == [
        TrialSpec(number, 0, random_search.anywhere(SPACE, FIXED, seed=5, number=number), 5, Origin(Kind.RANDOM))
        for number in range(3, 23)
    ]
    assert search.is_over


def test_random_search_with_bars_draws_the_same_and_waits_for_what_its_bars_are_made_of():
    plain, barred = (specs_of(SearchPlan("random", bars, 2, Budget(20))) for bars in (False, True))
    assert [spec.hyperparameters for spec in plain] == [spec.hyperparameters for spec in barred]
    assert not any(spec.bars for spec in plain)
    assert any(spec.bars for spec in barred)
    search = started(SearchPlan("random", False, 1, Budget(epochs=90)))  # nor is the end of the budget known before
    assert [search.next_spec() is None for _ in range(2)] == [False, True]
    search = started(SearchPlan("random", True, 2, Budget(20)))
    assert [search.next_spec() is None for _ in range(3)] == [False, False, True]
    assert not search.is_over


# a space that is too small


@pytest.mark.parametrize("method", ["coarse-to-fine", "random"])
@pytest.mark.parametrize("bars", [False, True])
def test_an_end_at_which_the_best_crowd_is_moved_out_twice_at_the_most(method, bars):
    where = space(learning_rate=Real(1e-4, 1e-2, LOG), dropout=Real(0.0, 0.5))
    plan = SearchPlan(method, bars, 2, Budget(400), extend=True)

    def outcome(spec):
        return [1 - math.log(spec.hyperparameters["learning_rate"]) / 100] * 9, Status.COMPLETED

    search = started(plan, where)
    specs = Sitting(search, 2, random.Random(0), outcome).run().specs
    assert search.extensions == {End("learning_rate", "high"): 2}
    rate, dropout = (parameter.domain for parameter in search.space.parameters)
    assert (rate.low, rate.high) == pytest.approx((1e-4, 1e-2 * 10 * 10**1.5))  # half of two decades, of three
    assert dropout == Real(0.0, 0.5)
    assert max(spec.hyperparameters["learning_rate"] for spec in specs) > 0.1
    assert max(spec.hyperparameters["learning_rate"] for spec in specs[:100]) <= 1e-2
    search = started(replace(plan, extend=False, budget=Budget(40)), where)
    Sitting(search, 2, random.Random(0), outcome).run()
    assert search.space == where


# what follows a search


def confirming(plan, seed, past=(), stored=()):
    stage = Stage(0, "search", "", "{}", 0, None, plan)
    search = started(plan, seed=seed, past=past)
    return SearchAndConfirmation(search, stage, 1, seed=seed, confirmed=set(), stored=stored)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.booleans(), SEEDS, st.integers(2, 8), RANDOM)
def test_what_is_confirmed_and_in_which_order_does_not_depend_on_workers(parallel, bars, seed, workers, rng):
    plan = SearchPlan("coarse-to-fine", bars, parallel, Budget(14), confirm=3)
    expected = Sitting(confirming(plan, seed), 1, random.Random(0)).run()
    found = Sitting(confirming(plan, seed), workers, rng).run()
    assert sorted(map(repr, found.specs)) == sorted(map(repr, expected.specs))
    ends = [outcome(spec) for spec in expected.specs[:14]]
    knowns = [
        known_of(spec.hyperparameters, result_of(spec, *end), end[0])
        for spec, end in zip(expected.specs[:14], ends, strict=True)
    ]
    best = [trial.number for trial in best_first(knowns) if trial.status is Status.COMPLETED][:3]
    assert sorted({spec.origin.parent for spec in found.specs if spec.stage == 1}) == sorted(best)
    assert found.search.is_over
