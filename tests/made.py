"""Snapshots made up in memory, stage by stage, without a store: scores in, nothing trained."""

from __future__ import annotations

import json
from pathlib import Path

from hptune.runs import RunFolder
from hptune.search.plan import Budget, ConfirmPlan, SearchPlan
from hptune.store import Snapshot, Stage, StoredTrial
from hptune.store.answer import answer_of
from hptune.trial import Kind, Origin, Status, TrialResult, TrialSpec

FAILED = None  # in place of a score
SEARCH = SearchPlan("random", bars=False, parallel=1, budget=Budget(trials=9))
STUDY = """
name: made
data: {source: digits}
train: {epochs: 3}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  hidden_units: {type: int, low: 1, high: 1000}
search: {trials: 9}
"""
SPACE = {
    "learning_rate": {"scale": "log", "low": 1e-4, "high": 1},
    "hidden_units": {"type": "int", "low": 1, "high": 1000},
}
DATA = {"fingerprint": "own", "train": 800, "dev": 400, "test": 400, "features": 64, "classes": 10}


class Made:
    """A run that grows stage by stage. The number of a trial is in its configuration, as hidden_units less one."""

    def __init__(self):
        self.stages, self.trials = [], []

    def search(self, *scores, status=Status.COMPLETED, plan=SEARCH):
        for score in scores:
            self.trial(score, Origin(Kind.RANDOM), status=status)
        return self._stage(plan, len(scores), "search")

    def confirm(self, replicates, scores, data=None, follows=0):
        """Scores by trial, seed by seed; fewer than there are seeds where it was cut short."""
        for parent, found in scores.items():
            for replicate, score in zip(replicates, found, strict=False):
                self.trial(score, Origin(Kind.CONFIRMATION, parent), replicate)
        plan = ConfirmPlan(tuple(scores), tuple(replicates), follows, data)
        return self._stage(plan, len(scores) * len(replicates), "confirm" if follows is not None else "retest")

    def retest(self, replicates, scores, data=None):
        return self.confirm(replicates, scores, data, follows=None)

    def _stage(self, plan, n_trials, name):
        number = len(self.stages)
        self.stages.append(Stage(number, f"{name}-{number}", "", json.dumps(SPACE), 0, n_trials, plan))
        return self

    def trial(self, score, origin, replicate=None, status=Status.COMPLETED, epochs=3):
        number = len(self.trials)
        found_by = number if origin.parent is None else origin.parent
        configuration = {"learning_rate": 0.1, "hidden_units": found_by + 1}
        spec = TrialSpec(number, len(self.stages), configuration, 0, origin, replicate=replicate)
        status = Status.DIVERGED if score is FAILED else status
        best_epoch = None if score is FAILED else 1
        self.trials.append(StoredTrial(spec, 1, TrialResult(number, status, "", epochs, best_epoch, score)))

    @property
    def snapshot(self):
        facts = {"config": STUDY, "data": DATA}
        return Snapshot(RunFolder(Path("run")), facts, tuple(self.stages), tuple(self.trials), (), None)

    @property
    def answer(self):
        return answer_of(self.snapshot)
