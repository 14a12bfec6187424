"""Files of examples that a trained network is to predict: read as the training data were, with or without labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data import array_pair
from hptune.data.array_pair import PairSchema, inspect_npy
from hptune.data.arrays import ArraySchema
from hptune.data.dataset import ImageShape, Unseen, unlike
from hptune.data.files import check_file
from hptune.data.filling import complete_rows
from hptune.data.idx_file import inspect_idx
from hptune.data.kinds import PAIRS, TABLES, kind
from hptune.data.problems import FileProblems, listed
from hptune.data.table import TableSchema
from hptune.errors import DataError


def read(path: str, labels: str | None, schema: TableSchema, image: ImageShape | None = None) -> Unseen:
    """The examples of a file by the schema of the training data and what their images are like.

    labels is the file of y of an NPY or IDX file.

    Raises:
        DataError: with everything that is wrong.

    """
    found = _read(path, labels, schema)
    if difference := unlike(found.image, image):
        raise DataError(f"{path}: {difference}")
    return found


def _read(path: str, labels: str | None, schema: TableSchema) -> Unseen:
    check_file(path)
    if labels is not None:
        check_file(labels)
        if kind(path) not in PAIRS:
            raise DataError(f"{labels}: --labels goes only with NPY and IDX files; {path} has its labels in itself")
        if kind(labels) != kind(path):
            raise DataError(f"{labels}: must be a {kind(path).upper()} file like {path}")
    if kind(path) in TABLES:
        return schema.read_unseen(path)
    names = tuple(column.name for column in schema.columns)
    # rows that training would leave out are read, since they are to have a place among the predictions
    missing = replace(schema.missing, todo="fill") if schema.missing.drops else schema.missing
    if texts := [column.name for column in schema.columns if column.categories is not None]:
        what = "arrays of numbers, but the network was trained on a table with columns of text"
        raise DataError(f"{path}: {what} ({listed(texts)}): give a CSV, TSV or Parquet file")
    if kind(path) == "npz":
        return _filled(path, schema, *ArraySchema(names, schema.classes, missing).read_unseen(path))
    inspect = inspect_npy if kind(path) == "npy" else inspect_idx
    if labels is None:
        x, image = array_pair.read_inputs(path, names, inspect, missing)
        return _filled(path, schema, x, None, image)
    examples = PairSchema(names, schema.classes, inspect, {path: labels}, missing).read(path)
    return _filled(path, schema, examples.x, examples.y, examples.image)


def _filled(
    path: str, schema: TableSchema, x: NDArray[np.float64], y: NDArray[Any] | None, image: ImageShape | None
) -> Unseen:
    problems, is_complete = FileProblems(path, unseen=True), None
    if schema.missing.drops:
        names = (column.name for column in schema.columns)
        is_complete = complete_rows(dict(zip(names, np.isnan(x).T, strict=True)), problems)
        problems.raise_any()
        x, y = x[is_complete], None if y is None else y[is_complete]
    return Unseen(schema.fill_unseen(x, problems), y, image, is_complete, tuple(problems.notes))
