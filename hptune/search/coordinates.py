"""Where configurations lie, as numbers: what a model of scores rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hptune.domains import same
from hptune.space import Parameter, SearchSpace
from hptune.trial import Value

APART = 0.5  # of a choice's coordinates: two values are as far apart as 0.7 of a range
MIDDLE = 0.5  # where a hyperparameter is that a configuration does not have


def points_of(space: SearchSpace, configurations: Sequence[Mapping[str, Value]]) -> NDArray[np.float64]:
    """Where configurations lie for the model (configurations, dimensions), each choice a dimension for every value."""
    columns: list[list[float]] = []
    for parameter in _searched(space):
        name, domain = parameter.name, parameter.domain
        found = [configuration.get(name) for configuration in configurations]
        if domain.scale is None:
            columns.extend(
                [APART if one is not None and same(one, value) else 0.0 for one in found] for value in domain.values
            )
        else:
            columns.append([MIDDLE if one is None else domain.to_unit(one) for one in found])
    return np.array(columns, float).reshape(len(columns), len(configurations)).T


def column_of(space: SearchSpace, name: str) -> int:
    """Which dimension of points_of is that of a range."""
    searched = _searched(space)
    before = [p.domain for p in searched[: [p.name for p in searched].index(name)]]
    return sum(len(domain.values) if domain.scale is None else 1 for domain in before)


def _searched(space: SearchSpace) -> list[Parameter]:
    """By name: in which order a study file has them changes not even the last bit of a sum."""
    return sorted((p for p in space.parameters if p.is_searched), key=lambda parameter: parameter.name)
