"""The data section of a study file -> a Dataset: the one way in to every kind of data."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from hptune.data.array_pair import inspect_npy, read_pair
from hptune.data.arrays import read_arrays
from hptune.data.dataset import Dataset, Examples, Subset, TargetScale, pixels, unlike
from hptune.data.files import check_file
from hptune.data.filling import binary_but_for_gaps, completed
from hptune.data.generated import generate
from hptune.data.idx_file import inspect_idx
from hptune.data.kinds import PAIRS, TABLES, kind
from hptune.data.labels import Classes
from hptune.data.missing import Missing
from hptune.data.settings import LABELS, DataSettings
from hptune.data.split import default_fractions, split
from hptune.data.table import TableSchema, read_table
from hptune.errors import DataError
from hptune.wording import counted

T = TypeVar("T")

DIGITS = Path(__file__).with_name("digits.npz")


class Schema(Protocol):
    """What a training file says about how to read the files of dev and test."""

    def read(self, path: str) -> Examples: ...

    @property
    def classes(self) -> Classes | None: ...

    @property
    def missing(self) -> Missing: ...


def load(settings: DataSettings, *, by_target: bool = True) -> Dataset:
    """The data set, split, x in float64 and not yet normalised. Raises DataError with everything that is wrong.

    by_target is as in split.split: False for the data of a run that was started when targets were left to chance.
    """
    if settings.path is not None:
        return _from_files(settings, settings.path, by_target=by_target)
    whole = digits() if settings.source == "digits" else generate(settings)
    name = settings.source or "data"
    classes = Classes(whole.classes, are_numbers=True) if whole.classes else None
    schema = TableSchema.of_arrays(whole.features, classes, Missing())
    return _dataset(whole, _split(whole, settings, name, parts=3, by_target=by_target), schema, name)


def digits() -> Examples:
    """1797 handwritten digits of 8 x 8 pixels, 0 to 16 (see DIGITS.md)."""
    with np.load(DIGITS, allow_pickle=False) as arrays:
        x, y = arrays["X"].astype(np.float64), arrays["y"].astype(np.int64)
    features = tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8))
    return Examples(x, y, tuple("0123456789"), features, image=(8, 8, 1))


def _from_files(settings: DataSettings, path: str, *, by_target: bool) -> Dataset:
    _check_files(settings, path)
    whole, schema = _read_training(path, settings)
    whole = _with_image(whole, settings, path)
    apart = {key: file for key, file in (("dev", settings.dev), ("test", settings.test)) if file is not None}
    others = dict(zip(apart, _each(schema.read, apart.values()), strict=True))
    if not isinstance(schema, TableSchema):
        schema = TableSchema.of_arrays(whole.features, schema.classes, schema.missing)
    problems = [
        f"{apart[key]}: {difference}"
        for key, found in others.items()
        if (difference := unlike(found.image, whole.image))
    ]
    if problems:
        raise DataError("\n".join(problems))
    whole = replace(whole, notes=(*whole.notes, *(note for found in others.values() for note in found.notes)))
    test = others["test"].subset() if "test" in others else None
    if "dev" in others:
        return _dataset(
            whole, [whole.subset(), others["dev"].subset(), *([] if test is None else [test])], schema, path
        )
    subsets = _split(whole, settings, path, parts=3 if test is None else 2, by_target=by_target)
    return _dataset(whole, subsets if test is None else [*subsets, test], schema, path)


def _read_training(path: str, settings: DataSettings) -> tuple[Examples, Schema]:
    if kind(path) in TABLES:
        return read_table(path, settings)
    missing = Missing(settings.missing, settings.missing_values)
    if kind(path) in PAIRS:
        inspect = inspect_npy if kind(path) == "npy" else inspect_idx
        return read_pair(path, _labels_of_files(settings), inspect, missing, is_regression=settings.is_regression)
    return read_arrays(path, missing, is_regression=settings.is_regression)


def _with_image(whole: Examples, settings: DataSettings, path: str) -> Examples:
    """The examples with the shape that data.image gives them."""
    image = settings.image
    if image is None:
        return whole
    if whole.image is not None:
        what = f"data.image: its images are {pixels(whole.image)}, as it says itself"
        raise DataError(f"{path}: {what}: remove the key")
    n_pixels, features = math.prod(image), len(whole.features)
    if n_pixels != features:
        what = f"data.image: {pixels(image)} makes {n_pixels:,} pixels, but a row has {counted(features, 'feature')}"
        raise DataError(f"{path}: {what}: give [height, width] or [height, width, channels] that fit")
    return replace(whole, image=image)


def _labels_of_files(settings: DataSettings) -> dict[str, str]:
    """The file of y that goes with each file of X."""
    pairs = (
        (settings.path, settings.labels),
        (settings.dev, settings.dev_labels),
        (settings.test, settings.test_labels),
    )
    return {x: y for x, y in pairs if x is not None and y is not None}


def _split(whole: Examples, settings: DataSettings, name: str, *, parts: int, by_target: bool) -> list[Subset]:
    """Up to so many subsets: train, dev and, where it is not a file of its own, test."""
    by_size = default_fractions(len(whole.y))[:parts]
    fractions = settings.split or tuple(fraction / sum(by_size) for fraction in by_size)
    try:
        parted = split(whole.y, whole.classes, fractions, settings.seed, by_target=by_target)
        return [whole.subset(some) for some in parted]
    except DataError as error:
        raise DataError(f"{name}: {error}") from error


def _dataset(whole: Examples, subsets: list[Subset], schema: TableSchema, name: str) -> Dataset:
    try:
        columns, complete, filled = (
            completed(schema.columns, subsets, marks=whole.image is None)
            if schema.missing.fills
            else (schema.columns, subsets, ())
        )
    except DataError as error:
        raise DataError("\n".join(f"{name}: {line}" for line in str(error).splitlines())) from error
    schema = replace(schema, columns=columns)
    notes = (*whole.notes, *(f"{name}: {note}" for note in filled))
    train, dev, *test = complete
    if not whole.classes and TargetScale.fit(train.y) is None:
        what = f"the target is {train.y[0]:g} in all {counted(len(train), 'example')} of train"
        raise DataError(f"{name}: {what}: there is nothing to learn; name another target or add examples")
    dataset = Dataset(train, dev, test[0] if test else None, whole.classes, schema.features, whole.image)
    binary = tuple(binary_but_for_gaps(columns, subsets[0].x))
    return replace(dataset, schema=json.dumps(schema.to_json()), notes=notes, filled_binary=binary)


def _check_files(settings: DataSettings, path: str) -> None:
    """Everything that can be said before a file is opened."""
    keys = ("dev", "test", *LABELS.values())
    files = {key: file for key in keys if (file := getattr(settings, key)) is not None}
    _each(check_file, (path, *files.values()))
    problems = [
        f"{file}: data.{key} must be a {kind(path).upper()} file like data.path"
        for key, file in files.items()
        if kind(file) != kind(path) and (key not in LABELS.values() or kind(path) in PAIRS)
    ]
    problems += _same_files({"path": path, **files})
    problems += [f"{path}: {message}" for message in _conflicts(settings, path)]
    if problems:
        raise DataError("\n".join(problems))


def _same_files(files: dict[str, str]) -> list[str]:
    keys = list(files)
    return [
        f"{files[key]}: data.{key} and data.{other} are the same file: {_why_not_the_same(key, other)}"
        for number, key in enumerate(keys)
        for other in keys[:number]
        if Path(files[key]).samefile(files[other])
    ]


def _why_not_the_same(*keys: str) -> str:
    is_x_and_y = len({key in LABELS.values() for key in keys}) == 2
    return "one has X, the other y" if is_x_and_y else "what is learned from cannot measure"


def _conflicts(settings: DataSettings, path: str) -> list[str]:
    found = []
    tables_only = [f"data.{key}" for key in ("target", "ignore", "categorical") if getattr(settings, key)]
    if tables_only and kind(path) not in TABLES:
        found.append(f"{', '.join(tables_only)}: for CSV, TSV and Parquet files only; other files have arrays X and y")
    found += _conflicts_of_pairs(settings, path)
    if settings.split and settings.dev is not None:
        found.append("data.split: nothing is left to split where data.dev is a file: remove one of them")
    elif settings.split and settings.test is not None and len(settings.split) > 2:
        found.append("data.split: give the fractions of train and dev only, since data.test is a file")
    return found


def _conflicts_of_pairs(settings: DataSettings, path: str) -> list[str]:
    given = {key: getattr(settings, key) is not None for pair in LABELS.items() for key in pair}
    if kind(path) not in PAIRS:
        where = "in this one labels are in the same file: remove it"
        return [f"data.{y}: goes only with NPY and IDX files; {where}" for y in LABELS.values() if given[y]]
    name = kind(path).upper()
    found = [
        f"data.{y} is missing: name the {name} file that holds y, the labels of data.{x}"
        for x, y in LABELS.items()
        if given[x] and not given[y]
    ]
    return found + [
        f"data.{y}: there is no data.{x} whose labels they could be: name it, or remove data.{y}"
        for x, y in LABELS.items()
        if given[y] and not given[x]
    ]


def _each(read: Callable[[str], T], paths: Iterable[str]) -> list[T]:
    """What each path gives, or one DataError with the problems of all of them."""
    results, problems = [], []
    for path in paths:
        try:
            results.append(read(path))
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    return results
