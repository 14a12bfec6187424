"""Regression: a step worked by hand, training to the closed forms of least squares, and errors over batches."""

import math
from dataclasses import replace

import numpy as np
import pytest
from nn.examples import PLANE, error_of, plane, run, run_to_network

from hptune.data.dataset import Dataset, normalise
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.nn import training
from hptune.nn.activations import ACTIVATIONS
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.losses import SQUARED_ERROR
from hptune.nn.network import Network, TrainingBuffers
from hptune.trial import DivergedError

LINEAR = Hyperparameters(hidden_layers=0, schedule="constant", batch_size=10**6)


def test_a_2_2_1_network_worked_by_hand():
    network = Network((2, 2, 1), ACTIVATIONS["relu"], SQUARED_ERROR, np.float64)
    network.weights[0][:] = [[1, -1], [0.5, 1]]
    network.biases[0][:] = [0, 1]
    network.weights[1][:] = [[2], [-1]]
    network.biases[1][:] = [0.5]
    batch = TrainingBuffers.allocate(network, 2)
    batch.inputs[:] = [[1, 2], [2, -4]]
    batch.targets[:] = [[3], [1.5]]
    loss, squares = network.differentiate(batch, 0.0)
    # first example:  z1 = (1 + 1, -1 + 2 + 1) = (2, 2),  a1 = (2, 2), z2 = 4 - 2 + 0.5 = 2.5, off by -0.5
    # second example: z1 = (2 - 2, -2 - 4 + 1) = (0, -5), a1 = (0, 0), z2 = 0.5,               off by -1
    np.testing.assert_array_equal(batch.forward.logits, [[2.5], [0.5]])
    assert squares == 0.25 + 1
    assert loss == (0.25 + 1) / 4
    # dz2 = (z2 - y) / 2 = (-0.25, -0.5), dW2 = (2 * -0.25, 2 * -0.25) = (-0.5, -0.5), db2 = -0.75
    # dz1 = dz2 * (2, -1) where z1 > 0: (-0.5, 0.25) and nothing
    # dW1 = (1, 2)^T (-0.5, 0.25), db1 = (-0.5, 0.25)
    np.testing.assert_array_equal(network.gradient, [-0.5, 0.25, -1, 0.5, -0.5, -0.5, -0.5, 0.25, -0.75])


@pytest.fixture
def parameters_by_epoch(monkeypatch):
    """Trains in float64, and gives the parameters after every epoch and the curve."""
    networks = []
    build = training._network
    monkeypatch.setattr(training, "_network", lambda *args: networks.append(build(*args)) or networks[-1])

    def train(dataset, h):
        epochs = training.train(dataset, h, metric="dev_error", seed=0, number=0, dtype=np.float64)
        pairs = [(networks[-1].parameters.copy(), metrics) for metrics in epochs]
        return [parameters for parameters, _ in pairs], [metrics for _, metrics in pairs]

    return train


def ridge(subset, penalty):
    """The weights and the bias that minimise sum of (x w + b - y)^2 + penalty * ||w||^2, by the normal equations."""
    x, y = subset.x - subset.x.mean(axis=0), subset.y - subset.y.mean()
    w = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    return np.r_[w, subset.y.mean() - subset.x.mean(axis=0) @ w]


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "gradient_descent", "learning_rate": 0.9, "epochs": 500},
        {"optimizer": "momentum", "learning_rate": 0.9, "epochs": 500},
        {"optimizer": "adam", "learning_rate": 0.05, "epochs": 3000},
    ],
    ids=lambda changes: changes["optimizer"],
)
@pytest.mark.parametrize("l2", [0.0, 30.0])
def test_a_linear_problem_ends_at_its_closed_form(parameters_by_epoch, changes, l2):
    found, curve = parameters_by_epoch(PLANE, replace(LINEAR, l2=l2, **changes))
    a = np.c_[PLANE.train.x, np.ones(len(PLANE.train))]
    expected = ridge(PLANE.train, l2) if l2 else np.linalg.lstsq(a, PLANE.train.y, rcond=None)[0]
    np.testing.assert_allclose(found[-1], expected, atol=1e-9)
    assert abs(found[0] - expected).max() > 0.1  # it had some way to go
    residuals = a @ expected - PLANE.train.y
    assert curve[-1].train_error == pytest.approx(math.sqrt(np.mean(residuals**2)), rel=1e-9)
    assert curve[-1].train_loss == pytest.approx(np.mean(residuals**2) / 2, rel=1e-9)


