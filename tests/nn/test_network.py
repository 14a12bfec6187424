import math

import numpy as np
import pytest

from hptune.nn.activations import ACTIVATIONS
from hptune.nn.losses import LOGISTIC, SOFTMAX
from hptune.nn.network import ForwardBuffers, Network, TrainingBuffers
from hptune.nn.optimizers import gradient_descent


def network_by_hand():
    network = Network((3, 2, 1), ACTIVATIONS["relu"], LOGISTIC, np.float64)
    network.weights[0][:] = [[1, 0], [0, 1], [1, -1]]
    network.biases[0][:] = [0, 0.5]
    network.weights[1][:] = [[0.5], [-1]]
    network.biases[1][:] = [0.5]
    batch = TrainingBuffers.allocate(network, 2)
    batch.inputs[:] = [[1, 2, 1], [-1, 0, 0]]
    batch.targets[:] = [[1], [0]]
    return network, batch


def test_a_3_2_1_network_worked_by_hand():
    network, batch = network_by_hand()
    loss, errors = network.differentiate(batch, 0.0)
    # first example:  z1 = (1 + 1, 2 - 1 + 0.5) = (2, 1.5), a1 = z1,       z2 = 1 - 1.5 + 0.5 = 0, p = 1/2
    # second example: z1 = (-1, 0.5),               a1 = (0, 0.5), z2 = 0 - 0.5 + 0.5 = 0, p = 1/2
    np.testing.assert_array_equal(batch.forward.hidden[0], [[2, 1.5], [0, 0.5]])
    np.testing.assert_array_equal(batch.forward.logits, [[0], [0]])
    assert loss == pytest.approx(math.log(2))
    assert errors == 1  # a logit of 0 is class 0, and the first example is of class 1
    # dz2 = (p - y) / 2 = (-1/4, 1/4)
    # dW2 = (2 * -1/4 + 0 * 1/4, 1.5 * -1/4 + 0.5 * 1/4) = (-0.5, -0.25), db2 = 0
    # dz1 = dz2 * (0.5, -1) where z1 > 0: (-0.125, 0.25) and (0, -0.25)
    # dW1 = (1, 2, 1)^T (-0.125, 0.25) + (-1, 0, 0)^T (0, -0.25), db1 = (-0.125, 0)
    dw1 = [-0.125, 0.25 + 0.25, -0.25, 0.5, -0.125, 0.25]
    np.testing.assert_allclose(network.gradient, [*dw1, -0.5, -0.25, -0.125, 0, 0], atol=1e-15)
    before = network.parameters.copy()
    gradient_descent(network.parameters, network.gradient).step(0.1)
    np.testing.assert_allclose(network.parameters, before - 0.1 * network.gradient)
    np.testing.assert_allclose(network.weights[0], [[1.0125, -0.05], [0.025, 0.95], [1.0125, -1.025]])
    np.testing.assert_allclose(network.weights[1], [[0.55], [-0.975]])
    np.testing.assert_allclose(network.biases[0], [0.0125, 0.5])


def test_l2_of_the_network_worked_by_hand():
    network, batch = network_by_hand()
    loss, _ = network.differentiate(batch, 0.4)
    assert loss == pytest.approx(math.log(2))  # the penalty is not part of the loss that is reported
    # lambda / (2 m) = 0.1, the squares sum to 1 + 1 + 1 + 1 + 0.25 + 1
    assert network.penalty(0.4, 2) == pytest.approx(0.525)
    # lambda / m = 0.2 times W is added for the weights, nothing for the biases
    dw1 = [-0.125 + 0.2, 0.5, -0.25, 0.5 + 0.2, -0.125 + 0.2, 0.25 - 0.2]
    np.testing.assert_allclose(network.gradient, [*dw1, -0.5 + 0.1, -0.25 - 0.2, -0.125, 0, 0], atol=1e-15)


def test_l1_of_the_network_worked_by_hand():
    network, batch = network_by_hand()
    loss, _ = network.differentiate(batch, 0.0, 0.4)
    assert loss == pytest.approx(math.log(2))
    # lambda / m = 0.2, the absolute weights sum to 1 + 1 + 1 + 1 + 0.5 + 1
    assert network.penalty(0.0, 2, 0.4) == pytest.approx(1.1)
    # lambda / m = 0.2 times sign(W) is added for the weights, nothing for weights of 0 and for the biases
    dw1 = [-0.125 + 0.2, 0.5, -0.25, 0.5 + 0.2, -0.125 + 0.2, 0.25 - 0.2]
    np.testing.assert_allclose(network.gradient, [*dw1, -0.5 + 0.2, -0.25 - 0.2, -0.125, 0, 0], atol=1e-15)


def test_layers_are_views_of_the_one_vector_and_cover_it_once():
    network = Network((5, 4, 3), ACTIVATIONS["tanh"], SOFTMAX)
    assert network.parameters.shape == (5 * 4 + 4 * 3 + 4 + 3,)
    assert network.parameters.dtype == np.float32
    for view in (*network.weights, *network.biases):
        np.add(view, 1, out=view)
    np.testing.assert_array_equal(network.parameters, 1)


