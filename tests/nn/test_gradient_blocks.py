"""The gradient check of a study: blocks, kinks, rounding, verdicts; and that it names the block where a fault is."""

import dataclasses

import numpy as np
import pytest
from nn.examples import BLOBS, MOONS, PLANE

from hptune.nn import gradient_check, losses, training
from hptune.nn.activations import ACTIVATIONS, LEAK, Activation
from hptune.nn.gradient_check import ALL, Verdict, check, positions, relative_difference, unsettle, worst
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.losses import SOFTMAX
from hptune.nn.network import Network, TrainingBuffers


def begin(dataset=BLOBS, *, seed=0, **changes):
    h = Hyperparameters(**{"hidden_layers": 2, "hidden_units": 5, "batch_size": 16, "activation": "tanh", **changes})
    return h, *training.first_batch(dataset, h, seed=seed, number=0, most=128)


def checked(dataset=BLOBS, *, moved=True, seed=0, **changes):
    h, network, batch = begin(dataset, seed=seed, **changes)
    rng = np.random.default_rng(1)
    if moved:
        unsettle(network, rng)
    return {block.name: block for block in check(network, batch, h.l2, h.l1, rng)}


def wrong(blocks):
    return {name for name, block in blocks.items() if block.verdict is Verdict.WRONG}


def test_every_parameter_lies_in_one_block():
    _, network, _ = begin(batch_norm=True)
    found = positions(network)
    assert list(found) == ["W1", "gamma1", "beta1", "W2", "gamma2", "beta2", "W3", "b3"]
    assert [shape for shape, _ in found.values()] == [(2, 5), (5,), (5,), (5, 5), (5,), (5,), (5, 3), (3,)]
    together = np.concatenate([indices for _, indices in found.values()])
    np.testing.assert_array_equal(np.sort(together), np.arange(network.parameters.size))
    network.parameters[found["W2"][1]] = 7
    np.testing.assert_array_equal(network.weights[1], 7)
    assert not np.any(network.weights[0] == 7)


