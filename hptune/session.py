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

from hptune import agenda, final_test, loop, lost_network, rights, stored_config, study, tables
from hptune.config.search_section import SearchSettings
from hptune.config.study_file import StudyConfig
from hptune.data.dataset import Dataset
from hptune.errors import SIGNALS, StoppedError, StorageError
from hptune.events import Event, Notice
from hptune.report.live import Display, Progress
from hptune.report.outcome import Outcome
from hptune.runs import RunFolder
from hptune.store import Store
from hptune.store.best_weights import BestWeights
from hptune.trial import Job
from hptune.workers.inline import InlineWorker
from hptune.workers.limits import Limits
from hptune.workers.local import LocalWorkers


class _Ended(BaseException):
    """Raised by a signal that comes while no trial is being trained."""


@contextlib.contextmanager
def sitting(folder: RunFolder, config: StudyConfig, dataset: Dataset | None) -> Iterator[None]:
    """The data for the workers, removed again however the sitting ends, signals included.

    Raises:
        StoppedError: a signal came before or after the training.
        StorageError: something cannot be written; it says how to go on.

    """

    def handle(number: int, _frame: FrameType | None) -> None:
        raise _Ended(number)

    try:
        with _handled_signals(handle), study.data_for_workers(folder, config, dataset):
            del dataset  # from here on it is in the files alone
            yield
    except StorageError as error:
        if "hptune resume" in str(error):
            raise
        if not rights.exists(folder.database):
            raise StorageError(
                f"{error} The run was moved or deleted; if moved, go on with: hptune resume PATH"
            ) from error
        raise StorageError(f"{error} Go on with: hptune resume {folder.path}") from error
    except _Ended as ended:
        raise StoppedError(f"Stopped. Go on with: hptune resume {folder.path}", ended.args[0]) from ended


def train(store: Store, config: StudyConfig, console: Console, *, n_workers: int) -> Outcome:
    """Train what is left of a run, showing progress; then, where it is finished, test its answer; write the tables.

    To be called within a sitting, unless nothing is unfinished. With 0 workers it trains in this process.
    """
    snapshot = store.snapshot()
    stage = agenda.open_stage(snapshot)
    has_own_data = stage is None or stage.has_own_data
    job = study.job_of(config, store.folder)
    stop, notices = loop.Stop(), list[str]()
    run = None
    with contextlib.suppress(loop.StopNow), _heeded_signals(stop):
        with BestWeights(store) as best_weights:
            if stage is not None:
                workers = _workers(job, config.search, n_workers, snapshot.n_to_go)
                progress = Progress.of(config, snapshot)
                cost = stored_config.epoch_cost(config, snapshot.facts["data"])
                with contextlib.closing(workers), Display(console, progress) as display:
                    events = loop.run(store, workers, config, stop, cost)
                    _consume(events, best_weights, display, notices)
            if has_own_data and (spec := lost_network.lost(store.snapshot())) is not None:
                lost_network.train(spec, job, lambda: stop.is_requested)
        if has_own_data and final_test.is_due(store.snapshot()):
            final_test.measure(store)
        run = tables.load(store.folder.path)
        tables.write(run)
    return Outcome(stop.signal, run or tables.load(store.folder.path), tuple(stop.breaker.failed), tuple(notices))


def _consume(events: Iterator[Event], best_weights: BestWeights, display: Display, notices: list[str]) -> None:
    with contextlib.suppress(loop.StopNow):
        for event in events:
            best_weights.see(event)
            display.show(event)
            if isinstance(event, Notice):
                notices.append(event.text)


def _workers(job: Job, search: SearchSettings, n: int, n_trials: int | None) -> InlineWorker | LocalWorkers:
    limits = Limits(search.trial_timeout_s, search.stall_timeout_s, search.worker_memory)
    if n == 0:
        return InlineWorker(job, limits)
    return LocalWorkers(job, n if n_trials is None else min(n, n_trials), limits)


def _heeded_signals(stop: loop.Stop) -> contextlib.AbstractContextManager[None]:
    """The first signal asks to stop, the second stops at once."""
    return _handled_signals(lambda number, _: stop.request(number))


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
