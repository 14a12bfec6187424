"""Which hyperparameters have an effect: beside given values of the others, and anywhere in a study.

What a hyperparameter needs is part of its rule (Legal.only_with). One that has no effect is neither drawn nor
written out, and a study file that names it is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hptune.domains import Domain, can_be, same
from hptune.legal import Need
from hptune.nn.hyperparameters import LEGAL
from hptune.trial import Value

_ANOTHER: Value = ""
"""Stands for all values of which no rule speaks; no hyperparameter has it."""

Condition = tuple[str, tuple[Value, ...]]
"""A hyperparameter, and its values under which another one is active."""


def has_effect(name: str, values: Mapping[str, Value]) -> bool:
    """Whether a hyperparameter has an effect beside the values of the others, all that it needs among them."""
    return all(_holds(need, values) for need in LEGAL[name].only_with)


def _holds(need: Need, values: Mapping[str, Value]) -> bool:
    """What has no effect itself has none of the values."""
    is_one = any(same(values[need.name], value) for value in need.values)
    return (is_one and has_effect(need.name, values)) != need.other_than


def all_needs(name: str) -> Iterator[Need]:
    """What a hyperparameter needs, and what that needs in turn."""
    for need in LEGAL[name].only_with:
        yield need
        yield from all_needs(need.name)


def can_have_effect(
    name: str, domains: Mapping[str, Domain], fixed: Mapping[str, Value], when: Sequence[Condition] = ()
) -> bool:
    """Whether a hyperparameter has an effect with some values of the others, under conditions.

    The others are drawn from domains or fixed; one that is in neither may be anything.
    """
    return any(has_effect(name, values) for values in _combinations(all_needs(name), domains, fixed, when))


def why_none(name: str, domains: Mapping[str, Domain], fixed: Mapping[str, Value]) -> str:
    """Why a hyperparameter can have no effect, in words; empty where it can."""
    if can_have_effect(name, domains, fixed):
        return ""
    for need in LEGAL[name].only_with:
        needs = [need, *all_needs(need.name)]
        if not any(_holds(need, values) for values in _combinations(needs, domains, fixed)):
            reason = f" ({need.why})" if need.why else ""
            return why_none(need.name, domains, fixed) or (
                f"{name} goes with {need.describe()}, and {need.name} is "
                f"{'always' if need.other_than else 'never'} that here{reason}"
            )
    return f"{name} goes with {said_needs(name)}, and here they never come together"


def said_needs(name: str) -> str:
    """What a hyperparameter needs, in words."""
    return " and ".join(need.describe() for need in LEGAL[name].only_with)


def _combinations(
    needs: Iterable[Need], domains: Mapping[str, Domain], fixed: Mapping[str, Value], when: Sequence[Condition] = ()
) -> Iterator[dict[str, Value]]:
    """The values that hyperparameters may have together, as far as needs and conditions tell them apart."""
    spoken: dict[str, list[Value]] = {}
    for need in needs:
        spoken.setdefault(need.name, []).extend(need.values)
    conditions = {name: values for name, values in when if name in spoken}
    for name, values in conditions.items():
        spoken[name].extend(values)
    possible = {name: _possible(name, values, domains, fixed) for name, values in spoken.items()}
    for name, values in conditions.items():
        possible[name] = [value for value in possible[name] if any(same(value, other) for other in values)]
    for combination in itertools.product(*possible.values()):
        yield dict(zip(possible, combination, strict=True))


def _possible(
    name: str, spoken: Sequence[Value], domains: Mapping[str, Domain], fixed: Mapping[str, Value]
) -> Sequence[Value]:
    if name in domains:
        apart = list(dict.fromkeys(value for value in spoken if can_be(domains[name], value)))
        return apart if len(apart) == domains[name].size else [*apart, _ANOTHER]
    return [fixed[name]] if name in fixed else [*dict.fromkeys(spoken), _ANOTHER]
