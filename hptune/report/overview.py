"""The head of a report: which run, which data, how far it is; and the ranges of its stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from hptune.analysis.progress import StageSummary
from hptune.analysis.summary import Report
from hptune.domains import show
from hptune.report.columns import Column, print_columns
from hptune.report.safe_text import heading, plain
from hptune.wording import counted


def print_overview(console: Console, report: Report) -> None:
    """Run, data, trials and stages, a line each."""
    lines = [("run", f"{report.name} ({report.path})"), ("created", f"{report.created}, hptune {report.hptune}")]
    if report.data:
        lines.append(("data", _data_text(report)))
    lines.append(("trials", _trials_text(report)))
    if report.writer:
        lines.append(("running", report.writer))
    lines.extend(("stage", _stage_text(stage)) for stage in report.stages)
    _print_labelled(console, lines)


def print_ranges(console: Console, stages: Sequence[StageSummary]) -> None:
    """How zooms have changed the space: a column for every stage."""
    if len(stages) < 2:
        return
    heading(console, "Search space by stage")
    names = tuple(found.name for found in stages[0].ranges)
    key = Column("hyperparameter", names, "left")
    domains = [{found.name: found.new.describe() for found in stage.ranges} for stage in stages]
    columns = [
        Column(stage.name, tuple(described.get(name, "") for name in names), "left")
        for stage, described in zip(stages, domains, strict=True)
    ]
    print_columns(console, (key,), key, [(column,) for column in columns])


def _data_text(report: Report) -> str:
    sizes = ", ".join(f"{report.data[name]:,} {name}" for name in ("train", "dev", "test") if report.data.get(name))
    if "features" not in report.data:
        return f"{sizes} examples"
    classes = report.data["classes"]
    task = f"{classes} classes" if classes else "regression: errors are RMSE in deviations of the training targets"
    return f"{sizes} examples; {report.data['features']:,} features, {task}"


def _trials_text(report: Report) -> str:
    states = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in report.counts.items() if n)
    lost = f"; {counted(report.n_lost_attempts, 'attempt')} lost to dead workers" if report.n_lost_attempts else ""
    return f"{report.n_planned} planned: {states}{lost}"


def _stage_text(stage: StageSummary) -> str:
    best = "" if stage.best_score is None else f", best {show(stage.best_score)} (trial {stage.best_trial})"
    return f"{stage.name} ({stage.origin}): {stage.n_done} of {stage.n_planned}{best}"


def _print_labelled(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in lines:
        table.add_row(plain(console, label, "bold"), plain(console, text))
    console.print(table)
