from __future__ import annotations

import itertools
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search.laws import KS_BOUND, N, ks_distance

from hptune.config import study_file
from hptune.search import coarse_to_fine
from hptune.search.coarse_to_fine import Turn
from hptune.search.even_points import BLOCK, PLACES, point, spread

OWN_CSV = Path(__file__).parents[2] / "configs" / "own_csv.yaml"


def points(n, dimensions, seed=0):
    return np.array(list(itertools.islice(spread(dimensions, np.random.default_rng(seed)), n)))


def lattice(n, dimensions, seed=0):
    """What coarse points once were: the roots of the primes as steps, moved by a random shift (Richtmyer 1951)."""
    primes = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71)[:dimensions]
    return (np.random.default_rng(seed).random(dimensions) + np.arange(1, n + 1)[:, None] * np.sqrt(primes)) % 1


def chance(n, dimensions, seed=0):
    return np.random.default_rng([seed, 1]).random((n, dimensions))


# where a point comes from


def bernoulli(x, y):
    x = abs(x - y)
    return x * x - x + 1 / 6


def test_every_point_is_where_it_is_least_like_the_points_before_it():
    """By the formula, with B2 in floats: the places chosen are as good as the best, but for rounding."""
    draws = np.random.default_rng(4)
    earlier = []
    for found in itertools.islice(spread(4, np.random.default_rng(4)), 40):
        starts, chosen = draws.random(4), []
        for axis in np.argsort(draws.random(4)):
            cost = {
                place: sum(
                    bernoulli(place, one[axis]) * (5 / 24 + sum(bernoulli(found[c], one[c]) for c in chosen))
                    for one in earlier
                )
                for place in [found[axis], *((starts[axis] + np.arange(PLACES) / PLACES) % 1)]
            }
            assert cost[found[axis]] <= min(cost.values()) + 1e-3 * len(earlier)
            assert min(abs((found[axis] - starts[axis]) * PLACES % 1 - turn) for turn in (0, 1)) < 1e-6
            if len(earlier) == 39:
                assert cost[found[axis]] < np.mean(list(cost.values())) - 1e-2
            chosen.append(axis)
        earlier.append(found)


def test_a_point_depends_on_seed_stage_index_and_dimensions_alone():
    expected = [point(3, 1, index, 4) for index in range(6)]
    assert [point(3, 1, index, 4) for index in (5, 2)] == [expected[5], expected[2]]
    for seed in range(30):  # others in between
        point(seed, 1, 9, 4)
    assert [point(3, 1, index, 4) for index in range(6)] == expected
    assert len({point(3, 1, 5, 4), point(4, 1, 5, 4), point(3, 0, 5, 4), point(3, 1, 5 + BLOCK, 4)}) == 4


def test_what_a_seed_means():
    """Whole numbers over 2^32, as every version must give them on every machine."""
    assert [tuple(round(x * 2**32) for x in point(0, 0, index, 3)) for index in (0, 1, 255, 256)] == RECORDED


RECORDED = [
    (3029379883, 2131565707, 2512313850),
    (935537941, 48391251, 336483921),
    (3735093033, 1742497584, 1487242564),
    (3285853815, 1060617750, 761032288),
]


@settings(max_examples=30)
@given(st.integers(0, 2**63), st.integers(0, 9), st.integers(0, 40) | st.integers(10**6, 10**6 + 9), st.integers(0, 30))
def test_every_point_lies_in_the_cube(seed, stage, index, dimensions):
    found = point(seed, stage, index, dimensions)
    assert len(found) == dimensions
    assert all(0 <= x < 1 for x in found)


