"""Runs with the built-in network in a folder: a search and its confirmation, a retest, a zoom and a retest."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from unittest import mock

from hptune import agenda, final_test, loop, runs, study
from hptune.config import study_file, yaml_tree
from hptune.data.loading import load
from hptune.search import plan, student, zoom
from hptune.store import Store
from hptune.store.best_weights import BestWeights
from hptune.trainers import network
from hptune.workers.inline import InlineWorker
from hptune.workers.local import LocalWorkers

STUDY = """
data: {source: blobs, examples: 60}
train: {epochs: 1}
space:
  learning_rate: {scale: log, low: 1e-5, high: 0.3}
  normalize_inputs: {choices: [true, false]}
  batch_norm: {choices: [true, false]}
search: {trials: 14, seed: 4, metric: dev_loss, parallel: 2}
"""
SHARE = 0.45  # of the budget for confirmation: 8 trials, and 2 of them confirmed


def config():
    return study_file.parse(yaml_tree.parse(STUDY, "study.yaml"), (), default_name="study", folder=Path())


def open_store(folder):
    existing = runs.find_all(Path(folder))
    if existing:
        return Store(existing[-1])
    with mock.patch.object(plan, "CONFIRM_SHARE", SHARE):
        return study.create(config(), Path(folder), study.data_facts(load(config().data)))


def sitting(store, n_workers, trainer=network.TRAINER):
    """Train what is left, then test the answer, as a sitting of the program does."""
    with study.data_for_workers(store.folder, config(), load(config().data)):
        with BestWeights(store) as best_weights:
            job = study.job_of(config(), store.folder)
            job = type(job)(trainer, job.metric, job.settings)
            with closing(InlineWorker(job) if n_workers == 0 else LocalWorkers(job, n_workers)) as workers:
                for event in loop.run(store, workers, config(), loop.Stop()):
                    best_weights.see(event)
        if final_test.is_due(store.snapshot()):
            final_test.measure(store)


def search(folder, n_workers, trainer=network.TRAINER):
    """A search and its confirmation."""
    with open_store(folder) as store:
        sitting(store, n_workers, trainer)
    return store.folder


def _zoom(snapshot):
    settings = replace(config(), search=replace(config().search, trials=4))
    return study.plan_zoom(snapshot, settings, zoom.Around.parse("best"), zoom.FACTOR)[0]


def _retest(snapshot):
    with mock.patch.object(student, "margin", return_value=1.0):  # two seeds could not change an answer otherwise
        return agenda.retest_stage(snapshot, 3, 2)


LATER = (_retest, _zoom, _retest)  # after the search and its confirmation


def all_stages(folder, n_workers):
    """A search, its confirmation, and what may come later; goes on where it was killed."""
    with open_store(folder) as store:
        sitting(store, n_workers)
        for number, following in enumerate(LATER, 2):
            if len(store.snapshot().stages) == number:
                study.add_stage(store, following(store.snapshot()))
                sitting(store, n_workers)
    return store.folder
