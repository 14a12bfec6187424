"""What bench_search.py has measured: a file of rows for every suite, and the tables that follow from it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from opponents import CONFIRMED, Answer, labels
from search_tasks import Judged, Reference, Task

TIE = 0.01  # of regret: a smaller difference on a task is neither a win nor a loss
N_RESAMPLES = 10_000
Key = tuple[str, int, int, str]


class Row(NamedTuple):
    """One answer of one search, judged."""

    task: str
    budget: int  # full trainings
    seed: int
    method: str
    score: float
    test: float | None
    epochs: int  # used

    @classmethod
    def of(cls, task: str, seed: int, answer: Answer, judged: Judged) -> Row:
        score, test = (None if number is None else float(f"{number:.5g}") for number in judged)
        return cls(task, answer.budget, seed, answer.method, score, test, answer.epochs)

    @property
    def key(self) -> Key:
        return self[:4]


class Results:
    """The rows of a suite, kept in a CSV file that is whole after every row, so that a killed benchmark goes on."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, {row.key: row for row in _read(path)}

    def forget(self, methods: Iterable[str]) -> None:
        names = {label for method in methods for label in labels(method, confirm=True)}
        self.rows = {key: row for key, row in self.rows.items() if row.method not in names}

    def write(self) -> TextIO:
        """All rows in order, in a file that is open for more."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        with new.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(Row._fields)
            for key in sorted(self.rows):
                append(file, self.rows[key])
        new.replace(self.path)
        return self.path.open("a", newline="")


def append(file: TextIO, row: Row) -> None:
    csv.writer(file, lineterminator="\n").writerow(row._replace(test="" if row.test is None else row.test))
    file.flush()


def _read(path: Path) -> Iterable[Row]:
    if path.exists():
        whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        for r in csv.DictReader(whole):
            test = float(r["test"]) if r["test"] else None
            yield Row(
                r["task"], int(r["budget"]), int(r["seed"]), r["method"], float(r["score"]), test, int(r["epochs"])
            )


class References:
    """The references of all tasks, computed once and kept in a JSON file. Whoever changes a task deletes the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, dict[str, list[float]]] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, suite: str, tasks: Mapping[str, Callable[[], Task]], n: int) -> dict[str, Reference]:
        """The references of tasks, by name, from n random configurations; tasks holds what loads each of them."""
        known = self.known.setdefault(suite, {})
        missing = [name for name in tasks if name not in known]
        for name in missing:
            known[name] = [float(f"{number:.6g}") for number in tasks[name]().reference(n)]
        if missing:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.known, indent=1, sort_keys=True) + "\n")
        return {name: Reference(*known[name]) for name in tasks}


def table_of(rows: Iterable[Row], tasks: Sequence[str], value: str = "score") -> dict[str, np.ndarray]:
    """Values by method: (tasks, seeds), NaN where nothing was measured."""
    rows = list(rows)
    seeds = sorted({row.seed for row in rows})
    found = {row.method: np.full((len(tasks), len(seeds)), np.nan) for row in rows}
    for row in rows:
        number = getattr(row, value)
        found[row.method][tasks.index(row.task), seeds.index(row.seed)] = np.nan if number is None else number
    return found


def interval(by_task: np.ndarray) -> tuple[float, float]:
    """95 % of the mean over tasks, by the bootstrap: tasks drawn with replacement (Efron 1979)."""
    random = np.random.Generator(np.random.PCG64DXSM(0))
    means = by_task[random.integers(len(by_task), size=(N_RESAMPLES, len(by_task)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def by_task(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over the seeds (tasks,) and their standard errors, of (tasks, seeds); NaN is what was not measured."""
    n = (~np.isnan(values)).sum(axis=1)
    mean = np.nanmean(values, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # of one seed there is no error
        error = np.sqrt(np.nansum((values - mean[:, None]) ** 2, axis=1) / (n * (n - 1)))
    return mean, error


def show(rows: Iterable[Row], references: Mapping[str, Reference]) -> None:
    """The tables of one suite and budget."""
    rows = list(rows)
    tasks = [name for name in references if any(row.task == name for row in rows)]
    for ending, said in (("", "as the search ends"), (CONFIRMED, "confirmed within the budget")):
        kind = [row for row in rows if row.method.endswith(CONFIRMED) == bool(ending)]
        if kind:
            print(f"  {said}")
            _compare(kind, tasks, references, f"hptune{ending}")
    if len(tasks) <= 8:
        _by_task(rows, tasks)


def _compare(rows: Sequence[Row], tasks: Sequence[str], references: Mapping[str, Reference], ours: str) -> None:
    """Every method's regret, and the paired difference of ours to it: below 0 where ours is better."""
    scores, epochs = table_of(rows, tasks), table_of(rows, tasks, "epochs")
    best, median = np.array([references[name] for name in tasks]).T[:, :, None]
    regret = {method: (found - best) / (median - best) for method, found in scores.items()}
    print(
        f"    {'':18}{'mean regret':>12}{'95 % of tasks':>18}{'median':>9}{'epochs':>9}{'n':>6}"
        f"{'ours less it':>15}{'95 % of tasks':>18}   won-tied-lost"
    )
    losses = {}
    for method in sorted(regret, key=lambda m: (m != ours, np.nanmean(regret[m]))):
        measured = regret[method][~np.isnan(regret[method]).all(axis=1)]
        means, _ = by_task(measured)
        low, high = interval(means)
        line = f"    {method:18}{means.mean():12.3f}{f'[{low:.3f}, {high:.3f}]':>18}"
        line += f"{np.nanmedian(measured):9.3f}{np.nanmean(epochs[method]):9.0f}"
        line += f"{(~np.isnan(measured)).sum():6}"
        if ours in regret and method != ours:
            paired = regret[ours] - regret[method]
            both = ~np.isnan(paired).all(axis=1)
            difference, error = by_task(paired[both])
            names = [name for name, there in zip(tasks, both, strict=True) if there]
            low, high = interval(difference)
            won, lost = (difference < -TIE).sum(), (difference > TIE).sum()
            line += f"{difference.mean():15.3f}{f'[{low:.3f}, {high:.3f}]':>18}"
            line += f"{f'{won}-{len(difference) - won - lost}-{lost}':>16}"
            losses[method] = [
                f"{name} {difference[i]:+.3f}{_plus_minus(error[i], 3)}"
                for i, name in enumerate(names)
                if difference[i] > TIE
            ]
        print(line)
    for method, lost in losses.items():
        print(f"    behind {method}: {', '.join(lost) or 'nowhere'}")


def _by_task(rows: Sequence[Row], tasks: Sequence[str]) -> None:
    """Scores and, where there are any, test errors: means over the seeds and their standard errors."""
    for value in ("score", "test"):
        if all(getattr(row, value) is None for row in rows):
            continue
        print(f"  {value} by task{'':6}" + "".join(f"{name:>18}" for name in tasks))
        for method, found in sorted(table_of(rows, tasks, value).items()):
            means, errors = by_task(found)
            cells = [f"{mean:.4f}{_plus_minus(error, 4)}" for mean, error in zip(means, errors, strict=True)]
            print(f"    {method:18}" + "".join(f"{cell:>18}" for cell in cells))


def _plus_minus(error: float, digits: int) -> str:
    """A standard error; of a single seed there is none."""
    return "" if np.isnan(error) else f"±{error:.{digits}f}"
