"""Borders: a range whose best values crowd at one of its ends was probably too small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hptune.domains import Border
from hptune.search.known import Known, best_first
from hptune.space import Parameter, SearchSpace
from hptune.trial import Status, Value

AMONG, OTHERS = 5, 2  # the winner, and two others of the best five, lie at an end
LARGEST_LEVEL = 0.2  # of a range, that can count as its end
SHARE = 0.5  # of a range that is added to it there
NEVER = ("epochs",)  # which are a budget: more of them are nearly always better
TIMES = 2  # at the most, on each side


@dataclass(frozen=True, slots=True)
class End:
    """An end of a parameter's range."""

    name: str
    side: Border


def crowded(space: SearchSpace, known: Sequence[Known]) -> tuple[End, ...]:
    """The ends at which the winner and two others of the best five completed trials lie: in the outer 5 %, or level."""
    best = [trial.configuration for trial in best_first(known) if trial.status is Status.COMPLETED][:AMONG]
    found = []
    for parameter in space.parameters:
        sides = [_end(parameter, values) for values in best]
        if parameter.is_searched and sides and sides[0] is not None and sides.count(sides[0]) > OTHERS:
            found.append(End(parameter.name, sides[0]))
    return tuple(found)


def _end(parameter: Parameter, configuration: Mapping[str, Value]) -> Border | None:
    """At which end of its range a trial's value lies.

    One of a few levels, a fifth of the range or more, is no end: that the best share it may well be chance.
    """
    if parameter.name not in configuration:
        return None
    value, domain = configuration[parameter.name], parameter.domain
    unit, side = domain.to_unit(value), domain.border(value)
    return side if round(min(unit, 1 - unit), 9) < LARGEST_LEVEL / 2 else None


def extended(
    space: SearchSpace, known: Sequence[Known], times: Mapping[End, int]
) -> tuple[SearchSpace, tuple[End, ...]]:
    """The space with its crowded ends moved out, as far as is legal, and which ends those are.

    times says how often every end has been moved out before.
    """
    moved, parameters = [], list(space.parameters)
    for end in crowded(space, known):
        place = next(i for i, parameter in enumerate(parameters) if parameter.name == end.name)
        old = parameters[place]
        new = old.domain.extended(end.side, SHARE, old.legal)
        if times.get(end, 0) < TIMES and new != old.domain and end.name not in NEVER:
            moved.append(end)
            parameters[place] = replace(old, domain=new)
    return SearchSpace(tuple(parameters)), tuple(moved)
