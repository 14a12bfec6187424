"""A run in a few numbers, for a list of many runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hptune.runs import RunFolder
from hptune.store import curves, database, rows, sense, snapshot
from hptune.store.answer import answer_of
from hptune.store.snapshot import Snapshot, StoredTrial

# what the answer depends on: in a search a single trial, and of those that confirm trials nearly all
_LEADING = """
WHERE json_extract(spec, '$.replicate') IS NOT NULL
OR number = (
    SELECT number FROM trials WHERE status = 'completed' AND json_extract(spec, '$.replicate') IS NULL
    ORDER BY score, number LIMIT 1
)
"""
STATUS = 4  # its place in a row


@dataclass(frozen=True, slots=True)
class Overview:
    """A run in numbers that need not read every trial."""

    facts: Mapping[str, Any]
    n_planned: int | None  # as in Snapshot
    n_done: int
    best_score: float | None  # of the answer
    writer: str | None  # as in Snapshot


def read_overview(folder: RunFolder) -> Overview:
    """A run in a few numbers."""
    with database.errors(folder.path), database.reading(folder) as connection:
        database.check(folder, connection, *snapshot.WITHOUT_CURVES)
        found = snapshot.from_connection(folder, connection, _leading(connection))
        with database.understood(folder.path):
            trials = [(*row[:2], row[STATUS]) for row in rows.read(connection, "trials")]
            numbers = [(number, stage) for number, stage, _ in trials]
            sense.check_numbers(found, numbers, curves.last_trial(connection))
        n_done = sum(status is not None for _, _, status in trials)
        return Overview(found.facts, found.n_planned, n_done, _best_score(found), found.writer)


def _leading(connection: sqlite3.Connection) -> Iterator[StoredTrial]:
    """What the answer depends on, but for what breaks ties: the score of the answer is the same whichever it is."""
    return snapshot.trials_in(connection, _LEADING, with_ties=False)


def _best_score(found: Snapshot) -> float | None:
    answer = answer_of(found)
    if answer is None:
        return None
    if answer.confirmed is not None:
        return answer.confirmed.mean
    return next(result.score for result in found.found if result.number == answer.trial)
