"""A run as a whole: what it is started with, the data for its workers, and the zooms that are added to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hptune import agenda, probe, study_data, wording, zooming
from hptune.config.study_file import StudyConfig
from hptune.data import baseline, prepared
from hptune.data.dataset import Dataset, TargetScale
from hptune.data.settings import DataSettings
from hptune.environment import changes, environment
from hptune.errors import DataError, StorageError, UsageError
from hptune.events import StageEnded
from hptune.replacing import remove_folder, why
from hptune.runs import RunFolder
from hptune.search import zoom
from hptune.search.plan import ConfirmPlan
from hptune.store import Snapshot, Stage, Store
from hptune.trainers.network import TRAINER
from hptune.trial import Job


def job_of(config: StudyConfig, folder: RunFolder) -> Job:
    """What the workers of a run are prepared with."""
    return Job(TRAINER, config.search.metric, {"folder": str(folder.path.absolute()), "train": dict(config.train)})


@contextlib.contextmanager
def data_for_workers(folder: RunFolder, config: StudyConfig, dataset: Dataset | None) -> Iterator[None]:
    """The data set in files that workers map, for as long as a sitting lasts, in each form that a trial can ask for.

    None where there is nothing to train. What a sitting that was killed has left is removed in any case.

    Raises:
        StorageError: they cannot be written, or nothing can.

    """
    remove_folder(folder.data)
    try:
        if dataset is not None:
            probe.probe(folder, sum(prepared.size(dataset) for _ in prepared.forms(config.train)))
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
        "class_names": list(dataset.classes),
        "baseline": baseline.measure(dataset).to_json(),
        "leaves_binary": dataset.leaves_binary,
        **({} if target is None else {"target_deviation": target.deviation}),  # in its own unit; that of an error of 1
    }


def create(config: StudyConfig, folder: Path, data: dict[str, Any]) -> Store:
    """A new run below folder, open for writing."""
    facts = {
        "data": data,
        "created": wording.moment(),
        "environment": environment(),
    }
    return Store.new(folder, config.name, config.to_yaml(), facts, agenda.first_stage(config))


def environment_changes(snapshot: Snapshot) -> str:
    """In what this machine differs from the one that the run was started on; empty where in nothing that counts."""
    return changes(snapshot.facts.get("environment", {}), environment())


def same_data(config: StudyConfig, snapshot: Snapshot) -> Dataset:
    """The data of a run, read again.

    Raises:
        DataError: they cannot be used, or are others: no trials are added on other data than those before them.

    """
    started = f"{snapshot.folder.path} was started with. Put the old file back, or start a new run with hptune search."
    return _same(config, snapshot.facts["data"], started)


def data_to_go_on(config: StudyConfig, snapshot: Snapshot) -> Dataset:
    """The data of a run or, where the stage that is gone on with is trained on others, those, read again.

    Raises:
        DataError: as for same_data.

    """
    stage = agenda.open_stage(snapshot)
    if stage is None or not isinstance(stage.plan, ConfirmPlan) or stage.plan.data is None:
        return same_data(config, snapshot)
    other = replace(config, data=DataSettings.from_json(stage.plan.data["settings"]))
    started = f"{stage.name} of {snapshot.folder.path} was started with. Put the old file back, or run hptune retest."
    return _same(other, stage.plan.data, started)


def _same(config: StudyConfig, facts: Mapping[str, Any], started: str) -> Dataset:
    dataset = study_data.load(config)
    if dataset.is_regression and dataset.fingerprint() != facts["fingerprint"]:  # perhaps split as it was once
        dataset = study_data.load(config, by_target=False)
    if dataset.fingerprint() != facts["fingerprint"]:
        raise DataError(f"{config.data.path or config.data.source}: not the data that {started}")
    return normalised_as(facts, dataset)


def normalised_as(facts: Mapping[str, Any], dataset: Dataset) -> Dataset:
    """A data set to be normalised as that of a run is: one that does not say how had columns of 0 and 1 normalised."""
    return replace(dataset, leaves_binary=bool(facts.get("leaves_binary", False)))


def add_stage(store: Store, stage: Stage) -> None:
    """Add a stage to a run. Those before end with the trials that have ended."""
    snapshot = store.snapshot()
    ended = [
        StageEnded(before.number, sum(trial.result is not None for trial in snapshot.trials_of(before)))
        for before in snapshot.stages
        if not snapshot.has_ended(before)
    ]
    store.add_stage(stage, ended)


def plan_zoom(snapshot: Snapshot, config: StudyConfig, around: zoom.Around, factor: float) -> tuple[Stage, zoom.Zoom]:
    """The next stage of a run: a search of a space narrowed around what `around` names, as config plans it.

    Raises:
        UsageError: there is no such trial, nothing in that space is new, or the budget has no room for a trial.

    """
    place = zooming.zoomed(snapshot, around, factor)
    zooming.require_new(snapshot, config, place)
    found = place.found
    number = len(snapshot.stages)
    stage = agenda.search_stage(
        config,
        found.space,
        number=number,
        name=f"zoom-{number}",
        origin=place.origin,
        first_trial=snapshot.next_number,
        parents=place.parents,
        before=snapshot,
    )
    limit, least = config.search.epochs, found.space.most_epochs(config.train)
    if limit is not None and limit < least:
        raise UsageError(f"--epochs {limit}: a trial has {least} epochs, so none fits in")
    return stage, found
