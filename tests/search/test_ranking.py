from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hptune.search.ranking import ranked
from hptune.trial import Status, TrialResult


def completed(number, score):
    return TrialResult(number, Status.COMPLETED, score=score, best_epoch=1, epochs=1)


def test_the_lowest_score_is_first_and_of_equals_the_first_trial():
    results = [completed(3, 0.1), completed(1, 0.2), completed(2, 0.1), completed(0, 0.0)]
    assert [result.number for result in ranked(results)] == [0, 2, 3, 1]


def test_trials_without_a_score_have_no_rank():
    diverged = TrialResult(1, Status.DIVERGED, "loss is nan")
    assert [result.number for result in ranked([diverged, completed(0, 0.5)])] == [0]
    assert ranked([]) == []


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2]), max_size=8), st.randoms())
def test_the_order_of_arrival_does_not_matter(scores, random):
    results = [completed(number, score) for number, score in enumerate(scores)]
    shuffled = random.sample(results, len(results))
    assert ranked(shuffled) == ranked(results)
