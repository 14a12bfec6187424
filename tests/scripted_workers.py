"""A worker process whose part a test plays: what it says and when it dies, on real pipes, in no time."""

from __future__ import annotations

import os
import signal
import subprocess

import hptune
from hptune.trial import FinalCheck, Status, TrialResult
from hptune.workers import local, messages
from hptune.workers.process import Process


class Clock:
    """Stands still until it is set forward."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


class _Input:
    """The end of a worker's standard input that hptune holds."""

    def __init__(self, on_close):
        self.lines, self.closed, self._on_close = [], False, on_close

    def write(self, line):
        self.lines.append(line)

    def close(self):
        self.closed = True
        self._on_close()


class Actor:
    """Stands in for the Popen of a guardian: when its input is closed, it ends by SIGKILL."""

    def __init__(self):
        self.pid, self.returncode, self.signals = os.getpid(), None, []
        self.stdin = _Input(lambda: self.die(-signal.SIGKILL))
        (out, self._out), (error, self._error) = os.pipe(), os.pipe()
        self.stdout, self.stderr = (os.fdopen(fd, "rb", buffering=0) for fd in (out, error))

    @property
    def is_killed(self):
        return self.returncode == -signal.SIGKILL

    def say(self, *said):
        for line in said:
            os.write(self._out, line if isinstance(line, bytes) else messages.encode(line))

    def boot(self, version=hptune.__version__, threads=1):
        self.say({"hello": version, "pid": os.getpid()}, {"ready": threads})

    def epoch(self, number, error=0.5):
        self.say([number, error, error, error, error, 0.1, 0.0])

    def end(self, number=0, epochs=0, **changes):
        """Its trial has a result: completed, or failed without epochs."""
        best = {"best_epoch": 1, "score": 0.5, "tie": 0.5} if epochs else {}
        status = Status.COMPLETED if epochs else Status.FAILED
        result = TrialResult(number, status, "", epochs, **best, final=FinalCheck(0.25), seconds=1.0)
        self.say({**result.to_json(), **changes})

    def die(self, code):
        if self.returncode is None:
            self.returncode = code
            os.close(self._out)
            os.close(self._error)

    def send_signal(self, number):
        if self.returncode is None:
            self.signals.append(number)

    def poll(self):
        return self.returncode

    def wait(self, timeout=None):
        if self.returncode is None:
            raise subprocess.TimeoutExpired("actor", timeout)
        return self.returncode

    def kill(self):
        self.die(-signal.SIGKILL)


def engage(monkeypatch):
    """From now on workers are actors; the list of them, in the order of their start."""
    actors = []

    def start(memory, now):
        actors.append(Actor())
        return Process(actors[-1], now)

    monkeypatch.setattr(local, "start", start)
    return actors
