"""How the learning rate changes. A schedule is a function of the epoch, counted from 0, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

Schedule = Callable[[int], float]
"""Epoch, from 0 -> learning rate."""


def inverse_time(learning_rate: float, decay: float) -> Schedule:
    """Learning rate alpha = alpha_0 / (1 + decay_rate * epoch), so that the first epoch runs at alpha_0 itself.

    Ng, Deep Learning Specialization, course 2, week 2; epochs from 0 as in its programming exercise.
    """
    return lambda epoch: learning_rate / (1 + decay * epoch)
