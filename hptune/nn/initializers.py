"""Where the weights begin: normal, with a variance that keeps the layers' outputs of one size, or does not.

Numbers are drawn in float64 whatever the network's type, so that networks of both types begin alike.
Biases begin at zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Variance = Callable[[int, int], float]
"""(n_in, n_out) of a layer -> variance of its weights."""


def he(n_in: int, _n_out: int) -> float:
    """Variance 2 / n_in (He et al. 2015, Delving Deep into Rectifiers), for relu, which halves it."""
    return 2 / n_in


def xavier(n_in: int, _n_out: int) -> float:
    """Variance 1 / n_in (the fan-in form of Glorot and Bengio 2010), for tanh."""
    return 1 / n_in


def xavier_average(n_in: int, n_out: int) -> float:
    """Variance 2 / (n_in + n_out) (Glorot and Bengio 2010), between the needs of both directions."""
    return 2 / (n_in + n_out)


def zeros(_n_in: int, _n_out: int) -> float:
    """Variance 0: units of a layer stay alike (Ng, Deep Learning Specialization, course 2, week 1)."""
    return 0.0


def large(_n_in: int, _n_out: int) -> float:
    """Variance 100, a standard deviation of 10: too much (the exercise of course 2, week 1, likewise)."""
    return 100.0


VARIANCES: Mapping[str, Variance] = {
    "he": he,
    "xavier": xavier,
    "xavier_average": xavier_average,
    "zeros": zeros,
    "large": large,
}
"""The variance of a weight as a function of its layer's size, by the name it has in a study file."""

_AUTO = {"relu": "he", "leaky_relu": "he", "tanh": "xavier", "sigmoid": "xavier"}


@np.errstate(over="ignore")  # an infinite weight shows in the first loss, and the loss is checked
def initialize(
    weights: Iterable[NDArray[Any]], init: str, activation: str, rng: np.random.Generator, scale: float = 1.0
) -> None:
    """Fill each W (n_in, n_out) from scale * N(0, variance), first layer first; `auto` suits the activation."""
    variance = VARIANCES[_AUTO[activation] if init == "auto" else init]
    for w in weights:
        w[...] = rng.standard_normal(w.shape) * (scale * math.sqrt(variance(*w.shape)))
