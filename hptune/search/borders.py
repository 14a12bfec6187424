"""Borders: a range whose best values crowd at one of its ends was probably too small."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hptune.search import model, zoom
from hptune.search.coordinates import column_of, points_of
from hptune.search.known import Known
from hptune.search.ranking import best_first
from hptune.space import Parameter, SearchSpace
from hptune.trial import Status, Value

AMONG, OTHERS = 5, 2  # the winner, and two others of the best five, lie at an end
REST_ON = 100  # of the best trials, by which a slope is judged
SPARE = 4  # trials more than there are coefficients
SURE = 2.5  # standard errors
LARGEST_LEVEL = 0.2  # of a range, that can count as its end
SHARE = 0.5  # of a range that is added to it there
NEVER = ("epochs",)  # which are a budget: more of them are nearly always better
TIMES = 2  # at the most, on each side


@dataclass(frozen=True, slots=True)
class End:
    """An end of a parameter's range."""

    name: str
    side: zoom.Border


def crowded(space: SearchSpace, known: Sequence[Known]) -> tuple[End, ...]:
    """The ends at which the best trials lie, and towards which scores become better by more than chance explains.

    At an end lie the winner and two others of the best five completed trials: in its outer 5 %, or level. The best are
    often each other's offspring, so that those of a hyperparameter that hardly matters may lie there by chance: what
    decides is the slope of the scores at the winner, in a regression on all hyperparameters (see _improves).
    """
    best = [trial for trial in best_first(known) if trial.status is Status.COMPLETED][:REST_ON]
    found = []
    for parameter in space.parameters:
        sides = [_end(parameter, trial.configuration) for trial in best[:AMONG]]
        if parameter.is_searched and sides and sides[0] is not None and sides.count(sides[0]) > OTHERS:
            end = End(parameter.name, sides[0])
            if _improves(space, best, end):
                found.append(end)
    return tuple(found)


def _improves(space: SearchSpace, best: Sequence[Known], end: End) -> bool:
    """Whether scores become better towards an end, by more than SURE standard errors; so where too few could tell.

    Eased scores are fitted by least squares to the coordinates and, where there are trials enough, to their squares,
    so that what other hyperparameters do at the same time is not taken for the work of this one.
    """
    points = points_of(space, [trial.configuration for trial in best])
    at = column_of(space, end.name)
    scores = model.eased(np.array([trial.lowest[-1] for trial in best]))
    with_squares = np.column_stack([np.ones(len(best)), points, points**2])
    n_spare = len(best) - with_squares.shape[1]
    columns = with_squares if n_spare >= SPARE else with_squares[:, : 1 + points.shape[1]]
    if len(best) - columns.shape[1] < SPARE:
        return True
    slope = np.zeros(columns.shape[1])
    slope[1 + at] = 1.0
    if columns is with_squares:
        slope[1 + points.shape[1] + at] = 2 * points[0, at]
    inverse = np.linalg.pinv(columns)
    residuals = scores - columns @ (inverse @ scores)
    deviation = math.sqrt(float(residuals @ residuals) / (len(best) - np.linalg.matrix_rank(columns)))
    error = deviation * float(np.linalg.norm(slope @ inverse))
    found = float(slope @ inverse @ scores)
    return (-found if end.side == "high" else found) > SURE * error


def _end(parameter: Parameter, configuration: Mapping[str, Value]) -> zoom.Border | None:
    """At which end of its range a trial's value lies.

    One of a few levels, a fifth of the range or more, is no end: that the best share it may well be chance.
    """
    if parameter.name not in configuration:
        return None
    value, domain = configuration[parameter.name], parameter.domain
    unit, side = domain.to_unit(value), zoom.border(domain, value)
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
        new = zoom.extended(old.domain, end.side, SHARE, old.legal)
        if times.get(end, 0) < TIMES and new != old.domain and end.name not in NEVER:
            moved.append(end)
            parameters[place] = replace(old, domain=new)
    return SearchSpace(tuple(parameters)), tuple(moved)
