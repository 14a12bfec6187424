"""A worker process: `python -P -m hptune.workers.child` reads specs on standard input and writes what happens.

Its own session keeps the terminal's Ctrl-C away from it. When its parent is gone, by whatever cause, its input
ends and it ends at once, in the middle of an epoch if need be.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import signal
import sys
import threading
from typing import BinaryIO

FLUSH_S = 0.1  # epochs are sent in batches of so long, so that a fast training does not wait for a pipe
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Train what the parent sends until it stops sending."""
    _die_with_parent()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    # what a training prints must not mix with the messages
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=1 << 16)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_serve, args=(sys.stdin.fileno(), lines, out), daemon=True).start()
    _work(lines, out)


def _work(lines: queue.SimpleQueue[bytes], out: BinaryIO) -> None:
    from hptune import failpoints  # noqa: PLC0415

    failpoints.arm(worker=True)
    # NumPy is loaded here, after the thread that watches the parent has started
    from hptune import trainers  # noqa: PLC0415
    from hptune.errors import HptuneError  # noqa: PLC0415
    from hptune.trial import EpochMetrics, Job, TrialSpec  # noqa: PLC0415
    from hptune.workers import messages  # noqa: PLC0415

    job = Job.from_json(json.loads(lines.get()))
    try:
        train = trainers.prepare(job)
        failpoints.reach("worker.booted")
        out.write(messages.encode(messages.READY))
        out.flush()
        while True:
            spec = TrialSpec.from_json(json.loads(lines.get()))
            failpoints.reach("worker.told")
            rungs = {epoch for epoch, _ in spec.bars}
            for item in trainers.attempt(train, spec, job):
                out.write(messages.encode_training(item))
                failpoints.reach("worker.tells")
                if isinstance(item, EpochMetrics) and item.epoch in rungs:  # what others may be waiting for
                    out.flush()
            out.flush()
            failpoints.reach("worker.ended")
    except HptuneError as error:
        out.write(messages.encode_error(error))
        out.flush()
        return


def _serve(descriptor: int, lines: queue.SimpleQueue[bytes], out: BinaryIO) -> None:
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
                lines.put(line)
    os._exit(0)


def _die_with_parent() -> None:
    """Ask Linux for SIGKILL when the parent dies: it works even where Python code gets no turn."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
