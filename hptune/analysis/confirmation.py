"""What fresh seeds say: how good the best are without the luck of the search, and whether a ranking holds."""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hptune import stored_config
from hptune.analysis.diagnosis import of_root_mean_square, of_share
from hptune.analysis.usefulness import is_rare
from hptune.data.settings import DataSettings
from hptune.measured import baseline_of
from hptune.search import student
from hptune.search.confirmation import Confirmed, grain_error, paired
from hptune.search.plan import ConfirmPlan
from hptune.search.ranking import ranked, rounded
from hptune.store import Snapshot, Stage
from hptune.store.answer import ahead_of, answer_of, contenders, pooled, whole
from hptune.tables import Run
from hptune.trial import Status, TrialResult, Value


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration that was trained again from fresh seeds."""

    trial: int  # that found it
    found_score: float  # with which
    scores: tuple[float, ...]  # by seed; infinite where a training did not complete
    mean: float
    standard_error: float | None  # of the mean, over the seeds
    dev_standard_error: float | None  # of the mean through the choice of dev examples; None where it is not known
    cost: float  # estimated seconds of a training on one core; only ratios mean anything


@dataclass(frozen=True, slots=True)
class Optimism:
    """By how much the score of the leader of the search was too good."""

    trial: int
    found_score: float
    mean: float
    n_trials: int  # that have completed, of which its score was the best

    @property
    def gap(self) -> float:
        return self.mean - self.found_score


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The configurations that were compared on fresh seeds: the answer, then by their means."""

    metric: str
    candidates: tuple[Candidate, ...]
    answer: int  # a trial; the leader of the search where no configuration has completed from every seed
    cheapest: int | None  # the least costly trial within a standard error of the answer; None without one
    limit: float | None  # the mean up to which that goes: the larger of the two standard errors above the answer's
    optimism: Optimism | None  # None where the leader of the search is not among them


@dataclass(frozen=True, slots=True)
class Standing:
    """A configuration before and after it was trained again."""

    trial: int
    old_rank: int  # among these, from 1; equals share the first of theirs
    old_mean: float | None  # confirmed before; None: only found
    old_standard_error: float | None
    found_score: float
    rank: int  # likewise
    scores: tuple[float, ...]
    mean: float
    standard_error: float | None


@dataclass(frozen=True, slots=True)
class Order:
    """How far two rankings of the same agree, pair by pair."""

    n_pairs: int  # all of them
    n_kept: int  # in the same order in both
    n_reversed: int
    n_tied_before: int  # equal in the old ranking, whatever the new one
    n_tied_now: int  # equal in the new one
    tau: float | None  # Kendall's tau-b (1945): 1 for the same order, -1 for the reverse; None where all are equal

    @classmethod
    def of(cls, old: Sequence[float], new: Sequence[float]) -> Order:
        """The order of ranks or scores before and now."""
        pairs = [(_sign(old[i], old[j]), _sign(new[i], new[j])) for i, j in itertools.combinations(range(len(old)), 2)]
        n_kept = sum(before * now > 0 for before, now in pairs)
        n_reversed = sum(before * now < 0 for before, now in pairs)
        n_before, n_now = sum(before != 0 for before, _ in pairs), sum(now != 0 for _, now in pairs)
        tau = (n_kept - n_reversed) / math.sqrt(n_before * n_now) if n_before and n_now else None
        return cls(len(pairs), n_kept, n_reversed, len(pairs) - n_before, len(pairs) - n_now, tau)


def _sign(one: float, other: float) -> int:
    return (one > other) - (one < other)


@dataclass(frozen=True, slots=True)
class Retest:
    """Whether an old ranking holds, on fresh seeds or on other data."""

    stage: str
    metric: str
    n_seeds: int
    n_to_go: int  # configurations that have not ended from every seed
    data: str | None  # the name of other data; None: the run's own
    differences: tuple[str, ...]  # of the other data from the run's own
    baseline: float | None  # what always the same answer reaches on other data, where the metric is the dev error
    standings: tuple[Standing, ...]  # in the new order
    old_best: int  # the trial that was ahead: the answer, or the first by its score
    order: Order
    rival: int  # the trial that the old best is compared with: ahead of it beyond chance, or the new best
    gap: float | None  # by how much the old best is above it, seed by seed; None if one did not complete
    gap_standard_error: float | None  # of that, over the seeds; None of a single seed
    gap_grain_error: float  # what that is at the least where scores come in steps
    margin: float  # how many of these a gap may be by chance
    dev_margin: float  # and of those through the choice of dev examples
    gap_dev_error: float | None  # of that, through the choice of dev examples, as if each had its own; None: not known
    n_dev: int  # examples of the dev set; 0 where that is not known
    old_answer: int | None  # confirmed, on the run's own data, before this; None: nothing was
    answer: int | None  # the same with this

    @property
    def is_useless(self) -> bool:
        """Whether none of the configurations has learned anything on the other data."""
        return self.baseline is not None and self.new_best.mean >= self.baseline

    @property
    def new_best(self) -> Standing:
        return self.standings[0]

    @property
    def chance(self) -> float | None:
        """How large a gap chance explains: over seeds or, on other data, by its dev examples if that is more."""
        if self.gap_standard_error is None:
            return None
        return max(self._over_seeds(self.gap_standard_error), self._of_dev_set)

    @property
    def is_of_dev_set(self) -> bool:
        """Whether it is the choice of dev examples that explains more than seeds do."""
        return self.gap_standard_error is not None and self._of_dev_set > self._over_seeds(self.gap_standard_error)

    def _over_seeds(self, standard_error: float) -> float:
        return self.margin * max(standard_error, self.gap_grain_error)

    @property
    def _of_dev_set(self) -> float:
        """That of the run's own is common to all that its answer was ever compared with."""
        return 0.0 if self.data is None else self.dev_margin * (self.gap_dev_error or 0.0)

    @property
    def holds(self) -> bool | None:
        """Whether none is ahead of the old best by more than chance explains; None where it cannot be told."""
        if self.old_best == self.new_best.trial:
            return True
        if self.n_seeds < 2:
            return None
        return self.gap is not None and self.chance is not None and self.gap <= self.chance


