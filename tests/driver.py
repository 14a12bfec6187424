"""Runs a study of a fake trainer in a folder, and may kill itself at a named point: for tests of kills and resumes.

    python driver.py FOLDER STUDY WORKERS [POINT N]

STUDY is the name of one of STUDIES, POINT "before" or "after" the N-th write to the database; it prints the workers'
process numbers before it dies.
"""

from __future__ import annotations

import os
import signal
import sys
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


class Watched:
    """A store whose every write goes through on_write(store, write), write doing it."""

    def __init__(self, store, on_write):
        self._store, self._on_write = store, on_write

    def __getattr__(self, name):
        return getattr(self._store, name)

    def append(self, *arguments):
        self._on_write(lambda: self._store.append(*arguments))

    def add_stage(self, *arguments):
        self._on_write(lambda: self._store.add_stage(*arguments))

    def put_stage(self, *arguments):
        self._on_write(lambda: self._store.put_stage(*arguments))


def train(folder, n_workers, name="random", on_write=lambda workers, write: write()):
    text, trainer = STUDIES[name]
    job = Job(f"fake_trainers:{trainer}", "dev_error", {"epochs": 3})
    with (
        open_store(folder, parsed(text)) as store,
        closing(InlineWorker(job) if n_workers == 0 else LocalWorkers(job, n_workers)) as workers,
    ):
        watched = Watched(store, lambda write: on_write(workers, write))
        for _ in loop.run(watched, workers, parsed(text), loop.Stop()):
            pass
    tables.write(tables.load(store.folder.path))


def main():
    folder, name, n_workers, *point = sys.argv[1:]
    loop.GROUP_S = 0.0  # a write for every poll, so that there are many points to die at
    count = 0

    def on_write(workers, write):
        nonlocal count
        count += 1
        is_due = point and count == int(point[1])
        if is_due and point[0] == "before":
            die(workers)
        write()
        if is_due and point[0] == "after":
            die(workers)

    train(folder, int(n_workers), name, on_write)


def die(workers):
    print(*getattr(workers, "pids", {}).values(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
