"""The records of a data set, and its normalisation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Subset:
    """Examples of one purpose: train, dev or test."""

    x: NDArray[Any]  # (examples, features), float
    y: NDArray[np.int64]  # (examples,), class numbers from 0

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A classification data set, split."""

    train: Subset
    dev: Subset
    test: Subset | None
    classes: tuple[str, ...]  # names, by class number
    features: tuple[str, ...]  # names, by column of x

    def subsets(self) -> tuple[Subset, ...]:
        """Train, dev and, where there is one, test."""
        return (self.train, self.dev) if self.test is None else (self.train, self.dev, self.test)

    def fingerprint(self) -> str:
        """A hash of every value and label: equal for equal data, split alike."""
        digest = hashlib.sha256()
        for subset in self.subsets():
            digest.update(repr((subset.x.shape, subset.x.dtype.str)).encode())
            digest.update(np.ascontiguousarray(subset.x).tobytes())
            digest.update(np.ascontiguousarray(subset.y).tobytes())
        digest.update(repr((self.classes, self.features)).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Normalisation:
    """x -> (x - mean) * scale, column by column."""

    mean: NDArray[np.float64]  # (features,)
    scale: NDArray[np.float64]  # (features,): 1 / deviation, and 0 for a column that is constant

    @classmethod
    def fit(cls, x: NDArray[Any]) -> Normalisation:
        """Mean and deviation of x (examples, features), which must be the training set and nothing else.

        A column constant in training carries nothing to learn from: it becomes 0 everywhere, so that
        another value of it in dev or test cannot explode.
        """
        mean = x.mean(axis=0, dtype=np.float64)
        deviation = x.std(axis=0, dtype=np.float64)
        constant = x.max(axis=0) == x.min(axis=0)
        return cls(mean, np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation)))

    def apply(self, x: NDArray[Any], dtype: type[np.floating[Any]] = np.float32) -> NDArray[Any]:
        """X normalised in float64, then stored as dtype, C-contiguous."""
        return np.ascontiguousarray(((x - self.mean) * self.scale).astype(dtype))


def normalise(dataset: Dataset, dtype: type[np.floating[Any]] = np.float32) -> Dataset:
    """All subsets normalised with the training set's statistics."""
    normalisation = Normalisation.fit(dataset.train.x)
    train, dev, *test = (Subset(normalisation.apply(s.x, dtype), s.y) for s in dataset.subsets())
    return Dataset(train, dev, test[0] if test else None, dataset.classes, dataset.features)
