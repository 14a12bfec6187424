"""The one writer of a run. What append() has returned for is never lost.

Curves are rows of their own, written as they come and deleted when their trial starts anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hptune import runs
from hptune.errors import StorageError
from hptune.events import AttemptLost, EpochEnded, Event, SpaceExtended, StageEnded, TrialEnded, TrialStarted
from hptune.failpoints import reach
from hptune.runs import RunFolder
from hptune.store import database, snapshot
from hptune.store.snapshot import Sitting, Snapshot, Stage
from hptune.trial import MetricName, Status, TrialResult, TrialSpec

OF_RESULT = ("status", "reason", "epochs", "best_epoch", "score", "full_train_error", "seconds", "test_error")
"""The columns of a trial that are empty until it has ended."""


class Store:
    """The writing end of a run's database; a context manager that holds the run's lock."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        with database.errors(folder.path):
            self._lock = database.take_lock(folder)
            try:
                self._connection = database.connect(folder)
                self._identity = _identity(folder.database)
            except BaseException:
                os.close(self._lock)
                raise

    @classmethod
    def new(cls, parent: Path, name: str, config: str, facts: Mapping[str, Any], stage: Stage) -> Self:
        """A new run below parent: its folder appears whole, with its study file, its facts and its first stage."""
        return cls(runs.create(parent, name, lambda folder: set_up(folder, config, facts, stage)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # a run at rest is one file that can be copied; with a reader at work it stays in WAL mode, which is as well
        with contextlib.suppress(sqlite3.Error, StorageError):
            self._require_place()
            reach("database.closing")
            self._connection.execute("PRAGMA journal_mode = DELETE")
            reach("database.merged")
        self._connection.close()
        reach("database.closed")
        os.close(self._lock)

    def add_facts(self, facts: Mapping[str, Any]) -> None:
        """What is true of the whole run, as plain JSON values."""
        with self._transaction() as connection:
            rows = [(name, json.dumps(value)) for name, value in facts.items()]
            connection.executemany("INSERT INTO facts VALUES (?, ?)", rows)

    def add_stage(self, stage: Stage) -> None:
        with self._transaction() as connection:
            _insert_stage(connection, stage)

    def put_stage(self, stage: Stage) -> None:
        """Store a stage that has been added by itself, or in its present form."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM stages WHERE stage = ?", (stage.number,))
            _insert_stage(connection, stage)

    def append(self, events: Iterable[Event], sitting: Sitting | None = None) -> None:
        """Write events, and how long a sitting has lasted, in one durable transaction; when this returns, they stay.

        Raises:
            StorageError: nothing of them was written.

        """
        with self._transaction() as connection:
            for event in events:
                match event:
                    case TrialStarted(spec, attempt):
                        _start(connection, spec, attempt)
                    case EpochEnded(number, metrics):
                        connection.execute(
                            "INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (number, *metrics.to_json())
                        )
                    case TrialEnded(result):
                        _end(connection, result)
                    case AttemptLost(spec, reason):
                        connection.execute("INSERT INTO lost (trial, reason) VALUES (?, ?)", (spec.number, reason))
                    case StageEnded(number, n_trials):
                        connection.execute("UPDATE stages SET n_trials = ? WHERE stage = ?", (n_trials, number))
                    case SpaceExtended(number, space):
                        connection.execute("UPDATE stages SET extended = ? WHERE stage = ?", (space, number))
            if sitting is not None:
                values = dataclasses.astuple(sitting)
                connection.execute("INSERT OR REPLACE INTO sittings VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def take_back(self, numbers: Iterable[int]) -> None:
        """Take the results of trials back, so that they are trained again; what they were stays known as lost."""
        with self._transaction() as connection:
            for number in numbers:
                taken = "INSERT INTO lost (trial, status, reason) SELECT number, status, reason FROM trials"
                connection.execute(f"{taken} WHERE number = ? AND status IS NOT NULL", (number,))
                empty = ", ".join(f"{column} = NULL" for column in OF_RESULT)
                connection.execute(f"UPDATE trials SET {empty} WHERE number = ?", (number,))  # noqa: S608  (ours)
                _forget_curve(connection, number)

    def set_test_error(self, trial: int, test_error: float) -> None:
        """The test set was touched, by the answer."""
        with self._transaction() as connection:
            connection.execute("UPDATE trials SET test_error = ? WHERE number = ?", (test_error, trial))

    def scores(self, metric: MetricName) -> dict[int, list[float]]:
        """A metric of all trials, epoch by epoch."""
        found: dict[int, list[float]] = {}
        with database.errors(self.folder.path):
            for trial, score in self._connection.execute(f"SELECT trial, {metric} FROM epochs ORDER BY trial, epoch"):  # noqa: S608  (one of four names)
                found.setdefault(trial, []).append(score)
        return found

    def snapshot(self) -> Snapshot:
        """What is stored now, curves left out."""
        with database.errors(self.folder.path):
            return snapshot.from_connection(self.folder, self._connection)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with database.errors(self.folder.path):
            with self._connection:
                self._require_place()
                self._connection.execute("BEGIN IMMEDIATE")
                reach("store.begun")
                yield self._connection
                reach("store.commit")
            reach("store.committed")

    def _require_place(self) -> None:
        """Writing to a file that was moved away or deleted would lose what is written."""
        with contextlib.suppress(OSError):
            if _identity(self.folder.database) == self._identity:
                return
        raise StorageError(
            f"{self.folder.path}: the run folder was moved or deleted while it was being written to. "
            "If it was moved, go on with: hptune resume PATH"
        )


def set_up(folder: RunFolder, config: str, facts: Mapping[str, Any], stage: Stage) -> None:
    """Fill an empty folder: study file, facts and first stage."""
    database.create(folder)
    with Store(folder) as store:
        store.add_facts({**facts, "config": config})
        store.add_stage(stage)
    folder.config.write_text(config, encoding="utf-8")


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _start(connection: sqlite3.Connection, spec: TrialSpec, attempt: int) -> None:
    _forget_curve(connection, spec.number)
    connection.execute(
        "INSERT OR REPLACE INTO trials (number, stage, spec, attempts) VALUES (?, ?, ?, ?)",
        (spec.number, spec.stage, json.dumps(spec.to_json()), attempt),
    )


def _end(connection: sqlite3.Connection, result: TrialResult) -> None:
    if result.status is Status.CRASHED:  # how much of its last attempt had come through is chance
        _forget_curve(connection, result.number)
    connection.execute(
        "UPDATE trials SET status = ?, reason = ?, epochs = ?, best_epoch = ?, score = ?, full_train_error = ?,"
        " seconds = ? WHERE number = ? AND status IS NULL",
        (
            result.status.value,
            result.reason,
            result.epochs,
            result.best_epoch,
            result.score,
            result.final.train_error,
            result.seconds,
            result.number,
        ),
    )


def _forget_curve(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM epochs WHERE trial = ?", (number,))


def _insert_stage(connection: sqlite3.Connection, stage: Stage) -> None:
    values = (stage.number, stage.name, stage.origin, stage.space, stage.first_trial, stage.n_trials)
    texts = json.dumps(stage.parents), json.dumps(stage.plan.to_json()), stage.extended
    connection.execute("INSERT INTO stages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, *texts))
