"""What is trained by both, hptune and the reference: small data sets, and a configuration for each thing to compare."""

from __future__ import annotations

from itertools import product

import numpy as np
from nn.examples import blobs, moons, plane, split

from hptune.nn import training
from hptune.nn.hyperparameters import LEGAL, Hyperparameters

SEED, NUMBER, EPOCHS = 5, 11, 10
SOFTMAX = split(blobs, ("a", "b", "c"), (120, 60, 60))
LOGISTIC = split(moons, ("lower", "upper"), (120, 60, 60))
REGRESSION = split(plane, (), (120, 60, 60))

OPTIMIZERS = {
    "gradient_descent": {"learning_rate": 0.3},
    "momentum": {"learning_rate": 0.5, "momentum": 0.8},
    "rmsprop": {"learning_rate": 0.01, "beta2": 0.9},
    "adam": {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.99},
}
EXTRAS = {
    "plain": {},
    "batch_norm": {"batch_norm": True, "batch_norm_momentum": 0.7},
    "l2": {"l2": 0.5},
    "l1": {"l1": 0.3},
    "clip_norm": {"clip_norm": 0.2},
}
SCHEDULES = {
    "constant": {},
    "inverse_time": {"learning_rate_decay": 0.5},
    "exponential": {"decay_factor": 0.8},
    "sqrt": {},
    "staircase": {"decay_epochs": 3},
    "manual": {"learning_rate_factors": "3:0.5 6:0.1"},
}


def _case(dataset, **changes):
    smooth = {"epochs": EPOCHS, "batch_size": 32, "hidden_layers": 2, "hidden_units": 6, "activation": "tanh"}
    return dataset, Hyperparameters(**{**smooth, **changes})  # with a last mini-batch of 24


CASES = {
    **{
        f"{optimizer}, {extra}": _case(SOFTMAX, optimizer=optimizer, **OPTIMIZERS[optimizer], **EXTRAS[extra])
        for optimizer, extra in product(OPTIMIZERS, EXTRAS)
    },
    **{
        f"{activation}, {'batch_norm' if batch_norm else 'plain'}": _case(
            SOFTMAX, activation=activation, batch_norm=batch_norm
        )
        for activation, batch_norm in product(LEGAL["activation"].choices, (False, True))
    },
    **{
        f"logistic, {extra}": _case(LOGISTIC, **OPTIMIZERS["adam"], **EXTRAS[extra])
        for extra in ("plain", "batch_norm", "l2")
    },
    **{
        f"regression, {extra}": _case(REGRESSION, **OPTIMIZERS["adam"], **EXTRAS[extra])
        for extra in ("plain", "batch_norm", "l2")
    },
    **{
        f"schedule {schedule}": _case(
            SOFTMAX, optimizer="momentum", **OPTIMIZERS["momentum"], schedule=schedule, **settings
        )
        for schedule, settings in SCHEDULES.items()
    },
    **{f"init {init}": _case(SOFTMAX, init=init) for init in LEGAL["init"].choices},
    "no hidden layer": _case(SOFTMAX, hidden_layers=0),
    "mini-batches of one": _case(LOGISTIC, batch_size=1, epochs=3),
    "all at once": _case(
        SOFTMAX, optimizer="adam", schedule="exponential", batch_norm=True, l2=0.3, l1=0.2, clip_norm=0.5,
        hidden_layers=3, init="xavier", init_scale=1.5,
    ),
}  # fmt: skip


def start(dataset, h):
    """What both begin with, in short: sums over the data, the first weights and the first mini-batch."""
    network, batch = training.first_batch(dataset, h, seed=SEED, number=NUMBER, most=32)
    return [float(np.abs(part).sum()) for part in (dataset.train.x, dataset.dev.x, network.parameters, batch.inputs)]
