"""The command that trains failed trials again: retry. Heavy imports stand inside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hptune.cli.options import lasting_console, runs_option, set_up_blas, workers_option
from hptune.cli.overrides import limits_option, overrides
from hptune.cli.training import say_if_elsewhere, to_go, train
from hptune.errors import UsageError
from hptune.trial import Status
from hptune.wording import counted

if TYPE_CHECKING:
    from hptune.store import Snapshot


@click.command(short_help="Train trials again that have failed.")
@click.argument("run", required=False)
@click.option("--failed", is_flag=True, help="Those whose training raised an error.")
@click.option("--crashed", is_flag=True, help="Those whose worker process died, three times.")
@click.option("--timed-out", is_flag=True, help="Those that took longer than they may.")
@workers_option
@limits_option
@runs_option
def retry(
    run: str | None,
    failed: bool,
    crashed: bool,
    timed_out: bool,
    workers: int | Literal["auto"] | None,
    settings: Sequence[str],
    runs: Path,
) -> None:
    """Train the trials of RUN (its name or path; the newest by default) again that have failed, then what is left.

    They have the configurations and the seeds that they had. Everything else stays as it was, and what they were is
    kept and counted. Trials that diverged have not failed: the same seed would diverge again.
    """
    set_up_blas()
    from hptune import retry as retrying
    from hptune import session, study
    from hptune.report.safe_text import say
    from hptune.runs import find
    from hptune.store import Store
    from hptune.stored_config import config_of, with_limits

    asked = {Status.FAILED: failed, Status.CRASHED: crashed, Status.TIMED_OUT: timed_out}
    statuses = [status for status, is_asked in asked.items() if is_asked]
    console = lasting_console()
    with Store(find(runs, run)) as store:
        folder, snapshot = store.folder, store.snapshot()
        if not statuses:
            raise UsageError(f"{folder.path}: which trials? {_choices(snapshot)}")
        trials = retrying.trials_to_retry(snapshot, statuses)
        if not trials:
            words = " or ".join(status.value for status in statuses)
            say(console, f"{folder.path}: no trial has {words}; nothing to retry.{_of_diverged(snapshot)}")
            return
        loaded = with_limits(config_of(snapshot), overrides(settings))
        dataset = study.same_data(loaded, snapshot)
        say_if_elsewhere(console, snapshot)
        with session.sitting(folder, loaded, dataset):
            del dataset  # memory that is needed no more
            retrying.take_back(store, trials)
            say(console, f"{folder.path}: {counted(len(trials), 'trial')} again; {to_go(store.snapshot())}.")
            train(store, loaded, console, workers, runs)


def _of_diverged(snapshot: Snapshot) -> str:
    """That trials which diverged are not among those that failed; empty where none has."""
    n = sum(result.status is Status.DIVERGED for result in snapshot.results)
    return f" {counted(n, 'trial')} diverged, which is a finding: the same seed would diverge again." if n else ""


def _choices(snapshot: Snapshot) -> str:
    """The options, with how many trials each would train again."""
    from hptune.breaker import retry_option
    from hptune.retry import trials_to_retry

    counts = [
        f"{retry_option(status)} ({len(trials_to_retry(snapshot, [status]))})"
        for status in (Status.FAILED, Status.CRASHED, Status.TIMED_OUT)
    ]
    return f"Give one or more of {', '.join(counts)}"
