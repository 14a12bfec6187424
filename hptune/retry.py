"""To train trials again that have failed: their results are taken back, and everything else stays as it was."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hptune.errors import UsageError
from hptune.events import StageEnded
from hptune.store import Snapshot, Store, StoredTrial
from hptune.trial import Status


def trials_to_retry(snapshot: Snapshot, statuses: Collection[Status]) -> list[StoredTrial]:
    """The trials that have ended so, on the run's own data.

    And those that had, whose results were taken back, and whose stage was ended before they were trained again.

    Raises:
        UsageError: the run is in the middle of a stage that is trained on other data.

    """
    last = snapshot.stages[-1]
    if not (last.has_own_data or snapshot.has_ended(last)):
        what = f"{last.name}, which is on other data, has not ended"
        raise UsageError(f"{snapshot.folder.path}: {what}. Let it end first: hptune resume {snapshot.folder.path}")
    ended = {stage.number for stage in snapshot.stages if stage.has_own_data and snapshot.has_ended(stage)}
    own = {stage.number for stage in snapshot.stages if stage.has_own_data}
    return [
        trial
        for trial in snapshot.trials
        if _status(trial) in statuses and trial.stage in (own if trial.result is not None else ended)
    ]


def _status(trial: StoredTrial) -> Status | None:
    """How a trial has ended or, where that was taken back, how it had."""
    if trial.result is not None:
        return trial.result.status
    return next((lost.status for lost in reversed(trial.lost) if lost.status is not None), None)


def take_back(store: Store, trials: Iterable[StoredTrial]) -> None:
    """Take the results of trials back. A stage that has ended is then as long again as it was."""
    trials, snapshot = list(trials), store.snapshot()
    for number in sorted({trial.stage for trial in trials}):
        stage = snapshot.stages[number]
        left = [trial for trial in snapshot.trials_of(stage) if trial.is_taken_back]
        if left and stage.n_trials is not None and snapshot.has_ended(stage):
            store.append([StageEnded(number, stage.n_trials + len(left))])
    store.take_back(trial.number for trial in trials if trial.result is not None)
