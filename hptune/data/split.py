"""Which examples are train, dev and test: exact sizes, every class or part of the targets in proportion, by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.problems import quoted
from hptune.data.settings import FEWEST_PER_CLASS
from hptune.errors import DataError
from hptune.randomness import Purpose, generator
from hptune.wording import counted

NAMES = ("train", "dev", "test")
MOST_PARTS = 20  # of the targets

Indices = NDArray[np.int64]


def default_fractions(examples: int) -> tuple[float, float, float]:
    """(train, dev, test): a large set needs a smaller share to measure an error as precisely."""
    if examples >= 1_000_000:
        return (0.995, 0.0025, 0.0025)
    return (0.98, 0.01, 0.01) if examples >= 100_000 else (0.6, 0.2, 0.2)


def split(
    y: NDArray[Any], classes: tuple[str, ...], fractions: tuple[float, ...], seed: int, *, by_target: bool = True
) -> tuple[Indices, ...]:
    """The examples of each subset, shuffled.

    y holds the class number of each example or, where there are no classes, targets; fractions are those of
    train and dev or of train, dev and test (they sum to 1); the seed decides which examples go where. Every class is
    in proportion in each of them, and so is every part of the targets between two quantiles. With by_target False
    targets are left to chance, as they were once.
    """
    order = generator(seed, Purpose.SPLIT).permutation(len(y))
    sizes = _sizes(len(y), fractions)
    if classes:
        counts = np.bincount(y, minlength=len(classes)).astype(np.int64)
        _check_classes(counts, classes)
        shares = apportion(counts, sizes)
        _check_sizes(sizes, fractions)
        _check_train(sizes, shares, classes, fractions)
        return _parted(order, y, counts, shares)
    _check_sizes(sizes, fractions)
    if not by_target:
        return tuple(np.split(order, np.cumsum(sizes)[:-1]))
    parts = _parts_of_targets(y, order, min(MOST_PARTS, int(sizes.min())))
    counts = np.bincount(parts)
    return _parted(order, parts, counts, apportion(counts, sizes))


def _parts_of_targets(y: NDArray[np.float64], order: Indices, parts: int) -> Indices:
    """The part of each target, from the lowest ones upwards; parts are equally large, and equal targets by chance."""
    found = np.empty(len(y), np.int64)
    found[order[np.argsort(y[order], kind="stable")]] = np.arange(len(y)) * parts // len(y)
    return found


def _parted(order: Indices, y: Indices, counts: Indices, shares: Indices) -> tuple[Indices, ...]:
    """The examples of each subset in order, with so many of each class (classes, subsets) as shares says."""
    by_class = order[np.argsort(y[order], kind="stable")]
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)  # within the class
    borders = np.repeat(np.cumsum(shares[:, :-1], axis=1), counts, axis=0)
    subset = np.empty(len(y), np.int64)
    subset[by_class] = (rank[:, None] >= borders).sum(axis=1)
    return tuple(order[subset[order] == number] for number in range(shares.shape[1]))


def apportion(counts: Indices, sizes: Indices) -> Indices:
    """How many examples of each class go to each subset: (classes, subsets), whole numbers.

    Rows sum to counts, columns to sizes, and every entry is less than 1 off count * size / examples. All but
    the last column are rounded by largest remainder; the last takes what is left, and where it is 1 or
    more off, a class that is off the other way trades one example with it. Cutting all classes at one quantile
    would be simpler, but a large class would pay for the rounding of many small ones.
    """
    examples = int(counts.sum())
    shares = np.empty((len(counts), len(sizes)), np.int64)
    for column, size in enumerate(sizes[:-1]):
        shares[:, column], remainder = np.divmod(counts * size, examples)
        largest = np.argsort(-remainder, kind="stable")[: int(size - shares[:, column].sum())]
        shares[largest, column] += 1
    shares[:, -1] = counts - shares[:, :-1].sum(axis=1)
    off = shares * examples - counts[:, None] * sizes  # exact, in units of 1 / examples
    while abs(off[:, -1]).max() >= examples:
        _trade(shares, off, examples)
    return shares


def _trade(shares: Indices, off: Indices, examples: int) -> None:
    """One example between the class whose last subset is most off and one that is off the other way.

    Both exist while an entry is 1 or more off, since the last column of off sums to 0; the other class has
    a column rounded towards the first one's need, since its row of off sums to 0 too.
    """
    far = int(np.argmax(abs(off[:, -1])))
    direction = int(np.sign(off[far, -1]))
    other = int(np.argmin(off[:, -1] * direction))
    column = int(np.argmax(off[other, :-1] * direction))
    for row, change in ((far, direction), (other, -direction)):
        for where, step in ((column, change), (-1, -change)):
            shares[row, where] += step
            off[row, where] += step * examples


def _sizes(examples: int, fractions: tuple[float, ...]) -> Indices:
    others = [round(examples * fraction) for fraction in fractions[1:]]
    return np.array([examples - sum(others), *others], np.int64)


def _check_classes(counts: Indices, classes: tuple[str, ...]) -> None:
    small = [f"{quoted(name)} ({n})" for name, n in zip(classes, counts, strict=True) if n < FEWEST_PER_CLASS]
    if small:
        few = [name for name, n in zip(classes, counts, strict=True) if n < FEWEST_PER_CLASS]
        what = f"every class needs at least {FEWEST_PER_CLASS} examples, one each for train, dev and test"
        todo = "add examples, merge these classes with others, or leave them out"
        shown = ", ".join(small[:12]) + (f" and {len(small) - 12} more" if len(small) > 12 else "")
        raise DataError(f"{what}; too few of {shown}: {todo}{_other_spelling(few, classes)}")


def _other_spelling(few: Sequence[str], classes: Sequence[str]) -> str:
    """Which of few classes are another but for capitals and blanks; empty where none is."""

    def bare(name: str) -> str:
        return "".join(name.split()).casefold()

    pairs = [(name, other) for name in few for other in classes if other != name and bare(other) == bare(name)]
    said = [f"{quoted(name)} differs from {quoted(other)} only in case or blanks" for name, other in pairs[:3]]
    return f". {'; '.join(said)}: spell them alike" if said else ""


def _check_sizes(sizes: Indices, fractions: tuple[float, ...]) -> None:
    examples = counted(int(sizes.sum()), "example")
    for name, size, fraction in zip(NAMES, sizes, fractions, strict=False):
        if size < 1:
            raise DataError(f"{examples} are too few: {name}, a share of {fraction:g}, is empty; change data.split")


def _check_train(sizes: Indices, shares: Indices, classes: tuple[str, ...], fractions: tuple[float, ...]) -> None:
    absent = [quoted(name) for name, n in zip(classes, shares[:, 0], strict=True) if n < 1]
    if absent:
        examples = counted(int(sizes.sum()), "example")
        what = f"{examples} are too few: train, a share of {fractions[0]:g}, has none of {', '.join(absent[:12])}"
        raise DataError(f"{what}; add examples, or give train a larger share in data.split")
