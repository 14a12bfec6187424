from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptune.search.bars import Standings, bars, rungs
from hptune.search.known import known_of
from hptune.search.ranking import best_first, ranked
from hptune.trainers import attempt
from hptune.trial import DivergedError, EpochMetrics, FinalCheck, Job, Status, TrialResult, TrialSpec

# rungs


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (1, ()),
        (2, (1,)),
        (3, (1,)),
        (4, (1,)),  # 4/3 and 4/9 are both 1
        (5, (1, 2)),
        (9, (1, 3)),
        (27, (1, 3, 9)),
        (30, (1, 3, 10)),
        (52, (2, 6, 17)),
        (81, (3, 9, 27)),
        (100, (4, 11, 33)),
    ],
)
def test_rungs_by_hand(epochs, expected):
    assert rungs(epochs) == expected


@pytest.mark.parametrize("epochs", range(1, 101))
def test_rungs_are_thirds_of_thirds_and_never_the_last_epoch(epochs):
    found = rungs(epochs)
    assert list(found) == sorted(set(found))
    assert all(1 <= rung < epochs for rung in found)
    shares = (3, 9, 27)
    assert all(any(abs(rung - epochs / share) <= 0.5 or rung == 1 for share in shares) for rung in found)
    assert all(epochs == 1 or any(abs(rung - max(1, epochs / share)) <= 0.5 for rung in found) for share in shares)


# bars


def known(number, status, *scores):
    return known_of({}, TrialResult(number, status, epochs=len(scores)), scores)


def completed(number, *scores):
    return known(number, Status.COMPLETED, *scores)


def test_bars_by_hand():
    trials = [
        completed(0, *[0.9] * 9, *[0.5] * 18),
        completed(1, *[0.8] * 3, *[0.4] * 24),
        known(2, Status.STOPPED, 0.95),
        known(3, Status.DIVERGED, 0.7, 0.3),  # it was good before
        completed(4, 0.6, 0.5, 0.45),  # its patience was over: what it has reached stands at later rungs
        known(5, Status.FAILED, 0.1),
        known(6, Status.CRASHED, 0.1, 0.1, 0.1),  # how far it came is chance
    ]
    # epoch 1: 0.1 0.6 0.7 0.8 0.9 0.95, the best (6 + 1) / 3 = 2; epoch 3: 0.45 0.8 0.9 inf; epoch 9: 0.4 0.45 0.9 inf
    assert bars(trials, 27) == ((1, 0.6), (3, 0.45), (9, 0.4))


def test_a_bar_needs_two_trials_that_have_come_so_far():
    assert bars([], 27) == bars([completed(0, *[0.5] * 27)], 27) == ()
    two = [completed(0, *[0.5] * 27), known(1, Status.STOPPED, 0.7)]
    assert bars(two, 27) == ((1, 0.5),)
    assert bars(two, 1) == ()


def test_where_the_best_third_has_diverged_there_is_no_bar():
    diverged = [known(number, Status.DIVERGED) for number in range(3)]
    assert bars(diverged, 27) == ()
    assert bars([*diverged, completed(3, *[0.5] * 27)], 27) == ((1, 0.5), (3, 0.5), (9, 0.5))
    assert bars([*diverged, *diverged, completed(3, *[0.5] * 27)], 27) == ()  # the best two of seven


def test_a_step_from_a_slow_starter_is_measured_by_it_as_well():
    slow = completed(4, *[0.95] * 9, *[0.1] * 18)
    others = [completed(number, *[0.9] * 2, *[0.5] * 25) for number in range(4)]
    standings = Standings(27, [*others, slow])
    assert dict(standings.bars()) == {1: (0.9, 0.0), 3: (0.5, 0.0), 9: (0.5, 0.0)}
    assert dict(standings.bars(slow)) == dict.fromkeys((1, 3, 9), (0.95, 0.0))
    assert standings.bars(others[0]) == standings.bars()
    stopped = known(5, Status.STOPPED, 0.97)  # how it would have stood later is not known
    assert dict(standings.bars(stopped)) == {1: (0.97, 0.0), 3: (0.5, 0.0), 9: (0.5, 0.0)}


