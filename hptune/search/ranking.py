"""Which trial is better."""

from __future__ import annotations

from collections.abc import Iterable

from hptune.trial import Status, TrialResult


def ranked(results: Iterable[TrialResult]) -> list[TrialResult]:
    """Completed trials, best first, by score, then by number; behind them those that a bar stopped, the farthest first.

    How good a stopped trial would have become is not known, so it never comes before one that ran to its end. All
    others have no score and no rank.
    """
    return sorted((result for result in results if result.score is not None), key=_key)


def _key(result: TrialResult) -> tuple[bool, int, float, int]:
    assert result.score is not None
    is_stopped = result.status is Status.STOPPED
    return is_stopped, -result.epochs if is_stopped else 0, result.score, result.number
