"""The simulated clock: which trials have ended when another is proposed, whatever happens when on the real one.

A search that proposes from "the results that have arrived" depends on timing and cannot be repeated. Here a number of
simulated machines train the trials in the order of their numbers, an epoch of a trial taking its estimated cost. A
trial is proposed when a simulated machine is free, and knows those that have ended by then on this clock. The estimate
need not be good for the results to be the same every time; the better it is, the less real workers wait.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Training:
    """A trial on a simulated machine."""

    start: float
    cost: float  # of an epoch
    epochs: int  # that it runs, as far as that is known: at least so many
    has_ended: bool = False  # and so no more than those

    @property
    def end(self) -> float:
        """When it ends or, as long as that is not known, when it ends at the earliest."""
        return self.start + self.cost * self.epochs


class SimulatedClock:
    """Simulated machines, one for each of up to `parallel` trials at a time."""

    def __init__(self, parallel: int) -> None:
        self.now = 0.0
        self._parallel = parallel
        self._trainings: dict[int, _Training] = {}

    @property
    def has_room(self) -> bool:
        return len(self._trainings) < self._parallel

    @property
    def busy(self) -> tuple[int, ...]:
        """The trials that have not ended on the clock, by number."""
        return tuple(self._trainings)

    def start(self, number: int, cost: float, epochs: int) -> None:
        """A trial begins now; it will run so many epochs at least, and each takes so long."""
        self._trainings[number] = _Training(self.now, cost, epochs)

    def see(self, number: int, epochs: int) -> None:
        """A trial will run so many epochs at least, as is known now."""
        training = self._trainings[number]
        training.epochs = max(training.epochs, epochs)

    def end(self, number: int, epochs: int) -> None:
        """A trial has run so many epochs, and ended there."""
        training = self._trainings[number]
        training.epochs, training.has_ended = epochs, True

    def next_ended(self) -> int | None:
        """Move on to the next end of a trial; None as long as it is not certain which one it is.

        Of two that end at the same time the lower number comes first.
        """
        if not self._trainings:
            return None
        number = min(self._trainings, key=lambda number: (self._trainings[number].end, number))
        training = self._trainings[number]
        if not training.has_ended:
            return None
        self.now = training.end
        del self._trainings[number]
        return number
