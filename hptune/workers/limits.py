"""What a trial and its worker may take, and the clock by which that is measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hptune import wording

LONGEST_LOOK_S = 1.0  # hptune looks at its workers several times a second, unless something keeps it from doing so


@dataclass(frozen=True, slots=True)
class Limits:
    """Of `search:` in a study file; None is no limit."""

    trial_s: float | None = None  # of a trial, from when its worker begins it
    stall_s: float | None = None  # without an epoch
    memory: int | None = None  # bytes of one worker

    def exceeded(self, trial_s: float, stall_s: float) -> str | None:
        """Why a trial may not go on that has run for so long, and for so long without an epoch; None: it may."""
        if self.trial_s is not None and trial_s >= self.trial_s:
            return f"no end within {wording.span(self.trial_s)} (search.trial_timeout)"
        if self.stall_s is not None and stall_s >= self.stall_s:
            return f"no epoch for {wording.span(self.stall_s)} (search.stall_timeout)"
        return None


class ObservedClock:
    """Seconds during which somebody has looked.

    Between two looks at most a second passes: while hptune is stopped (Ctrl-Z) or the machine sleeps, no worker is to
    blame for what does not happen.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._seconds = 0.0

    def look(self) -> float:
        """Seconds since the first look, pauses left out."""
        now = self._clock()
        self._seconds += min(now - self._last, LONGEST_LOOK_S)
        self._last = now
        return self._seconds
