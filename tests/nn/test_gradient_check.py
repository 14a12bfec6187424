import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from hptune.nn.activations import ACTIVATIONS, Activation
from hptune.nn.gradient_check import relative_difference
from hptune.nn.initializers import VARIANCES, initialize
from hptune.nn.losses import LOGISTIC, SOFTMAX, SQUARED_ERROR
from hptune.nn.network import Network, TrainingBuffers

ROWS, FEATURES, UNITS = 5, 3, 4
CLASSES = {LOGISTIC: 2, SOFTMAX: 3, SQUARED_ERROR: 0}
LOSSES = pytest.mark.parametrize("loss", CLASSES, ids=["logistic", "softmax", "squared_error"])


def build(activation, loss, init, hidden_layers, dropout, seed, *, input_dropout=0.0, batch_norm=False, rows=ROWS):
    classes = CLASSES[loss]
    sizes = (FEATURES, *[UNITS] * hidden_layers, loss.outputs(classes))
    network = Network(sizes, ACTIVATIONS[activation], loss, np.float64, batch_norm=batch_norm)
    rng = np.random.default_rng(seed)
    initialize(network.weights, init, activation, rng)
    for b in (*network.biases, *network.gammas):  # zeros and ones would hide mistakes
        b[:] = rng.normal(size=b.shape)
    batch = TrainingBuffers.allocate(network, rows, dropout, input_dropout)
    batch.inputs[:] = rng.normal(size=(rows, FEATURES))
    labels = rng.integers(classes, size=rows) if classes else rng.normal(size=rows)
    batch.targets[:] = loss.encode(labels, classes, np.float64)
    batch.draw(rng)
    return network, batch


