"""The activations of the hidden layers, each a function paired with its derivative.

Both work in buffers they are given. The derivative is taken from the activation's output, so that
the input need not be kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LARGE = 2**17


@dataclass(frozen=True, slots=True)
class Activation:
    """a = g(z), element by element, and g'(z) as a function of a."""

    apply: Callable[[NDArray[Any]], object]  # z is overwritten with g(z)
    derivative: Callable[[NDArray[Any], NDArray[Any]], object]  # (a, out): out is overwritten with g'(z)
    has_kink: bool = False  # at z = 0, where a changes its sign
    is_squared: bool = False  # a, in g'(z)


LEAK = 0.01
"""The slope of leaky_relu below 0 (Ng, Deep Learning Specialization, course 1, week 3)."""


def _relu(z: NDArray[Any]) -> None:
    np.maximum(z, _zeros(z.shape, z.dtype), out=z)


@lru_cache(maxsize=16)
def _zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """To compare with: NumPy's maximum of two arrays is some three times as fast as that of an array and a number.

    For a large z one row of it, which is half as fast and keeps the cache of these arrays below 16 MB.
    """
    return np.zeros(shape if math.prod(shape) <= _LARGE else shape[-1:], dtype)


def _relu_derivative(a: NDArray[Any], out: NDArray[Any]) -> None:
    np.greater(a, 0, out=out, casting="unsafe")  # 1 and 0 as floats; at the kink the derivative is taken as 0


def _leaky_relu(z: NDArray[Any]) -> None:
    np.maximum(z, LEAK * z, out=z)


def _leaky_relu_derivative(a: NDArray[Any], out: NDArray[Any]) -> None:
    np.greater(a, 0, out=out, casting="unsafe")
    np.maximum(out, LEAK, out=out)


def _tanh(z: NDArray[Any]) -> None:
    np.tanh(z, out=z)


def _tanh_derivative(a: NDArray[Any], out: NDArray[Any]) -> None:
    np.square(a, out=out)
    np.subtract(1, out, out=out)


def _sigmoid(z: NDArray[Any]) -> None:
    np.divide(z, 2, out=z)  # (1 + tanh(z / 2)) / 2 is the same function, and nothing in it overflows
    np.tanh(z, out=z)
    np.add(z, 1, out=z)
    np.divide(z, 2, out=z)


def _sigmoid_derivative(a: NDArray[Any], out: NDArray[Any]) -> None:
    np.subtract(1, a, out=out)
    np.multiply(out, a, out=out)


ACTIVATIONS: Mapping[str, Activation] = {
    "relu": Activation(_relu, _relu_derivative, has_kink=True),  # max(0, z)
    "leaky_relu": Activation(_leaky_relu, _leaky_relu_derivative, has_kink=True),  # max(0.01 z, z)
    "tanh": Activation(_tanh, _tanh_derivative, is_squared=True),  # g' = 1 - a^2
    "sigmoid": Activation(_sigmoid, _sigmoid_derivative),  # 1 / (1 + exp(-z)), g' = a (1 - a)
}
"""Every activation, by the name it has in a study file."""
