"""Coarse to fine: trials all over the space first, then ever nearer to the best ones.

A quarter of the budget goes to points spread evenly over the space. From then on a proposal takes one of the three best
trials and changes every hyperparameter a little, on its own scale. A change is drawn from a Cauchy distribution, as far
in the median as in a box of a certain side around that trial: most are small, now and then one is large, so that no
part of the space is ever out of reach. The side shrinks as the budget is spent. One proposal in twenty comes from
anywhere. docs/search.md says how this was chosen, and what each part is worth.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hptune.randomness import Purpose, generator
from hptune.search.even_points import point
from hptune.search.known import Key, Known, key_of
from hptune.search.promising import chosen, keeps, most_promising, one_of
from hptune.space import Parameter, SearchSpace, UnitOf
from hptune.trial import Kind, Origin, Status, Value

COARSE = 0.25  # share of the budget that is spent before anything is near to anything
GLOBAL = 0.05  # probability of a proposal from the whole space later on
FEWEST = 3  # completed trials that a model rests on
LEAST_SIDE = 0.4  # at the end of the budget; 1 at the end of the coarse part
NEAR_BORDER = 0.2  # of the way from the border back to the centre: the farthest that a step that would leave it ends
TRIES, PER_WIDTH, WIDER = 40, 5, 1.5  # for a new configuration: the box grows by half after every five
LAST_TRIES = 1000  # all over the space; after that it is taken for used up

Proposal = tuple[dict[str, Value], Origin]


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is in a search."""

    seed: int  # of the run
    stage: int
    index: int  # of the trial in its stage, from 0
    number: int  # of the trial in the run
    share: float  # of the stage's budget that is spent
    failure_cost: float = 0.0  # of a step that leads to nothing, as a share of a whole training
    under_way: Sequence[Mapping[str, Value]] = ()  # configurations whose scores are not known yet


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
    if share > 1 - turn.failure_cost:
        completed = [trial for trial in best if trial.status is Status.COMPLETED]
        if len(completed) >= FEWEST and (found := most_promising(space, fixed, completed, taken, turn.under_way, rng)):
            return found
    centre = one_of(best, rng)
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
    coordinates = dict(zip(names, point(turn.seed, turn.stage, turn.index, len(names)), strict=True))
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
        change, anew = map(float, draws[parameter.name])
        if keeps(parameter, centre, so_far):
            return _moved(parameter, centre[parameter.name], change, anew, side, best)
        return anew

    return unit


def _moved(parameter: Parameter, value: Value, change: float, anew: float, side: float, best: Sequence[Known]) -> float:
    """The unit coordinate of a parameter after a step from the centre's value; one beyond a border ends near it.

    change and anew are uniform in [0, 1).
    """
    domain = parameter.domain
    if domain.scale is None:
        return chosen(parameter.name, domain, best, anew) if change < side else domain.to_unit(value)
    step: float = math.tan(math.pi * (change - 1 / 2)) * max(side, domain.least_side(value)) / 4
    place = domain.to_unit(value)
    reached = place + step
    if 0 <= reached <= 1:
        return reached
    beyond = NEAR_BORDER * anew**3
    return place * beyond if reached < 0 else 1 - (1 - place) * beyond
