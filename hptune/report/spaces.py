"""What is about to be searched: the ranges that a zoom has changed, and the exact configurations of a dry run."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from hptune.domains import show
from hptune.report.columns import MISSING, Column, print_columns
from hptune.report.safe_text import say
from hptune.search.plan import REPLICATES, ConfirmPlan, Plan, SearchPlan
from hptune.search.zoom import Zoom
from hptune.space import SearchSpace
from hptune.trial import TrialSpec, Value
from hptune.wording import counted, span


def changes_table(console: Console, zoom: Zoom) -> None:
    """Print the old and the new range of every hyperparameter, with a note below where there is something to say."""
    changes = zoom.changes
    name = Column("hyperparameter", tuple(change.name for change in changes), "left")
    old = Column("old range", tuple(change.old.describe() for change in changes), "left")
    new = Column("new range", tuple(change.new.describe() for change in changes), "left")
    print_columns(console, (name,), name, [(old,), (new,)])
    for change in changes:
        if change.note:
            say(console, f"{change.name}: {change.note}")


def specs_table(console: Console, specs: Iterable[TrialSpec], space: SearchSpace, *, exact: bool = False) -> None:
    """Print the configurations of trials to come: rounded for people or, for programs, exact and a trial a line."""
    planned = list(specs)
    said = _exact if exact else _rounded
    trial = Column("trial", tuple(str(spec.number) for spec in planned))
    groups = [
        (Column(parameter.name, tuple(said(spec.hyperparameters.get(parameter.name)) for spec in planned)),)
        for parameter in space.parameters
    ]
    print_columns(_unfolded(console) if exact else console, (trial,), trial, groups)


def plan_text(plan: Plan) -> str:
    """What a stage is to do, in a few words."""
    if isinstance(plan, ConfirmPlan):
        return f"{counted(len(plan.trials), 'configuration')}, {counted(len(plan.replicates), 'fresh seed')} each"
    limits = [] if plan.budget.trials is None else [counted(plan.budget.trials, "trial")]
    limits += [] if plan.budget.epochs is None else [counted(plan.budget.epochs, "epoch")]
    limits += [] if plan.budget.time_s is None else [span(plan.budget.time_s)]
    n_trainings = plan.confirm * REPLICATES
    confirming = f", then {n_trainings} trainings to confirm the best {plan.confirm}" if plan.confirm else ""
    return f"{plan.method} search{bars_text(plan)} of {' or '.join(limits)}{confirming}"


def bars_text(plan: SearchPlan) -> str:
    """Whether there are bars, where that is not as usual for the method."""
    if plan.bars == (plan.method == "coarse-to-fine"):
        return ""
    return " with bars" if plan.bars else " without bars"


def _unfolded(console: Console) -> Console:
    """A console on which one row is one line, however long."""
    return Console(file=console.file, width=10_000, highlight=False)


def _rounded(value: Value | None) -> str:
    return MISSING if value is None else show(value)


def _exact(value: Value | None) -> str:
    """A float by the shortest text that reads back as the same number."""
    if value is None:
        return MISSING
    return repr(value) if isinstance(value, float) else show(value)
