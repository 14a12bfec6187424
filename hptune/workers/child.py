"""What a worker process does: it reads specs on standard input and writes what happens.

Its own session keeps the terminal's Ctrl-C away from it, and a guardian above it (hptune.workers.guardian) sees to it
that it ends with its parent, in the middle of an epoch if need be.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import queue
import select
import sys
import threading
import time
from typing import BinaryIO

import hptune
from hptune import failpoints, trainers
from hptune.errors import HptuneError
from hptune.trial import EpochMetrics, Job, TrialSpec
from hptune.workers import memory, messages

FLUSH_S = 0.1  # epochs are sent in batches of so long, so that a fast training does not wait for a pipe


def main(most_memory: int) -> None:
    """Train what the parent sends until it stops sending, within so many bytes; 0 is no limit."""
    faulthandler.enable(all_threads=False)
    if most_memory:
        memory.limit(most_memory)
    # what a training prints must not mix with the messages
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=1 << 16)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    out.write(messages.encode_hello(messages.Hello(hptune.__version__, os.getpid())))
    out.flush()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    stop = threading.Event()
    threading.Thread(target=_serve, args=(sys.stdin.fileno(), lines, stop, out), daemon=True).start()
    try:
        _work(lines, stop, out)
    except HptuneError as error:
        out.write(messages.encode_error(error))
    out.flush()


def _work(lines: queue.SimpleQueue[bytes], stop: threading.Event, out: BinaryIO) -> None:
    failpoints.arm(worker=True)
    job = Job.from_json(json.loads(lines.get()))
    train = trainers.prepare(job)  # NumPy is loaded here
    failpoints.reach("worker.booted")
    out.write(messages.encode_ready(messages.Ready(_blas_threads())))
    out.flush()
    sent = time.monotonic()
    while True:
        spec = TrialSpec.from_json(json.loads(lines.get()))
        failpoints.reach("worker.told")
        rungs = {epoch for epoch, _ in spec.bars}
        with contextlib.closing(trainers.attempt(train, spec, job)) as training:
            for item in training:
                out.write(messages.encode_training(item))
                failpoints.reach("worker.tells")
                if isinstance(item, EpochMetrics):
                    if stop.is_set():
                        return
                    now = time.monotonic()
                    # others may wait for it; and where the training keeps Python's lock, nothing else gets a turn
                    if item.epoch in rungs or now - sent >= FLUSH_S:
                        out.flush()
                        sent = now
        out.flush()
        failpoints.reach("worker.ended")


def _blas_threads() -> int:
    """The most threads that a library for linear algebra here may use."""
    from threadpoolctl import threadpool_info  # noqa: PLC0415  (it looks at what is loaded by now)

    return max((pool["num_threads"] for pool in threadpool_info()), default=0)


def _serve(descriptor: int, lines: queue.SimpleQueue[bytes], stop: threading.Event, out: BinaryIO) -> None:
    """Pass lines on and send what has been written; when the parent is gone, end this process."""
    unread = b""
    with contextlib.suppress(OSError):
        while True:
            if not select.select([descriptor], [], [], FLUSH_S)[0]:
                out.flush()
                continue
            received = os.read(descriptor, 1 << 16)
            if not received:
                break
            *complete, unread = (unread + received).split(b"\n")
            for line in complete:
                if line + b"\n" == messages.encode(messages.STOP):
                    stop.set()
                else:
                    lines.put(line)
    os._exit(0)
