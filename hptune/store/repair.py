"""A new database of what is sound in a damaged one, which is kept beside it.

A run is what its seed makes of it, so what is lost need not be guessed: it is left out, and trained again it comes out
the same. Around a gap in a search its other trials stay, and so does its confirmation as long as what it confirms is
there. Stages that were asked for later grew from what is not known any more and are left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hptune import rights
from hptune.errors import FormatError, RunDamagedError, StorageError
from hptune.failpoints import reach
from hptune.replacing import remove_folder
from hptune.runs import RunFolder, sync
from hptune.search.plan import Budget, ConfirmPlan
from hptune.store import curves, database, formats, lock, rows, sense, snapshot
from hptune.store.rows import Row
from hptune.store.salvage import Salvage, salvage, sync_file
from hptune.store.snapshot import Snapshot, Stage
from hptune.store.writer import OF_RESULT, stage_row
from hptune.wording import counted

DRAFT = ".repair"
DAMAGED = "its curve was damaged where it was stored"
STAGE, ATTEMPTS, STATUS, CURVE = 1, 3, 4, 12  # places in a row of a trial


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair has done."""

    kept: Path  # the damaged file, as it was
    snapshot: Snapshot  # the run as it is now
    losses: tuple[str, ...]  # in words
    dropped: tuple[Stage, ...]  # stages that were asked for, and grew from what was lost


@dataclass(frozen=True, slots=True)
class _Plan:
    """What goes into the new database."""

    stages: tuple[Stage, ...]
    trials: Mapping[int, Row]
    gaps: tuple[int, ...]  # the numbers that are missing among the trials
    taken_back: tuple[int, ...]  # of the trials, those whose results are lost with their curves
    losses: tuple[str, ...]
    dropped: tuple[Stage, ...]


def repair(folder: RunFolder) -> Repaired | None:
    """Put a database of what is sound in the place of a damaged one; None where nothing is damaged.

    Raises:
        RunInUseError: another process writes to the run.
        RunDamagedError: too little of it is sound.
        FormatError: another version of hptune has written it.
        StorageError: the new one cannot be written.

    """
    with database.errors(folder.path), _locked(folder):
        remove_folder(folder.path / DRAFT)  # of a repair that was killed
        try:
            snapshot.read_with_curves(folder)
        except FormatError:
            raise
        except RunDamagedError as error:
            return _repair(folder, error)
        return None


def _repair(folder: RunFolder, damage: RunDamagedError) -> Repaired:
    draft = RunFolder(folder.path / DRAFT)
    old = RunFolder(draft.path / "old")
    try:
        rights.make_folder(draft.path)
        rights.make_folder(old.path)
        found = salvage(folder, old)
        facts = _facts(folder, found.facts)
        plan = _plan(found)
        _write(draft, facts, plan, found)
        new = snapshot.read_with_curves(draft)[0]
        return Repaired(_swap(folder, old, draft), replace(new, folder=folder), plan.losses, plan.dropped)
    except (sqlite3.Error, UnicodeDecodeError, RunDamagedError) as error:
        if not (isinstance(error, RunDamagedError) or database.is_damage(error)):
            raise
        raise RunDamagedError(
            f"{damage}\nToo little of it is sound to go on from ({error}). Nothing was changed. trials.csv and "
            f"curves.csv, if they are there, hold what was found; start anew with: hptune search {folder.config}"
        ) from error
    finally:
        remove_folder(draft.path)


@contextlib.contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    database.require(folder)
    held = lock.Lock(folder)
    try:
        yield
    finally:
        held.release()


def _facts(folder: RunFolder, sound: Mapping[str, str]) -> dict[str, str]:
    """Those that are sound; config.yaml is a copy of the study file among them."""
    if "data" not in sound:
        raise RunDamagedError("what is known of the data is lost")
    if "config" in sound:
        return dict(sound)
    try:
        with os.fdopen(rights.open_regular(folder.config, os.O_RDONLY), encoding="utf-8") as file:
            return {**sound, "config": json.dumps(file.read())}
    except (OSError, ValueError, StorageError) as error:
        raise RunDamagedError("the study file is lost, and config.yaml cannot be read") from error


