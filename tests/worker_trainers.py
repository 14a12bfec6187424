"""Trainers for tests of workers and their guardians: hard to end, greedy, or never done.

Those with settings["folder"] write the numbers of processes into it, a file each, when all is as the test wants it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

from fake_trainers import curve

from hptune.trial import EpochMetrics, FinalCheck


def write_down(job, name, pid):
    unseen = Path(job.settings["folder"]) / f".{name}"
    unseen.write_text(str(pid))
    unseen.rename(unseen.with_name(name))


def endless(job):
    """Epoch after epoch."""
    del job

    def train(spec):
        for epoch in itertools.count(1):
            yield EpochMetrics(epoch, 0.5, 0.5, 0.5, 0.5, 0.1, 0.0)
        return FinalCheck()

    return train


def stubborn(job):
    """Its state is settings["state"], a key of STATES; it has one epoch and writes down who is there."""

    def train(spec):
        yield EpochMetrics(1, 0.5, 0.5, 0.5, 0.5, 0.1, 0.0)
        for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)
        write_down(job, f"worker-{spec.number}", os.getpid())
        STATES[job.settings["state"]](job, spec)
        while True:
            pass

    return train


def _in_c(job, spec):
    import ctypes

    ctypes.PyDLL(None).pause()  # keeps Python's lock


def _child(job, spec):
    _fork(job, spec, lambda: None)


def _child_in_a_session(job, spec):
    _fork(job, spec, os.setsid)


def _orphan_in_a_session(job, spec):
    """As a daemon starts: its parent is gone."""

    def detach():
        os.setsid()
        if os.fork():
            os._exit(0)

    _fork(job, spec, detach)


def _child_with_the_output(job, spec):
    """The pipe to hptune does not end with the worker."""
    _fork(job, spec, os.setsid, keeps=True)


def _fork(job, spec, begin, keeps=False):
    if os.fork() == 0:
        if not keeps:
            os.closerange(0, 100)
        begin()
        write_down(job, f"child-{spec.number}", os.getpid())
        while True:
            signal.pause()


def _stopped(job, spec):
    os.kill(os.getpid(), signal.SIGSTOP)


def _crash(job, spec):
    """Leaves a child in a session of its own."""
    _child_in_a_session(job, spec)
    while not (Path(job.settings["folder"]) / f"child-{spec.number}").exists():
        pass
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


STATES = {
    "spinning": lambda job, spec: None,
    "in C": _in_c,
    "child": _child,
    "child in a session": _child_in_a_session,
    "orphan in a session": _orphan_in_a_session,
    "child with the output": _child_with_the_output,
    "stopped": _stopped,
    "crash": _crash,
}
WITH_CHILD = {"child", "child in a session", "orphan in a session", "child with the output", "crash"}


def greedy(job):
    """Trial 0 keeps settings["bytes"] for itself after its end; settings["boot"] are asked for at the start."""
    kept = [b"x" * job.settings.get("boot", 0)]

    def train(spec):
        if spec.number == 0:
            kept.append(b"x" * job.settings["bytes"])
        yield from curve(spec)
        return FinalCheck()

    return train


def talkative(job):
    """Writes two megabytes to standard error, then dies."""
    del job

    def train(spec):
        yield from curve(spec, 1)
        for number in range(2000):
            sys.stderr.write(f"{number:01000d}\n")
        sys.stderr.flush()
        os._exit(3)

    return train


def disorderly(job):
    """Yields what settings["yields"] says as its third epoch."""

    def train(spec):
        yield from curve(spec, 2)
        yield EpochMetrics(*job.settings["yields"])
        return FinalCheck()

    return train


def odd_end(job):
    """A final check that is no finite number."""
    del job

    def train(spec):
        yield from curve(spec)
        return FinalCheck(float("nan"))

    return train
