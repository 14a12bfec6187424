"""Coarse to fine: trials all over the space first, then ever nearer to the best ones.

A quarter of the budget goes to points spread evenly over the space. From then on a proposal takes one of the three best
trials and changes every hyperparameter a little, on its own scale. A change is drawn from a Cauchy distribution, as far
in the median as in a box of a certain side around that trial: most are small, now and then one is large, so that no
part of the space is ever out of reach. The side shrinks as the budget is spent. One proposal in twenty comes from
anywhere. docs/search.md says how this was chosen, and what each part is worth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hptune.domains import Choice, same
from hptune.randomness import Purpose, generator
from hptune.search.known import Key, Known, key_of
from hptune.search.lattice import point
from hptune.space import Parameter, SearchSpace
from hptune.trial import Kind, Origin, Status, Value

COARSE = 0.25  # share of the budget that is spent before anything is near to anything
GLOBAL = 0.05  # probability of a proposal from the whole space later on
CENTRES = (1.0, 1 / 2, 1 / 3)  # weights of the best trials as the one to be near to
LEAST_SIDE = 0.4  # at the end of the budget; 1 at the end of the coarse part
TRIES, PER_WIDTH, WIDER = 40, 5, 1.5  # for a new configuration: the box grows by half after every five
LAST_TRIES = 1000  # all over the space; after that it is taken for used up

Proposal = tuple[dict[str, Value], Origin]
UnitOf = Callable[[Parameter, Mapping[str, Value]], float]  # as SearchSpace.configure takes it


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is in a search."""

    seed: int  # of the run
    stage: int
    index: int  # of the trial in its stage, from 0
    number: int  # of the trial in the run
    share: float  # of the stage's budget that is spent


def propose(
    space: SearchSpace,
    fixed: Mapping[str, Value],
    best: Sequence[Known],
    taken: Collection[Key],
    turn: Turn,
) -> Proposal | None:
    """The next configuration of a search.

    best are the trials with a score that it may know of, best first, taken all configurations proposed before. None
    where every configuration of the space seems to be taken.
    """
    rng, share = generator(turn.seed, Purpose.PROPOSAL, turn.number), turn.share
    has_centre = bool(best) and best[0].status is Status.COMPLETED
    if share < COARSE or not has_centre:
        configuration = space.configure(_evenly(space, turn), fixed)
        if key_of(configuration) not in taken:
            return configuration, Origin(Kind.COARSE)
        return _anywhere(space, fixed, taken, Kind.COARSE, rng)
    if rng.random() < GLOBAL:
        return _anywhere(space, fixed, taken, Kind.GLOBAL, rng)
    centres = best[: len(CENTRES)]
    weights = np.array(CENTRES[: len(centres)])
    centre = centres[rng.choice(len(centres), p=weights / weights.sum())]
    third = best[: math.ceil(len(best) / 3)]
    shrunk = LEAST_SIDE ** ((share - COARSE) / (1 - COARSE))
    for attempt in range(TRIES):
        side = min(1.0, shrunk * WIDER ** (attempt // PER_WIDTH))
        configuration = space.configure(_near(space, centre.configuration, side, third, rng), fixed)
        if key_of(configuration) not in taken:
            return configuration, Origin(Kind.ZOOM, centre.number, side)
    return _anywhere(space, fixed, taken, Kind.GLOBAL, rng)


def _evenly(space: SearchSpace, turn: Turn) -> UnitOf:
    """The next of a stage's points that fill the space evenly."""
    names = sorted(space.searched)
    shift = generator(turn.seed, Purpose.LATTICE, turn.stage).random(len(names))
    coordinates = dict(zip(names, point(turn.index, shift).tolist(), strict=True))
    return lambda parameter, _: coordinates.get(parameter.name, 0.0)


def _anywhere(
    space: SearchSpace, fixed: Mapping[str, Value], taken: Collection[Key], kind: Kind, rng: np.random.Generator
) -> Proposal | None:
    """A configuration that is new, from the whole space."""
    for _ in range(LAST_TRIES):
        configuration = space.draw(rng.random(len(space.parameters)).tolist(), fixed)
        if key_of(configuration) not in taken:
            return configuration, Origin(kind)
    return None


def _near(
    space: SearchSpace, centre: Mapping[str, Value], side: float, best: Sequence[Known], rng: np.random.Generator
) -> UnitOf:
    """A point near the centre.

    What the centre does not have, or has under another condition, is drawn anew.
    """
    draws = {name: rng.random(2) for name in sorted(parameter.name for parameter in space.parameters)}

    def unit(parameter: Parameter, so_far: Mapping[str, Value]) -> float:
        name, conditions = parameter.name, [other for other, _ in parameter.when]
        change, anew = map(float, draws[name])
        if name in centre and all(same(so_far[other], centre.get(other, so_far[other])) for other in conditions):
            return _moved(parameter, centre[name], change, anew, side, best)
        return anew

    return unit


def _moved(parameter: Parameter, value: Value, change: float, anew: float, side: float, best: Sequence[Known]) -> float:
    """The unit coordinate of a parameter after a step from the centre's value; the border stops it.

    change and anew are uniform in [0, 1).
    """
    domain = parameter.domain
    if isinstance(domain, Choice):
        return _chosen(parameter.name, domain, best, anew) if change < side else domain.to_unit(value)
    step: float = math.tan(math.pi * (change - 1 / 2)) * max(side, domain.least_side(value)) / 4
    return min(max(domain.to_unit(value) + step, 0.0), 1.0)


def _chosen(name: str, domain: Choice, best: Sequence[Known], unit: float) -> float:
    """The unit coordinate of one of several values, each as likely as it is frequent among the best, and a bit more."""
    found = [trial.configuration[name] for trial in best if name in trial.configuration]
    n = len(domain.values)
    weights = [sum(same(value, other) for other in found) / max(len(found), 1) + 1 / (2 * n) for value in domain.values]
    reached = np.cumsum(weights)
    return domain.to_unit(domain.values[int(np.searchsorted(reached, unit * reached[-1], side="right"))])