def confirmation(run: Run) -> Confirmation | None:
    """What confirmations on the run's own data have shown; None where no configuration has been confirmed."""
    snapshot = run.snapshot
    compared, answer = contenders(snapshot), answer_of(snapshot)
    if not compared or answer is None:
        return None
    found = _found_scores(snapshot)
    cost = _training_cost(run)
    of_dev = dev_error_of(run, snapshot.facts["data"])
    candidates = tuple(
        Candidate(one.trial, found[one.trial], one.scores, one.mean, one.standard_error, of_dev(one.mean), cost(one))
        for one in compared
    )
    limit = _limit(candidates, answer.trial)
    return Confirmation(
        metric=run.config.search.metric,
        candidates=candidates,
        answer=answer.trial,
        cheapest=None if limit is None else _cheapest(candidates, limit),
        limit=limit,
        optimism=_optimism(_searched_before(snapshot, compared), candidates),
    )


def _searched_before(snapshot: Snapshot, compared: Sequence[Confirmed]) -> list[TrialResult]:
    """The trials of the searches whose best are compared, ranked: not those of searches since."""
    last = max(trial.stage for trial in snapshot.trials if trial.number in {one.trainings[-1] for one in compared})
    return ranked(_first_stages(snapshot, last + 1).found)


def _optimism(found: Sequence[TrialResult], candidates: Sequence[Candidate]) -> Optimism | None:
    leader = next((one for one in candidates if one.trial == found[0].number), None)
    if leader is None or math.isinf(leader.mean):
        return None
    n_completed = sum(result.status is Status.COMPLETED for result in found)
    return Optimism(leader.trial, leader.found_score, leader.mean, n_completed)


def _limit(candidates: Sequence[Candidate], answer: int) -> float | None:
    """The answer's mean and a standard error of it: over seeds or of the dev set, whichever is larger."""
    best = next((one for one in candidates if one.trial == answer), None)
    if best is None or best.standard_error is None:
        return None
    return best.mean + max(best.standard_error, best.dev_standard_error or 0.0)


def _cheapest(candidates: Sequence[Candidate], limit: float) -> int:
    return min((one for one in candidates if one.mean <= limit), key=lambda one: (one.cost, one.mean)).trial


def dev_error_of(run: Run, data: Mapping[str, Any]) -> Callable[[float], float | None]:
    """The standard error of a score through the choice of dev examples, where the metric is the dev error."""
    n = data.get("dev", 0)
    if run.config.search.metric != "dev_error" or not n:
        return lambda _: None
    of = of_root_mean_square if run.config.data.is_regression else of_share
    return lambda score: of(score, n) if math.isfinite(score) else None


def retests(run: Run) -> tuple[Retest, ...]:
    """What each retest has shown so far."""
    stages = [s for s in run.snapshot.stages if isinstance(s.plan, ConfirmPlan) and s.plan.follows is None]
    found = [retest(run, stage) for stage in stages]
    return tuple(one for one in found if one is not None)


