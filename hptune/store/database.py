"""The database file of a run: its schema, how it is opened, who holds its lock, and its errors as ours.

A trial is one row; its status and its result are written together, when it ends. That a trial is running is never
stored: without a live writer every trial without a status is to be trained again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hptune.errors import HptuneError, RunDamagedError, RunInUseError, StorageError
from hptune.failpoints import reach
from hptune.runs import DRAFT, RunFolder

VERSION = 3  # of the schema
SCHEMA = f"""
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE stages (
    stage INTEGER PRIMARY KEY, name TEXT NOT NULL, origin TEXT NOT NULL, space TEXT NOT NULL,
    first_trial INTEGER NOT NULL, n_trials INTEGER, parents TEXT NOT NULL, plan TEXT NOT NULL, extended TEXT
);
CREATE TABLE trials (
    number INTEGER PRIMARY KEY, stage INTEGER NOT NULL, spec TEXT NOT NULL, attempts INTEGER NOT NULL,
    status TEXT, reason TEXT, epochs INTEGER, best_epoch INTEGER, score REAL,
    full_train_error REAL, seconds REAL, test_error REAL
);
CREATE TABLE epochs (
    trial INTEGER NOT NULL, epoch INTEGER NOT NULL, train_loss REAL, train_error REAL, dev_loss REAL,
    dev_error REAL, learning_rate REAL, seconds REAL, PRIMARY KEY (trial, epoch)
) WITHOUT ROWID;
CREATE TABLE sittings (
    sitting INTEGER PRIMARY KEY, stage INTEGER NOT NULL, started TEXT NOT NULL, elapsed_s REAL NOT NULL,
    busy_s REAL NOT NULL, available_s REAL NOT NULL, environment TEXT NOT NULL
);
CREATE TABLE lost (
    lost INTEGER PRIMARY KEY, trial INTEGER NOT NULL, status TEXT, reason TEXT NOT NULL
);
PRAGMA user_version = {VERSION};
"""

# what SQLite says when the file, and not the disk or our rights, is at fault
DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CONSTRAINT", "SQLITE_ERROR", "SQLITE_IOERR_SHORT_READ")


def create(folder: RunFolder) -> None:
    """Make the database of a new run."""
    with errors(folder.path), contextlib.closing(sqlite3.connect(folder.database, isolation_level=None)) as connection:
        reach("database.creating")
        connection.executescript(SCHEMA)
        reach("database.created")


def connect(folder: RunFolder) -> sqlite3.Connection:
    """Open for writing. A committed transaction survives the death of the process and the loss of power."""
    if not folder.database.is_file():
        raise RunDamagedError(f"{folder.path}: has no run.db")
    connection = sqlite3.connect(folder.database, isolation_level=None)
    try:
        _check_version(folder, connection)
        reach("database.opened")
        connection.execute("PRAGMA journal_mode = WAL")
        reach("database.logging")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves data in the drive's cache
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def reading(folder: RunFolder) -> Iterator[sqlite3.Connection]:
    """Open for reading, at any time, also while a search writes, and where the folder may not be written to."""
    with contextlib.ExitStack() as stack:
        database = folder.database.absolute()
        if not os.access(folder.path, os.W_OK):
            # SQLite cannot make the shared-memory file that goes with a log, and without the log it would not see
            # what was committed last
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hptune-")))
            for part in (database, database.with_name(database.name + "-wal")):
                if part.exists():
                    shutil.copyfile(part, copy / part.name)
            database = copy / database.name
        address = f"{database.as_uri()}?mode=ro"
        connection = stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)))
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
    if found < VERSION:
        raise RunDamagedError(
            f"{folder.path}: written by an older hptune (format {found}; this one reads {VERSION}). "
            "Use that one, or start a new run from its config.yaml."
        )


def check(folder: RunFolder, connection: sqlite3.Connection) -> None:
    """Refuse a file whose pages do not fit together, before what is in it passes for numbers."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise RunDamagedError(f"{folder.path}: run.db is damaged ({found})")


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


def take_lock(folder: RunFolder) -> int:
    """The descriptor of the run's lock, which the kernel frees when this process ends, however it ends."""
    reach("lock.wanted")
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
    reach("lock.taken")
    return lock


def _written_in(lock: int) -> str:
    return os.read(lock, 200).decode("utf-8", "replace").strip() or "another process"


@contextlib.contextmanager
def errors(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ours."""
    try:
        yield
    except HptuneError:
        raise
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "").startswith(DAMAGE):
            raise RunDamagedError(f"{path}: run.db is damaged ({error})") from error
        raise _refused(path, error) from error
    except OSError as error:
        raise _refused(path, error.strerror) from error


def _refused(path: Path, why: object) -> StorageError:
    then = "try again" if path.name.startswith(DRAFT) else f"hptune resume {path}"
    return StorageError(f"{path}: cannot write or read run.db ({why}). Free space or rights, then: {then}")


@contextlib.contextmanager
def understood(path: Path) -> Iterator[None]:
    """What is read from a database and makes no sense, as damage."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise RunDamagedError(f"{path}: run.db is damaged (it holds what hptune has not written: {error})") from error
