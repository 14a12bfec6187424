import dataclasses
import itertools
import re

import numpy as np
import pytest
from nn.examples import BLOBS, MOONS, SMALL, run

from hptune.nn import training
from hptune.nn.activations import ACTIVATIONS
from hptune.nn.hyperparameters import LEGAL, Hyperparameters
from hptune.trial import DivergedError


# every warning is an error in this project's tests, so these also show that none escapes
@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "rmsprop", "adam"])
@pytest.mark.parametrize("dataset", [MOONS, BLOBS], ids=["logistic", "softmax"])
@pytest.mark.parametrize("learning_rate", [1e30, 1e300])
def test_divergence_is_told_with_metric_value_and_epoch(optimizer, dataset, learning_rate):
    h = dataclasses.replace(SMALL, optimizer=optimizer, learning_rate=learning_rate, hidden_layers=2)
    with pytest.raises(DivergedError, match=r"^train_loss became (nan|inf) in epoch 1$"):
        run(dataset, h)


def test_divergence_after_the_last_batch_shows_in_dev():
    h = dataclasses.replace(SMALL, optimizer="gradient_descent", learning_rate=1e300, batch_size=200)
    with pytest.raises(DivergedError, match=r"^dev_loss became (nan|inf) in epoch 1$"):
        run(BLOBS, h)


def test_a_later_divergence_names_its_epoch_and_keeps_the_epochs_before():
    h = Hyperparameters(hidden_layers=2, optimizer="gradient_descent", learning_rate=1e4, batch_size=50, epochs=1000)
    epochs = training.train(BLOBS, h, metric="dev_loss", seed=0, number=0)
    seen = []
    with pytest.raises(DivergedError) as caught:
        seen.extend(m.epoch for m in epochs)
    assert str(caught.value).endswith(f" in epoch {len(seen) + 1}")


def test_between_epochs_the_consumer_keeps_its_own_error_state():
    epochs = training.train(BLOBS, SMALL, metric="dev_error", seed=0, number=0)
    with np.errstate(all="raise"):
        before = np.geterr()
        next(epochs)
        assert np.geterr() == before
    next(epochs)
    assert np.geterr() != before


@pytest.mark.parametrize(
    "extreme",
    [
        {"learning_rate": 1e-300},
        {"epsilon": 1e300},
        {"epsilon": 1e-300},
        {"beta1": 0.0, "beta2": 0.0},
        {"beta1": 1 - 1e-16, "beta2": 1 - 1e-16},
        {"optimizer": "rmsprop", "beta2": 1 - 1e-16, "epsilon": 1e-300, "learning_rate": 1e-3},
        {"optimizer": "rmsprop", "beta2": 0.0, "epsilon": 1e300},
        {"optimizer": "momentum", "momentum": 1 - 1e-16},
        {"dropout": 1 - 1e-16},
        {"learning_rate_decay": 1e300},
        {"batch_size": 1},
        {"clip_norm": 5e-324},
        {"clip_norm": 1e300, "l1": 1e-300},
        {"input_dropout": 1 - 1e-16},
        {"hidden_layers": 0},
        {"hidden_units": 1, "hidden_layers": 20},
    ],
    ids=str,
)
def test_legal_extremes_train_without_a_warning(extreme):
    curve, _ = run(BLOBS, dataclasses.replace(SMALL, **{"epochs": 2, **extreme}))
    assert len(curve) == 2


def ends_well(dataset, h):
    """Whether all epochs ran; where not, a loss became infinite or no number."""
    reason = ""
    try:
        curve, _ = run(dataset, h)
    except DivergedError as error:
        reason = str(error)
    if reason:
        assert re.fullmatch(r"(train|dev)_loss became (nan|-?inf) in epoch [1-9]", reason)
    else:
        assert len(curve) == h.epochs
    return not reason


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("optimizer", LEGAL["optimizer"].choices)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nothing_escapes_a_rate_that_is_much_too_high(activation, optimizer, batch_norm):
    diverged = 0
    changes = {"activation": activation, "optimizer": optimizer, "batch_norm": batch_norm, "epochs": 3, "dropout": 0.0}
    for rate, init, extra in itertools.product((1e6, 1e38), ("auto", "large"), ({}, {"clip_norm": 1.0}, {"l1": 1.0})):
        h = dataclasses.replace(SMALL, **changes, init=init, learning_rate=rate, hidden_layers=2, **extra)
        diverged += not ends_well(MOONS, h)
    assert diverged >= 5  # of the six with the rate 1e38


IMAGES = dataclasses.replace(BLOBS, image=(1, 2, 1))  # of two pixels, for what only images can have
REALS = [name for name, legal in LEGAL.items() if legal.kind == "real"]
VALUES = (5e-324, 1e-30, 0.0, 0.5, 1 - 1e-16, 1e30, 3.5e38, 1.7e308)


@pytest.mark.parametrize("name", REALS)
def test_no_legal_number_makes_a_warning(name):
    schedule = {"learning_rate_decay": "inverse_time", "decay_factor": "exponential"}.get(name, "constant")
    legal = [value for value in VALUES if LEGAL[name].admits(value)]
    assert len(legal) >= 4
    for value, optimizer, batch_norm in itertools.product(legal, ("momentum", "rmsprop", "adam"), (False, True)):
        changes = {"epochs": 2, "optimizer": optimizer, "batch_norm": batch_norm, "schedule": schedule}
        ends_well(IMAGES, dataclasses.replace(SMALL, **{**changes, name: value}))


def test_first_weights_that_overflow_end_at_once():
    with pytest.raises(DivergedError, match=r"^train_loss became nan in epoch 1$"):
        run(BLOBS, dataclasses.replace(SMALL, init_scale=1e300))
