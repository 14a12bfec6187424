"""X in one file and y in another, as NPY and IDX files have them -> examples.

Both headers are checked before either array is loaded, and the problems of both files are shown together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.array_rules import Arrays, check_together, feature_names, inputs_alone
from hptune.data.dataset import Examples, ImageShape
from hptune.data.labels import Classes
from hptune.data.missing import Missing
from hptune.data.npy_header import DAMAGE, check_header, load_array
from hptune.data.problems import FileProblems, raise_all


@dataclass(frozen=True, slots=True)
class Waiting:
    """An array whose header is good, and how to load it."""

    shape: tuple[int, ...]
    load: Callable[[], NDArray[Any]]


Inspect = Callable[[str, str, FileProblems], Waiting | None]
"""path, "X" or "y", problems -> the array, not loaded yet; None where problems have grown."""


@dataclass(frozen=True, slots=True)
class PairSchema:
    """What the arrays of the training files mean."""

    features: tuple[str, ...]
    classes: Classes | None  # None: regression
    inspect: Inspect
    labels: Mapping[str, str]  # the file of y that goes with each file of X
    missing: Missing

    def read(self, path: str) -> Examples:
        """Another two files with as many columns."""
        return _read(path, self.labels[path], self.inspect, self.missing).others(self.classes, self.features)


def read_inputs(
    path: str, features: tuple[str, ...], inspect: Inspect, missing: Missing
) -> tuple[NDArray[np.float64], ImageShape | None]:
    """X of a file that no y goes with, and what its images are like."""
    problems = FileProblems(path)
    waiting = inspect(path, "X", problems)
    problems.raise_any()
    assert waiting is not None  # an array that is None has left a problem
    return inputs_alone(_load(waiting, problems), features, missing, problems)


def read_pair(
    path: str, labels: Mapping[str, str], inspect: Inspect, missing: Missing, *, is_regression: bool = False
) -> tuple[Examples, PairSchema]:
    """The training files of X and y, and the schema they set for those of dev and test."""
    arrays = _read(path, labels[path], inspect, missing)
    features = feature_names(arrays.x.shape)
    whole, classes = arrays.training(features, is_regression=is_regression)
    return whole, PairSchema(features, classes, inspect, labels, missing)


def _read(path: str, labels: str, inspect: Inspect, missing: Missing) -> Arrays:
    of_x, of_y = FileProblems(path), FileProblems(labels)
    waiting_x, waiting_y = inspect(path, "X", of_x), inspect(labels, "y", of_y)
    raise_all(of_x, of_y)
    assert waiting_x is not None  # an array that is None has left a problem
    assert waiting_y is not None
    check_together(waiting_x.shape, waiting_y.shape, of_x, of_y)
    raise_all(of_x, of_y)
    return Arrays(_load(waiting_x, of_x), _load(waiting_y, of_y), of_x, of_y, missing)


def inspect_npy(path: str, name: str, problems: FileProblems) -> Waiting | None:
    """A .npy file, its header checked as those in an .npz file are."""
    try:
        with Path(path).open("rb") as file:
            shape = check_header(file, Path(path).stat().st_size, name, problems)
    except DAMAGE as error:
        problems.add(f"damaged, incomplete or not a .npy file ({error}): copy it again, or save it again with np.save")
        return None
    return None if problems.found else Waiting(shape, lambda: _load_npy(path))


def _load_npy(path: str) -> NDArray[Any]:
    with Path(path).open("rb") as file:
        return load_array(file)


def _load(waiting: Waiting, problems: FileProblems) -> NDArray[Any]:
    try:
        return waiting.load()
    except DAMAGE as error:
        problems.add(f"damaged or incomplete ({error}): copy or download it again")
        problems.raise_any()
        raise