def wide_network(hidden=2000):
    """One hidden layer of ones, so that the logit is the mean of what dropout keeps."""
    network = Network((1, hidden, 1), ACTIVATIONS["relu"], LOGISTIC, np.float64)
    network.biases[0][:] = 1
    network.weights[1][:] = 1 / hidden
    return network


def test_dropout_keeps_the_expectation():
    network = wide_network()
    batch = TrainingBuffers.allocate(network, 50, dropout=0.3)
    batch.inputs[:], batch.targets[:] = 0, 1
    batch.dropout.draw(np.random.default_rng(0))
    network.differentiate(batch, 0.0)
    assert set(np.unique(batch.dropout.masks[0])) == {0.0, 1 / (1 - 0.3)}
    # 100,000 units kept with probability 0.7: the mean's deviation is sqrt(0.3 / 0.7 / 100,000) = 0.002
    assert batch.forward.logits.mean() == pytest.approx(1, abs=0.01)
    assert batch.forward.logits.std() > 0


def test_every_layer_can_have_a_rate_of_its_own():
    network = Network((1, 300, 200, 100, 1), ACTIVATIONS["relu"], LOGISTIC, np.float64)
    batch = TrainingBuffers.allocate(network, 50, dropout=(0.5, 0.0, 0.2))
    batch.draw(np.random.default_rng(0))
    for mask, rate in zip(batch.dropout.masks, (0.5, 0.0, 0.2), strict=True):
        assert set(np.unique(mask)) == {0.0, 1 / (1 - rate)} - ({0.0} if rate == 0 else set())
        assert mask.mean() == pytest.approx(1, abs=0.04)  # 5,000 units of rate 0.2: deviation 0.007; of 0.5, 0.008


def test_layers_of_one_rate_are_dropped_as_by_a_single_number():
    network = Network((2, 8, 5, 3), ACTIVATIONS["tanh"], SOFTMAX)
    batches = [TrainingBuffers.allocate(network, 4, dropout=rate) for rate in (0.3, (0.3, 0.3), (0.3, 0.4))]
    for batch in batches:
        batch.draw(np.random.default_rng(1))
    one, each, other = ([mask.tolist() for mask in batch.dropout.masks] for batch in batches)
    assert one == each
    assert other[0] == one[0]
    assert other[1] != one[1]


def test_the_inputs_and_the_hidden_layers_are_dropped_each_at_their_own_rate():
    network = Network((20, 30, 40, 3), ACTIVATIONS["relu"], SOFTMAX, np.float64)
    batch = TrainingBuffers.allocate(network, 50, 0.5, 0.2)
    batch.draw(np.random.default_rng(0))
    assert set(np.unique(batch.input_dropout.masks[0])) == {0.0, 1 / (1 - 0.2)}
    for mask in batch.dropout.masks:
        assert set(np.unique(mask)) == {0.0, 2.0}
    for mask, rate in ((batch.input_dropout.masks[0], 0.2), *((mask, 0.5) for mask in batch.dropout.masks)):
        assert np.mean(mask == 0) == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / mask.size))


def test_input_dropout_keeps_the_expectation():
    network = Network((2000, 1), ACTIVATIONS["relu"], LOGISTIC, np.float64)
    network.weights[0][:] = 1 / 2000
    batch = TrainingBuffers.allocate(network, 50, input_dropout=0.3)
    batch.inputs[:], batch.targets[:] = 1, 1
    batch.draw(np.random.default_rng(0))
    network.differentiate(batch, 0.0)
    assert set(np.unique(batch.input_dropout.masks[0])) == {0.0, 1 / (1 - 0.3)}
    assert batch.forward.logits.mean() == pytest.approx(1, abs=0.01)
    assert batch.forward.logits.std() > 0
    np.testing.assert_array_equal(batch.inputs, 1)


def test_dropout_is_off_in_evaluation():
    network = wide_network()
    buffers = ForwardBuffers.allocate(network, 3)
    network.evaluate(np.zeros((3, 1)), np.ones((3, 1)), buffers)
    np.testing.assert_allclose(buffers.logits, 1, rtol=1e-12)


def test_a_mask_stays_until_the_next_draw_and_differs_between_layers():
    network = Network((2, 8, 8, 3), ACTIVATIONS["tanh"], SOFTMAX)
    batch = TrainingBuffers.allocate(network, 4, dropout=0.5)
    rng = np.random.default_rng(1)
    batch.dropout.draw(rng)
    first = [mask.copy() for mask in batch.dropout.masks]
    batch.inputs[:], batch.targets[:] = 1, 0
    network.differentiate(batch, 0.0)
    np.testing.assert_array_equal(batch.dropout.masks, first)
    assert np.any(first[0] != first[1])
    batch.dropout.draw(rng)
    assert np.any(batch.dropout.masks[0] != first[0])


def test_there_is_nothing_to_drop_without_hidden_layers():
    network = Network((2, 3), ACTIVATIONS["relu"], SOFTMAX)
    assert TrainingBuffers.allocate(network, 4, dropout=0.5).dropout is None
