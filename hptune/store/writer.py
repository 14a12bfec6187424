"""The one writer of a run. What append() has returned for is never lost.

Curves are rows of their own, written as they come and deleted when their trial starts anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hptune import runs
from hptune.errors import StorageError
from hptune.events import AttemptLost, ClockRead, EpochEnded, Event, SpaceExtended, StageEnded, TrialEnded, TrialStarted
from hptune.failpoints import reach
from hptune.measured import Measured, fact_of
from hptune.replacing import replace_file
from hptune.runs import RunFolder
from hptune.store import curves, database, formats, lock, rows, snapshot
from hptune.store.snapshot import Sitting, Snapshot, Stage, StoredTrial
from hptune.trial import TIE_BREAKER, MetricName, Status, TrialResult, TrialSpec

OF_RESULT = (
    "status", "reason", "epochs", "best_epoch", "score", "full_train_error", "seconds", "test_error", "curve"
)  # fmt: skip
"""The columns of a trial that are empty until it has ended."""


class Store:
    """The writing end of a run's database; a context manager that holds the run's lock."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        with database.errors(folder.path):
            database.require(folder)
            self._lock = lock.Lock(folder)
            try:
                self._connection = database.connect(folder)
                self._identity = _identity(folder.database)
                self._trials: dict[int, StoredTrial] = {}  # as they were last read
                self._changed: set[int] | None = None  # which of them have changed since; None: not read yet
            except BaseException:
                self._lock.release()
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
            self._connection.execute("PRAGMA busy_timeout = 0")
            self._connection.execute("PRAGMA journal_mode = DELETE")
            reach("database.merged")
        self._connection.close()
        reach("database.closed")
        self._lock.release()

    def add_facts(self, facts: Mapping[str, Any]) -> None:
        """What is true of the whole run, as plain JSON values."""
        with self._transaction() as connection:
            for name, value in facts.items():
                rows.insert(connection, "facts", (name, json.dumps(value)))

    def add_stage(self, stage: Stage, ended: Iterable[StageEnded] = ()) -> None:
        """Add a stage, which ends others."""
        with self._transaction() as connection:
            for before in ended:
                rows.change(connection, "stages", before.number, n_trials=before.n_trials)
            rows.insert(connection, "stages", stage_row(stage))
            # a repair may have left that of another stage of this number
            connection.execute("DELETE FROM facts WHERE name = ?", (snapshot.clock_of(stage.number),))

    def append(self, events: Iterable[Event], sitting: Sitting | None = None, stage: Stage | None = None) -> None:
        """Write events, and how long a sitting has lasted, in one durable transaction; when this returns, they stay.

        With them goes a stage that they add, or its present form.

        Raises:
            StorageError: nothing of them was written.

        """
        with self._transaction() as connection:
            if stage is not None:
                rows.put(connection, "stages", stage_row(stage))
            for event in events:
                self._write(connection, event)
            if sitting is not None:
                rows.put(connection, "sittings", dataclasses.astuple(sitting))

    def _write(self, connection: sqlite3.Connection, event: Event) -> None:
        match event:
            case TrialStarted(spec, attempt):
                self._see_change(spec.number)
                _start(connection, spec, attempt)
            case EpochEnded(number, metrics):
                curves.add_epoch(connection, number, metrics.to_json())
            case TrialEnded(result):
                self._see_change(result.number)
                _end(connection, result)
            case AttemptLost(spec, reason):
                self._see_change(spec.number)
                _lose(connection, spec.number, None, reason)
            case StageEnded(number, n_trials):
                rows.change(connection, "stages", number, n_trials=n_trials)
            case ClockRead(number, readings):
                rows.put(connection, "facts", (snapshot.clock_of(number), json.dumps(readings)))
            case SpaceExtended(number, space):
                rows.change(connection, "stages", number, extended=space)

    def take_back(self, numbers: Iterable[int]) -> None:
        """Take the results of trials back, so that they are trained again; what they were stays known as lost."""
        with self._transaction() as connection:
            for number in numbers:
                self._see_change(number)
                found = connection.execute("SELECT status, reason FROM trials WHERE number = ?", (number,)).fetchone()
                if found is None or found[0] is None:
                    continue
                _lose(connection, number, *found)
                rows.change(connection, "trials", number, **dict.fromkeys(OF_RESULT))
                curves.forget(connection, number)

    def set_test_error(self, trial: int, test_error: float, measured: Mapping[str, Measured] | None = None) -> None:
        """The test set was touched, by the answer; with it goes what else was measured of it, by set."""
        with self._transaction() as connection:
            self._see_change(trial)
            rows.change(connection, "trials", trial, test_error=test_error)
            if measured is not None:
                plain = {name: one.to_json() for name, one in measured.items()}
                rows.put(connection, "facts", (fact_of(trial), json.dumps(plain)))

    def scores(self, metric: MetricName) -> dict[int, array[float]]:
        """A metric of all trials that have ended, epoch by epoch."""
        return self.standings(metric)[0]

    def standings(self, metric: MetricName) -> tuple[dict[int, array[float]], dict[int, array[float]]]:
        """A metric of all trials that have ended, epoch by epoch, and what breaks ties of it, if anything does."""
        breaker = TIE_BREAKER.get(metric)
        scores: dict[int, array[float]] = {}
        ties: dict[int, array[float]] = {}
        with database.errors(self.folder.path), database.understood(self.folder.path):
            for trial, piece in curves.pieces(self._connection):
                scores[trial] = curves.metric_of(piece, metric)
                if breaker is not None:
                    ties[trial] = curves.metric_of(piece, breaker)
        return scores, ties

    def snapshot(self) -> Snapshot:
        """What is stored now, curves left out. Of the trials, those that have changed since the last time are read."""
        with database.errors(self.folder.path):
            if self._changed is None:
                database.check(self.folder, self._connection)
                found = snapshot.from_connection(self.folder, self._connection)
                self._trials = {trial.number: trial for trial in found.trials}
            else:
                with database.understood(self.folder.path):
                    for number in sorted(self._changed):
                        new = snapshot.trials_in(self._connection, "WHERE number = ?", (number,))
                        self._trials |= {trial.number: trial for trial in new}
                trials = [self._trials[number] for number in sorted(self._trials)]
                found = snapshot.from_connection(self.folder, self._connection, trials)
            self._changed = set()
            return found

    def _see_change(self, number: int) -> None:
        if self._changed is not None:
            self._changed.add(number)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with database.errors(self.folder.path):
            self._require_place()
            with formats.transaction(self._connection):
                reach("store.begun")
                yield self._connection
                reach("store.commit")
            reach("store.committed")

    def _require_place(self) -> None:
        """Writing to a file that was moved away or deleted would lose what is written; and so would two who write."""
        with contextlib.suppress(OSError):
            if _identity(self.folder.database) == self._identity:
                self._lock.keep()
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
    replace_file(folder.config, config)


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _start(connection: sqlite3.Connection, spec: TrialSpec, attempt: int) -> None:
    curves.forget(connection, spec.number)
    nothing = (None,) * len(OF_RESULT)
    values = (spec.number, spec.stage, json.dumps(spec.to_json()), attempt, *nothing)
    rows.put(connection, "trials", values)


