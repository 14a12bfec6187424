"""Which trial is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hptune.search.known import Rank, rank
from hptune.trial import TrialResult


def ranked(results: Iterable[TrialResult], means: Mapping[int, float] | None = None) -> list[TrialResult]:
    """The trials with a score, best first, by known.rank; means are those of confirmed ones, by number.

    Without means, all compete with the scores that a search has found. Trials without a score have no rank.
    """

    def key(result: TrialResult) -> Rank:
        assert result.score is not None
        standing = result.score, 0.0 if result.tie is None else result.tie
        return rank(result.status, result.epochs, standing, (means or {}).get(result.number), result.number)

    return sorted((result for result in results if result.score is not None), key=key)
