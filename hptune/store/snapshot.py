"""What a run's database holds at one moment, for whoever reads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hptune.runs import RunFolder
from hptune.search import plan as plans
from hptune.search.plan import REPLICATES, Plan, SearchPlan
from hptune.store import curves, database, lock, rows, sense
from hptune.trial import FinalCheck, Status, TrialResult, TrialSpec, Value

WITHOUT_CURVES = ("facts", "stages", "trials", "epochs", "sittings", "lost")
"""The tables but for the curves of trials that have ended, which are nearly all of a file."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a run with a plan of its own: a search in a space, or the confirmation of what one has found."""

    number: int
    name: str  # search, confirm-1, zoom-2, ...: the number tells them apart
    origin: str  # where its space or its trials come from, in words
    space: str  # JSON of the space section of a study file
    first_trial: int
    n_trials: int | None  # None as long as its budget has not shown how many
    plan: Plan
    parents: tuple[int, ...] = ()  # the trials it grew from
    extended: str | None = None  # the space as the search has extended it, where it has

    @property
    def is_search(self) -> bool:
        return isinstance(self.plan, SearchPlan)

    @property
    def has_own_data(self) -> bool:
        """Whether it is trained on the data of the run, not on others (see ConfirmPlan)."""
        return isinstance(self.plan, SearchPlan) or self.plan.data is None

    @property
    def final_space(self) -> str:
        """The space, extended where the search has extended it."""
        return self.extended or self.space


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt at a trial that came to nothing: its worker died, or its result was taken back to try once more."""

    status: Status | None  # of the result taken back; None where the worker died
    reason: str


@dataclass(frozen=True, slots=True)
class StoredTrial:
    """A trial that was started, and its result once it has ended."""

    spec: TrialSpec
    attempts: int
    result: TrialResult | None
    test_error: float | None = None  # of its weights, measured once it was the answer
    lost: tuple[Lost, ...] = ()  # in the order in which they were lost

    @property
    def number(self) -> int:
        return self.spec.number

    @property
    def stage(self) -> int:
        return self.spec.stage

    @property
    def hyperparameters(self) -> Mapping[str, Value]:
        return self.spec.hyperparameters

    @property
    def is_taken_back(self) -> bool:
        """Whether it had a result that was taken back, and has none since."""
        return self.result is None and any(lost.status is not None for lost in self.lost)


@dataclass(frozen=True, slots=True)
class Sitting:
    """A time in which a stage was trained, to its end or an interruption."""

    number: int  # from 0
    stage: int
    started: str  # ISO 8601
    elapsed_s: float
    busy_s: float  # of all workers together: training, also trials that were interrupted
    available_s: float  # of all workers together: ready for it
    environment: str = "{}"  # JSON: what the last bits of its results may depend on


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run as it was stored at one moment."""

    folder: RunFolder
    facts: Mapping[str, Any]
    stages: tuple[Stage, ...]
    trials: tuple[StoredTrial, ...]  # by number
    sittings: tuple[Sitting, ...]
    writer: str | None  # who is writing to it, in words

    @property
    def results(self) -> list[TrialResult]:
        """The results so far, by trial number."""
        return [trial.result for trial in self.trials if trial.result is not None]

    @property
    def found(self) -> list[TrialResult]:
        """Those of searches: a trial that confirms another was known before."""
        are_searches = [stage.is_search for stage in self.stages]
        return [trial.result for trial in self.trials if trial.result is not None and are_searches[trial.spec.stage]]

    def trials_of(self, stage: Stage) -> list[StoredTrial]:
        """The trials of a stage that were started, by number."""
        return [trial for trial in self.trials if trial.stage == stage.number]

    def has_ended(self, stage: Stage) -> bool:
        """Whether a stage has handed out all of its trials, and all of them have ended."""
        return stage.n_trials == sum(trial.result is not None for trial in self.trials_of(stage))

    @property
    def next_number(self) -> int:
        """The number of the first trial of a stage to come."""
        return self.trials[-1].number + 1 if self.trials else 0

    @property
    def n_planned(self) -> int | None:
        """Trials in all stages, those of a confirmation to come included; None as long as that is not known."""
        return n_planned([(stage.n_trials, stage.plan) for stage in self.stages])

    @property
    def n_to_go(self) -> int | None:
        """Planned trials without a result; None as long as that is not known."""
        return None if self.n_planned is None else self.n_planned - len(self.results)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to be trained."""
        return self.n_to_go == 0

    def readings_of(self, stage: Stage) -> list[tuple[int, float]]:
        """What the clock has said to a stage: trials handed out before, seconds that it had had."""
        return [(n, seconds) for n, seconds in self.facts.get(clock_of(stage.number), ())]

    def stage_to_narrow(self, parents: tuple[int, ...]) -> Stage:
        """The stage whose space a zoom on these trials narrows.

        It is the newest zoom on them, so that repeated zooms close in, or else the stage of the first of them.
        """
        zooms = [stage for stage in self.stages if stage.parents == parents and stage.is_search]
        return zooms[-1] if zooms else self.stages[next(t.stage for t in self.trials if t.number == parents[0])]


def clock_of(stage: int) -> str:
    """The name of the fact that holds what the clock has said to a stage."""
    return f"clock-{stage}"


def n_planned(stages: Sequence[tuple[int | None, Plan]]) -> int | None:
    """The trials of stages with so many trials and such plans; a search is followed by its confirmation."""
    n_trials = [n for n, _ in stages]
    if None in n_trials:
        return None
    last = stages[-1][1] if stages else None
    to_come = last.confirm * REPLICATES if isinstance(last, SearchPlan) else 0
    return sum(n for n in n_trials if n is not None) + to_come


def read(folder: RunFolder) -> Snapshot:
    """A run without its curves. Works at any time, also while a search writes."""
    with database.errors(folder.path), database.reading(folder) as connection:
        database.check(folder, connection, *WITHOUT_CURVES)
        return from_connection(folder, connection)


def read_with_curves(folder: RunFolder) -> tuple[Snapshot, curves.Table]:
    """The same with all of its curves."""
    with database.errors(folder.path), database.reading(folder) as connection:
        database.check(folder, connection)
        found = from_connection(folder, connection)
        with database.understood(folder.path):
            table = curves.table(connection)
            sense.check_curves(found, table)
        return found, table


def from_connection(
    folder: RunFolder, connection: sqlite3.Connection, trials: Iterable[StoredTrial] | None = None
) -> Snapshot:
    """What an open connection sees; of the trials those that are given, else all."""
    writer = lock.holder(folder)
    with database.understood(folder.path):
        found = Snapshot(
            folder=folder,
            facts={name: json.loads(value) for name, value in rows.read(connection, "facts")},
            stages=tuple(map(stage_of, rows.read(connection, "stages"))),
            trials=tuple(trials_in(connection) if trials is None else trials),
            sittings=tuple(Sitting(*row) for row in rows.read(connection, "sittings")),
            writer=writer,
        )
        sense.check_stages(found)
        if trials is None:
            sense.check_trials(found, curves.last_trial(connection))
        return found


def trials_in(
    connection: sqlite3.Connection, condition: str = "", values: Sequence[Any] = (), *, with_ties: bool = True
) -> Iterator[StoredTrial]:
    """The trials that meet a condition, as SQL, by number; with what breaks ties, for which curves are looked at."""
    ties = curves.ties(connection, condition, values) if with_ties else {}
    lost: dict[int, tuple[Lost, ...]] = {}
    for place, (number, trial, status, reason) in enumerate(rows.read(connection, "lost")):
        if number != place:
            raise rows.UnsoundError(f"table lost: attempt {place} is missing before {number}")
        lost[trial] = (*lost.get(trial, ()), Lost(None if status is None else Status(status), reason))
    for row in rows.read(connection, "trials", condition, values):
        yield _stored_trial(row, lost.pop(row[0], ()), ties.get(row[0]))
    if lost and not condition:
        raise rows.UnsoundError(f"table trials: trial {min(lost)} is missing, of which attempts were lost")


def stage_of(row: Sequence[Any]) -> Stage:
    number, name, origin, space, first_trial, n_trials, parents, plan, extended = row
    known_plan = plans.from_json(json.loads(plan))
    return Stage(number, name, origin, space, first_trial, n_trials, known_plan, tuple(json.loads(parents)), extended)


def _stored_trial(row: Sequence[Any], lost: tuple[Lost, ...], tie: float | None) -> StoredTrial:
    number, stage, spec, attempts, status, reason, epochs, best, score, train, seconds, test, _ = row
    known = TrialSpec.from_json(json.loads(spec))
    sense.check_place(known, number, stage)
    result = None
    if status is not None:
        result = TrialResult(number, Status(status), reason, epochs, best, score, FinalCheck(train), seconds, tie)
    return StoredTrial(known, attempts, result, test, lost)
