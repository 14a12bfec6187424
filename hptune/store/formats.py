"""The form of a run's database, and how an older one is brought into it.

A trial is one row; its status and its result are written together, when it ends. That a trial is running is never
stored: without a live writer every trial without a status is to be trained again. All rows end with their checksum (see
rows), and that of a curve is in the row of its trial. docs/run_database.md describes the tables.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from hptune.errors import FormatError, RunDamagedError
from hptune.store import curves, rows
from hptune.trial import Status

VERSION = 4
WITH_CHECKSUMS = 3  # the oldest whose tables are the present ones
OLDEST = 2  # that is read

SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE stages (
    stage INTEGER PRIMARY KEY, name TEXT NOT NULL, origin TEXT NOT NULL, space TEXT NOT NULL,
    first_trial INTEGER NOT NULL, n_trials INTEGER, parents TEXT NOT NULL, plan TEXT NOT NULL, extended TEXT,
    checksum INTEGER NOT NULL
);
CREATE TABLE trials (
    number INTEGER PRIMARY KEY, stage INTEGER NOT NULL, spec TEXT NOT NULL, attempts INTEGER NOT NULL,
    status TEXT, reason TEXT, epochs INTEGER, best_epoch INTEGER, score REAL,
    full_train_error REAL, seconds REAL, test_error REAL, curve INTEGER, checksum INTEGER NOT NULL
);
CREATE TABLE epochs (
    trial INTEGER NOT NULL, epoch INTEGER NOT NULL, train_loss REAL, train_error REAL, dev_loss REAL,
    dev_error REAL, learning_rate REAL, seconds REAL, checksum INTEGER NOT NULL, PRIMARY KEY (trial, epoch)
) WITHOUT ROWID;
CREATE TABLE curves (trial INTEGER PRIMARY KEY, piece BLOB NOT NULL);
CREATE TABLE sittings (
    sitting INTEGER PRIMARY KEY, stage INTEGER NOT NULL, started TEXT NOT NULL, elapsed_s REAL NOT NULL,
    busy_s REAL NOT NULL, available_s REAL NOT NULL, environment TEXT NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE lost (
    lost INTEGER PRIMARY KEY, trial INTEGER NOT NULL, status TEXT, reason TEXT NOT NULL, checksum INTEGER NOT NULL
);
"""


def create(connection: sqlite3.Connection) -> None:
    """The tables of a new run, in one transaction."""
    with transaction(connection):
        _create_tables(connection)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing of what is written within."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def of(path: Path, connection: sqlite3.Connection) -> int:
    """The format of the run at a path.

    Raises:
        FormatError: one that this hptune cannot read.
        RunDamagedError: it is none at all.

    """
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        what = f"{path}: written by a newer hptune (format {found}; this one reads up to {VERSION})"
        raise FormatError(f"{what}. Update hptune.", "newer format")
    if found <= 0:
        raise RunDamagedError(f"{path / 'run.db'}: not a database of hptune")
    if found < OLDEST:
        what = f"{path}: written by an older hptune (format {found}; this one reads {OLDEST} to {VERSION})"
        raise FormatError(f"{what}. Use that one, or start a new run from its config.yaml.", "older format")
    return found


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring a database of an older format into the present one, in one transaction.

    Format 3 has the same tables; its specs have no bar_ties, and its plans no costs. Format 2 had no checksums, kept
    all curves row by row, and told lost attempts by their number alone.
    """
    if connection.execute("PRAGMA user_version").fetchone()[0] >= WITH_CHECKSUMS:
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return
    old = ("facts", "stages", "trials", "epochs", "sittings")
    with transaction(connection):
        for table in old:
            connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        _create_tables(connection)
        for trial, *metrics in connection.execute("SELECT * FROM old_epochs"):
            curves.add_epoch(connection, trial, metrics)
        for table, more in {"facts": (), "stages": (), "sittings": ("{}",)}.items():
            for row in connection.execute(f"SELECT * FROM old_{table}"):  # noqa: S608  (ours)
                rows.insert(connection, table, (*row, *more))
        n_lost = 0
        for row in connection.execute("SELECT * FROM old_trials ORDER BY number"):
            number, attempts, status = row[0], row[3], row[4]
            checksum = None if status is None else curves.collect(connection, number)
            rows.insert(connection, "trials", (*row, checksum))
            for _ in range(attempts - (status != Status.CRASHED)):
                rows.insert(connection, "lost", (n_lost, number, None, "its worker died"))
                n_lost += 1
        for table in old:
            connection.execute(f"DROP TABLE old_{table}")
