"""The epochs that a search spends: those of trials it knows the end of, and those that the others will take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from hptune.search.handed_out import HandedOut
from hptune.search.plan import TAKEN
from hptune.trial import Status


@dataclass(slots=True)
class _Taken:
    """Of trials of one kind, those epochs that they ran, and those that they could have run."""

    epochs: int = 0
    planned: int = 0

    def add(self, epochs: int, planned: int) -> None:
        self.epochs += epochs
        self.planned += planned


@final
class Spending:
    """The epochs spent, those that bars saved, and what to expect of trials under way."""

    def __init__(self) -> None:
        self._with_bars, self._without_bars, self._stopped = _Taken(), _Taken(), _Taken()

    @property
    def epochs(self) -> int:
        """Those of the trials that have ended."""
        return self._with_bars.epochs + self._without_bars.epochs

    @property
    def failure_cost(self) -> float:
        """What a step costs that leads to nothing, as a share of a training: where bars stop it, a part of one."""
        return self._stopped.epochs / self._stopped.planned if self._stopped.planned else 1.0

    def see(self, trial: HandedOut, status: Status, epochs: int) -> None:
        """A trial has ended after so many epochs."""
        (self._with_bars if trial.spec.bars else self._without_bars).add(epochs, trial.epochs)
        if status is Status.STOPPED:
            self._stopped.add(epochs, trial.epochs)

    def expected(self, under_way: Iterable[HandedOut]) -> float:
        """The epochs that trials under way will take.

        Each takes the share of its epochs that those before it took, of those with bars where it has bars itself; where
        these are few, the usual share counts like one more trial of its length.
        """
        return sum(trial.epochs * self._share(trial) for trial in under_way)

    def _share(self, trial: HandedOut) -> float:
        taken, usual = (self._with_bars, TAKEN) if trial.spec.bars else (self._without_bars, 1.0)
        return (taken.epochs + usual * trial.epochs) / (taken.planned + trial.epochs)
