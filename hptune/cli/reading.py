"""The commands that read runs: report, list, export. Heavy imports stand inside them."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hptune.cli.options import (
    Share,
    Whole,
    new_console,
    overwrite_option,
    refuse_to_overwrite,
    runs_option,
    tell,
    write_table,
)
from hptune.cli.training import NOTHING_SUCCEEDED
from hptune.errors import UsageError

if TYPE_CHECKING:
    from hptune.tables import Run


@click.command(short_help="Show what was found and what to do next.")
@click.argument("run", required=False)
@click.option("--top", type=Whole(min=1), default=10, show_default=True, help="Trials in the leaderboard.")
@click.option("--sort", metavar="COLUMN", help="Sort the leaderboard by this column of trials.csv.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path),
    help="Write the leaderboard to this file (- for standard output).",
)
@click.option("--bayes-error", type=Share(0, 1), help="The error nobody can beat.  [default: data.bayes_error]")
@overwrite_option
@runs_option
def report(
    run: str | None,
    top: int,
    sort: str | None,
    as_json: bool,
    csv_file: Path | None,
    bayes_error: float | None,
    overwrite: bool,
    runs: Path,
) -> None:
    """Show what was found in RUN (its name or path; the newest by default) and what to do next."""
    import json

    from hptune import tables
    from hptune.analysis import leaderboard, summary
    from hptune.replacing import write_output

    if as_json and str(csv_file) == "-":
        raise UsageError("--json and --csv - both write to standard output: give --csv a file")
    loaded = tables.load(run, runs)
    if csv_file is not None:
        refuse_to_overwrite("--csv", csv_file, (), loaded.path, overwrite=overwrite)
        text = tables.to_csv(leaderboard.ordered(loaded, sort).head(top))
        if str(csv_file) == "-":
            write_table(text)
        else:
            write_output(csv_file, text)
            tell(f"Wrote {csv_file}", err=True)
        if not as_json:
            sys.exit(_code(loaded))
    found = summary.summarize(loaded, top=top, sort=sort, bayes_error=bayes_error)
    if as_json:
        from hptune.report.as_json import to_json

        click.echo(json.dumps(to_json(found), indent=2, allow_nan=False))
    else:
        from hptune.report.terminal import print_report

        print_report(new_console(), found)
    sys.exit(_code(loaded))


def _code(loaded: Run) -> int:
    """The exit code of what is told of a run: where no trial has a score, there is nothing to go by."""
    return 0 if any(result.score is not None for result in loaded.snapshot.results) else NOTHING_SUCCEEDED


@click.command(name="list", short_help="Show the runs.")
@runs_option
def list_runs(runs: Path) -> None:
    """Show the runs, oldest first."""
    from hptune.report.run_list import runs_table
    from hptune.rights import owner
    from hptune.runs import closed, find_all

    if folders := find_all(runs):
        runs_table(new_console(), folders)
    else:
        tell(f"No runs in {runs}{os.sep}. Start one with: hptune search CONFIG")
    for path in closed(runs):
        tell(f"Left out, for there is no right to look into it: {path.name}{owner(path)}")


@click.command(short_help="Write the tables of a run as CSV files, or copy it.")
@click.argument("run", required=False)
@click.option(
    "--copy",
    "copy_to",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Copy the whole run into this new folder instead, as it is stored at this moment.",
)
@runs_option
def export(run: str | None, copy_to: Path | None, runs: Path) -> None:
    """Write trials.csv, curves.csv and best.yaml of RUN anew, also while it is being searched.

    With --copy nothing is written into RUN: a copy of all of it is made, of one moment, whoever is at work on it.
    """
    from hptune import tables

    if copy_to is None:
        loaded = tables.load(run, runs)
        tables.write(loaded)
        tell(f"{loaded.path}: wrote trials.csv, curves.csv" + (", best.yaml" if loaded.best else ""))
        return
    from hptune import copying
    from hptune.runs import find

    folder = find(runs, run)
    copied = copying.copy(folder, copy_to)
    n_planned = copied.snapshot.n_planned
    so_far = f"{len(copied.snapshot.results)}{'' if n_planned is None else f' of {n_planned}'} trials"
    then = f"hptune report {shlex.quote(str(copied.path))}"
    tell(f"{folder.path}: copied to {copied.path} ({so_far}). Look at it with: {then}")
