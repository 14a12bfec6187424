from __future__ import annotations

import math
import statistics

import pytest

from hptune.search.confirmation import Confirmed, confirmed, distinct, specs
from hptune.search.known import Known
from hptune.trial import FIRST_REPLICATE, Kind, Origin, Status, TrialResult, TrialSpec

CONFIGURATIONS = {4: {"l2": 0.1}, 7: {"l2": 0.2, "dropout": 0.5}, 9: {"l2": 0.1}, 11: {"l2": 1}, 12: {"l2": 1.0}}


def ended(number, score, status=Status.COMPLETED):
    return TrialResult(number, status, epochs=3, best_epoch=None if score is None else 1, score=score)


def found(*numbers):
    return [Known(number, CONFIGURATIONS[number], Status.COMPLETED, (0.1,)) for number in numbers]


def test_the_first_of_equal_configurations_stands_for_them():
    assert [trial.number for trial in distinct(found(9, 7, 4, 12, 11))] == [9, 7, 12]
    assert distinct([]) == []


def test_the_order_in_which_a_configuration_is_written_does_not_tell_it_apart():
    one, other = (
        Known(0, {"a": 1, "b": 2}, Status.COMPLETED, (0.1,)),
        Known(1, {"b": 2, "a": 1}, Status.COMPLETED, (0.1,)),
    )
    assert distinct([one, other]) == [one]


def test_trainings_come_configuration_by_configuration_with_the_same_seeds_for_all():
    specs_found = specs(found(7, 4), (0, 1, 5), seed=3, stage=2, first_trial=20)
    assert [(spec.number, spec.origin.parent, spec.replicate) for spec in specs_found] == [
        (20, 7, 0), (21, 7, 1), (22, 7, 5), (23, 4, 0), (24, 4, 1), (25, 4, 5),
    ]  # fmt: skip
    assert {(spec.seed, spec.stage, spec.origin.kind, spec.bars) for spec in specs_found} == {
        (3, 2, Kind.CONFIRMATION, ())
    }
    assert [spec.hyperparameters for spec in specs_found] == [CONFIGURATIONS[7]] * 3 + [CONFIGURATIONS[4]] * 3
    assert [spec.stream for spec in specs_found] == [FIRST_REPLICATE + n for n in (0, 1, 5)] * 2
    assert all(TrialSpec.from_json(spec.to_json()) == spec for spec in specs_found)


def test_no_trial_of_a_search_shares_the_streams_of_a_confirmation():
    assert TrialSpec(10**9, 0, {}, 0).stream == 10**9 < FIRST_REPLICATE


def confirmations(*trials):
    """(number, parent, score) each."""
    return [
        (
            TrialSpec(number, 1, {}, 0, Origin(Kind.CONFIRMATION, parent), replicate=number % 3),
            ended(number, score, Status.DIVERGED if score is None else Status.COMPLETED),
        )
        for number, parent, score in trials
    ]


def test_the_best_mean_comes_first_with_its_standard_error():
    order = confirmed(
        confirmations((20, 7, 0.1), (21, 7, 0.4), (22, 7, 0.4), (23, 4, 0.2), (24, 4, 0.25), (25, 4, 0.3)), 3
    )
    assert order == [Confirmed(4, (23, 24, 25), (0.2, 0.25, 0.3)), Confirmed(7, (20, 21, 22), (0.1, 0.4, 0.4))]
    assert [one.mean for one in order] == pytest.approx([0.25, 0.3])
    # deviations -0.05, 0, 0.05: variance 0.005 / 2; of the mean a third of that
    assert order[0].standard_error == pytest.approx(math.sqrt(0.0025 / 3))
    assert order[1].standard_error == pytest.approx(statistics.stdev([0.1, 0.4, 0.4]) / 3**0.5)


def test_of_equal_means_the_earlier_trial_comes_first():
    order = confirmed(confirmations((20, 7, 0.1), (21, 7, 0.3), (22, 4, 0.3), (23, 4, 0.1)), 2)
    assert [one.trial for one in order] == [4, 7]


def test_of_equal_means_the_smaller_standard_error_comes_first_and_then_the_cheaper_one():
    """Of 31 wrong are 9, 10 and 11, or 10 three times; sums of such shares differ in the last digit."""
    shares = {7: (9 / 31, 10 / 31, 11 / 31), 9: (10 / 31,) * 3, 12: (11 / 31, 10 / 31, 9 / 31), 14: (10 / 31,) * 3}
    trials = [
        (20 + 3 * i + j, parent, s) for i, (parent, ones) in enumerate(shares.items()) for j, s in enumerate(ones)
    ]
    order = confirmed(confirmations(*trials), 3, {7: 2.0, 9: 9.0, 12: 1.0, 14: 8.0})
    assert [one.trial for one in order] == [14, 9, 12, 7]


def test_an_incomplete_confirmation_is_left_out():
    trials = confirmations((20, 7, 0.5), (21, 7, 0.5), (22, 7, 0.5), (23, 4, 0.1), (24, 4, 0.1))
    assert [one.trial for one in confirmed(trials, 3)] == [7]
    assert confirmed(trials[:2], 3) == confirmed([], 3) == []


def test_one_training_that_diverges_puts_a_configuration_last():
    order = confirmed(
        confirmations((20, 7, 0.1), (21, 7, None), (22, 7, 0.1), (23, 4, 0.9), (24, 4, 0.9), (25, 4, 0.9)), 3
    )
    assert [one.trial for one in order] == [4, 7]
    assert (order[1].mean, order[1].standard_error) == (math.inf, None)


def test_a_single_score_has_no_standard_error():
    assert Confirmed(0, (1,), (0.5,)).standard_error is None
    assert Confirmed(0, (1,), (0.5,)).mean == 0.5
