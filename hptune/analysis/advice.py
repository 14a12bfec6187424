"""What to do next with a run: where its best trial lies in its space, and which command follows from that."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hptune.domains import Border, Domain, show
from hptune.search import zoom
from hptune.search.ranking import ranked
from hptune.space import SearchSpace
from hptune.store import Snapshot
from hptune.trial import Status, Value
from hptune.wording import counted

PATIENCE = 2  # zooms in a row without a better trial, after which more are not worth it
ADVICE_FOR = {
    Status.DIVERGED.value: "The learning rates are probably too high: lower space.learning_rate.high.",
    Status.FAILED.value: "The training raises an error; its message above says where.",
    Status.CRASHED.value: "Worker processes die; where memory is short, use fewer --workers or smaller networks.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do, and the command for it where there is one."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class BorderHit:
    """A hyperparameter whose best value lies at an end of its range."""

    name: str
    side: Border
    value: Value
    domain: Domain
    can_extend: bool  # whether values beyond that end are legal


def borders(space: SearchSpace, configuration: Mapping[str, Value]) -> tuple[BorderHit, ...]:
    """Where a trial lies on the border of the space that it was drawn from."""
    hits = []
    for change in zoom.around(space, configuration, [], zoom.FACTOR).changes:
        if change.name in configuration and change.old.size > 1:
            value = configuration[change.name]
            if (side := change.old.border(value)) is not None:
                can_extend = getattr(change.new, side) != getattr(change.old, side)
                hits.append(BorderHit(change.name, side, value, change.old, can_extend))
    return tuple(hits)


def next_steps(snapshot: Snapshot, hits: Sequence[BorderHit], failures: Sequence[tuple[str, str]]) -> tuple[Step, ...]:
    """What to do now. failures holds (status, reason) of the groups of failed trials, the largest first."""
    run = shlex.quote(str(snapshot.folder.path))
    if not snapshot.is_finished:
        to_go = f"{snapshot.n_to_go} of {counted(snapshot.n_planned or 0, 'trial')} to go."
        if snapshot.writer:
            return (Step(f"{to_go} Being searched by {snapshot.writer}."),)
        return (Step(to_go, f"hptune resume {run}"),)
    if not ranked(snapshot.found):
        return _all_failed(failures)
    if _zooms_without_gain(snapshot) >= PATIENCE:
        text = f"The last {_zooms_without_gain(snapshot)} zooms found nothing better: train the answer in"
        return (Step(f"{text} {snapshot.folder.best_yaml}"),)
    extendable = [hit for hit in hits if hit.can_extend]
    if extendable:
        ends = ", ".join(f"the {_end(hit)} end of {hit.name} ({show(hit.value)})" for hit in extendable)
        text = f"The best trial lies at {ends}: a zoom extends the space there and narrows it elsewhere."
    else:
        text = "Narrow the space around the best trial and sample it more densely."
    return (Step(text, f"hptune zoom --around best --run {run}"),)


def _end(hit: BorderHit) -> str:
    return "lower" if hit.side == "low" else "upper"


def _zooms_without_gain(snapshot: Snapshot) -> int:
    """How many stages have passed since the one that found the best trial."""
    best = ranked(snapshot.found)[0].number
    found_in = next(trial.stage for trial in snapshot.trials if trial.number == best)
    return sum(stage.is_search for stage in snapshot.stages[found_in + 1 :])


def _all_failed(failures: Sequence[tuple[str, str]]) -> tuple[Step, ...]:
    """What trials have in common of which none has completed."""
    if not failures:
        return ()
    statuses = list(dict.fromkeys(status for status, _ in failures))
    common = f"All of them {statuses[0]}" if len(statuses) == 1 else f"They {' or '.join(statuses)}"
    what = f"{common}: {failures[0][1]}." if len(failures) == 1 else f"{common}, for {len(failures)} reasons."
    return (Step(f"No trial has completed. {what}"), *(Step(ADVICE_FOR[status]) for status in statuses))
