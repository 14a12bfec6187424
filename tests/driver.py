"""Runs a study of a fake trainer in a folder: the name of one of STUDIES, with so many workers."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from hptune import loop, runs, study, tables
from hptune.config import study_file, yaml_tree
from hptune.store import Store
from hptune.trial import Job
from hptune.workers.inline import InlineWorker
from hptune.workers.local import LocalWorkers

RANDOM = """
data: {source: moons}
train: {epochs: 4}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  beta1: {scale: 1-beta, low: 0.9, high: 0.999}
  hidden_units: {scale: log, low: 16, high: 256}
search: {method: random, trials: 6, confirm: false, parallel: 2}
"""
CLOSING_IN = """
data: {source: moons}
train: {epochs: 3}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  optimizer: {choices: [adam, momentum]}
  beta1: {scale: 1-beta, low: 0.9, high: 0.999, when: {optimizer: adam}}
  hidden_units: {scale: log, low: 16, high: 256}
search: {trials: 30, parallel: 3, seed: 3}
"""
STUDIES = {"random": (RANDOM, "steady"), "closing in": (CLOSING_IN, "bowl")}
FACTS = {"fingerprint": "x", "train": 10, "dev": 10, "test": 0}


def parsed(text=RANDOM):
    return study_file.parse(yaml_tree.parse(text, "study.yaml"), (), default_name="study", folder=Path())


def config():
    return parsed()


def open_store(folder, config=None):
    existing = runs.find_all(Path(folder))
    return Store(existing[-1]) if existing else study.create(config or parsed(), Path(folder), FACTS)


def train(folder, n_workers, name="random"):
    text, trainer = STUDIES[name]
    job = Job(f"fake_trainers:{trainer}", "dev_error", {"epochs": 3})
    with (
        open_store(folder, parsed(text)) as store,
        closing(InlineWorker(job) if n_workers == 0 else LocalWorkers(job, n_workers)) as workers,
    ):
        for _ in loop.run(store, workers, parsed(text), loop.Stop()):
            pass
    tables.write(tables.load(store.folder.path))
