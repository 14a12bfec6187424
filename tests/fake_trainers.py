"""Trainers for tests, found by workers through PYTHONPATH: quick ones, and ones that go wrong on purpose.

Each is prepared with the job's settings. A fault strikes the trials named in settings["trials"], at epoch
settings["epoch"] (0 is before the first), on the first settings["times"] attempts, counted in files.
"""

from __future__ import annotations

import math
import os
import random
import signal
import sys
from pathlib import Path

from hptune.trial import DivergedError, EpochMetrics, FinalCheck

EPOCHS = 4


def curve(spec, epochs=EPOCHS):
    for epoch in range(1, epochs + 1):
        error = 1 / (1 + spec.number % 7 + epoch)
        yield EpochMetrics(epoch, error, error, 2 * error, error, 0.1, 0.0)


def steady(job):
    del job

    def train(spec):
        yield from curve(spec)
        return FinalCheck(0.25)

    return train


def faulty(job):
    """The fault is settings["fault"]: a key of FAULTS."""
    settings = job.settings

    def train(spec):
        strike = FAULTS[settings["fault"]]
        if settings.get("epoch", 1) == 0 and _is_due(settings, spec):
            strike()
        for metrics in curve(spec):
            yield metrics
            if metrics.epoch == settings.get("epoch", 1) and _is_due(settings, spec):
                strike()
        return FinalCheck(0.25)

    return train


def _is_due(settings, spec):
    if spec.number not in settings["trials"]:
        return False
    folder = Path(settings["folder"])
    for attempt in range(settings.get("times", 1000)):
        try:
            (folder / f"strike-{spec.number}-{attempt}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return True
    return False


def _raise():
    raise ValueError("[bold]odd[/x] \x1b[31m shape (3, 4)")


def _raise_hostile():
    class HostileError(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    raise HostileError


def _diverge():
    raise DivergedError("train_loss became nan in epoch 2")


def _interrupt():
    raise KeyboardInterrupt


def _close_everything():
    os.closerange(0, 100)


def _flood():
    for stream in (sys.stdout, sys.stderr):
        stream.write("x" * 200_000 + "\n")
        stream.flush()
    os.write(1, b"printed by C code\n")


def _segfault():
    os.kill(os.getpid(), signal.SIGSEGV)


def _wait_for_ever():
    signal.pause()


def _wait_without_giving_others_a_turn():
    import ctypes

    ctypes.PyDLL(None).pause()  # keeps Python's lock, so that no other thread runs


FAULTS = {
    "sigkill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": _segfault,
    "exit 0": lambda: os._exit(0),
    "exit 3": lambda: os._exit(3),
    "sys.exit": lambda: sys.exit(5),
    "interrupt": _interrupt,
    "close": _close_everything,
    "raise": _raise,
    "hostile": _raise_hostile,
    "diverge": _diverge,
    "flood": _flood,
    "hang": _wait_for_ever,
    "hang in C": _wait_without_giving_others_a_turn,
}


def not_finite(job):
    """Yields a metric that is no number, without noticing."""
    value = float(job.settings["value"])

    def train(spec):
        yield from curve(spec, 2)
        yield EpochMetrics(3, 0.1, 0.1, value, 0.1, 0.1, 0.0)
        return FinalCheck()

    return train


def no_epochs(job):
    del job

    def train(spec):
        del spec
        return FinalCheck()
        yield

    return train


def children(job):
    """Starts a child process that would outlive it, and writes its number down."""

    def train(spec):
        pid = os.fork()
        if pid == 0:
            signal.pause()
        (Path(job.settings["folder"]) / "child").write_text(str(pid))
        yield from curve(spec)
        signal.pause()
        return FinalCheck()

    return train


def blas(job):
    """Reports the number of BLAS threads as its errors."""
    import numpy as np
    from threadpoolctl import threadpool_info

    del job

    def train(spec):
        del spec
        np.ones((4, 4)) @ np.ones((4, 4))
        threads = max(pool["num_threads"] for pool in threadpool_info())
        yield EpochMetrics(1, threads, threads, threads, threads, 0.1, 0.0)
        return FinalCheck()

    return train


def cannot_boot(job):
    del job
    raise RuntimeError("no library here")


def boots_sometimes(job):
    """Cannot be prepared at the attempts named in settings["failing"], counted in files; kills itself at others."""
    folder = Path(job.settings["folder"])
    attempt = len(list(folder.glob("boot-*")))
    (folder / f"boot-{attempt}").touch()
    if attempt in job.settings["failing"]:
        raise RuntimeError("not this time")
    if attempt in job.settings["killed"]:
        os.kill(os.getpid(), signal.SIGKILL)

    def train(spec):
        yield from curve(spec)
        if spec.number in job.settings["dying"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return FinalCheck(0.25)

    return train


def bad_data(job):
    from hptune.errors import DataError

    del job
    raise DataError("data.csv:3: gone")


def garbage(job):
    """Writes something that is no message where messages go: to every descriptor above standard error."""
    del job

    def train(spec):
        yield from curve(spec, 1)
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, b"{this is no message\n")
            except OSError:
                continue
        signal.pause()
        return FinalCheck()

    return train


def network_that_dies(job):
    """The built-in network; its worker dies once, before or after the weights of a trial are written.

    HPTUNE_TEST_STRIKES holds the trial's number, the moment, and a folder to remember it in.
    """
    from hptune.trainers import network

    number, moment, folder = os.environ["HPTUNE_TEST_STRIKES"].split(" ", 2)
    train = network.prepare(job)

    def strike(spec):
        if spec.number == int(number) and not (Path(folder) / "struck").exists():
            (Path(folder) / "struck").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def train_one(spec):
        training = train(spec)
        yield next(training)
        if moment == "before":
            strike(spec)
        final = yield from training
        strike(spec)
        return final

    return train_one


def network_that_fails(job):
    """The built-in network; the trials that HPTUNE_TEST_FAILING names, such as 0,1,2, fail at their first epoch."""
    from hptune.trainers import network

    failing = {int(number) for number in os.environ.get("HPTUNE_TEST_FAILING", "").split(",") if number}
    train = network.prepare(job)

    def train_one(spec):
        if spec.number in failing:
            raise ValueError(f"shape {spec.number}")
        return (yield from train(spec))

    return train_one


def bowl(job):
    """A loss that is lowest at a learning rate of 0.01, and falls with every epoch; some trials diverge, some fail.

    settings["epochs"] is how many epochs a trial has that does not search them, settings["failing"] are the
    numbers of those that fail.
    """
    epochs = job.settings.get("epochs", 9)
    failing = job.settings.get("failing")

    def train(spec):
        h = spec.hyperparameters
        distance = math.log10(h["learning_rate"] / 0.01) ** 2 + 0.2 * (h.get("optimizer") == "momentum")
        floor = distance + 0.1 * random.Random(spec.stream).random()
        for epoch in range(1, h.get("epochs", epochs) + 1):
            if distance > 2 and epoch == 1 + spec.number % 2:
                raise DivergedError(f"train_loss became nan in epoch {epoch}")
            if epoch == 3 and (spec.number % 13 == 7 if failing is None else spec.number in failing):
                raise ValueError("no good")
            loss = floor + 1 / epoch
            yield EpochMetrics(epoch, loss, loss, loss, loss, h["learning_rate"], 0.0)
        return FinalCheck(floor)

    return train
