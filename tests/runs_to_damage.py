"""A finished run of a fake trainer, and what is done to its copies."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import driver

from hptune import agenda, loop, runs, study, tables
from hptune.runs import RunFolder
from hptune.store import Store
from hptune.trial import Job
from hptune.workers.inline import InlineWorker

NAME = "closing in"


def finished(parent: Path) -> RunFolder:
    """24 trials of a search, and 6 that confirm two of them."""
    driver.train(parent, 0, NAME)
    return runs.find_all(parent)[0]


def go_on(folder: RunFolder, *, retest: bool = False) -> None:
    """Train what is left, as hptune resume does, or a retest."""
    with Store(folder) as store:
        if retest:
            study.add_stage(store, agenda.retest_stage(store.snapshot(), 2, 2))
        _train(store)


def _train(store: Store) -> None:
    text, trainer = driver.STUDIES[NAME]
    with contextlib.closing(InlineWorker(Job(f"fake_trainers:{trainer}", "dev_error", {"epochs": 3}))) as worker:
        for _ in loop.run(store, worker, driver.parsed(text), loop.Stop()):
            pass


def cut_off(folder: RunFolder, path: Path, *statements: str) -> RunFolder:
    """A copy that was gone on with, edited and killed: all of that is in its log alone."""
    going = copy_of(folder, path.with_name(".going"))
    with Store(going) as store:
        _train(store)
        edit(going, *statements)
        cut = copy_of(going, path)
    shutil.rmtree(going.path)
    return cut


def copy_of(folder: RunFolder, path: Path) -> RunFolder:
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(folder.path, path)
    return RunFolder(path)


def edit(folder: RunFolder, *statements: str) -> None:
    """Change a database behind the back of its checksums."""
    with contextlib.closing(sqlite3.connect(folder.database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def seen(folder: RunFolder) -> tuple[object, ...]:
    """All that readers see, to the last bit; NaN is equal to itself."""
    run = tables.load(folder.path)
    found = run.snapshot
    rest = (dict(found.facts), found.stages, found.trials, found.sittings, run.best)
    return tables.to_csv(run.trials), tables.to_csv(run.curves), repr(rest)


def trained(folder: RunFolder) -> tuple[object, ...]:
    """What must not depend on how a run came to its end."""
    run = tables.load(folder.path)
    stages = [(stage.number, stage.name, stage.n_trials, stage.plan, stage.extended) for stage in run.snapshot.stages]
    return *(table.drop(columns="seconds").to_csv() for table in (run.trials, run.curves)), stages, repr(run.best)
