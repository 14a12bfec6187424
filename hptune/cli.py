"""The command line: parse, call one function, print. Heavy imports stand inside the commands."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hptune import __version__
from hptune.errors import HptuneError, UsageError, did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from hptune.config.study_file import Override, StudyConfig
    from hptune.search.zoom import Zoom
    from hptune.store import Store

INTERRUPTED = 130  # 128 + SIGINT
NOTHING_SUCCEEDED = 4


class Commands(click.Group):
    """A group that suggests the nearest command for an unknown one, and lists commands in the order of use."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f'No command "{args[0]}".{did_you_mean(args[0], self.commands)}', ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(self.commands)


def _worker_count(_ctx: click.Context, _option: click.Parameter, value: str | None) -> int | str | None:
    """A whole number from 0, or auto."""
    if value is None or value == "auto":
        return value
    if not re.fullmatch(r"\d{1,4}", value):
        raise click.BadParameter(f"expected auto or a whole number from 0 to 9999, found {value!r}")
    return int(value)


def _runs_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--runs", type=click.Path(path_type=Path), default="runs", show_default=True, help="Folder of the runs."
    )(command)


def _workers_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Worker processes; auto is one for every core, 0 trains in this process."
    return click.option("--workers", metavar="N|auto", callback=_worker_count, help=text)(command)


_trials = click.IntRange(min=1, max=1_000_000)
_around = 'Centre: "best", a trial\'s number, or "top:K" for the box of the K best.'


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hptune")
def cli() -> None:
    r"""Tune hyperparameters from one YAML file.

    \b
    hptune search config.yaml      random search, many networks in parallel
    hptune zoom --around best      narrow the space around the best trial, sample it again
    hptune report                  leaderboard, curves, diagnosis, what to do next
    """


@cli.command(short_help="Start a run: random search in the space of CONFIG.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--trials", type=_trials, help="Number of trials.  [default: search.trials]")
@_workers_option
@click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), help="Seed.  [default: search.seed]")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Overrule the study file: --set train.epochs=5."
)
@click.option("--name", help="Name of the run.  [default: name in the study file]")
@_runs_option
@click.option("--dry-run", is_flag=True, help="Print the exact configurations that would run; write nothing.")
def search(
    config: Path,
    trials: int | None,
    workers: int | str | None,
    seed: int | None,
    settings: Sequence[str],
    name: str | None,
    runs: Path,
    dry_run: bool,
) -> None:
    """Start a run: draw configurations from the space of CONFIG, train and rank them."""
    _one_blas_thread()
    from hptune import study
    from hptune.config import study_file
    from hptune.report.safe_text import say

    given = {"search.trials": trials, "search.seed": seed, "name": name}
    options = [_override(f"--{key.split('.')[-1]}", key, value) for key, value in given.items() if value is not None]
    loaded = study_file.load(config, [*(_setting(text) for text in settings), *options])
    data = study.data_facts(loaded)
    console = _console()
    if dry_run:
        _print_dry_run(console, loaded)
        return
    _say_if_small(console, loaded)
    with study.create(loaded, runs, data) as store:
        say(console, _headline(loaded, data, store))
        _train(store, loaded, console, workers, runs)


@cli.command(short_help="Go on with a run that was interrupted.")
@click.argument("run", required=False)
@_workers_option
@_runs_option
def resume(run: str | None, workers: int | str | None, runs: Path) -> None:
    """Go on with RUN (its name or path; the newest by default) up to the planned number of trials."""
    _one_blas_thread()
    from hptune import study
    from hptune.runs import find
    from hptune.store import Store
    from hptune.stored_config import config_of

    console = _console()
    with Store(find(runs, run)) as store:
        snapshot = store.snapshot()
        loaded = config_of(snapshot)
        if not snapshot.n_unfinished:
            console.print(
                f"{store.folder.path}: all {snapshot.n_planned} trials have ended; nothing to resume.", markup=False
            )
        else:
            study.check_data(loaded, snapshot)
            text = f"{store.folder.path}: {snapshot.n_unfinished} of {snapshot.n_planned} trials to go."
            console.print(text, markup=False, highlight=False, soft_wrap=True)
        _train(store, loaded, console, workers, runs)


