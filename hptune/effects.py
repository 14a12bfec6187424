"""Which hyperparameters have an effect: beside given values of the others, and anywhere in a study.

What a hyperparameter needs is part of its rule (Legal.only_with). One that has no effect on a trial is not drawn, and
the trainer never sees it; one that can have none in a study is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hptune.domains import Domain, can_be, same, show
from hptune.legal import Need
from hptune.nn.hyperparameters import DEFAULTS, LEGAL, Hyperparameters
from hptune.trial import Value

_ANOTHER: Value = ""
"""Stands for all values of which no rule speaks; no hyperparameter has it."""

NEEDS = tuple(dict.fromkeys(need for legal in LEGAL.values() for need in legal.only_with))

Condition = tuple[str, tuple[Value, ...]]
"""A hyperparameter, and its values under which another one is active."""


def has_effect(name: str, values: Mapping[str, Value]) -> bool:
    """Whether a hyperparameter has an effect beside the values of the others, all that it needs among them."""
    return _has_effect(name, lambda need: _is_one(values[need.name], need))


def _has_effect(name: str, is_met: Callable[[Need], bool]) -> bool:
    """The same by which of the needs are met; what has no effect itself has none of the values."""
    return all((is_met(need) and _has_effect(need.name, is_met)) != need.other_than for need in LEGAL[name].only_with)


def _is_one(value: Value, need: Need) -> bool:
    return any(same(value, other) for other in need.values)


def _holds(need: Need, values: Mapping[str, Value]) -> bool:
    """What has no effect itself has none of the values."""
    return (_is_one(values[need.name], need) and has_effect(need.name, values)) != need.other_than


def effective(given: Mapping[str, Value]) -> dict[str, Value]:
    """All hyperparameters that have an effect beside each other: those given, and defaults for the rest."""
    values = {**DEFAULTS, **given}
    names = _with_effect(tuple(_is_one(values[need.name], need) for need in NEEDS))
    return {name: value for name, value in values.items() if name in names}


@cache
def _with_effect(met: tuple[bool, ...]) -> frozenset[str]:
    """All that have an effect, by which of NEEDS are met: a search asks for every trial, and there are few answers."""
    is_met = dict(zip(NEEDS, met, strict=True)).__getitem__
    return frozenset(name for name in LEGAL if _has_effect(name, is_met))


def hyperparameters_of(fixed: Mapping[str, Value], drawn: Mapping[str, Value]) -> Hyperparameters:
    """What a trial is trained with: what has no effect beside its other values is left at its default."""
    values: dict[str, Any] = effective({**fixed, **drawn})
    return Hyperparameters(**values)


def all_needs(name: str) -> Iterator[Need]:
    """What a hyperparameter needs, and what that needs in turn."""
    for need in LEGAL[name].only_with:
        yield need
        yield from all_needs(need.name)


def said_needs(name: str) -> str:
    """What a hyperparameter needs, in words."""
    return " and ".join(need.describe() for need in LEGAL[name].only_with)


def origin(name: str, value: Value) -> str:
    """Where a fixed value may come from that nobody has written, in words."""
    return " (its default)" if same(value, DEFAULTS[name]) else ""


@dataclass(frozen=True, slots=True)
class Possible:
    """The values that hyperparameters can have in a study: drawn from domains or fixed; in neither, any at all."""

    domains: Mapping[str, Domain]
    fixed: Mapping[str, Value]

    def can_have_effect(self, name: str, when: Sequence[Condition] = ()) -> bool:
        """Whether a hyperparameter has an effect with some values of the others, under conditions."""
        return any(has_effect(name, values) for values in self._combinations(all_needs(name), when))

    def can_be_missed(self, name: str, when: Sequence[Condition]) -> bool:
        """Whether a hyperparameter has an effect with some values of the others that its conditions leave out."""
        conditions = [Need(other, values) for other, values in when]
        needs = [*all_needs(name), *conditions, *(need for other, _ in when for need in all_needs(other))]
        return any(
            has_effect(name, values) and not all(_holds(condition, values) for condition in conditions)
            for values in self._combinations(needs)
        )

    def why_none(self, name: str) -> str:
        """Why a hyperparameter can have no effect, in words; empty where it can."""
        if self.can_have_effect(name):
            return ""
        for need in LEGAL[name].only_with:
            if not any(_holds(need, values) for values in self._combinations([need, *all_needs(need.name)])):
                return self.why_none(need.name) or f"{name} goes with {need.describe()}, and {self._instead(need)}"
        return f"{name} goes with {said_needs(name)}, and here they never come together"

    def _instead(self, need: Need) -> str:
        """What a hyperparameter is here, where it is never what another one needs."""
        domain = self.domains.get(need.name)
        said = show(self.fixed[need.name]) if domain is None else domain.describe()
        why = f" ({need.why})" if need.why else ""
        if domain is not None and domain.size > 1:
            return f"{'here it is always' if need.other_than else f'{need.name} is never so here:'} {said}{why}"
        default = origin(need.name, self.fixed[need.name]) if domain is None else ""
        return (f"here it is {said}" if need.other_than else f"{need.name} is {said} here") + default + why

    def _combinations(self, needs: Iterable[Need], when: Sequence[Condition] = ()) -> Iterator[dict[str, Value]]:
        """The values that hyperparameters can have together, as far as needs and conditions tell them apart."""
        by_name: dict[str, list[Need]] = {}
        for need in needs:
            by_name.setdefault(need.name, []).append(need)
        conditions = {name: values for name, values in when if name in by_name}
        possible = {}
        for name, about in by_name.items():
            spoken = [value for need in about for value in need.values]
            values = self._values(name, [*spoken, *conditions.get(name, ())])
            if name in conditions:
                values = [v for v in values if any(same(v, other) for other in conditions[name])]
            # of values that no need tells apart, one is enough
            possible[name] = list({tuple(_is_one(value, need) for need in about): value for value in values}.values())
        for combination in itertools.product(*possible.values()):
            yield dict(zip(possible, combination, strict=True))

    def _values(self, name: str, spoken: Sequence[Value]) -> Sequence[Value]:
        """Which of the values spoken of are possible, and whether another one is."""
        if name in self.domains:
            apart = list(dict.fromkeys(value for value in spoken if can_be(self.domains[name], value)))
            return apart if len(apart) == self.domains[name].size else [*apart, _ANOTHER]
        return [self.fixed[name]] if name in self.fixed else [*dict.fromkeys(spoken), _ANOTHER]
