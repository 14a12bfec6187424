"""Points that fill the unit cube evenly, one after the other: an additive lattice, moved by a random shift.

Point i is the fractional part of shift + i * (1/g, 1/g^2, ..., 1/g^d), g the positive root of g^(d+1) = g + 1: the
golden ratio in one dimension, and its generalisation in more (Roberts 2018, The Unreasonable Effectiveness of
Quasirandom Sequences). With a uniform shift every single point is uniform in the cube, so scales mean what they mean
for random points, but few points leave no large holes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def point(index: int, shift: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Point number index, in as many dimensions as shift has."""
    n = len(shift)
    powers = np.arange(1, n + 1, dtype=np.float64)
    return (np.asarray(shift) + (index + 1) * _root(n) ** -powers) % 1.0


def _root(dimensions: int) -> float:
    """The positive root of g^(d+1) = g + 1, by an iteration that converges from anywhere above 1."""
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / (dimensions + 1))
    return root
