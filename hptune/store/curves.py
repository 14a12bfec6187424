"""Learning curves as they are stored: of a trial that is being trained row by row, of one that has ended in one piece.

The piece is written with the trial's result, and the trial's row holds its checksum. So a curve is part of the record,
and a hundred thousand of them are read and checked in a second. The rows before have checksums of their own, of their
numbers in binary: there are too many of them for the exact form of other rows.
"""

from __future__ import annotations

import dataclasses
import math
import sqlite3
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.store.rows import UnsoundError
from hptune.trial import METRICS, TIE_BREAKER, EpochMetrics, MetricName

COLUMNS = tuple(field.name for field in dataclasses.fields(EpochMetrics))
Table = NDArray[np.float64]  # (rows, 1 + columns): the trial, then COLUMNS; in the order of trials and epochs


def add_epoch(connection: sqlite3.Connection, trial: int, metrics: Iterable[float]) -> None:
    """Add a row to the curve of a trial that is being trained."""
    row = (trial, *metrics)
    connection.execute("INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, zlib.crc32(_exact(row))))


def _exact(row: Iterable[float | None]) -> array[float]:
    """A row as it is once SQLite has stored it: NaN as NULL, -0.0 as 0.0."""
    return array("d", [math.nan if value is None or value != value else value + 0.0 for value in row])  # noqa: PLR0124


def collect(connection: sqlite3.Connection, trial: int) -> int | None:
    """Make one piece of the rows of a trial, which has ended; its checksum, None where there are no rows."""
    values = array("d")
    for row in _rows(connection, "WHERE trial = ?", (trial,)):
        values.extend(row[1:])
    connection.execute("DELETE FROM epochs WHERE trial = ?", (trial,))
    if sys.byteorder == "big":
        values.byteswap()
    return store(connection, trial, values.tobytes()) if values else None


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
        UnsoundError: one is missing, not what was written, or of a trial that has not ended with it.

    """
    n_pieces = 0
    query = "SELECT number, curve, piece FROM trials LEFT JOIN curves ON trial = number WHERE curve IS NOT NULL"
    for trial, checksum, piece in connection.execute(f"{query} ORDER BY number"):
        if not is_sound(piece, checksum):
            raise UnsoundError(f"table curves, trial {trial}: not the curve that hptune has written there")
        n_pieces += 1
        yield trial, piece
    if connection.execute("SELECT count(*) FROM curves").fetchone()[0] != n_pieces:
        raise UnsoundError("table curves: there are more than trials that have ended with one")


def last_trial(connection: sqlite3.Connection) -> int:
    """The highest number of a trial that has a curve, or a part of one; -1: none has."""
    query = "SELECT max(coalesce((SELECT max(trial) FROM curves), -1), coalesce((SELECT max(trial) FROM epochs), -1))"
    return int(connection.execute(query).fetchone()[0])


def is_sound(piece: object, checksum: int) -> bool:
    """Whether a curve is there and as it was written."""
    return isinstance(piece, bytes) and zlib.crc32(piece) == checksum


def metric_of(piece: bytes, metric: MetricName) -> array[float]:
    """One of the metrics of a curve, epoch by epoch."""
    return _doubles(piece)[COLUMNS.index(metric) :: len(COLUMNS)]


def ties(connection: sqlite3.Connection, condition: str, values: Sequence[Any]) -> dict[int, float]:
    """What breaks ties of the scores of trials that meet a condition, as SQL, by number: it stands in their curves.

    Which metric a score is of shows where it is that of the best epoch. A score that is no error has no such thing.
    """
    place = f"(best_epoch - 1) * {8 * len(COLUMNS)} + 9"  # of the four metrics, counted from 1
    query = f"SELECT number, score, substr(piece, {place}, 32) FROM trials JOIN curves ON trial = number {condition}"  # noqa: S608  (ours)
    found: dict[int, float] = {}
    for number, score, piece in connection.execute(query, values):
        if score is None or not isinstance(piece, bytes) or len(piece) != 8 * len(METRICS):
            continue
        metrics = dict(zip(METRICS, _doubles(piece), strict=True))
        breakers = [metrics[breaker] for error, breaker in TIE_BREAKER.items() if metrics[error] == score]
        if breakers:
            found[number] = breakers[-1]  # of dev, where both errors are the same
    return found


def _doubles(piece: bytes) -> array[float]:
    values = array("d", piece)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def table(connection: sqlite3.Connection) -> Table:
    """All curves, those of trials that are being trained included."""
    ended = list(pieces(connection))
    values = np.frombuffer(b"".join(piece for _, piece in ended), "<f8").reshape(-1, len(COLUMNS))
    lengths = [len(piece) // (8 * len(COLUMNS)) for _, piece in ended]
    numbers = np.repeat(np.array([trial for trial, _ in ended], np.float64), lengths)
    found = np.column_stack([numbers, values])
    if unended := list(_rows(connection)):
        found = np.concatenate([found, unended])
        found = found[np.argsort(found[:, 0], kind="stable")]
    return found


def _rows(connection: sqlite3.Connection, condition: str = "", values: tuple[int, ...] = ()) -> Iterator[array[float]]:
    """The rows of trials that are being trained, by trial and epoch.

    Raises:
        UnsoundError: at the first that is not what was written.

    """
    for *row, checksum in connection.execute(f"SELECT * FROM epochs {condition} ORDER BY trial, epoch", values):  # noqa: S608  (ours)
        exact = _exact(row)
        if zlib.crc32(exact) != checksum:
            raise UnsoundError(f"table epochs, trial {row[0]}: not what hptune has written there")
        yield exact
