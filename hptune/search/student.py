"""Student's t distribution: by how many standard errors a difference has to be more than chance explains.

The distribution function is the regularised incomplete beta function (Abramowitz and Stegun 1972, 26.5.27 and 26.5.8).
"""

from __future__ import annotations

import math
from functools import cache

LEVEL = 0.05  # of all comparisons together
COVERED = 0.95  # of intervals about a mean


@cache
def margin(n_rivals: int, n_seeds: int) -> float:
    """The standard errors by which one of several rivals, all as good as the answer, is ahead of it in 5 % of retests.

    Each is compared seed by seed, at a share of the level (Bonferroni): 6.2 for four rivals and three seeds, 2.7 for
    ten. At least two seeds.
    """
    return quantile(1 - LEVEL / max(n_rivals, 1), n_seeds - 1)


def half_width(standard_error: float, n_seeds: int) -> float:
    """How far a 95 % interval reaches to both sides of a mean over at least two seeds: 4.3 errors for three."""
    return quantile((1 + COVERED) / 2, n_seeds - 1) * standard_error


def interval(mean: float, standard_error: float, n_seeds: int) -> tuple[float, float]:
    """The 95 % interval about a mean over at least two seeds."""
    half = half_width(standard_error, n_seeds)
    return mean - half, mean + half


def covered(n_seeds: int) -> float:
    """The probability that a mean over at least two seeds lies within one standard error of that of all."""
    return 2 * cdf(1.0, n_seeds - 1) - 1


@cache
def quantile(probability: float, freedom: int) -> float:
    """The value below which t lies with a probability between 1/2 and 1, by halving."""
    low, high = 0.0, 1.0
    while cdf(high, freedom) < probability:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if cdf(middle, freedom) < probability else (low, middle)
    return high


def cdf(t: float, freedom: int) -> float:
    """The probability of a value below t, which is not negative, with so many degrees of freedom."""
    return 1 - _incomplete_beta(freedom / 2, 1 / 2, freedom / (freedom + t * t)) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b), by its continued fraction."""
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):  # there it converges slowly
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tail = 0.0
    for m in range(100, 0, -1):  # from its end
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        tail = even / (1 + odd / (1 + tail))
    first = -(a + b) * x / (a + 1)
    return front / (1 + first / (1 + tail))