def distance_to_a_kink(network, batch):
    """The pre-activation nearest to 0. The forward pass is written out again, dropout and all."""
    a, nearest = batch.kept_inputs(), np.inf
    for layer in range(len(network.weights) - 1):
        z = a @ network.weights[layer]
        if network.gammas:
            z = network.gammas[layer] * (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
        z += network.biases[layer]
        nearest = min(nearest, np.abs(z).min())
        network.activation.apply(z)
        a = z if batch.dropout is None else z * batch.dropout.masks[layer]
    return nearest


def smooth_case(*case, **options):
    """The first seed of which no pre-activation is near 0.

    There relu has a kink, and a difference taken across it is no derivative. A step of 1e-5 in one
    parameter moves pre-activations of this size by less than 1e-3.
    """
    cases = (build(*case, seed, **options) for seed in itertools.count())
    return next(c for c in cases if distance_to_a_kink(*c) > 1e-3)


def slope_along(network, batch, direction, step, **penalties):
    """The derivative of the cost along a direction, from four points: its error is of order step^4."""
    before, costs = network.parameters.copy(), []
    for times in (-2, -1, 1, 2):
        network.parameters[:] = before + times * step * direction
        loss, _ = network.differentiate(batch, **penalties)
        costs.append(loss + network.penalty(rows=len(batch.inputs), **penalties))
    network.parameters[:] = before
    return (costs[0] - 8 * costs[1] + 8 * costs[2] - costs[3]) / (12 * step)


def difference_along_random_vectors(network, batch, step=1e-5, **penalties):
    """Relative difference of gradient @ v and the slope along v, over some random unit vectors v."""
    network.differentiate(batch, **penalties)
    gradient = network.gradient.copy()
    vectors = np.random.default_rng(7).normal(size=(20, gradient.size))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    analytic = vectors @ gradient
    numeric = np.array([slope_along(network, batch, v, step, **penalties) for v in vectors])
    return np.linalg.norm(analytic - numeric) / (np.linalg.norm(analytic) + np.linalg.norm(numeric))


@pytest.mark.parametrize("hidden_layers", [0, 1, 2, 3])
@pytest.mark.parametrize(("l2", "l1"), [(0.0, 0.0), (0.7, 0.0), (0.0, 0.4), (0.7, 0.4)])
@pytest.mark.parametrize("init", VARIANCES)
@LOSSES
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backpropagation_agrees_with_differences(activation, loss, init, l2, l1, hidden_layers):
    network, batch = smooth_case(activation, loss, init, hidden_layers, 0.0)
    # weights of about 10 magnify a step and its error from layer to layer
    step, vector_step = (1e-7, 1e-6) if init == "large" else (1e-5, 1e-5)
    assert relative_difference(network, batch, l2, step, l1) < 1e-7
    assert difference_along_random_vectors(network, batch, vector_step, l2=l2, l1=l1) < 1e-7


@pytest.mark.parametrize("hidden_layers", [1, 2])
@pytest.mark.parametrize(("l2", "l1"), [(0.0, 0.0), (0.7, 0.4)])
@pytest.mark.parametrize("init", VARIANCES)
@LOSSES
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backpropagation_agrees_through_batch_normalisation(activation, loss, init, l2, l1, hidden_layers):
    network, batch = smooth_case(activation, loss, init, hidden_layers, 0.0, batch_norm=True)
    # around weights of zero 1 / sqrt(variance + epsilon) bends sharply
    step = 1e-7 if init == "zeros" else 1e-5
    assert relative_difference(network, batch, l2, l1=l1) < 1e-7
    assert difference_along_random_vectors(network, batch, step, l2=l2, l1=l1) < 1e-7


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backpropagation_agrees_through_batch_normalisation_and_dropout(activation, rows):
    options = {"batch_norm": True, "input_dropout": 0.2, "rows": rows}
    network, batch = smooth_case(activation, SOFTMAX, "he", 2, 0.3, **options)
    assert relative_difference(network, batch, 0.7, l1=0.4) < 1e-7
    assert difference_along_random_vectors(network, batch, l2=0.7, l1=0.4) < 1e-7


def test_a_mean_and_a_variance_taken_as_constants_are_found():
    network, batch = smooth_case("tanh", SOFTMAX, "he", 1, 0.0, batch_norm=True)
    norm = batch.norms[0]

    def naive(delta, gamma, gamma_gradient, beta_gradient):
        np.sum(delta * norm._normed, axis=0, out=gamma_gradient)
        delta *= gamma * norm._inverse

    wrong = replace(batch, norms=(SimpleNamespace(apply=norm.apply, differentiate=naive),))
    assert relative_difference(network, batch) < 1e-7
    assert relative_difference(network, wrong) > 1e-3


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("hidden_layers", [0, 2])
def test_backpropagation_agrees_with_inputs_dropped(dropout, hidden_layers):
    network, batch = smooth_case("tanh", SOFTMAX, "he", hidden_layers, dropout, input_dropout=0.4)
    assert np.any(batch.input_dropout.masks[0] == 0)
    assert relative_difference(network, batch, 0.7, l1=0.4) < 1e-7
    assert difference_along_random_vectors(network, batch, l2=0.7, l1=0.4) < 1e-7


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden_layers", [1, 3])
def test_backpropagation_agrees_under_a_fixed_dropout_mask(activation, hidden_layers):
    network, batch = smooth_case(activation, SOFTMAX, "he", hidden_layers, 0.3)
    assert any(np.any(mask == 0) for mask in batch.dropout.masks)
    assert relative_difference(network, batch, 0.7) < 1e-7


def test_a_wrong_derivative_is_found():
    network, batch = smooth_case("tanh", SOFTMAX, "he", 2, 0.0)
    network.activation = Activation(network.activation.apply, lambda a, out: np.subtract(1, a, out=out))  # not squared
    assert relative_difference(network, batch) > 1e-3


def test_a_penalty_that_is_left_out_of_the_gradient_is_found(monkeypatch):
    network, batch = smooth_case("tanh", SOFTMAX, "he", 1, 0.0)
    differentiate = network.differentiate
    monkeypatch.setattr(network, "differentiate", lambda batch, _l2, _l1: differentiate(batch, 0.0))
    assert relative_difference(network, batch, 0.7) > 1e-3
    assert relative_difference(network, batch, l1=0.4) > 1e-3


def test_the_parameters_are_left_as_they_were():
    network, batch = smooth_case("relu", LOGISTIC, "he", 1, 0.0)
    before = network.parameters.copy()
    relative_difference(network, batch)
    np.testing.assert_array_equal(network.parameters, before)
