"""A run as two tidy tables, and the files made of them. The only home of pandas and of column names.

The columns are described in docs/tables.md. Tables are derived from the run's database at any time, also while a
search is writing to it, and are never read back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hptune import runs as run_folders
from hptune import store, stored_config
from hptune.config.study_file import StudyConfig, to_yaml
from hptune.domains import can_be, show
from hptune.failpoints import reach
from hptune.replacing import replace_file
from hptune.search.student import interval
from hptune.space import SearchSpace
from hptune.store import Snapshot, StoredTrial
from hptune.store.answer import answer_of, contenders
from hptune.trial import METRICS, Value
from hptune.wording import counted, defused

UNFINISHED = "unfinished"
"""The status of a trial that was started and has no result."""

WHOLE, MAYBE_WHOLE, REAL, TEXT = "int64", "Int64", "float64", "string"  # Int64 has room for missing values
TRUTH = "boolean"  # and so has boolean
KIND_DTYPES = {"int": MAYBE_WHOLE, "real": REAL, "choice": TEXT, "bool": TRUTH}
RESULT_COLUMNS: Mapping[str, str] = {
    "trial": WHOLE,
    "stage": TEXT,
    "origin": TEXT,
    "parent": MAYBE_WHOLE,
    "side": REAL,
    "status": TEXT,
    "reason": TEXT,
    "best_epoch": MAYBE_WHOLE,
    "epochs": MAYBE_WHOLE,
    **dict.fromkeys(METRICS, REAL),
}
CURVE_COLUMNS: Mapping[str, str] = {
    "trial": WHOLE,
    "epoch": WHOLE,
    **dict.fromkeys(METRICS, REAL),
    "learning_rate": REAL,
    "seconds": REAL,
}


@dataclass(frozen=True, slots=True)
class Best:
    """The best configuration of a run: the answer of the search."""

    trial: int  # that found it
    score: float  # the mean metric of the trials that confirm it, from fresh seeds; its own where none do
    standard_error: float | None  # of that mean; None where there are fewer than two seeds
    n_seeds: int  # fresh ones; 0 where it has not been confirmed
    n_compared: int  # configurations on fresh seeds, of which its mean was the best; 0 where it has not been confirmed
    found_score: float  # the metric of the trial that found it
    metric: str
    hyperparameters: Mapping[str, Value]  # all that matter, fixed ones included
    weights: int  # the trial whose weights are in best.npz; what follows is of them
    best_epoch: int
    epochs: int  # that it ran: fewer than it was given where its patience ended
    train_error: float | None  # of the weights of the best epoch on the whole set, dropout off
    dev_error: float  # likewise
    dev_loss: float  # likewise
    test_error: float | None  # likewise; None until nothing is left to be trained
    trainings: tuple[int, ...]  # the trials that confirm it; itself where none do


@final
class Run:
    """What is known of a run at one moment. Its tables are made when they are first asked for."""

    def __init__(self, snapshot: Snapshot, curves: NDArray[np.float64]) -> None:
        """Curves are rows in the order of trials and epochs, columns as in CURVE_COLUMNS."""
        self.snapshot = snapshot
        self._curves = curves

    def __repr__(self) -> str:
        planned = self.snapshot.n_planned
        done = f"{len(self.snapshot.results)}{'' if planned is None else f' of {planned}'} trials"
        best = self.best
        found = "none completed" if best is None else f"best {best.metric} {show(best.score)} (trial {best.trial})"
        return f"<Run {self.path}: {done}, {found}>"

    @property
    def path(self) -> Path:
        return self.snapshot.folder.path

    @cached_property
    def config(self) -> StudyConfig:
        """The study file, defaults written out."""
        return stored_config.config_of(self.snapshot)

    @cached_property
    def spaces(self) -> tuple[SearchSpace, ...]:
        """The search spaces of the stages, by number."""
        return stored_config.spaces_of(self.snapshot)

    @cached_property
    def near_one(self) -> frozenset[str]:
        """The hyperparameters that lie on a 1-beta scale in any stage."""
        parameters = (parameter for space in self.spaces for parameter in space.parameters)
        return frozenset(p.name for p in parameters if p.domain.scale is not None and p.domain.scale.complement)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial that was started."""
        columns = {**RESULT_COLUMNS, **self._hyperparameter_columns(), "seconds": REAL}
        metrics = self.at_best_epoch
        return _frame(
            [self._trial_row(trial, metrics.get(trial.number, {})) for trial in self.snapshot.trials], columns
        )

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row a trial and epoch."""
        columns = zip(CURVE_COLUMNS.items(), self._curves.T, strict=True)
        return pd.DataFrame({name: pd.Series(values, dtype=dtype) for (name, dtype), values in columns})

    @cached_property
    def best(self) -> Best | None:
        """The answer; None where no trial has completed."""
        answer = answer_of(self.snapshot)
        if answer is None:
            return None
        found, trained = (
            next(trial for trial in self.snapshot.trials if trial.number == number)
            for number in (answer.trial, answer.weights)
        )
        result, confirmed = trained.result, answer.confirmed
        assert result is not None
        assert result.best_epoch is not None
        assert found.result is not None
        assert found.result.score is not None
        return Best(
            trial=answer.trial,
            score=found.result.score if confirmed is None else confirmed.mean,
            standard_error=None if confirmed is None else confirmed.standard_error,
            n_seeds=0 if confirmed is None else len(confirmed.scores),
            n_compared=0 if confirmed is None else len(contenders(self.snapshot)),
            found_score=found.result.score,
            metric=self.config.search.metric,
            hyperparameters=stored_config.complete(found.hyperparameters, self.config),
            weights=answer.weights,
            best_epoch=result.best_epoch,
            epochs=result.epochs,
            train_error=result.final.train_error,
            dev_error=self.at_best_epoch[result.number]["dev_error"],
            dev_loss=self.at_best_epoch[result.number]["dev_loss"],
            test_error=trained.test_error,
            trainings=(answer.trial,) if confirmed is None else confirmed.trainings,
        )

    def _hyperparameter_columns(self) -> dict[str, str]:
        """Their dtypes by name, in the order of the study file."""
        dtypes: dict[str, str] = {}
        for parameter in (parameter for space in self.spaces for parameter in space.parameters):
            column = _column(parameter.name)
            dtypes.setdefault(column, KIND_DTYPES[parameter.legal.kind])
            if any(can_be(parameter.domain, word) for word in parameter.legal.choices):
                dtypes[column] = TEXT  # also where all other values are numbers
            if parameter.name in self.near_one:
                dtypes[complement(parameter.name)] = REAL
        return dtypes

    @cached_property
    def at_best_epoch(self) -> dict[int, dict[str, float]]:
        """The four metrics of every trial that has completed or was stopped at a bar."""
        best = np.zeros(self.snapshot.next_number)
        for result in self.snapshot.results:
            best[result.number] = result.best_epoch or 0
        at_best = self._curves[self._curves[:, 1] == best[self._curves[:, 0].astype(np.int64)]]
        return {int(number): dict(zip(METRICS, values, strict=False)) for number, _, *values in at_best.tolist()}

    def _trial_row(self, trial: StoredTrial, metrics: Mapping[str, float]) -> dict[str, Any]:
        origin = trial.spec.origin
        row: dict[str, Any] = {
            "trial": trial.number,
            "stage": self.snapshot.stages[trial.stage].name,
            "origin": origin.describe(),
            "parent": origin.parent,
            "side": origin.side,
            "status": UNFINISHED,
        }
        if (result := trial.result) is not None:
            row |= {"status": result.status.value, "reason": result.reason or None, "seconds": result.seconds}
            row |= {"best_epoch": result.best_epoch, "epochs": result.epochs}
        complements = {
            complement(name): 1 - float(trial.hyperparameters[name])
            for name in self.near_one & trial.hyperparameters.keys()
        }
        values = {_column(name): value for name, value in trial.hyperparameters.items()}
        return {**row, **metrics, **values, **complements}


def load(path: str | os.PathLike[str] | None = None, runs: str | os.PathLike[str] = "runs") -> Run:
    """A run by its name below `runs` or by its path; the newest one below `runs` where path is None.

    Raises:
        UsageError: there is no such run.
        RunDamagedError: it cannot be read.

    """
    folder = run_folders.find(Path(runs), None if path is None else os.fspath(path))
    return Run(*store.read_with_curves(folder))


def _column(hyperparameter: str) -> str:
    """Its column: epochs is that of the epochs that a trial has run, not of those that it was given."""
    return "given_epochs" if hyperparameter == "epochs" else hyperparameter


def complement(name: str) -> str:
    """The column of 1 - value."""
    return f"1-{name}"


def _frame(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=dtype) for name, dtype in columns.items()}
    )


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV: floats read back exactly, texts are safe to open in a spreadsheet."""
    safe = table.copy()
    for name in safe.columns[safe.dtypes == TEXT]:
        safe[name] = safe[name].map(_one_line, na_action="ignore")
    return safe.to_csv(index=False, lineterminator="\n")


