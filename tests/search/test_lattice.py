from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search.laws import KS_BOUND, N, ks_distance

from hptune.search.lattice import point

GOLDEN = (1 + math.sqrt(5)) / 2
PLASTIC = 1.324717957244746  # the real root of g^3 = g + 1


def points(n, shift):
    return np.array([point(index, shift) for index in range(n)])


def test_in_one_dimension_the_step_is_the_golden_ratio_and_in_two_the_plastic_number():
    assert point(0, [0.0]) == pytest.approx([GOLDEN - 1], rel=1e-12)
    assert point(2, [0.25]) == pytest.approx([(0.25 + 3 / GOLDEN) % 1], rel=1e-12)
    assert point(0, [0.0, 0.0]) == pytest.approx([1 / PLASTIC, 1 / PLASTIC**2], rel=1e-12)
    assert point(4, [0.5, 0.75]) == pytest.approx([(0.5 + 5 / PLASTIC) % 1, (0.75 + 5 / PLASTIC**2) % 1], rel=1e-12)


@pytest.mark.parametrize("dimensions", range(1, 31))
def test_the_root_solves_its_equation(dimensions):
    first = point(0, np.zeros(dimensions))
    root = 1 / first[0]
    assert root ** (dimensions + 1) == pytest.approx(root + 1, rel=1e-12)
    assert first == pytest.approx(first[0] ** np.arange(1, dimensions + 1))


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
