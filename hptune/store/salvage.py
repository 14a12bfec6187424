"""What is sound in a damaged database: rows and curves with the right checksum, wherever they can still be reached."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hptune.errors import RunDamagedError
from hptune.runs import RunFolder
from hptune.search.plan import ConfirmPlan
from hptune.store import database, formats, rows, snapshot
from hptune.store.rows import Row
from hptune.store.snapshot import Stage

PAGES_AT = 28  # where a database says how many pages it has; that of 16 is their size (sqlite.org/fileformat.html)
LARGEST = 10**11  # bytes that are believed
MOST = 10**6  # numbers that are looked up


@dataclass(frozen=True, slots=True)
class Salvage:
    """Sound rows, checksums left out, and the pieces that may be curves."""

    facts: Mapping[str, str]
    stages: tuple[Stage, ...]  # from 0 to the last before one that is not sound
    trials: Mapping[int, Row]
    pieces: Mapping[int, Any]  # by trial, not yet compared with the checksums in the rows of trials
    sittings: tuple[Row, ...]
    lost: tuple[Row, ...]
    last: int  # the highest number of a trial that anything names; -1: none does
    is_end_known: bool  # whether the last row of a trial can be reached


def salvage(folder: RunFolder, old: RunFolder) -> Salvage:
    """All that can be read of a damaged database. A copy of it stays in old, with its log merged into it.

    Raises:
        RunDamagedError: it is so old that it has no checksums.
        sqlite3.Error: it is no database any more.

    """
    with _copied(folder, old) as connection:
        if formats.of(folder.path, connection) < formats.WITH_CHECKSUMS:
            raise RunDamagedError(f"{folder.path}: format {formats.OLDEST} has no checksums, so that nothing is sure")
        connection.text_factory = lambda text: text.decode(errors="replace")  # of such a row the checksum is wrong
        every = {table: _rows(connection, table) for table in (*rows.KEYS, "curves", "epochs")}
        sound = {table: [row[:-1] for row in every[table] if rows.is_sound(row)] for table in rows.KEYS}
        stages = tuple(_stages(sound["stages"]))
        return Salvage(
            facts=dict(sound["facts"]),
            stages=stages,
            trials={row[0]: row for row in sound["trials"]},
            pieces=dict(every["curves"]),
            sittings=tuple(sound["sittings"]),
            lost=tuple(sound["lost"]),
            last=max(_named(every, sound, stages), default=-1),
            is_end_known=_is_end_known(connection),
        )


def _named(every: Mapping[str, list[Row]], sound: Mapping[str, list[Row]], stages: Iterable[Stage]) -> Iterator[int]:
    """The numbers of trials that are named anywhere, whether or not they are sound themselves."""
    for stage in stages:
        yield from (*stage.parents, *(stage.plan.trials if isinstance(stage.plan, ConfirmPlan) else ()))
    yield from (row[1] for row in sound["lost"])
    for table in ("trials", "curves", "epochs"):
        yield from (row[0] for row in every[table] if isinstance(row[0], int) and 0 <= row[0] < MOST)


def _is_end_known(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT * FROM trials ORDER BY number DESC LIMIT 1").fetchone()
    except (sqlite3.Error, UnicodeDecodeError):
        return False
    return True


@contextlib.contextmanager
def _copied(folder: RunFolder, old: RunFolder) -> Iterator[sqlite3.Connection]:
    """A copy, filled up with zeros where it was cut: SQLite reads nothing of a file that is too short."""
    copy = database.copied(folder.database, old.database)
    with copy.open("r+b") as file:
        header = file.read(PAGES_AT + 4)
        n_bytes = int.from_bytes(header[16:18], "big") * int.from_bytes(header[PAGES_AT:], "big")
        if copy.stat().st_size < n_bytes < LARGEST:
            file.truncate(n_bytes)
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        yield connection
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sync_file(copy)


def sync_file(path: Path) -> None:
    """Have a file survive a loss of power."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _stages(found: list[Row]) -> Iterator[Stage]:
    for place, row in enumerate(sorted(found)):
        if row[0] != place:
            return
        yield snapshot.stage_of(row)


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    """The rows that can be reached from the first on, from the last on, or by their number in between."""
    every, key = f"SELECT * FROM {table}", rows.KEYS.get(table, "trial")  # noqa: S608  (ours)
    found: dict[Any, Row] = {}
    is_whole = True
    for order in ("ASC", "DESC"):
        try:
            for row in connection.execute(f"{every} ORDER BY {key} {order}"):
                found[row[0]] = row
        except (sqlite3.Error, UnicodeDecodeError):
            is_whole = False
    highest = max((number for number in found if isinstance(number, int)), default=-1)
    for number in () if is_whole else range(min(highest, MOST)):
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            for row in connection.execute(f"{every} WHERE {key} = ?", (number,)):
                found[row[0]] = row
    return list(found.values())
