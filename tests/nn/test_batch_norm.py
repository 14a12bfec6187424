import dataclasses

import numpy as np
import pytest
from nn.examples import BLOBS, MOONS, SMALL, error_of, run, run_to_network

from hptune.nn.activations import ACTIVATIONS
from hptune.nn.gradient_check import relative_difference
from hptune.nn.hyperparameters import LEGAL, Hyperparameters
from hptune.nn.losses import SOFTMAX
from hptune.nn.network import ForwardBuffers, Network, TrainingBuffers
from hptune.nn.optimizers import gradient_descent

SIZES = (3, 5, 4, 2)


def network_and_batch(rows, seed=0, dropout=0.0, epsilon=1e-5):
    """A network whose every parameter is random, and a mini-batch off the middle."""
    rng = np.random.default_rng(seed)
    network = Network(SIZES, ACTIVATIONS["tanh"], SOFTMAX, np.float64, batch_norm=True, batch_norm_epsilon=epsilon)
    network.parameters[:] = rng.normal(size=network.parameters.shape)
    batch = TrainingBuffers.allocate(network, rows, dropout)
    batch.inputs[:] = rng.normal(2, 3, size=(rows, 3))
    batch.targets[:] = np.eye(2)[rng.integers(2, size=rows)]
    batch.draw(rng)
    return network, batch


def directly(network, x, statistics=None, epsilon=1e-5):
    """The logits, and the mean and variance of every layer, written out with NumPy's own mean and variance."""
    seen = []
    for layer in range(2):
        z = x @ network.weights[layer]
        mean, variance = (z.mean(axis=0), z.var(axis=0)) if statistics is None else statistics[layer]
        seen.append((mean, variance))
        y = network.gammas[layer] * (z - mean) / np.sqrt(variance + epsilon) + network.biases[layer]
        x = np.tanh(y)
    return x @ network.weights[2] + network.biases[2], seen


def test_gammas_begin_at_one_and_stand_after_weights_and_biases():
    network = Network(SIZES, ACTIVATIONS["relu"], SOFTMAX, batch_norm=True)
    n_weights = 3 * 5 + 5 * 4 + 4 * 2
    np.testing.assert_array_equal(network.parameters, [0] * (n_weights + 5 + 4 + 2) + [1] * (5 + 4))
    for view in (*network.weights, *network.biases, *network.gammas):
        view[...] = 7
    np.testing.assert_array_equal(network.parameters, 7)


def test_without_it_there_is_nothing_of_it():
    network = Network(SIZES, ACTIVATIONS["relu"], SOFTMAX)
    assert network.gammas == TrainingBuffers.allocate(network, 4).norms == ()
    assert network.statistics is None


def test_without_hidden_layers_there_is_nothing_to_normalise():
    network = Network((3, 2), ACTIVATIONS["relu"], SOFTMAX, batch_norm=True)
    assert network.statistics is None
    plain, _ = run(BLOBS, dataclasses.replace(SMALL, hidden_layers=0))
    curve, _ = run(BLOBS, dataclasses.replace(SMALL, hidden_layers=0, batch_norm=True))
    assert [m.dev_loss for m in curve] == [m.dev_loss for m in plain]


def test_one_unit_worked_by_hand():
    network = Network((1, 1, 2), ACTIVATIONS["relu"], SOFTMAX, np.float64, batch_norm=True)
    network.weights[0][:], network.gammas[0][:], network.biases[0][:] = 2, 3, 5
    batch = TrainingBuffers.allocate(network, 4)
    batch.inputs[:, 0], batch.targets[:] = [1, 2, 3, 4], [1, 0]
    network.differentiate(batch, 0.0)
    # z = 2, 4, 6, 8: mean 5, variance (9 + 1 + 1 + 9) / 4 = 5; y = 3 (-3, -1, 1, 3) / sqrt(5) + 5, up to epsilon
    assert (batch.norms[0].mean, batch.norms[0].variance) == (5, 5)
    np.testing.assert_allclose(batch.forward.hidden[0][:, 0], 3 * np.array([-3, -1, 1, 3]) / 5**0.5 + 5, rtol=1e-5)