def _end(connection: sqlite3.Connection, result: TrialResult) -> None:
    number = result.number
    if connection.execute("SELECT status FROM trials WHERE number = ?", (number,)).fetchone() != (None,):
        return  # it has a result
    if result.status is Status.CRASHED:  # how much of its last attempt had come through is chance
        curves.forget(connection, number)
    rows.change(
        connection,
        "trials",
        number,
        status=result.status.value,
        reason=_storable(result.reason),
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        score=result.score,
        full_train_error=result.final.train_error,
        seconds=result.seconds,
        curve=curves.collect(connection, number),
    )


def _lose(connection: sqlite3.Connection, trial: int, status: str | None, reason: str) -> None:
    place = connection.execute("SELECT coalesce(max(lost) + 1, 0) FROM lost").fetchone()[0]
    rows.insert(connection, "lost", (place, trial, status, _storable(reason)))


def _storable(text: str) -> str:
    """A text that UTF-8 has room for: half characters, as in names of files that are no UTF-8, are spelt out."""
    return text.encode(errors="backslashreplace").decode()


def stage_row(stage: Stage) -> tuple[Any, ...]:
    values = (stage.number, stage.name, stage.origin, stage.space, stage.first_trial, stage.n_trials)
    return (*values, json.dumps(stage.parents), json.dumps(stage.plan.to_json()), stage.extended)
