"""Training in this process: for tests, for debugging, and where starting processes is not allowed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from threadpoolctl import threadpool_limits

from hptune import trainers
from hptune.events import EpochEnded, Event, TrialEnded
from hptune.trial import EpochMetrics, Job, TrialResult, TrialSpec


class InlineWorker:
    """One trial at a time, one epoch a poll, with one BLAS thread as in a worker process."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._train = trainers.prepare(job)
        self._limits = threadpool_limits(limits=1)
        self._training: Iterator[EpochMetrics | TrialResult] | None = None
        self._number = -1
        self._ready_since = time.monotonic()

    @property
    def n_idle(self) -> int:
        return int(self._training is None)

    @property
    def n_busy(self) -> int:
        return int(self._training is not None)

    @property
    def available_s(self) -> float:
        return time.monotonic() - self._ready_since

    def submit(self, spec: TrialSpec) -> None:
        assert self._training is None
        self._training = trainers.attempt(self._train, spec, self._job)
        self._number = spec.number

    def poll(self, timeout_s: float) -> list[Event]:  # noqa: ARG002  (the Workers protocol; here work is done, not awaited)
        if self._training is None:
            return []
        item = next(self._training)
        if isinstance(item, EpochMetrics):
            return [EpochEnded(self._number, item)]
        self._training = None
        return [TrialEnded(item)]

    def stop(self) -> None:
        pass

    def close(self) -> None:
        self._training = None
        self._limits.restore_original_limits()
