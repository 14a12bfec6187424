"""One sitting of training: workers are started, signals heeded, progress shown, and the tables written at its end.

It is where the half that runs and the half that reads meet, besides the command line.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType

from rich.console import Console

from hptune import agenda, final_test, loop, lost_network, stored_config, study, tables
from hptune.config.study_file import StudyConfig
from hptune.data.dataset import Dataset
from hptune.errors import StoppedError
from hptune.events import Event, Notice
from hptune.report.live import Display, Progress
from hptune.report.outcome import Outcome
from hptune.runs import RunFolder
from hptune.search.plan import PARALLEL_PER_WORKER
from hptune.store import Store
from hptune.store.best_weights import BestWeights
from hptune.trial import Job
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
                workers = _workers(job, n_workers, snapshot.n_to_go)
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


def n_workers(config: StudyConfig, wanted: int | str | None) -> int:
    """How many workers there are to be: wanted (on the command line), or as in the study file; auto is one a core."""
    n = config.search.workers if wanted is None else wanted
    return n if isinstance(n, int) else usable_cores()


def with_parallel(config: StudyConfig, wanted: int | str | None) -> StudyConfig:
    """The study file with search.parallel as a number: where it says auto, twice the workers there are to be."""
    parallel = config.search.parallel or PARALLEL_PER_WORKER * max(n_workers(config, wanted), 1)
    return replace(config, search=replace(config.search, parallel=parallel))


def _workers(job: Job, n: int, n_trials: int | None) -> InlineWorker | LocalWorkers:
    if n == 0:
        return InlineWorker(job)
    return LocalWorkers(job, n if n_trials is None else min(n, n_trials))


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
