"""How the parameters follow the gradient. Each optimizer acts on the one flat vector of all parameters.

The step of an optimizer is a function of the learning rate that updates the parameters, in place, from what
the gradient's vector then holds. Averages are kept as plain decaying sums, S = beta S + g, and divided by
their weights where they are used: the same numbers as in the textbook, with fewer passes over memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hptune.nn import aligned
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.underflow import least_root

Step = Callable[[float, bool], None]
"""One update at the learning rate given; True where the squares of the gradient are to be kept from underflow."""


class Optimizer(NamedTuple):
    """A step, and the averages that it keeps, each (parameters,), with the factors by which they decay."""

    step: Step
    totals: tuple[NDArray[Any], ...] = ()  # of gradients
    squares: tuple[NDArray[Any], ...] = ()  # of their squares
    total_beta: float = 0.0
    square_beta: float = 0.0


def clip(gradient: NDArray[Any], largest: float) -> None:
    """Scale g (parameters,), in place, to the norm `largest` where its norm is above: g *= largest / ||g||.

    Pascanu et al. 2013, On the difficulty of training recurrent neural networks.
    """
    norm = math.sqrt(np.vdot(gradient, gradient))
    if norm == math.inf:  # the squares overflow long before the gradient does
        norm = float(np.linalg.norm(gradient.astype(np.float64)))
    if norm > largest:
        np.multiply(gradient, largest / norm, out=gradient)


def gradient_descent(parameters: NDArray[Any], gradient: NDArray[Any]) -> Optimizer:
    """Step p -= learning_rate * g; both vectors are (parameters,)."""
    scratch = aligned.empty(parameters.shape, parameters.dtype)

    def step(learning_rate: float, _is_tiny: bool = False) -> None:
        np.multiply(gradient, learning_rate, out=scratch)
        np.subtract(parameters, scratch, out=parameters)

    return Optimizer(step)


def momentum(parameters: NDArray[Any], gradient: NDArray[Any], *, beta: float) -> Optimizer:
    """Step p -= learning_rate * v with v = beta v + (1 - beta) g, from v = 0 and without bias correction.

    The averaged form of Ng's Deep Learning Specialization (course 2, week 2). Kept is S = v / (1 - beta).
    """
    total = aligned.zeros(parameters.shape, parameters.dtype)  # S
    scratch = aligned.empty(parameters.shape, parameters.dtype)

    def step(learning_rate: float, _is_tiny: bool = False) -> None:
        np.multiply(total, beta, out=total)
        np.add(total, gradient, out=total)
        np.multiply(total, learning_rate * (1 - beta), out=scratch)
        np.subtract(parameters, scratch, out=parameters)

    return Optimizer(step, totals=(total,), total_beta=beta)


def rmsprop(parameters: NDArray[Any], gradient: NDArray[Any], *, beta2: float, epsilon: float) -> Optimizer:
    """Step p -= learning_rate * g / (sqrt(s) + epsilon) with s = beta2 s + (1 - beta2) g^2, from s = 0.

    The form of Ng's Deep Learning Specialization (course 2, week 2), without bias correction, so that the
    first steps are up to 1 / sqrt(1 - beta2) times as long. Kept is S = s / (1 - beta2); with
    r = sqrt(1 - beta2) the step is (learning_rate / r) * g / (sqrt(S) + epsilon / r).
    """
    total_squares = aligned.zeros(parameters.shape, parameters.dtype)  # S
    scratch = aligned.empty(parameters.shape, parameters.dtype)
    root = math.sqrt(1 - beta2)
    floor = max(epsilon / root, float(np.finfo(parameters.dtype).tiny))  # rounded to 0 it would make 0 / 0

    def step(learning_rate: float, is_tiny: bool = False) -> None:
        np.multiply(total_squares, beta2, out=total_squares)
        _square(gradient, is_tiny, scratch)
        np.add(total_squares, scratch, out=total_squares)
        np.sqrt(total_squares, out=scratch)
        np.add(scratch, floor, out=scratch)
        np.divide(gradient, scratch, out=scratch)
        np.multiply(scratch, learning_rate / root, out=scratch)
        np.subtract(parameters, scratch, out=parameters)

    return Optimizer(step, squares=(total_squares,), square_beta=beta2)


def adam(parameters: NDArray[Any], gradient: NDArray[Any], *, beta1: float, beta2: float, epsilon: float) -> Optimizer:
    """Step p -= learning_rate * m_hat / (sqrt(v_hat) + epsilon), with bias correction (Kingma and Ba 2015).

    m_hat = m / (1 - beta1^t) is the weighted mean of the gradients so far: their decaying sum M over the
    sum n1 of its weights; likewise v_hat = V / n2 for the squares. With r = sqrt(n2) the step is
    (learning_rate r / n1) * M / (sqrt(V) + epsilon r), one factor for the whole vector.
    """
    total = aligned.zeros(parameters.shape, parameters.dtype)  # M
    total_squares = aligned.zeros(parameters.shape, parameters.dtype)  # V
    scratch = aligned.empty(parameters.shape, parameters.dtype)
    tiny = float(np.finfo(parameters.dtype).tiny)  # an epsilon rounded to 0 would make 0 / 0
    n1 = n2 = 0.0

    def step(learning_rate: float, is_tiny: bool = False) -> None:
        nonlocal n1, n2
        n1 = beta1 * n1 + 1
        n2 = beta2 * n2 + 1
        root = math.sqrt(n2)
        np.multiply(total, beta1, out=total)
        np.add(total, gradient, out=total)
        np.multiply(total_squares, beta2, out=total_squares)
        _square(gradient, is_tiny, scratch)
        np.add(total_squares, scratch, out=total_squares)
        np.sqrt(total_squares, out=scratch)
        np.add(scratch, max(epsilon * root, tiny), out=scratch)
        np.divide(total, scratch, out=scratch)
        np.multiply(scratch, learning_rate * root / n1, out=scratch)
        np.subtract(parameters, scratch, out=parameters)

    return Optimizer(step, (total,), (total_squares,), beta1, beta2)


def _square(gradient: NDArray[Any], is_tiny: bool, out: NDArray[Any]) -> None:
    """Fill out with g^2, no square of which is subnormal where is_tiny says that some would be."""
    if is_tiny:
        np.abs(gradient, out=out)
        np.maximum(out, least_root(out.dtype), out=out)
        np.square(out, out=out)
    else:
        np.square(gradient, out=out)


def build(hyperparameters: Hyperparameters, parameters: NDArray[Any], gradient: NDArray[Any]) -> Optimizer:
    """The optimizer that the hyperparameters name, for these two vectors."""
    h = hyperparameters
    if h.optimizer == "adam":
        return adam(parameters, gradient, beta1=h.beta1, beta2=h.beta2, epsilon=h.epsilon)
    if h.optimizer == "rmsprop":
        return rmsprop(parameters, gradient, beta2=h.beta2, epsilon=h.epsilon)
    if h.optimizer == "momentum":
        return momentum(parameters, gradient, beta=h.momentum)
    return gradient_descent(parameters, gradient)
