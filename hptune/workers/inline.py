"""Training in this process: for tests, for debugging, and where starting processes is not allowed.

It cannot interrupt an epoch: limits on time are looked at between epochs, in processor time, so that nothing that
keeps the program from computing counts. There is no limit on memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from threadpoolctl import threadpool_limits

from hptune import trainers
from hptune.events import EpochEnded, Event, TrialEnded
from hptune.trial import EpochMetrics, Job, Status, TrialResult, TrialSpec
from hptune.workers.limits import Limits


class InlineWorker:
    """One trial at a time, one epoch a poll, with one BLAS thread as in a worker process."""

    def __init__(self, job: Job, limits: Limits | None = None, clock: Callable[[], float] = time.process_time) -> None:
        self._job = job
        self._limits = limits or Limits()
        self._clock = clock
        self._train = trainers.prepare(job)
        self._threads = threadpool_limits(limits=1)
        self._training: Generator[EpochMetrics | TrialResult] | None = None
        self._number = -1
        self._begun = 0.0  # on the clock
        self._ready_since = time.monotonic()
        self._is_stopped = False

    @property
    def n_idle(self) -> int:
        return int(self._training is None and not self._is_stopped)

    @property
    def n_busy(self) -> int:
        return int(self._training is not None)

    @property
    def available_s(self) -> float:
        return time.monotonic() - self._ready_since

    def submit(self, spec: TrialSpec) -> None:
        assert self.n_idle
        self._training = trainers.attempt(self._train, spec, self._job)
        self._number = spec.number
        self._begun = self._clock()

    def poll(self, timeout_s: float) -> list[Event]:  # noqa: ARG002  (the Workers protocol; here work is done, not awaited)
        if self._training is None:
            return []
        before = self._clock()
        item = next(self._training)
        if isinstance(item, TrialResult):
            self._training = None
            return [TrialEnded(item)]
        events: list[Event] = [EpochEnded(self._number, item)]
        trial_s, epoch_s = self._clock() - self._begun, self._clock() - before
        if reason := self._limits.exceeded(trial_s, epoch_s):
            self._give_up()
            result = TrialResult(self._number, Status.TIMED_OUT, reason, item.epoch, seconds=trial_s)
            events.append(TrialEnded(result))
        return events

    def stop(self) -> None:
        self._is_stopped = True
        self._give_up()

    def close(self) -> None:
        self._is_stopped = True
        self._give_up()
        self._threads.restore_original_limits()

    def _give_up(self) -> None:
        if self._training is not None:
            self._training.close()
        self._training = None
