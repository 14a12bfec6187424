"""The activations of the hidden layers, each a function paired with its derivative.

Both work in buffers they are given. The derivative is taken from the activation's output, so that
the input need not be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Activation:
    """a = g(z), element by element, and g'(z) as a function of a."""

    apply: Callable[[NDArray[Any]], object]  # z is overwritten with g(z)
    derivative: Callable[[NDArray[Any], NDArray[Any]], object]  # (a, out): out is overwritten with g'(z)


def _relu(z: NDArray[Any]) -> None:
    np.maximum(z, 0, out=z)


def _relu_derivative(a: NDArray[Any], out: NDArray[Any]) -> None:
    np.greater(a, 0, out=out, casting="unsafe")  # 1 and 0 as floats; at the kink the derivative is taken as 0


def _tanh(z: NDArray[Any]) -> None:
    np.tanh(z, out=z)


def _tanh_derivative(a: NDArray[Any], out: NDArray[Any]) -> None:
    np.square(a, out=out)
    np.subtract(1, out, out=out)


ACTIVATIONS: Mapping[str, Activation] = {
    "relu": Activation(_relu, _relu_derivative),  # max(0, z)
    "tanh": Activation(_tanh, _tanh_derivative),  # g' = 1 - a^2
}
"""Every activation, by the name it has in a study file."""
