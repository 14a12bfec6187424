"""What several commands share: options, the console, and one BLAS thread before NumPy is loaded."""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from hptune import rights
from hptune.errors import UsageError
from hptune.replacing import is_regular
from hptune.wording import visible

if TYPE_CHECKING:
    from rich.console import Console


class Whole(click.IntRange):
    """A whole number in plain digits; Python itself would take 1_000 and the digits of every script."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]{1,4000}", value):
            self.fail(f"expected a whole number, found {value!r}", param, ctx)
        return super().convert(value, param, ctx)


class Share(click.FloatRange):
    """A number in a range; nan lies in none, but compares as if it did."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"expected a number, found {value!r}", param, ctx)
        return number


def refuse_repeated(command: click.Command, arguments: Sequence[str], parent: click.Context) -> None:
    """Raise a UsageError for an option that is given twice, of which one would be forgotten without a word."""
    context = click.Context(command, parent, info_name=command.name)
    try:
        order = command.make_parser(context).parse_args(list(arguments))[2]
    except click.UsageError:
        return  # it will be raised again, and shown
    for option in order:
        if isinstance(option, click.Option) and not option.multiple and order.count(option) > 1:
            raise click.UsageError(f"{option.opts[0]} is given {order.count(option)} times: keep one of them", context)


def refuse_to_overwrite(name: str, output: Path | None, inputs: Iterable[Path], run: Path, *, overwrite: bool) -> None:
    """Raise a UsageError where what an option names is one of the files read, the run's own, or not to be replaced.

    What is no regular file, such as a pipe, is written into, and so is what /dev/stdout stands for.
    """
    if output is None or str(output) == "-" or not rights.exists(output):
        return
    if any(rights.exists(path) and output.samefile(path) for path in inputs):
        raise UsageError(f"{name} {output}: that is the file to be predicted from: name another one")
    if output.resolve().parent == run.resolve():
        raise UsageError(f"{name} {output}: that file is the run's own: name another one")
    if is_regular(output) and not overwrite:
        raise UsageError(f"{name} {output}: exists: give another name, or --overwrite")


def _worker_count(_ctx: click.Context, _option: click.Parameter, value: str | None) -> int | str | None:
    """A whole number from 0, or auto."""
    if value is None or value == "auto":
        return value
    if not re.fullmatch("[0-9]{1,4}", value):
        raise click.BadParameter(f"expected auto or a whole number from 0 to 9999, found {value!r}")
    return int(value)


def overwrite_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--overwrite", is_flag=True, help="Replace the file that is written if there is one.")(command)


def runs_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, readable=False),
        default="runs",
        show_default=True,
        help="Folder of the runs.",
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
        click.option("--trials", type=Whole(min=1, max=1_000_000), help="Number of trials.  [default: search.trials]"),
        click.option(
            "--epochs",
            type=Whole(min=1, max=10**12),
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


def tell(text: str, *, err: bool = False) -> None:
    """Print lines of text; names and paths in them cannot act on the terminal."""
    click.echo("\n".join(map(visible, text.split("\n"))), err=err)


def write_table(text: str) -> None:
    """Write CSV to standard output: as it is into a pipe or a file, without what would act on a terminal to one."""
    sys.stdout.write("\n".join(map(visible, text.split("\n"))) if sys.stdout.isatty() else text)


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

    ours = blas.environment()
    theirs = [f"{name}={os.environ[name]}" for name in blas.ONE_THREAD if os.environ.get(name, "1") != ours[name]]
    if theirs:
        tell(f"Note: {', '.join(theirs)} is not heeded: every worker trains with one thread.", err=True)
    os.environ.update(ours)
