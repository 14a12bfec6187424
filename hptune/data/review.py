"""What can be said about a data set before anything is trained: shares or targets, duplicates, drift, and advice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hptune.data import suspects
from hptune.data.columns import Column
from hptune.data.dataset import Dataset, TargetScale, row_blocks
from hptune.data.drift import LEVEL, Drift, LabelDrift, compare
from hptune.data.kinds import TABLES, kind
from hptune.data.problems import listed, quoted
from hptune.data.repeats import Repeats, repeats
from hptune.data.settings import DataSettings
from hptune.data.split import NAMES
from hptune.data.table import TableSchema
from hptune.wording import amount, counted

FEW = 100  # examples of dev or test, below which an error is measured badly
FEW_OF_A_CLASS = 5
FAR = 10  # deviations of the training targets from their mean, above which a target is worth a word


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two subsets and how far they are from each other."""

    one: str
    other: str
    drift: Drift
    is_own_split: bool = False  # whether hptune has parted them, at random


@dataclass(frozen=True, slots=True)
class Review:
    """The data set in numbers."""

    dataset: Dataset
    settings: DataSettings  # where it comes from
    names: tuple[str, ...]  # of the subsets that there are
    counts: NDArray[np.int64]  # (subsets, classes); no column in regression
    constant: tuple[str, ...]  # columns with one value in train and none missing
    repeats: tuple[Repeats, ...]
    comparisons: tuple[Comparison, ...]  # train with dev, and dev with test


def review(dataset: Dataset, settings: DataSettings) -> Review:
    """Look at a data set that has been read and split, as the settings say."""
    subsets = dataset.subsets()
    names = NAMES[: len(subsets)]
    classes = len(dataset.classes)
    comparisons = (
        Comparison(*pair, compare(one, other, classes), getattr(settings, pair[1]) is None)
        for pair, (one, other) in zip(pairwise(names), pairwise(subsets), strict=True)
    )
    return Review(
        dataset,
        settings,
        names,
        np.array([np.bincount(subset.y, minlength=classes) if classes else () for subset in subsets], np.int64),
        tuple(_constant(dataset)),
        repeats(subsets, names),
        tuple(comparisons),
    )


def _constant(dataset: Dataset) -> Iterator[str]:
    """The names of columns of which no input changes in train: what a text or a gap there is alone changes none."""
    is_constant = (dataset.train.x == dataset.train.x[0]).all(axis=0)
    columns = TableSchema.of(dataset).columns if dataset.schema else map(Column, dataset.features)
    stop = 0
    for column in columns:
        start, stop = stop, stop + len(column.features)
        if is_constant[start:stop].all():
            yield column.name


def advice(found: Review) -> tuple[str, ...]:
    """What to look at before a search is started: a sentence for each thing, what to do included."""
    return (
        *(text for comparison in found.comparisons for text in _about_drift(comparison, found.dataset.features)),
        *(text for those in found.repeats if (text := those.advice())),
        *suspects.advice(found.dataset, found.settings),
        *_about_sizes(found),
        *_about_absent_classes(found),
        *_about_unknown_categories(found),
        *_about_binary_columns(found),
        *_about_far_targets(found),
        *_about_constant_columns(found),
    )


def _about_drift(comparison: Comparison, features: tuple[str, ...]) -> list[str]:
    one, other, drift = comparison.one, comparison.other, comparison.drift
    texts = []
    if drift.alarms:
        worst = drift.alarms[0]
        how_many = f"{len(drift.alarms)} of {counted(len(drift.columns), 'column')}"
        texts.append(
            f"{one} and {other} look as if they came from different distributions: {how_many}, the least alike "
            f"{quoted(features[worst.column])} (distance {worst.distance:.2f}). {_meaning(comparison)}"
        )
    labels = drift.labels
    if not drift.labels_differ:
        return texts
    if isinstance(labels, LabelDrift):
        texts.append(
            f"{one} and {other} have different shares of classes (chi-square {labels.statistic:.1f} with "
            f"{counted(labels.freedom, 'degree')} of freedom). {_meaning(comparison)}"
        )
    else:
        what = f"have targets that look as if they came from different distributions (distance {labels.distance:.2f})"
        texts.append(f"{one} and {other} {what}. {_meaning(comparison)}")
    return texts


def _meaning(comparison: Comparison) -> str:
    if comparison.is_own_split:
        often = f"{LEVEL * 100:.0f} split in 100"
        return f"hptune has parted them at random, and of those {often} looks so by chance: take another data.seed."
    if comparison.one == "train":
        return "A gap between their errors may come from that and not from variance: look at where the data come from."
    return "What is best on dev need not be best on test: put both together, shuffle and part them anew."


