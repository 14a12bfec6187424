"""The commands that train: search, resume, zoom. Heavy imports stand inside them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hptune.cli.options import (
    Share,
    Whole,
    budget_options,
    lasting_console,
    new_console,
    runs_option,
    set_up_blas,
    workers_option,
)
from hptune.cli.overrides import limits_option, overrides, set_option
from hptune.errors import UsageError
from hptune.rights import is_open_to_all
from hptune.runs import is_name
from hptune.search.plan import Budget, Method, SearchPlan
from hptune.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from hptune.config.study_file import StudyConfig
    from hptune.search.zoom import Zoom
    from hptune.store import Snapshot, Stage, Store

NOTHING_SUCCEEDED = 4  # exit code, also where failing trials have stopped the run
AROUND = 'Centre: "best", a trial\'s number, or "top:K" for the box of the K best.'


def _name(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """A name that can be a folder's."""
    if value is not None and not is_name(value):
        raise click.BadParameter(f"{value!r} cannot name a folder: use letters, digits, '.', '_' and '-', at most 64")
    return value


@click.command(short_help="Start a run: search the space of CONFIG.")
@click.argument("config", type=click.Path(path_type=Path))
@budget_options
@workers_option
@click.option("--seed", type=Whole(min=0, max=2**63 - 1), help="Seed.  [default: search.seed]")
@set_option
@click.option("--name", callback=_name, help="Name of the run.  [default: name in the study file]")
@runs_option
@click.option("--dry-run", is_flag=True, help="Print the plan and the first configurations; write nothing.")
def search(
    config: Path,
    trials: int | None,
    epochs: int | None,
    time: float | None,
    workers: int | Literal["auto"] | None,
    seed: int | None,
    settings: Sequence[str],
    name: str | None,
    runs: Path,
    dry_run: bool,
) -> None:
    """Start a run: search the space of CONFIG from coarse to fine, then confirm the best configurations."""
    set_up_blas()
    from hptune import agenda, session, signals, study, study_data
    from hptune.data import suspects
    from hptune.report.safe_text import say
    from hptune.workers.cores import with_parallel

    options: dict[str, str | float | None] = {
        "search.trials": trials,
        "search.epochs": epochs,
        "search.time": time,
        "search.seed": seed,
        "name": name,
    }
    loaded, dataset = study_data.load_study(config, overrides(settings, options))
    loaded = with_parallel(loaded, workers)
    data = study.data_facts(dataset)
    about_data = (*dataset.notes, *suspects.advice(dataset, loaded.data))
    if dry_run:
        console = new_console()
        _say_before(console, loaded, workers, about_data)
        _print_specs(console, agenda.first_stage(loaded), loaded)
        return
    console = lasting_console()
    _say_before(console, loaded, workers, about_data)
    if is_open_to_all(runs):
        text = f"Note: anybody can write into {runs}, and you are root: chmod o-w {shlex.quote(str(runs))}"
        say(console, text, "yellow")
    with (
        signals.held(),  # until the sitting can name the command that goes on with what is there by then
        study.create(loaded, runs, data) as store,
        session.sitting(store.folder, loaded, dataset),
    ):
        del dataset  # memory that is needed no more
        say(console, _headline(loaded, data, store))
        train(store, loaded, console, workers, runs)


