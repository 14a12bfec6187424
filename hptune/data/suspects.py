"""Columns that are hardly meant as inputs: numbers or names of rows, and those that tell the label by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.columns import Column
from hptune.data.dataset import Dataset
from hptune.data.kinds import TABLES, kind
from hptune.data.problems import quoted
from hptune.data.settings import DataSettings
from hptune.data.table import TableSchema
from hptune.wording import counted

FEWEST_ROWS = 30  # of train, below which any column may look so by chance
PROBE = 1000  # rows, by which most columns are known to be ordinary
GAPS = 1.1  # numbers from the lowest to the highest for each row, where a few rows are missing from a file
ID_NAME = re.compile(r"(.*[_ .-])?(id|ids|idx|index|key|uuid|guid|row|rownum|rowid|nr|no|number)|.*[a-z]I[dD]|id[_ ].*")
YEARS = (1500, 2100)
MOST_VALUES = 20  # of a column that tells the label
FEWEST_EACH = 5  # rows with each of its values, as long as there are more values than classes
FEWEST_TARGETS = 20  # different ones in train, from which on their order is no chance


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the file, as numbers."""

    name: str
    values: tuple[NDArray[Any], ...]  # by subset, NaN where it is missing; of text the numbers of its categories, or -1
    is_text: bool


def advice(dataset: Dataset, settings: DataSettings) -> Iterator[str]:
    """What of columns to look at; nothing for sets that are built in, and images."""
    if settings.path is None or dataset.image is not None or len(dataset.train) < FEWEST_ROWS:
        return
    is_table = kind(settings.path) in TABLES
    todo = "put it under data.ignore" if is_table else "leave it out of X"
    n_parts = 1 if settings.dev is not None else 2 if settings.test is not None else 3  # of the file under data.path
    columns = list(_columns(dataset))
    for column in columns:
        if why := _why_a_row(column, column.values[:n_parts]):
            yield f"column {quoted(column.name)}: {why}. If it says which row it is and nothing else, {todo}."
        elif len(columns) > 1 and (why := _why_the_label(column, dataset)):
            yield f"column {quoted(column.name)} {why}: if that is known only when the answer is, {todo}."


def _columns(dataset: Dataset) -> Iterator[_Column]:
    subsets = [subset.x for subset in dataset.subsets()]
    columns = TableSchema.of(dataset).columns if dataset.schema else map(Column, dataset.features)
    stop = 0
    for column in columns:
        start, stop = stop, stop + len(column.features)
        parts = (x[:, start:stop] for x in subsets)
        yield _Column(column.name, tuple(_values(column, x) for x in parts), column.categories is not None)


def _values(column: Column, x: NDArray[Any]) -> NDArray[Any]:
    """Those of a column, of the inputs that it has become."""
    values = x[:, 0] if column.categories is None else np.where(x.any(axis=1), x.argmax(axis=1), -1)
    if column.marks_missing:
        return np.where(x[:, -1] == 1, np.nan, values)
    return values if column.fill is None else np.where(values == column.fill, np.nan, values)


def _why_a_row(column: _Column, parts: tuple[NDArray[Any], ...]) -> str:
    """Why a column may number or name the rows, given those of one file; empty where it hardly does."""
    parts = tuple(values[~np.isnan(values)] for values in parts)
    probe = parts[0][:PROBE]
    if (
        len(probe) < FEWEST_ROWS
        or len(np.unique(probe)) < len(probe)
        or (not column.is_text and (np.floor(probe) != probe).any())
    ):
        return ""
    values = np.concatenate(parts)
    if len(np.unique(values)) < len(values):
        return ""
    if column.is_text:
        return f"each of {counted(len(values), 'row')} has a text of its own"
    low, high = float(values.min()), float(values.max())
    are_numbers_of_rows = high - low < GAPS * len(values) and not YEARS[0] <= low <= high <= YEARS[1]
    if (np.floor(values) != values).any() or not (are_numbers_of_rows or ID_NAME.fullmatch(column.name)):
        return ""
    if high - low + 1 == len(values):
        return f"every whole number from {low:.0f} to {high:.0f} is there once"
    return f"whole numbers of which each of {counted(len(values), 'row')} has one of its own"


def _why_the_label(column: _Column, dataset: Dataset) -> str:
    """How a column tells the label by itself; empty where it does not."""
    for stop in (PROBE, None):  # most columns need no look at all rows
        x = np.concatenate([values[:stop] for values in column.values])
        y = np.concatenate([subset.y[:stop] for subset in dataset.subsets()])
        gone = np.isnan(x)
        why = (_why_the_target if dataset.is_regression else _why_the_class)(x[~gone], y[~gone])
        if not why and not dataset.is_regression and _why_the_class(gone, y):
            why = "is missing in all rows of one class and in no others"
        if not why:
            return ""
    return why


def _why_the_class(x: NDArray[Any], y: NDArray[np.int64]) -> str:
    values, places, counts = np.unique(x, return_inverse=True, return_counts=True)
    classes = len(np.unique(y))
    if not 2 <= classes <= len(values) <= max(MOST_VALUES, classes) or len(x) < FEWEST_ROWS:
        return ""
    if len(np.unique(np.stack([places.ravel(), y]), axis=1).T) > len(values):
        return ""  # a value goes with several classes
    if len(values) == classes:
        return "is the label in other words: each of its values goes with one class"
    if counts.min() < FEWEST_EACH:
        return ""
    return f"tells the label by itself: each of its {len(values)} values goes with one class alone"


def _why_the_target(x: NDArray[Any], y: NDArray[np.float64]) -> str:
    """Whether the target is a function of x that never falls or never rises, of many values."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    if len(np.unique(y)) < FEWEST_TARGETS or (y[1:] != y[:-1])[x[1:] == x[:-1]].any():
        return ""
    steps = np.diff(y)
    if (steps >= 0).all() or (steps <= 0).all():
        return "has exactly the order of the target, or the opposite one"
    return ""