def _plan(found: Salvage) -> _Plan:
    if not found.stages:
        raise RunDamagedError("the first stage is lost")
    trials = {number: row for number, row in found.trials.items() if row[STAGE] < len(found.stages)}
    unsound = [number for number, row in trials.items() if not _has_its_curve(row, found.pieces)]
    trials |= {number: (*trials[number][:STATUS], *[None] * len(OF_RESULT)) for number in unsound}
    ends = _ends(found)
    gaps = {
        stage.number: [number for number in range(stage.first_trial, end) if number not in trials]
        for stage, end in zip(found.stages, ends, strict=True)
    }
    losses = [f"trial {number} of {stage.name}" for stage in found.stages for number in gaps[stage.number]]
    if n_more := found.last + 1 - max(ends):
        losses.append(f"{counted(n_more, 'trial')} of what followed on {found.stages[-1].name}")
    elif not found.is_end_known and found.stages[-1].n_trials != ends[-1] - found.stages[-1].first_trial:
        losses.append(f"whatever came after trial {found.last}, if anything did")
    losses += [f"the curve of trial {number}, and so its result" for number in sorted(unsound)]
    stages = found.stages
    is_open = {stages[-1].number, _follows(stages[-1])}
    for stage in found.stages:
        is_ended = stage.number in is_open or _has_ended(stage, trials)
        if is_ended and not gaps[stage.number] and _has_parents(stage, trials):
            continue
        searched = stage if (before := _follows(stage)) is None else stages[before]
        stages, more = _reopened(stages, searched, trials)
        losses += more
        break
    trials = {number: row for number, row in trials.items() if row[STAGE] < len(stages)}
    dropped = [stage for stage in found.stages[len(stages) :] if _follows(stage) is None]
    missing = tuple(number for stage in stages for number in gaps[stage.number])
    return _Plan(stages, trials, missing, tuple(unsound), tuple(losses), tuple(dropped))


def _has_its_curve(row: Row, pieces: Mapping[int, Any]) -> bool:
    number, checksum = row[0], row[CURVE]
    return checksum is None or curves.is_sound(pieces.get(number), checksum)


def _ends(found: Salvage) -> list[int]:
    """Of every stage the number after the last of its trials that is known to have been started."""
    last = found.stages[-1]
    of_others = [number for number, row in found.trials.items() if row[STAGE] > last.number]
    planned = [] if last.n_trials is None else [last.first_trial + last.n_trials]
    first = [stage.first_trial for stage in found.stages[1:]]
    return [min(end, found.last + 1) for end in (*first, min([found.last + 1, *of_others, *planned]))]


def _has_parents(stage: Stage, trials: Mapping[int, Row]) -> bool:
    """Whether all trials that a stage grew from have their results."""
    named = (*stage.parents, *(stage.plan.trials if isinstance(stage.plan, ConfirmPlan) else ()))
    return all(number in trials and trials[number][STATUS] is not None for number in named)


def _has_ended(stage: Stage, trials: Mapping[int, Row]) -> bool:
    ended = [number for number, row in trials.items() if row[STAGE] == stage.number and row[STATUS] is not None]
    return stage.n_trials == len(ended)


def _follows(stage: Stage) -> int | None:
    """The search that a confirmation belongs to."""
    return stage.plan.follows if isinstance(stage.plan, ConfirmPlan) else None


def _reopened(
    stages: tuple[Stage, ...], searched: Stage, trials: Mapping[int, Row]
) -> tuple[tuple[Stage, ...], list[str]]:
    """The stages up to one that goes on as it was planned, with its confirmation as long as that can be kept."""
    kept = (*stages[: searched.number], replace(searched, n_trials=_n_planned(searched)))
    behind = stages[len(kept)] if len(stages) > len(kept) else None
    if behind is None or not isinstance(behind.plan, ConfirmPlan) or behind.plan.follows != searched.number:
        return kept, []
    if _has_parents(behind, trials):
        return (*kept, replace(behind, n_trials=_n_planned(behind))), []
    return kept, [f"{behind.name}, which confirms one of them"]


