from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search.laws import KS_BOUND, N, ks_distance

from hptune.search.lattice import point


def points(n, shift):
    return np.array([point(index, shift) for index in range(n)])


def test_the_steps_are_the_roots_of_the_primes():
    assert point(0, [0.0]) == pytest.approx([math.sqrt(2) - 1], rel=1e-12)
    assert point(2, [0.25]) == pytest.approx([(0.25 + 3 * math.sqrt(2)) % 1], rel=1e-12)
    steps = [math.sqrt(prime) for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31)]
    assert point(4, np.zeros(11)) == pytest.approx([5 * step % 1 for step in steps], rel=1e-12)


@pytest.mark.parametrize("dimensions", [1, 4, 9, 12, 20])
def test_no_coordinate_has_a_large_hole(dimensions):
    """13 points have holes of 1/13 at least; random ones of some 0.3 to 0.4 in the worst of so many coordinates."""
    holes = [largest_hole(points(13, shift)) for shift in np.random.default_rng(2).random((20, dimensions))]
    assert np.median(holes) < 0.25
    if dimensions > 4:
        chance = [largest_hole(shift) for shift in np.random.default_rng(2).random((20, 13, dimensions))]
        assert np.median(chance) > 0.3


def largest_hole(found):
    """The widest gap between neighbours in any coordinate, around the ends."""
    ordered = np.sort(found, axis=0)
    return max(np.diff(ordered, axis=0).max(), (ordered[0] + 1 - ordered[-1]).max())


@given(st.integers(0, 10**6), st.lists(st.floats(0, 1, exclude_max=True), max_size=30))
def test_every_point_lies_in_the_cube(index, shift):
    found = point(index, shift)
    assert found.shape == (len(shift),)
    assert np.all((found >= 0) & (found < 1))


def test_over_shifts_each_coordinate_of_each_point_is_uniform():
    shifts = np.random.default_rng(0).random((N // 4, 3))
    for index in (0, 7):
        found = np.array([point(index, shift) for shift in shifts])
        for axis in range(3):
            assert ks_distance(found[:, axis], float) < 2 * KS_BOUND  # of a quarter of N


def discrepancy(found):
    """The centred L2 discrepancy (Hickernell 1998): 0 would be perfectly even."""
    n, d = found.shape
    far = np.abs(found - 0.5)
    between = np.abs(found[:, None] - found[None])
    pairs = np.prod(1 + far[:, None] / 2 + far[None] / 2 - between / 2, axis=2).sum() / n**2
    return math.sqrt((13 / 12) ** d - 2 / n * np.prod(1 + far / 2 - far**2 / 2, axis=1).sum() + pairs)


def test_the_discrepancy_is_that_of_hickernell():
    assert discrepancy(np.array([[0.5]])) == pytest.approx(math.sqrt(13 / 12 - 2 + 1))
    even, clumped = np.arange(0.05, 1, 0.1)[:, None], np.arange(0.005, 0.1, 0.01)[:, None]
    assert discrepancy(even) < discrepancy(clumped) / 10


@pytest.mark.parametrize(("dimensions", "n", "share"), [(1, 10, 0.5), (2, 20, 0.8), (4, 20, 0.8), (9, 15, 0.9)])
def test_points_are_more_even_than_random_ones(dimensions, n, share):
    rng = np.random.default_rng(1)
    lattice = [discrepancy(points(n, rng.random(dimensions))) for _ in range(30)]
    chance = [discrepancy(rng.random((n, dimensions))) for _ in range(30)]
    assert np.median(lattice) < share * np.median(chance)
    assert np.median(chance[:15]) > share * np.median(chance[15:])  # the measure alone tells nothing apart
