"""Which trial is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hptune.search.known import Fresh, Rank, rank, rounded
from hptune.trial import TrialResult


def ranked(results: Iterable[TrialResult], fresh: Mapping[int, Fresh] | None = None) -> list[TrialResult]:
    """The trials with a score, best first, by known.rank; fresh is what fresh seeds say of confirmed ones, by number.

    Without it, all compete with the scores that a search has found. Trials without a score have no rank.
    """
    return sorted(
        (result for result in results if result.score is not None), key=lambda result: _rank_of(result, fresh or {})
    )


def leader(results: Iterable[TrialResult]) -> TrialResult | None:
    """The first of them in the order of ranked; None where none has a score."""
    scored = (result for result in results if result.score is not None)
    return min(scored, key=lambda result: _rank_of(result, {}), default=None)


def _rank_of(result: TrialResult, fresh: Mapping[int, Fresh]) -> Rank:
    assert result.score is not None
    score = rounded(result.score) if fresh else result.score  # as means are
    standing = score, 0.0 if result.tie is None else result.tie
    return rank(result.status, result.epochs, standing, fresh.get(result.number), result.number)
