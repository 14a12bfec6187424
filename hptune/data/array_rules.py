"""What the arrays X and y must be like, whichever files they come from; and what they are as examples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.dataset import Examples, ImageShape
from hptune.data.files import excess
from hptune.data.filling import complete_rows
from hptune.data.labels import Classes, Labels, Report, class_numbers, find_classes
from hptune.data.missing import Missing
from hptune.data.problems import FileProblems, raise_all
from hptune.data.targets import numbers_of_array
from hptune.wording import counted

NUMBERS = "biuf"  # dtype kinds: bool, integers, floats
LABELS = NUMBERS + "US"  # and text
MOST_FEATURES = 1_000_000
CHANNELS = (1, 3, 4)  # grey, RGB, RGBA
KIND_NAMES = {"c": "complex numbers", "M": "dates", "m": "time differences", "V": "records", "U": "text", "S": "bytes"}


@dataclass(frozen=True, slots=True)
class Arrays:
    """X and y as loaded, and where problems of each go: for the arrays of one file, to the same place.

    X has a row or an image for every example; images become rows.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    of_x: FileProblems
    of_y: FileProblems
    missing: Missing

    def checked(self) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """X as float64 and y, both made flat, or a DataError with all values that are none."""
        x, y = as_inputs(self.x, self.missing, self.of_x), self.y.reshape(-1)
        if self.missing.drops:
            is_complete = complete_rows(
                {"X": np.asarray(np.isnan(x).any(axis=1)), "y": self._labels_missing(y)}, self.of_x
            )
            x, y = (x, y) if is_complete.all() else (x[is_complete], y[is_complete])
        if y.dtype.kind == "f":
            with np.errstate(over="ignore"):  # a long double beyond float64 becomes infinite, and is reported
                _check_finite("y", y.astype(np.float64, copy=False), self.of_y)
        raise_all(self.of_x, self.of_y)
        return x, y

    def _labels_missing(self, y: NDArray[Any]) -> NDArray[np.bool_]:
        """(examples,): which of the labels or targets y are missing."""
        if y.dtype.kind not in "US":
            return np.isnan(self.missing.without(y.astype(np.float64)))
        labels = labels_of_array(y, self.missing, self.of_y)
        return np.array(labels.is_missing)[labels.codes]

    def training(self, features: tuple[str, ...], *, is_regression: bool) -> tuple[Examples, Classes | None]:
        """Examples whose labels decide on the classes; None for these in regression."""
        x, y = self.checked()
        if is_regression:
            return self._examples(x, y, None, None, features), None
        labels = labels_of_array(y, self.missing, self.of_y)
        classes = find_classes(labels, report_to(self.of_y))
        return self._examples(x, y, labels, classes, features), classes

    def others(self, classes: Classes | None, features: tuple[str, ...]) -> Examples:
        """Examples of dev or test, with the classes (None: regression) and as many columns as the training file."""
        x, y = self.checked()
        check_width(x, features, self.of_x)
        labels = None if classes is None else labels_of_array(y, self.missing, self.of_y)
        return self._examples(x, y, labels, classes, features)

    def _examples(
        self,
        x: NDArray[np.float64],
        y: NDArray[Any],
        labels: Labels | None,
        classes: Classes | None,
        features: tuple[str, ...],
    ) -> Examples:
        report = report_to(self.of_y)
        if labels is None or classes is None:
            targets: NDArray[Any] = numbers_of_array(y, self.missing, report)
        else:
            targets = class_numbers(labels, classes, report)
        raise_all(self.of_x, self.of_y)
        names = classes.names if classes else ()
        notes = (*self.of_x.notes, *(self.of_y.notes if self.of_y is not self.of_x else ()))
        return Examples(x, targets, names, features, image_shape(self.x.shape), notes)


def image_shape(shape: tuple[int, ...]) -> ImageShape | None:
    """What the images of an array X of such a shape are like: channels last or, with three dimensions, one of them."""
    if len(shape) not in (3, 4) or _has_channels_first(shape):
        return None
    return shape[1], shape[2], shape[3] if len(shape) == 4 else 1


def _has_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether an array X of such a shape looks like images with their channels before their height and width."""
    return len(shape) == 4 and shape[1] in CHANNELS and shape[3] not in CHANNELS


def feature_names(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Names for what the rows of an array X of such a shape hold."""
    if len(shape) == 3:
        return tuple(f"pixel_{row}_{column}" for row in range(shape[1]) for column in range(shape[2]))
    return plain_names(math.prod(shape[1:]))


def inputs_alone(
    x: NDArray[Any], features: tuple[str, ...], missing: Missing, problems: FileProblems
) -> tuple[NDArray[np.float64], ImageShape | None]:
    """X that no y goes with, flat, with as many columns as there are features, and what its images are like."""
    inputs = as_inputs(x, missing, problems)
    check_width(inputs, features, problems)
    problems.raise_any()
    return inputs, image_shape(x.shape)


def as_inputs(x: NDArray[Any], missing: Missing, problems: FileProblems) -> NDArray[np.float64]:
    """X as float64, made flat, NaN where a value is missing and not refused; values that are none go to problems."""
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes infinite, and is reported
        inputs = missing.without(np.ascontiguousarray(x, dtype=np.float64))
    _check_finite("X", inputs, problems, or_missing=missing.drops or missing.fills)
    return inputs.reshape(len(inputs), -1)


