"""Labels as they stand in a file -> class numbers, by one set of rules for every kind of file.

Whole numbers are sorted as numbers and texts as texts; whatever looks like regression or like an id is refused.
Positions are those of examples, from 0: the reader of a file knows how to name them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hptune.data.missing import Missing, plain
from hptune.data.numbers import parse_number, whole_number
from hptune.data.problems import listed, quoted
from hptune.wording import counted

MOST_CLASSES = 1000
NEARLY_ALL = 0.5  # of the examples having a label of their own
FEWEST_FOR_NEARLY_ALL = 20  # distinct labels; below, a small set may have that many classes
ASK_FOR_REGRESSION = "to learn numbers, write data.task: regression in the study file"

Report = Callable[[str, int | None], None]  # message, position of the example (None: all of them)


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of all examples, each distinct one stored once."""

    names: tuple[str, ...]  # the distinct ones as they stand, without blanks around them
    first: tuple[int, ...]  # the position where each occurs first
    codes: NDArray[np.int64]  # (examples,): which of names
    is_missing: tuple[bool, ...]  # whether each of names stands for a missing label

    @property
    def present(self) -> list[tuple[str, int]]:
        """The labels that are none of those that are missing, and where each occurs first."""
        every = zip(self.names, self.first, self.is_missing, strict=True)
        return [(name, first) for name, first, is_missing in every if not is_missing]

    def counts(self) -> list[int]:
        """How many examples have each."""
        counts: list[int] = np.bincount(self.codes, minlength=len(self.names)).tolist()
        return counts


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a training set."""

    names: tuple[str, ...]  # by class number
    are_numbers: bool

    def name_of(self, label: str) -> str:
        """The class that a label stands for: "1" for "1.0" where classes are numbers."""
        number = whole_number(label) if self.are_numbers else None
        return label if number is None else str(number)


def labels_of(cells: Sequence[str], missing: Missing) -> Labels:
    """The labels of a column of text."""
    last = len(cells) - 1
    first = dict(zip(reversed(cells), range(last, -1, -1), strict=True))  # the first occurrence is written last
    code = {cell: number for number, cell in enumerate(first)}
    codes = np.fromiter((code[cell] for cell in cells), np.int64, len(cells))
    is_missing = tuple(map(missing.is_missing, first))
    return Labels(tuple(map(plain, first)), tuple(first.values()), codes, is_missing)


def find_classes(labels: Labels, report: Report) -> Classes:
    """The classes of a training set, from its labels; what is wrong with them goes to report."""
    present = labels.present
    numbers = [parse_number(name) for name, _ in present]
    if not present or None in numbers:
        classes = Classes(tuple(sorted({name for name, _ in present})), are_numbers=False)
    else:
        fractions = [(name, first) for name, first in present if whole_number(name) is None]
        if fractions:
            _report_fractions(fractions, report)
            return Classes((), are_numbers=True)
        found = {number for name, _ in present if (number := whole_number(name)) is not None}
        classes = Classes(tuple(map(str, sorted(found))), are_numbers=True)
    _check_number_of_classes(classes, labels, report)
    return classes


def class_numbers(labels: Labels, classes: Classes, report: Report) -> NDArray[np.int64]:
    """The class number of each example; missing and unknown labels go to report."""
    report_missing(labels, report)
    number = {name: i for i, name in enumerate(classes.names)}
    known = zip(labels.names, labels.is_missing, strict=True)
    numbers = [-1 if is_missing else number.get(classes.name_of(name), -1) for name, is_missing in known]
    counts = labels.counts()
    for code, (name, found) in enumerate(zip(labels.names, numbers, strict=True)):
        if found < 0 and classes.names and not labels.is_missing[code]:
            message = f"label {quoted(name)} ({counted(counts[code], 'example')}) is no class of the training data"
            report(
                f"{message}, which has {listed(classes.names)}: correct it, or add examples of it there",
                labels.first[code],
            )
    return np.array(numbers, np.int64)[labels.codes]


def report_missing(labels: Labels, report: Report, what: str = "label") -> None:
    """Say how many labels are missing, or whatever they are called, and where the first one is."""
    codes = [code for code, is_missing in enumerate(labels.is_missing) if is_missing]
    if codes:
        counts = labels.counts()
        count = sum(counts[code] for code in codes)
        where = min(labels.first[code] for code in codes)
        todo = "fill them in, remove the rows, or write data.missing: drop"
        report(f"{counted(count, what)} missing, the first one here: every example needs a {what}; {todo}", where)


def _report_fractions(fractions: Sequence[tuple[str, int]], report: Report) -> None:
    name, first = min(fractions, key=lambda fraction: fraction[1])
    value = parse_number(name)
    if value is not None and not np.isfinite(value):
        report(f"label {quoted(name)} is not a finite number: labels are texts or whole numbers", first)
        return
    hint = f"this looks like regression: {ASK_FOR_REGRESSION}; or give classes as texts or whole numbers"
    report(f"label {quoted(name)} is not a whole number: {hint}", first)


def _check_number_of_classes(classes: Classes, labels: Labels, report: Report) -> None:
    number, examples = len(classes.names), len(labels.codes)
    looks = "this looks like an id, not like classes: name another column of labels"
    if classes.are_numbers:
        looks = f"this looks like regression or an id, not like classes: {ASK_FOR_REGRESSION}, or name another column"
    if number > MOST_CLASSES:
        report(f"{number:,} different labels, at most {MOST_CLASSES:,} expected: {looks}", None)
    elif number > FEWEST_FOR_NEARLY_ALL and number > NEARLY_ALL * examples:
        report(f"{number:,} different labels in {examples:,} examples: {looks}", None)
    elif number == 1:
        only = labels.present[0][0]
        report(f"a single class, {quoted(only)}: at least two are needed to tell apart", None)
