"""Which trial is better: the one order of trials, in searches, lists, tables and reports alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hptune.search.known import Fresh, Known
from hptune.trial import Standing, Status, TrialResult

Rank = tuple[bool, int, float, bool, float, float, float, int]
"""By which trials with a score are ordered, the best first."""


def ranked(results: Iterable[TrialResult], fresh: Mapping[int, Fresh] | None = None) -> list[TrialResult]:
    """Order the trials with a score by rank; fresh is what fresh seeds say of confirmed ones, by number.

    Without it, all compete with the scores that a search has found. Trials without a score have no rank.
    """
    scored = (result for result in results if result.score is not None)
    return sorted(scored, key=lambda result: _of_result(result, fresh or {}))


def leader(results: Iterable[TrialResult]) -> TrialResult | None:
    """Return the first of them in the order of ranked; None where none has a score."""
    scored = (result for result in results if result.score is not None)
    return min(scored, key=lambda result: _of_result(result, {}), default=None)


def best_first(known: Iterable[Known]) -> list[Known]:
    """Order what proposals know of trials with a score as ranked orders their results."""
    return sorted((trial for trial in known if trial.has_score), key=rank_key)


def rank_key(trial: Known) -> Rank:
    """Return the rank of a trial with a score."""
    standing = trial.lowest[-1], trial.ties[-1] if trial.ties else 0.0
    return rank(trial.status, len(trial.lowest), standing, trial.fresh, trial.number)


def rank(status: Status, epochs: int, standing: Standing, fresh: Fresh | None, number: int) -> Rank:
    """Say where a trial with a score stands.

    Completed ones come first, then those that a bar stopped, the farthest first: how good such a trial would have
    become is not known. A confirmed one competes with its mean, which the luck of its seed has no part in: before a
    score that is as low, and of equal means the one with the smaller standard error first, then the cheaper one.
    """
    score, tie = standing
    is_stopped = status is Status.STOPPED
    if fresh is None or is_stopped:
        return is_stopped, -epochs if is_stopped else 0, rounded(score), True, 0.0, 0.0, tie, number
    return False, 0, rounded(fresh.mean), False, fresh.standard_error, fresh.cost, 0.0, number


def rounded(score: float) -> float:
    """Return a score or a mean without its last digits, in which means of the same sum can differ."""
    return float(f"{score:.12g}")


def _of_result(result: TrialResult, fresh: Mapping[int, Fresh]) -> Rank:
    assert result.score is not None
    standing = result.score, 0.0 if result.tie is None else result.tie
    return rank(result.status, result.epochs, standing, fresh.get(result.number), result.number)
