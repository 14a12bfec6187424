"""The records of a data set, and its normalisation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

# In deviations of the training set. None of n training examples is more than sqrt(n) off, so this bounds only
# absurd values of dev and test, which would be infinite in float32 or in the first layer.
FARTHEST = 1e6
BLOCK = 2**20  # numbers of x that are copied at once

ImageShape = tuple[int, int, int]
"""Height, width and channels of images of which each is a row, its pixels row by row, the channels innermost."""


def pixels(image: ImageShape) -> str:
    """The shape in a message: "28 x 28", "32 x 32 x 3"."""
    return " x ".join(f"{length:,}" for length in (image if image[2] > 1 else image[:2]))


def unlike(found: ImageShape | None, expected: ImageShape | None) -> str:
    """How the images of a file differ from those of training, in words; empty where they do not, or are not known."""
    if not found or not expected or found == expected:
        return ""
    return f"X has images of {pixels(found)}, expected {pixels(expected)} as for training"


@dataclass(frozen=True, slots=True)
class Examples:
    """Labelled examples as a reader or a generator hands them over, before the split."""

    x: NDArray[np.float64]  # (examples, features)
    y: NDArray[Any]  # (examples,), class numbers from 0 (int64); in regression the targets (float64)
    classes: tuple[str, ...]  # none in regression
    features: tuple[str, ...]
    image: ImageShape | None = None
    notes: tuple[str, ...] = ()  # what their owner should know of how they were read

    def subset(self, indices: NDArray[np.int64] | None = None) -> Subset:
        """Some of the examples, or all of them."""
        return Subset(self.x, self.y) if indices is None else Subset(self.x[indices], self.y[indices])


@dataclass(frozen=True, slots=True)
class Unseen:
    """Examples that a trained network is to predict."""

    x: NDArray[np.float64]  # (examples, features)
    y: NDArray[Any] | None  # (examples,), as in Examples; None where the file has no labels
    image: ImageShape | None = None  # where the file says of what shape its rows are
    is_complete: NDArray[np.bool_] | None = None  # (rows of the file,): which of them are examples; None: all are
    notes: tuple[str, ...] = ()  # what its owner should know of what was read, and how


@dataclass(frozen=True, slots=True)
class Subset:
    """Examples of one purpose: train, dev or test."""

    x: NDArray[Any]  # (examples, features), float
    y: NDArray[Any]  # (examples,), class numbers from 0 (int64); in regression the targets (float64)

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set, split."""

    train: Subset
    dev: Subset
    test: Subset | None
    classes: tuple[str, ...]  # names, by class number; none in regression
    features: tuple[str, ...]  # names, by column of x
    image: ImageShape | None = None  # where a row of x is an image
    normalisation: Normalisation | None = None  # by which x has been normalised, None where it has not
    target: TargetScale | None = None  # by which y has been normalised, None where it has not
    schema: str = ""  # JSON of table.TableSchema: how other files become examples of this kind
    notes: tuple[str, ...] = ()  # what their owner should know of how they were read
    leaves_binary: bool = True  # whether columns of only 0 and 1 are not normalised; in runs begun long ago they are
    filled_binary: tuple[int, ...] = ()  # columns of x that held 0 and 1 in train, before the mean filled their gaps

    @property
    def is_regression(self) -> bool:
        return not self.classes

    @property
    def is_binary(self) -> NDArray[np.bool_]:
        """(features,): whether a column holds 0 and 1 in train, both, and nothing else but what fills its gaps."""
        found = is_binary(self.train.x)
        found[list(self.filled_binary)] = True
        return found

    def subsets(self) -> tuple[Subset, ...]:
        """Train, dev and, where there is one, test."""
        return (self.train, self.dev) if self.test is None else (self.train, self.dev, self.test)

    def fingerprint(self) -> str:
        """A hash of every value and label: equal for equal data, split alike."""
        digest = hashlib.sha256()
        for subset in self.subsets():
            digest.update(repr((subset.x.shape, subset.x.dtype.str)).encode())
            for array in (subset.x, subset.y):
                digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        digest.update(repr((self.classes, self.features)).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Normalisation:
    """x -> (x - mean) * scale, column by column, at most FARTHEST from 0."""

    mean: NDArray[np.float64]  # (features,)
    scale: NDArray[np.float64]  # (features,): 1 / deviation, and 0 for a column that is constant

    @property
    def unit(self) -> NDArray[np.float64]:
        """(features,): what 1 stands for in each column, and 0 for one that is constant."""
        return np.where(self.scale == 0, 0.0, 1 / np.where(self.scale == 0, 1.0, self.scale))

    @property
    def as_they_are(self) -> NDArray[np.bool_]:
        """(features,): whether a column is what it was."""
        return np.equal(self.mean, 0) & np.equal(self.scale, 1)

    @classmethod
    def fit(cls, x: NDArray[Any], left: NDArray[np.bool_] | None = None) -> Normalisation:
        """Mean and deviation of x (examples, features), which must be the training set and nothing else.

        Columns that are left (features,) stay as they are; None: those of only 0 and 1, as texts become. In deviations,
        a text of one row in 900 would stand 30 from 0 and drown all else (docs/study_file.md has the figures). A column
        constant in training carries nothing to learn from: it becomes 0 everywhere, so that another value of it in dev
        or test cannot explode.
        """
        mean, deviation = mean_and_deviation(x)
        scale = np.where(deviation == 0, 0.0, 1 / np.where(deviation == 0, 1.0, deviation))
        left = is_binary(x) if left is None else left
        mean[left], scale[left] = 0.0, 1.0
        return cls(mean, scale)

    def apply(self, x: NDArray[Any], dtype: type[np.floating[Any]] = np.float32) -> NDArray[Any]:
        """X normalised in float64, then stored as dtype, C-contiguous and finite."""
        done = np.empty(x.shape, dtype)
        for rows in row_blocks(x):
            normalised = np.asarray(x[rows], np.float64) / 2  # half of it: a difference of two near 1e308 overflows
            normalised -= self.mean / 2
            with np.errstate(over="ignore"):  # an infinity is clipped
                normalised *= 2 * self.scale
            done[rows] = np.clip(normalised, -FARTHEST, FARTHEST, out=normalised)
        return done


def mean_and_deviation(x: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each column of x (examples, features); a deviation is 0 where its inverse would be infinite.

    Halved values, taken from the first one and relative to the largest, keep the sums from overflowing near 1e308 and
    exact far from 0.
    """
    means, deviations = np.empty((2, x.shape[1]))
    for columns in _column_blocks(x):
        halves = np.asarray(x[:, columns], np.float64) / 2
        shifted = halves - halves[0]
        largest = abs(shifted).max(axis=0)
        relative = shifted / np.where(largest == 0, 1.0, largest)
        mean = np.clip(halves[0] + relative.mean(axis=0) * largest, halves.min(axis=0), halves.max(axis=0))
        deviation = 2 * relative.std(axis=0) * largest
        means[columns] = 2 * mean
        deviations[columns] = np.where(deviation < 4 / np.finfo(np.float64).max, 0.0, deviation)
    return means, deviations


def is_binary(x: NDArray[Any]) -> NDArray[np.bool_]:
    """(features,): whether a column of x (examples, features) holds 0 and 1, both, and nothing else."""
    holds_1, holds_0, holds_others = np.zeros((3, x.shape[1]), np.bool_)
    for rows in row_blocks(x):
        is_1, is_0 = x[rows] == 1, x[rows] == 0
        holds_1 |= is_1.any(axis=0)
        holds_0 |= is_0.any(axis=0)
        holds_others |= ~(is_1 | is_0).all(axis=0)
    return holds_1 & holds_0 & ~holds_others


def row_blocks(x: NDArray[Any]) -> Iterator[slice]:
    """All rows of x (examples, features), some at a time: what is made of them needs little memory."""
    step = max(1, BLOCK // max(1, x.shape[1]))
    return (slice(start, start + step) for start in range(0, len(x), step))


def _column_blocks(x: NDArray[Any]) -> Iterator[slice]:
    """The same by columns, never one alone but where there is only one, which NumPy adds up in another order."""
    step = max(2, BLOCK // len(x))
    borders = [*range(0, max(1, x.shape[1] - 1), step), x.shape[1]]
    return (slice(start, stop) for start, stop in pairwise(borders))


@dataclass(frozen=True, slots=True)
class TargetScale:
    """y -> (y - mean) / deviation, for the targets of regression: an error of 1 is one deviation of theirs."""

    mean: float
    deviation: float  # of a population (divided by n), above 0; in the unit of the targets, as the mean

    @classmethod
    def fit(cls, y: NDArray[np.float64]) -> TargetScale | None:
        """Mean and deviation of y (examples,), which must be that of the training set; None where it is constant."""
        mean, deviation = mean_and_deviation(y[:, None])
        return None if deviation[0] == 0 else cls(float(mean[0]), float(deviation[0]))

    def apply(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """The targets (examples,) in deviations from the mean, at most FARTHEST from 0."""
        return Normalisation(np.array([self.mean]), np.array([1 / self.deviation])).apply(y[:, None], np.float64)[:, 0]

    def undo(self, predictions: NDArray[Any]) -> NDArray[np.float64]:
        """Predictions of any shape, given in deviations from the mean, in the unit of the targets."""
        return self.mean + np.asarray(predictions, np.float64) * self.deviation


def normalise(dataset: Dataset, dtype: type[np.floating[Any]] = np.float32, *, inputs: bool = True) -> Dataset:
    """All subsets as the network reads them, by the training set's statistics: targets of regression normalised.

    The inputs are normalised as well or, with inputs False, left as they are.
    """
    left = dataset.is_binary if dataset.leaves_binary else np.zeros(len(dataset.features), np.bool_)
    normalisation = Normalisation.fit(dataset.train.x, left) if inputs else None
    target = TargetScale.fit(dataset.train.y) if dataset.is_regression else None
    train, dev, *test = (
        Subset(network_inputs(s.x, normalisation, dtype), s.y if target is None else target.apply(s.y))
        for s in dataset.subsets()
    )
    ready = replace(dataset, train=train, dev=dev, test=test[0] if test else None)
    return replace(ready, normalisation=normalisation, target=target)


def network_inputs(
    x: NDArray[Any], normalisation: Normalisation | None, dtype: type[np.floating[Any]] = np.float32
) -> NDArray[Any]:
    """X (examples, features) normalised or, without a normalisation, as it is; dtype, C-contiguous and finite."""
    if normalisation is not None:
        return normalisation.apply(x, dtype)
    largest = np.finfo(dtype).max
    done = np.empty(x.shape, dtype)
    for rows in row_blocks(x):
        done[rows] = np.clip(x[rows], -largest, largest)
    return done
