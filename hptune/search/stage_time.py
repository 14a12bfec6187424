"""The time of a search: how much of it is spent, as far as proposals know, and whether another training has room in it.

The clock is read when a trial is proposed, and what it says is recorded with the run. So a share of the time is true
on any machine and at any load, and a search that is gone on with knows what it knew before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

EVERY = 0.01  # of the time: how much may pass before the clock is read again

Reading = tuple[int, float]
"""(trials handed out before, seconds that the stage had had by then)."""


@final
class StageTime:
    """The time of a stage; without a limit it is never spent."""

    def __init__(self, limit_s: float | None, recorded: Iterable[Reading] = ()) -> None:
        """Recorded are the readings of earlier sittings, in order."""
        self._limit_s = limit_s
        self._to_come = list(recorded)
        self._readings: list[Reading] = []  # in force
        self._elapsed_s = 0.0
        self._trained_s, self._estimated_s = 0.0, 0.0

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What is to be recorded."""
        return (*self._readings, *self._to_come)

    @property
    def share(self) -> float:
        """How much of the time was spent when the clock was last read."""
        return self._readings[-1][1] / self._limit_s if self._limit_s and self._readings else 0.0

    @property
    def is_over(self) -> bool:
        return self._limit_s is not None and self._elapsed_s >= self._limit_s

    def see(self, elapsed_s: float) -> None:
        """So long has been spent."""
        self._elapsed_s = elapsed_s

    def read(self, n_handed_out: int, *, is_new: bool) -> None:
        """Read the clock for a trial: for one that was handed out before, as it was then."""
        while self._to_come and (is_new or self._to_come[0][0] <= n_handed_out):
            self._readings.append(self._to_come.pop(0))
        if is_new and self._limit_s is not None and self._elapsed_s / self._limit_s - self.share >= EVERY:
            self._readings.append((n_handed_out, round(self._elapsed_s, 3)))

    def see_training(self, seconds: float, estimated_s: float) -> None:
        """A trial has taken so long that was estimated to take so long on the processor of the estimates."""
        self._trained_s += seconds
        self._estimated_s += estimated_s

    def expected_s(self, estimated_s: float) -> float:
        """How long a training will take on this machine, at its load so far; 0 before that is known."""
        return estimated_s * self._trained_s / self._estimated_s if self._estimated_s else 0.0

    def has_room(self, estimated_s: float) -> bool:
        """Whether a training is expected to end within the time."""
        return self._limit_s is None or self._elapsed_s + self.expected_s(estimated_s) <= self._limit_s