def test_predictions_in_the_unit_of_the_targets_are_those_of_least_squares_on_the_raw_data(parameters_by_epoch):
    raw = [plane(n, seed) for seed, n in enumerate((200, 101))]
    dataset = normalise(Dataset(*raw, None, (), ("x", "y")), np.float64)
    h = replace(LINEAR, optimizer="gradient_descent", learning_rate=0.9, epochs=500)
    found, curve = parameters_by_epoch(dataset, h)
    *w, b = found[-1]
    a, others = (np.c_[subset.x, np.ones(len(subset))] for subset in raw)
    expected = others @ np.linalg.lstsq(a, raw[0].y, rcond=None)[0]
    np.testing.assert_allclose(dataset.target.undo(dataset.dev.x @ w + b), expected, rtol=1e-9)
    rmse = math.sqrt(np.mean((expected - raw[1].y) ** 2))
    assert curve[-1].dev_error * dataset.target.deviation == pytest.approx(rmse, rel=1e-9)
    assert dataset.target.deviation == pytest.approx(raw[0].y.std())


@pytest.mark.parametrize("batch_size", [10, 50, 200])
def test_the_penalty_of_a_mini_batch_counts_as_often_as_there_are_batches(batch_size):
    # lambda / (2 m) stands beside the mean over m of n examples, so all n / m batches together minimise
    # sum of squares + (n / m) lambda ||w||^2: there the gradients of the batches sum to 0, and not elsewhere
    x, y = PLANE.train.x, PLANE.train.y
    n, l2 = len(y), 3.0
    network = Network((2, 1), ACTIVATIONS["relu"], SQUARED_ERROR, np.float64)
    batch = TrainingBuffers.allocate(network, batch_size)

    def mean_gradient(penalty):
        network.parameters[:] = ridge(PLANE.train, penalty)
        total = np.zeros(3)
        for start in range(0, n, batch_size):
            batch.inputs[:], batch.targets[:, 0] = x[start : start + batch_size], y[start : start + batch_size]
            network.differentiate(batch, l2)
            total += network.gradient
        return total * batch_size / n

    np.testing.assert_allclose(mean_gradient(l2 * n / batch_size), 0, atol=1e-12)
    if batch_size < n:
        assert abs(mean_gradient(l2)).max() > 1e-3


def test_mini_batches_that_get_smaller_steps_come_near_the_closed_form(parameters_by_epoch):
    changes = {"optimizer": "gradient_descent", "learning_rate": 0.5, "batch_size": 50, "l2": 3.0, "epochs": 2000}
    h = replace(LINEAR, schedule="exponential", decay_factor=0.995, **changes)
    found, _ = parameters_by_epoch(PLANE, h)
    np.testing.assert_allclose(found[-1], ridge(PLANE.train, 3.0 * 200 / 50), atol=1e-4)


def test_the_mean_of_the_targets_has_an_error_of_1():
    # no weights at the start, and a step too small to see
    h = replace(LINEAR, init="zeros", optimizer="gradient_descent", learning_rate=1e-12, batch_size=64, epochs=2)
    curve, final = run(PLANE, h, dtype=np.float64)
    assert curve[0].train_error == pytest.approx(1, abs=1e-9)
    assert curve[0].train_loss == pytest.approx(0.5, abs=1e-9)
    assert final.train_error == pytest.approx(1, abs=1e-9)
    assert curve[0].dev_error == pytest.approx(math.sqrt(np.mean(PLANE.dev.y**2)))


@pytest.mark.parametrize("chunk", [7, 1024])
def test_errors_do_not_depend_on_how_a_set_is_cut(monkeypatch, chunk):
    h = Hyperparameters(epochs=3, learning_rate=0.01)
    whole, trained = run_to_network(PLANE, h, dtype=np.float64)
    test_error = error_of(trained.network, PLANE.test, PLANE)
    monkeypatch.setattr(training, "CHUNK", chunk)
    cut, trained_cut = run_to_network(PLANE, h, dtype=np.float64)
    assert [m.dev_error for m in cut] == pytest.approx([m.dev_error for m in whole], rel=1e-12)
    assert [m.dev_loss for m in cut] == pytest.approx([m.dev_error**2 / 2 for m in whole], rel=1e-12)
    assert trained_cut.final.train_error == pytest.approx(trained.final.train_error)
    assert error_of(trained_cut.network, PLANE.test, PLANE) == pytest.approx(test_error)


@pytest.mark.parametrize("changes", [{}, {"batch_norm": True}, {"dropout": 0.1}, {"activation": "tanh"}], ids=str)
def test_a_wave_is_learned_to_its_noise(changes):
    settings = DataSettings(source="sine", examples=600, noise=0.1)
    h = Hyperparameters(**{"epochs": 100, "batch_size": 32, "learning_rate": 0.01, **changes})
    dataset = normalise(load(settings))
    _, trained = run_to_network(dataset, h)
    line = math.sqrt((0.5 - 3 / math.pi**2 + 0.01) / 0.51)  # what the best straight line reaches: 0.63
    assert 0.12 < error_of(trained.network, dataset.test, dataset) < 0.25 < line


def test_a_step_too_large_diverges_with_its_epoch():
    h = replace(LINEAR, optimizer="gradient_descent", learning_rate=1e3, epochs=100)
    with pytest.raises(DivergedError, match=r"(train|dev)_loss became (inf|nan) in epoch \d+"):
        run(PLANE, h)
