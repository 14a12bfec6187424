"""A run in a few numbers, for a list of many runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hptune.runs import RunFolder
from hptune.search.ranking import rank
from hptune.store import curves, database, rows, sense, snapshot
from hptune.store.answer import answer_of
from hptune.store.snapshot import Snapshot, StoredTrial
from hptune.trial import Status

_Row = tuple[int, int, str | None, int, float | None]
"""What the order of trials depends on, as it is stored: number, stage, status, epochs and score."""

_LEADING = "WHERE number = ? OR stage IN (SELECT value FROM json_each(?))"


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
        found = snapshot.from_connection(folder, connection, ())
        with database.understood(folder.path):
            trials = [
                (number, stage, status, epochs, score)
                for number, stage, _, _, status, _, epochs, _, score, *_ in rows.read(connection, "trials")
            ]
            sense.check_numbers(found, (trial[:2] for trial in trials), curves.last_trial(connection))
            found = replace(found, trials=_leading(connection, found, trials))
        n_done = sum(status is not None for _, _, status, _, _ in trials)
        return Overview(found.facts, found.n_planned, n_done, _best_score(found), found.writer)


def _leading(connection: sqlite3.Connection, found: Snapshot, trials: Iterable[_Row]) -> tuple[StoredTrial, ...]:
    """Read what the answer depends on: the leader of all searches, and the trials that confirm others.

    What breaks ties is left out: whichever of equals leads, the score of the answer is the same.
    """
    searches = {stage.number for stage in found.stages if stage.is_search}
    ranks = (
        rank(Status(status), epochs, (score, 0.0), None, number)
        for number, stage, status, epochs, score in trials
        if status is not None and score is not None and stage in searches
    )
    first = min(ranks, default=None)
    others = json.dumps([stage.number for stage in found.stages if not stage.is_search])
    values = (None if first is None else first[-1], others)
    return tuple(snapshot.trials_in(connection, _LEADING, values, with_ties=False))


def _best_score(found: Snapshot) -> float | None:
    answer = answer_of(found)
    if answer is None:
        return None
    if answer.confirmed is not None:
        return answer.confirmed.mean
    return next(result.score for result in found.found if result.number == answer.trial)
