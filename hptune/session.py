"""One sitting of training: workers are started, signals heeded, progress shown, and the tables written at its end.

It is where the half that runs and the half that reads meet, besides the command line.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from rich.console import Console

from hptune import study, tables
from hptune.config.study_file import StudyConfig
from hptune.data.dataset import Dataset
from hptune.errors import StoppedError
from hptune.events import Event
from hptune.report.live import Display, Progress
from hptune.report.outcome import Outcome
from hptune.runs import RunFolder
from hptune.search.ranking import ranked
from hptune.store import Snapshot, Store
from hptune.store.best_weights import BestWeights
from hptune.trial import Job, Status
from hptune.workers.cores import usable_cores
from hptune.workers.inline import InlineWorker
from hptune.workers.local import LocalWorkers

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Ended(BaseException):
    """Raised by a signal that comes while no trial is being trained."""


@contextlib.contextmanager
def sitting(folder: RunFolder, config: StudyConfig, dataset: Dataset | None) -> Iterator[None]:
    """The data for the workers, removed again however the sitting ends, signals included.

    Raises:
        StoppedError: a signal came before or after the training.

    """

    def handle(number: int, _frame: FrameType | None) -> None:
        raise _Ended(number)

    try:
        with _handled_signals(handle), study.data_for_workers(folder, config, dataset):
            del dataset  # from here on it is in the files alone
            yield
    except _Ended as ended:
        raise StoppedError(f"Stopped. Go on with: hptune resume {folder.path}", ended.args[0]) from ended


def train(
    store: Store, config: StudyConfig, console: Console, *, n_workers: int | None, only_stage: int | None = None
) -> Outcome:
    """Train what is planned and unfinished (of one stage, if given), showing progress; then write the tables.

    To be called within a sitting, unless nothing is unfinished.
    n_workers None is one for every usable core; 0 trains in this process.
    """
    snapshot = store.snapshot()
    n_trials = snapshot.n_unfinished if only_stage is None else snapshot.stages[only_stage].n_trials
    stop = study.Stop()
    run = None
    with contextlib.suppress(study.StopNow), _heeded_signals(stop):
        with BestWeights(store) as best_weights:
            if n_trials:
                workers = _workers(study.job_of(config, store.folder), n_workers, n_trials)
                progress = _progress(config, snapshot, n_trials)
                with contextlib.closing(workers), Display(console, progress) as display:
                    events = study.run(store, workers, study.specs(snapshot, config, only_stage), stop)
                    _consume(events, best_weights, display)
        run = tables.load(store.folder.path)
        tables.write(run)
    return Outcome(stop.signal, run or tables.load(store.folder.path))


def _consume(events: Iterator[Event], best_weights: BestWeights, display: Display) -> None:
    with contextlib.suppress(study.StopNow):
        for event in events:
            best_weights.see(event)
            display.show(event)


def _workers(job: Job, wanted: int | None, n_trials: int) -> InlineWorker | LocalWorkers:
    if wanted == 0:
        return InlineWorker(job)
    return LocalWorkers(job, min(usable_cores() if wanted is None else wanted, n_trials))


def _progress(config: StudyConfig, snapshot: Snapshot, n_trials: int) -> Progress:
    results = snapshot.results
    epochs = config.train.get("epochs")
    return Progress(
        metric=config.search.metric,
        epochs=epochs if isinstance(epochs, int) else None,
        planned=len(results) + n_trials,
        done=len(results),
        failed=sum(result.status is not Status.COMPLETED for result in results),
        best=next(iter(ranked(results)), None),
    )


def _heeded_signals(stop: study.Stop) -> contextlib.AbstractContextManager[None]:
    """The first signal asks to stop, the second stops at once."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_requested:
            raise study.StopNow
        stop.request(number)

    return _handled_signals(handle)


@contextlib.contextmanager
def _handled_signals(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """A handler for a while. Only the main thread may have one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    # what was ignored when we were started, as by nohup, stays ignored
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
