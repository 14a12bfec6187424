"""The one loop: propose -> workers -> store -> tell. Starts runs, resumes them, and adds zooms to them.

A run is a generator of events; each has been stored before it is yielded. Who consumes them draws, or stops.
"""

from __future__ import annotations

import contextlib
import json
import math
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import hptune
from hptune import study_data
from hptune.config import study_file
from hptune.config.study_file import StudyConfig
from hptune.data import prepared
from hptune.data.dataset import Dataset, TargetScale
from hptune.errors import DataError, StorageError, UsageError
from hptune.events import AttemptLost, Event, Stopping, TrialEnded, TrialStarted
from hptune.replacing import remove_folder, why
from hptune.runs import RunFolder
from hptune.search import zoom
from hptune.search.propose import propose
from hptune.search.ranking import ranked
from hptune.store import Snapshot, Stage, Store
from hptune.trainers.network import TRAINER
from hptune.trial import Job, Status, TrialResult, TrialSpec
from hptune.workers import Workers

ATTEMPTS = 3  # of a trial whose worker dies
GROUP_S = 0.05  # events are stored and told in groups of so long: one write to disk for all of them
POLL_S = 0.2  # the longest wait before a stop request is noticed
GRACE_S = 5.0  # what running trials get to end after a stop request


class StopNow(BaseException):
    """Raised by a signal handler, wherever the program is, when it is asked a second time to stop."""


@dataclass(slots=True)
class Stop:
    """A request to stop, made by a signal handler and looked at by the loop."""

    signal: int | None = None
    since: float = field(default=math.inf)

    def request(self, signal: int) -> None:
        self.signal, self.since = signal, time.monotonic()

    @property
    def is_requested(self) -> bool:
        return self.signal is not None

    @property
    def is_overdue(self) -> bool:
        return time.monotonic() - self.since > GRACE_S


def job_of(config: StudyConfig, folder: RunFolder) -> Job:
    """What the workers of a run are prepared with."""
    return Job(TRAINER, config.search.metric, {"folder": str(folder.path.absolute()), "train": dict(config.train)})


@contextlib.contextmanager
def data_for_workers(folder: RunFolder, config: StudyConfig, dataset: Dataset | None) -> Iterator[None]:
    """The data set in files that workers map, for as long as a sitting lasts, in each form that a trial can ask for.

    None where there is nothing to train. What a sitting that was killed has left is removed in any case.

    Raises:
        StorageError: they cannot be written.

    """
    remove_folder(folder.data)
    try:
        if dataset is not None:
            _prepare(folder, config, dataset)
        del dataset  # from here on it is in the files alone
        yield
    finally:
        with contextlib.suppress(StorageError):  # the next sitting tries again
            remove_folder(folder.data)


def _prepare(folder: RunFolder, config: StudyConfig, dataset: Dataset) -> None:
    try:
        for normalized in prepared.forms(config.train):
            prepared.write(folder.prepared(normalized=normalized), dataset, normalized=normalized)
    except OSError as error:
        what = f"{folder.data}: cannot write the data for the workers: {why(error)}"
        raise StorageError(f"{what}. Free space or rights, then: hptune resume {folder.path}") from error


def data_facts(dataset: Dataset) -> dict[str, Any]:
    """The data set in numbers."""
    target = TargetScale.fit(dataset.train.y) if dataset.is_regression else None
    return {
        "fingerprint": dataset.fingerprint(),
        "train": len(dataset.train),
        "dev": len(dataset.dev),
        "test": 0 if dataset.test is None else len(dataset.test),
        "features": dataset.train.x.shape[1],
        "classes": len(dataset.classes),  # 0 in regression
        "baseline_error": dataset.baseline_error(),
        **({} if target is None else {"target_deviation": target.deviation}),  # in its own unit; that of an error of 1
    }


def create(config: StudyConfig, folder: Path, data: dict[str, Any]) -> Store:
    """A new run below folder, open for writing."""
    facts = {
        "data": data,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
    }
    return Store.new(folder, config.name, config.to_yaml(), facts, coarse_stage(config))


def environment() -> dict[str, str]:
    """What the last bits of a result may depend on."""
    return {
        "hptune": hptune.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "blas": ", ".join(
            " ".join(str(pool.get(key)) for key in ("internal_api", "version", "architecture"))
            for pool in threadpool_info()
            if pool["user_api"] == "blas"
        ),
    }


def environment_changes(snapshot: Snapshot) -> str:
    """In what this machine differs from the one that the run was started on; empty where in nothing that counts."""
    before, now = snapshot.facts.get("environment", {}), environment()
    return ", ".join(f"{name} {before[name]} -> {now[name]}" for name in before if before[name] != now.get(name))


def same_data(config: StudyConfig, snapshot: Snapshot) -> Dataset:
    """The data of a run, read again.

    Raises:
        DataError: they cannot be used, or are others: no trials are added on other data than those before them.

    """
    dataset = study_data.load(config)
    if dataset.fingerprint() != snapshot.facts["data"]["fingerprint"]:
        raise DataError(
            f"{config.data.path or config.data.source}: not the data that {snapshot.folder.path} was started with. "
            "Put the old file back, or start a new run with hptune search."
        )
    return dataset


