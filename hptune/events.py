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


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins or goes on."""

    number: int
    name: str
    origin: str
    n_trials: int | None  # None: as many as its budget allows


@dataclass(frozen=True, slots=True)
class StageEnded:
    """A stage has handed out all of its trials; they may still be trained."""

    number: int
    n_trials: int


@dataclass(frozen=True, slots=True)
class SpaceExtended:
    """The best trials crowd at the end of a range, and the search goes on in a larger space."""

    stage: int
    space: str  # JSON, as in a study file


@dataclass(frozen=True, slots=True)
class ClockRead:
    """Proposals of a search with a budget of time rest on what the clock has said."""

    stage: int
    readings: tuple[tuple[int, float], ...]  # all so far: trials handed out before, seconds of the stage


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the person should know and that changes no result."""

    text: str


Event = (
    TrialStarted
    | EpochEnded
    | TrialEnded
    | AttemptLost
    | Stopping
    | StageStarted
    | StageEnded
    | SpaceExtended
    | ClockRead
    | Notice
)
