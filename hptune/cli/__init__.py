"""The command line: parse, call one function, print. Every error ends as a message and an exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import select
import sys
from collections.abc import Callable

import click

from hptune import __version__, failpoints, signals
from hptune.cli.checking import check, schema
from hptune.cli.options import discard, refuse_repeated, tell
from hptune.cli.predicting import predict
from hptune.cli.reading import export, list_runs, report
from hptune.cli.repairing import repair
from hptune.cli.retesting import retest
from hptune.cli.retrying import retry
from hptune.cli.training import resume, search, zoom
from hptune.errors import HptuneError, StorageError, UsageError, did_you_mean

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
BUG = 1  # exit code
COMPLETION = "_HPTUNE_COMPLETE"  # variable in which a shell asks what may follow


class Commands(click.Group):
    """A group that suggests the nearest command for an unknown one, and lists commands in the order of use."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f'No command "{args[0]}".{did_you_mean(args[0], self.commands)}', ctx)
        name, command, arguments = super().resolve_command(ctx, args)
        if command is not None:
            refuse_repeated(command, arguments, ctx)
        return name, command, arguments

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what it is for, and what is typed in the order of use, wrapped between words at any width."""
        super().format_help_text(ctx, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_dl(USES)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(self.commands)


HELP = "Tune hyperparameters from one YAML file."
USES = (
    ("hptune check config.yaml", "what would be searched, and whether the data are sound"),
    ("hptune search config.yaml", "from coarse to fine, many networks in parallel"),
    ("hptune zoom --around best", "search on in a smaller space around the best trial"),
    ("hptune report", "leaderboard, curves, diagnosis, what to do next"),
    ("hptune retest", "the best again from fresh seeds, or on other data: does the ranking hold?"),
    ("hptune predict data.csv", "predictions of the best network"),
)


@click.group(
    cls=Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="hptune")
def cli() -> None:
    """Gather the commands."""


for command in (check, search, resume, zoom, retest, retry, report, predict, list_runs, export, repair, schema):
    cli.add_command(command)


def main() -> None:
    """The program: commands, with every error as a message and an exit code."""
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: PTH123, SIM115  (closed by whoever started us)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal gets question marks, not a traceback
    try:
        code = _code_of(_run_command)
        code = _code_of(_finish) or code
    except signals.Interrupted as interrupted:  # between the two
        code = 128 + interrupted.number
    sys.exit(code)


def _code_of(act: Callable[[], object]) -> int:
    """Do something, and say what has gone wrong with it; the exit code."""
    try:
        code = _attempt(act)
    except signals.Interrupted:
        _say("Stopped.")
        code = 0
    number = signals.first()
    return code if number is None else 128 + number


def _finish() -> None:
    """Flush, and end as is settled: after this Python would tell of errors, and die of signals, in its own way."""
    try:
        sys.stdout.flush()
    finally:
        signals.ignore()


def _run_command() -> None:
    signals.install()
    if asked := os.environ.get(COMPLETION):
        if not re.fullmatch("(bash|zsh|fish)_(source|complete)", asked):
            raise UsageError(f"{COMPLETION}={asked}: not what a shell asks, such as bash_source: unset it")
        cli.main(prog_name="hptune")
    failpoints.arm()
    try:
        with cli.make_context("hptune", sys.argv[1:]) as context:  # not main, which keeps some errors to itself
            cli.invoke(context)
    except click.exceptions.Exit as ended:  # --help, --version
        sys.exit(ended.exit_code)


def _attempt(act: Callable[[], object]) -> int:
    try:
        act()
    except SystemExit as ended:  # a command's own or, where the reader of our output has left, that of rich
        return 0 if isinstance(ended.__context__, BrokenPipeError) else _exit_code(ended.code)
    except click.ClickException as error:
        error.show(said := io.StringIO())
        _say(said.getvalue().rstrip("\n"))
        return error.exit_code
    except HptuneError as error:
        _say(f"Error: {error}" if "\n" not in str(error) else str(error))
        return error.exit_code
    except OSError as error:
        return _of_the_system(error)
    except Exception as error:  # noqa: BLE001  (the last resort: no traceback on the screen)
        return _mistake(error)
    return 0


def _exit_code(code: object) -> int:
    """What Python makes of the argument of sys.exit: a text, which is not ours, is said."""
    if code is None or isinstance(code, int):
        return code or 0
    _say(str(code))
    return BUG


def _of_the_system(error: OSError) -> int:
    """The output cannot be written, or it is something that nobody has foreseen."""
    if isinstance(error, BrokenPipeError):  # the reader of our output has left
        discard(sys.stdout)
        return 0
    if error.errno not in CANNOT_WRITE:
        return _mistake(error)
    discard(sys.stdout)
    _say(f"Error: cannot write the output: {error.strerror}")
    return StorageError.exit_code


def _mistake(error: Exception) -> int:
    if isinstance(error, MemoryError):
        _say(f"Error: there is not enough memory{f' ({error})' if str(error) else ''}. Free some, or take less data.")
    elif signals.first() is None:  # an import that is interrupted may fail in any way
        from hptune.cli import bug_report

        _say(bug_report.write(error))
    return BUG


def _say(text: str) -> None:
    """Tell the person; where a signal ends us, one who does not read, as a pager left alone, is not waited for."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: it is no file
        if signals.first() is None or select.select([], [sys.stderr], [], 0)[1]:
            tell(text, err=True)
