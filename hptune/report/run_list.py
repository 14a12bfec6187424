"""The table of runs below a folder."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from hptune.analysis.progress import RunLine, run_line
from hptune.domains import show
from hptune.report.columns import MISSING, Column, print_columns
from hptune.report.safe_text import say
from hptune.runs import RunFolder


def runs_table(console: Console, folders: Iterable[RunFolder]) -> None:
    """Print a line a run. Of runs that cannot be read the state says so, and the reason stands below the table."""
    lines = [run_line(folder) for folder in folders]
    if not lines:
        say(console, "No runs.")
        return
    columns = [
        Column("run", tuple(line.name for line in lines), "left"),
        Column("created", tuple(line.created[:16].replace("T", " ") for line in lines), "left"),
        Column("trials", tuple(_trials(line) for line in lines)),
        Column("best", tuple(_best(line) for line in lines), "left"),
        Column("state", tuple(line.state for line in lines), "left"),
    ]
    print_columns(console, (columns[0],), columns[0], [(column,) for column in columns[1:]])
    for line in lines:
        if line.problem:
            say(console, line.problem, "red")


def _trials(line: RunLine) -> str:
    if line.problem:
        return MISSING
    return f"{line.n_done} so far" if line.n_planned is None else f"{line.n_done}/{line.n_planned}"


def _best(line: RunLine) -> str:
    return MISSING if line.best_score is None else f"{line.metric} {show(line.best_score)}"
