"""What a run's database holds at one moment, for whoever reads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hptune.runs import RunFolder
from hptune.store import database
from hptune.trial import FinalCheck, Status, TrialResult, Value


@dataclass(frozen=True, slots=True)
class Stage:
    """One search space of a run, and the trials drawn from it."""

    number: int
    name: str  # coarse, zoom-1, zoom-2, ...
    origin: str  # where its trials come from, in words
    space: str  # JSON of the space section of a study file
    first_trial: int
    n_trials: int
    parents: tuple[int, ...] = ()  # the trials it grew from

    @property
    def trials(self) -> range:
        return range(self.first_trial, self.first_trial + self.n_trials)


@dataclass(frozen=True, slots=True)
class StoredTrial:
    """A trial that was started, and its result once it has ended."""

    number: int
    stage: int
    hyperparameters: Mapping[str, Value]
    attempts: int
    result: TrialResult | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run as it was stored at one moment."""

    folder: RunFolder
    facts: Mapping[str, Any]
    stages: tuple[Stage, ...]
    trials: tuple[StoredTrial, ...]  # by number
    writer: str | None  # who was writing to it, in words

    @property
    def results(self) -> list[TrialResult]:
        """The results so far, by trial number."""
        return [trial.result for trial in self.trials if trial.result is not None]

    @property
    def n_planned(self) -> int:
        return sum(stage.n_trials for stage in self.stages)

    @property
    def n_unfinished(self) -> int:
        """Planned trials without a result."""
        return self.n_planned - len(self.results)

    def stage_to_narrow(self, parents: tuple[int, ...]) -> Stage:
        """The stage whose space a zoom on these trials narrows.

        It is the newest zoom on them, so that repeated zooms close in, or else the stage of the first of them.
        """
        zooms = [stage for stage in self.stages if stage.parents == parents]
        return zooms[-1] if zooms else next(stage for stage in self.stages if parents[0] in stage.trials)


@dataclass(frozen=True, slots=True)
class Overview:
    """A run in numbers that need not read every trial."""

    facts: Mapping[str, Any]
    n_planned: int
    n_done: int
    best_score: float | None
    writer: str | None  # as in Snapshot


def read(folder: RunFolder) -> Snapshot:
    """A run without its curves. Works at any time, also while a search writes."""
    with database.errors(folder.path), database.reading(folder) as connection:
        return from_connection(folder, connection)


def read_with_curves(folder: RunFolder) -> tuple[Snapshot, list[tuple[Any, ...]]]:
    """The same with all rows of the epochs table: (trial, epoch, then as in EpochMetrics)."""
    with database.errors(folder.path), database.reading(folder) as connection:
        connection.execute("BEGIN")  # both from one moment
        database.check(folder, connection)
        curves = connection.execute("SELECT * FROM epochs ORDER BY trial, epoch").fetchall()
        return from_connection(folder, connection), curves


def read_overview(folder: RunFolder) -> Overview:
    """A run in a few numbers."""
    with database.errors(folder.path), database.understood(folder.path), database.reading(folder) as connection:
        (n_planned,) = connection.execute("SELECT sum(n_trials) FROM stages").fetchone()
        n_done, best = connection.execute("SELECT count(status), min(score) FROM trials").fetchone()
        return Overview(_facts(connection), n_planned or 0, n_done, best, database.holder(folder))


def from_connection(folder: RunFolder, connection: sqlite3.Connection) -> Snapshot:
    """What an open connection sees."""
    stages = connection.execute("SELECT * FROM stages ORDER BY stage").fetchall()
    trials = connection.execute("SELECT * FROM trials ORDER BY number").fetchall()
    with database.understood(folder.path):
        return Snapshot(
            folder=folder,
            facts=_facts(connection),
            stages=tuple(map(_stage, stages)),
            trials=tuple(map(_stored_trial, trials)),
            writer=database.holder(folder),
        )


def _facts(connection: sqlite3.Connection) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM facts")}


def _stage(row: Sequence[Any]) -> Stage:
    number, name, origin, space, first_trial, n_trials, parents = row
    return Stage(number, name, origin, space, first_trial, n_trials, tuple(json.loads(parents)))


def _stored_trial(row: Sequence[Any]) -> StoredTrial:
    number, stage, hyperparameters, attempts, status, reason, epochs, best, score, train, test, seconds = row
    result = None
    if status is not None:
        result = TrialResult(number, Status(status), reason, epochs, best, score, FinalCheck(train, test), seconds)
    return StoredTrial(number, stage, json.loads(hyperparameters), attempts, result)
