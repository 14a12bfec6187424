"""Where the weights begin: normal, with a variance that keeps the layers' outputs of one size.

Numbers are drawn in float64 whatever the network's type, so that networks of both types begin alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def he(n_in: int) -> float:
    """Variance 2 / n_in (He et al. 2015, Delving Deep into Rectifiers), for relu, which halves it."""
    return 2 / n_in


def xavier(n_in: int) -> float:
    """Variance 1 / n_in (the fan-in form of Glorot and Bengio 2010), for tanh."""
    return 1 / n_in


VARIANCES: Mapping[str, Callable[[int], float]] = {"he": he, "xavier": xavier}
"""The variance of a weight as a function of its layer's inputs, by the name it has in a study file."""

_AUTO = {"relu": "he", "tanh": "xavier"}


def initialize(weights: Iterable[NDArray[Any]], init: str, activation: str, rng: np.random.Generator) -> None:
    """Fill each W (n_in, n_out) from N(0, variance(n_in)), first layer first; `auto` suits the activation."""
    variance = VARIANCES[_AUTO[activation] if init == "auto" else init]
    for w in weights:
        w[...] = rng.standard_normal(w.shape) * math.sqrt(variance(len(w)))
