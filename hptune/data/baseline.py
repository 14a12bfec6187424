"""What always the same answer reaches: the commonest class of train, the shares of its classes, or its mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.dataset import Dataset, TargetScale
from hptune.measured import SETS, Baseline


def measure(dataset: Dataset) -> Baseline:
    """The baseline of a data set that is not normalised."""
    targets = dict(zip(SETS, (subset.y for subset in dataset.subsets()), strict=False))
    return _of_means(targets) if dataset.is_regression else _of_classes(targets, dataset.classes)


def _of_classes(labels: Mapping[str, NDArray[Any]], classes: tuple[str, ...]) -> Baseline:
    counts = {name: np.bincount(y, minlength=len(classes)) for name, y in labels.items()}
    shares = counts["train"] / counts["train"].sum()
    commonest, rarest = int(shares.argmax()), int(shares.argmin())
    losses = {}
    for name, found in counts.items():
        present = found > 0
        if shares[present].all():
            losses[name] = float(-(found[present] * np.log(shares[present])).sum() / found.sum())
    errors = {name: float((found.sum() - found[commonest]) / found.sum()) for name, found in counts.items()}
    return Baseline(errors, losses, classes[commonest], classes[rarest], float(shares[rarest]))


def _of_means(targets: Mapping[str, NDArray[Any]]) -> Baseline:
    scale = TargetScale.fit(targets["train"])
    squares = {name: 0.0 if scale is None else float(np.mean(scale.apply(y) ** 2)) for name, y in targets.items()}
    errors = {name: math.sqrt(square) for name, square in squares.items()}
    if math.isclose(errors["train"], 1):  # by what a deviation is, but for the last digits
        errors["train"], squares["train"] = 1.0, 1.0
    return Baseline(errors, {name: square / 2 for name, square in squares.items()})
