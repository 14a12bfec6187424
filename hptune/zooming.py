"""Where a zoom goes: which trials it grows from, the space that it searches, and whether anything in it is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hptune.agenda import n_new
from hptune.config import study_file
from hptune.config.study_file import StudyConfig
from hptune.errors import UsageError
from hptune.search import zoom
from hptune.search.zoom import Around, Zoom
from hptune.store import Snapshot
from hptune.store.answer import standings
from hptune.trial import Kind, TrialResult


@dataclass(frozen=True, slots=True)
class Zoomed:
    """A space that a zoom searches, and where it comes from."""

    parents: tuple[int, ...]
    found: Zoom
    origin: str  # in words


def zoomed(snapshot: Snapshot, around: Around, factor: float) -> Zoomed:
    """The space narrowed around what `around` names.

    It narrows the space that the trial was drawn from or, where that has been done before, the result of that.
    """
    order = standings(snapshot)
    if not order:
        raise UsageError(f"{snapshot.folder.path}: no trial has completed, so there is nothing to zoom in on")
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    if around.top is not None:
        parents = tuple(result.number for result in order[: around.top])
        space = study_file.stage_space(snapshot.stage_to_narrow(parents).final_space)
        found = zoom.enclosing(space, [configurations[number] for number in parents])
        return Zoomed(parents, found, f"box of the top {len(parents)}")
    parents = (_centre(snapshot, around, order),)
    space = study_file.stage_space(snapshot.stage_to_narrow(parents).final_space)
    best = [configurations[result.number] for result in order[: zoom.n_best(len(order))]]
    found = zoom.around(space, configurations[parents[0]], best, factor)
    return Zoomed(parents, found, f"zoom around trial {parents[0]}, factor {factor:g}")


def is_used_up(snapshot: Snapshot, config: StudyConfig) -> bool:
    """Whether a zoom around the answer would find nothing new: all configurations there have been tried."""
    if not standings(snapshot):
        return False
    return n_new(zoomed(snapshot, Around(), zoom.FACTOR).found.space, config, snapshot) == 0


def require_new(snapshot: Snapshot, config: StudyConfig, found: Zoomed) -> None:
    """Refuse a zoom in which nothing is new.

    Raises:
        UsageError: all configurations of its space have been tried.

    """
    if config.search.method == "random" or n_new(found.found.space, config, snapshot) != 0:
        return
    path, place = snapshot.folder.path, snapshot.folder.config
    raise UsageError(
        f"{path}: {found.origin}: nothing in it is new, for all of its configurations have been tried. "
        f"To be surer of the answer: hptune retest {path}. To find others, search a wider space than {place}"
    )


def _centre(snapshot: Snapshot, around: Around, order: Sequence[TrialResult]) -> int:
    if around.number is None:
        return order[0].number  # the answer
    if any(result.number == around.number for result in order):
        return around.number
    for trial in snapshot.trials:
        if trial.number == around.number and trial.spec.origin.kind is Kind.CONFIRMATION:
            parent = trial.spec.origin.parent
            raise UsageError(f"--around {around.number}: that trial confirms trial {parent}: zoom around {parent}")
        if trial.number == around.number and trial.result is not None:
            result = trial.result
            raise UsageError(f"--around {around.number}: that trial has {result.status.value} ({result.reason})")
    last = snapshot.next_number - 1
    raise UsageError(f"--around {around.number}: no such trial has ended; they go from 0 to {last}")
