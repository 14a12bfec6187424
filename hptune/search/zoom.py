"""Coarse to fine: the space narrowed around a good trial, parameter by parameter, each on its own scale."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hptune.domains import Border, Choice, Domain, can_be, show
from hptune.effects import Possible
from hptune.errors import UsageError
from hptune.space import Parameter, SearchSpace
from hptune.trial import Value

FACTOR = 0.5  # side of the new box, as a share of the old: slow narrowing loses less to a lucky trial

Configuration = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Around:
    """What --around names: the best trial, trial number n, or the box of the k best."""

    number: int | None = None
    top: int | None = None

    @classmethod
    def parse(cls, text: str) -> Around:
        """From "best", "17" or "top:5"."""
        if text == "best":
            return cls()
        if found := re.fullmatch(r"top:([1-9][0-9]{0,5})", text):
            return cls(top=int(found[1]))
        if re.fullmatch(r"[0-9]{1,9}", text):
            return cls(number=int(text))
        raise UsageError(f'--around: expected best, a trial\'s number, or top:K as in top:5, found "{text}"')


@dataclass(frozen=True, slots=True)
class Change:
    """What a zoom did to one parameter."""

    name: str
    old: Domain
    new: Domain
    note: str  # empty where there is nothing to say


@dataclass(frozen=True, slots=True)
class Zoom:
    """A narrowed space and how it came about."""

    space: SearchSpace
    changes: tuple[Change, ...]


def n_best(n_results: int) -> int:
    """How many of the best trials decide which choices stay: the best tenth, at least three."""
    return max(3, math.ceil(n_results / 10))


def around(space: SearchSpace, centre: Configuration, best: Sequence[Configuration], factor: float) -> Zoom:
    """The space narrowed to `factor` of each range around a trial drawn from it.

    Whole numbers keep at least three levels. Choices stay where they occur in the centre or among `best`.
    Where the centre lies in the outer 5 % of a range, that side is extended instead, as far as is legal: a best
    value at the border says that the range was too small. A parameter that the centre does not have stays.
    """
    if not 0 < factor < 1:
        raise UsageError(f"--factor: expected a number above 0 and below 1, found {factor:g}")

    def narrowed(parameter: Parameter) -> Change:
        name, old = parameter.name, parameter.domain
        if name not in centre:
            return Change(name, old, old, "kept: the trial does not have it")
        among = [configuration[name] for configuration in (centre, *best) if name in configuration]
        new = old.around(centre[name], among, factor, parameter.legal)
        return Change(name, old, new, _note(old.border(centre[name]), old, new))

    return _zoom(space, [narrowed(parameter) for parameter in space.parameters])


def enclosing(space: SearchSpace, best: Sequence[Configuration]) -> Zoom:
    """The box of the best trials: the smallest space that holds them all."""

    def boxed(parameter: Parameter) -> Change:
        name, old = parameter.name, parameter.domain
        values = [configuration[name] for configuration in best if name in configuration]
        if not values:
            return Change(name, old, old, "kept: none of the trials has it")
        return Change(name, old, old.enclosing(values, parameter.legal), "")

    return _zoom(space, [boxed(parameter) for parameter in space.parameters])


def _zoom(space: SearchSpace, changes: Sequence[Change]) -> Zoom:
    new = {change.name: change.new for change in changes}
    pairs = zip(space.parameters, changes, strict=True)
    notes = [_never_needed(parameter, new) or change.note for parameter, change in pairs]
    return Zoom(
        SearchSpace(tuple(replace(parameter, domain=new[parameter.name]) for parameter in space.parameters)),
        tuple(replace(change, note=note) for change, note in zip(changes, notes, strict=True)),
    )


def _never_needed(parameter: Parameter, domains: Mapping[str, Domain]) -> str:
    """Why a parameter plays no part any more: it stays in the space, for a later box may bring its reason back."""
    for name, values in parameter.when:
        if name in domains and not any(can_be(domains[name], value) for value in values):
            return f"no part in it: {name} is never {' or '.join(show(value) for value in values)}"
    why = Possible(domains, {}).why_none(parameter.name)
    return f"no part in it: {why}" if why else ""


def _note(border: Border | None, old: Domain, new: Domain) -> str:
    if border is None:
        return "kept: it cannot be narrower" if new == old and not isinstance(old, Choice) else ""
    side = "lower" if border == "low" else "upper"
    if getattr(new, border) == getattr(old, border):
        return f"the trial lies at the {side} end, beyond which its scale has no legal value"
    return f"extended: the trial lies at the {side} end"
