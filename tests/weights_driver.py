"""Searches with the built-in network in a folder, and may kill itself at a named step: for tests of best.npz.

    python weights_driver.py FOLDER WORKERS [N]

N counts every write to the database and every file that becomes best.npz or is deleted, each before and after.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from hptune import loop, runs, study
from hptune.config import study_file, yaml_tree
from hptune.data.loading import load
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
search: {method: random, trials: 8, seed: 4, metric: dev_loss, confirm: false, parallel: 2}
"""


def config():
    return study_file.parse(yaml_tree.parse(STUDY, "study.yaml"), (), default_name="study", folder=Path())


def open_store(folder):
    existing = runs.find_all(Path(folder))
    facts = study.data_facts(load(config().data))
    return Store(existing[-1]) if existing else study.create(config(), Path(folder), facts)


def search(folder, n_workers, trainer=network.TRAINER):
    with open_store(folder) as store:
        data = load(config().data)
        with study.data_for_workers(store.folder, config(), data), BestWeights(store) as best_weights:
            job = study.job_of(config(), store.folder)
            job = type(job)(trainer, job.metric, job.settings)
            with closing(InlineWorker(job) if n_workers == 0 else LocalWorkers(job, n_workers)) as workers:
                for event in loop.run(store, workers, config(), loop.Stop()):
                    best_weights.see(event)
    return store.folder


def die_at(n):
    """Kill this process at the n-th step."""
    count = 0

    def step():
        nonlocal count
        count += 1
        if count == n:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(place, name, is_meant=lambda *_: True):
        old = getattr(place, name)

        def both(*arguments, **options):
            is_step = is_meant(*arguments)
            if is_step:
                step()
            result = old(*arguments, **options)
            if is_step:
                step()
            return result

        setattr(place, name, both)

    watched(Store, "append")
    for name in ("replace", "unlink"):
        watched(Path, name, lambda path, *_: ".weights" in path.parts)


if __name__ == "__main__":
    loop.GROUP_S = 0.0  # a write for every poll, so that there are many steps to die at
    die_at(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    search(sys.argv[1], int(sys.argv[2]))
