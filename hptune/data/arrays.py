"""NPZ files -> examples. Nothing is unpickled, and no array is loaded before its header has been checked.

An .npz file is a zip archive of .npy files; shape and type stand in front of each, so a wrong, a huge or a lying
one is found without reading or allocating it.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from hptune.data.dataset import Examples
from hptune.data.files import SIZE_LIMIT, SIZE_LIMIT_NAME
from hptune.data.labels import Classes, Labels, class_numbers, find_classes
from hptune.data.problems import FileProblems, listed
from hptune.errors import DataError
from hptune.wording import counted

NEEDED = ("X", "y")
NUMBERS = "biuf"  # dtype kinds: bool, integers, floats
LABELS = NUMBERS + "US"  # and text
KIND_NAMES = {"c": "complex numbers", "M": "dates", "m": "time differences", "V": "records", "U": "text", "S": "bytes"}
# what zipfile, zlib and numpy raise on a file that is damaged, encrypted or was made to harm
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error, SyntaxError)


@dataclass(frozen=True, slots=True)
class ArraySchema:
    """What the arrays of the training file mean."""

    features: tuple[str, ...]
    classes: Classes

    def read(self, path: str) -> Examples:
        """Another file with as many columns."""
        x, labels = _read(path)
        problems = FileProblems(path)
        if x.shape[1] != len(self.features):
            problems.add(f"X has {x.shape[1]:,} columns, expected {len(self.features):,} as in the training file")
        return self.encode(x, labels, problems)

    def encode(self, x: NDArray[np.float64], labels: Labels, problems: FileProblems) -> Examples:
        y = class_numbers(labels, self.classes, _reporter(problems))
        problems.raise_any()
        return Examples(x, y, self.classes.names, self.features)


def read_arrays(path: str) -> tuple[Examples, ArraySchema]:
    """The training file, and the schema it sets for the files of dev and test."""
    x, labels = _read(path)
    problems = FileProblems(path)
    classes = find_classes(labels, _reporter(problems))
    schema = ArraySchema(tuple(f"x{column}" for column in range(x.shape[1])), classes)
    return schema.encode(x, labels, problems), schema


def _reporter(problems: FileProblems) -> Any:
    def report(message: str, position: int | None) -> None:
        problems.add(f"y: {message}" if position is None else f"y[{position}]: {message}")

    return report


def _read(path: str) -> tuple[NDArray[np.float64], Labels]:
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_archive(path, archive)
    except DAMAGE as error:
        _raise_damaged(path, error)


def _raise_damaged(path: str, error: Exception) -> NoReturn:
    with Path(path).open("rb") as file:
        start = file.read(len(npy.MAGIC_PREFIX))
    if start == npy.MAGIC_PREFIX:
        raise DataError(f"{path}: one .npy array, expected .npz: save it with np.savez(path, X=X, y=y)") from error
    what = "damaged, incomplete or not an .npz archive"
    raise DataError(f"{path}: {what} ({error}): copy it again, or save it again with np.savez") from error


def _read_archive(path: str, archive: zipfile.ZipFile) -> tuple[NDArray[np.float64], Labels]:
    problems = FileProblems(path)
    members = {name.removesuffix(".npy"): name for name in archive.namelist()}
    if not set(NEEDED) <= set(members):
        problems.add(
            f"has the arrays {listed(members) or 'none'}, needs X and y: save them with np.savez(path, X=X, y=y)"
        )
        problems.raise_any()
    shapes = [_check_header(archive, members[name], name, problems) for name in NEEDED]
    problems.raise_any()
    if shapes[0][0] != shapes[1][0]:
        problems.add(f"X has {counted(shapes[0][0], 'row')}, y has {shapes[1][0]:,}: expected as many labels as rows")
    problems.raise_any()
    x, y = (_load(archive, members[name]) for name in NEEDED)
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes infinite, and is reported
        x = np.ascontiguousarray(x, dtype=np.float64)
    _check_finite("X", x, problems)
    if y.dtype.kind == "f":
        _check_finite("y", y, problems)
    problems.raise_any()
    return x, _labels(path, y.reshape(-1))


def _load(archive: zipfile.ZipFile, member: str) -> NDArray[Any]:
    with archive.open(member) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
        file.read()  # to the end, where the checksum is compared
    return array


def _check_header(archive: zipfile.ZipFile, member: str, name: str, problems: FileProblems) -> tuple[int, ...]:
    """The shape of an array, or (0,) and a problem."""
    found = len(problems.found)
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):  # 3.0 exists only for records with names beyond Latin-1
            problems.add(f"{name} is stored as .npy version {version[0]}.{version[1]}, expected 1.0 or 2.0")
            return (0,)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        stored = archive.getinfo(member).file_size - file.tell()
    _check_type(name, dtype, problems)
    _check_shape(name, shape, problems)
    if len(problems.found) == found:
        _check_size(name, shape, dtype, stored, problems)
    return shape if len(problems.found) == found else (0,)


def _check_type(name: str, dtype: np.dtype[Any], problems: FileProblems) -> None:
    if dtype.hasobject:
        how = "X.astype(float)" if name == "X" else "y.astype(str)"
        problems.add(
            f"{name} holds Python objects, which would have to be unpickled: convert it with {how} and save again"
        )
    elif dtype.kind not in (NUMBERS if name == "X" else LABELS):
        expected = "bool, integer or float" + ("" if name == "X" else " or text")
        problems.add(f"{name} holds {KIND_NAMES.get(dtype.kind, str(dtype))} ({dtype}), expected {expected}")


def _check_shape(name: str, shape: tuple[int, ...], problems: FileProblems) -> None:
    if name == "X" and len(shape) != 2:
        hint = "X.reshape(-1, 1) makes one feature" if len(shape) == 1 else "X.reshape(len(X), -1) makes it flat"
        problems.add(f"X has shape {shape}, expected (examples, features): {hint}")
    elif name == "y" and len(shape) == 2 and shape[1] > 1:
        problems.add(f"y has shape {shape}, expected (examples,): for one-hot labels save y.argmax(axis=1)")
    elif name == "y" and len(shape) not in (1, 2):
        problems.add(f"y has shape {shape}, expected (examples,)")
    elif min(shape) < 1:
        problems.add(f"{name} has shape {shape}: expected at least one in each direction")


def _check_size(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], stored: int, problems: FileProblems) -> None:
    items = 1
    for length in shape:
        items *= int(length)
    size = items * dtype.itemsize
    if items * max(8, dtype.itemsize) > SIZE_LIMIT:  # 8: as float64
        problems.add(f"{name} has shape {shape} of {dtype}, more than the limit of {SIZE_LIMIT_NAME} in memory")
    elif size != stored:
        what = f"{name} has shape {shape} of {dtype}, {size:,} bytes, but the file holds {stored:,}"
        problems.add(f"{what}: damaged or incomplete, save it again")


def _check_finite(name: str, array: NDArray[Any], problems: FileProblems) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), array.shape))
        what = f"{name} has {counted(int(bad.sum()), 'NaN or infinite value')}, the first at "
        problems.add(f"{what}{name}{list(first)} = {array[first]}: correct or remove the rows")


def _labels(path: str, y: NDArray[Any]) -> Labels:
    distinct, first, codes = np.unique(y, return_index=True, return_inverse=True)
    try:
        names = [value.decode() if isinstance(value, bytes) else str(value) for value in distinct.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: y holds bytes that are not UTF-8: save y.astype(str)") from error
    return Labels(tuple(name.strip() for name in names), tuple(first.tolist()), codes.astype(np.int64))
