"""The data section of a study file, checked. Standard library only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

TASKS = ("classification", "regression")
MISSING = ("refuse", "drop", "fill")  # what is done about missing values
CLASSES: Mapping[str, int] = {"moons": 2, "circles": 2, "spirals": 2, "blobs": 3, "linear": 0, "sine": 0}
"""The generated sets, and how many classes they have unless told otherwise; those of regression have none."""

SOURCES = ("digits", *CLASSES)
LABELS: Mapping[str, str] = {"path": "labels", "dev": "dev_labels", "test": "test_labels"}
"""Which key names the file of y for the file of X under which other key."""
FEWEST_PER_CLASS = 3  # one each for train, dev and test


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which data, and how it is split. Either source or path is set."""

    source: str | None = None  # one of SOURCES
    path: str | None = None  # a file: see data.kinds
    labels: str | None = None  # a file of y, where the one under path holds nothing but X: NPY and IDX
    dev_labels: str | None = None  # the same for dev
    test_labels: str | None = None
    task: str = "classification"  # one of TASKS; a built-in set has its own
    target: str | None = None  # tables only: the column of labels, in regression of numbers
    dev: str | None = None  # a file of its own for dev; else dev is split off
    test: str | None = None
    ignore: tuple[str, ...] = ()  # tables only: columns to leave out
    categorical: tuple[str, ...] = ()  # tables only: columns of numbers that are names, to be one-hot encoded
    missing: str = MISSING[0]  # files: what is done about missing values
    missing_values: tuple[str, ...] | None = None  # files: what stands for one, besides nothing; None: the usual
    image: tuple[int, int, int] | None = None  # files: height, width and channels of the image that each row is
    split: tuple[float, ...] | None = None  # fractions (train, dev) or (train, dev, test); None: by size
    examples: int = 1000  # generated sets only
    noise: float | None = None  # generated sets only; None: the set's own default
    classes: int | None = None  # spirals and blobs only; None: the set's own default
    seed: int = 0  # of generation and split
    bayes_error: float = 0.0  # the error that nobody can beat, for the diagnosis

    @property
    def is_regression(self) -> bool:
        return self.task == "regression"

    @property
    def name(self) -> str:
        """The built-in set, or the file without its folder."""
        return self.source or PurePath(self.path or "").name

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> DataSettings:
        keys = ("ignore", "categorical", "missing_values", "image", "split")
        tuples = {key: tuple(value) for key in keys if (value := record.get(key)) is not None}
        return cls(**{**record, **tuples})