@click.command(short_help="Go on with a run that was interrupted.")
@click.argument("run", required=False)
@workers_option
@limits_option
@runs_option
def resume(run: str | None, workers: int | Literal["auto"] | None, settings: Sequence[str], runs: Path) -> None:
    """Go on with RUN (its name or path; the newest by default) to the end of its budget."""
    set_up_blas()
    from hptune import final_test, lost_network, session, study
    from hptune.report.safe_text import say
    from hptune.runs import find
    from hptune.store import Store
    from hptune.stored_config import config_of, with_limits

    console = lasting_console()
    with Store(find(runs, run)) as store:
        snapshot = store.snapshot()
        loaded = with_limits(config_of(snapshot), overrides(settings))
        if snapshot.is_finished and not final_test.is_due(snapshot) and lost_network.lost(snapshot) is None:
            dataset = None
            say(console, f"{store.folder.path}: all {snapshot.n_planned} trials have ended; nothing to resume.")
        else:
            dataset = study.data_to_go_on(loaded, snapshot)
            say_if_elsewhere(console, snapshot)
            left = to_go(snapshot) or "all trials have ended; the answer meets the test set"
            say(console, f"{store.folder.path}: {left}.")
        with session.sitting(store.folder, loaded, dataset):
            del dataset  # memory that is needed no more
            train(store, loaded, console, workers, runs)


@click.command(short_help="Search on in a smaller space around the best trial.")
@click.option("--around", default="best", show_default=True, metavar="best|N|top:K", help=AROUND)
@click.option("--run", help="Name or path of the run.  [default: the newest]")
@click.option(
    "--factor",
    type=Share(0, 1, min_open=True, max_open=True),
    help="New side of each range, as a share of the old on its own scale.  [default: 0.5]",
)
@click.option(
    "--method",
    type=click.Choice(["coarse-to-fine", "random"]),
    help="How the new space is searched.  [default: search.method]",
)
@budget_options
@workers_option
@runs_option
@click.option(
    "--dry-run", is_flag=True, help="Print the new ranges, the plan and the first configurations; write nothing."
)
def zoom(
    around: str,
    run: str | None,
    factor: float | None,
    method: Method | None,
    trials: int | None,
    epochs: int | None,
    time: float | None,
    workers: int | Literal["auto"] | None,
    runs: Path,
    dry_run: bool,
) -> None:
    """Narrow the space of a run around its best trial, in each parameter's own scale, and search it again."""
    set_up_blas()
    from hptune import session, study
    from hptune.report.safe_text import say
    from hptune.report.spaces import plan_text
    from hptune.runs import find
    from hptune.search import zoom as zooming
    from hptune.store import Store, read
    from hptune.stored_config import config_of

    centre = zooming.Around.parse(around)
    if centre.top is not None and factor is not None:
        raise UsageError("--factor does not go with --around top:K: the box of the K best has its own size")
    console = new_console() if dry_run else lasting_console()
    folder = find(runs, run)
    snapshot = read(folder)
    loaded = _for_zoom(config_of(snapshot), Budget(trials, epochs, time), method)
    if dry_run:
        stage, found = study.plan_zoom(snapshot, loaded, centre, factor or zooming.FACTOR)
        _print_zoom(console, stage.origin, found)
        _print_specs(console, stage, loaded)
        return
    dataset = study.same_data(loaded, snapshot)
    say_if_elsewhere(console, snapshot)
    with Store(folder) as store, session.sitting(folder, loaded, dataset):
        del dataset  # memory that is needed no more
        snapshot = store.snapshot()  # again, now that nobody else can write
        stage, found = study.plan_zoom(snapshot, loaded, centre, factor or zooming.FACTOR)
        if left := to_go(snapshot):
            say(console, f"{folder.path}: {left}, which the zoom replaces.")
        study.add_stage(store, stage)
        _print_zoom(console, f"{folder.path}: {stage.name}, {stage.origin}, {plan_text(stage.plan)}", found)
        train(store, loaded, console, workers, runs)


def _for_zoom(config: StudyConfig, budget: Budget, method: Method | None) -> StudyConfig:
    """The study file with the budget and the method of a zoom, where they were given."""
    settings = config.search
    if budget != Budget():
        settings = replace(settings, trials=budget.trials, epochs=budget.epochs, time_s=budget.time_s)
    if method is not None:
        settings = replace(settings, method=method, bars=method == "coarse-to-fine")
    return replace(config, search=settings)


