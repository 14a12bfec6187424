"""What happens in a run, in the order in which it is stored and shown."""

from __future__ import annotations

from dataclasses import dataclass

from hptune.trial import EpochMetrics, TrialResult, TrialSpec


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """An attempt at a trial begins."""

    spec: TrialSpec
    attempt: int  # from 1


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """A trial has one more row in its curve."""

    number: int
    metrics: EpochMetrics


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial has its result."""

    result: TrialResult


@dataclass(frozen=True, slots=True)
class AttemptLost:
    """The worker that trained a trial died; the attempt came to nothing."""

    spec: TrialSpec
    reason: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """A request to stop was noticed: nothing new is started, and what runs may end within the grace."""

    n_running: int
    grace_s: float


Event = TrialStarted | EpochEnded | TrialEnded | AttemptLost | Stopping
