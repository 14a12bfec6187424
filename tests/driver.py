"""Runs a study of a fake trainer in a folder, and may kill itself at a named point: for tests of kills and resumes.

    python driver.py FOLDER WORKERS [POINT N]

POINT is "before" or "after" the N-th write to the database; it prints the workers' process numbers before it dies.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from hptune import runs, study, tables
from hptune.config import study_file, yaml_tree
from hptune.store import Store
from hptune.trial import Job
from hptune.workers.inline import InlineWorker
from hptune.workers.local import LocalWorkers

STUDY = """
data: {source: moons}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  beta1: {scale: 1-beta, low: 0.9, high: 0.999}
  hidden_units: {scale: log, low: 16, high: 256}
search: {trials: 6}
"""


def config():
    return study_file.parse(yaml_tree.parse(STUDY, "study.yaml"), (), default_name="study", folder=Path())


def open_store(folder):
    existing = runs.find_all(Path(folder))
    return (
        Store(existing[-1]) if existing else study.create(config(), Path(folder), {"train": 10, "dev": 10, "test": 0})
    )


def train(folder, n_workers, on_append=lambda store, workers, events: store.append(events)):
    job = Job("fake_trainers:steady", "dev_error")
    with open_store(folder) as store:
        workers = InlineWorker(job) if n_workers == 0 else LocalWorkers(job, n_workers)

        class Watched:
            def append(self, events):
                on_append(store, workers, events)

        with closing(workers):
            for _ in study.run(Watched(), workers, study.specs(store.snapshot(), config()), study.Stop()):
                pass
    tables.write(tables.load(store.folder.path))


def main():
    folder, n_workers, *point = sys.argv[1:]
    study.GROUP_S = 0.0  # a write for every poll, so that there are many points to die at
    count = 0

    def append(store, workers, events):
        nonlocal count
        count += 1
        is_due = point and count == int(point[1])
        if is_due and point[0] == "before":
            die(workers)
        store.append(events)
        if is_due and point[0] == "after":
            die(workers)

    train(folder, int(n_workers), append)


def die(workers):
    print(*getattr(workers, "pids", {}).values(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
