"""Points that fill the unit cube evenly, one after the other, in every coordinate and in every pair of coordinates.

Each point is put where it is least like the points before it. How alike two numbers are is said by their distance on a
circle, through the Bernoulli polynomial B2; by that alone, numbers spread as evenly as van der Corput's (Steinerberger
2020, A Nonlocal Functional Promoting Low-Discrepancy Point Sets; Pausinger 2020, Greedy Energy Minimization Can Count
in Binary). Points are the more alike the more coordinates, and pairs of coordinates, they are alike in.

Every single point is uniform in the cube, because distances on circles stay what they are when all points are moved
together. Every pair of coordinates follows the same law, because coordinates are chosen in random order. A lattice, and
Sobol's points in more than a few coordinates, bind some pairs to each other while points are few.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from hptune.randomness import Purpose, generator

BLOCK = 256  # points that know of each other; the next block begins afresh, so that no point takes long
PLACES = 32  # tried for each coordinate of a point, evenly around the circle from a random one
CIRCLE = 1 << 32  # unsigned numbers of 32 bits go around it by themselves
ARC = 1 << 20  # how finely distances are told apart: 4096 arcs to the circle
_x = np.arange(CIRCLE // ARC)
LIKENESS = (6 * _x * (_x - len(_x)) // len(_x) + len(_x)).astype(np.float64)  # 6 * B2 in units of an arc, rounded down


def point(seed: int, stage: int, index: int, dimensions: int) -> tuple[float, ...]:
    """Point number index, from 0, of a stage of the run with this seed."""
    block, place = divmod(index, BLOCK)
    found, further = _begun(seed, stage, block, dimensions)
    while len(found) <= place:
        found.append(next(further))
    return found[place]


@lru_cache(maxsize=16)
def _begun(
    seed: int, stage: int, block: int, dimensions: int
) -> tuple[list[tuple[float, ...]], Iterator[tuple[float, ...]]]:
    """The points of a block that have been asked for, and where the others come from."""
    return [], spread(dimensions, generator(seed, Purpose.EVEN_POINTS, (stage << 32) + block))


def spread(dimensions: int, rng: np.random.Generator) -> Iterator[tuple[float, ...]]:
    """A block of points, one by one; all sums are of whole numbers, and so the same on every machine."""
    steps = np.arange(0, CIRCLE, CIRCLE // PLACES, dtype=np.uint32)
    alone = LIKENESS[0] * (1 + dimensions / 16)  # what a coordinate counts beside its many pairs
    earlier = np.empty((dimensions, BLOCK), np.uint32)
    for n in range(BLOCK):
        here = (rng.random(dimensions) * CIRCLE).astype(np.uint32)
        so_far = np.full(n, alone)  # how alike every earlier point is in the coordinates chosen
        for axis in np.argsort(rng.random(dimensions)):
            places = here[axis] + steps
            alike = LIKENESS[(places[:, None] - earlier[axis, :n]) // ARC]  # (PLACES, n)
            nearest_to_none = np.argmin(alike @ so_far)
            here[axis] = places[nearest_to_none]
            so_far += alike[nearest_to_none]
        earlier[:, n] = here
        yield tuple((here / CIRCLE).tolist())
