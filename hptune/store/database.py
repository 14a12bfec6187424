"""The database file of a run: how it is opened, and what goes wrong with it as our errors."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hptune import rights
from hptune.errors import HptuneError, RunDamagedError, StorageError
from hptune.failpoints import reach
from hptune.runs import DRAFT, RunFolder
from hptune.store import formats, lock
from hptune.store.rows import UnsoundError

# what SQLite says when the file, and not the disk or our rights, is at fault
DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CONSTRAINT", "SQLITE_ERROR", "SQLITE_IOERR_SHORT_READ")
NO_TEXT = "Could not decode to UTF-8"  # what Python says of bytes that are no text
PARTS = ("", "-wal", "-shm", "-journal")  # of a database: endings of the names of its files
COPIES = 5  # attempts at copying what somebody may just have begun to write to


def create(folder: RunFolder) -> None:
    """Make the database of a new run."""
    with errors(folder.path):
        _make_file(folder)
        with contextlib.closing(sqlite3.connect(folder.database, isolation_level=None)) as connection:
            reach("database.creating")
            formats.create(connection)
            reach("database.created")


def _make_file(folder: RunFolder) -> None:
    """An empty file, so that umask decides its mode: SQLite would give no group the right to write."""
    os.close(os.open(folder.database, os.O_RDWR | os.O_CREAT | os.O_EXCL | rights.AS_IT_IS, 0o666))


def copy(folder: RunFolder, new: RunFolder) -> None:
    """Copy the database of a run, as it is at one moment, into a new file that needs no other; at any time.

    Raises:
        RunDamagedError: it is damaged.
        StorageError: it cannot be read, or the new file cannot be written.

    """
    with errors(folder.path), open_for_reading(folder) as connection:
        formats.of(folder.path, connection)
        connection.execute("BEGIN")
        check(folder, connection)
        with errors(new.path):
            new.database.unlink(missing_ok=True)
            _make_file(new)
            with contextlib.closing(sqlite3.connect(new.database, isolation_level=None)) as copied_to:
                copied_to.execute("PRAGMA fullfsync = ON")
                connection.backup(copied_to)
                copied_to.execute("PRAGMA journal_mode = DELETE")


def connect(folder: RunFolder) -> sqlite3.Connection:
    """Open for writing; an older format is brought into the present one.

    A committed transaction survives the death of the process and the loss of power.
    """
    require(folder, alone=True)
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
    """Open the file as it is, in place or, where reading it in place would leave something there, in a copy."""
    require(folder)
    database = folder.database.absolute()
    with contextlib.ExitStack() as stack:
        how = _how_in_place(folder)
        if how is None:
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hptune-")))
            address = copied(database, copy / database.name).as_uri()
        else:
            address = f"{database.as_uri()}?{how}"
        yield stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)))


def _how_in_place(folder: RunFolder) -> str | None:
    """The options with which SQLite reads a run and disturbs nothing; None where it cannot.

    Where there is a log and no shared memory, SQLite makes that, as a file of the reader's that the owner of the run
    could not write to; without the rights to write it cannot even do that, nor undo a transaction that was cut off.
    """
    journal, log, memory = (beside(folder.database, ending) for ending in ("-journal", "-wal", "-shm"))
    if any(os.path.lexists(part) and part.lstat().st_nlink > 1 for part in (journal, log, memory)):
        return None
    if rights.exists(journal):
        return None
    may_write = os.access(folder.path, os.W_OK)
    if may_write and os.geteuid() in (0, folder.database.stat().st_uid):
        return "mode=ro"
    if rights.exists(memory) and lock.holder(folder) is not None:  # a live writer has made it
        return "mode=ro&readonly_shm=1"
    return "mode=ro" if may_write and not rights.exists(log) and not _is_logging(folder) else None


def _is_logging(folder: RunFolder) -> bool:
    """Whether a database was left in WAL mode (sqlite.org/fileformat.html, the read version in its header)."""
    with os.fdopen(rights.open_regular(folder.database, os.O_RDONLY), "rb") as file:
        return file.read(20)[19:] == b"\2"


def copied(database: Path, copy: Path) -> Path:
    """A copy of a database and of what belongs to it, all of one moment."""
    parts = [database, beside(database, "-wal"), beside(database, "-journal")]
    for _ in range(COPIES):
        before = [_state(part) for part in parts]
        for part in parts:
            target = copy.with_name(part.name)
            target.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                copy_file(part, target)
        if before == [_state(part) for part in parts]:
            break
    return copy


def copy_file(path: Path, copy: Path) -> None:
    """Copy a regular file into a new one.

    Raises:
        StorageError: it is something else.
        OSError: it cannot be copied, or the new one is there.

    """
    with os.fdopen(rights.open_regular(path, os.O_RDONLY), "rb") as old, copy.open("xb") as new:
        shutil.copyfileobj(old, new)


def beside(database: Path, ending: str) -> Path:
    """A file that SQLite keeps beside a database: -wal, -shm or -journal."""
    return database.with_name(database.name + ending)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def require(folder: RunFolder, *, alone: bool = False) -> None:
    """Say so where there is no database, or where it or what belongs to it is no file that may be opened.

    For writing they are to be alone: a database that has two names is damaged when both are used, for each has a log of
    its own (sqlite.org/howtocorrupt.html), and whatever was linked to the name of a log would be overwritten.
    """
    if not os.path.lexists(folder.database):
        raise RunDamagedError(f"{folder.path}: has no run.db")
    for ending in PARTS:
        rights.require_regular(beside(folder.database, ending), alone=alone)


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
        if not is_damage(error) and (kept := _kept_from_us(path, error)):
            raise StorageError(f"{path}: {kept}") from error
        raise (damaged if is_damage(error) or _is_read_only(error) else _refused)(path, error) from error
    except OSError as error:
        whose = rights.owner(Path(error.filename or path)) if isinstance(error, PermissionError) else ""
        raise _refused(path, f"{error.strerror}{whose}") from error


def _kept_from_us(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> str:
    """Which file we lack the rights to that SQLite has asked for, and what to do; empty where we have all."""
    if not getattr(error, "sqlite_errorname", "").startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return ""
    needed = os.R_OK | (os.W_OK if _is_read_only(error) else 0)
    for ending in PARTS:
        part = beside(path / "run.db", ending)
        if os.path.lexists(part) and not os.access(part, needed):
            then = f"have its owner run: chmod g+rw {part}"
            if ending == "-shm":
                then += f" or, while no hptune is at work on this run, remove it: rm {part} (SQLite makes it anew)"
            what = "read and write" if needed & os.W_OK else "read"
            return f"no right to {what} {part.name}{rights.owner(part)}: {then}"
    return ""


def is_damage(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether the file is at fault; what Python cannot decode is SQLite's own message, which names what it found."""
    is_named = getattr(error, "sqlite_errorname", "").startswith(DAMAGE)
    return isinstance(error, UnicodeDecodeError) or is_named or str(error).startswith(NO_TEXT)


