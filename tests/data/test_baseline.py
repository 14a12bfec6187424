"""What always the same answer reaches, counted by hand."""

import math

import numpy as np
import pytest

from hptune.data.baseline import measure
from hptune.data.dataset import Dataset, Subset
from hptune.measured import Baseline, ClassCount, baseline_of, gain_over


def of(train, dev, classes, test=None):
    sets = [None if y is None else Subset(np.zeros((len(y), 1)), np.array(y)) for y in (train, dev, test)]
    return measure(Dataset(*sets, classes, ("x",)))


def test_of_classes_it_is_the_share_of_all_but_the_commonest_of_train():
    found = of([0, 1, 1, 2], [0, 1, 2, 2], ("a", "b", "c"), [1, 1])
    assert found.error == {"train": 0.5, "dev": 0.75, "test": 0.0}
    assert (found.answer, found.rarest, found.rarest_share) == ("b", "a", 0.25)


def test_its_loss_is_the_cross_entropy_of_the_shares_in_train():
    found = of([0, 1, 1, 1], [0, 0, 1, 1], ("no", "yes"))
    # sklearn.metrics.log_loss([0, 0, 1, 1], [[.25, .75]] * 4) = 0.8369882167858358; that of train is the entropy
    assert found.loss["dev"] == pytest.approx(0.8369882167858358)
    assert found.loss["train"] == pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))
    assert set(of([0, 0], [0, 1], ("a", "b")).loss) == {"train"}  # a class that train has not


def test_in_regression_it_is_the_distance_from_the_mean_of_train_in_its_deviations():
    # train: mean 2, deviation 2; dev is 1 and 3 deviations off
    found = of([0.0, 4.0], [4.0, -4.0], ())
    assert found.error["dev"] == pytest.approx(np.sqrt((1 + 9) / 2))
    assert found.loss["dev"] == pytest.approx((1 + 9) / 4)
    assert found.error["train"] == pytest.approx(1)
    assert found.answer is None
    assert of([100.1, 42.7, 77.3, 3.9, 8.2], [1.0], ()).error["train"] == 1  # not 0.9999999999999999


def test_it_comes_back_from_the_facts_and_of_an_old_run_the_dev_error_alone():
    found = of([0, 1, 1, 2], [0, 1, 2, 2], ("a", "b", "c"))
    assert baseline_of({"baseline": found.to_json()}) == found
    assert baseline_of({"baseline_error": 0.8}) == Baseline({"dev": 0.8}, {})
    assert baseline_of({}) is None


def test_the_gain_over_one_answer_is_that_of_the_examples_which_only_one_of_them_gets_right():
    # always "no" is right in 587 of 600; the network finds 2 of 13 and loses 2: nothing is gained,
    # and of 4 examples that differ the deviation is sqrt(4) / 600 (statsmodels: mcnemar, 2 against 2)
    assert gain_over([ClassCount(587, 596, 585), ClassCount(13, 4, 2)], 0) == (0.0, pytest.approx(2 / 600))
    gain, error = gain_over([ClassCount(50, 45, 44), ClassCount(50, 55, 49)], 0)
    assert gain == pytest.approx((49 - 6) / 100)
    assert error == pytest.approx(math.sqrt(55 - 43**2 / 100) / 100)
