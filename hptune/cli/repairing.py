"""The command that mends a damaged run: repair. Heavy imports stand inside it."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from hptune.cli.options import new_console, runs_option


@click.command(short_help="Save what is sound in a damaged run.")
@click.argument("run", required=False)
@runs_option
def repair(run: str | None, runs: Path) -> None:
    """Save what is sound in RUN (its name or path; the newest by default), where its database is damaged.

    What is lost is trained again by hptune resume and comes out the same. The damaged file is kept.
    """
    from hptune.report.safe_text import say
    from hptune.runs import find
    from hptune.store.repair import repair
    from hptune.wording import counted

    console, folder = new_console(), find(runs, run)
    done = repair(folder)
    if done is None:
        say(console, f"{folder.path}: nothing to repair: all that it holds is as it was written.")
        return
    kept = counted(len(done.snapshot.results), "result")
    say(console, f"{folder.path}: {kept} kept. The damaged file is now {done.kept.name}; nothing of it was deleted.")
    say(console, f"Lost: {_some(done.losses)}." if done.losses else "No trial was lost.")
    for stage in done.dropped:
        text = f"Left out: {stage.name} ({stage.origin}), which grew from what is lost: ask for it anew."
        say(console, text, "yellow")
    if not done.snapshot.is_finished:
        command = f"hptune resume {shlex.quote(str(folder.path))}"
        say(console, f"What is lost is trained again, and comes out the same: {command}")


def _some(losses: tuple[str, ...]) -> str:
    shown = "; ".join(losses[:10])
    return shown if len(losses) <= 10 else f"{shown}; and {len(losses) - 10} more"