@pytest.mark.parametrize("rows", [2, 7])
def test_training_normalises_by_the_mini_batch(rows):
    network, batch = network_and_batch(rows)
    network.differentiate(batch, 0.0)
    logits, seen = directly(network, batch.inputs)
    np.testing.assert_allclose(batch.forward.logits, logits, rtol=1e-10)
    for norm, (mean, variance) in zip(batch.norms, seen, strict=True):
        np.testing.assert_allclose(norm.mean, mean, rtol=1e-12)
        np.testing.assert_allclose(norm.variance, variance, rtol=1e-10)


def test_the_averages_follow_their_formula():
    momentum, v = 0.8, 0
    network, batch = network_and_batch(6)
    rng = np.random.default_rng(1)
    for t in range(1, 5):
        batch.inputs[:] = rng.normal(t, t, size=(6, 3))
        network.differentiate(batch, 0.0)
        network.track(batch, momentum)
        _, seen = directly(network, batch.inputs)
        now = np.concatenate([s for s, _ in seen] + [s for _, s in seen])
        v = momentum * v + (1 - momentum) * now
        np.testing.assert_allclose(network.statistics.flat, v / (1 - momentum**t), rtol=1e-10)


def test_evaluation_normalises_by_the_averages_and_by_nothing_else():
    network, batch = network_and_batch(6, dropout=0.5)
    for _ in range(3):
        network.differentiate(batch, 0.0)
        network.track(batch, 0.9)
        batch.inputs[:] += 1
    before = network.statistics.flat.copy()
    x, targets = np.random.default_rng(2).normal(size=(5, 3)), np.eye(2)[[0, 1, 1, 0, 1]]
    buffers, single = ForwardBuffers.allocate(network, 5), ForwardBuffers.allocate(network, 1)
    network.evaluate(x, targets, buffers)
    statistics = list(zip(network.statistics.means, network.statistics.variances, strict=True))
    np.testing.assert_allclose(buffers.logits, directly(network, x, statistics)[0], rtol=1e-10)
    assert np.abs(buffers.logits - directly(network, x)[0]).max() > 0.1
    for row in range(5):
        network.evaluate(x[row : row + 1], targets[row : row + 1], single)
        np.testing.assert_allclose(single.logits[0], buffers.logits[row], rtol=1e-12)
    np.testing.assert_array_equal(network.statistics.flat, before)


@pytest.mark.parametrize("epsilon", [1e-12, 0.3, 40.0])
def test_epsilon_is_added_to_the_variance_in_training_and_in_evaluation(epsilon):
    network, batch = network_and_batch(6, epsilon=epsilon)
    network.differentiate(batch, 0.0)
    logits, seen = directly(network, batch.inputs, epsilon=epsilon)
    np.testing.assert_allclose(batch.forward.logits, logits, rtol=1e-10)
    network.track(batch, 0.9)
    buffers = ForwardBuffers.allocate(network, 6)
    network.evaluate(batch.inputs, batch.targets, buffers)
    np.testing.assert_allclose(buffers.logits, directly(network, batch.inputs, seen, epsilon)[0], rtol=1e-10)
    assert relative_difference(network, batch) < 1e-7


def test_the_epsilon_of_a_study_reaches_the_network():
    h = dataclasses.replace(SMALL, batch_norm=True, learning_rate=1e-9, optimizer="gradient_descent", epochs=1)
    usual, same, large = (
        run(BLOBS, dataclasses.replace(h, **changes))[0][0]
        for changes in ({}, {"batch_norm_epsilon": 1e-5}, {"batch_norm_epsilon": 100.0})
    )
    assert (usual.train_loss, usual.dev_loss) == (same.train_loss, same.dev_loss)
    # every unit's normalised output shrinks to some tenth: the logits near 0, the loss near log(3)
    assert abs(large.dev_loss - np.log(3)) < 0.15 < abs(usual.dev_loss - np.log(3))


