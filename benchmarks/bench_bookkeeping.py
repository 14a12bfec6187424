"""What hptune itself costs a trial: milliseconds of bookkeeping, with a trainer that does nothing.

    python benchmarks/bench_bookkeeping.py [--trials N] [--peers]

Every trial draws nine hyperparameters, crosses a process border, reports ten epochs, and is stored durably in SQLite
(WAL, synchronous=FULL; several trials share a transaction). --peers runs Optuna beside it in the same run, if it is
installed: random sampling, as many reports a trial, its SQLite storage (a transaction for every report) and its journal
file (one fsync for every report).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path

from null_trainer import EPOCHS

from hptune import loop, study
from hptune.config import study_file, yaml_tree
from hptune.events import TrialEnded
from hptune.trial import Job
from hptune.workers.inline import InlineWorker
from hptune.workers.local import LocalWorkers

STUDY = """
data: {source: moons}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  beta1: {scale: 1-beta, low: 0.9, high: 0.999}
  beta2: {scale: 1-beta, low: 0.9, high: 0.9999}
  hidden_layers: {low: 1, high: 3}
  hidden_units: {scale: log, low: 16, high: 256}
  batch_size: {choices: [32, 64, 128, 256]}
  dropout: {low: 0.0, high: 0.5}
  l2: {scale: log, low: 1e-6, high: 1}
  activation: {choices: [relu, tanh]}
search: {method: random, trials: TRIALS, confirm: false}
"""
ROUNDS = 5


def hptune_ms(n_trials: int, n_workers: int) -> float:
    """Milliseconds a trial, the start of the workers left out: each has trained one before."""
    root = yaml_tree.parse(STUDY.replace("TRIALS", str(n_trials)), "bench")
    config = study_file.parse(root, (), default_name="bench", folder=Path())
    job = Job("null_trainer:prepare", "dev_error")
    with tempfile.TemporaryDirectory() as folder, study.create(config, Path(folder), {"fingerprint": ""}) as store:
        workers = InlineWorker(job) if n_workers == 0 else LocalWorkers(job, n_workers)
        with contextlib.closing(workers):
            ended = (e for e in loop.run(store, workers, config, loop.Stop()) if isinstance(e, TrialEnded))
            for _ in range(max(1, n_workers)):
                next(ended)
            start = time.perf_counter()  # the workers are there now
            n_measured = sum(1 for _ in ended)
            return 1000 * (time.perf_counter() - start) / n_measured


def optuna_ms(n_trials: int, storage: str) -> float:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        if storage == "sqlite":
            store = optuna.storages.RDBStorage(f"sqlite:///{folder}/optuna.db")
        else:
            from optuna.storages.journal import JournalFileBackend

            store = optuna.storages.JournalStorage(JournalFileBackend(f"{folder}/journal.log"))

        def objective(trial):
            for i in range(7):
                trial.suggest_float(f"x{i}", 1e-4, 1, log=True)
            trial.suggest_int("units", 16, 256, log=True)
            trial.suggest_categorical("batch", [32, 64, 128, 256])
            for epoch in range(EPOCHS):
                trial.report(1 / (2 + epoch), epoch)
            return 0.1

        run = optuna.create_study(storage=store, sampler=optuna.samplers.RandomSampler(seed=0))
        run.optimize(objective, n_trials=2)
        start = time.perf_counter()
        run.optimize(objective, n_trials=n_trials)
        return 1000 * (time.perf_counter() - start) / n_trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--peers", action="store_true")
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # the workers find null_trainer here
    kinds = {f"hptune, {n} workers": lambda n=n: hptune_ms(arguments.trials, n) for n in (0, 1, 2)}
    if arguments.peers:
        kinds["optuna, journal file"] = lambda: optuna_ms(max(20, arguments.trials // 5), "journal")
        kinds["optuna, SQLite"] = lambda: optuna_ms(max(20, arguments.trials // 10), "sqlite")
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, measure in kinds.items():
            found[name].append(measure())
    base = statistics.median(found["hptune, 1 workers"])
    print(f"{'':24}{'ms a trial: median':>20}{'min':>8}{'max':>8}{'ratio to 1 worker':>20}")
    for name, times in found.items():
        middle = statistics.median(times)
        print(f"{name:24}{middle:20.2f}{min(times):8.2f}{max(times):8.2f}{middle / base:20.1f}")


if __name__ == "__main__":
    main()
