from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from hptune.search.known import Fresh
from hptune.search.ranking import ranked
from hptune.trial import Status, TrialResult


def completed(number, score, tie=None):
    return TrialResult(number, Status.COMPLETED, score=score, best_epoch=1, epochs=1, tie=tie)


def test_the_lowest_score_is_first_and_of_equals_the_first_trial():
    results = [completed(3, 0.1), completed(1, 0.2), completed(2, 0.1), completed(0, 0.0)]
    assert [result.number for result in ranked(results)] == [0, 2, 3, 1]


def test_of_equal_errors_the_lower_loss_comes_first():
    """Those of four trials that all say "no" to 2 % of one class, and one that learned something."""
    losses = [
        completed(0, 0.02, 0.438),
        completed(1, 0.02, 0.097),
        completed(2, 0.02, 0.105),
        completed(3, 0.02, 0.089),
    ]
    assert [result.number for result in ranked([*losses, completed(4, 0.019, 0.9)])] == [4, 3, 1, 2, 0]


def test_a_confirmed_trial_stands_by_its_mean():
    """anes96: the raw score of trial 0 is 0.03175, the mean of its three seeds 0.05115."""
    results = [completed(0, 0.03175), completed(1, 0.04), completed(2, 0.06), completed(3, 0.01)]
    assert [result.number for result in ranked(results, {0: Fresh(0.05115), 3: Fresh(float("inf"))})] == [1, 0, 2, 3]


def test_trials_without_a_score_have_no_rank():
    diverged = TrialResult(1, Status.DIVERGED, "loss is nan")
    assert [result.number for result in ranked([diverged, completed(0, 0.5)])] == [0]
    assert ranked([]) == []


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2]), max_size=8), st.randoms())
def test_the_order_of_arrival_does_not_matter(scores, random):
    results = [completed(number, score) for number, score in enumerate(scores)]
    shuffled = random.sample(results, len(results))
    assert ranked(shuffled) == ranked(results)


def test_of_equal_means_the_smaller_standard_error_comes_first_and_then_the_cheaper_one():
    """They come before a score that is as low: 0.05, of which three add up to 0.15000000000000002."""
    results = [completed(0, 0.05), completed(1, 0.04), completed(2, 0.01), completed(3, 0.03), completed(4, 0.06)]
    mean = math.fsum([0.05] * 3) / 3
    assert mean > 0.05
    fresh = {1: Fresh(mean, 0.01, 1.0), 2: Fresh(0.05, 0.0, 2.0), 3: Fresh(mean, 0.0, 1.0)}
    assert [result.number for result in ranked(results, fresh)] == [3, 2, 1, 0, 4]
