"""Named points at every change of state, at which tests kill, stop or starve hptune; otherwise they do nothing.

HPTUNE_FAILPOINT holds orders, separated by spaces:

    [worker:][NAME:]N:ACTION[@FILE]   at the N-th point reached, or the N-th time that NAME is: kill, stop, term,
                                      int or hup, a signal to this process; or an errno such as ENOSPC, raised
    trace@FILE                        append "PROCESS NAME" to FILE at every point, in the program and its workers

Without worker: an order is for the program; with it, for any of its workers. With @FILE only the process that makes
FILE obeys, so that it is obeyed once, and FILE tells that it was. The sweep is that of SQLite's tests: N = 1, 2, 3 ...
until a run ends without reaching the N-th point (https://www.sqlite.org/testing.html, section 3).
"""

from __future__ import annotations

import errno
import os
import re
import signal
from collections import Counter
from dataclasses import dataclass, field

from hptune.errors import UsageError

VARIABLE = "HPTUNE_FAILPOINT"
SIGNALS = {
    "kill": signal.SIGKILL,
    "stop": signal.SIGSTOP,
    "term": signal.SIGTERM,
    "int": signal.SIGINT,
    "hup": signal.SIGHUP,
}
ERRNOS = {name: code for code, name in errno.errorcode.items()}
_ORDER = re.compile(
    r"(?P<worker>worker:)?((?P<name>[a-z]+\.[a-z]+):)?(?P<n>[1-9][0-9]*):(?P<action>\w+)(@(?P<file>.+))?"
)


@dataclass(slots=True)
class _Order:
    name: str | None
    n: int  # 0: every time
    action: str
    file: str | None

    def obey(self, name: str) -> None:
        if self.action == "trace":
            _append(self.file or os.devnull, f"{os.getpid()} {name}\n")
        elif self.file is None or _is_new(self.file):
            if self.action in SIGNALS:
                signal.raise_signal(SIGNALS[self.action])  # to this thread: at once, whatever threads there are
            else:
                raise OSError(ERRNOS[self.action], os.strerror(ERRNOS[self.action]))


@dataclass(slots=True)
class _Armed:
    orders: list[_Order]
    reached: Counter[str | None] = field(default_factory=Counter)  # by name; None: all

    def reach(self, name: str) -> None:
        self.reached.update((name, None))
        for order in self.orders:
            if order.n == 0 or (order.name in (name, None) and order.n == self.reached[order.name]):
                order.obey(name)


_armed: _Armed | None = None


def reach(name: str) -> None:
    """A change of state is about to happen, or has happened."""
    if _armed is not None:
        _armed.reach(name)


def arm(*, worker: bool = False) -> None:
    """Take orders from the environment, once, as the program or as one of its workers.

    Raises:
        UsageError: they are malformed.

    """
    global _armed  # noqa: PLW0603  (what the environment says is of the process)
    orders = [_order(text, worker=worker) for text in os.environ.get(VARIABLE, "").split()]
    meant = [order for order in orders if order is not None]
    _armed = _Armed(meant) if meant else None


def _order(text: str, *, worker: bool) -> _Order | None:
    """One order; None if it is for others."""
    if text.startswith("trace@"):
        return _Order(None, 0, "trace", text.removeprefix("trace@"))
    found = _ORDER.fullmatch(text)
    if found is None or found["action"] not in {*SIGNALS, *ERRNOS}:
        expected = "expected [worker:][NAME:]N:ACTION[@FILE], ACTION kill, stop, term, int, hup or an errno as ENOSPC"
        raise UsageError(f"{VARIABLE}: {text!r}: {expected}; or trace@FILE. It is for tests: unset it.")
    if worker != bool(found["worker"]):
        return None
    return _Order(found["name"], int(found["n"]), found["action"], found["file"])


def _append(path: str, line: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    os.write(file, line.encode("ascii"))
    os.close(file)


def _is_new(path: str) -> bool:
    """Make a file; whether it was not there."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    except FileExistsError:
        return False
    return True
