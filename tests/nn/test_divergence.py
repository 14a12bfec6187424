import dataclasses

import numpy as np
import pytest
from nn.examples import BLOBS, MOONS, SMALL, run

from hptune.nn import training
from hptune.nn.hyperparameters import Hyperparameters
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
