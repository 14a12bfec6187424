"""Coarse to fine: the space narrowed around a good trial, parameter by parameter, each on its own scale."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hptune.domains import Domain, Range, can_be, show
from hptune.effects import Possible
from hptune.errors import UsageError
from hptune.legal import Legal
from hptune.space import Parameter, SearchSpace
from hptune.trial import Value

BORDER = 0.05  # the outer share of a range on either side that counts as its border
FACTOR = 0.5  # side of the new box, as a share of the old: slow narrowing loses less to a lucky trial

Border = Literal["low", "high"]
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
        if old.scale is None:
            found = [configuration[name] for configuration in (centre, *best) if name in configuration]
            return Change(name, old, old.holding([value for value in found if old.contains(value)]), "")
        side = border(old, centre[name])
        new = _box(old, float(centre[name]), factor, side, parameter.legal)
        return Change(name, old, new, _note(side, old, new))

    return _zoom(space, [narrowed(parameter) for parameter in space.parameters])


def enclosing(space: SearchSpace, best: Sequence[Configuration]) -> Zoom:
    """The box of the best trials: the smallest space that holds them all."""

    def boxed(parameter: Parameter) -> Change:
        name, old = parameter.name, parameter.domain
        values = [configuration[name] for configuration in best if name in configuration]
        if not values:
            return Change(name, old, old, "kept: none of the trials has it")
        new = old.holding(values) if old.scale is None else _hull(old, list(map(float, values)), parameter.legal)
        return Change(name, old, new, "")

    return _zoom(space, [boxed(parameter) for parameter in space.parameters])


def border(domain: Domain, value: Value) -> Border | None:
    """At which end of a range a value lies: in its outer 5 %, or as its outermost level, however wide that is."""
    if domain.scale is None:
        return None
    unit, (start, stop) = domain.to_unit(value), domain.share(value)
    if start <= 0 or unit < BORDER:
        return "low"
    return "high" if stop >= 1 or unit > 1 - BORDER else None


def extended(domain: Domain, side: Border, share: float, legal: Legal) -> Domain:
    """A domain with `share` (above 0) of its range added at one end, on its own scale, as far as is legal.

    It is the domain itself where nothing beyond that end is legal, and where values have no order.
    """
    if domain.scale is None:
        return domain
    low, high = (-share, 1.0) if side == "low" else (0.0, 1 + share)
    return domain.window(low, high, [domain.low, domain.high], legal)


def _box(domain: Range, centre: float, factor: float, side: Border | None, legal: Legal) -> Range:
    """A range narrowed to `factor` around a centre and its neighbours; well extended where that is on a border."""
    unit = domain.to_unit(centre)
    low, high = unit - factor / 2, unit + factor / 2
    low = min(low, -BORDER) if side == "low" else max(low, 0.0)
    high = max(high, 1 + BORDER) if side == "high" else min(high, 1.0)
    return domain.window(low, high, [centre - domain.step, centre, centre + domain.step], legal)


def _hull(domain: Range, values: Sequence[float], legal: Legal) -> Range:
    """The smallest part of a range that holds some values; of reals it is never narrower than a border."""
    units = [domain.to_unit(value) for value in values]
    low, high = min(units), max(units)
    slack = 0.0 if domain.step else max(0.0, BORDER - (high - low)) / 2
    low = max(low - slack, 0.0) if low >= 0 else low
    high = min(high + slack, 1.0) if high <= 1 else high
    return domain.window(low, high, values, legal)


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


def _note(side: Border | None, old: Range, new: Range) -> str:
    if side is None:
        return "kept: it cannot be narrower" if new == old else ""
    end = "lower" if side == "low" else "upper"
    if getattr(new, side) == getattr(old, side):
        return f"the trial lies at the {end} end, beyond which its scale has no legal value"
    return f"extended: the trial lies at the {end} end"
