"""The commands that train: search, resume, zoom. Heavy imports stand inside them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hptune.cli.options import N_TRIALS, new_console, runs_option, set_up_blas, workers_option
from hptune.cli.overrides import option, set_option, setting
from hptune.errors import UsageError
from hptune.runs import is_name
from hptune.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from hptune.config.study_file import StudyConfig
    from hptune.search.zoom import Zoom
    from hptune.store import Snapshot, Store

NOTHING_SUCCEEDED = 4  # exit code
AROUND = 'Centre: "best", a trial\'s number, or "top:K" for the box of the K best.'


def _name(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """A name that can be a folder's."""
    if value is not None and not is_name(value):
        raise click.BadParameter(f"{value!r} cannot name a folder: use letters, digits, '.', '_' and '-', at most 64")
    return value


@click.command(short_help="Start a run: random search in the space of CONFIG.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--trials", type=N_TRIALS, help="Number of trials.  [default: search.trials]")
@workers_option
@click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), help="Seed.  [default: search.seed]")
@set_option
@click.option("--name", callback=_name, help="Name of the run.  [default: name in the study file]")
@runs_option
@click.option("--dry-run", is_flag=True, help="Print the exact configurations that would run; write nothing.")
def search(
    config: Path,
    trials: int | None,
    workers: int | Literal["auto"] | None,
    seed: int | None,
    settings: Sequence[str],
    name: str | None,
    runs: Path,
    dry_run: bool,
) -> None:
    """Start a run: draw configurations from the space of CONFIG, train and rank them."""
    set_up_blas()
    from hptune import session, study, study_data
    from hptune.config import study_file
    from hptune.report.safe_text import say

    options = {"search.trials": trials, "search.seed": seed, "name": name}
    overrides = [setting(text) for text in settings]
    overrides += [option(key, value) for key, value in options.items() if value is not None]
    loaded = study_file.load(config, overrides)
    dataset = study_data.load(loaded)
    data = study.data_facts(dataset)
    console = new_console()
    if dry_run:
        _print_dry_run(console, loaded)
        return
    _say_if_small(console, loaded)
    with study.create(loaded, runs, data) as store, session.sitting(store.folder, loaded, dataset):
        del dataset  # memory that is needed no more
        say(console, _headline(loaded, data, store))
        _train(store, loaded, console, workers, runs)


@click.command(short_help="Go on with a run that was interrupted.")
@click.argument("run", required=False)
@workers_option
@runs_option
def resume(run: str | None, workers: int | Literal["auto"] | None, runs: Path) -> None:
    """Go on with RUN (its name or path; the newest by default) up to the planned number of trials."""
    set_up_blas()
    from hptune import session, study
    from hptune.report.safe_text import say
    from hptune.runs import find
    from hptune.store import Store
    from hptune.stored_config import config_of

    console = new_console()
    with Store(find(runs, run)) as store:
        snapshot = store.snapshot()
        loaded = config_of(snapshot)
        if not snapshot.n_unfinished:
            dataset = None
            say(console, f"{store.folder.path}: all {snapshot.n_planned} trials have ended; nothing to resume.")
        else:
            dataset = study.same_data(loaded, snapshot)
            _say_if_elsewhere(console, snapshot)
            to_go = f"{snapshot.n_unfinished} of {counted(snapshot.n_planned, 'trial')} to go"
            say(console, f"{store.folder.path}: {to_go}.")
        with session.sitting(store.folder, loaded, dataset):
            del dataset  # memory that is needed no more
            _train(store, loaded, console, workers, runs)


