"""What diverged trials have in common: their hyperparameters, or the one that tells them from the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hptune.store import Snapshot
from hptune.trial import Status, Value

FEW = 3  # diverged trials whose values are told one by one
LEVEL = 0.01  # of a trait that chance alone would show, all that are tried taken together

Configuration = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Leaning:
    """A value, or a side of one, that diverged trials have more often than others."""

    name: str
    relation: Literal["is", "from", "up to"]
    value: Value
    n_diverged: int  # that have it
    n_others: int  # likewise, of trials with a score


@dataclass(frozen=True, slots=True)
class Divergence:
    """The trials that diverged."""

    trials: tuple[int, ...]
    n_others: int  # trials that have a score
    values: tuple[Configuration, ...]  # what was searched of each, where they are few
    leaning: Leaning | None  # where that is more than chance


def divergence(snapshot: Snapshot, searched: Sequence[str]) -> Divergence | None:
    """What the diverged trials of the searches have in common; None where none has diverged."""
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    diverged = [result.number for result in snapshot.found if result.status is Status.DIVERGED]
    others = [configurations[result.number] for result in snapshot.found if result.score is not None]
    if not diverged:
        return None
    chosen = [{name: configurations[n][name] for name in searched if name in configurations[n]} for n in diverged]
    values = tuple(chosen) if len(diverged) <= FEW else ()
    return Divergence(tuple(diverged), len(others), values, leaning(chosen, others))


def leaning(diverged: Sequence[Configuration], others: Sequence[Configuration]) -> Leaning | None:
    """The trait that tells best between the two; None where chance would do as well.

    By Fisher's exact test, one-sided: the chance that so many of those with the trait are among the diverged.
    """
    names = list(dict.fromkeys(name for one in diverged for name in one))
    found = [one for name in names for one in _candidates(name, diverged, others)]
    if not found:
        return None
    chances = [_chance(one.n_diverged, len(diverged), one.n_others, len(others)) for one in found]
    least = min(range(len(found)), key=chances.__getitem__)
    return found[least] if chances[least] * len(found) < LEVEL else None


def _candidates(name: str, diverged: Sequence[Configuration], others: Sequence[Configuration]) -> Iterator[Leaning]:
    bad, good = ([one[name] for one in group if name in one] for group in (diverged, others))
    for value in dict.fromkeys(bad):
        if isinstance(value, str | bool):
            yield Leaning(name, "is", value, bad.count(value), good.count(value))
        else:
            yield Leaning(name, "from", value, *(sum(_number(one) >= value for one in group) for group in (bad, good)))
            yield Leaning(name, "up to", value, *(sum(_number(one) <= value for one in group) for group in (bad, good)))


def _number(value: Value) -> float:
    """A number, or none that compares, for a word among numbers."""
    return math.nan if isinstance(value, str) else value


def _chance(k: int, n: int, others_k: int, n_others: int) -> float:
    """The hypergeometric tail: of k + others_k with a trait, drawn from all, k or more are among n."""
    having, total = k + others_k, n + n_others
    ways = sum(math.comb(n, i) * math.comb(n_others, having - i) for i in range(k, min(n, having) + 1))
    return ways / math.comb(total, having)