@cli.command(short_help="Narrow the space around the best trial and sample it again.")
@click.option("--around", default="best", show_default=True, metavar="best|N|top:K", help=_around)
@click.option("--run", help="Name or path of the run.  [default: the newest]")
@click.option(
    "--factor",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="New side of each range, as a share of the old on its own scale.  [default: 0.5]",
)
@click.option("--trials", type=_trials, help="Number of new trials.  [default: search.trials]")
@_workers_option
@_runs_option
@click.option("--dry-run", is_flag=True, help="Print the new ranges and configurations; write nothing.")
def zoom(
    around: str,
    run: str | None,
    factor: float | None,
    trials: int | None,
    workers: int | str | None,
    runs: Path,
    dry_run: bool,
) -> None:
    """Narrow the space of a run around its best trial, in each parameter's own scale, and sample it again."""
    _one_blas_thread()
    from hptune import study
    from hptune.report.safe_text import say
    from hptune.report.spaces import specs_table
    from hptune.runs import find
    from hptune.search import zoom as zooming
    from hptune.store import Store, read
    from hptune.stored_config import config_of

    centre = zooming.Around.parse(around)
    if centre.top is not None and factor is not None:
        raise UsageError("--factor does not go with --around top:K: the box of the K best has its own size")
    console = _console()
    folder = find(runs, run)
    snapshot = read(folder)
    loaded = config_of(snapshot)
    n_trials = trials or loaded.search.trials
    if dry_run:
        stage, found = study.plan_zoom(snapshot, loaded, centre, factor or zooming.FACTOR, n_trials)
        _print_zoom(console, stage.origin, found)
        specs_table(console, study.stage_specs(stage, loaded), found.space)
        return
    study.check_data(loaded, snapshot)
    with Store(folder) as store:
        snapshot = store.snapshot()  # again, now that nobody else can write
        stage, found = study.plan_zoom(snapshot, loaded, centre, factor or zooming.FACTOR, n_trials)
        store.add_stage(stage)
        _print_zoom(console, f"{folder.path}: {stage.name}, {stage.origin}, {n_trials} trials", found)
        if snapshot.n_unfinished:
            text = f"{snapshot.n_unfinished} earlier trials are unfinished; hptune resume {folder.path} runs them."
            say(console, text)
        _train(store, loaded, console, workers, runs, only_stage=stage.number)


@cli.command(short_help="Show what was found and what to do next.")
@click.argument("run", required=False)
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Trials in the leaderboard.")
@click.option("--sort", metavar="COLUMN", help="Sort the leaderboard by this column of trials.csv.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path),
    help="Write the leaderboard to this file (- for standard output).",
)
@click.option(
    "--bayes-error", type=click.FloatRange(0, 1), help="The error nobody can beat.  [default: data.bayes_error]"
)
@_runs_option
def report(
    run: str | None,
    top: int,
    sort: str | None,
    as_json: bool,
    csv_file: Path | None,
    bayes_error: float | None,
    runs: Path,
) -> None:
    """Show what was found in RUN (its name or path; the newest by default) and what to do next."""
    import json

    from hptune import tables
    from hptune.analysis import leaderboard, summary

    loaded = tables.load(run, runs)
    if csv_file is not None:
        text = tables.to_csv(leaderboard.ordered(loaded, sort).head(top))
        if str(csv_file) == "-":
            click.echo(text, nl=False)
        else:
            tables.replace_file(csv_file, text)
            click.echo(f"Wrote {csv_file}", err=True)
        if not as_json:
            return
    found = summary.summarize(loaded, top=top, sort=sort, bayes_error=bayes_error)
    if as_json:
        from hptune.report.as_json import to_json

        click.echo(json.dumps(to_json(found), indent=2, allow_nan=False))
    else:
        from hptune.report.terminal import print_report

        print_report(_console(), found)


