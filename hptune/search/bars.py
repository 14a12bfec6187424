"""Bars: a trial goes on only where it is among the best third of those before it, at a few epochs early in its life.

So does one that is no worse there than its centre was.

Successive halving without its waiting (Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning): the
bars are computed when a trial is proposed, from what is known then, and travel in its spec. Its worker applies them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from hptune.search.known import Known
from hptune.search.ordered import Ordered
from hptune.trial import Bar, Standing

KEPT = 3  # one trial in three goes on
FEWEST = 2  # trials known at a rung: a single one is no measure
RUNGS = 3  # at 1/27, 1/9 and 1/3 of the epochs


def rungs(epochs: int) -> tuple[int, ...]:
    """The epochs at which trials of so many epochs are compared: 1, 3 and 10 of 30; none of a single one."""
    found = {max(1, round(epochs / KEPT**power)) for power in range(1, RUNGS + 1)}
    return tuple(sorted(found - {epochs}))


def bars(known: Iterable[Known], epochs: int) -> tuple[Bar, ...]:
    """The bars of a new trial of so many epochs.

    With n trials known at a rung, it goes on as one of the best (n + 1) / 3 of all n + 1, ties included unless
    something breaks them. A single known trial is no measure, and where even the best third has diverged there is no
    bar.
    """
    return tuple((rung, score) for rung, (score, _) in Standings(epochs, known).bars())


class Standings:
    """The standings of known trials at every rung, in order, so that a search of many need not sort them anew."""

    def __init__(self, epochs: int, known: Iterable[Known] = ()) -> None:
        self._scores: dict[int, Ordered[Standing]] = {rung: Ordered(_itself) for rung in rungs(epochs)}
        for trial in known:
            self.add(trial)

    def add(self, trial: Known) -> None:
        for rung, scores in self._scores.items():
            if (standing := trial.standing_at(rung)) is not None:
                scores.add(standing)

    def bars(self, centre: Known | None = None) -> tuple[tuple[int, Standing], ...]:
        """As the function of that name, with what breaks ties: 0 where nothing does.

        A step from a centre goes on as well where it stands no lower than its centre stood: what begins slowly and ends
        well has successors that do.
        """
        counted = [(rung, scores) for rung, scores in self._scores.items() if len(scores) >= FEWEST]
        found = [(rung, scores.items[max(1, (len(scores) + 1) // KEPT) - 1]) for rung, scores in counted]
        if centre is not None:
            found = [(rung, max(bar, centre.standing_at(rung) or bar)) for rung, bar in found]
        return tuple((rung, bar) for rung, bar in found if bar[0] < math.inf)


def _itself(standing: Standing) -> Standing:
    return standing