def _is_read_only(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether SQLite takes a file for one that may only be read; where we may write, its header says so wrongly."""
    return getattr(error, "sqlite_errorname", "").startswith("SQLITE_READONLY")


def _refused(path: Path, why: object) -> StorageError:
    name = getattr(why, "sqlite_errorname", "")
    if name.startswith("SQLITE_IOERR_SHM"):
        place = path.parent if path.name.startswith(DRAFT) else path
        what = f"{place}: its file system has no memory that programs share, as run.db needs it ({why})"
        return StorageError(f"{what}. Use a folder on a local disk: --runs DIR, or move the run there.")
    cause = "Free space or rights"
    if name.startswith("SQLITE_IOERR"):
        cause = "See whether the quota is used up (quota) or the disk fails (dmesg)"
    then = "try again" if path.name.startswith(DRAFT) else f"hptune resume {path}"
    return StorageError(f"{path}: cannot write or read run.db ({why}). {cause}, then: {then}")


@contextlib.contextmanager
def understood(path: Path) -> Iterator[None]:
    """What is read from a database and makes no sense, as damage.

    For what takes rows apart and compares them, and nothing else: a mistake of hptune's own is none of the file.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        what = error if isinstance(error, ValueError) else f"it holds what hptune has not written: {error!r}"
        raise damaged(path, what) from error
