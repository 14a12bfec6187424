"""Normalisation: statistics of the training set alone, and finite numbers whatever the columns are like."""

import numpy as np
import pytest

from hptune.data.dataset import FARTHEST, Dataset, Normalisation, Subset, normalise
from hptune.data.loading import load
from hptune.data.settings import DataSettings

LARGEST = np.finfo(np.float64).max


def column(*values):
    return np.array(values, float)[:, None]


def test_training_set_has_mean_0_and_deviation_1():
    x = np.random.default_rng(0).normal([5, -1e6, 1e-9], [2, 1, 1e-12], size=(500, 3))
    done = Normalisation.fit(x).apply(x, np.float64)
    np.testing.assert_allclose(done.mean(axis=0), 0, atol=1e-6)  # 1e-6: rounding of a mean of -1e6
    np.testing.assert_allclose(done.std(axis=0), 1, rtol=1e-9)


def test_statistics_are_numpys_where_numpys_are_exact_enough():
    x = np.random.default_rng(1).normal(3, 2, size=(200, 4))
    fitted = Normalisation.fit(x)
    np.testing.assert_allclose(fitted.mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(fitted.scale, 1 / x.std(axis=0), rtol=1e-12)


def test_dev_and_test_are_normalised_with_the_training_set_only():
    dataset = load(DataSettings(source="blobs", examples=90))
    shifted = Dataset(dataset.train, Subset(dataset.dev.x + 100, dataset.dev.y), dataset.test, ("a",) * 3, ("p", "q"))
    done = normalise(shifted, np.float64)
    fitted = Normalisation.fit(dataset.train.x)
    np.testing.assert_array_equal(done.dev.x, fitted.apply(shifted.dev.x, np.float64))
    assert abs(done.train.x.mean(axis=0)).max() < 1e-12
    assert done.dev.x.mean() > 10
    everything = Normalisation.fit(np.concatenate([subset.x for subset in shifted.subsets()]))
    assert abs(everything.mean - fitted.mean).max() > 1  # so fitting on all data would have shown


def test_constant_column_is_0_everywhere():
    fitted = Normalisation.fit(np.array([[7.0, 1.0], [7.0, 2.0]]))
    done = fitted.apply(np.array([[7.0, 1.0], [8.0, 1.0], [-1e300, 1.0]]))
    np.testing.assert_array_equal(done[:, 0], 0)
    np.testing.assert_array_equal(done[:, 1], -1)


@pytest.mark.parametrize(
    "train",
    [
        column(1e308, -1e308, 0),
        column(1e308, 1.1e308, 1.2e308),
        column(-LARGEST, LARGEST, LARGEST, -LARGEST),
        column(LARGEST, LARGEST, 0),
        column(5e-324, 0, 1e-323),
        column(1e-310, 2e-310),
        column(0, 1e-300),
        column(1, 1 + 2**-52),
        column(1e16, 1e16 + 2, 1e16 + 4),
    ],
)
def test_extreme_columns_stay_finite(train):
    fitted = Normalisation.fit(train)
    assert np.isfinite(fitted.mean).all()
    assert np.isfinite(fitted.scale).all()
    for dtype in (np.float32, np.float64):
        done = fitted.apply(train, dtype)
        assert done.dtype == dtype
        assert abs(done).max() <= len(train)
        others = fitted.apply(column(LARGEST, -LARGEST, 0, 5e-324), dtype)
        assert abs(others).max() <= FARTHEST * (1 + 1e-6)


@pytest.mark.parametrize("train", [column(1e308, -1e308, 0), column(1, 1 + 2**-40), column(0, 1e-300)])
def test_extreme_columns_are_still_normalised(train):
    done = Normalisation.fit(train).apply(train, np.float64)
    np.testing.assert_allclose(
        [done.mean(), done.std()], [0, 1], atol=1e-3
    )  # 2**-12: a mean near 1 in deviations of 2**-40


def test_what_is_farther_than_a_million_deviations_stands_at_a_million_as_the_documents_say():
    fitted = Normalisation.fit(column(-1, 1))
    np.testing.assert_array_equal(fitted.apply(column(9e5, 1e6, 2e6, -1e7), np.float64)[:, 0], [9e5, 1e6, 1e6, -1e6])


def test_integers_are_normalised_as_float64():
    x = np.array([[0], [255]], np.uint8)
    np.testing.assert_array_equal(Normalisation.fit(x).apply(x), [[-1], [1]])


def test_normalised_arrays_are_contiguous_and_leave_the_input_alone():
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(10, 3)))
    before = x.copy()
    done = Normalisation.fit(x).apply(x)
    assert done.flags.c_contiguous
    assert done.dtype == np.float32
    np.testing.assert_array_equal(x, before)
