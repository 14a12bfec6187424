"""Student's t against SciPy, and how often a retest of equal configurations changes an answer."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from hptune.search.confirmation import Confirmed, is_ahead
from hptune.search.student import cdf, covered, half_width, interval, margin, quantile


@pytest.mark.parametrize(
    ("probability", "freedom", "value"),  # scipy.stats.t.ppf
    [
        (0.9875, 2, 6.205346816570706),
        (0.95, 1, 6.313751514675037),
        (0.975, 10, 2.228138851986274),
        (0.9875, 9, 2.6850108468164575),
        (0.99, 4, 3.746947387979196),
        (0.995, 30, 2.7499956535672254),
    ],
)
def test_quantiles_are_those_of_scipy(probability, freedom, value):
    assert quantile(probability, freedom) == pytest.approx(value, rel=1e-12)


def test_probabilities_are_those_of_scipy():
    assert cdf(1.3, 3) == pytest.approx(0.8577662456360515, rel=1e-12)
    assert cdf(0.0, 5) == 0.5


@pytest.mark.parametrize("n_seeds", [2, 3, 10])
def test_intervals_cover_95_percent(n_seeds):
    chance, n_runs = random.Random(n_seeds), 4000
    by_t = by_one = 0
    for _ in range(n_runs):
        scores = [chance.gauss(0.3, 0.1) for _ in range(n_seeds)]
        mean, error = statistics.fmean(scores), statistics.stdev(scores) / math.sqrt(n_seeds)
        low, high = interval(mean, error, n_seeds)
        by_t += low <= 0.3 <= high
        by_one += abs(mean - 0.3) <= error
    assert by_t / n_runs == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / n_runs))
    assert by_one / n_runs == pytest.approx(covered(n_seeds), abs=3 * math.sqrt(0.25 / n_runs))


def test_one_standard_error_covers_what_scipy_says():
    """2 * scipy.stats.t.cdf(1, n - 1) - 1."""
    assert covered(2) == pytest.approx(0.5, rel=1e-12)
    assert covered(3) == pytest.approx(0.5773502691896257, rel=1e-12)
    assert half_width(1.0, 3) == pytest.approx(4.302652729749464, rel=1e-12)  # scipy.stats.t.ppf(0.975, 2)


def share_changed(n, n_seeds, standard_errors, better_by=0.0, digits=15):
    """The share of retests of n configurations in which one is ahead of the first; scores of so many digits."""
    chance, n_runs, changed = random.Random(n * 100 + n_seeds), 1500, 0
    for _ in range(n_runs):
        seeds = [chance.gauss(0, 1) for _ in range(n_seeds)]  # what they have in common
        found = [
            Confirmed(i, (), tuple(round(seed + chance.gauss(0, 1) - better_by * (i == 1), digits) for seed in seeds))
            for i in range(n)
        ]
        changed += any(is_ahead(other, found[0], standard_errors) for other in found[1:])
    return changed / n_runs


@pytest.mark.parametrize(
    ("n", "n_seeds"), [(2, 2), (2, 3), (2, 10), (5, 2), (5, 3), (5, 5), (5, 10), (10, 3), (10, 10)]
)
def test_of_equal_configurations_one_is_ahead_in_at_most_5_percent_of_retests(n, n_seeds):
    assert share_changed(n, n_seeds, margin(n - 1, n_seeds)) < 0.05 + 2.6 * (0.05 * 0.95 / 1500) ** 0.5


@pytest.mark.parametrize(("n", "n_seeds"), [(2, 2), (5, 2), (10, 2), (5, 3), (10, 3), (5, 5), (10, 5)])
def test_nor_of_equal_ones_whose_scores_are_whole_numbers_of_errors(n, n_seeds):
    # by the spread of the differences alone it was 0.20 for (5, 2) and 0.10 for (10, 3)
    assert share_changed(n, n_seeds, margin(n - 1, n_seeds), digits=0) < 0.05 + 2.6 * (0.05 * 0.95 / 1500) ** 0.5


def test_one_that_is_ahead_by_the_same_from_every_seed_needs_several_of_them():
    def is_told(n_seeds):
        one, other = (Confirmed(i, (), (score,) * n_seeds) for i, score in enumerate((0.29, 0.3)))
        return is_ahead(one, other, margin(4, n_seeds))

    assert [is_told(n_seeds) for n_seeds in (2, 3, 5, 10)] == [False, False, True, True]  # sqrt(6 n) standard errors


def test_one_standard_error_would_be_no_measure():
    assert share_changed(5, 3, 1.0) > 0.4


def test_ten_seeds_find_what_is_better():
    assert share_changed(5, 10, margin(4, 10), better_by=2.0) > 0.9  # 1.4 deviations of a difference
