import math

import numpy as np
import pytest
from nn.examples import BLOBS, MOONS, error_of, run, run_to_network

from hptune.nn.hyperparameters import Hyperparameters
from hptune.randomness import Purpose, generator


@pytest.mark.parametrize(
    "changes",
    [
        {"activation": "tanh"},
        {"activation": "relu", "hidden_layers": 2},
        {"optimizer": "momentum", "learning_rate": 1.0},
        {"optimizer": "rmsprop", "beta2": 0.9, "learning_rate": 0.01},
        {"activation": "leaky_relu"},
        {"activation": "sigmoid", "learning_rate": 0.1},
        {"optimizer": "gradient_descent", "learning_rate": 0.5},
        {"dropout": 0.1, "hidden_units": 64},
        {"batch_size": 1000, "epochs": 300},
    ],
    ids=str,
)
def test_two_moons_are_told_apart(changes):
    h = Hyperparameters(**{"epochs": 60, "learning_rate": 0.03, "batch_size": 32, "hidden_units": 32, **changes})
    # few dev examples tie early in dev_error, so the weights kept are those of the lowest train_loss
    curve, trained = run_to_network(MOONS, h, metric="train_loss")
    assert curve[-1].train_loss < 0.1 < curve[0].train_loss
    assert trained.final.train_error <= 0.02
    assert error_of(trained.network, MOONS.test, MOONS) <= 0.04


def test_a_straight_line_cannot_tell_moons_apart_but_does_its_best():
    curve, final = run(MOONS, Hyperparameters(hidden_layers=0, learning_rate=0.1))
    assert 0.05 < curve[-1].dev_error < 0.2
    assert 0.05 < final.train_error < 0.2


def test_three_clouds_come_near_the_best_possible_error():
    # cutting the plane into three equal sectors is best possible, and with these distances errs in about 8 %
    curve, _ = run(BLOBS, Hyperparameters(learning_rate=0.01, batch_size=32))
    sectors = np.round(np.arctan2(*BLOBS.dev.x.T[::-1]) / (2 * np.pi / 3)).astype(int) % 3
    assert curve[-1].dev_error <= np.mean(sectors != BLOBS.dev.y) + 0.03


def naive_curve(dataset, h, seed, number):
    """Softmax regression with momentum and l2, written out again with the formulas of the course."""
    x, y, t = dataset.train.x, dataset.train.y, np.eye(3)
    w = generator(seed, Purpose.WEIGHTS, number).standard_normal((2, 3)) * math.sqrt(2 / 2)
    b, vw, vb = np.zeros(3), np.zeros((2, 3)), np.zeros(3)
    shuffle = generator(seed, Purpose.SHUFFLE, number)

    def losses(x, y):
        e = np.exp(x @ w + b)
        p = e / e.sum(axis=1, keepdims=True)
        return p, -np.log(p[np.arange(len(y)), y]), p.argmax(axis=1) != y

    for epoch in range(h.epochs):
        order, alpha = shuffle.permutation(len(y)), h.learning_rate / (1 + h.learning_rate_decay * epoch)
        all_losses, all_errors = [], []
        for start in range(0, len(y), h.batch_size):
            rows = order[start : start + h.batch_size]
            p, loss, errors = losses(x[rows], y[rows])
            all_losses += [*loss]  # one entry an example, so that their mean weights batches by examples
            all_errors += [*errors]
            dz = p - t[y[rows]]
            vw = h.momentum * vw + (1 - h.momentum) * (x[rows].T @ dz + h.l2 * w) / len(rows)
            vb = h.momentum * vb + (1 - h.momentum) * dz.mean(axis=0)
            w, b = w - alpha * vw, b - alpha * vb
        _, loss, errors = losses(dataset.dev.x, dataset.dev.y)
        yield np.mean(all_losses), np.mean(all_errors), np.mean(loss), np.mean(errors), alpha


def test_a_whole_curve_equals_a_naive_implementation():
    h = Hyperparameters(
        hidden_layers=0,
        epochs=6,
        batch_size=64,
        optimizer="momentum",
        learning_rate=0.5,
        learning_rate_decay=0.3,
        l2=2.0,
    )
    assert len(BLOBS.train) % h.batch_size == 8  # the last batch of an epoch is a small one
    curve, _ = run(BLOBS, h, seed=3, number=7, dtype=np.float64)
    actual = [(m.train_loss, m.train_error, m.dev_loss, m.dev_error, m.learning_rate) for m in curve]
    np.testing.assert_allclose(actual, list(naive_curve(BLOBS, h, 3, 7)), rtol=1e-10)
