"""Runs made by hand: stored events without any training, the same every time."""

import json

from hptune import tables
from hptune.config import study_file, yaml_tree
from hptune.events import AttemptLost, EpochEnded, TrialEnded, TrialStarted
from hptune.runs import RunFolder
from hptune.search.plan import Budget, SearchPlan
from hptune.store import Sitting, Stage, Store
from hptune.store.writer import set_up
from hptune.trial import EpochMetrics, FinalCheck, Kind, Origin, Status, TrialResult, TrialSpec

STUDY = """
name: made
data: {source: digits, bayes_error: 0.0}
train: {epochs: 3}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  optimizer: {choices: [adam, momentum]}
  beta1: {scale: 1-beta, low: 0.9, high: 0.999, when: {optimizer: adam}}
  hidden_units: {type: int, scale: log, low: 16, high: 256}
  hidden_layers: {type: int, low: 1, high: 5}
  batch_size: {type: int, low: 32, high: 96, step: 32, when: {optimizer: momentum}}
search: {method: random, trials: 6, confirm: false}
"""
SITTING = Sitting(0, 0, "2026-01-01T00:00:00+00:00", 0.0, 0.0, 0.0)  # in no time, of no known environment
DATA = {"fingerprint": "", "train": 800, "dev": 400, "test": 400, "features": 64, "classes": 10}

ADAM = {
    "learning_rate": 0.1 + 0.2,
    "optimizer": "adam",
    "beta1": 0.9871234567890123,
    "hidden_units": 64,
    "hidden_layers": 3,
}
MOMENTUM = {"learning_rate": 1e-3, "optimizer": "momentum", "hidden_units": 128, "hidden_layers": 3, "batch_size": 64}


def parsed(text=STUDY):
    return study_file.parse(yaml_tree.parse(text, "study.yaml"), (), default_name="made", folder=None)


def random_plan(n_trials):
    return SearchPlan("random", bars=False, parallel=2, budget=Budget(trials=n_trials))


def searched(n_trials=6, text=STUDY):
    """The first stage of a run."""
    space = json.dumps(parsed(text).space.plain())
    return Stage(0, "search", "whole space", space, 0, n_trials, random_plan(n_trials))


def zoomed(number, first_trial, n_trials, parent=0, text=STUDY, **narrowed):
    """A stage whose space has the given domains instead."""
    space = {**parsed(text).space.plain(), **narrowed}
    origin = f"zoom around trial {parent}"
    plan = random_plan(n_trials)
    return Stage(number, f"zoom-{number}", origin, json.dumps(space), first_trial, n_trials, plan, (parent,))


class FabricatedRun:
    """A run folder that grows by trials made up."""

    def __init__(self, path, text=STUDY, n_trials=6, data=DATA, created="2026-03-04T05:06:07+00:00"):
        path.mkdir(parents=True, exist_ok=True)
        self.folder = RunFolder(path)
        config = parsed(text).to_yaml()
        facts = {"data": data, "created": created}
        facts["environment"] = {"hptune": "0.1.0"}
        set_up(self.folder, config, facts, searched(n_trials, text))

    @property
    def path(self):
        return self.folder.path

    def add_stage(self, stage):
        with Store(self.folder) as store:
            store.add_stage(stage)

    def _append(self, events):
        with Store(self.folder) as store:
            store.append(events, SITTING)

    def load(self):
        return tables.load(self.path)

    def start(self, number, hyperparameters=ADAM, errors=(), stage=0, attempt=1, confirms=None):
        """A trial without a result, its dev errors by epoch; one that confirms another is of a seed of its own."""
        origin = Origin(Kind.RANDOM if confirms is None else Kind.CONFIRMATION, confirms)
        spec = TrialSpec(number, stage, hyperparameters, 0, origin, replicate=None if confirms is None else number)
        epochs = [
            EpochMetrics(epoch, 2 * error, error / 2, 3 * error, error, hyperparameters["learning_rate"], 0.1 * epoch)
            for epoch, error in enumerate(errors, 1)
        ]
        lost = [AttemptLost(spec, "its worker died")] * (attempt - 1)
        self._append([*lost, TrialStarted(spec, attempt), *(EpochEnded(number, metrics) for metrics in epochs)])

    def complete(
        self, number, hyperparameters=ADAM, errors=(0.5, 0.1, 0.2), stage=0, train=0.01, test=0.12, confirms=None
    ):
        self.start(number, hyperparameters, errors, stage, confirms=confirms)
        score = min(errors)
        best = errors.index(score) + 1
        final = FinalCheck(train)
        self._append([TrialEnded(TrialResult(number, Status.COMPLETED, "", len(errors), best, score, final, 0.25))])
        if test is not None:
            with Store(self.folder) as store:
                store.set_test_error(number, test)

    def end(self, number, status, reason, hyperparameters=ADAM, errors=(), stage=0, attempt=1):
        """A trial that did not complete."""
        self.start(number, hyperparameters, errors, stage, attempt)
        self._append([TrialEnded(TrialResult(number, Status(status), reason, len(errors), seconds=0.5))])


def mixed(path):
    """Two stages and every way a trial can end; trials 5 and 9 are not even started."""
    run = FabricatedRun(path)
    run.complete(0, ADAM, (0.5, 0.1, 0.2))
    run.complete(1, MOMENTUM, (0.6, 0.3, 0.3))
    run.end(2, "diverged", "train_loss became nan in epoch 3", ADAM, (0.9, 0.9))
    run.end(3, "diverged", "train_loss became nan in epoch 1", ADAM)
    run.end(4, "failed", "ValueError: [/x] [bold]no\x1b[31m (train.py:7)", MOMENTUM)
    run.add_stage(zoomed(1, 6, 4, learning_rate={"scale": "log", "low": 0.1, "high": 1}))
    run.end(6, "crashed", "the worker was killed by signal 9 (SIGKILL)", ADAM, (0.4,), stage=1, attempt=3)
    run.start(7, MOMENTUM, (0.7, 0.6), stage=1, attempt=2)
    run.complete(8, {**ADAM, "learning_rate": 0.25, "hidden_units": 100}, (0.3, 0.08, 0.05), stage=1)
    return run
