"""Worker processes on this machine: one exec-ed interpreter each, with pipes of its own.

A death therefore costs one attempt of one trial and nothing else. Nothing is shared between workers: no queue,
lock or pool that a dying process could take along.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO

from hptune.errors import HptuneError
from hptune.events import AttemptLost, EpochEnded, Event, TrialEnded
from hptune.trial import EpochMetrics, Job, TrialResult, TrialSpec
from hptune.workers import messages
from hptune.workers.blas import ONE_THREAD

MAX_BOOTS = 3  # consecutive workers that ended by themselves before they were ready
STDERR_TAIL = 1500  # bytes of a dead worker's last words


@dataclass(slots=True)
class _Process:
    """One worker process and the trial it trains, if any."""

    popen: subprocess.Popen[bytes]
    stderr: IO[bytes]
    spec: TrialSpec | None = None
    ready_since: float | None = None
    unread: bytes = b""  # the beginning of a line whose rest has not come yet


class LocalWorkers:
    """Up to n worker processes, started when there is something to train, replaced when they die."""

    def __init__(self, job: Job, n: int) -> None:
        self._first_line = messages.encode(job.to_json())
        self._n = n
        self._processes: list[_Process] = []
        self._selector = selectors.DefaultSelector()
        self._failed_boots = 0
        self._available_s = 0.0  # of workers that have ended

    @property
    def available_s(self) -> float:
        return self._available_s + sum(map(_available_s, self._processes))

    @property
    def n_busy(self) -> int:
        return sum(process.spec is not None for process in self._processes)

    @property
    def n_idle(self) -> int:
        return self._n - self.n_busy

    @property
    def pids(self) -> dict[int, int]:
        """The process that trains each trial, by trial number."""
        return {process.spec.number: process.popen.pid for process in self._processes if process.spec is not None}

    def submit(self, spec: TrialSpec) -> None:
        process = next((p for p in self._processes if p.spec is None), None) or self._start()
        process.spec = spec
        _send(process, messages.encode(spec.to_json()))

    def poll(self, timeout_s: float) -> list[Event]:
        events: list[Event] = []
        for key, _ in self._selector.select(timeout_s):
            process: _Process = key.data
            received = os.read(key.fd, 1 << 18)
            if received:
                self._receive(process, received, events)
            else:
                self._bury(process, events)
        return events

    def stop(self) -> None:
        pass

    def close(self) -> None:
        for process in self._processes:
            _kill(process)
        for process in self._processes:
            self._reap(process)
        self._processes.clear()
        self._selector.close()

    def _start(self) -> _Process:
        stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed when the process is reaped)
        try:
            popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "hptune.workers.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, **ONE_THREAD},
                start_new_session=True,
            )
        except OSError as error:
            stderr.close()
            raise HptuneError(f"Cannot start a worker process: {error}. Try fewer with --workers.") from error
        process = _Process(popen, stderr)
        self._processes.append(process)
        assert popen.stdout is not None
        self._selector.register(popen.stdout, selectors.EVENT_READ, process)
        _send(process, self._first_line)
        return process

    def _receive(self, process: _Process, received: bytes, events: list[Event]) -> None:
        *lines, process.unread = (process.unread + received).split(b"\n")
        try:
            for line in lines:
                self._message(process, messages.decode(line), events)
        except ValueError:
            _kill(process)  # a worker that speaks garbage is as good as dead; its end of file follows
        if len(process.unread) > messages.MAX_LINE:
            _kill(process)
            process.unread = b""

    def _message(
        self, process: _Process, message: str | EpochMetrics | TrialResult | dict[str, str], events: list[Event]
    ) -> None:
        if isinstance(message, dict):
            raise messages.decode_error(message)
        if isinstance(message, str):
            process.ready_since, self._failed_boots = time.monotonic(), 0
        elif process.spec is None:
            raise ValueError("a message about no trial")
        elif isinstance(message, EpochMetrics):
            events.append(EpochEnded(process.spec.number, message))
        else:
            process.spec = None
            events.append(TrialEnded(message))

    def _bury(self, process: _Process, events: list[Event]) -> None:
        """Remove a worker that has died; its trial is lost, or given to another if it never got to it."""
        self._processes.remove(process)
        self._available_s += _available_s(process)
        _kill(process)
        words = self._reap(process)
        # one that was killed says nothing about the next one; one that ended by itself before it was ready does
        if process.ready_since is not None or process.popen.returncode < 0:
            if process.spec is not None:
                events.append(AttemptLost(process.spec, f"its worker process {words}"))
            return
        self._failed_boots += 1
        if self._failed_boots == MAX_BOOTS:
            raise HptuneError(f"Worker processes cannot start: the last of {MAX_BOOTS} {words}")
        if process.spec is not None:
            self.submit(process.spec)

    def _reap(self, process: _Process) -> str:
        """Wait for a killed or dead process, free what it held, and say how it ended."""
        assert process.popen.stdin is not None
        assert process.popen.stdout is not None
        code = process.popen.wait()
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.popen.stdout)
        process.popen.stdout.close()
        with contextlib.suppress(OSError):
            process.popen.stdin.close()
        process.stderr.seek(0, os.SEEK_END)
        process.stderr.seek(max(0, process.stderr.tell() - STDERR_TAIL))
        last_words = process.stderr.read().decode("utf-8", "replace").strip()
        process.stderr.close()
        return _how_it_ended(code) + (f"; its last words:\n{last_words}" if last_words else "")


def _available_s(process: _Process) -> float:
    return 0.0 if process.ready_since is None else time.monotonic() - process.ready_since


def _send(process: _Process, line: bytes) -> None:
    """Write to a worker; one that has died is noticed by the end of its output."""
    assert process.popen.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.popen.stdin.write(line)
        process.popen.stdin.flush()


def _kill(process: _Process) -> None:
    """SIGKILL the worker's whole session: what it started goes with it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.popen.pid, signal.SIGKILL)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    memory = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code} ({name}{memory})"