def coarse_stage(config: StudyConfig) -> Stage:
    """The first stage: random trials over the whole space."""
    return Stage(0, "coarse", "random", json.dumps(config.space.plain()), 0, config.search.trials)


def specs(snapshot: Snapshot, config: StudyConfig, only_stage: int | None = None) -> Iterator[TrialSpec]:
    """The specs of all planned trials that have no result yet, by number."""
    ended = {result.number for result in snapshot.results}
    for stage in snapshot.stages:
        if only_stage in (None, stage.number):
            yield from (spec for spec in stage_specs(stage, config) if spec.number not in ended)


def stage_specs(stage: Stage, config: StudyConfig) -> Iterator[TrialSpec]:
    """The specs of a stage's trials, by number."""
    space = study_file.stage_space(stage.space)
    for number in stage.trials:
        yield propose(space, config.train, seed=config.search.seed, stage=stage.number, number=number)


def plan_zoom(snapshot: Snapshot, around: zoom.Around, factor: float, n_trials: int) -> tuple[Stage, zoom.Zoom]:
    """The next stage of a run: a space narrowed around what `around` names.

    It narrows the space that the trial was drawn from or, where that has been done before, the result of that.
    """
    order = ranked(snapshot.results)
    if not order:
        raise UsageError(f"{snapshot.folder.path}: no trial has completed, so there is nothing to zoom in on")
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    if around.top is not None:
        parents = tuple(result.number for result in order[: around.top])
        space = study_file.stage_space(snapshot.stage_to_narrow(parents).space)
        found = zoom.enclosing(space, [configurations[number] for number in parents])
        origin = f"box of the top {len(parents)}"
    else:
        parents = (_centre(snapshot, around, order),)
        space = study_file.stage_space(snapshot.stage_to_narrow(parents).space)
        best = [configurations[result.number] for result in order[: zoom.n_best(len(order))]]
        found = zoom.around(space, configurations[parents[0]], best, factor)
        origin = f"zoom around trial {parents[0]}, factor {factor:g}"
    number = len(snapshot.stages)
    text = json.dumps(found.space.plain())
    return Stage(number, f"zoom-{number}", origin, text, snapshot.n_planned, n_trials, parents), found


def _centre(snapshot: Snapshot, around: zoom.Around, order: list[TrialResult]) -> int:
    if around.number is None:
        return order[0].number
    if any(result.number == around.number for result in order):
        return around.number
    for result in snapshot.results:
        if result.number == around.number:
            raise UsageError(f"--around {around.number}: that trial has {result.status.value} ({result.reason})")
    raise UsageError(f"--around {around.number}: no such trial has ended; they go from 0 to {snapshot.n_planned - 1}")


@dataclass(slots=True)
class _Queue:
    """What is to be trained next: lost attempts again, then new trials."""

    trials: Iterator[TrialSpec]
    lost: list[TrialSpec] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)  # so far, by trial

    def start_next(self, workers: Workers) -> TrialStarted | None:
        spec = self.lost.pop() if self.lost else next(self.trials, None)
        if spec is None:
            return None
        self.attempts[spec.number] = self.attempts.get(spec.number, 0) + 1
        workers.submit(spec)
        return TrialStarted(spec, self.attempts[spec.number])

    def lose(self, event: AttemptLost) -> list[TrialEnded]:
        """Put a trial back, or end it after too many attempts."""
        spec = event.spec
        if self.attempts[spec.number] < ATTEMPTS:
            self.lost.append(spec)
            return []
        return [TrialEnded(TrialResult(spec.number, Status.CRASHED, f"{event.reason} ({ATTEMPTS} attempts)"))]


def run(store: Store, workers: Workers, trials: Iterable[TrialSpec], stop: Stop) -> Iterator[Event]:
    """Train the trials and yield what happens; everything yielded has been stored.

    Ends when all have ended or, after a stop request, when those running have ended or the grace is over.
    """
    queue = _Queue(iter(trials))
    group: list[Event] = []  # what has happened and is not stored yet
    group_since = time.monotonic()
    is_stopping = False
    while True:
        while workers.n_idle and not stop.is_requested and (started := queue.start_next(workers)):
            group.append(started)
        if stop.is_requested and not is_stopping:
            is_stopping = True
            group.append(Stopping(workers.n_busy, GRACE_S))
        is_over = not workers.n_busy or stop.is_overdue
        if group and (is_over or is_stopping or time.monotonic() - group_since >= GROUP_S):
            store.append(group)
            yield from group
            group.clear()
        if is_over:
            return
        if not group:
            group_since = time.monotonic()
        for event in workers.poll(GROUP_S if group else POLL_S):
            group.append(event)
            if isinstance(event, AttemptLost):
                group.extend(queue.lose(event))
