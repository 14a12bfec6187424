"""How the learning rate changes. A schedule is a function of the epoch, counted from 0, and nothing else.

The first epoch runs at the learning rate alpha_0 itself. The formulas are those of Ng's Deep Learning
Specialization (course 2, week 2), where epochs are counted from 1 in the lecture and from 0 in the exercise.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

from hptune.nn.hyperparameters import Hyperparameters
from hptune.notations import FACTORS

Schedule = Callable[[int], float]
"""Epoch, from 0 -> learning rate."""


def constant(learning_rate: float) -> Schedule:
    """Learning rate alpha_0."""
    return lambda _epoch: learning_rate


def inverse_time(learning_rate: float, decay: float) -> Schedule:
    """Learning rate alpha_0 / (1 + decay * epoch); the course's 1 / (1 + decay_rate * epoch_num) * alpha_0."""
    return lambda epoch: learning_rate / (1 + decay * epoch)


def exponential(learning_rate: float, factor: float) -> Schedule:
    """Learning rate alpha_0 * factor^epoch; the course's 0.95^epoch_num * alpha_0."""
    return lambda epoch: learning_rate * factor**epoch


def square_root(learning_rate: float) -> Schedule:
    """Learning rate alpha_0 / sqrt(epoch + 1); the course's k / sqrt(epoch_num) * alpha_0, with k in alpha_0."""
    return lambda epoch: learning_rate / math.sqrt(epoch + 1)


def staircase(learning_rate: float, epochs: int) -> Schedule:
    """Learning rate alpha_0 / 2^floor(epoch / epochs); the course's discrete staircase, halved at every step."""
    return lambda epoch: learning_rate * 0.5 ** (epoch // epochs)


def manual(learning_rate: float, factors: Sequence[tuple[int, float]]) -> Schedule:
    """Learning rate alpha_0 * the factor of the last epoch named so far, or alpha_0 where none is yet.

    It is the course's manual decay (course 2, week 2, Learning Rate Decay), where somebody who watches the training
    lowers alpha by hand, written down beforehand. factors holds (first epoch, factor), sorted.
    """
    starts = [epoch for epoch, _ in factors]
    rates = [learning_rate, *(learning_rate * factor for _, factor in factors)]
    return lambda epoch: rates[bisect_right(starts, epoch)]


def build(hyperparameters: Hyperparameters) -> Schedule:
    """The schedule that the hyperparameters name."""
    h = hyperparameters
    if h.schedule == "exponential":
        return exponential(h.learning_rate, h.decay_factor)
    if h.schedule == "sqrt":
        return square_root(h.learning_rate)
    if h.schedule == "staircase":
        return staircase(h.learning_rate, h.decay_epochs)
    if h.schedule == "manual":
        return manual(h.learning_rate, FACTORS.parse(h.learning_rate_factors))
    if h.schedule == "constant":
        return constant(h.learning_rate)
    return inverse_time(h.learning_rate, h.learning_rate_decay)
