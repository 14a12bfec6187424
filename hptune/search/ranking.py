"""Which trial is better."""

from __future__ import annotations

from collections.abc import Iterable

from hptune.trial import TrialResult


def ranked(results: Iterable[TrialResult]) -> list[TrialResult]:
    """Completed trials, best first: by score, then by number. All others have no score and no rank."""
    scored = [(result.score, result.number, result) for result in results if result.score is not None]
    return [result for _, _, result in sorted(scored, key=lambda item: item[:2])]
