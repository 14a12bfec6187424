"""The hyperparameters of the built-in network: names, defaults, legal values. The one place that declares them.

Standard library only, so that a study file is checked without loading NumPy. A name here is a legal key
of `train:` and of `space:`; what a search may draw, and how far a zoom may extend, follows from Legal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hptune.legal import Legal
from hptune.trial import Value


def _legal(default: Value, doc: str, legal: Legal) -> Any:
    return dataclasses.field(default=default, metadata={"doc": doc, "legal": legal})


_RANDOM = ("he", "xavier", "xavier_average", "large")
_MOMENTUM = ("optimizer", ("momentum",))
_ADAM = ("optimizer", ("adam",))
_SQUARES = ("optimizer", ("rmsprop", "adam"))


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """One configuration of the network and its training."""

    normalize_inputs: bool = _legal(
        True, "inputs by mean and deviation of the training set, or as they are", Legal("bool")
    )
    epochs: int = _legal(30, "passes over the training set", Legal("int", low=1, high=10**9))
    patience: int = _legal(
        0, "epochs without a lower metric after which training stops; 0 is never", Legal("int", low=0, high=10**9)
    )
    batch_size: int = _legal(64, "examples in a mini-batch", Legal("int", low=1, high=10**9))
    hidden_layers: int = _legal(
        1, "hidden layers; 0 is linear, logistic or softmax regression", Legal("int", low=0, high=100)
    )
    hidden_units: int = _legal(32, "units in each hidden layer", Legal("int", low=1, high=100_000))
    activation: str = _legal(
        "relu", "of the hidden layers", Legal("choice", choices=("relu", "leaky_relu", "tanh", "sigmoid"))
    )
    batch_norm: bool = _legal(False, "normalise before every activation by the mini-batch", Legal("bool"))
    batch_norm_momentum: float = _legal(
        0.9,
        "beta of the averages of means and variances for evaluation",
        Legal("real", low=0, high=1, high_open=True, only_with=("batch_norm", (True,))),
    )
    init: str = _legal(
        "auto",
        "initial weights: their variance is he 2/n_in, xavier 1/n_in, xavier_average 2/(n_in + n_out), zeros 0, "
        "large 100; auto is he for relu and leaky_relu, xavier for tanh and sigmoid",
        Legal("choice", choices=("auto", *_RANDOM, "zeros")),
    )
    init_scale: float = _legal(
        1.0,
        "factor of the initial weights",
        Legal("real", low=0, low_open=True, only_with=("init", ("auto", *_RANDOM))),
    )
    optimizer: str = _legal("adam", "", Legal("choice", choices=("gradient_descent", "momentum", "rmsprop", "adam")))
    learning_rate: float = _legal(0.01, "step size of the first epoch", Legal("real", low=0, low_open=True))
    schedule: str = _legal(
        "inverse_time",
        "how the learning rate falls from epoch to epoch",
        Legal("choice", choices=("constant", "inverse_time", "exponential", "sqrt", "staircase")),
    )
    learning_rate_decay: float = _legal(
        0.0,
        "inverse time: learning_rate / (1 + decay * epoch), epoch from 0",
        Legal("real", low=0, only_with=("schedule", ("inverse_time",))),
    )
    decay_factor: float = _legal(
        0.95,
        "exponential: learning_rate * factor^epoch",
        Legal("real", low=0, high=1, low_open=True, only_with=("schedule", ("exponential",))),
    )
    decay_epochs: int = _legal(
        10,
        "staircase: epochs between two halvings",
        Legal("int", low=1, high=10**9, only_with=("schedule", ("staircase",))),
    )
    momentum: float = _legal(
        0.9, "beta of the averaged gradient", Legal("real", low=0, high=1, high_open=True, only_with=_MOMENTUM)
    )
    beta1: float = _legal(
        0.9, "Adam's average of gradients", Legal("real", low=0, high=1, high_open=True, only_with=_ADAM)
    )
    beta2: float = _legal(
        0.999, "average of squared gradients", Legal("real", low=0, high=1, high_open=True, only_with=_SQUARES)
    )
    epsilon: float = _legal(
        1e-8, "added to the root of that average", Legal("real", low=0, low_open=True, only_with=_SQUARES)
    )
    l2: float = _legal(0.0, "lambda of the penalty lambda/(2m) * ||W||^2", Legal("real", low=0))
    l1: float = _legal(0.0, "lambda of the penalty lambda/m * sum |W|", Legal("real", low=0))
    clip_norm: float = _legal(0.0, "largest norm of the gradient; 0 is no clipping", Legal("real", low=0))
    dropout: float = _legal(
        0.0, "share of the hidden units dropped in training", Legal("real", low=0, high=1, high_open=True)
    )
    input_dropout: float = _legal(
        0.0, "share of the inputs dropped in training", Legal("real", low=0, high=1, high_open=True)
    )


LEGAL: Mapping[str, Legal] = {f.name: f.metadata["legal"] for f in dataclasses.fields(Hyperparameters)}
"""The rule of every hyperparameter, by name, in the order in which they are documented."""

DEFAULTS: Mapping[str, Value] = {f.name: f.default for f in dataclasses.fields(Hyperparameters)}  # type: ignore[misc]
"""The default of every hyperparameter, by name."""
