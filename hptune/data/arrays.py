"""NPZ files -> examples. Nothing is unpickled, and no array is loaded before its header has been checked.

An .npz file is a zip archive of .npy files; shape and type stand in front of each, so a wrong, a huge or a lying
one is found without reading or allocating it.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from hptune.data.array_rules import Arrays, check_together, feature_names, inputs_alone
from hptune.data.dataset import Examples, ImageShape
from hptune.data.labels import Classes
from hptune.data.missing import Missing
from hptune.data.npy_header import DAMAGE, check_header, load_array
from hptune.data.problems import FileProblems, listed
from hptune.errors import DataError

NEEDED = ("X", "y")


@dataclass(frozen=True, slots=True)
class ArraySchema:
    """What the arrays of the training file mean."""

    features: tuple[str, ...]
    classes: Classes | None  # None: regression
    missing: Missing

    def read(self, path: str) -> Examples:
        """Another file with as many columns."""
        return _read(path, self.missing).others(self.classes, self.features)

    def read_unseen(self, path: str) -> tuple[NDArray[np.float64], NDArray[Any] | None, ImageShape | None]:
        """The same, where y may be missing: X, y if it is there, and what the images are like."""
        try:
            with zipfile.ZipFile(path) as archive:
                members = {name.removesuffix(".npy"): name for name in archive.namelist()}
                if "X" in members and "y" not in members:
                    x, image = _read_inputs(path, archive, members["X"], self)
                    return x, None, image
        except DAMAGE as error:
            _raise_damaged(path, error)
        examples = self.read(path)
        return examples.x, examples.y, examples.image


def read_arrays(path: str, missing: Missing, *, is_regression: bool = False) -> tuple[Examples, ArraySchema]:
    """The training file, and the schema it sets for the files of dev and test."""
    arrays = _read(path, missing)
    features = feature_names(arrays.x.shape)
    whole, classes = arrays.training(features, is_regression=is_regression)
    return whole, ArraySchema(features, classes, missing)


def _read(path: str, missing: Missing) -> Arrays:
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_archive(path, archive, missing)
    except DAMAGE as error:
        _raise_damaged(path, error)


def _raise_damaged(path: str, error: Exception) -> NoReturn:
    with Path(path).open("rb") as file:
        start = file.read(len(npy.MAGIC_PREFIX))
    if start == npy.MAGIC_PREFIX:
        hint = "save it with np.savez(path, X=X, y=y), or name it .npy and the labels under data.labels"
        raise DataError(f"{path}: one .npy array, expected .npz: {hint}") from error
    what = "damaged, incomplete or not an .npz archive"
    raise DataError(f"{path}: {what} ({error}): copy it again, or save it again with np.savez") from error


def _read_archive(path: str, archive: zipfile.ZipFile, missing: Missing) -> Arrays:
    problems = FileProblems(path)
    members = {name.removesuffix(".npy"): name for name in archive.namelist()}
    if not set(NEEDED) <= set(members):
        problems.add(
            f"has the arrays {listed(members) or 'none'}, needs X and y: save them with np.savez(path, X=X, y=y)"
        )
        problems.raise_any()
    shapes = [_check_member(archive, members[name], name, problems) for name in NEEDED]
    problems.raise_any()
    check_together(shapes[0], shapes[1], problems, problems)
    problems.raise_any()
    x, y = (_load(archive, members[name]) for name in NEEDED)
    return Arrays(x, y, problems, problems, missing)


def _read_inputs(
    path: str, archive: zipfile.ZipFile, member: str, schema: ArraySchema
) -> tuple[NDArray[np.float64], ImageShape | None]:
    """X alone, and what its images are like."""
    problems = FileProblems(path)
    _check_member(archive, member, "X", problems)
    problems.raise_any()
    return inputs_alone(_load(archive, member), schema.features, schema.missing, problems)


def _check_member(archive: zipfile.ZipFile, member: str, name: str, problems: FileProblems) -> tuple[int, ...]:
    with archive.open(member) as file:
        return check_header(file, archive.getinfo(member).file_size, name, problems)


def _load(archive: zipfile.ZipFile, member: str) -> NDArray[Any]:
    with archive.open(member) as file:
        array = load_array(file)
        file.read()  # to the end, where the checksum is compared
    return array
