"""The network of the answer, trained once more where best.npz holds another's.

Weights that cannot become the answer's are deleted (see store.best_weights). What is trained again after a confirmation
has ended (hptune retry) may bring another configuration to the front, whose best training has no weights any more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hptune import rights
from hptune.nn import model_file
from hptune.store import Snapshot
from hptune.store.answer import answer_of
from hptune.trial import Job, TrialSpec
from hptune.workers.inline import InlineWorker


def lost(snapshot: Snapshot) -> TrialSpec | None:
    """The training whose weights are to be best.npz, where the run is finished and these are another's.

    Raises:
        RunDamagedError: best.npz cannot be read.

    """
    answer = answer_of(snapshot)
    best_npz = snapshot.folder.best_npz
    if answer is None or not snapshot.is_finished or not rights.exists(best_npz):
        return None
    if model_file.load(best_npz).trial == answer.weights:
        return None
    return next(trial.spec for trial in snapshot.trials if trial.number == answer.weights)


def train(spec: TrialSpec, job: Job, is_to_stop: Callable[[], bool]) -> None:
    """Train it in this process, within a sitting: so it leaves its weights where BestWeights finds them.

    What it brings is stored already, and is the same again on the same machine.
    """
    with contextlib.closing(InlineWorker(job)) as worker:
        worker.submit(spec)
        while worker.n_busy and not is_to_stop():
            worker.poll(0.0)
