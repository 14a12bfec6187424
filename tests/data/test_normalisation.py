"""Normalisation: statistics of the training set alone, and finite numbers whatever the columns are like."""

import dataclasses

import numpy as np
import pytest

from hptune.data.dataset import FARTHEST, Dataset, Normalisation, Subset, is_binary, network_inputs, normalise
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.training import train

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


def test_columns_of_0_and_1_stay_as_they_are_and_numbers_are_normalised(tmp_path):
    """Population mean and deviation of 2, 4, 6, 8 are 5 and sqrt(5), as scikit-learn's StandardScaler has them."""
    rows = ["2,red,0,1,3", "4,blue,1,1,3", "6,red,0,2,3", "8,green,0,1,3"]
    for name in ("train", "dev"):
        (tmp_path / f"{name}.csv").write_text("a,colour,b,c,d,y\n" + "\n".join(f"{row},{'pq'[n % 2]}"
            for n, row in enumerate(rows * 2)))  # fmt: skip
    paths = {key: str(tmp_path / f"{name}.csv") for key, name in (("path", "train"), ("dev", "dev"))}
    done = normalise(load(DataSettings(**paths, target="y")), np.float64)
    assert done.features == ("a", "colour=blue", "colour=green", "colour=red", "b", "c", "d")
    root, c = np.sqrt(5), np.array([-1, -1, 3, -1]) / np.sqrt(3)  # of 1, 1, 2, 1: mean 1.25, deviation sqrt(3) / 4
    expected = np.column_stack(
        [np.array([-3, -1, 1, 3]) / root, [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0], c, np.zeros(4)]
    )
    np.testing.assert_allclose(done.train.x, np.vstack([expected, expected]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "is_left"),
    [
        ((0, 1, 1), True), ((-0.0, 1, 0), True), ((0, 0, 0), False), ((1, 1, 1), False), ((0, 2, 0), False),
        ((0, 1, 0.5), False), ((-1, 1, 0), False), ((0, 1, 5e-324), False), ((0, 1 + 2**-52, 1), False),
    ],
)  # fmt: skip
def test_which_columns_are_left(values, is_left):
    x = column(*values)
    assert is_binary(x).tolist() == [is_left]
    assert Normalisation.fit(x).as_they_are.tolist() == [is_left]


def test_other_numbers_in_columns_of_0_and_1_are_bounded():
    fitted = Normalisation.fit(column(0, 1, 0))
    np.testing.assert_array_equal(fitted.apply(column(0, 1, 7, 1e300))[:, 0], [0, 1, 7, FARTHEST])


def test_targets_of_0_and_1_are_normalised():
    y = np.array([0.0, 0, 0, 1])
    dataset = Dataset(*[Subset(np.arange(8.0).reshape(4, 2), y)] * 2, None, (), ("p", "q"))
    np.testing.assert_allclose(normalise(dataset).train.y, (y - 0.25) / np.sqrt(3 / 16), rtol=1e-12)


@pytest.mark.parametrize("columns", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_done_in_blocks_has_the_bits_of_what_is_done_at_once(columns, order, monkeypatch):
    x = np.asarray(np.random.default_rng(0).normal(3, 2, size=(1000, columns)), order=order)
    x[:, -1] = x[:, -1] > 3
    whole = Normalisation.fit(x)
    inputs = whole.apply(x), network_inputs(x, None)
    monkeypatch.setattr("hptune.data.dataset.BLOCK", 3000)  # 3 columns, 375 rows or more
    parts = Normalisation.fit(x)
    np.testing.assert_array_equal(parts.mean, whole.mean)
    np.testing.assert_array_equal(parts.scale, whole.scale)
    np.testing.assert_array_equal(parts.apply(x), inputs[0])
    np.testing.assert_array_equal(network_inputs(x, None), inputs[1])


def test_rare_texts_do_not_drown_the_numbers():
    """Three texts of 200 levels beside 6 numbers, 5 % of one class."""
    random = np.random.default_rng(0)
    rows = 4000
    numbers, texts, effect = random.normal(size=(rows, 6)), random.integers(0, 200, (rows, 3)), random.normal(size=200)
    z = 2 * numbers[:, 0] - 2 * numbers[:, 1] + effect[texts[:, 0]] + random.logistic(size=rows)
    x = np.hstack([numbers, *(np.eye(200)[texts[:, k]] for k in range(3))])
    y = (z > np.quantile(z, 0.95)).astype(int)
    dataset = Dataset(Subset(x[:3000], y[:3000]), Subset(x[3000:], y[3000:]), None, ("a", "b"), ("p",) * 606)
    loss = {}
    for leaves in (True, False):
        ready = normalise(dataclasses.replace(dataset, leaves_binary=leaves))
        epochs = train(ready, Hyperparameters(epochs=4, learning_rate=0.003), metric="dev_loss", seed=0, number=0)
        loss[leaves] = min(metrics.dev_loss for metrics in epochs)
    assert loss[True] < 0.7 * loss[False]