def test_before_the_first_mini_batch_nothing_is_taken_away():
    network, batch = network_and_batch(4)
    buffers = ForwardBuffers.allocate(network, 4)
    network.evaluate(batch.inputs, batch.targets, buffers)
    logits, _ = directly(network, batch.inputs, [(0, 1), (0, 1)])
    np.testing.assert_allclose(buffers.logits, logits, rtol=1e-12)


def test_to_differentiate_moves_no_average():
    network, batch = network_and_batch(4)
    network.differentiate(batch, 0.0)
    np.testing.assert_array_equal(network.statistics.flat, [0] * 9 + [1] * 9)


def test_a_single_row_is_beta_and_moves_no_average():
    network, batch = network_and_batch(1)
    network.differentiate(batch, 0.0)
    np.testing.assert_array_equal(batch.forward.hidden[0][0], np.tanh(network.biases[0]))
    assert np.all(np.isfinite(network.gradient))
    np.testing.assert_array_equal(network.gradient[: 3 * 5 + 5 * 4], 0)  # no weight below a normalised layer matters
    before = network.statistics.flat.copy()
    network.track(batch, 0.9)
    np.testing.assert_array_equal(network.statistics.flat, before)


def test_penalties_leave_gamma_and_beta_alone():
    network, batch = network_and_batch(5)
    network.differentiate(batch, 0.0)
    plain = network.gradient.copy()
    network.differentiate(batch, 0.7, 0.4)
    n_weights = 3 * 5 + 5 * 4 + 4 * 2
    np.testing.assert_array_equal(network.gradient[n_weights:], plain[n_weights:])
    assert np.all(network.gradient[:n_weights] != plain[:n_weights])


def test_a_step_moves_gamma_and_beta():
    network, batch = network_and_batch(5)
    before = [view.copy() for view in (*network.gammas, *network.biases)]
    network.differentiate(batch, 0.0)
    gradient_descent(network.parameters, network.gradient).step(0.1)
    assert all(np.all(a != b) for a, b in zip(before, (*network.gammas, *network.biases), strict=True))


@pytest.mark.parametrize("optimizer", LEGAL["optimizer"].choices)
@pytest.mark.parametrize("batch_size", [32, 199, 200])  # with last mini-batches of 8, 1 and 200 rows
def test_training_works_with_every_optimizer_and_dropout_and_is_reproducible(optimizer, batch_size):
    h = dataclasses.replace(SMALL, epochs=3, batch_norm=True, optimizer=optimizer, batch_size=batch_size)
    h = dataclasses.replace(h, hidden_layers=2, input_dropout=0.1)
    curves = [[dataclasses.replace(m, seconds=0.0) for m in run(BLOBS, h)[0]] for _ in range(2)]
    assert curves[0] == curves[1]
    single, double = ([m.dev_loss for m in run(BLOBS, h, dtype=dtype)[0]] for dtype in (np.float32, np.float64))
    np.testing.assert_allclose(single, double, rtol=1e-2)


def test_mini_batches_of_one_row_train_without_a_warning():
    curve, _ = run(BLOBS, dataclasses.replace(SMALL, epochs=2, batch_norm=True, batch_size=1))
    assert len(curve) == 2


@pytest.mark.parametrize("momentum", [0.0, 0.5, 1 - 1e-16])
def test_the_momentum_of_a_study_reaches_the_averages(momentum):
    plain, _ = run(BLOBS, dataclasses.replace(SMALL, batch_norm=True))
    curve, _ = run(BLOBS, dataclasses.replace(SMALL, batch_norm=True, batch_norm_momentum=momentum))
    assert [m.train_loss for m in curve] == [m.train_loss for m in plain]
    assert all(a.dev_loss != b.dev_loss for a, b in zip(curve, plain, strict=True))


def test_two_moons_are_told_apart():
    h = Hyperparameters(epochs=60, learning_rate=0.03, batch_size=32, hidden_layers=2, batch_norm=True)
    curve, trained = run_to_network(MOONS, h, metric="dev_loss")
    assert curve[-1].train_loss < 0.1
    assert trained.final.train_error <= 0.02
    assert error_of(trained.network, MOONS.test, MOONS) <= 0.04
