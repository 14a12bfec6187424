"""A worker program, `python -P -m hptune.workers.guardian MEMORY`: a guardian, and below it the worker.

    hptune --pipes--> guardian (leads a session of its own)
                          └── worker (leads a process group of its own)
                                  └── whatever a training starts

MEMORY is how many bytes the worker may take, 0 for no limit. The guardian makes sure that nothing outlives hptune; it
loads nothing else, so that it stays small. It waits for one of two things. The worker's input ends, which only hptune
holds open: hptune is gone, by whatever cause, or wants the worker gone. Or the worker ends. Either way it kills all
that descends from it and ends as the worker did, so that hptune reads in its exit status how the worker ended. On Linux
orphans below the guardian become its children (PR_SET_CHILD_SUBREAPER), also those with a session of their own;
elsewhere it reaches the worker's process group alone. What is left where a guardian is itself killed, hptune ends
(hptune.workers.orphans).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # <linux/prctl.h>


def main() -> None:
    """Divide, and train below."""
    divide()
    from hptune.workers import child  # noqa: PLC0415  (all that the guardian never needs)

    child.main(int(sys.argv[1]))


def divide() -> None:
    """Return in a process below this one, which becomes its guardian and does not return.

    To be called before there are threads, with standard input, output and error as the worker is to have them.
    """
    guardian = os.getpid()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGCONT)  # a guardian that was stopped must see that hptune is gone
    worker = os.fork()
    if worker:
        try:
            _guard(worker)
        finally:
            os._exit(1)  # whatever went wrong here, the worker follows
    os.setpgid(0, 0)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # works even where Python code gets no turn
    if os.getppid() != guardian:  # it died before it could be followed
        os._exit(1)


def _guard(worker: int) -> NoReturn:
    """Wait until the worker has ended or hptune is gone; leave nothing, and end as the worker has."""
    with contextlib.suppress(OSError):
        os.setpgid(worker, worker)  # here too: whoever comes first
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core file a crash is enough
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # the pipe tells of them
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # their ends are the worker's
        os.dup2(nothing, descriptor)
    awaited = select.poll()
    awaited.register(0, select.POLLHUP)  # hptune's end of the pipe is closed; what is in it is the worker's to read
    awaited.register(woken, select.POLLIN)
    ended: dict[int, int] = {}  # wait statuses by process
    _reap(ended, os.WNOHANG)
    while worker not in ended:
        events = dict(awaited.poll())
        if 0 in events:
            break
        if signal.SIGTERM in os.read(woken, 1 << 12):
            _signal_group(worker, signal.SIGTERM)
        _reap(ended, os.WNOHANG)
    _sweep(worker, ended)
    _end_like(ended[worker])


def _reap(ended: dict[int, int], options: int) -> bool:
    """Note which children have ended (without WNOHANG, wait for one); whether there are more."""
    try:
        while (found := os.waitpid(-1, options))[0]:
            ended[found[0]] = found[1]
            options = os.WNOHANG
    except ChildProcessError:
        return False
    return True


def _sweep(worker: int, ended: dict[int, int]) -> None:
    """Kill all that is left below; what a child leaves behind becomes a child, until there is none."""
    _signal_group(worker, signal.SIGKILL)
    is_left = True
    while is_left:
        for pid in _children():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        is_left = _reap(ended, 0)


def _children() -> Iterator[int]:
    """The processes whose parent this one is, where there is a /proc that tells."""
    parent = str(os.getpid())
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and _parent(entry.path) == parent:
                yield int(entry.name)


def _parent(folder: str) -> str | None:
    """The parent of the process that has a folder in /proc (proc(5): the second field after the name)."""
    with contextlib.suppress(OSError), open(f"{folder}/stat", "rb") as file:  # noqa: PTH123  (pathlib is large)
        return file.read().rpartition(b")")[2].split()[1].decode()
    return None  # it has ended


def _signal_group(worker: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, number)


def _end_like(status: int) -> NoReturn:
    """End with the exit code or by the signal of a wait status."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(abs(code))


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value)


if __name__ == "__main__":
    main()
