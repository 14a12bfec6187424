"""What several commands share: options, the console, and one BLAS thread before NumPy is loaded."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

if TYPE_CHECKING:
    from rich.console import Console


def _worker_count(_ctx: click.Context, _option: click.Parameter, value: str | None) -> int | str | None:
    """A whole number from 0, or auto."""
    if value is None or value == "auto":
        return value
    if not re.fullmatch(r"\d{1,4}", value):
        raise click.BadParameter(f"expected auto or a whole number from 0 to 9999, found {value!r}")
    return int(value)


def runs_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--runs", type=click.Path(path_type=Path), default="runs", show_default=True, help="Folder of the runs."
    )(command)


def workers_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Worker processes; auto is one for every core, 0 trains in this process."
    return click.option("--workers", metavar="N|auto", callback=_worker_count, help=text)(command)


def _time(_ctx: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """Seconds, in a text such as 90m."""
    from hptune.search.plan import parse_duration

    if value is None:
        return None
    if (seconds := parse_duration(value)) is None:
        raise click.BadParameter(f"expected a time as 90m, 2h or 1h30m, found {value!r}")
    return seconds


def budget_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.option(
            "--trials", type=click.IntRange(min=1, max=1_000_000), help="Number of trials.  [default: search.trials]"
        ),
        click.option(
            "--epochs",
            type=click.IntRange(min=1, max=10**12),
            help="Epochs of all trials together.  [default: search.epochs]",
        ),
        click.option(
            "--time",
            metavar="DURATION",
            callback=_time,
            help="As 90m or 2h; nothing is started after it.  [default: search.time]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def new_console() -> Console:
    """A console on standard output."""
    from rich.console import Console

    return Console(highlight=False)


def lasting_console() -> Console:
    """A console on standard output that outlives it: a reader that leaves or a closed terminal ends no search."""
    from rich.console import Console

    return Console(file=cast("TextIO", _Lasting(sys.stdout)), highlight=False)


def discard(stream: TextIO) -> None:
    """Send what is still to be written to a stream into nothing."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


class _Lasting:
    """A stream that goes on into nothing once it cannot be written to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._into_nothing():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._into_nothing():
            self._stream.flush()

    @contextlib.contextmanager
    def _into_nothing(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            discard(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def set_up_blas() -> None:
    """Before NumPy is loaded: training in this process must give the numbers that workers give."""
    from hptune.workers import blas

    os.environ.update(blas.environment())
