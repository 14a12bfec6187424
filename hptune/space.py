"""A search space: named domains, some of them under conditions. A point of the unit cube is a configuration."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hptune.domains import Domain, same
from hptune.effects import Condition, all_needs, has_effect
from hptune.legal import Legal
from hptune.nn.hyperparameters import DEFAULTS
from hptune.trial import Value


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named domain, perhaps active only where other hyperparameters have certain values."""

    name: str
    domain: Domain
    legal: Legal  # of ranges
    when: tuple[Condition, ...] = ()

    def is_active(self, others: Mapping[str, Value]) -> bool:
        """Whether the conditions hold; a hyperparameter that is absent holds none."""
        return all(name in others and any(same(others[name], value) for value in values) for name, values in self.when)

    @property
    def parents(self) -> tuple[str, ...]:
        """The hyperparameters whose values decide whether this one is drawn."""
        conditions = [name for name, _ in self.when]
        return (*conditions, *(need.name for name in (self.name, *conditions) for need in all_needs(name)))

    @property
    def is_searched(self) -> bool:
        return self.domain.size > 1

    @property
    def largest(self) -> Value:
        """The last value of a range, or the largest of choices (numbers or switches)."""
        return max(self.domain.values, key=float) if self.domain.scale is None else self.domain.high

    def plain(self) -> Value | dict[str, object]:
        """As written in a study file."""
        written = self.domain.plain()
        if not self.when:
            return written  # type: ignore[return-value]
        when = {name: values[0] if len(values) == 1 else list(values) for name, values in self.when}
        return {**(written if isinstance(written, dict) else {"choices": [written]}), "when": when}


UnitOf = Callable[[Parameter, Mapping[str, Value]], float]
"""Gives the unit coordinate of a parameter beside the values so far, those of its parents among them."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """All parameters, in the order of the study file."""

    parameters: tuple[Parameter, ...]
    _parents_first: tuple[Parameter, ...] = field(init=False, repr=False, compare=False)  # as configure needs them

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parents_first", _parents_first(self.parameters))

    def draw(self, units: Sequence[float], fixed: Mapping[str, Value]) -> dict[str, Value]:
        """The configuration at a point of the unit cube; coordinates go to parameters by sorted name.

        The order of the study file changes nothing but the order of the result's keys.
        """
        coordinates = dict(zip(sorted(parameter.name for parameter in self.parameters), units, strict=True))
        return self.configure(lambda parameter, _: coordinates[parameter.name], fixed)

    def configure(self, unit_of: UnitOf, fixed: Mapping[str, Value]) -> dict[str, Value]:
        """A configuration, parameter by parameter, parents before those that depend on them.

        fixed holds the hyperparameters outside the space, which conditions may name. Parameters that are inactive
        or would have no effect are absent, and a condition on one without effect does not hold.
        """
        known = dict(fixed)
        all_values = {**DEFAULTS, **fixed}
        for parameter in self._parents_first:
            name, conditions = parameter.name, [other for other, _ in parameter.when]
            if parameter.is_active(known) and all(has_effect(other, all_values) for other in (name, *conditions)):
                known[name] = all_values[name] = parameter.domain.from_unit(unit_of(parameter, known))
        return {p.name: known[p.name] for p in self.parameters if p.name in known}

    def contains(self, configuration: Mapping[str, Value]) -> bool:
        """Whether each value of a configuration lies in its range; what it does not have lies anywhere."""
        return all(p.domain.contains(configuration[p.name]) for p in self.parameters if p.name in configuration)

    def most_epochs(self, fixed: Mapping[str, Value]) -> int:
        """The most epochs that a trial can run, beside fixed hyperparameters."""
        searched = [parameter.largest for parameter in self.parameters if parameter.name == "epochs"]
        return int((searched or [fixed.get("epochs", DEFAULTS["epochs"])])[0])

    @property
    def searched(self) -> tuple[str, ...]:
        """The names of the parameters that can differ between trials."""
        return tuple(p.name for p in self.parameters if p.is_searched)

    @property
    def size(self) -> float:
        """An upper bound on the number of different configurations; infinite with any real parameter."""
        return math.prod(p.domain.size for p in self.parameters)

    def plain(self) -> dict[str, object]:
        """As written in a study file."""
        return {p.name: p.plain() for p in self.parameters}


def _parents_first(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    ordered: dict[str, Parameter] = {}
    by_name = {parameter.name: parameter for parameter in parameters}

    seen: set[str] = set()  # a circle, which is refused later, ends here

    def visit(parameter: Parameter) -> None:
        seen.add(parameter.name)
        for name in parameter.parents:
            if name in by_name and name not in seen:
                visit(by_name[name])
        ordered.setdefault(parameter.name, parameter)

    for parameter in parameters:
        if parameter.name not in seen:
            visit(parameter)
    return tuple(ordered.values())
