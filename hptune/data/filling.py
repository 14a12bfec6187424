"""Missing values at work: rows that are left out, and what is put in the place of missing numbers.

A table is read with NaN for every missing number. When the rows have been split, the means of train are put there,
and an input more says where, for each column of which train has missing cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hptune.data.columns import Column
from hptune.data.dataset import Subset, is_binary
from hptune.data.problems import FileProblems, quoted
from hptune.data.split import NAMES
from hptune.errors import DataError
from hptune.wording import amount, counted

MOST_SHOWN = 5  # columns that get a line each

Matrix = NDArray[np.float64]


def complete_rows(missing: Mapping[str, NDArray[np.bool_]], problems: FileProblems) -> NDArray[np.bool_]:
    """(examples,): in which rows nothing is missing, of columns by name; how many there are not goes to the notes."""
    is_complete = ~np.any(list(missing.values()), axis=0)
    n_rows, n_left = len(is_complete), int(is_complete.sum())
    if not n_left:
        todo = "" if problems.unseen else ": write data.missing: fill, or put columns under data.ignore"
        problems.add(f"a cell is missing in every row{todo}")
    elif n_left < n_rows:
        counts = sorted(((int(cells.sum()), name) for name, cells in missing.items()), key=lambda found: -found[0])
        where = ", ".join(f"{quoted(name)} {count:,}" for count, name in counts[:MOST_SHOWN] if count)
        more = sum(count > 0 for count, _ in counts[MOST_SHOWN:])
        rest = f" and {counted(more, 'more column')}" if more else ""
        what = "rows get no prediction" if problems.unseen else "rows left out"
        problems.note(f"{n_rows - n_left:,} of {n_rows:,} {what}, with cells missing in {where}{rest}")
    return is_complete if n_left else np.ones(n_rows, np.bool_)


def completed(
    columns: Sequence[Column], subsets: Sequence[Subset], *, marks: bool
) -> tuple[tuple[Column, ...], list[Subset], tuple[str, ...]]:
    """Subsets of which the first is train, filled; the columns with what they are filled with; and notes on that.

    Raises:
        DataError: a column has no number in train.

    """
    train = subsets[0].x
    problems, known = [], []
    for column, values in _parts(columns, train):
        if column.categories is not None:
            known.append(column)
            continue
        gone = np.isnan(values[:, 0])
        if gone.all():
            what = f"column {quoted(column.name)}: no number in train, so that there is no mean to fill in"
            problems.append(f"{what}: put it under data.ignore, or under data.categorical if its values are names")
        else:
            mark = marks and bool(gone.any())
            known.append(replace(column, fill=_mean(values[~gone, 0]), marks_missing=mark))
    if problems:
        raise DataError("\n".join(problems))
    notes = about_gaps(known, dict(zip(NAMES, (subset.x for subset in subsets), strict=False)))
    return tuple(known), [Subset(filled(subset.x, known), subset.y) for subset in subsets], tuple(notes)


def filled(x: Matrix, columns: Sequence[Column]) -> Matrix:
    """X (examples, features) from X as it was read, with NaN for missing numbers; the same where none may be."""
    if all(column.fill is None for column in columns):
        return x
    whole = np.empty((len(x), sum(len(column.features) for column in columns)))
    for (column, values), (_, place) in zip(_parts(columns, x), _parts(columns, whole, read=False), strict=True):
        if column.fill is None:
            place[...] = values
            continue
        gone = np.isnan(values[:, 0])
        place[:, 0] = np.where(gone, column.fill, values[:, 0])
        if column.marks_missing:
            place[:, 1] = gone
    return whole


def binary_but_for_gaps(columns: Iterable[Column], train: Matrix) -> Iterator[int]:
    """The places, once they are filled, of the columns of train, as it was read, that hold 0, 1 and gaps."""
    place = 0
    for column, values in _parts(columns, train):
        there = values[~np.isnan(values[:, 0])]
        if column.fill is not None and len(there) < len(values) and is_binary(there)[0]:
            yield place
        place += len(column.features)


def about_gaps(columns: Sequence[Column], parts: Mapping[str, Matrix]) -> Iterator[str]:
    """What was missing in parts of the data, by name, as they were read, and what stands there now."""
    counts: dict[Column, dict[str, int]] = {column: {} for column in columns}
    for name, x in parts.items():
        for column, values in _parts(columns, x):
            if n_gone := _n_gone(column, values):
                counts[column][name] = n_gone
    with_gaps = sorted((column for column in columns if counts[column]), key=lambda c: -sum(counts[c].values()))
    for column in with_gaps[:MOST_SHOWN]:
        found = counts[column]
        where = ", ".join(f"{count:,} of {name}" for name, count in found.items() if name)
        what = f"{counted(sum(found.values()), 'cell')} missing" + (f" ({where})" if where else "")
        yield f"column {quoted(column.name)}: {what}: {_what_stands_there(column)}"
    if rest := with_gaps[MOST_SHOWN:]:
        n_cells = sum(sum(counts[column].values()) for column in rest)
        yield f"{counted(len(rest), 'more column')}: {counted(n_cells, 'cell')} missing, filled in the same way"


def _n_gone(column: Column, values: Matrix) -> int:
    if column.categories is None:
        return int(np.isnan(values[:, 0]).sum())
    return int(values[:, -1].sum()) if column.marks_missing else 0


def _what_stands_there(column: Column) -> str:
    if column.categories is not None:
        return "a category of their own"
    filled_with = f"filled with {amount(column.fill or 0.0)}, the mean of train"
    return f"{filled_with}, and marked by an input of its own" if column.marks_missing else filled_with


def _parts(columns: Iterable[Column], x: Matrix, *, read: bool = True) -> Iterator[tuple[Column, Matrix]]:
    """Each column and its inputs in X, as it was read or as it is when it has been filled."""
    start = 0
    for column in columns:
        stop = start + (column.width if read else len(column.features))
        yield column, x[:, start:stop]
        start = stop


def _mean(values: Matrix) -> float:
    """That of finite numbers, whose sum may be infinite."""
    largest = float(abs(values).max())
    mean = float((values / largest).mean()) * largest if largest > 0 else 0.0
    return min(max(mean, float(values.min())), float(values.max()))
