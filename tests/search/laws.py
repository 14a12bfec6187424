"""Distances between draws and the law they should follow, without SciPy."""

from __future__ import annotations

import math

import numpy as np

N = 20_000
KS_BOUND = 1.95 / math.sqrt(N)  # Kolmogorov's limit law is exceeded with probability 2 exp(-2 * 1.95^2) = 0.001
Z_999 = 3.0902  # of the standard normal law


def ks_distance(draws, distribution):
    """The largest distance between the empirical distribution function and the exact one."""
    values = np.sort(np.asarray(draws, dtype=float))
    exact = np.array([distribution(value) for value in values])
    steps = np.arange(len(values) + 1) / len(values)
    return max(np.max(steps[1:] - exact), np.max(exact - steps[:-1]))


def chi_square(draws, shares):
    """Pearson's statistic against the shares of all possible values."""
    counts = dict.fromkeys(shares, 0)
    for draw in draws:
        counts[draw] += 1
    n = len(draws)
    return sum((counts[value] - n * share) ** 2 / (n * share) for value, share in shares.items())


def chi_square_bound(n_values):
    """Its 99.9 % point, by Wilson and Hilferty (1931); never 2 % above the tables."""
    k = n_values - 1
    return k * (1 - 2 / (9 * k) + Z_999 * math.sqrt(2 / (9 * k))) ** 3
