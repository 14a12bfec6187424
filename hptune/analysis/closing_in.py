"""How a search closed in: its coarse trials, then the others in parts, with the side of their boxes and the best."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hptune.search.ranking import ranked
from hptune.trial import Kind, Status, TrialResult, TrialSpec

PARTS = 4  # of the trials after the coarse ones
MANY = 8  # trials, of which two would be coarse
CLOSING_IN = "closing in"  # the phase

Trials = Sequence[tuple[TrialSpec, TrialResult]]


@dataclass(frozen=True, slots=True)
class Part:
    """Some trials of a search, one after the other."""

    phase: str  # coarse, or closing in
    first: int  # trials, by number
    last: int
    n_stopped: int
    side: float | None  # of the boxes in the median, as a share of every range
    best_score: float | None  # of the completed trials of this part and those before it
    best_trial: int | None
    lowest: float | None  # metric of this part alone, of trials that a bar stopped as far as they came, too
    lowest_trial: int | None


def too_coarse(trials: Trials) -> int:
    """How many trials of a search that has ended are coarse, where that is most of them; else 0.

    A search from coarse to fine has hardly closed in then, or not at all. With few trials that says nothing.
    """
    n_coarse = sum(spec.origin.kind is Kind.COARSE for spec, _ in trials)
    return n_coarse if len(trials) >= MANY and 2 * n_coarse > len(trials) else 0


def gain_text(found: Sequence[Part], answer: int | None) -> str:
    """What closing in was worth, in words: whether the best score and the answer came from it."""
    coarse, *closing = found
    if coarse.phase == CLOSING_IN or not closing:
        return ""
    has_gained = closing[-1].best_trial != coarse.best_trial
    text = "" if has_gained else "No trial that ran to its end has a better score than the best coarse one"
    here = next((part for part in found if answer is not None and part.first <= answer <= part.last), None)
    if here is None:
        return f"{text}." if text else ""
    if here is coarse:
        return f"{text or 'Closing in found better scores'}; the answer, trial {answer}, is a coarse trial."
    start = f"{text}, but the" if text else "The"
    return f"{start} answer, trial {answer}, was found by closing in (trials {here.first}-{here.last})."


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
        scores = [(result.score, result.number) for _, result in trials if result.score is not None]
        lowest = min(scores, default=None)
        sides = [spec.origin.side for spec, _ in trials if spec.origin.side is not None]
        yield Part(
            phase=CLOSING_IN if sides else trials[0][0].origin.kind.value,
            first=trials[0][0].number,
            last=trials[-1][0].number,
            n_stopped=sum(result.status is Status.STOPPED for _, result in trials),
            side=statistics.median(sides) if sides else None,
            best_score=leader.score if leader else None,
            best_trial=leader.number if leader else None,
            lowest=lowest[0] if lowest else None,
            lowest_trial=lowest[1] if lowest else None,
        )
