"""Where trials are trained: in this process, or in worker processes of this machine. Both have one interface.

A worker knows how to train and nothing of searches or stores. What happens is told as events.
"""

from __future__ import annotations

from typing import Protocol

from hptune.events import Event
from hptune.trial import TrialSpec


class Workers(Protocol):
    """Something that trains trials, several at a time."""

    @property
    def n_idle(self) -> int:
        """How many more trials may be submitted now."""

    @property
    def n_busy(self) -> int:
        """How many submitted trials have not ended."""

    @property
    def available_s(self) -> float:
        """For how long workers have been ready to train, all of them together, in seconds."""

    def submit(self, spec: TrialSpec) -> None:
        """Begin to train a trial; n_idle must be above 0."""

    def poll(self, timeout_s: float) -> list[Event]:
        """What has happened, waiting up to timeout_s for the first event."""

    def stop(self) -> None:
        """Have every training end at its next epoch, without a result; nothing may be submitted from now on."""

    def close(self) -> None:
        """Stop at once, whatever is being trained, and leave nothing behind."""
