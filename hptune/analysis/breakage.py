"""Why failing trials have stopped a run: how they failed, and what their hyperparameters have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hptune.analysis.progress import Failure, failures
from hptune.domains import show
from hptune.store import Snapshot
from hptune.trial import Status, Value

Configuration = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Trait:
    """Something that all of the failed ones share, and none of the successful ones."""

    name: str
    relation: Literal["is", "is above", "is below"]
    value: Value  # of all of them; above or below it, the nearest value of a successful one

    def __str__(self) -> str:
        return f"{self.name} {self.relation} {show(self.value)}"


@dataclass(frozen=True, slots=True)
class Breakage:
    """The trials that have opened the breaker of a sitting (hptune.breaker)."""

    failures: tuple[Failure, ...]  # the largest group first
    traits: tuple[Trait, ...]  # of that group
    n_successful: int  # trials of the run that have a score
    statuses: tuple[Status, ...]  # in the order of Status

    @property
    def n_failed(self) -> int:
        return sum(len(failure.trials) for failure in self.failures)


def breakage(snapshot: Snapshot, failed: Collection[int]) -> Breakage:
    """What is to be said of trials of these numbers that have failed."""
    results = [result for result in snapshot.results if result.number in failed]
    groups = failures(results)
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    successful = [configurations[result.number] for result in snapshot.results if result.score is not None]
    worst = [configurations[number] for number in groups[0].trials] if groups else []
    found = {result.status for result in results}
    return Breakage(
        groups, in_common(worst, successful), len(successful), tuple(status for status in Status if status in found)
    )


def in_common(failed: Sequence[Configuration], successful: Sequence[Configuration]) -> tuple[Trait, ...]:
    """The traits of the failed ones, in the order of their hyperparameters.

    A hyperparameter that some of the failed ones do not have is none of them. Where nothing has succeeded, the choices
    that all of them share.
    """
    shared = [name for name in failed[0] if all(name in one for one in failed)] if failed else []
    traits = (_trait(name, [one[name] for one in failed], _values(name, successful)) for name in shared)
    return tuple(trait for trait in traits if trait is not None)


def _values(name: str, configurations: Sequence[Configuration]) -> list[Value]:
    return [one[name] for one in configurations if name in one]


def _trait(name: str, failed: Sequence[Value], successful: Sequence[Value]) -> Trait | None:
    bad, good = _numbers(failed), _numbers(successful)
    if len(bad) < len(failed) or len(good) < len(successful):  # choices
        is_same = len(set(map(repr, failed))) == 1
        return Trait(name, "is", failed[0]) if is_same and repr(failed[0]) not in map(repr, successful) else None
    if good and min(bad) > max(good):
        return Trait(name, "is above", max(good))
    if good and max(bad) < min(good):
        return Trait(name, "is below", min(good))
    return None


def _numbers(values: Sequence[Value]) -> list[float]:
    return [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