def _one_line(text: str) -> str:
    return re.sub(r"[\r\n]+", " ", defused(text))  # one line a row


def write(run: Run, name: str | None = None) -> None:
    """Write trials.csv, curves.csv and, where a trial has completed, best.yaml beside the run's database.

    The name is that of its folder, unless it is to have another.

    Raises:
        StorageError: they cannot be written.

    """
    folder = run.snapshot.folder
    replace_file(folder.trials_csv, to_csv(run.trials))
    replace_file(folder.curves_csv, to_csv(run.curves))
    if run.best is not None:
        replace_file(folder.best_yaml, _best_yaml(run.best, name or folder.name))
    reach("tables.written")


def over_seeds(mean: float, standard_error: float | None, n_seeds: int) -> str:
    """What a mean is of, and how sure it is."""
    text = f"mean of {counted(n_seeds, 'fresh seed')}"
    if standard_error is None:
        return text
    low, high = map(show, interval(mean, standard_error, n_seeds))
    within = f"95 %: {low} to {high}" if standard_error else "all came out equal"
    return f"{text}, standard error over seeds {show(standard_error)} ({within})"


def _best_yaml(best: Best, name: str) -> str:
    name = name.encode("unicode_escape").decode("ascii")
    test = "" if best.test_error is None else f", test error {show(best.test_error)}"
    trained = f"at epoch {best.best_epoch} of {best.epochs}{test}"
    found = f"{best.metric} {show(best.found_score)} {trained}"
    if best.n_seeds:
        found = f"{best.metric} {show(best.score)}, {over_seeds(best.score, best.standard_error, best.n_seeds)}"
        found += f" ({show(best.found_score)} in the search)"
        if best.n_compared > 1:
            found += f"\n# It is the best mean of {best.n_compared} configurations, and so in part luck itself."
        found += f"\n# best.npz is of trial {best.weights}: dev error {show(best.dev_error)} {trained}"
    train = to_yaml({"train": dict(best.hyperparameters)})
    return f"# {name}, trial {best.trial}: {found}\n# A study file takes this section as it is.\n{train}"
