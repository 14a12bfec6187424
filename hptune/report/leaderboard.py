"""The leaderboard: rank, errors, learning curve and searched hyperparameters of a run's first trials."""

from __future__ import annotations

import math
from collections.abc import Callable

from rich.console import Console

from hptune.analysis import leaderboard as leaders
from hptune.analysis.leaderboard import TOP, Leaderboard, Row
from hptune.domains import show
from hptune.report.columns import MISSING, Column, Group, print_differing
from hptune.report.safe_text import heading, say
from hptune.report.sparkline import sparklines
from hptune.tables import Run, complement
from hptune.trial import Kind, Origin, Value
from hptune.wording import counted


def leaderboard(console: Console, run: Run, top: int = TOP) -> None:
    """Print the best trials of a run."""
    print_leaderboard(console, leaders.leaderboard(run, top))


def print_leaderboard(console: Console, board: Leaderboard) -> None:
    """Print a leaderboard made before."""
    if not board.rows:
        heading(console, "Leaderboard: no trial has completed")
        return
    heading(console, _title(board))
    rank = _column(board, "rank", lambda row: _optional(row.rank))
    trial = _column(board, "trial", lambda row: str(row.trial))
    groups = [*_results(board), (_curve(console, board),), *(_hyperparameter(board, name) for name in board.searched)]
    shown = {column.header for group in ((rank, trial), *groups) for column in group}
    if board.sort is not None and board.sort not in shown:
        groups.insert(0, (_column(board, board.sort, lambda row: _optional(row.sort_value)),))
    print_differing(console, (rank, trial), trial, groups)
    if board.answer is not None and board.sort is None:
        how = f"confirmed trials stand by their mean of fresh seeds, others by {board.metric}"
        say(console, f"Rank 1 is the answer; {how}.")
    if any(row.metrics.get("train_error", 0.0) > row.metrics.get("dev_error", math.inf) for row in board.rows):
        say(console, "train_error is the mean while learning, dropout on: it can be above dev_error")


def _title(board: Leaderboard) -> str:
    order = f"best by {board.metric}" if board.sort is None else f"first by {board.sort}"
    n = len(board.rows)
    if board.sort is not None:
        return f"Leaderboard: the {n} {order} of {counted(board.n_trials, 'trial')}"
    n_completed = board.n_trials - board.n_stopped
    completed = f"{n_completed:,} completed and " if board.n_stopped else ""
    trials = counted(board.n_stopped, "stopped trial") if board.n_stopped else counted(n_completed, "completed trial")
    return f"Leaderboard: the {n} {order} of {completed}{trials}"


def _column(board: Leaderboard, header: str, text: Callable[[Row], str], *, always: bool = False) -> Column:
    return Column(header, tuple(text(row) for row in board.rows), always=always)


def _optional(value: Value | None) -> str:
    return MISSING if value is None else show(value)


def _results(board: Leaderboard) -> list[Group]:
    """Stage, origin, status (where it can differ), errors at the best epoch, and that epoch out of all."""
    stage = Column("stage", tuple(row.stage for row in board.rows), "left")
    origin = Column("origin", tuple(_origin(row.origin) for row in board.rows), "left")
    status = Column("status", tuple(row.status for row in board.rows), "left")
    names = dict.fromkeys([board.metric, "dev_error", "train_error"])
    epoch = _column(board, "epoch", lambda row: f"{_optional(row.best_epoch)}/{_optional(row.epochs)}", always=True)
    are_alike = board.sort is None and not any(row.rank is None for row in board.rows)
    stages = [] if {row.stage for row in board.rows} == {"search"} else [stage]
    confirmed = [_column(board, "confirmed", lambda row: _optional(row.mean), always=True)]
    means = confirmed if any(row.mean is not None for row in board.rows) else []
    metrics = [_metric(board, name) for name in names]
    columns = [*stages, origin, *([] if are_alike else [status]), *means, *metrics, epoch]
    return [(column,) for column in columns]


def _origin(origin: Origin) -> str:
    """Shorter than in trials.csv."""
    if origin.kind is Kind.ZOOM:
        return f"near {origin.parent}"
    kind = "whole space" if origin.kind is Kind.GLOBAL else origin.kind.value
    return kind if origin.parent is None else f"{kind} of {origin.parent}"


def _metric(board: Leaderboard, name: str) -> Column:
    return _column(board, name, lambda row: _optional(row.metrics.get(name)), always=True)


def _curve(console: Console, board: Leaderboard) -> Column:
    """All curves on one scale, each between its first and its last value."""
    lines = sparklines([row.curve for row in board.rows], unicode=console.encoding.startswith("utf"))
    first, last = ([f"{row.curve[place]:.2g}" if row.curve else "" for row in board.rows] for place in (0, -1))
    before, width = max(map(len, first), default=0), max(map(len, lines), default=0)
    texts = [f"{a:>{before}} {line:<{width}} {b}".rstrip() for a, line, b in zip(first, lines, last, strict=True)]
    return Column(f"{board.metric} curve", tuple(texts), "left", always=True)


def _hyperparameter(board: Leaderboard, name: str) -> Group:
    """Its column, and that of its complement where it lies on a 1-beta scale."""
    column = _column(board, name, lambda row: _optional(row.hyperparameters.get(name)))
    if name not in board.near_one:
        return (column,)
    values = [row.hyperparameters.get(name) for row in board.rows]
    texts = tuple(MISSING if value is None else show(1 - float(value)) for value in values)
    return (column, Column(complement(name), texts))
