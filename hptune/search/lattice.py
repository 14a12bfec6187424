"""Points that fill the unit cube evenly, one after the other: an additive lattice, moved by a random shift.

Point i is the fractional part of shift + i * (sqrt 2, sqrt 3, sqrt 5, ...), the roots of the primes (Richtmyer 1951,
The Evaluation of Definite Integrals, and a Quasi-Monte-Carlo Method). With a uniform shift every single point is
uniform in the cube, so scales mean what they mean for random points, but few points leave no large holes, in any
coordinate.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def point(index: int, shift: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Point number index, in as many dimensions as shift has."""
    steps = np.sqrt(list(itertools.islice(_primes(), len(shift))))
    found: NDArray[np.float64] = (np.asarray(shift) + (index + 1) * steps) % 1.0
    return found


def _primes() -> Iterator[int]:
    """2, 3, 5, 7, ..."""
    found: list[int] = []
    for number in itertools.count(2):
        if all(number % prime for prime in found):
            found.append(number)
            yield number
