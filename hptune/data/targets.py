"""Targets of regression as they stand in a file -> finite numbers, one an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.labels import Labels, Report, labels_of, report_missing
from hptune.data.missing import Missing
from hptune.data.numbers import meant_as_number, parse_number
from hptune.data.problems import quoted
from hptune.wording import counted

FOR_CLASSES = "for classes, remove data.task: regression"


def numbers_of(cells: Sequence[str], missing: Missing, report: Report) -> NDArray[np.float64]:
    """The target of each example; every text that is no finite number goes to report, once with its first place."""
    values = missing.as_numbers(cells)
    if values is None or np.isnan(values).any():
        _report_not_numbers(labels_of(cells, missing), report)
        return np.zeros(len(cells))
    return values


def numbers_of_array(y: NDArray[Any], missing: Missing, report: Report) -> NDArray[np.float64]:
    """The targets (examples,) of an array of numbers; what holds text, or stands for nothing, goes to report."""
    if y.dtype.kind in "US":
        report(f"holds text ({y.dtype}), expected numbers: save y.astype(float); {FOR_CLASSES}", None)
        return np.zeros(len(y))
    values = y.astype(np.float64)
    if missing.numbers and np.isnan(gone := missing.without(values)).any():
        first = int(np.argmax(np.isnan(gone)))
        n_gone = counted(int(np.isnan(gone).sum()), "target")
        report(
            f"{n_gone} missing, the first one here ({values[first]:g}): remove the rows, or write data.missing: drop",
            first,
        )
    return values


def _report_not_numbers(labels: Labels, report: Report) -> None:
    report_missing(labels, report, "target")
    known = enumerate(zip(labels.names, labels.is_missing, strict=True))
    wrong = [(code, name) for code, (name, is_missing) in known if not is_missing and not _is_finite(name)]
    if len(wrong) > 1 and not any(_is_finite(name) for name in labels.names):
        code, name = wrong[0]
        report(f"no number in it, the first text is {quoted(name)}: name another column; {FOR_CLASSES}", None)
        return
    counts = labels.counts()
    for code, name in wrong:
        found = f"target {quoted(name)} ({counted(counts[code], 'example')})"
        if parse_number(name) is not None:
            todo = "expected a finite number: correct it or remove the row"
        elif meant_as_number(name):
            todo = "expected a number, with a decimal point and without separators"
        else:
            todo = "expected a number: correct it or remove the row"
        report(f"{found}: {todo}", labels.first[code])


def _is_finite(text: str) -> bool:
    value = parse_number(text)
    return value is not None and bool(np.isfinite(value))
