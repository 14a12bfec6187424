"""How hptune does with 100,000 stored trials: processor seconds and memory of report, list, and the start of resume.

    python benchmarks/bench_large_run.py [--trials N] [--epochs N] [--method random|coarse-to-fine] [--runs DIR]

The trials are written through the store, as a search writes them, their results made up. Every command runs in a
process of its own; its peak of resident memory is what the kernel has counted (ru_maxrss).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hptune import study
from hptune.config import study_file, yaml_tree
from hptune.events import EpochEnded, TrialEnded, TrialStarted
from hptune.runs import RunFolder
from hptune.store import Sitting
from hptune.trial import EpochMetrics, FinalCheck, Kind, Origin, Status, TrialResult, TrialSpec

STUDY = """
name: large
data: {source: digits}
train: {epochs: EPOCHS}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  optimizer: {choices: [adam, momentum]}
  beta1: {scale: 1-beta, low: 0.9, high: 0.999, when: {optimizer: adam}}
  hidden_layers: {type: int, low: 1, high: 3}
  hidden_units: {type: int, scale: log, low: 16, high: 4096}
  dropout: {low: 0.0, high: 0.5}
search: {trials: PLANNED, method: METHOD, parallel: 4}
"""
DATA = {"fingerprint": "", "train": 1077, "dev": 360, "test": 360, "features": 64, "classes": 10}
RESUME = """
import sys, time
from pathlib import Path
from hptune import agenda, stored_config
from hptune.runs import RunFolder
from hptune.store import Store
from hptune.store.best_weights import BestWeights
with Store(RunFolder(Path(sys.argv[1]))) as store, BestWeights(store):
    snapshot = store.snapshot()
    config = stored_config.config_of(snapshot)
    stage = agenda.open_stage(snapshot)
    cost = stored_config.epoch_cost(config, snapshot.facts["data"])
    trials = agenda.trials_of(snapshot, stage, config, store.scores(config.search.metric), cost)
    assert trials.next_spec().number == len(snapshot.trials)
"""
REFERENCE = """
import json, sqlite3, sys
import pandas as pd
connection = sqlite3.connect(sys.argv[1])
columns = [row[1] for row in connection.execute("PRAGMA table_info(trials)")]
records = []
for row in connection.execute("SELECT * FROM trials"):
    record = dict(zip(columns, row))
    record.update(json.loads(record.pop("spec")))
    records.append(record)
connection.execute("SELECT sum(length(piece)) FROM curves").fetchone()
records.sort(key=lambda record: (record["score"], record["number"]))
pd.DataFrame(records)
"""
"""What a person would write who reads the trials into a table: what else is measured is told as multiples of it."""
MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, done.returncode)
"""


def make(runs: Path, n_trials: int, n_epochs: int, method: str = "random") -> RunFolder:
    """An unfinished run of so many trials that have ended, of a hundred more."""
    text = STUDY.replace("EPOCHS", str(n_epochs)).replace("PLANNED", str(n_trials + 100)).replace("METHOD", method)
    config = study_file.parse(yaml_tree.parse(text, "large"), (), default_name="large", folder=Path())
    rng = np.random.default_rng(0)
    errors = np.sort(rng.random((n_trials, n_epochs)))[:, ::-1].tolist()
    rates, units = (10 ** rng.uniform(-4, 0, n_trials)).tolist(), rng.integers(16, 4097, n_trials).tolist()
    with study.create(config, runs, DATA) as store:
        seed = config.search.seed
        for first in range(0, n_trials, 1000):
            events = []
            for number in range(first, min(first + 1000, n_trials)):
                configuration = {"learning_rate": rates[number], "optimizer": "adam", "beta1": 0.9 + rates[number] / 11}
                configuration |= {"hidden_layers": 2, "hidden_units": units[number], "dropout": 0.25}
                spec = TrialSpec(number, 0, configuration, seed, Origin(Kind.RANDOM))
                events.append(TrialStarted(spec, 1))
                for epoch, error in enumerate(errors[number], 1):
                    metrics = EpochMetrics(epoch, 2 * error, error, 3 * error, error, rates[number], 0.1 * epoch)
                    events.append(EpochEnded(number, metrics))
                final = FinalCheck(errors[number][-1])
                score = errors[number][-1]
                result = TrialResult(number, Status.COMPLETED, "", n_epochs, n_epochs, score, final, 2.0)
                events.append(TrialEnded(result))
            store.append(events, Sitting(0, 0, "2026-01-01T00:00:00+00:00", 0.25 * first, 0.5 * first, 0.5 * first))
        return store.folder


def measured(*command: object) -> tuple[float, float]:
    """Processor seconds, whatever else the machine does, and MiB at the most of a command."""
    told = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, command)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert told[2] == "0", told
    return float(told[0]), float(told[1])


def commands(folder: RunFolder) -> dict[str, list[object]]:
    """What is measured, by name."""
    hptune = [sys.executable, "-m", "hptune"]
    return {
        "report": [*hptune, "report", folder.path],
        "list": [*hptune, "list", "--runs", folder.path.parent],
        "export": [*hptune, "export", folder.path],
        "start of resume": [sys.executable, "-c", RESUME, folder.path],
        "reference": [sys.executable, "-c", REFERENCE, folder.database],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--method", default="random")
    parser.add_argument("--runs", type=Path, help="keep the run below this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        folder = make(arguments.runs or Path(scratch), arguments.trials, arguments.epochs, arguments.method)
        print(f"written in {time.perf_counter() - start:.1f} s, {folder.database.stat().st_size / 2**20:.0f} MiB")
        print(json.dumps({"trials": arguments.trials, "epochs": arguments.epochs, "cores": os.cpu_count()}))
        print(f"{'':20}{'CPU s':>10}{'MiB':>10}")
        for name, command in commands(folder).items():
            seconds, memory = measured(*command)
            print(f"{name:20}{seconds:10.1f}{memory:10.0f}")


if __name__ == "__main__":
    main()
