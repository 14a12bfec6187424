"""The hyperparameters of the built-in network: names, defaults, legal values. The one place that declares them.

Standard library only, so that a study file is checked without loading NumPy. A name here is a legal key
of `train:` and of `space:`; what a search may draw, and how far a zoom may extend, follows from Legal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hptune.legal import Legal, Need
from hptune.notations import FACTORS, RATES, WIDTHS
from hptune.trial import Value


def _legal(default: Value, doc: str, legal: Legal) -> Any:
    return dataclasses.field(default=default, metadata={"doc": doc, "legal": legal})


_LAYERS_ALIKE = Need("widths", ("same",))
_HIDDEN = Need("hidden_layers", (0,), other_than=True)
_NORMED = Need("batch_norm", (True,))
_MOMENTUM = Need("optimizer", ("momentum",))
_ADAM = Need("optimizer", ("adam",))
_SQUARES = Need("optimizer", ("rmsprop", "adam"))


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """One configuration of the network and its training."""

    normalize_inputs: bool = _legal(
        True, "numbers among the inputs by mean and deviation of the training set, or as they are", Legal("bool")
    )
    epochs: int = _legal(30, "passes over the training set", Legal("int", low=1, high=10**9))
    patience: int = _legal(
        0,
        "epochs without a lower metric after which training stops; 0 is never",
        Legal("int", low=0, high=10**9, low_is_off=True),
    )
    batch_size: int | str = _legal(
        64, "examples in a mini-batch; full is all of them", Legal("int", low=1, high=10**9, choices=("full",))
    )
    widths: str = _legal(
        "same",
        "units of each hidden layer; same is hidden_units in all of hidden_layers",
        Legal("choice", choices=("same",), notation=WIDTHS),
    )
    hidden_layers: int = _legal(
        1,
        "hidden layers; 0 is linear, logistic or softmax regression",
        Legal("int", low=0, high=100, only_with=(_LAYERS_ALIKE,)),
    )
    hidden_units: int = _legal(
        32, "units in each hidden layer", Legal("int", low=1, high=100_000, only_with=(_LAYERS_ALIKE, _HIDDEN))
    )
    activation: str = _legal(
        "relu",
        "of the hidden layers",
        Legal("choice", choices=("relu", "leaky_relu", "tanh", "sigmoid"), only_with=(_HIDDEN,)),
    )
    batch_norm: bool = _legal(
        False,
        "normalise before every activation by the mini-batch",
        Legal(
            "bool",
            only_with=(
                _HIDDEN,
                Need("batch_size", (1,), other_than=True, why="a mini-batch of one example has no variance"),
            ),
        ),
    )
    batch_norm_momentum: float = _legal(
        0.9,
        "beta of the averages of means and variances for evaluation",
        Legal("real", low=0, high=1, high_open=True, only_with=(_NORMED,)),
    )
    batch_norm_epsilon: float = _legal(
        1e-5, "added to every variance", Legal("real", low=0, low_open=True, only_with=(_NORMED,))
    )
    init: str = _legal(
        "auto",
        "initial weights: their variance is he 2/n_in, xavier 1/n_in, xavier_average 2/(n_in + n_out), zeros 0, "
        "large 100; auto is he for relu and leaky_relu, xavier for tanh and sigmoid",
        Legal("choice", choices=("auto", "he", "xavier", "xavier_average", "large", "zeros")),
    )
    init_scale: float = _legal(
        1.0,
        "factor of the initial weights",
        Legal("real", low=0, low_open=True, only_with=(Need("init", ("zeros",), other_than=True),)),
    )
    optimizer: str = _legal("adam", "", Legal("choice", choices=("gradient_descent", "momentum", "rmsprop", "adam")))
    learning_rate: float = _legal(0.01, "step size of the first epoch", Legal("real", low=0, low_open=True))
    schedule: str = _legal(
        "inverse_time",
        "how the learning rate falls from epoch to epoch",
        Legal("choice", choices=("constant", "inverse_time", "exponential", "sqrt", "staircase", "manual")),
    )
    learning_rate_decay: float = _legal(
        0.0,
        "inverse time: learning_rate / (1 + decay * epoch), epoch from 0",
        Legal("real", low=0, only_with=(Need("schedule", ("inverse_time",)),)),
    )
    decay_factor: float = _legal(
        0.95,
        "exponential: learning_rate * factor^epoch",
        Legal("real", low=0, high=1, low_open=True, only_with=(Need("schedule", ("exponential",)),)),
    )
    decay_epochs: int = _legal(
        10,
        "staircase: epochs between two halvings",
        Legal("int", low=1, high=10**9, only_with=(Need("schedule", ("staircase",)),)),
    )
    learning_rate_factors: str = _legal(
        "0:1",
        "manual: learning_rate * the factor of the last epoch named so far, epochs from 0",
        Legal("choice", notation=FACTORS, only_with=(Need("schedule", ("manual",)),), required=True),
    )
    momentum: float = _legal(
        0.9, "beta of the averaged gradient", Legal("real", low=0, high=1, high_open=True, only_with=(_MOMENTUM,))
    )
    beta1: float = _legal(
        0.9, "Adam's average of gradients", Legal("real", low=0, high=1, high_open=True, only_with=(_ADAM,))
    )
    beta2: float = _legal(
        0.999, "average of squared gradients", Legal("real", low=0, high=1, high_open=True, only_with=(_SQUARES,))
    )
    epsilon: float = _legal(
        1e-8, "added to the root of that average", Legal("real", low=0, low_open=True, only_with=(_SQUARES,))
    )
    l2: float = _legal(0.0, "lambda of the penalty lambda/(2m) * ||W||^2", Legal("real", low=0))
    l1: float = _legal(0.0, "lambda of the penalty lambda/m * sum |W|", Legal("real", low=0))
    clip_norm: float = _legal(
        0.0, "largest norm of the gradient; 0 is no clipping", Legal("real", low=0, low_is_off=True)
    )
    dropout: float = _legal(
        0.0,
        "share of the hidden units dropped in training",
        Legal("real", low=0, high=1, high_open=True, only_with=(_HIDDEN, Need("dropout_by_layer", ("same",)))),
    )
    dropout_by_layer: str = _legal(
        "same",
        "that share layer by layer, the last one for all further layers; same is dropout in all",
        Legal("choice", choices=("same",), notation=RATES, only_with=(_HIDDEN,)),
    )
    input_dropout: float = _legal(
        0.0, "share of the inputs dropped in training", Legal("real", low=0, high=1, high_open=True)
    )
    input_noise: float = _legal(
        0.0,
        "deviation of the Gaussian noise on the inputs in training, in deviations of each column",
        Legal("real", low=0),
    )
    shift: int = _legal(
        0, "pixels by which images move in training, down, up, right or left, at most", Legal("int", low=0, high=10_000)
    )
    flip: bool = _legal(False, "mirror every other image left to right in training, at random", Legal("bool"))
    rotation: float = _legal(
        0.0, "degrees by which images turn in training, at most, either way", Legal("real", low=0, high=180)
    )

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """The units of each hidden layer."""
        return (self.hidden_units,) * self.hidden_layers if self.widths == "same" else WIDTHS.parse(self.widths)

    def batch_rows(self, n: int) -> int:
        """Rows of a mini-batch, of n examples in all."""
        return n if isinstance(self.batch_size, str) else min(self.batch_size, n)  # the only text is "full"


IMAGES_ONLY = ("shift", "flip", "rotation")
"""Those that only data of images can have."""

LEGAL: Mapping[str, Legal] = {f.name: f.metadata["legal"] for f in dataclasses.fields(Hyperparameters)}
"""The rule of every hyperparameter, by name, in the order in which they are documented."""

DEFAULTS: Mapping[str, Value] = {f.name: f.default for f in dataclasses.fields(Hyperparameters)}  # type: ignore[misc]
"""The default of every hyperparameter, by name."""

DOCS: Mapping[str, str] = {f.name: f.metadata["doc"] for f in dataclasses.fields(Hyperparameters)}
"""What every hyperparameter is, by name."""