def test_over_seeds_each_coordinate_of_each_point_is_uniform():
    found = np.array([points(9, 3, seed) for seed in range(N // 4)])
    bound = 2 * KS_BOUND  # of a quarter of N
    for index, axis in itertools.product((0, 1, 2, 8), range(3)):
        assert ks_distance(found[:, index, axis], float) < bound
    assert (
        ks_distance(np.abs(found[:, 8, 0] - found[:, 7, 0]), lambda x: 1 - (1 - x) ** 2) > bound
    )  # neighbours keep off


# every coordinate


@pytest.mark.parametrize("dimensions", [1, 4, 9, 12, 20])
def test_no_coordinate_has_a_large_hole(dimensions):
    """13 points have holes of 1/13 at least; random ones of some 0.3 to 0.4 in the worst of so many coordinates."""
    assert np.median([largest_hole(points(13, dimensions, seed)) for seed in range(20)]) < 0.25
    if dimensions > 4:
        assert np.median([largest_hole(chance(13, dimensions, seed)) for seed in range(20)]) > 0.3


def largest_hole(found):
    """The widest gap between neighbours in any coordinate, around the ends."""
    ordered = np.sort(found, axis=0)
    return max(np.diff(ordered, axis=0).max(), (ordered[0] + 1 - ordered[-1]).max())


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


@pytest.mark.parametrize(
    ("dimensions", "n", "share"), [(1, 10, 0.5), (2, 20, 0.8), (4, 20, 0.8), (9, 15, 0.9), (3, BLOCK + 40, 0.6)]
)
def test_points_are_more_even_than_random_ones(dimensions, n, share):
    even = [discrepancy(np.array([point(seed, 0, i, dimensions) for i in range(n)])) for seed in range(30)]
    random = [discrepancy(chance(n, dimensions, seed)) for seed in range(30)]
    assert np.median(even) < share * np.median(random)
    assert np.median(random[:15]) > share * np.median(random[15:])  # the measure alone tells nothing apart


# every pair of coordinates

GRID = np.linspace(0, 1, 21)


def measures(found, counts):
    """Three measures of how unevenly the first points fill every pair of coordinates: (3, counts, pairs).

    Empty cells of 3 x 3, the radius of the largest empty circle, and the size of the correlation.
    """
    one, other = np.triu_indices(found.shape[1], 1)
    cells = (found[:, one] * 3).astype(int) * 3 + (found[:, other] * 3).astype(int)
    squares = (GRID[:, None, None] - found) ** 2  # (grid, points, dimensions)
    measured = np.empty((3, len(counts), len(one)))
    for k, n in enumerate(counts):
        measured[0, k] = 9 - sum((cells[:n] == cell).any(axis=0) for cell in range(9))
        measured[2, k] = np.abs(np.corrcoef(found[:n].T)[one, other])
    for pair, (i, j) in enumerate(zip(one, other, strict=True)):
        nearest = np.minimum.accumulate(squares[:, None, :, i] + squares[None, :, :, j], axis=2).max(axis=(0, 1))
        measured[1, :, pair] = np.sqrt(nearest[np.array(counts) - 1])
    return measured


@cache
def of_random_points(counts):
    """Mean, standard deviation and 95 % quantile of the measures of some 5,000 pairs."""
    measured = np.array([measures(chance(counts[-1], 20, seed), counts) for seed in range(25)])
    return measured.mean(axis=(0, 3)), measured.std(axis=(0, 3)), np.quantile(measured, 0.95, axis=(0, 3))


def faults(source, dimensions, counts, sets):
    """Where points are more uneven than random ones: what, how many points, by how much.

    A pair of coordinates in the mean over sets (by more than 5 standard errors: bound to each other), all pairs in the
    mean, or all pairs in the 95 % quantile.
    """
    found = np.array([measures(source(counts[-1], dimensions, seed), counts) for seed in range(sets)])
    mean, deviation, quantile = of_random_points(tuple(counts))
    excess = (found.mean(axis=0).max(axis=2) - mean) / (deviation / math.sqrt(sets) + 1e-9)
    worse = found.mean(axis=(0, 3)) - mean
    rare = np.quantile(found, 0.95, axis=(0, 3)) - quantile
    return [
        (f"{name} {measure}", counts[k], round(float(by[m, k]), 3))
        for name, by, allowed in (("pair", excess, 5.0), ("mean", worse, 0.0), ("rare", rare, 0.02))
        for m, measure in enumerate(("empty", "circle", "correlation"))
        for k in range(len(counts))
        if by[m, k] > allowed
    ]


FEW = (8, 11, 16, 22, 32, 45, 64)


@pytest.mark.parametrize(("dimensions", "sets"), [(2, 300), (8, 40), (20, 12)])
def test_no_pair_of_coordinates_is_less_even_than_random_points(dimensions, sets):
    assert faults(points, dimensions, FEW, sets) == []


@pytest.mark.sweep
@pytest.mark.parametrize("dimensions", range(2, 21))
def test_no_pair_of_coordinates_is_less_even_than_random_points_at_any_count(dimensions):
    assert faults(points, dimensions, range(8, 201), 200 if dimensions < 4 else 40) == []


def test_the_pairs_of_the_lattice_are_found_out():
    found = faults(lattice, 8, FEW, 40)
    assert {what for what, _, _ in found} >= {"pair empty", "pair circle", "pair correlation"}
    bound, free = (faults(lambda *of, pair=pair: lattice(*of)[:, pair], 8, FEW, 40) for pair in ([3, 7], [0, 1]))
    assert {("pair empty", 22), ("pair circle", 22), ("pair correlation", 22)} <= {(what, n) for what, n, _ in bound}
    assert not [what for what, _, _ in free if what.startswith("pair")]


def test_random_points_are_not_better_than_random_points():
    assert faults(lambda n, d, seed: chance(n, d, seed + 1000), 8, FEW, 40) != []


# what a search makes of them


def test_no_choice_goes_with_a_part_of_a_range_only():
    """With the lattice, which optimizer a coarse trial of own_csv.yaml had was a function of its number of units."""
    space = study_file.load(OWN_CSV).space
    seen, without = set(), 0
    for seed in range(200):
        found = [coarse_to_fine.propose(space, {}, (), (), Turn(seed, 0, i, i, 0.0))[0] for i in range(22)]
        units = {
            name: {one["hidden_units"] for one in found if one["optimizer"] == name} for name in ("adam", "momentum")
        }
        assert all(8 <= sum(one["optimizer"] == name for one in found) <= 14 for name in units)
        without += sum(max(of) < 32 for of in units.values()) + sum(min(of) > 8 for of in units.values())
        seen |= units["adam"]
    assert 64 in seen
    assert without < 0.05 * 800  # of random points 5 in 100: (1 - log(64.5 / 31.5) / log(64.5 / 3.5) / 2)^22