def test_the_first_batch_is_that_of_the_trial(monkeypatch):
    seen = []
    differentiate = Network.differentiate

    def watched(network, batch, *penalties):
        seen.append((network.parameters.copy(), batch.inputs.copy(), batch.targets.copy()))
        return differentiate(network, batch, *penalties)

    h = Hyperparameters(batch_size=16, dropout=0.5)
    monkeypatch.setattr(Network, "differentiate", watched)
    next(training.train(BLOBS, h, metric="dev_error", seed=3, number=4, dtype=np.float64))
    network, batch = training.first_batch(BLOBS, h, seed=3, number=4, most=10)
    for mine, theirs in zip((network.parameters, batch.inputs, batch.targets), seen[0], strict=True):
        np.testing.assert_array_equal(mine, theirs[: len(mine)])
    assert len(batch.inputs) == 10
    assert batch.dropout is batch.input_dropout is None


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("init", ["auto", "large", "zeros"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dataset", [MOONS, BLOBS], ids=["logistic", "softmax"])
def test_what_is_right_is_great(activation, init, batch_norm, dataset):
    blocks = checked(dataset, activation=activation, init=init, batch_norm=batch_norm, l2=0.7, l1=0.4)
    assert {block.verdict for block in blocks.values()} == {Verdict.GREAT}
    assert sum(block.checked for block in blocks.values()) > sum(block.kinks for block in blocks.values())


@pytest.mark.parametrize("moved", [False, True])
def test_blocks_whose_gradient_is_zero_are_no_false_alarm(moved):
    blocks = checked(init="zeros", moved=moved)  # nothing below the last layer matters where its weights are zero
    assert {blocks[name].difference for name in ("W1", "b1", "W2", "b2")} == {0.0}
    assert (
        {"W1", "b1", "W2", "b2"} <= {name for name, block in blocks.items() if block.is_zero} < blocks.keys() - {"b3"}
    )
    assert worst(blocks.values()).verdict is Verdict.GREAT


def test_a_gradient_that_rounding_drowns_is_no_false_alarm():
    # a gradient of about 1e-13 in the first layer, of a loss of about 1
    blocks = checked(activation="sigmoid", hidden_layers=12, init="xavier", init_scale=0.2)
    assert blocks["W1"].is_rounding
    assert blocks["W1"].difference > 1e-3
    assert worst(blocks.values()).verdict is Verdict.GREAT


def test_a_small_gradient_that_is_wrong_is_not_excused_by_rounding(monkeypatch):
    def fault(network, batch, l2):
        network.gradient[where] *= 1.01
        lengths.append(np.linalg.norm(network.gradient[where]))

    h = {"activation": "sigmoid", "hidden_layers": 5, "init": "xavier", "init_scale": 0.2}
    where, lengths = positions(begin(**h)[1])["W1"][1], []
    faulty(monkeypatch, fault)
    assert wrong(checked(**h)) >= {"W1"}
    assert 1e-8 < max(lengths) < 1e-6  # a hundredth is 10 times what rounding makes of W1, and no more than 100 times


@pytest.mark.parametrize(
    ("first", "second", "difference", "verdict"),
    [
        ((5e-8, 0), (1, 0), 5e-8, Verdict.GREAT),  # at once
        ((5e-4, 6e-4), (1, 0), 5e-4, Verdict.GREAT),  # rounding
        ((5e-2, 0), (5e-8, 0), 5e-8, Verdict.GREAT),
        ((5e-6, 4e-6), (5e-5, 4e-5), 5e-6, Verdict.LOOK_AGAIN),  # the better of the two, whichever it is
        ((5e-4, 0), (5e-6, 0), 5e-6, Verdict.LOOK_AGAIN),
        ((5e-6, 0), (5e-6, 0), 5e-6, Verdict.LOOK_AGAIN),
        ((9e-4, 0), (2e-5, 0), 2e-5, Verdict.CANNOT_TELL),  # a bend: about 100 times less with the smaller step
        ((5e-2, 0), (5e-4, 0), 5e-4, Verdict.CANNOT_TELL),
        ((2e-3, 0), (9e-4, 0), 9e-4, Verdict.CANNOT_TELL),
        ((5e-5, 4e-5), (3e-4, 4e-4), 5e-5, Verdict.CANNOT_TELL),  # rounding: about 10 times more
        ((5e-5, 4e-5), (-5e-5, 4e-4), 5e-5, Verdict.CANNOT_TELL),  # to either side
        ((5e-4, 0), (4.9e-4, 0), 4.9e-4, Verdict.WRONG),  # a mistake is the same
        ((5e-4, 0), (5.2e-4, 4e-4), 5e-4, Verdict.WRONG),
        ((1.01e-3, 0), (9.9e-4, 0), 9.9e-4, Verdict.WRONG),
        ((5e-2, 0), (4e-2, 0), 4e-2, Verdict.CANNOT_TELL),  # but none that differs is relied on, however large it is
        ((0.5, 0), (0.49, 0), 0.49, Verdict.WRONG),
        ((0.5, 0), (0.9, 0), 0.5, Verdict.CANNOT_TELL),
    ],
)
def test_the_second_step_tells_a_bend_from_a_mistake(monkeypatch, first, second, difference, verdict):
    """Of each step: the relative difference of the one slope, with a sign, and how much of it may be rounding."""
    slopes = {}
    for step, (d, drowned) in zip(gradient_check.STEPS, (first, second), strict=False):
        found = [np.array([slope]) for slope in (1.0, (1 - d) / (1 + d))]
        slopes[step] = gradient_check._Slopes(*found, np.array([True]), 2 * drowned)
    monkeypatch.setattr(gradient_check, "_slopes", lambda *arguments: slopes[arguments[-1]])
    block = gradient_check._check(None, None, 0, 0, [(0, 1.0)], ("W1", (1,), 1))
    assert block.difference == pytest.approx(difference)
    assert block.verdict is verdict


def test_a_kink_within_the_larger_step_hides_no_mistake_elsewhere():
    larger = gradient_check._Slopes(np.ones(2), np.array([0.9, 7.0]), np.array([True, False]), 0.0)
    smaller = gradient_check._Slopes(np.ones(2), np.array([0.9, 0.9]), np.array([True, True]), 0.0)
    assert gradient_check._agree(larger, smaller)


@pytest.mark.parametrize(("slip", "verdict"), [(1, Verdict.GREAT), (1.001, Verdict.WRONG), (2, Verdict.WRONG)])
def test_what_only_the_smaller_steps_can_check_is_judged_by_them(monkeypatch, slip, verdict):
    def fault(network, batch, l2):
        network.gradient[where] *= slip

    _, network, batch = begin()
    network.weights[1][:] = 5e-6 * np.sign(network.weights[1])  # within the first step of the kink of |w|
    where = positions(network)["W2"][1]
    faulty(monkeypatch, fault)
    found = {block.name: block for block in check(network, batch, 0.0, 0.4, np.random.default_rng(0))}["W2"]
    assert found.checked == found.size
    assert found.verdict is verdict


def test_a_slope_of_leaky_relu_that_is_a_tenth_off_is_a_mistake(monkeypatch):
    def slip(a, out):
        np.greater(a, 0, out=out, casting="unsafe")
        np.maximum(out, 1.1 * LEAK, out=out)

    h = {"activation": "leaky_relu", "hidden_layers": 1, "hidden_units": 8}
    assert {block.verdict for block in checked(**h).values()} == {Verdict.GREAT}
    right = ACTIVATIONS["leaky_relu"]
    monkeypatch.setitem(ACTIVATIONS, "leaky_relu", Activation(right.apply, slip, has_kink=True))
    blocks = checked(**h)
    assert wrong(blocks) == {"W1", "b1", ALL}
    assert 1e-5 < blocks["W1"].difference < 1e-3  # by the bars alone no more than doubtful


@pytest.mark.parametrize(
    ("seed", "changes"),
    [
        # a unit with weights near 0, of which the batch's deviation bends within sqrt(epsilon)
        (733, {"dataset": MOONS, "hidden_layers": 3, "hidden_units": 2, "batch_size": 3, "activation": "relu",
               "init_scale": 1e-3, "batch_norm": True, "batch_norm_epsilon": 1e-8, "l2": 100.0, "l1": 1e-3}),
        # units so saturated that 1 - a^2 is rounding
        (290, {"dataset": PLANE, "hidden_layers": 6, "batch_size": 1, "init": "xavier", "init_scale": 10.0}),
    ],
    ids=["bend", "rounding"],
)  # fmt: skip
def test_a_sharp_bend_and_rounding_are_no_mistakes(seed, changes):
    blocks = checked(seed=seed, moved=False, **changes)
    assert worst(blocks.values()).verdict is Verdict.CANNOT_TELL


def test_kinks_are_left_out_and_counted():
    _, network, batch = begin(activation="relu", hidden_layers=1)
    batch.inputs[:] = np.round(batch.inputs)
    network.weights[0][:] = np.sign(network.weights[0])  # whole numbers, so that some units stand at 0 exactly
    plain = relative_difference(network, batch)
    blocks = {block.name: block for block in check(network, batch, 0.0, 0.0, np.random.default_rng(0))}
    assert plain > 1e-3
    assert blocks["b1"].kinks > 0
    assert blocks["W1"].checked == 0  # and no difference at all is no proof
    assert worst(blocks.values()).verdict is blocks["W1"].verdict is Verdict.NOT_CHECKED
    assert {block.verdict for block in blocks.values() if block.checked} == {Verdict.GREAT}
    assert blocks["W2"].kinks == 0
    for name, (_, indices) in positions(network).items():
        assert blocks[name].checked + blocks[name].kinks == blocks[name].size == indices.size


def test_a_weight_within_a_step_of_0_is_left_out_under_l1_alone():
    _, network, batch = begin()
    network.weights[1][2, 3] = 1e-7
    network.weights[1][0, 0] = 0  # there both slopes of |w| cancel, as sign(0) = 0 says
    assert relative_difference(network, batch, l1=5.0) > 1e-3
    (with_l1, without) = (check(network, batch, 0.0, l1, np.random.default_rng(0)) for l1 in (5.0, 0.0))
    assert {block.name for block in with_l1 if block.kinks} == {"W2", ALL}
    assert next(block.kinks for block in with_l1 if block.name == "W2") == 1
    assert not any(block.kinks for block in without)
    assert worst(with_l1).verdict is Verdict.GREAT


def test_large_networks_are_checked_in_part_chosen_by_the_seed(monkeypatch):
    monkeypatch.setattr(gradient_check, "MOST", 60)
    blocks = checked(hidden_units=20)
    assert {n: (b.checked, b.size) for n, b in blocks.items()} == {
        "W1": (10, 40), "b1": (10, 20), "W2": (10, 400), "b2": (10, 20), "W3": (10, 60), "b3": (3, 3), ALL: (10, 10),
    }  # fmt: skip
    assert blocks == checked(hidden_units=20)
    monkeypatch.setattr(gradient_check, "WORK", 30 * 583 * 16)  # 583 parameters, 16 rows
    assert {b.checked for b in checked(hidden_units=20, batch_size=16).values()} == {10, 3}


def test_the_parameters_are_left_as_they_were():
    _, network, batch = begin(batch_norm=True)
    before = network.parameters.copy()
    check(network, batch, 0.1, 0.1, np.random.default_rng(0))
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize(
    ("difference", "label"),
    [(0.0, "great"), (9e-8, "great"), (2e-7, "look again"), (2e-5, "cannot tell"), (np.nan, "cannot tell")],
)
def test_verdicts_follow_the_bars_of_the_course(difference, label):
    assert Verdict.of(difference).label == label


def faulty(monkeypatch, fault):
    """Every gradient goes through fault(network, batch, l2) after it has been computed."""
    differentiate = Network.differentiate

    def patched(network, batch, l2, l1=0.0):
        found = differentiate(network, batch, l2, l1)
        fault(network, batch, l2)
        return found

    monkeypatch.setattr(Network, "differentiate", patched)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2", "W3", "b3"])
def test_a_sign_that_is_wrong_in_one_block_is_found_there(monkeypatch, activation, name):
    def fault(network, batch, l2):
        network.gradient[where] *= -1

    where = positions(begin()[1])[name][1]
    assert not wrong(checked(activation=activation))
    faulty(monkeypatch, fault)
    blocks = checked(activation=activation)
    assert wrong(blocks) == {name, ALL}
    assert worst(blocks.values()).name == name


def test_l2_that_is_twice_what_it_should_be_is_found_in_the_weights(monkeypatch):
    def fault(network, batch, l2):
        for name in ("W1", "W2", "W3"):
            network.gradient[where[name][1]] += l2 / len(batch.inputs) * network.parameters[where[name][1]]

    where = positions(begin()[1])
    faulty(monkeypatch, fault)
    assert not wrong(checked())
    assert wrong(checked(l2=0.7)) == {"W1", "W2", "W3", ALL}


def test_a_mean_that_is_a_sum_is_found_everywhere(monkeypatch):
    def fault(predictions, targets):
        np.subtract(predictions, targets, out=predictions)
        return predictions

    monkeypatch.setattr(losses, "to_gradient", fault)
    blocks = checked()
    assert wrong(blocks) == set(blocks)
    assert blocks["b3"].difference == pytest.approx((16 - 1) / (16 + 1), abs=1e-6)  # |16 g - g| / (|16 g| + |g|)


def normed():
    """Where the blocks of a network with one normalised layer lie."""
    return {name: indices for name, (_, indices) in positions(begin(hidden_layers=1, batch_norm=True)[1]).items()}


def test_a_batch_mean_taken_as_a_constant_is_found_below_the_normalisation(monkeypatch):
    def fault(network, batch, l2):
        # to the gradient by z, gamma / s * (delta - mean of delta - ...), the mean is given back
        mean_of_delta = network.gradient[where["beta1"]] / len(batch.inputs)
        extra = network.gammas[0] / np.sqrt(batch.norms[0].variance + 1e-5) * mean_of_delta
        network.gradient[where["W1"]] += np.outer(batch.inputs.sum(axis=0), extra).ravel()

    where = normed()
    assert not wrong(checked(hidden_layers=1, batch_norm=True))
    faulty(monkeypatch, fault)
    blocks = checked(hidden_layers=1, batch_norm=True)
    assert wrong(blocks) == {"W1", ALL}
    assert worst(blocks.values()).name == "W1"


def test_a_gamma_left_out_of_the_gradient_shows_because_it_is_not_1(monkeypatch):
    def fault(network, batch, l2):
        network.gradient[where["W1"]] /= np.tile(network.gammas[0], 2)  # of both features

    where = normed()
    faulty(monkeypatch, fault)
    assert not wrong(checked(hidden_layers=1, batch_norm=True, moved=False))  # why the check moves them
    assert wrong(checked(hidden_layers=1, batch_norm=True)) == {"W1", ALL}


def test_a_small_mistake_is_graded():
    rng = np.random.default_rng(0)
    network = Network((3, 4, 3), ACTIVATIONS["tanh"], SOFTMAX, np.float64)
    network.parameters[:] = rng.normal(size=network.parameters.shape)
    batch = TrainingBuffers.allocate(network, 8)
    batch.inputs[:], batch.targets[:] = rng.normal(size=(8, 3)), np.eye(3)[rng.integers(3, size=8)]
    verdicts = []
    for slip in (0.0, 2e-6, 2e-4, 2e-2):
        wrong_slope = lambda a, out, slip=slip: np.multiply(1 - a * a, 1 + slip, out=out)  # noqa: E731
        network.activation = Activation(ACTIVATIONS["tanh"].apply, wrong_slope)
        blocks = check(network, batch, 0.0, 0.0, rng)
        assert {block.verdict for block in blocks if block.name in {"W2", "b2"}} == {Verdict.GREAT}
        verdicts.append(next(block.verdict.label for block in blocks if block.name == "W1"))
    assert verdicts == ["great", "look again", "wrong", "wrong"]  # with a smaller step 1e-4 would be less in a bend


def test_dropout_of_the_study_is_off():
    h, network, batch = begin(dropout=0.5, input_dropout=0.5)
    same = dataclasses.replace(h, dropout=0.0, input_dropout=0.0)
    other_network, other = training.first_batch(BLOBS, same, seed=0, number=0, most=128)
    assert network.differentiate(batch, 0.0) == other_network.differentiate(other, 0.0)


def test_a_gradient_that_is_no_number_is_a_mistake_where_the_loss_has_a_slope(monkeypatch):
    def fault(network, batch, l2):
        network.gradient[where] = np.nan

    where = positions(begin()[1])["b2"][1]
    faulty(monkeypatch, fault)
    assert wrong(checked()) == {"b2", ALL}
