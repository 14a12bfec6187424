"""The database file of a run: how it is opened, and what goes wrong with it as our errors."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hptune.errors import HptuneError, RunDamagedError, StorageError
from hptune.failpoints import reach
from hptune.runs import DRAFT, RunFolder
from hptune.store import formats, lock
from hptune.store.rows import UnsoundError

# what SQLite says when the file, and not the disk or our rights, is at fault
DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CONSTRAINT", "SQLITE_ERROR", "SQLITE_IOERR_SHORT_READ")
NO_TEXT = "Could not decode to UTF-8"  # what Python says of bytes that are no text
COPIES = 5  # attempts at copying what somebody may just have begun to write to


def create(folder: RunFolder) -> None:
    """Make the database of a new run."""
    with errors(folder.path), contextlib.closing(sqlite3.connect(folder.database, isolation_level=None)) as connection:
        reach("database.creating")
        formats.create(connection)
        reach("database.created")


def connect(folder: RunFolder) -> sqlite3.Connection:
    """Open for writing; an older format is brought into the present one.

    A committed transaction survives the death of the process and the loss of power.
    """
    require(folder)
    connection = sqlite3.connect(folder.database, isolation_level=None)
    try:
        found = formats.of(folder.path, connection)
        reach("database.opened")
        connection.execute("PRAGMA journal_mode = WAL")
        reach("database.logging")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves data in the drive's cache
        if found < formats.VERSION:
            check(folder, connection)
            with understood(folder.path):
                formats.upgrade(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def reading(folder: RunFolder) -> Iterator[sqlite3.Connection]:
    """Open for reading, one moment of it: at any time, while a search writes, where the folder may not be written to.

    A format without checksums is brought into the present one in memory.
    """
    require(folder)
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(open_for_reading(folder))
        if formats.of(folder.path, connection) < formats.WITH_CHECKSUMS:
            check(folder, connection)
            memory = stack.enter_context(contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)))
            connection.backup(memory)
            with understood(folder.path):
                formats.upgrade(memory)
            connection = memory
        connection.execute("BEGIN")
        yield connection


@contextlib.contextmanager
def open_for_reading(folder: RunFolder) -> Iterator[sqlite3.Connection]:
    database = folder.database.absolute()
    # without the rights to write, SQLite cannot make the shared memory that goes with a log (a live writer has made
    # it), nor undo a transaction that was cut off: that is done in a copy
    is_ours = os.access(folder.path, os.W_OK) or (beside(database, "-shm").exists() and lock.holder(folder) is not None)
    with contextlib.ExitStack() as stack:
        if is_ours and not beside(database, "-journal").exists():
            address = f"{database.as_uri()}?mode=ro"
        else:
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hptune-")))
            address = copied(database, copy / database.name).as_uri()
        yield stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)))


def copied(database: Path, copy: Path) -> Path:
    """A copy of a database and of what belongs to it, all of one moment."""
    parts = [database, beside(database, "-wal"), beside(database, "-journal")]
    for _ in range(COPIES):
        before = [_state(part) for part in parts]
        for part in parts:
            target = copy.with_name(part.name)
            target.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(part, target)
        if before == [_state(part) for part in parts]:
            break
    return copy


def beside(database: Path, ending: str) -> Path:
    """A file that SQLite keeps beside a database: -wal, -shm or -journal."""
    return database.with_name(database.name + ending)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def require(folder: RunFolder) -> None:
    """Say so where there is no database."""
    if not folder.database.is_file():
        raise RunDamagedError(f"{folder.path}: has no run.db")


def check(folder: RunFolder, connection: sqlite3.Connection, *tables: str) -> None:
    """Refuse a file, or some of its tables, whose pages do not fit together: a row that is not found is not missed."""
    for table in tables or ("1",):  # of the whole file, one problem
        found = connection.execute(f"PRAGMA quick_check({table})").fetchone()[0]
        if found != "ok":
            raise damaged(folder.path, found)


def damaged(path: Path, what: object) -> RunDamagedError:
    said = str(what).replace("\n", " ")
    return RunDamagedError(f"{path}: run.db is damaged ({said}). To save what is sound: hptune repair {path}")


@contextlib.contextmanager
def errors(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ours."""
    try:
        yield
    except HptuneError:
        raise
    except UnsoundError as error:
        raise damaged(path, error) from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        is_damaged = is_damage(error) or (_is_read_only(error) and os.access(path / "run.db", os.W_OK))
        raise (damaged if is_damaged else _refused)(path, error) from error
    except OSError as error:
        raise _refused(path, error.strerror) from error


def is_damage(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether the file is at fault; what Python cannot decode is SQLite's own message, which names what it found."""
    is_named = getattr(error, "sqlite_errorname", "").startswith(DAMAGE)
    return isinstance(error, UnicodeDecodeError) or is_named or str(error).startswith(NO_TEXT)


def _is_read_only(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether SQLite takes the file for one that may only be read; where we may write, its header says so wrongly."""
    return getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY"


def _refused(path: Path, why: object) -> StorageError:
    then = "try again" if path.name.startswith(DRAFT) else f"hptune resume {path}"
    return StorageError(f"{path}: cannot write or read run.db ({why}). Free space or rights, then: {then}")


@contextlib.contextmanager
def understood(path: Path) -> Iterator[None]:
    """What is read from a database and makes no sense, as damage."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        what = error if isinstance(error, ValueError) else f"it holds what hptune has not written: {error!r}"
        raise damaged(path, what) from error
