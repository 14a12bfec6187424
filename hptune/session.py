"""One sitting of training: workers are started, signals heeded, progress shown, and the tables written at its end.

It is where the half that runs and the half that reads meet, besides the command line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console

from hptune import agenda, final_test, loop, lost_network, rights, signals, stored_config, study, tables
from hptune.config.search_section import SearchSettings
from hptune.config.study_file import StudyConfig
from hptune.data.dataset import Dataset
from hptune.errors import StoppedError, StorageError
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


@contextlib.contextmanager
def sitting(folder: RunFolder, config: StudyConfig, dataset: Dataset | None) -> Iterator[None]:
    """The data for the workers, removed again however the sitting ends, signals included.

    Raises:
        StoppedError: a signal came before or after the training.
        StorageError: something cannot be written; it says how to go on.

    """
    try:
        with signals.reacting(signals.unwind), study.data_for_workers(folder, config, dataset):
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
    except signals.Interrupted as interrupted:
        stopped = f"Stopped. Go on with: hptune resume {folder.path}"
        raise StoppedError(stopped, interrupted.number) from interrupted


def train(store: Store, config: StudyConfig, console: Console, *, n_workers: int) -> Outcome:
    """Train what is left of a run, showing progress; then, where it is finished, test its answer; write the tables.

    To be called within a sitting, unless nothing is unfinished. With 0 workers it trains in this process.
    """
    snapshot = store.snapshot()
    stage = agenda.open_stage(snapshot)
    has_own_data = stage is None or stage.has_own_data
    job = study.job_of(config, store.folder)
    stop, notices = loop.Stop(), list[str]()
    # the first signal asks to stop, the second stops at once
    with contextlib.suppress(loop.StopNow), signals.reacting(stop.request), BestWeights(store) as best_weights:
        if stage is not None:
            workers = _workers(job, config.search, n_workers, snapshot.n_to_go)
            progress = Progress.of(config, snapshot)
            cost = stored_config.epoch_cost(config, snapshot.facts["data"])
            with contextlib.closing(workers), Display(console, progress) as display:
                events = loop.run(store, workers, config, stop, cost)
                _consume(events, best_weights, display, notices)
        if has_own_data and (spec := lost_network.lost(store.snapshot())) is not None:
            lost_network.train(spec, job, lambda: stop.is_requested)
    # what follows is short, unless it hangs: a signal ends it
    if has_own_data and not stop.is_now and final_test.is_due(store.snapshot()):
        final_test.measure(store)
    run = tables.load(store.folder.path)
    if not stop.is_now:
        tables.write(run)
    return Outcome(stop.signal, run, tuple(stop.breaker.failed), tuple(notices))


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
