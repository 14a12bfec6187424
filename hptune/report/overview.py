"""The head of a report: which run, which data, how far it is; its stages, their ranges, and how they closed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from rich.console import Console, JustifyMethod
from rich.table import Table

from hptune.analysis.advice import cut_text
from hptune.analysis.closing_in import Part, gain_text
from hptune.analysis.progress import Faults, StageSummary
from hptune.analysis.summary import Report
from hptune.breaker import FAILING
from hptune.domains import show
from hptune.report.columns import MISSING, Column, print_columns
from hptune.report.safe_text import heading, plain, print_trimmed, say
from hptune.report.spaces import bars_text
from hptune.search.plan import CONFIRM_SHARE, Budget, SearchPlan
from hptune.trial import Status
from hptune.wording import counted, duration, span


def print_overview(console: Console, report: Report) -> None:
    """Run, data and trials, a line each, and the stages in a table."""
    lines = [("run", f"{report.name} ({report.path})"), ("created", f"{report.created}, hptune {report.hptune}")]
    if report.data:
        lines.append(("data", _data_text(report)))
    lines.append(("trials", _trials_text(report)))
    if found := faults_text(replace(report.faults, failed={})):  # those stand with the trials
        lines.append(("lost", found))
    lines += [("machine", text) for text in report.environments]
    if busy := _busy(report.stages):
        elapsed_s = sum(stage.elapsed_s or 0 for stage in report.stages)
        lines.append(("workers", f"{busy} busy, {duration(elapsed_s)} in all"))
    if report.writer:
        lines.append(("running", report.writer))
    _print_labelled(console, lines)
    _print_stages(console, report.stages)


def _print_stages(console: Console, stages: Sequence[StageSummary]) -> None:
    heading(console, "Stages")

    def column(header: str, text: Callable[[StageSummary], str], justify: JustifyMethod = "right") -> Column:
        return Column(header, tuple(text(stage) for stage in stages), justify)

    n_done, n_epochs = sum(stage.n_done for stage in stages), sum(stage.epochs for stage in stages)
    has_shares = len(stages) > 1 and n_epochs > 0
    has_limit = any(_budget(stage).time_s is not None for stage in stages)
    name = column("stage", lambda stage: stage.name, "left")
    trials = column("trials", lambda stage: _of(stage.n_done, stage.n_planned))
    epochs = column("epochs", lambda stage: _of(stage.epochs, _budget(stage).epochs))
    of_trials = column("share", lambda stage: _percent(stage.n_done, n_done))
    of_epochs = column("share", lambda stage: _percent(stage.epochs, n_epochs))
    groups = [
        (trials, of_trials) if has_shares else (trials,),
        (column("stopped", lambda stage: show(stage.counts[Status.STOPPED.value])),),
        *([(column("diverged", lambda stage: show(_n_diverged(stage))),)] if any(map(_n_diverged, stages)) else []),
        *([(column("failed", lambda stage: show(_n_failed(stage))),)] if any(map(_n_failed, stages)) else []),
        (epochs, of_epochs) if has_shares else (epochs,),
        *([(column("time", _time),)] if has_limit else []),
        (column("best", _best, "left"),),
        (column("what", _what, "left"),),
    ]
    print_columns(console, (name,), name, groups)
    for stage in stages:
        for found in stage.extended:
            assert found.old is not None
            domains = f"{found.old.describe()} to {found.new.describe()}"
            say(console, f"{stage.name}: {found.name} extended from {domains}, for the best trials lay at an end")
        if stage.too_coarse:
            say(console, _too_coarse_text(stage), "yellow")
        if stage.n_unused:
            left = f"{stage.n_unused} trainings held back for it are left, for nothing else has completed"
            say(console, f"{stage.name}: {left}; hptune retest trains those again that have", "yellow")


def _too_coarse_text(stage: StageSummary) -> str:
    """That a search has not closed in, or hardly, and what to write where that is why."""
    text = f"{stage.name}: all of its {stage.n_done} trials are coarse: it never closed in"
    if stage.too_coarse < stage.n_done:
        text = f"{stage.name}: {stage.too_coarse} of its {stage.n_done} trials are coarse: it hardly closed in"
    assert isinstance(stage.plan, SearchPlan)
    if 2 * stage.plan.parallel > stage.n_done:
        return (
            f"{text}; with a smaller search.parallel than {stage.plan.parallel} it would learn from more of its trials"
        )
    return text


def print_ranges(console: Console, stages: Sequence[StageSummary]) -> None:
    """How zooms have changed the space: a column for every search."""
    searches = [stage for stage in stages if isinstance(stage.plan, SearchPlan)]
    if len(searches) < 2:
        return
    heading(console, "Search space by stage")
    names = tuple(found.name for found in searches[0].ranges)
    key = Column("hyperparameter", names, "left")
    domains = [{found.name: found.new.describe() for found in stage.ranges} for stage in searches]
    columns = [
        Column(stage.name, tuple(described.get(name, "") for name in names), "left")
        for stage, described in zip(searches, domains, strict=True)
    ]
    print_columns(console, (key,), key, [(column,) for column in columns])


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.0f} %"


def print_closing_in(console: Console, stages: Sequence[StageSummary], answer: int | None) -> None:
    """The parts of every search that has closed in: its trials, the side of their boxes, and the best so far."""
    for stage in stages:
        if stage.closing_in:
            heading(console, f"How {stage.name} closed in")
            _print_parts(console, stage.closing_in)
            if text := gain_text(stage.closing_in, answer):
                say(console, text)


def _print_parts(console: Console, parts: Sequence[Part]) -> None:
    phase = Column("phase", tuple(part.phase for part in parts), "left")
    columns = [
        Column("trials", tuple(f"{part.first}-{part.last}" for part in parts)),
        Column("stopped", tuple(show(part.n_stopped) for part in parts)),
        Column("side", tuple(MISSING if part.side is None else f"{part.side:.2f}" for part in parts)),
        Column("lowest in it", tuple(_lowest(part) for part in parts), "left"),
        Column("best so far", tuple(_best(part) for part in parts), "left"),
    ]
    print_columns(console, (phase,), phase, [(column,) for column in columns])


def _data_text(report: Report) -> str:
    sizes = ", ".join(f"{report.data[name]:,} {name}" for name in ("train", "dev", "test") if report.data.get(name))
    if "features" not in report.data:
        return f"{sizes} examples"
    classes = report.data["classes"]
    task = f"{classes} classes" if classes else "regression: errors are RMSE in deviations of the training targets"
    return f"{sizes} examples; {report.data['features']:,} features, {task}"


def _trials_text(report: Report) -> str:
    states = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in report.counts.items() if n)
    if report.n_planned is not None:
        return f"{report.n_planned} planned: {states}"
    return f"{sum(n or 0 for n in report.counts.values())} so far{': ' if states else ''}{states}"


def faults_text(found: Faults) -> str:
    """What has gone wrong, in a line; empty where nothing has: '2 attempts lost (2 x killed by signal 9), 1 failed'."""
    parts = []
    if found.lost_attempts:
        ways = ", ".join(f"{n} x {way.removeprefix('was ')}" for way, n in found.lost_attempts.items())
        parts.append(f"{counted(found.n_lost_attempts, 'attempt')} lost ({ways})")
    parts += [f"{counted(n, 'trial')} {status}" for status, n in found.failed.items()]
    if found.taken_back:
        parts.append(f"{counted(found.taken_back, 'result')} taken back to try again")
    return ", ".join(parts)


def _what(stage: StageSummary) -> str:
    """What a stage does, in a few words."""
    if not isinstance(stage.plan, SearchPlan):
        return stage.origin if stage.cut_short is None else f"{stage.origin}; {cut_text(stage.cut_short)}"
    return f"{stage.plan.method}{bars_text(stage.plan)}, {stage.origin}"


def _n_diverged(stage: StageSummary) -> int:
    return stage.counts[Status.DIVERGED.value]


def _n_failed(stage: StageSummary) -> int:
    return sum(stage.counts[status.value] for status in FAILING)


def _budget(stage: StageSummary) -> Budget:
    return stage.plan.budget if isinstance(stage.plan, SearchPlan) else Budget()


def _of(n: int, limit: int | None) -> str:
    return f"{n:,}" if limit is None else f"{n:,}/{limit:,}"


def _time(stage: StageSummary) -> str:
    """Of a search, its confirmation included."""
    limit_s = _budget(stage).time_s
    spent = duration(stage.elapsed_s) if stage.elapsed_s else MISSING
    if limit_s is None:
        return spent
    held_back = CONFIRM_SHARE if isinstance(stage.plan, SearchPlan) and stage.plan.confirm else 0.0
    limit_s /= 1 - held_back
    return f"{spent}/{duration(limit_s) if round(limit_s) else span(limit_s)}"


def _busy(stages: Sequence[StageSummary]) -> str:
    """The share of their time in which workers trained; empty where there is none.

    A worker begins a moment before it is seen to be ready, so that in a short run the sum can be above all there is.
    """
    available_s, busy_s = (sum(getattr(stage, name) or 0 for stage in stages) for name in ("available_s", "busy_s"))
    return f"{100 * min(busy_s / available_s, 1):.0f} %" if available_s else ""


def _best(found: StageSummary | Part) -> str:
    return MISSING if found.best_score is None else f"{show(found.best_score)} (trial {found.best_trial})"


def _lowest(part: Part) -> str:
    return MISSING if part.lowest is None else f"{show(part.lowest)} (trial {part.lowest_trial})"


def _print_labelled(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in lines:
        table.add_row(plain(console, label, "bold"), plain(console, text))
    print_trimmed(console, table)