def _about_sizes(found: Review) -> list[str]:
    sizes = zip(found.names[1:], map(len, found.dataset.subsets()[1:]), strict=True)
    return [
        f"{name} has {counted(size, 'example')}: {_precision(size, found.dataset)} (one standard error). "
        "Give it more examples, or a larger share."
        for name, size in sizes
        if size < FEW
    ]


def _precision(size: int, dataset: Dataset) -> str:
    """How well an error is measured: a share, or the RMSE of normal residuals (relative error 1 / sqrt(2 n))."""
    if dataset.is_regression:
        return f"an error is measured there to within {100 / math.sqrt(2 * size):.0f} % of itself"
    return f"an error of 10 % is measured there to within {100 * math.sqrt(0.09 / size):.1f} points"


def _about_absent_classes(found: Review) -> list[str]:
    absent = [
        (name, [c for c, count in zip(found.dataset.classes, counts, strict=True) if not count])
        for name, counts in zip(found.names, found.counts, strict=True)
    ]
    todo = "its error says nothing about them. Add examples."
    texts = [f"{name} has no examples of {listed(classes)}: {todo}" for name, classes in absent if classes]
    few = [
        (name, [c for c, count in zip(found.dataset.classes, counts, strict=True) if 0 < count < FEW_OF_A_CLASS])
        for name, counts in zip(found.names[1:], found.counts[1:], strict=True)
    ]
    todo = "its error hardly tells how well they are known. Add examples."
    return texts + [
        f"{name} has fewer than {FEW_OF_A_CLASS} examples of {listed(classes)}: {todo}"
        for name, classes in few
        if classes
    ]


def _about_unknown_categories(found: Review) -> list[str]:
    """Rows of dev and test that are 0 in all columns made from one column of text."""
    columns = TableSchema.of(found.dataset).columns if found.dataset.schema else ()
    stops = np.cumsum([len(column.features) for column in columns])
    texts = []
    for name, subset in zip(found.names[1:], found.dataset.subsets()[1:], strict=True):
        for column, stop in zip(columns, stops, strict=True):
            if column.categories is None:
                continue
            unknown = int(np.count_nonzero(~subset.x[:, stop - len(column.features) : stop].any(axis=1)))
            if unknown:
                what = f"{unknown:,} of {len(subset):,} rows of {name} have a text in column {quoted(column.name)}"
                known = f"which has {listed(column.categories)}"
                texts.append(
                    f"{what} that is not in train, {known}: they count as none of them. Is it spelt otherwise?"
                )
    return texts


def _about_binary_columns(found: Review) -> list[str]:
    """Columns that stay as they are for what they hold in train, and hold something else elsewhere."""
    dataset = found.dataset
    is_left = dataset.is_binary
    columns_read = TableSchema.of(dataset).columns if dataset.schema else ()
    fills = {column.name: column.fill for column in columns_read if column.fill is not None}
    gaps = np.array([fills.get(name, 0.0) for name in dataset.features])
    texts = []
    for name, subset in zip(found.names[1:], dataset.subsets()[1:], strict=True):
        blocks = (subset.x[rows] for rows in row_blocks(subset.x))
        holds_others = np.any([((x != 0) & (x != 1) & (x != gaps)).any(axis=0) for x in blocks], axis=0)
        if columns := [dataset.features[c] for c in np.flatnonzero(is_left & holds_others)]:
            what = f"{counted(len(columns), 'column')} of nothing but 0 and 1 in train"
            which = f"{what} with other numbers in {name}: {listed(columns)}"
            texts.append(f"{which}. What they mean cannot be learned. Are they coded otherwise there?")
    return texts


def _about_far_targets(found: Review) -> list[str]:
    """The farthest target of each part; one that is k deviations off adds k^2 / n to a mean square of about 1."""
    scale = TargetScale.fit(found.dataset.train.y) if found.dataset.is_regression else None
    if scale is None:
        return []
    parts = zip(found.names, (subset.y for subset in found.dataset.subsets()), strict=True)
    farthest = [(name, float(y[abs(scale.apply(y)).argmax()])) for name, y in parts]
    return [
        f"a target of {name}, {amount(y)}, is {amount(far)} deviations from the mean of train: few such examples rule "
        "a squared error. Correct it, or learn the logarithm of the targets."
        for name, y in farthest
        if (far := abs(float(scale.apply(np.array([y]))[0]))) > FAR
    ]


def _about_constant_columns(found: Review) -> list[str]:
    """Columns to be left out where that can be said; pixels at the edge of an image cannot be left out."""
    if not found.constant or found.settings.path is None or found.dataset.image is not None:
        return []
    where = "put under data.ignore" if kind(found.settings.path) in TABLES else "left out of X"
    todo = f"Nothing can be learned from what never changes; they may be {where}."
    return [f"{counted(len(found.constant), 'column')} with one value in train: {listed(found.constant)}. {todo}"]
