"""Learning curves as they are stored: of a trial that is being trained row by row, of one that has ended in one piece.

The piece is written with the trial's result, and the trial's row holds its checksum. So a curve is part of the record,
and a hundred thousand of them are read and checked in a second.
"""

from __future__ import annotations

import dataclasses
import sqlite3
import sys
import zlib
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hptune.store import rows
from hptune.store.rows import UnsoundError
from hptune.trial import EpochMetrics, MetricName

COLUMNS = tuple(field.name for field in dataclasses.fields(EpochMetrics))
Table = NDArray[np.float64]  # (rows, 1 + columns): the trial, then COLUMNS; in the order of trials and epochs


def collect(connection: sqlite3.Connection, trial: int) -> int | None:
    """Make one piece of the rows of a trial, which has ended; its checksum, None where there are no rows."""
    found = _rows(connection, "WHERE trial = ?", (trial,))[:, 1:]
    connection.execute("DELETE FROM epochs WHERE trial = ?", (trial,))
    return store(connection, trial, found.astype("<f8").tobytes()) if len(found) else None


def store(connection: sqlite3.Connection, trial: int, piece: bytes) -> int:
    """Store the curve of a trial that has ended; its checksum."""
    connection.execute("INSERT INTO curves VALUES (?, ?)", (trial, piece))
    return zlib.crc32(piece)


def forget(connection: sqlite3.Connection, trial: int) -> None:
    """Delete what there is of a trial's curve."""
    connection.execute("DELETE FROM epochs WHERE trial = ?", (trial,))
    connection.execute("DELETE FROM curves WHERE trial = ?", (trial,))


def pieces(connection: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    """The curves of trials that have ended, by number.

    Raises:
        UnsoundError: one is missing, or not what was written.

    """
    query = "SELECT number, curve, piece FROM trials LEFT JOIN curves ON trial = number WHERE curve IS NOT NULL"
    for trial, checksum, piece in connection.execute(f"{query} ORDER BY number"):
        if not is_sound(piece, checksum):
            raise UnsoundError(f"table curves, trial {trial}: not the curve that hptune has written there")
        yield trial, piece


def is_sound(piece: object, checksum: int) -> bool:
    """Whether a curve is there and as it was written."""
    return isinstance(piece, bytes) and zlib.crc32(piece) == checksum


def metric_of(piece: bytes, metric: MetricName) -> array[float]:
    """One of the metrics of a curve, epoch by epoch."""
    values = array("d", piece)
    if sys.byteorder == "big":
        values.byteswap()
    return values[COLUMNS.index(metric) :: len(COLUMNS)]


def table(connection: sqlite3.Connection) -> Table:
    """All curves, those of trials that are being trained included."""
    ended = list(pieces(connection))
    values = np.frombuffer(b"".join(piece for _, piece in ended), "<f8").reshape(-1, len(COLUMNS))
    lengths = [len(piece) // (8 * len(COLUMNS)) for _, piece in ended]
    numbers = np.repeat(np.array([trial for trial, _ in ended], np.float64), lengths)
    found = np.column_stack([numbers, values])
    if len(unended := _rows(connection)):
        found = np.concatenate([found, unended])
        found = found[np.argsort(found[:, 0], kind="stable")]
    return found


def _rows(connection: sqlite3.Connection, condition: str = "", values: tuple[int, ...] = ()) -> Table:
    """Of trials that have not ended; NULL is NaN."""
    found = list(rows.read(connection, "epochs", condition, values))
    return np.array(found, np.float64).reshape(-1, 1 + len(COLUMNS))
