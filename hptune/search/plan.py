"""What a stage of a run is to do. It is recorded with the stage, so that going on with it later does the same."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Method = Literal["coarse-to-fine", "random"]
METHODS: tuple[Method, ...] = get_args(Method)

CONFIRM_SHARE = 0.15  # of the budget, of its epochs where trials are counted
CONFIRM_LEAST, CONFIRM_MOST = 2, 5  # configurations; a single one would be no choice
TAKEN = 0.3  # of their epochs, that trials with bars take as a rule
REPLICATES = 3  # trainings of each
PARALLEL_PER_WORKER = 2  # simulated machines, unless a study file says how many
LEAST_ROUNDS = 8  # in which a search learns from what it has tried
ONE_WITHOUT_BARS_IN = 6  # trainings: more are not begun before there is a bar
LEAST_PARALLEL = 2

_NUMBER = r"[0-9]+(\.[0-9]+)?"
_UNITS = {"d": "d(ays?)?", "h": "h(ours?|rs?)?", "m": "m(in(utes?|s)?)?", "s": "s(ec(onds?|s)?)?"}
_PARTS = "".join(f"({_NUMBER} ?{unit})?" for unit in _UNITS.values())
DURATION = f"({_NUMBER} ?({'|'.join(_UNITS.values())})?)|({_PARTS})"
"""How a length of time is written."""

UNITS_S: Mapping[str, int] = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
UNITS_BYTES: Mapping[str, int] = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30}
SIZE = rf"(\d{{1,15}}(?:\.\d{{1,9}})?)({'|'.join(UNITS_BYTES)})?"
"""How a size is written."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is to be spent, at the most; None is no limit."""

    trials: int | None = None
    epochs: int | None = None  # in all trials together
    time_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A search for good configurations in a space."""

    method: Method
    bars: bool
    parallel: int  # simulated machines: how many trials are under way when another is proposed
    budget: Budget
    extend: bool = False  # the space, where the best lie on a border
    confirm: int = 0  # so many of the best, afterwards

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class ConfirmPlan:
    """Configurations to be trained again from other seeds, the same for all of them."""

    trials: tuple[int, ...]  # whose configurations
    replicates: tuple[int, ...]  # numbers of seeds
    follows: int | None = None  # the stage whose search it belongs to; None: it was asked for by itself
    data: Mapping[str, Any] | None = None  # the facts of the data that they are trained on, where these are others
    costs: tuple[float, ...] = ()  # estimated seconds of a training of each trial's; empty where not recorded
    margin: float = 1.0  # standard errors by which another must be ahead to change the answer; older retests took one

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


Plan = SearchPlan | ConfirmPlan


def from_json(record: Mapping[str, Any]) -> Plan:
    """A plan as to_json wrote it."""
    if "method" in record:
        return SearchPlan(**{**record, "budget": Budget(**record["budget"])})
    lists = {name: tuple(record.get(name, ())) for name in ("trials", "replicates", "costs")}
    return ConfirmPlan(**{**record, **lists})


@dataclass(frozen=True, slots=True)
class Few:
    """A space of few configurations."""

    n_new: int  # that have not been tried
    n_earlier: int = 0  # of the run, that have completed and were not confirmed

    @property
    def n_candidates(self) -> int:
        """How many there are to be confirmed, at the most."""
        return self.n_new + self.n_earlier


def search_plan(  # noqa: PLR0913  (what a plan depends on is all said here)
    budget: Budget,
    epochs: int,
    *,
    method: Method,
    bars: bool,
    parallel: int,
    extend: bool,
    confirm: bool,
    few: Few | None = None,
) -> SearchPlan:
    """A search within a budget, of trials of up to so many epochs, with its part for confirmation held back.

    Where all of few configurations can be tried, what is left of the budget confirms as many of them as it can; where
    it confirms all, there are no bars, for it has room to train all of them to their end.
    """
    n_confirmed = _n_confirmed(budget, epochs, bars=bars) if confirm else 0
    trials = budget.trials
    if few is not None:
        rest = (how_many_trainings(budget, epochs) or 0) - few.n_new
        n_confirmed = min(max(n_confirmed, rest // REPLICATES), few.n_candidates) if confirm else 0
        bars = bars and not (confirm and rest >= few.n_candidates * REPLICATES)
        trials = None if trials is None else min(trials, few.n_new + n_confirmed * REPLICATES)
    n_trainings = n_confirmed * REPLICATES
    left = Budget(
        None if trials is None else trials - n_trainings,
        None if budget.epochs is None else budget.epochs - n_trainings * epochs,
        None if budget.time_s is None else budget.time_s * (1 - CONFIRM_SHARE * bool(n_confirmed)),
    )
    return SearchPlan(method, bars, parallel, left, extend, n_confirmed)


def _n_confirmed(budget: Budget, epochs: int, *, bars: bool) -> int:
    """How many configurations can be confirmed with their share of the budget; 0 where that is less than two.

    Bars stop most trials early, so that of a budget of trials those that confirm, to their end, take the larger part of
    the epochs: of n trials, c of which confirm, c / (c + TAKEN * (n - c)).
    """
    n_trainings = how_many_trainings(budget, epochs)
    if n_trainings is None:
        return CONFIRM_MOST
    found = round(CONFIRM_SHARE * n_trainings / REPLICATES)
    if found < CONFIRM_LEAST:
        return 0
    if bars and n_trainings == budget.trials:
        rest = CONFIRM_SHARE * TAKEN
        found = max(CONFIRM_LEAST, round(rest * n_trainings / (rest + 1 - CONFIRM_SHARE) / REPLICATES))
    return min(found, CONFIRM_MOST)


def most_parallel(budget: Budget, epochs: int) -> int | None:
    """How many trainings at a time leave a search enough rounds to learn in; None where only the time is limited."""
    return _one_in(LEAST_ROUNDS, budget, epochs)


def most_without_bars(budget: Budget, epochs: int) -> int | None:
    """How many trainings may begin before there is a bar; None where only the time is limited."""
    return _one_in(ONE_WITHOUT_BARS_IN, budget, epochs)


def _one_in(trainings: int, budget: Budget, epochs: int) -> int | None:
    """Count one for so many trainings of a budget, and never fewer than may run at a time in any case."""
    n = how_many_trainings(budget, epochs)
    return None if n is None else max(LEAST_PARALLEL, n // trainings)


def how_many_trainings(budget: Budget, epochs: int) -> int | None:
    """How many trainings a budget has room for; None of one of time alone."""
    limits = [limit for limit in (budget.trials, budget.epochs and budget.epochs // epochs) if limit is not None]
    return min(limits, default=None)


def parse_duration(text: str) -> float | None:
    """Seconds in a text such as 45s, 90m, 2h, 1h30m or 1.5d, or a number of them; None of others, of 0 and infinity."""
    if not re.fullmatch(DURATION, text):
        return None
    parts = re.findall(r"([0-9.]+) ?([dhms]?)", text)
    seconds = sum(float(number) * UNITS_S[unit or "s"] for number, unit in parts)
    return seconds if 0 < seconds < math.inf else None


def parse_size(text: str) -> int | None:
    """Bytes in a text such as 512MB, 2GB or 1.5GiB, or a number of them; None of others."""
    found = re.fullmatch(SIZE, text)
    return round(float(found[1]) * UNITS_BYTES.get(found[2], 1)) if found else None
