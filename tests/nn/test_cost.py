from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptune.nn import losses
from hptune.nn.activations import ACTIVATIONS
from hptune.nn.cost import (
    ACTIVATION_CALLS,
    CALL,
    MULTIPLY_ADD,
    NORMAL,
    OPTIMIZER_CALLS,
    PASS,
    SHIFTED,
    TURNED,
    UNIFORM,
    epoch_cost,
)
from hptune.nn.hyperparameters import LEGAL, Hyperparameters

SMALL = Hyperparameters(hidden_units=4, optimizer="gradient_descent", batch_size=5)


def cost(h, n_train=10, n_dev=10, features=2, classes=2):
    return epoch_cost(h, n_train=n_train, n_dev=n_dev, features=features, classes=classes)


def price(calls=0, multiply_adds=0, passes=0):
    return calls * CALL + multiply_adds * MULTIPLY_ADD + passes * PASS


@st.composite
def networks(draw):
    return Hyperparameters(
        batch_size=draw(st.one_of(st.integers(1, 10**6), st.just("full"))),
        hidden_layers=draw(st.integers(1, 5)),
        hidden_units=draw(st.integers(1, 1000)),
        activation=draw(st.sampled_from(list(ACTIVATIONS))),
        optimizer=draw(st.sampled_from(LEGAL["optimizer"].choices)),
        batch_norm=draw(st.booleans()),
        dropout=draw(st.sampled_from([0.0, 0.3])),
        input_noise=draw(st.sampled_from([0.0, 0.1])),
        l1=draw(st.sampled_from([0.0, 0.1])),
        l2=draw(st.sampled_from([0.0, 0.1])),
    )


data = st.fixed_dictionaries(
    {
        "n_train": st.integers(1, 10**6),
        "n_dev": st.integers(1, 10**6),
        "features": st.integers(1, 1000),
        "classes": st.sampled_from([0, 2, 3, 10]),
    }
)


def test_a_network_by_hand():
    """2 inputs, 4 units, 1 output: 12 weights and 5 biases; two steps of 5 rows."""
    calls = 2 * (2 + 12 + 2 * 4 + 1 + 1 + 2 + 2) + 34 + 2 * 2 + 1
    multiply_adds = 10 * (12 + 12 + 4) + 10 * 12
    passes = 2 * 17 * 2 + 10 * (4 * 2 + 20 + 4 * 4) + 10 * (20 + 4 * 2)
    assert (calls, multiply_adds, passes) == (95, 400, 788)
    assert cost(SMALL) == pytest.approx(price(95, 400, 788), rel=1e-12)


def test_logistic_regression_by_hand():
    h = replace(SMALL, hidden_layers=0, batch_size="full")
    assert cost(h) == pytest.approx(price(2 + 12 + 4 + 2 + 34 + 2, 10 * 4 + 20, 3 * 2 + 10 * 28 + 10 * 20), rel=1e-12)


def test_squared_errors_save_the_calls_of_the_cross_entropy():
    assert cost(SMALL, classes=2) - cost(SMALL, classes=0) == pytest.approx(price(2 * 12), rel=1e-9)


@pytest.mark.parametrize(
    ("changed", "more"),
    [
        ({"optimizer": "adam"}, price(2 * 8, 0, 2 * 17 * 8)),
        ({"l2": 0.1}, price(2 * 2, 0, 2 * 2 * 12)),
        ({"l1": 0.1}, price(2 * 3, 0, 2 * 3 * 12)),
        ({"clip_norm": 1.0}, price(2 * 2, 0, 2 * 17)),
        ({"activation": "sigmoid"}, price(2 * 4 + 3, 0, 10 * 4 * 4 + 10 * 4 * 3)),
        ({"batch_norm": True}, price(2 * 24, 0, 2 * 4 * 2 + 10 * 4 * 10 + 10 * 4 * 2)),
        ({"dropout": 0.5}, price(2 * 6, 0, 10 * 4 * 2) + 40 * UNIFORM),
        ({"dropout_by_layer": "0.5"}, price(2 * 6, 0, 10 * 4 * 2) + 40 * UNIFORM),
        ({"input_dropout": 0.5}, price(2 * 4) + 20 * UNIFORM),
        ({"input_noise": 0.5}, price(2 * 4) + 20 * NORMAL),
        ({"shift": 1}, price(2 * 40) + 20 * SHIFTED),
        ({"flip": True}, price(2 * 40) + 20 * SHIFTED),
        ({"rotation": 5.0, "shift": 1}, price(2 * 40) + 20 * TURNED),
        ({"learning_rate": 1.0, "epochs": 7, "init_scale": 2.0}, 0.0),
    ],
)
def test_what_each_hyperparameter_adds(changed, more):
    assert cost(replace(SMALL, **changed)) - cost(SMALL) == pytest.approx(more, rel=1e-9, abs=1e-15)


def test_batches_are_counted_as_the_trainer_makes_them():
    sizes = [1, 4, 5, 9, 10, 11, "full"]
    found = [cost(replace(SMALL, batch_size=size)) for size in sizes]
    step = price(28, 0, 34)
    assert [(c - found[-1]) / step for c in found] == pytest.approx([9, 2, 1, 1, 0, 0, 0])


def test_widths_are_those_of_the_layers():
    assert cost(replace(SMALL, widths="4-4")) == cost(replace(SMALL, hidden_layers=2))
    assert cost(replace(SMALL, widths="8-4"), features=3) != cost(replace(SMALL, widths="4-8"), features=3)


@given(networks(), data)
def test_it_is_above_0_and_grows_with_the_network_and_the_data(h, size):
    base = epoch_cost(h, **size)
    assert base > 0
    assert epoch_cost(replace(h, hidden_units=h.hidden_units + 1), **size) > base
    assert epoch_cost(replace(h, hidden_layers=h.hidden_layers + 1), **size) > base
    for name in ("n_dev", "features"):
        assert epoch_cost(h, **{**size, name: size[name] + 1}) > base
    full = replace(h, batch_size="full")
    assert epoch_cost(full, **{**size, "n_train": size["n_train"] + 1}) > epoch_cost(full, **size)


@given(networks(), data, st.integers(1, 10**6))
def test_it_never_grows_with_the_batch(h, size, more):
    small = min(h.batch_rows(size["n_train"]), size["n_train"])
    larger = replace(h, batch_size=small + more)
    assert epoch_cost(larger, **size) <= epoch_cost(replace(h, batch_size=small), **size)
    assert epoch_cost(replace(h, batch_size="full"), **size) <= epoch_cost(larger, **size)


def test_it_knows_every_activation_optimizer_and_number_of_outputs():
    assert ACTIVATION_CALLS.keys() == ACTIVATIONS.keys()
    assert OPTIMIZER_CALLS.keys() == set(LEGAL["optimizer"].choices)
    for classes in (2, 3, 10):
        outputs = losses.for_classes(classes).outputs(classes)
        widened = cost(replace(SMALL, hidden_layers=0), classes=classes) - cost(replace(SMALL, hidden_layers=0))
        # a further output has 2 weights and a bias, and 20 passes of each of 20 rows
        assert widened == pytest.approx((outputs - 1) * price(0, 10 * 4 + 20, 2 * 3 * 2 + 20 * 20), abs=1e-15)


def test_it_is_plain_arithmetic_without_numpy():
    code = "import sys, hptune.nn.cost; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