def goes_on(score, others):
    """Whether it is in the best third of all of them, and then the first of a few; equals share the better place."""
    return 1 + sum(other < score for other in others) <= max(1, (len(others) + 1) // 3)


SCORES = st.integers(0, 6).map(lambda n: n / 4)  # few, so that there are ties


@st.composite
def trials(draw, epochs):
    status = draw(st.sampled_from([Status.COMPLETED, Status.STOPPED, Status.DIVERGED, Status.FAILED, Status.CRASHED]))
    least = 1 if status in (Status.COMPLETED, Status.STOPPED) else 0
    return status, draw(st.lists(SCORES, min_size=least, max_size=epochs))


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(trials(n), max_size=9))))
def test_bars_are_what_their_definition_says(drawn):
    epochs, ended = drawn
    found = dict(bars([known(number, status, *scores) for number, (status, scores) in enumerate(ended)], epochs))
    assert set(found) <= set(rungs(epochs))
    for rung in rungs(epochs):
        others = []
        for status, scores in ended:
            if status is Status.CRASHED:
                continue
            if len(scores) >= rung or status is Status.COMPLETED:
                others.append(min(scores[:rung]))
            elif status is Status.DIVERGED:
                others.append(math.inf)
        for score in (0.0, 0.1, 0.25, 0.6, 0.75, 1.0, 1.5, 9.0):
            stopped = score > found.get(rung, math.inf)
            assert stopped == (len(others) > 1 and not goes_on(score, others)), (rung, score, others)


# the worker applies them


class Curve:
    """A training with a given metric after each epoch; it remembers how far it came, and that it was closed."""

    def __init__(self, *scores):
        self.scores, self.epochs, self.is_closed = scores, 0, False
        self.training = self._train()

    def __call__(self, spec):
        return self.training

    def _train(self):
        try:
            for epoch, score in enumerate(self.scores, 1):
                if math.isnan(score):
                    raise DivergedError("train_loss became nan")
                self.epochs = epoch
                yield EpochMetrics(epoch, 9.0, 9.0, 9.0, score, 0.1, 0.0)
            return FinalCheck(0.125)
        finally:
            self.is_closed = True


def trained(curve, *bars):
    *epochs, result = attempt(curve, TrialSpec(3, 0, {}, 0, bars=bars), Job("x:y", "dev_error"))
    assert [one.epoch for one in epochs] == list(range(1, curve.epochs + 1))
    assert curve.is_closed
    return result


def test_a_trial_above_a_bar_is_stopped_there_and_keeps_what_it_has():
    curve = Curve(0.9, 0.5, 0.6, 0.7, 0.1)
    result = trained(curve, (1, 0.95), (3, 0.4375))
    assert (curve.epochs, result.epochs) == (3, 3)
    assert (result.status, result.score, result.best_epoch) == (Status.STOPPED, 0.5, 2)
    assert result.reason == "dev_error 0.5 after epoch 3, above the bar of 0.4375"
    assert result.final == FinalCheck()


def test_the_lowest_metric_so_far_counts_and_a_tie_goes_on():
    result = trained(Curve(0.5, 0.9, 0.8, 0.7), (1, 0.5), (3, 0.5))
    assert (result.status, result.score, result.best_epoch, result.epochs) == (Status.COMPLETED, 0.5, 1, 4)
    assert (result.reason, result.final) == ("", FinalCheck(0.125))


class Losses(Curve):
    """The same with a loss of half the error in the first epoch, and a tenth more in each of the others."""

    def _train(self):
        for metrics in super()._train():
            yield replace(metrics, dev_loss=metrics.dev_error / 2 + 0.1 * (metrics.epoch - 1))


