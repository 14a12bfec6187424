"""Six small data sets on which no rule of the search was chosen: three of regression, three of classification.

friedman   Friedman's first function (1991): five of ten columns matter, one pair together, noise of deviation 1
arm        how far the hand of a plane robot arm is from its foot (An and Owen 2001), by four angles and four lengths
sparse     four of sixty columns, linear, as much noise as signal, fewer examples than would be needed
moons      two half circles that overlap
rare       one example in fifteen is of the second class, which lies around the first
parity     whether the first two of six columns have different signs; one label in ten is wrong
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hptune.data.dataset import Examples

Random = np.random.Generator


def examples(x: np.ndarray, y: np.ndarray) -> Examples:
    """Of classification where y holds whole numbers, else of regression."""
    classes = tuple(map(str, range(y.max() + 1))) if y.dtype == np.int64 else ()
    return Examples(x, y, classes, tuple(f"x{column}" for column in range(x.shape[1])))


def _friedman(random: Random, n: int = 2000) -> Examples:
    x = random.random((n, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return examples(x, y + random.standard_normal(n))


def _arm(random: Random, n: int = 2000) -> Examples:
    angles, lengths = 2 * np.pi * random.random((n, 4)), random.random((n, 4))
    hand = (lengths * np.exp(1j * angles.cumsum(axis=1))).sum(axis=1)
    return examples(np.hstack([angles, lengths]), np.abs(hand) + 0.05 * random.standard_normal(n))


def _sparse(random: Random, n: int = 1500) -> Examples:
    x = random.standard_normal((n, 60))
    return examples(x, x[:, :4] @ [1.0, -0.8, 0.6, 0.4] + 1.5 * random.standard_normal(n))


def _moons(random: Random, n: int = 2000) -> Examples:
    y, angle = random.integers(2, size=n), np.pi * random.random(n)
    x = np.column_stack([np.cos(angle), np.sin(angle)])
    x[y == 1] = [1.0, 0.5] - x[y == 1]
    return examples(x + 0.3 * random.standard_normal((n, 2)), y)


def _rare(random: Random, n: int = 3000) -> Examples:
    y = (random.random(n) < 1 / 15).astype(np.int64)
    return examples(random.standard_normal((n, 5)) * np.where(y == 1, 2.0, 0.8)[:, None], y)


def _parity(random: Random, n: int = 2000) -> Examples:
    x = random.standard_normal((n, 6))
    is_odd = x[:, 0] * x[:, 1] < 0
    return examples(x, (is_odd ^ (random.random(n) < 0.1)).astype(np.int64))


HELD_BACK: Mapping[str, tuple[Callable[[Random], Examples], tuple[float, float, float]]] = {
    "friedman": (_friedman, (0.15, 0.1, 0.75)),
    "arm": (_arm, (0.2, 0.1, 0.7)),
    "sparse": (_sparse, (0.1, 0.1, 0.8)),
    "moons": (_moons, (0.1, 0.1, 0.8)),
    "rare": (_rare, (0.15, 0.1, 0.75)),
    "parity": (_parity, (0.2, 0.1, 0.7)),
}
"""What makes them, and the shares of train, dev and test."""