def train(
    store: Store, config: StudyConfig, console: Console, workers: int | Literal["auto"] | None, runs: Path
) -> None:
    """Train what is left, show what was found, say what to type next, and end with the right exit code."""
    from hptune import session
    from hptune.report.outcome import print_outcome
    from hptune.report.safe_text import say
    from hptune.store.lock import file_system_elsewhere
    from hptune.workers.cores import n_workers

    if (kind := file_system_elsewhere(store.folder.path)) is not None:
        text = f"Note: {store.folder.path} lies on another machine ({kind}): use this run from one machine alone."
        say(console, text, "yellow")
    outcome = session.train(store, config, console, n_workers=n_workers(config, workers))
    print_outcome(console, outcome, runs)
    if outcome.signal is not None:
        sys.exit(128 + outcome.signal)
    if outcome.is_broken or not outcome.n_completed:
        sys.exit(NOTHING_SUCCEEDED)


def to_go(snapshot: Snapshot) -> str:
    """How much of a run is left, in words; empty where nothing is."""
    if snapshot.is_finished:
        return ""
    if snapshot.n_planned is None or snapshot.n_to_go is None:
        return f"{counted(len(snapshot.results), 'trial')} so far, more to go"
    return f"{snapshot.n_to_go} of {counted(snapshot.n_planned, 'trial')} to go"


def _headline(config: StudyConfig, data: dict[str, Any], store: Store) -> str:
    """What is about to happen, in a line."""
    from hptune.report.spaces import plan_text

    counts = ", ".join(f"{data[name]:,} {name}" for name in ("train", "dev", "test") if data[name])
    plan = plan_text(store.snapshot().stages[0].plan)
    recipe = f"seed {config.search.seed}, parallel {config.search.parallel}"
    return f"{store.folder.path}: {plan} on {config.data.name} ({counts}), {recipe}"


def _say_before(
    console: Console, config: StudyConfig, workers: int | Literal["auto"] | None, about_data: Sequence[str]
) -> None:
    """Say what was probably meant otherwise, and what has no room in the budget, the space or this machine."""
    from hptune import agenda
    from hptune.analysis.meant import meant_otherwise
    from hptune.analysis.study_advice import budget_notes, limited_parallel, worker_notes
    from hptune.report.safe_text import say
    from hptune.workers.cores import n_workers, usable_cores

    plan = agenda.first_stage(config).plan
    assert isinstance(plan, SearchPlan)
    notes = (*about_data, *meant_otherwise(config), *budget_notes(config, plan))
    for text in (*notes, *worker_notes(n_workers(config, workers), usable_cores(), limited_parallel(config))):
        say(console, f"Note: {text}", "yellow")


def say_if_elsewhere(console: Console, snapshot: Snapshot) -> None:
    from hptune import study
    from hptune.report.safe_text import say

    if changes := study.environment_changes(snapshot):
        say(console, f"Note: since the run was started: {changes}. The last digits of results may differ.", "yellow")


def _print_specs(console: Console, stage: Stage, config: StudyConfig) -> None:
    """Print the plan and the configurations that are certain, whatever comes of them."""
    from hptune import agenda
    from hptune.config.study_file import stage_space
    from hptune.report.safe_text import say
    from hptune.report.spaces import plan_text, specs_table

    specs = agenda.certain_specs(stage, config)
    specs_table(console, specs, stage_space(stage.space), exact=not console.is_terminal)
    plan = plan_text(stage.plan)
    if len(specs) == stage.n_trials:
        say(console, f"{plan[0].upper()}{plan[1:]}: these are all its configurations.")
    else:
        beginning = f"These {len(specs)} trials are certain" if len(specs) > 1 else "This trial is certain"
        say(console, f"{plan[0].upper()}{plan[1:]}. {beginning}; those after them depend on what comes of these.")


def _print_zoom(console: Console, title: str, found: Zoom) -> None:
    from hptune.report.safe_text import say
    from hptune.report.spaces import changes_table

    say(console, title)
    changes_table(console, found)