def retest(run: Run, stage: Stage) -> Retest | None:
    """What a retest has shown; None before a configuration has ended from every seed."""
    snapshot, plan = run.snapshot, stage.plan
    assert isinstance(plan, ConfirmPlan)
    new = whole(snapshot, stage)
    if not new:
        return None
    old_answer = _confirmed_answer(snapshot, stage.number)
    order = sorted(plan.trials, key=lambda trial: trial != old_answer)
    standings = _standings(snapshot, stage, order, new, old_answer)
    old_best = next(trial for trial in order if trial in {one.trial for one in new})
    rival = next(iter(ahead_of(old_best, new, plan.margin)), new[0])
    one = next(one for one in new if one.trial == old_best)
    gap, gap_standard_error = paired(one, rival)
    facts = snapshot.facts["data"] if plan.data is None else plan.data
    errors = [dev_error_of(run, facts)(each.mean) for each in (one, rival)]
    return Retest(
        stage=stage.name,
        metric=run.config.search.metric,
        n_seeds=len(plan.replicates),
        n_to_go=len(plan.trials) - len(new),
        data=None if plan.data is None else DataSettings.from_json(plan.data["settings"]).name,
        differences=() if plan.data is None else _differences(snapshot.facts["data"], plan.data),
        baseline=_baseline(run, plan),
        standings=standings,
        old_best=old_best,
        order=Order.of([one.old_rank for one in standings], [one.rank for one in standings]),
        rival=rival.trial,
        gap=gap,
        gap_standard_error=gap_standard_error,
        gap_grain_error=0.0 if gap is None else grain_error(one, rival),
        margin=plan.margin,
        dev_margin=_dev_margin(plan, facts.get("dev", 0)),
        gap_dev_error=None if None in errors else math.hypot(*(error for error in errors if error is not None)),
        n_dev=facts.get("dev", 0),
        old_answer=old_answer,
        answer=_confirmed_answer(snapshot, stage.number + 1),
    )


def _dev_margin(plan: ConfirmPlan, n_dev: int) -> float:
    """As student.margin, with examples for seeds; older retests took one standard error of either."""
    return student.margin(len(plan.trials) - 1, n_dev) if plan.margin > 1 and n_dev > 1 else 1.0


def _baseline(run: Run, plan: ConfirmPlan) -> float | None:
    """What always the same answer reaches on the other data of a retest, by the metric, where that says anything."""
    found = None if plan.data is None else baseline_of(plan.data)
    if found is None or (run.config.search.metric == "dev_error" and is_rare(found)):
        return None
    levels = {"dev_error": found.error, "dev_loss": found.loss}.get(run.config.search.metric, {})
    return levels.get("dev")


def _standings(
    snapshot: Snapshot, stage: Stage, order: Sequence[int], new: Sequence[Confirmed], old_answer: int | None
) -> tuple[Standing, ...]:
    """The configurations in the new order; `order` is the old one, the answer first."""
    old = pooled(_first_stages(snapshot, stage.number))
    found = _found_scores(snapshot)
    present = [trial for trial in order if trial in {one.trial for one in new}]
    before = [rounded(old[trial].mean if trial in old else found[trial]) for trial in present]
    if present[0] == old_answer and min(before) < before[0]:
        before[0] = -math.inf  # the answer keeps its place before scores that nothing has confirmed
    old_ranks = dict(zip(present, _ranks(before), strict=True))
    ranks = _ranks([one.rounded_mean for one in new])
    return tuple(
        Standing(
            trial=one.trial,
            old_rank=old_ranks[one.trial],
            old_mean=old[one.trial].mean if one.trial in old else None,
            old_standard_error=old[one.trial].standard_error if one.trial in old else None,
            found_score=found[one.trial],
            rank=rank,
            scores=one.scores,
            mean=one.mean,
            standard_error=one.standard_error,
        )
        for rank, one in zip(ranks, new, strict=True)
    )


def _ranks(scores: Sequence[float]) -> list[int]:
    """The ranks, from 1: equals share the first of theirs."""
    in_order = sorted(scores)
    return [bisect.bisect_left(in_order, score) + 1 for score in scores]


def _first_stages(snapshot: Snapshot, n: int) -> Snapshot:
    """A run as it was after so many stages."""
    trials = tuple(trial for trial in snapshot.trials if trial.stage < n)
    return replace(snapshot, stages=snapshot.stages[:n], trials=trials)


def _confirmed_answer(snapshot: Snapshot, n_stages: int) -> int | None:
    answer = answer_of(_first_stages(snapshot, n_stages))
    return None if answer is None or answer.confirmed is None else answer.trial


def _found_scores(snapshot: Snapshot) -> dict[int, float]:
    return {result.number: result.score for result in snapshot.found if result.score is not None}


def _training_cost(run: Run) -> Callable[[Confirmed], float]:
    """The estimated cost of a training of a configuration: of an epoch, times the epochs that its trainings ran."""
    snapshot = run.snapshot
    of_epoch = stored_config.epoch_cost(run.config, snapshot.facts["data"])
    configurations: dict[int, Mapping[str, Value]] = {t.number: t.hyperparameters for t in snapshot.trials}
    epochs = {result.number: result.epochs for result in snapshot.results}
    return lambda one: of_epoch(configurations[one.trial]) * statistics.fmean(epochs[n] for n in one.trainings)


def _differences(own: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """What is different in numbers, in words."""
    names = {"train": "training examples", "dev": "dev examples", "features": "features", "classes": "classes"}
    return tuple(
        f"{other[key]:,} {name} instead of {own[key]:,}" for key, name in names.items() if own[key] != other[key]
    )