def test_an_error_equal_to_the_bar_goes_on_if_its_loss_is_no_higher():
    job, spec = Job("x:y", "dev_error"), TrialSpec(3, 0, {}, 0, bars=((2, 0.5),), bar_ties=(0.25,))
    assert list(attempt(Losses(0.5, 0.5, 0.5), spec, job))[-1].status is Status.COMPLETED  # 0.25, the lowest so far
    *_, result = attempt(Losses(0.9, 0.5, 0.1), spec, job)
    assert (result.status, result.epochs, result.score, result.tie) == (Status.STOPPED, 2, 0.5, 0.35)
    assert result.reason == "dev_error 0.5 after epoch 2, equal to the bar, with dev_loss 0.35 above its 0.25"
    *_, result = attempt(Losses(0.9, 0.49, 0.1), spec, job)
    assert result.status is Status.COMPLETED
    assert TrialSpec.from_json(spec.to_json()) == spec
    # a loss needs nothing beside it
    of_loss = replace(spec, bar_ties=())
    assert list(attempt(Losses(0.9, 0.8, 0.1), of_loss, Job("x:y", "dev_loss")))[-1].tie is None


def test_bars_of_equal_errors_are_ordered_by_loss():
    """Five trials at the error of the commonest class: the best third of six are two."""
    losses = {0: 0.4, 1: 0.1, 2: 0.3, 3: 0.2, 4: 0.5}
    trials = [
        known_of({}, TrialResult(number, Status.COMPLETED, epochs=3), (0.02,) * 3, (loss, loss, loss / 2))
        for number, loss in losses.items()
    ]
    assert Standings(3, trials).bars() == ((1, (0.02, 0.2)),)
    assert [trial.number for trial in best_first(trials)] == [1, 3, 2, 0, 4]


def test_a_bar_is_for_its_epoch_alone():
    assert trained(Curve(0.9, 0.2, 0.2), (2, 0.3)).status is Status.COMPLETED
    assert trained(Curve(0.9, 0.4, 0.2), (2, 0.3)).epochs == 2


def test_a_trial_that_ends_before_a_bar_has_completed_and_a_diverged_one_has_diverged():
    assert trained(Curve(0.9), (2, 0.3)).status is Status.COMPLETED
    diverged = trained(Curve(0.9, math.nan), (2, 0.3))
    assert (diverged.status, diverged.score, diverged.best_epoch) == (Status.DIVERGED, None, None)


# the order of trials


@st.composite
def ends(draw):
    status, scores = draw(trials(5))
    return status, scores or [0.5]


@given(st.lists(ends(), max_size=12))
def test_proposals_and_leaderboards_rank_alike(drawn):
    results = []
    for number, (status, scores) in enumerate(drawn):
        score = min(scores) if status in (Status.COMPLETED, Status.STOPPED) else None
        results.append(TrialResult(number, status, epochs=len(scores), score=score))
    order = best_first(known_of({}, result, drawn[result.number][1]) for result in reversed(results))
    assert [one.number for one in order] == [one.number for one in ranked(results)]
    assert all(one.status in (Status.COMPLETED, Status.STOPPED) for one in order)


def test_a_stopped_trial_never_comes_before_a_completed_one():
    trials = [
        completed(0, 0.5, 0.9),
        known(1, Status.STOPPED, 0.1),
        known(2, Status.STOPPED, 0.4, 0.3, 0.35),  # it came farther
        known(3, Status.STOPPED, 0.1),  # a tie: the lower number first
        known(4, Status.DIVERGED, 0.0),
        known(5, Status.FAILED, 0.0),
        completed(6, 0.5),  # a tie
        completed(7, 0.4),
    ]
    assert [trial.number for trial in best_first(trials)] == [7, 0, 6, 2, 1, 3]


def test_what_is_known_of_a_trial_at_an_epoch():
    curve = (0.5, 0.4, 0.6)
    assert list(known(0, Status.COMPLETED, *curve).lowest) == [0.5, 0.4, 0.4]
    assert [completed(0, *curve).at(epoch) for epoch in (1, 2, 3, 9)] == [0.5, 0.4, 0.4, 0.4]
    for status, later in ((Status.STOPPED, None), (Status.FAILED, None), (Status.DIVERGED, math.inf)):
        assert [known(0, status, *curve).at(epoch) for epoch in (2, 3, 4)] == [0.4, 0.4, later]
    assert not known(0, Status.CRASHED, *curve).lowest
    assert known(0, Status.CRASHED, *curve).at(1) is None
