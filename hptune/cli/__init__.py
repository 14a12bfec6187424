"""The command line: parse, call one function, print. Every error ends as a message and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys

import click

from hptune import __version__
from hptune.cli.checking import check
from hptune.cli.options import discard, refuse_repeated, tell
from hptune.cli.predicting import predict
from hptune.cli.reading import export, list_runs, report
from hptune.cli.retesting import retest
from hptune.cli.training import resume, search, zoom
from hptune.errors import HptuneError, StorageError, did_you_mean

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
INTERRUPTED = 130  # 128 + SIGINT


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

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(self.commands)


HELP = """Tune hyperparameters from one YAML file.

\b
hptune check config.yaml       what would be searched, and whether the data are sound
hptune search config.yaml      from coarse to fine, many networks in parallel
hptune zoom --around best      search on in a smaller space around the best trial
hptune report                  leaderboard, curves, diagnosis, what to do next
hptune retest                  the best again from fresh seeds, or on other data: does the ranking hold?
hptune predict data.csv        predictions of the best network
"""


@click.group(
    cls=Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="hptune")
def cli() -> None:
    """Gather the commands."""


for command in (check, search, resume, zoom, retest, report, predict, list_runs, export):
    cli.add_command(command)


def main() -> None:
    """The program: commands, with every error as a message and an exit code."""
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: PTH123, SIM115  (closed by whoever started us)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal gets question marks, not a traceback
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show(said := io.StringIO())
        tell(said.getvalue().rstrip("\n"), err=True)
        code = error.exit_code
    except HptuneError as error:
        tell(f"Error: {error}" if "\n" not in str(error) else str(error), err=True)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left
        discard(sys.stdout)
        code = 0
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        discard(sys.stdout)
        click.echo(f"Error: cannot write the output: {error.strerror}", err=True)
        code = StorageError.exit_code
    sys.exit(code)
