"""The most promising of many steps, for searches in which a step that fails costs as much as one that does not.

Each step goes from one of the best trials along the difference of two of them, longer or shorter at random, and a
little to all sides (differential evolution, Storn and Price 1997): so steps are as long as the best trials lie apart,
along the valleys that they lie in, and become shorter as they draw together. A border reflects them. A few come from
anywhere. The one that the model expects most of is taken (hptune.search.model).
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hptune.domains import Choice, same
from hptune.search import model
from hptune.search.coordinates import points_of
from hptune.search.known import Key, Known, key_of
from hptune.space import Parameter, SearchSpace, UnitOf
from hptune.trial import Kind, Origin, Value

Array = NDArray[np.float64]

CENTRES = (1.0, 1 / 2, 1 / 3)  # weights of the best trials as the one to be near to
STEPS, ANYWHERE = 48, 10  # that are compared, and those of them from the whole space
ALONG = 0.7  # deviation of how far a step goes along a difference, as a share of it (as in differential evolution)
ASIDE = (0.01, 0.3)  # of how far it goes to all sides, as shares of the deviation of the best
BEST = 1 / 5  # of all are the best, but at least two more than there are dimensions
LEVELS = 1 / 6  # of a box of three levels: whole numbers change by half a level in the mean
ANOTHER = 0.3  # probability that one of several choices is drawn anew
ROUNDED = 9  # digits of a promise: exp differs in its last one between processors


@dataclass(frozen=True, slots=True)
class _Best:
    """The best trials, and where they are."""

    trials: Sequence[Known]
    units: Mapping[str, Array]  # unit coordinates by name, NaN where a trial does not have it
    spreads: Mapping[str, float]  # their deviations


def most_promising(
    space: SearchSpace,
    fixed: Mapping[str, Value],
    completed: Sequence[Known],
    taken: Collection[Key],
    under_way: Sequence[Mapping[str, Value]],
    rng: np.random.Generator,
) -> tuple[dict[str, Value], Origin] | None:
    """The step that promises most, and where it comes from; None where all have been taken.

    completed are trials, the best first; under_way are configurations whose scores are not known yet.
    """
    best = _best(space, completed)
    steps: dict[Key, tuple[dict[str, Value], Origin]] = {}
    for number in range(STEPS):
        if number < ANYWHERE:
            units = rng.random(len(space.parameters)).tolist()
            configuration, origin = space.draw(units, fixed), Origin(Kind.GLOBAL)
        else:
            centre = one_of(completed, rng)
            configuration = space.configure(_step(space, centre.configuration, best, rng), fixed)
            origin = Origin(Kind.ZOOM, centre.number, _side(space, centre.configuration, configuration))
        if (key := key_of(configuration)) not in taken:
            steps.setdefault(key, (configuration, origin))
    if not steps:
        return None
    found = list(steps.values())
    by_score = sorted(completed, key=_score)
    promised = model.promises(
        points_of(space, [trial.configuration for trial in by_score[: model.MOST]]),
        np.array([_score(trial) for trial in by_score]),
        points_of(space, under_way),
        points_of(space, [configuration for configuration, _ in found]),
    )
    return found[int(np.argmax(np.round(promised, ROUNDED)))]


def one_of(best: Sequence[Known], rng: np.random.Generator) -> Known:
    """One of the best trials to be near to."""
    reached = list(itertools.accumulate(CENTRES[: len(best)]))
    return best[bisect(reached, rng.random() * reached[-1])]


def _best(space: SearchSpace, completed: Sequence[Known]) -> _Best:
    searched = [parameter for parameter in space.parameters if parameter.is_searched]
    n = max(math.ceil(len(completed) * BEST), len(searched) + 2)
    trials = completed[:n]
    units = {p.name: _units(p, trials) for p in searched if p.domain.scale is not None}
    spreads = {name: float(np.nanstd(found)) if np.any(np.isfinite(found)) else 0.0 for name, found in units.items()}
    return _Best(trials, units, spreads)


def _units(parameter: Parameter, trials: Sequence[Known]) -> Array:
    name, domain = parameter.name, parameter.domain
    return np.array([domain.to_unit(t.configuration[name]) if name in t.configuration else math.nan for t in trials])


def _step(space: SearchSpace, centre: Mapping[str, Value], best: _Best, rng: np.random.Generator) -> UnitOf:
    """A point off the centre; what the centre does not have, or has under another condition, is drawn anew."""
    names = sorted(parameter.name for parameter in space.parameters)
    one, other = map(int, rng.integers(len(best.trials), size=2))
    along = ALONG * rng.standard_normal()
    aside = math.exp(rng.uniform(*np.log(ASIDE)))
    normal = dict(zip(names, rng.standard_normal(len(names)).tolist(), strict=True))
    anew: dict[str, list[float]] = dict(zip(names, rng.random((len(names), 2)).tolist(), strict=True))

    def unit(parameter: Parameter, so_far: Mapping[str, Value]) -> float:
        name, domain = parameter.name, parameter.domain
        if not keeps(parameter, centre, so_far):
            return anew[name][0]
        place = domain.to_unit(centre[name])
        if domain.scale is None:
            return chosen(name, domain, best.trials, anew[name][0]) if anew[name][1] < ANOTHER else place
        if name not in best.units:
            return place
        difference = float(best.units[name][one] - best.units[name][other])
        far = max(aside * best.spreads[name], LEVELS * domain.least_side(centre[name]))
        return reflected(place + along * (0.0 if math.isnan(difference) else difference) + normal[name] * far)

    return unit


def keeps(parameter: Parameter, centre: Mapping[str, Value], so_far: Mapping[str, Value]) -> bool:
    """Whether the centre has the parameter, under the same conditions as a configuration so far."""
    conditions = [other for other, _ in parameter.when]
    return parameter.name in centre and all(same(so_far[name], centre.get(name, so_far[name])) for name in conditions)


def reflected(unit: float) -> float:
    """Where a step ends that the borders of the unit interval turn back."""
    unit = abs(unit) % 2.0
    return 2 - unit if unit > 1 else unit


def chosen(name: str, domain: Choice, best: Sequence[Known], unit: float) -> float:
    """The unit coordinate of one of several values, each as likely as it is frequent among the best, and a bit more."""
    found = [trial.configuration[name] for trial in best if name in trial.configuration]
    n = len(domain.values)
    weights = [sum(same(value, other) for other in found) / max(len(found), 1) + 1 / (2 * n) for value in domain.values]
    reached = np.cumsum(weights)
    return domain.to_unit(domain.values[int(np.searchsorted(reached, unit * reached[-1], side="right"))])


def _side(space: SearchSpace, centre: Mapping[str, Value], configuration: Mapping[str, Value]) -> float:
    """The side of the smallest box around the centre, in all ranges, that holds a configuration."""
    ranges = [p for p in space.parameters if p.name in centre and p.name in configuration and p.is_searched]
    steps = [
        abs(p.domain.to_unit(configuration[p.name]) - p.domain.to_unit(centre[p.name]))
        for p in ranges
        if p.domain.scale is not None
    ]
    return min(2 * max(steps, default=0.0), 1.0)


def _score(trial: Known) -> float:
    return trial.lowest[-1] if trial.fresh is None else trial.fresh.mean
