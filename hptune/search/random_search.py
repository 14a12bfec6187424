"""Random search: each trial's configuration, from the seed and its number alone."""

from __future__ import annotations

from collections.abc import Mapping

from hptune.randomness import Purpose, generator
from hptune.space import SearchSpace
from hptune.trial import Value


def anywhere(space: SearchSpace, fixed: Mapping[str, Value], *, seed: int, number: int) -> dict[str, Value]:
    """Trial number of a run, drawn uniformly from the space on the scales of its parameters.

    Random values beat a grid: every trial tries another value of every hyperparameter, of which a few matter
    and nobody knows which (Bergstra & Bengio 2012).
    """
    units = generator(seed, Purpose.SAMPLE, number).random(len(space.parameters))
    return space.draw(units.tolist(), fixed)