def _n_planned(stage: Stage) -> int | None:
    """As many trials as a stage has before it has ended."""
    if isinstance(stage.plan, ConfirmPlan):
        return len(stage.plan.trials) * len(stage.plan.replicates)
    return stage.plan.budget.trials if stage.plan.budget == Budget(trials=stage.plan.budget.trials) else None


def _write(draft: RunFolder, facts: Mapping[str, str], plan: _Plan, found: Salvage) -> None:
    database.create(draft)
    with contextlib.closing(sqlite3.connect(draft.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        with formats.transaction(connection):
            gaps = sorted({*plan.gaps, *json.loads(facts.get(sense.GAPS, "[]"))})
            for fact in {**facts, sense.GAPS: json.dumps(gaps)}.items():
                rows.insert(connection, "facts", fact)
            for stage in plan.stages:
                rows.insert(connection, "stages", stage_row(stage))
            for number, row in sorted(plan.trials.items()):
                rows.insert(connection, "trials", row)
                if row[CURVE] is not None:
                    curves.store(connection, number, found.pieces[number])
            sittings = [row for row in sorted(found.sittings) if row[1] < len(plan.stages)]
            _insert_numbered(connection, "sittings", sittings)
            taken_back = [(0, number, found.trials[number][STATUS], DAMAGED) for number in plan.taken_back]
            lost = [row for row in (*sorted(found.lost), *taken_back) if row[1] in plan.trials]
            _insert_numbered(connection, "lost", [*lost, *_unnamed(plan.trials, lost)])


def _unnamed(trials: Mapping[int, Row], lost: Iterable[Row]) -> Iterator[Row]:
    """The lost attempts that trials have counted and that are not there any more."""
    there = Counter(trial for _, trial, status, _ in lost if status is None)
    for number, row in sorted(trials.items()):
        for _ in range(row[ATTEMPTS] - 1 - there[number]):
            yield 0, number, None, "its worker died"


def _insert_numbered(connection: sqlite3.Connection, table: str, found: Iterable[Row]) -> None:
    """Rows that are numbered from 0, whatever was lost among them."""
    for number, (_, *values) in enumerate(found):
        rows.insert(connection, table, (number, *values))


def _swap(folder: RunFolder, old: RunFolder, draft: RunFolder) -> Path:
    """Put the new file in the place of the damaged one, which keeps a name of its own, with what belongs to it.

    A log counts for whatever file it lies beside, and two files cannot be replaced at once. So the damaged file is
    first replaced by itself with its log merged into it, beside which the log changes nothing, and may go. Killed
    anywhere, this leaves the damaged run with all that it held, or the new one.
    """
    number = 1
    logs = [ending for ending in ("-wal", "-journal") if database.beside(folder.database, ending).exists()]
    while True:
        kept = folder.path / f"{folder.database.name}.damaged-{number}"
        if not any(os.path.lexists(database.beside(kept, ending)) for ending in ("", *logs)):
            break
        number += 1
    for ending in ("", *logs):
        _keep(database.beside(folder.database, ending), database.beside(kept, ending))
    sync(folder.path)
    reach("repair.kept")
    for new in (old.database, draft.database):
        _give_rights(new, like=folder.database)
    if logs:
        old.database.replace(folder.database)
        sync(folder.path)
    reach("repair.merged")
    for ending in ("-shm", *logs):
        database.beside(folder.database, ending).unlink(missing_ok=True)
    sync(folder.path)
    reach("repair.bare")
    draft.database.replace(folder.database)
    sync(folder.path)
    reach("repair.swapped")
    return kept


def _give_rights(path: Path, like: Path) -> None:
    """The mode of another file and, where we are root, its owner."""
    descriptor = os.open(path, os.O_RDONLY | rights.AS_IT_IS)
    try:
        os.fchmod(descriptor, stat.S_IMODE(like.stat().st_mode))
        rights.hand_over(descriptor, like)
    finally:
        os.close(descriptor)


def _keep(path: Path, kept: Path) -> None:
    try:
        os.link(path, kept)
    except OSError:  # not every file system has links
        database.copy_file(path, kept)
        sync_file(kept)