@click.command(short_help="Narrow the space around the best trial and sample it again.")
@click.option("--around", default="best", show_default=True, metavar="best|N|top:K", help=AROUND)
@click.option("--run", help="Name or path of the run.  [default: the newest]")
@click.option(
    "--factor",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="New side of each range, as a share of the old on its own scale.  [default: 0.5]",
)
@click.option("--trials", type=N_TRIALS, help="Number of new trials.  [default: search.trials]")
@workers_option
@runs_option
@click.option("--dry-run", is_flag=True, help="Print the new ranges and configurations; write nothing.")
def zoom(
    around: str,
    run: str | None,
    factor: float | None,
    trials: int | None,
    workers: int | Literal["auto"] | None,
    runs: Path,
    dry_run: bool,
) -> None:
    """Narrow the space of a run around its best trial, in each parameter's own scale, and sample it again."""
    set_up_blas()
    from hptune import session, study
    from hptune.report.safe_text import say
    from hptune.report.spaces import specs_table
    from hptune.runs import find
    from hptune.search import zoom as zooming
    from hptune.store import Store, read
    from hptune.stored_config import config_of

    centre = zooming.Around.parse(around)
    if centre.top is not None and factor is not None:
        raise UsageError("--factor does not go with --around top:K: the box of the K best has its own size")
    console = new_console()
    folder = find(runs, run)
    snapshot = read(folder)
    loaded = config_of(snapshot)
    n_trials = trials or loaded.search.trials
    if dry_run:
        stage, found = study.plan_zoom(snapshot, centre, factor or zooming.FACTOR, n_trials)
        _print_zoom(console, stage.origin, found)
        specs_table(console, study.stage_specs(stage, loaded), found.space)
        return
    dataset = study.same_data(loaded, snapshot)
    _say_if_elsewhere(console, snapshot)
    with Store(folder) as store, session.sitting(folder, loaded, dataset):
        del dataset  # memory that is needed no more
        snapshot = store.snapshot()  # again, now that nobody else can write
        stage, found = study.plan_zoom(snapshot, centre, factor or zooming.FACTOR, n_trials)
        store.add_stage(stage)
        _print_zoom(console, f"{folder.path}: {stage.name}, {stage.origin}, {counted(n_trials, 'trial')}", found)
        if snapshot.n_unfinished:
            text = (
                f"Unfinished: {counted(snapshot.n_unfinished, 'earlier trial')}; hptune resume {folder.path} runs them."
            )
            say(console, text)
        _train(store, loaded, console, workers, runs, only_stage=stage.number)


def _train(
    store: Store,
    config: StudyConfig,
    console: Console,
    workers: int | Literal["auto"] | None,
    runs: Path,
    only_stage: int | None = None,
) -> None:
    """Train what is unfinished, show what was found, say what to type next, and end with the right exit code."""
    from hptune import session
    from hptune.report.outcome import print_outcome

    wanted = config.search.workers if workers is None else workers
    n_workers = None if wanted == "auto" else wanted
    outcome = session.train(store, config, console, n_workers=n_workers, only_stage=only_stage)
    print_outcome(console, outcome, runs)
    if outcome.signal is not None:
        sys.exit(128 + outcome.signal)
    if not outcome.n_completed:
        sys.exit(NOTHING_SUCCEEDED)


def _headline(config: StudyConfig, data: dict[str, Any], store: Store) -> str:
    """What is about to happen, in a line."""
    counts = ", ".join(f"{data[name]:,} {name}" for name in ("train", "dev", "test") if data[name])
    source = config.data.source or Path(config.data.path or "").name
    trials = counted(config.search.trials, "trial")
    return f"{store.folder.path}: {trials} on {source} ({counts}), seed {config.search.seed}"


def _say_if_small(console: Console, config: StudyConfig) -> None:
    from hptune.report.safe_text import say

    size = config.space.size
    if size < config.search.trials:
        there_are = counted(int(size), "configuration")
        text = f"Note: the space has only {there_are}; {counted(config.search.trials, 'trial')} repeat some."
        say(console, text, "yellow")


def _say_if_elsewhere(console: Console, snapshot: Snapshot) -> None:
    from hptune import study
    from hptune.report.safe_text import say

    if changes := study.environment_changes(snapshot):
        say(console, f"Note: since the run was started: {changes}. The last digits of results may differ.", "yellow")


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
