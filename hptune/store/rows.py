"""Rows that show whether they are what was written: each ends with a checksum of the values before it.

SQLite notices damage only where the structure of a page has suffered; a changed byte within a value reads as another
value. CRC-32 (ISO 3309) finds every change within 32 neighbouring bits, and all but one in 4 billion of the others.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

KEYS: Mapping[str, str] = {
    "facts": "name",
    "stages": "stage",
    "trials": "number",
    "sittings": "sitting",
    "lost": "lost",
}
"""The tables of a run but for its curves (see there), and what their rows are in order of."""

Row = tuple[Any, ...]


class UnsoundError(ValueError):
    """A row, or what rows say together, is not what hptune has written."""


def checksum(values: Sequence[Any]) -> int:
    """The CRC-32 of values in an exact form that is the same before SQLite has stored them and after.

    SQLite stores NaN as NULL, -0.0 as 0.0, and a whole number as a real one where its column says so.
    """
    exact = [
        value if value is None or isinstance(value, (str, bytes)) else None if value != value else value + 0.0  # noqa: PLR0124
        for value in values
    ]
    return zlib.crc32(repr(exact).encode(errors="surrogatepass"))


def is_sound(row: Row) -> bool:
    """Whether a row, its checksum at its end, is as it was written."""
    return bool(checksum(row[:-1]) == row[-1])


def insert(connection: sqlite3.Connection, table: str, values: Sequence[Any]) -> None:
    """Add a row; its key must be new."""
    _write(connection, "INSERT", table, values)


def put(connection: sqlite3.Connection, table: str, values: Sequence[Any]) -> None:
    """Add a row, in place of that with the same key if there is one."""
    _write(connection, "REPLACE", table, values)


def _write(connection: sqlite3.Connection, verb: str, table: str, values: Sequence[Any]) -> None:
    places = ", ".join("?" * (len(values) + 1))
    connection.execute(f"{verb} INTO {table} VALUES ({places})", (*values, checksum(values)))


def change(connection: sqlite3.Connection, table: str, key: int, **changes: Any) -> None:
    """Change columns of a row, if it is there.

    Raises:
        UnsoundError: the row is not what was written: a new checksum would hide that.

    """
    cursor = connection.execute(f"SELECT * FROM {table} WHERE {KEYS[table]} = ?", (key,))  # noqa: S608  (ours)
    names = [column[0] for column in cursor.description[:-1]]
    if (row := cursor.fetchone()) is not None:
        put(connection, table, list({**dict(zip(names, _sound(table, row), strict=True)), **changes}.values()))


def read(connection: sqlite3.Connection, table: str, condition: str = "", values: Sequence[Any] = ()) -> Iterator[Row]:
    """The rows of a table, checksums left out, in the order of their key.

    Raises:
        UnsoundError: at the first that is not what was written.

    """
    order = f"ORDER BY {KEYS[table]}"
    for row in connection.execute(f"SELECT * FROM {table} {condition} {order}", values):  # noqa: S608  (ours)
        yield _sound(table, row)


def _sound(table: str, row: Row) -> Row:
    if not is_sound(row):
        raise UnsoundError(f"table {table}, {KEYS[table]} {row[0]}: not what hptune has written there")
    return row[:-1]
