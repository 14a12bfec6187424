"""Signals that end the program: one handler for all, and what it does, which is exchanged in one step.

A handler that raises may do so in vain: in a destructor or a callback nobody can be told, and code that catches
everything takes what was raised for a fault of its own. So what has come is kept, and shown to whoever is next to say
what a signal does: nothing that lasts is begun after one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Those that end the program: Ctrl-C, a request to end, a terminal that is closed."""

AGAIN_S = 0.01  # until what was raised where nobody could be told is raised again

Reaction = Callable[[int], None]


class Interrupted(BaseException):
    """Raised by a signal, wherever the program is, so that it unwinds."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def unwind(_number: int) -> None:
    """End the program by unwinding; the second time at once."""
    global _is_unwinding  # noqa: PLW0603  (signals are of the process)
    if _is_unwinding:
        os._exit(128 + _received[0])
    _is_unwinding = True
    raise Interrupted(_received[0])


_received: list[int] = []
_reaction: Reaction = unwind
_is_unwinding = False


def first() -> int | None:
    """The first signal that has come."""
    return _received[0] if _received else None


def install() -> None:
    """Have the handler called for every signal that ends the program, but those ignored from the start, as by nohup."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _receive)
    sys.unraisablehook = _see_swallowed


def ignore() -> None:
    """Let nothing that comes from here on change how the program ends, which is settled."""
    for number in (*ENDING, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def reacting(reaction: Reaction) -> Iterator[None]:
    """For a while signals do this, beginning with one that has come before. Only the main thread is told of any."""
    global _reaction, _is_unwinding  # noqa: PLW0603  (as above)
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _installed():
        before = _reaction
        try:
            _reaction = reaction
            if _received:
                _is_unwinding = False  # what was raised has not come through
                reaction(_received[0])
            yield
        finally:
            _reaction = before


@contextlib.contextmanager
def held() -> Iterator[None]:
    """For a while a signal waits, to the end of it or until somebody says what is to be done. A second one does not."""
    with reacting(_wait):
        yield
    if _received:
        _reaction(_received[0])


def _wait(_number: int) -> None:
    if len(_received) > 1:
        os._exit(128 + _received[0])


def _receive(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    _reaction(number)


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    """The handler, also where the program is not the command line's but somebody's own."""
    global _is_unwinding  # noqa: PLW0603  (as above)
    handlers = {number: signal.getsignal(number) for number in ENDING}
    if _receive in handlers.values():
        yield
        return
    hook = sys.unraisablehook
    try:
        install()
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook
        _received.clear()
        _is_unwinding = False


def _see_swallowed(swallowed: sys.UnraisableHookArgs) -> None:
    """Where it was raised nobody could be told of it, as in a destructor: a moment later it is raised elsewhere."""
    if swallowed.exc_type is Interrupted:
        signal.signal(signal.SIGALRM, _raise_again)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    elif not _received:  # what else fails in a program that is being ended is of no interest
        sys.__unraisablehook__(swallowed)


def _raise_again(_number: int, _frame: FrameType | None) -> None:
    if _reaction is unwind:
        raise Interrupted(_received[0])
