"""What is left below a guardian that was killed, or could not finish: found by what it has inherited, and killed.

A guardian that ends as it should has left nothing. The death of one that is killed takes the worker along on Linux
(PR_SET_PDEATHSIG), but not what the training has started: that has lost its parent, and the kernel gives it to init.
Still its session is the guardian's or, where it has made one of its own, the environment that it began with holds the
worker's tag. What has done away with both is not found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator

TAG = "HPTUNE_WORKER"  # in the environment of a worker and of all that descends from it
KILL_S = 1.0  # what they get to be gone: some cannot be killed, and some have always started another


def new_tag() -> str:
    """One that no other worker has, on this machine or in a container on it."""
    return os.urandom(16).hex()


def kill(tag: str, session: int, group: int | None) -> None:
    """SIGKILL for all that has the tag or belongs to the session, until nothing lives; without /proc, for the group."""
    if sys.platform != "linux":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if group is not None:
                os.killpg(group, signal.SIGKILL)
        return
    tagged, end = f"{TAG}={tag}".encode(), time.monotonic() + KILL_S
    while (left := list(_left(tagged, session))) and time.monotonic() < end:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _left(tagged: bytes, session: int) -> Iterator[int]:
    """The living processes of a session or with a tag, as far as this user may see them (proc(5): stat, environ)."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended, or is not ours
                state, _, _, its_session = _read(entry, "stat").rpartition(b")")[2].split()[:4]
                if state in b"ZX":  # dead: it waits for its parent
                    continue
                if int(its_session) == session or tagged in _read(entry, "environ").split(b"\0"):
                    yield int(entry.name)


def _read(folder: os.DirEntry[str], name: str) -> bytes:
    with open(f"{folder.path}/{name}", "rb") as file:  # noqa: PTH123  (for hundreds of processes)
        return file.read()