def check_width(x: NDArray[Any], features: tuple[str, ...], problems: FileProblems) -> None:
    if x.shape[1] != len(features):
        hint = ": it looks transposed, save X.T" if len(x) == len(features) else ""
        problems.add(f"X has {x.shape[1]:,} columns, expected {len(features):,} as in the training file{hint}")


def plain_names(columns: int) -> tuple[str, ...]:
    """Names for columns that have none."""
    return tuple(f"x{column}" for column in range(columns))


def report_to(problems: FileProblems) -> Report:
    """A report of labels that names their place in y."""

    def report(message: str, position: int | None) -> None:
        problems.add(f"y: {message}" if position is None else f"y[{position}]: {message}")

    return report


def check_together(x: tuple[int, ...], y: tuple[int, ...], of_x: FileProblems, of_y: FileProblems) -> None:
    """Whether arrays X and y of such shapes have as many examples; some have one in every column."""
    n_labels = y[0]
    if len(y) == 2 and y[0] == 1 < y[1]:
        n_labels = y[1]
        of_y.add(f"y has shape {y}, one row of labels, expected (examples,): save y.ravel()")
    if x[0] == n_labels:
        return
    if len(x) == 2 and x[1] == n_labels:
        of_x.add(f"X has shape {x} for {n_labels:,} labels and looks transposed, an example in every column: save X.T")
    else:
        of_y.add(f"X has {counted(x[0], 'row')}, y has {n_labels:,}: expected as many labels as rows")


def check_type(name: str, dtype: np.dtype[Any], problems: FileProblems) -> None:
    if dtype.hasobject:
        how = "X.astype(float)" if name == "X" else "y.astype(str)"
        problems.add(
            f"{name} holds Python objects, which would have to be unpickled: convert it with {how} and save again"
        )
    elif dtype.kind not in (NUMBERS if name == "X" else LABELS):
        expected = "bool, integer or float" + ("" if name == "X" else " or text")
        problems.add(f"{name} holds {KIND_NAMES.get(dtype.kind, str(dtype))} ({dtype}), expected {expected}")


def check_shape(name: str, shape: tuple[int, ...], problems: FileProblems) -> None:
    if name == "X" and len(shape) not in (2, 3, 4):
        hint = "X.reshape(-1, 1) makes one feature" if len(shape) < 2 else "X.reshape(len(X), -1) makes it flat"
        problems.add(f"X has shape {shape}, expected (examples, features) or images: {hint}")
    elif name == "X" and _has_channels_first(shape):
        hint = "save X.transpose(0, 2, 3, 1), or X.reshape(len(X), -1) where rows are no images"
        problems.add(f"X has shape {shape}, which looks like images with their channels first: {hint}")
    elif name == "y" and len(shape) == 2 and min(shape) > 1:
        axis = "axis=1), or axis=0 where examples are columns" if shape[0] < shape[1] else "axis=1)"
        hint = f"for one-hot labels save y.argmax({axis}; regression learns one number"
        problems.add(f"y has shape {shape}, expected (examples,): {hint}")
    elif name == "y" and len(shape) not in (1, 2):
        problems.add(f"y has shape {shape}, expected (examples,)")
    elif name == "X" and math.prod(shape[1:]) > MOST_FEATURES:
        problems.add(f"X has shape {shape}, more than the limit of {MOST_FEATURES:,} features")
    elif min(shape) < 1:
        problems.add(f"{name} has shape {shape}: expected at least one in each direction")


def check_limit(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], problems: FileProblems) -> bool:
    """Whether the array fits into memory."""
    too_much = excess(math.prod(map(int, shape)) * max(8, dtype.itemsize))  # 8: as float64
    if too_much:
        problems.add(f"{name} has shape {shape} of {dtype}, {too_much}: use fewer rows or columns")
    return not too_much


def check_size(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], stored: int, problems: FileProblems) -> None:
    """Whether the array fits into memory, and has as many bytes as are stored."""
    size = math.prod(map(int, shape)) * dtype.itemsize
    if check_limit(name, shape, dtype, problems) and size != stored:
        what = f"{name} has shape {shape} of {dtype}, {size:,} bytes, but the file holds {stored:,}"
        problems.add(f"{what}: damaged or incomplete, save it again")


def _check_finite(name: str, array: NDArray[Any], problems: FileProblems, *, or_missing: bool = False) -> None:
    bad = np.isinf(array) if or_missing else ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), array.shape))
        kind = "infinite value" if or_missing else "NaN or infinite value"
        what = f"{name} has {counted(int(bad.sum()), kind)}, the first at {name}{list(first)} = {array[first]}"
        todo = "drop or fill" if name == "X" else "drop"
        is_missing = np.isnan(array[first]) and not problems.unseen
        more = f", or write data.missing: {todo}" if is_missing else ""
        problems.add(f"{what}: correct or remove the rows{more}")


def labels_of_array(y: NDArray[Any], missing: Missing, problems: FileProblems) -> Labels:
    distinct, first, codes = np.unique(y, return_index=True, return_inverse=True)
    names: list[str] = []
    try:
        names = [value.decode() if isinstance(value, bytes) else str(value) for value in distinct.tolist()]
    except UnicodeDecodeError:
        problems.add("y holds bytes that are not UTF-8: save y.astype(str)")
        problems.raise_any()
    is_missing = tuple(map(missing.is_missing, names))
    return Labels(tuple(map(str.strip, names)), tuple(first.tolist()), codes.astype(np.int64), is_missing)
