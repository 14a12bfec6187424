"""What diverged trials have in common: their hyperparameters, or the one that tells them from the others."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
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
    n, n_others, n_tried = len(diverged), len(others), 0
    best: tuple[float, Leaning] | None = None
    for name in dict.fromkeys(name for one in diverged for name in one):
        found = list(_candidates(name, diverged, others))
        n_tried += len(found)
        widest = max(found, key=lambda one: one.n_diverged / n - one.n_others / max(n_others, 1))
        chance = fisher(widest.n_diverged, n, widest.n_others, n_others)
        if best is None or chance < best[0]:
            best = chance, widest
    return best[1] if best is not None and best[0] * n_tried < LEVEL else None


def _candidates(name: str, diverged: Sequence[Configuration], others: Sequence[Configuration]) -> Iterator[Leaning]:
    bad, good = ([one[name] for one in group if name in one] for group in (diverged, others))
    words, other_words = (Counter(one for one in group if _is_word(one)) for group in (bad, good))
    for word, count in words.items():
        yield Leaning(name, "is", word, count, other_words[word])
    numbers, other_numbers = (sorted(one for one in group if not _is_word(one)) for group in (bad, good))
    for value in dict.fromkeys(numbers):
        below, others_below = (bisect_left(group, value) for group in (numbers, other_numbers))
        yield Leaning(name, "from", value, len(numbers) - below, len(other_numbers) - others_below)
        yield Leaning(name, "up to", value, bisect_right(numbers, value), bisect_right(other_numbers, value))


def _is_word(value: Value) -> bool:
    return isinstance(value, str | bool)


def fisher(k: int, n: int, others_k: int, n_others: int) -> float:
    """The hypergeometric tail: of k + others_k with a trait, drawn from all, k or more are among n."""
    having, total = k + others_k, n + n_others
    ways = _log_comb(total, having)
    terms = range(k, min(n, having) + 1)
    return math.fsum(math.exp(_log_comb(n, i) + _log_comb(n_others, having - i) - ways) for i in terms)


def _log_comb(n: int, k: int) -> float:
    """The logarithm of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
