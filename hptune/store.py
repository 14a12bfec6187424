"""The run's database: SQLite, one writer, many readers. What append() has returned for is never lost.

A trial is one row; its status and its result are written together, when it ends. That a trial is running
is never stored: without a live writer every trial without a status is to be trained again. Curves are rows
of their own, written as they come and deleted when their trial starts anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hptune.errors import HptuneError, RunDamagedError, RunInUseError, StorageError
from hptune.events import EpochEnded, Event, TrialEnded, TrialStarted
from hptune.runs import RunFolder
from hptune.trial import FinalCheck, Status, TrialResult, TrialSpec, Value

VERSION = 1  # of the schema
SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE stages (
    stage INTEGER PRIMARY KEY, name TEXT NOT NULL, origin TEXT NOT NULL, space TEXT NOT NULL,
    first_trial INTEGER NOT NULL, n_trials INTEGER NOT NULL, parents TEXT NOT NULL
);
CREATE TABLE trials (
    number INTEGER PRIMARY KEY, stage INTEGER NOT NULL, hyperparameters TEXT NOT NULL, attempts INTEGER NOT NULL,
    status TEXT, reason TEXT, epochs INTEGER, best_epoch INTEGER, score REAL,
    full_train_error REAL, test_error REAL, seconds REAL
);
CREATE TABLE epochs (
    trial INTEGER NOT NULL, epoch INTEGER NOT NULL, train_loss REAL, train_error REAL, dev_loss REAL,
    dev_error REAL, learning_rate REAL, seconds REAL, PRIMARY KEY (trial, epoch)
) WITHOUT ROWID;
"""


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


