"""What comes next to 0 in training is taken for 0 before it makes a processor slow, and nothing else changes."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from hptune.data.dataset import Dataset, Subset
from hptune.nn import training
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.network import TrainingBuffers
from hptune.nn.underflow import Underflow, steps_between_clearings
from hptune.trial import DivergedError

TINY = float(np.finfo(np.float32).tiny)  # the smallest normal number, 2^-126


def examples(n, seed, classes):
    """Ten inputs, of which five are 0 and five say something of the class or, without classes, of the target."""
    rng = np.random.default_rng(seed)
    x = np.c_[rng.standard_normal((n, 5)), np.zeros((n, 5))].astype(np.float32)
    y = x[:, 0] - x[:, 1] + 0.5 * rng.standard_normal(n)
    return Subset(x, np.clip(y + classes / 2, 0, classes - 1).astype(np.int64) if classes else y)


def dataset(classes):
    names = tuple("abcdef"[:classes])
    return Dataset(examples(160, 1, classes), examples(80, 2, classes), None, names, tuple("0123456789"))


CASES = {  # what is to be seen to, and training in which it comes next to 0
    "weights, adam": (3, {"l2": 0.5, "epsilon": 1e-4, "beta1": 0.5}),
    "weights, rmsprop": (0, {"l2": 0.025, "epsilon": 1e-4, "optimizer": "rmsprop"}),
    "weights, momentum": (2, {"l2": 30, "learning_rate": 0.1, "optimizer": "momentum", "momentum": 0.5}),
    "weights, gradient_descent": (3, {"l2": 30, "learning_rate": 0.1, "optimizer": "gradient_descent"}),
    "weights, batch norm": (2, {"l2": 0.5, "epsilon": 1e-4, "beta1": 0.5, "batch_norm": True}),
    "averages of dead units": (0, {"learning_rate": 3, "beta1": 0.5}),
    "deep gradients": (2, {"hidden_layers": 20, "activation": "sigmoid", "init_scale": 0.05}),
    "deep activations": (2, {"hidden_layers": 20, "activation": "tanh", "init_scale": 0.01}),
    "probabilities": (6, {"hidden_layers": 1, "init_scale": 40, "batch_size": 160, "learning_rate": 1e-6}),
}
COMMON = Hyperparameters(epochs=60, batch_size=16, hidden_layers=2, hidden_units=8, beta2=0.9, learning_rate=0.01)


@pytest.fixture
def arrays(monkeypatch):
    """By name the arrays of the training that follows: what stays from step to step and what the last step made."""
    found, build, allocate = {}, training.optimizers.build, TrainingBuffers.allocate

    def watched_build(h, parameters, gradient):
        optimizer = build(h, parameters, gradient)
        found.update(parameters=[parameters], gradient=[gradient], totals=optimizer.totals, squares=optimizer.squares)
        return optimizer

    def watched_allocate(*arguments):
        batch = allocate(*arguments)
        found.update(activations=batch.forward.hidden, deltas=[*batch.deltas, batch.forward.predictions])
        return batch

    monkeypatch.setattr(training.optimizers, "build", watched_build)
    monkeypatch.setattr(training.TrainingBuffers, "allocate", watched_allocate)
    return found


def subnormal(x):
    """How many numbers of x are not 0 and below the smallest normal one."""
    return int(np.count_nonzero((x != 0) & (np.abs(x) < TINY)))


def train(case, arrays):
    """Losses and errors of every epoch, and how many numbers were subnormal after any epoch, by the arrays' name."""
    classes, changes = CASES[case]
    curve, counts = [], Counter()
    with suppress(DivergedError):
        for metrics in training.train(
            dataset(classes), replace(COMMON, **changes), metric="dev_loss", seed=0, number=0
        ):
            curve.append(metrics.to_json()[:-1])
            counts.update({name: sum(map(subnormal, found)) for name, found in arrays.items()})
    return curve, {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("case", CASES)
def test_no_array_holds_subnormal_numbers_and_what_is_learned_stays_the_same_to_the_last_bit(case, arrays, monkeypatch):
    curve, counts = train(case, arrays)
    monkeypatch.setattr(Underflow, "begin_step", lambda _self, _every: False)
    as_it_would_be, would_be = train(case, arrays)
    assert sum(would_be.values()) >= 10
    assert sum(counts.values()) <= 0.1 * sum(would_be.values())  # some come and go between two looks
    assert len(curve) == COMMON.epochs
    assert curve == as_it_would_be


def test_a_step_at_a_rate_next_to_0_makes_no_subnormal_products(monkeypatch):
    rates, build = [], training.optimizers.build

    def watched_build(h, parameters, gradient):
        optimizer = build(h, parameters, gradient)
        return optimizer._replace(step=lambda rate, is_tiny: (rates.append(rate), optimizer.step(rate, is_tiny)))

    monkeypatch.setattr(training.optimizers, "build", watched_build)
    falling = replace(COMMON, schedule="exponential", decay_factor=0.1, batch_size="full")
    reported = [
        metrics.learning_rate for metrics in training.train(dataset(2), falling, metric="dev_loss", seed=0, number=0)
    ]
    assert reported[-1] == pytest.approx(1e-61)
    np.testing.assert_allclose(rates, [rate if rate > 8.7e-19 else 0 for rate in reported])


def test_clearing_takes_what_is_below_and_changes_nothing_else():
    underflow = Underflow(1, np.float32)
    x = np.array(
        [[0, -0.0, 1e-45, -1e-38], [7.8e-31, -7.8e-31, 7.9e-31, -8e-31], [1, -3e38, np.inf, -1e-20]], np.float32
    )
    cleared = x.copy()
    underflow.clear(cleared, underflow.floor)  # 2^-100 = 7.889e-31
    np.testing.assert_array_equal(cleared, [[0, 0, 0, 0], [0, 0, *x[1, 2:]], x[2]])
    assert underflow.has_below(x, underflow.floor)
    assert not underflow.has_below(cleared, underflow.floor)


def test_clearing_reaches_every_number_of_a_large_array():
    x = np.full(100_000, 1e-35, np.float32)
    x[::1000] = 1
    Underflow(0, np.float32).clear(x, 1e-30)
    assert x.sum() == np.count_nonzero(x) == 100


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_remains_can_be_squared_and_decay_until_the_next_look(dtype):
    underflow, tiny = Underflow(0, dtype), np.finfo(dtype).tiny
    assert dtype(underflow.root) ** 2 == 64 * tiny
    for total_beta, square_beta in [
        (0.9, 0.999),
        (0.5, 0.0),
        (0.0, 0.5),
        (0.1, 0.9),
        (0.9, 0.7),
        (0.01, 0.01),
        (0.0, 0.0),
    ]:
        steps = steps_between_clearings(total_beta, square_beta)
        assert 1 <= steps <= 100
        assert not total_beta or steps == 1 or underflow.floor * total_beta**steps >= tiny
        assert not square_beta or steps == 1 or underflow.least * square_beta**steps >= tiny


def test_where_signals_vanish_may_move_between_two_looks():
    underflow = Underflow(3, np.float32)
    assert underflow.begin_step(32)
    layers = [np.full(4, value, np.float32) for value in (1.0, 1e-35, 0.0)]
    for place, x in enumerate(layers):
        underflow.clear_again(x, underflow.floor, underflow.activations, place, place - 1)
    assert underflow.activations == [False, True, True]  # of the last, only since the second was cleared
    assert not layers[1].any()
    underflow.clear_gradient(np.ones(3, np.float32))
    assert not underflow.begin_step(32)
    assert underflow.activations == [False, True, True]


@pytest.mark.parametrize(("beta", "clearings"), [(0.9, {0}), (0.5, {0, 26, 52, 78})])
def test_an_average_that_falls_fast_is_seen_to_more_often_and_nothing_else_is(beta, clearings):
    """From 2^26 times the smallest normal number an average of beta 0.5 comes to it in 26 steps."""
    underflow, every = Underflow(1, np.float32), steps_between_clearings(beta, 0.999)
    for look in range(2):
        for step in range(100):
            assert underflow.begin_step(every) is (step in clearings), (look, step)
            assert underflow.is_look is (step == 0)
            underflow.clear_gradient(np.ones(3, np.float32))


def test_nothing_is_touched_outside_training():
    underflow = Underflow(2, np.float32)
    assert not any(
        (*underflow.activations, *underflow.deltas, underflow.gradient, underflow.squares, underflow.is_look)
    )