@cli.command(name="list", short_help="Show the runs.")
@_runs_option
def list_runs(runs: Path) -> None:
    """Show the runs, oldest first."""
    from hptune.report.run_list import runs_table
    from hptune.runs import find_all

    if folders := find_all(runs):
        runs_table(_console(), folders)
    else:
        click.echo(f"No runs in {runs}{os.sep}. Start one with: hptune search CONFIG")


@cli.command(short_help="Write the tables of a run as CSV files.")
@click.argument("run", required=False)
@_runs_option
def export(run: str | None, runs: Path) -> None:
    """Write trials.csv, curves.csv and best.yaml of RUN anew, also while it is being searched."""
    from hptune import tables

    loaded = tables.load(run, runs)
    tables.write(loaded)
    click.echo(f"{loaded.path}: wrote trials.csv, curves.csv" + (", best.yaml" if loaded.best else ""))


def _train(
    store: Store,
    config: StudyConfig,
    console: Console,
    workers: int | str | None,
    runs: Path,
    only_stage: int | None = None,
) -> None:
    """Train what is unfinished, show what was found, say what to type next, and end with the right exit code."""
    from hptune import session
    from hptune.report.outcome import print_outcome

    wanted = config.search.workers if workers is None else None if workers == "auto" else int(workers)
    outcome = session.train(store, config, console, n_workers=wanted, only_stage=only_stage)
    print_outcome(console, store.folder, outcome, runs)
    if outcome.signal is not None:
        sys.exit(128 + outcome.signal)
    if not outcome.n_completed:
        sys.exit(NOTHING_SUCCEEDED)


def _headline(config: StudyConfig, data: dict[str, Any], store: Store) -> str:
    """What is about to happen, in a line."""
    counts = ", ".join(f"{data[name]:,} {name}" for name in ("train", "dev", "test") if data[name])
    source = config.data.source or Path(config.data.path or "").name
    return f"{store.folder.path}: {config.search.trials} trials on {source} ({counts}), seed {config.search.seed}"


def _say_if_small(console: Console, config: StudyConfig) -> None:
    from hptune.report.safe_text import say

    size = config.space.size
    if size < config.search.trials:
        text = f"Note: the space has only {size:,.0f} configurations, so the {config.search.trials} trials repeat some."
        say(console, text, "yellow")


def _print_dry_run(console: Console, config: StudyConfig) -> None:
    from hptune import study
    from hptune.report.spaces import specs_table

    _say_if_small(console, config)
    specs_table(console, study.stage_specs(study.coarse_stage(config), config), config.space)


def _print_zoom(console: Console, title: str, found: Zoom) -> None:
    from hptune.report.safe_text import say
    from hptune.report.spaces import changes_table

    say(console, title)
    changes_table(console, found)


def _one_blas_thread() -> None:
    """Say so before NumPy is loaded: training in this process must give the numbers that workers give."""
    from hptune.workers.blas import ONE_THREAD

    os.environ.update(ONE_THREAD)


def _setting(text: str) -> Override:
    """A --set option."""
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[^.\s]+(\.[^.\s]+)*", key.strip()):
        raise UsageError(f"--set {text}: expected KEY=VALUE with a dotted key, as --set train.epochs=5")
    return _override(f"--set {text}", key.strip(), value)


def _override(place: str, key: str, value: object) -> Override:
    from hptune.config.study_file import Override

    return Override(key, str(value), place)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def main() -> None:
    """The program: commands, with every error as a message and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an ASCII terminal gets question marks, not a traceback
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except HptuneError as error:
        click.echo(f"Error: {error}" if "\n" not in str(error) else str(error), err=True)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
