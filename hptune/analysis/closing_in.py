"""How a search closed in: its coarse trials, then the others in parts, with the side of their boxes and the best."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hptune.search.ranking import ranked
from hptune.trial import Kind, Status, TrialResult, TrialSpec

PARTS = 4  # of the trials after the coarse ones

Trials = Sequence[tuple[TrialSpec, TrialResult]]


@dataclass(frozen=True, slots=True)
class Part:
    """Some trials of a search, one after the other."""

    phase: str  # coarse, or closing in
    first: int  # trials, by number
    last: int
    n_stopped: int
    side: float | None  # of the boxes in the median, as a share of every range
    best_score: float | None  # of this part and those before it
    best_trial: int | None


def parts(trials: Trials) -> tuple[Part, ...]:
    """The parts of a search from coarse to fine, of which these trials have ended; none where it has not closed in."""
    n_coarse = sum(1 for _ in itertools.takewhile(lambda trial: trial[0].origin.kind is Kind.COARSE, trials))
    coarse, rest = trials[:n_coarse], trials[n_coarse:]
    if not any(spec.origin.kind is Kind.ZOOM for spec, _ in rest):
        return ()
    n = min(PARTS, len(rest))
    slices = [rest[i * len(rest) // n : (i + 1) * len(rest) // n] for i in range(n)]
    return tuple(_parts([coarse, *slices] if coarse else slices))


def _parts(slices: Sequence[Trials]) -> Iterator[Part]:
    best: list[TrialResult] = []
    for trials in slices:
        best = ranked([*best, *(result for _, result in trials)])[:1]
        leader = next((result for result in best if result.status is Status.COMPLETED), None)
        sides = [spec.origin.side for spec, _ in trials if spec.origin.side is not None]
        yield Part(
            phase="closing in" if sides else trials[0][0].origin.kind.value,
            first=trials[0][0].number,
            last=trials[-1][0].number,
            n_stopped=sum(result.status is Status.STOPPED for _, result in trials),
            side=statistics.median(sides) if sides else None,
            best_score=leader.score if leader else None,
            best_trial=leader.number if leader else None,
        )