class Store:
    """The writing end of a run's database; a context manager that holds the run's lock."""

    def __init__(self, folder: RunFolder, *, create: bool = False) -> None:
        self.folder = folder
        with _storage_errors(folder.path):
            self._lock = _take_lock(folder)
            try:
                self._connection = _connect(folder, create=create)
            except BaseException:
                os.close(self._lock)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # a run at rest is one file that can be copied; with a reader at work it stays in WAL mode, which is as well
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        os.close(self._lock)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _storage_errors(self.folder.path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def set_facts(self, facts: Mapping[str, Any], stage: Stage) -> None:
        """What is true of the whole run, and its first stage, in one transaction."""
        with self._transaction() as connection:
            rows = [(name, json.dumps(value)) for name, value in facts.items()]
            connection.executemany("INSERT INTO facts VALUES (?, ?)", rows)
            _insert_stage(connection, stage)

    def add_stage(self, stage: Stage) -> None:
        with self._transaction() as connection:
            _insert_stage(connection, stage)

    def append(self, events: Iterable[Event]) -> None:
        """Write events in one durable transaction; when this returns, they stay.

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
                        _update_result(connection, result)

    def snapshot(self) -> Snapshot:
        """What is stored now, curves left out."""
        with _storage_errors(self.folder.path):
            return _snapshot(self.folder, self._connection)


def _start(connection: sqlite3.Connection, spec: TrialSpec, attempt: int) -> None:
    connection.execute("DELETE FROM epochs WHERE trial = ?", (spec.number,))
    connection.execute(
        "INSERT OR REPLACE INTO trials (number, stage, hyperparameters, attempts) VALUES (?, ?, ?, ?)",
        (spec.number, spec.stage, json.dumps(dict(spec.hyperparameters)), attempt),
    )


def _insert_stage(connection: sqlite3.Connection, stage: Stage) -> None:
    values = (stage.number, stage.name, stage.origin, stage.space, stage.first_trial, stage.n_trials)
    connection.execute("INSERT INTO stages VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, json.dumps(stage.parents)))


def _update_result(connection: sqlite3.Connection, result: TrialResult) -> None:
    connection.execute(
        "UPDATE trials SET status = ?, reason = ?, epochs = ?, best_epoch = ?, score = ?, full_train_error = ?,"
        " test_error = ?, seconds = ? WHERE number = ? AND status IS NULL",
        (
            result.status.value,
            result.reason,
            result.epochs,
            result.best_epoch,
            result.score,
            result.final.train_error,
            result.final.test_error,
            result.seconds,
            result.number,
        ),
    )


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

    def stage_to_narrow(self, parents: tuple[int, ...]) -> Stage:
        """The stage whose space a zoom on these trials narrows.

        It is the newest zoom on them, so that repeated zooms close in, or else the stage of the first of them.
        """
        zooms = [stage for stage in self.stages if stage.parents == parents]
        return zooms[-1] if zooms else next(stage for stage in self.stages if parents[0] in stage.trials)

    @property
    def n_unfinished(self) -> int:
        """Planned trials without a result."""
        return self.n_planned - len(self.results)


def read(folder: RunFolder) -> Snapshot:
    """What a run's database holds, without its curves. Works at any time, also while a search writes."""
    with _storage_errors(folder.path), _reading(folder) as connection:
        return _snapshot(folder, connection)


def read_with_curves(folder: RunFolder) -> tuple[Snapshot, list[tuple[Any, ...]]]:
    """The same with all rows of the epochs table: (trial, epoch, then as in EpochMetrics)."""
    with _storage_errors(folder.path), _reading(folder) as connection:
        connection.execute("BEGIN")  # both from one moment
        return _snapshot(folder, connection), connection.execute(
            "SELECT * FROM epochs ORDER BY trial, epoch"
        ).fetchall()


def _snapshot(folder: RunFolder, connection: sqlite3.Connection) -> Snapshot:
    facts = {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM facts")}
    stages = [
        Stage(number, name, origin, space, first, n_trials, tuple(json.loads(parents)))
        for number, name, origin, space, first, n_trials, parents in connection.execute(
            "SELECT * FROM stages ORDER BY stage"
        )
    ]
    trials = [_stored_trial(row) for row in connection.execute("SELECT * FROM trials ORDER BY number")]
    return Snapshot(folder, facts, tuple(stages), tuple(trials), holder(folder))


def _stored_trial(row: Sequence[Any]) -> StoredTrial:
    number, stage, hyperparameters, attempts, status, reason, epochs, best, score, train, test, seconds = row
    result = None
    if status is not None:
        result = TrialResult(number, Status(status), reason, epochs, best, score, FinalCheck(train, test), seconds)
    return StoredTrial(number, stage, json.loads(hyperparameters), attempts, result)


def _connect(folder: RunFolder, *, create: bool) -> sqlite3.Connection:
    if not create and not folder.database.is_file():
        raise RunDamagedError(f"{folder.path}: has no run.db")
    connection = sqlite3.connect(folder.database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if create:
        connection.executescript(SCHEMA + f"PRAGMA user_version = {VERSION};")
    _check_version(folder, connection)
    return connection


@contextlib.contextmanager
def _reading(folder: RunFolder) -> Iterator[sqlite3.Connection]:
    address = f"{folder.database.absolute().as_uri()}?mode=ro"
    if not os.access(folder.path, os.W_OK):  # SQLite cannot make its shared-memory file: nobody writes here either
        address += "&immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
        _check_version(folder, connection)
        yield connection


def _check_version(folder: RunFolder, connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise RunDamagedError(
            f"{folder.path}: written by a newer hptune (format {found}; this one reads up to {VERSION}). Update hptune."
        )
    if found == 0:
        raise RunDamagedError(f"{folder.database}: not a database of hptune")


def holder(folder: RunFolder) -> str | None:
    """Who is writing to a run just now, in words; None if nobody is."""
    try:
        lock = os.open(folder.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _written_in(lock)
    else:
        return None
    finally:
        os.close(lock)


def _written_in(lock: int) -> str:
    return os.read(lock, 200).decode("utf-8", "replace").strip() or "another process"


def _take_lock(folder: RunFolder) -> int:
    """The descriptor of the run's lock, which the kernel frees when this process ends, however it ends."""
    lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    for pause_s in (0.0, 0.02, 0.1):  # a reader that asks whether somebody writes has it for a moment
        time.sleep(pause_s)
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
    else:
        who = _written_in(lock)
        os.close(lock)
        raise RunInUseError(f"{folder.path}: in use by {who}. Wait for it, or stop it.")
    os.ftruncate(lock, 0)
    os.write(lock, f"hptune, process {os.getpid()} on {socket.gethostname()}\n".encode())
    return lock


@contextlib.contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ours."""
    try:
        yield
    except HptuneError:
        raise
    except sqlite3.DatabaseError as error:
        damaged = "malformed" in str(error) or "not a database" in str(error) or "no such table" in str(error)
        if damaged:
            raise RunDamagedError(f"{path}: run.db is damaged ({error})") from error
        raise StorageError(
            f"{path}: cannot write or read run.db ({error}). Free space or rights, then: hptune resume {path}"
        ) from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
