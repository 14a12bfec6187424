"""Examples of dev and test that are in train, too, or nearly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.dataset import Normalisation, Subset, row_blocks

NEAR = 2  # decimals of a deviation to which inputs that are nearly the same agree
NEARER = 3  # decimals to which no more than a tenth of those still agree that agree to NEAR by chance
MANY_NEAR = 0.05  # share of inputs nearly the same as one of train that is worth a word


@dataclass(frozen=True, slots=True)
class Repeats:
    """Examples of dev or test whose inputs are those of an example of train."""

    subset: str
    examples: int
    exact: int
    with_target: int  # of these, those that have its label or target as well
    near: int  # equal after rounding to hundredths of a deviation, the exact ones among them
    by_chance: bool  # whether most of those that are nearly the same are so by chance

    def advice(self) -> str:
        """What to look at, in words; empty where nothing is."""
        if self.exact:
            same = f", {self.with_target:,} of them with the same answer" if self.with_target < self.exact else ""
            what = f"{self.exact:,} of {self.examples:,} inputs of {self.subset} are in train, too{same}"
            todo = "remove them, or keep what belongs together in one file (data.dev, data.test)"
            return f"{what}. Unless inputs can be alike by chance, {todo}: the error measured is too good."
        if self.near > MANY_NEAR * self.examples and not self.by_chance:
            what = f"{self.near:,} of {self.examples:,} inputs of {self.subset} are nearly the same as one of train"
            return f"{what}. Unless inputs can be alike by chance, remove them: the error measured is too good."
        return ""


def repeats(subsets: tuple[Subset, ...], names: tuple[str, ...]) -> tuple[Repeats, ...]:
    """Those of dev and of test."""
    normalisation = Normalisation.fit(subsets[0].x)

    def rounded(subset: Subset, decimals: int) -> list[bytes]:
        return _digests(subset.x, lambda x: np.round(normalisation.apply(x, np.float64), decimals))

    exact = [_digests(subset.x) for subset in subsets]
    near = [rounded(subset, NEAR) for subset in subsets]
    known, nearly_known = set(exact[0]), set(near[0])
    answers = set(zip(exact[0], subsets[0].y.tolist(), strict=True))
    found = []
    for number in range(1, len(subsets)):
        n_exact = sum(row in known for row in exact[number])
        pairs = zip(exact[number], near[number], strict=True)
        n_near = sum(row in known or nearly in nearly_known for row, nearly in pairs)
        by_chance = False
        if n_near - n_exact > MANY_NEAR * len(subsets[number]):
            still = set(rounded(subsets[0], NEARER))
            pairs = zip(exact[number], rounded(subsets[number], NEARER), strict=True)
            by_chance = sum(row not in known and nearer in still for row, nearer in pairs) < (n_near - n_exact) / 2
        n_answers = sum(pair in answers for pair in zip(exact[number], subsets[number].y.tolist(), strict=True))
        found.append(Repeats(names[number], len(subsets[number]), n_exact, n_answers, n_near, by_chance))
    return tuple(found)


def _digests(x: NDArray[Any], made: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray) -> list[bytes]:
    """A short text for each row of what is made of x, equal for equal rows."""
    blocks = (np.ascontiguousarray(made(x[rows]), np.float64) + 0.0 for rows in row_blocks(x))  # -0.0 becomes 0.0
    return [blake2b(row.tobytes(), digest_size=16).digest() for block in blocks for row in block]
