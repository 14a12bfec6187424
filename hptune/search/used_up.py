"""Spaces of few configurations, which a search can use up."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from hptune.search.known import Key, key_of
from hptune.space import SearchSpace
from hptune.trial import Value

MOST = 2000  # combinations of values that are gone through


def configurations(space: SearchSpace, fixed: Mapping[str, Value]) -> frozenset[Key] | None:
    """All different configurations of a space beside fixed hyperparameters; None where there are many."""
    if space.size > MOST:
        return None
    names = [parameter.name for parameter in space.parameters]
    domains = [parameter.domain for parameter in space.parameters]
    found = set()
    for units in itertools.product(*([domain.to_unit(value) for value in domain.values] for domain in domains)):
        at = dict(zip(names, units, strict=True))
        found.add(key_of(space.configure(lambda parameter, _, at=at: at[parameter.name], fixed)))  # type: ignore[misc]
    return frozenset(found)
