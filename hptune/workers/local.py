"""Worker processes on this machine: one exec-ed interpreter each, with pipes of its own.

A death therefore costs one attempt of one trial and nothing else. Nothing is shared between workers: no queue,
lock or pool that a dying process could take along.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace

import hptune
from hptune import trainers, wording
from hptune.errors import HptuneError, Problem, StudyFileError
from hptune.events import AttemptLost, EpochEnded, Event, Notice, TrialEnded
from hptune.failpoints import reach
from hptune.trial import EpochMetrics, Job, Status, TrialResult, TrialSpec
from hptune.workers import memory, messages
from hptune.workers.limits import Limits, ObservedClock
from hptune.workers.process import Process, start

MAX_BOOTS = 3  # consecutive workers that ended by themselves before they were ready
BOOT_S = 300.0  # from the start of a worker until it is ready: NumPy and the data may come over a slow network
LONGEST_S, SHORTEST_S = 0.5, 0.1  # between two looks at the limits
TERM_S = 2.0  # from SIGTERM to SIGKILL
MEMORY_S = 0.2  # the shortest between two looks at a worker's memory
GROWTH = 300_000_000  # bytes that a worker may grow by: loky's number (loky/process_executor.py)
OUTPUT_S = 0.5  # what a worker whose output has ended gets to end by itself


class LocalWorkers:
    """Up to n worker processes, started when there is something to train, replaced when they die or grow too large."""

    def __init__(
        self, job: Job, n: int, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_line = messages.encode(job.to_json())
        self._metric = job.metric
        self._n = n
        self._limits = limits or Limits()
        self._clock = ObservedClock(clock)
        self._now = self._looked = self._clock.look()
        self._processes: list[Process] = []
        self._waiting: list[TrialSpec] = []  # for a worker
        self._notices: list[Event] = []  # to be told at the next poll
        self._selector = selectors.DefaultSelector()
        self._failed_boots = 0
        self._available_s = 0.0  # of workers that have ended
        self._is_stopped = False
        self._has_told_of_threads = False

    @property
    def available_s(self) -> float:
        return self._available_s + sum(map(_available_s, self._processes))

    @property
    def n_busy(self) -> int:
        return sum(process.spec is not None for process in self._processes) + len(self._waiting)

    @property
    def n_idle(self) -> int:
        return 0 if self._is_stopped else max(0, self._n - self.n_busy)

    @property
    def pids(self) -> dict[int, int]:
        """The process that trains each trial, by trial number; until it has said hello, the guardian above it."""
        return {p.spec.number: p.pid or p.popen.pid for p in self._processes if p.spec is not None}

    def submit(self, spec: TrialSpec) -> None:
        assert not self._is_stopped
        self._waiting.append(spec)
        self._hand_out()

    def poll(self, timeout_s: float) -> list[Event]:
        events, self._notices = self._notices, []
        ended = [process for process in self._processes if process.popen.poll() is not None]
        ready = self._selector.select(0 if events or ended else min(timeout_s, LONGEST_S))
        self._now = self._clock.look()
        for key, _ in ready:
            process, is_error = key.data
            if process not in self._processes:  # buried a moment ago
                continue
            received = os.read(key.fd, 1 << 18)
            reach("workers.received")
            if is_error:
                if received:
                    process.hear(received)
                else:
                    self._selector.unregister(key.fd)
            elif received:
                self._receive(process, received, events)
            else:
                self._bury(process, events)
        speaking = [key.data[0] for key, _ in ready if not key.data[1]]
        for process in ended:  # where something that lives on holds its output, that has no end
            if process not in speaking:
                self._bury(process, events)
        if self._now - self._looked >= SHORTEST_S:
            self._looked = self._now
            for process in self._processes:
                self._look_at(process)
        self._hand_out()
        return events

    def stop(self) -> None:
        self._is_stopped = True
        self._waiting.clear()
        for process in self._processes:
            if process.spec is not None and process.ready_since is not None:
                if not process.is_over:
                    process.send(messages.encode(messages.STOP))
            else:
                process.spec = None
                process.kill()

    def close(self) -> None:
        self._is_stopped = True
        self._waiting.clear()
        for process in self._processes:
            process.kill()
        reach("workers.killed")
        while self._processes:
            self._reap(self._processes[-1])
        self._selector.close()

    def _hand_out(self) -> None:
        """Give trials that wait to workers that do not, started where there are too few."""
        while self._waiting:
            living = [process for process in self._processes if not process.is_over]
            idle = next((process for process in living if process.spec is None), None)
            if idle is None and len(living) < self._n:
                idle = self._start(len(living))
            if idle is None:
                return
            idle.begin(self._waiting.pop(0), self._now)
            reach("workers.submitted")

    def _start(self, n_living: int) -> Process | None:
        """A new worker; None where the system has no room for one more than there are."""
        try:
            started = start(self._limits.memory, self._now)
        except OSError as error:
            if not n_living:
                raise HptuneError(f"Cannot start a worker process: {error}. Try fewer with --workers.") from error
            self._notices.append(Notice(f"only {n_living} of {self._n} workers could be started: {error}"))
            self._n = n_living
            return None
        self._processes.append(started)
        reach("workers.started")
        for descriptor, is_error in zip(started.descriptors, (False, True), strict=True):
            self._selector.register(descriptor, selectors.EVENT_READ, (started, is_error))
        started.send(self._first_line)
        return started

    def _receive(self, process: Process, received: bytes, events: list[Event]) -> None:
        *lines, process.unread = (process.unread + received).split(b"\n")
        for line in lines:
            if process.is_over:
                break
            try:
                self._message(process, messages.decode(line), events)
            except ValueError as error:  # a worker that speaks garbage is as good as dead; its end of file follows
                process.kill(f"said what is no message ({error}): {line[:80]!r}")
        if process.is_over:
            process.unread = b""
        elif len(process.unread) > messages.MAX_LINE:
            process.kill(f"said what is no message: {process.unread[:80]!r} and so on")
            process.unread = b""

    def _message(self, process: Process, message: messages.Message, events: list[Event]) -> None:
        match message:
            case messages.Failure():
                raise message.error()
            case messages.Hello(version, pid) if process.pid is None:
                _require_same_version(version)
                process.pid = pid
            case messages.Ready(blas_threads) if process.pid is not None and process.ready_since is None:
                self._is_ready(process, blas_threads)
            case EpochMetrics() if process.ready_since is not None and process.spec is not None:
                if message.epoch != process.epochs + 1:
                    raise ValueError(f"epoch {message.epoch} after epoch {process.epochs}")
                process.see(message, message.standing(self._metric), self._now)
                events.append(EpochEnded(process.spec.number, message))
            case TrialResult() if process.ready_since is not None and process.spec is not None:
                events.append(TrialEnded(self._result(process, message)))
            case _:
                raise ValueError("out of turn")

    def _result(self, process: Process, result: TrialResult) -> TrialResult:
        """The result of the trial that it trains; whether it may train another."""
        assert process.spec is not None
        if (result.number, result.epochs) != (process.spec.number, process.epochs):
            raise ValueError("a result of another training")
        if result.status in messages.SCORED and ((result.score, result.tie or 0.0), result.best_epoch) != process.best:
            raise ValueError("a score that is not that of its epochs")
        process.spec = None
        self._see_memory(process)
        if self._is_stopped or _has_grown(process) or trainers.lacked_memory(result):
            process.kill()
        return self._explained(result)

    def _is_ready(self, process: Process, blas_threads: int) -> None:
        process.ready_since, self._failed_boots = time.monotonic(), 0
        process.since = process.last_epoch = self._now
        self._see_memory(process)
        process.first_memory = process.memory
        if blas_threads > 1 and not self._has_told_of_threads:
            self._has_told_of_threads = True
            self._notices.append(
                Notice(
                    f"a worker computes with {blas_threads} threads although it was told to take one: several workers "
                    "on the same cores are then slower by far, and the last digits of results may differ"
                )
            )

    def _look_at(self, process: Process) -> None:
        """End what takes too long; note how much memory it has."""
        if process.is_over:
            if process.asked_to_end is not None and self._now - process.asked_to_end >= TERM_S:
                process.kill()
            return
        if process.ready_since is None:
            if self._now - process.since >= BOOT_S:
                process.kill(f"was not ready after {wording.span(BOOT_S)}")
        elif process.spec is not None:
            trial_s = self._now - process.since
            if reason := self._limits.exceeded(trial_s, self._now - process.last_epoch):
                number, epochs = process.spec.number, process.epochs
                process.verdict = TrialResult(number, Status.TIMED_OUT, reason, epochs, seconds=trial_s)
                process.terminate(self._now)
            else:
                self._see_memory(process)

    def _see_memory(self, process: Process) -> None:
        assert process.pid is not None
        if process.memory is None or self._now - process.seen >= MEMORY_S:
            process.memory, process.seen = memory.own(process.pid), self._now

    def _explained(self, result: TrialResult) -> TrialResult:
        """Where a limit of ours was in the way, its reason says so."""
        if not trainers.lacked_memory(result):
            return result
        return replace(result, reason=result.reason + self._memory_advice())

    def _memory_advice(self) -> str:
        if self._limits.memory is None:
            return ""
        allowed = wording.size(self._limits.memory)
        return f"; search.worker_memory allows {allowed}: raise it, or search smaller networks and batches"

    def _bury(self, process: Process, events: list[Event]) -> None:
        """Remove a worker that has died; its trial is lost, or given to another if it never got to it."""
        if not process.is_over:
            try:
                process.popen.wait(OUTPUT_S)
            except subprocess.TimeoutExpired:
                process.kill("closed its output")
        code = self._reap(process)
        reach("workers.buried")
        spec, words = process.spec, process.how_it_ended(code)
        if process.verdict is not None:
            events.append(TrialEnded(process.verdict))
        elif process.ready_since is None and (process.why or code >= 0) and not self._is_stopped:
            # one that was killed says nothing about the next one; one that ended by itself before it was ready does
            self._see_failed_boot(process, words)
            if spec is not None:
                self._waiting.insert(0, spec)
        elif spec is not None and not (self._is_stopped and code == 0):  # ends that were asked for lose nothing
            advice = self._memory_advice() if process.lacked_memory else ""
            events.append(AttemptLost(spec, f"its worker process {words}{advice}"))

    def _see_failed_boot(self, process: Process, words: str) -> None:
        if self._limits.memory is not None and process.lacked_memory:
            too_little = f"{wording.size(self._limits.memory)} are too little for a worker to start"
            advice = (
                "raise it in the study file, or for a run that is there: hptune resume --set search.worker_memory=..."
            )
            raise StudyFileError([Problem("config.yaml", "search.worker_memory", f"{too_little}: {advice}\n{words}")])
        self._failed_boots += 1
        if self._failed_boots == MAX_BOOTS:
            advice = ""
            if any(sign in words for sign in ("pthread_create", "Resource temporarily unavailable", "can't start new")):
                advice = (
                    "\nThis account may not start more processes or threads (ulimit -u) or take more memory "
                    "(ulimit -v): raise that, or try fewer with --workers."
                )
            raise HptuneError(f"Worker processes cannot start: the last of {MAX_BOOTS} {words}{advice}")

    def _reap(self, process: Process) -> int:
        """Wait for a killed or dead process and forget it; its exit code."""
        for key in list(self._selector.get_map().values()):
            if key.data[0] is process:
                self._selector.unregister(key.fd)
        code = process.reap()
        self._available_s += _available_s(process)
        self._processes.remove(process)
        return code


def _require_same_version(version: str) -> None:
    if version != hptune.__version__:
        raise HptuneError(
            f"hptune was changed while it ran: this is version {hptune.__version__}, and a worker that was just "
            f"started is {version}. Go on with: hptune resume"
        )


def _has_grown(process: Process) -> bool:
    if process.memory is None or process.first_memory is None:
        return False
    return process.memory - process.first_memory > GROWTH


def _available_s(process: Process) -> float:
    return 0.0 if process.ready_since is None else time.monotonic() - process.ready_since
