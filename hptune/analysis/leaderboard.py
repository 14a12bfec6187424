"""The leaderboard: a run's first trials in the order of their score, or of any column of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from hptune.errors import UsageError, did_you_mean
from hptune.store.answer import means as means_of
from hptune.store.answer import standings
from hptune.tables import Run
from hptune.trial import METRICS, Origin, Status, TrialResult, Value

TOP = 10


@dataclass(frozen=True, slots=True)
class Row:
    """A trial in the leaderboard."""

    rank: int | None  # from 1; None unless completed
    trial: int
    stage: str
    origin: Origin
    status: str
    mean: float | None  # of fresh seeds, with which it competes; None where it was not confirmed
    best_epoch: int | None
    epochs: int | None
    metrics: Mapping[str, float]  # at best_epoch; empty unless completed or stopped
    hyperparameters: Mapping[str, Value]  # those that were searched
    curve: tuple[float, ...]  # the metric by epoch
    sort_value: Value | None = None  # in the column that the leaderboard is sorted by


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Some trials of a run, best first or in another order, and how to show them."""

    rows: tuple[Row, ...]
    n_trials: int  # from which they were taken
    n_stopped: int  # of these, at a bar: they have no rank and come after all that have completed
    metric: str
    sort: str | None  # the column they are sorted by; None: by rank
    searched: tuple[str, ...]  # hyperparameters that can differ, in the order of the study file
    near_one: frozenset[str]  # those on a 1-beta scale
    answer: int | None  # the trial of the answer, where fresh seeds have confirmed it: it has rank 1


def leaderboard(run: Run, top: int = TOP, sort: str | None = None) -> Leaderboard:
    """The first trials of a run in the order of `sort` (see ordered)."""
    searched = tuple(dict.fromkeys(name for space in run.spaces for name in space.searched))
    competing = standings(run.snapshot)
    table = _in_order(run, competing) if sort is None else ordered(run, sort)
    completed = [result for result in competing if result.status is Status.COMPLETED]
    ranks = {result.number: rank for rank, result in enumerate(completed, 1)}
    numbers: list[int] = table["trial"].head(top).tolist()
    return Leaderboard(
        rows=_rows(run, numbers, ranks, searched, sort),
        n_trials=len(table),
        n_stopped=int((table["status"] == Status.STOPPED.value).sum()),
        metric=run.config.search.metric,
        sort=sort,
        searched=searched,
        near_one=run.near_one,
        answer=run.best.trial if run.best is not None and run.best.n_seeds else None,
    )


def ordered(run: Run, sort: str | None = None) -> pd.DataFrame:
    """The trials of searches in the order of standings: the answer, other completed ones, then stopped ones.

    Or all trials by a column of the table, missing values last.

    Raises:
        UsageError: there is no such column.

    """
    table = run.trials
    if sort is None:
        return _in_order(run, standings(run.snapshot))
    if sort not in table.columns:
        columns = list(map(str, table.columns))
        raise UsageError(
            f"--sort {sort}: no such column.{did_you_mean(sort, columns)} There are: {', '.join(columns)}."
        )
    return table.sort_values(sort, kind="stable", na_position="last", ignore_index=True)


def _in_order(run: Run, results: Sequence[TrialResult]) -> pd.DataFrame:
    order = [result.number for result in results]
    return run.trials.set_index("trial", drop=False).loc[order].reset_index(drop=True)


def _rows(
    run: Run, numbers: Sequence[int], ranks: Mapping[int, int], searched: Sequence[str], sort: str | None
) -> tuple[Row, ...]:
    chosen = run.curves[run.curves["trial"].isin(numbers)]
    curves = {number: tuple(curve.tolist()) for number, curve in chosen.groupby("trial")[run.config.search.metric]}
    trials = {trial.number: trial for trial in run.snapshot.trials}
    means = means_of(run.snapshot)
    records = {record["trial"]: record for record in run.trials[run.trials["trial"].isin(numbers)].to_dict("records")}

    def row(number: int) -> Row:
        trial, record = trials[number], records[number]
        result = trial.result
        return Row(
            rank=ranks.get(number),
            trial=number,
            stage=record["stage"],
            origin=trial.spec.origin,
            status=record["status"],
            mean=None if trial.spec.replicate is not None else means.get(number),
            best_epoch=result.best_epoch if result else None,
            epochs=result.epochs if result else None,
            metrics={name: record[name] for name in METRICS} if result and result.score is not None else {},
            hyperparameters={name: trial.hyperparameters[name] for name in searched if name in trial.hyperparameters},
            curve=curves.get(number, ()),
            sort_value=None if sort is None or pd.isna(record[sort]) else record[sort],
        )

    return tuple(row(number) for number in numbers)
