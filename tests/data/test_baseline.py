"""The error of whoever always gives the same answer."""

import numpy as np
import pytest

from hptune.data.dataset import Dataset, Subset


def of(train, dev, classes):
    train, dev = (Subset(np.zeros((len(y), 1)), np.array(y)) for y in (train, dev))
    return Dataset(train, dev, None, classes, ("x",)).baseline_error()


def test_of_classes_it_is_the_share_of_all_but_the_commonest_of_train():
    assert of([0, 1, 1, 2], [0, 1, 2, 2], ("a", "b", "c")) == 0.75


def test_in_regression_it_is_the_distance_from_the_mean_of_train_in_its_deviations():
    # train: mean 2, deviation 2; dev is 1 and 3 deviations off
    assert of([0.0, 4.0], [4.0, -4.0], ()) == pytest.approx(np.sqrt((1 + 9) / 2))
