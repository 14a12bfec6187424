"""The records that cross a process border: what a worker is told, and what it answers.

All are frozen, made of the standard library alone, and have an exact JSON form (floats by their
shortest repr), so that a result is the same whether it came from this process or another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, get_args

Value = float | int | str | bool
"""A hyperparameter's value."""

MetricName = Literal["train_loss", "train_error", "dev_loss", "dev_error"]
METRICS: tuple[MetricName, ...] = get_args(MetricName)
"""What is measured after every epoch; of each, less is better."""

TIE_BREAKER: Mapping[MetricName, MetricName] = {"train_error": "train_loss", "dev_error": "dev_loss"}
"""What decides between equal values of a metric, less being better; of the others equal ones are equal.

An error is a share of a few examples, and equal often; always where no network gets past the commonest class.
"""


class Status(StrEnum):
    """How a trial ended."""

    COMPLETED = "completed"  # it ran all of its epochs, or as many as its patience lasted
    STOPPED = "stopped"  # it was above a bar
    DIVERGED = "diverged"  # a loss was no longer a finite number
    FAILED = "failed"  # the training raised an exception
    CRASHED = "crashed"  # its worker process died, three times
    TIMED_OUT = "timed out"  # it took longer than it may, in all or for an epoch


BY_CHANCE = frozenset({Status.CRASHED, Status.TIMED_OUT})
"""Of trials that may end otherwise when they are trained again: how far they came says nothing about them."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all trials of a run have in common: which trainer, and what it is prepared with.

    trainer is "module:function"; the function is called once per worker with settings (plain JSON
    values) and returns the function that trains one trial (see hptune.trainers).
    """

    trainer: str
    metric: MetricName
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"trainer": self.trainer, "metric": self.metric, "settings": dict(self.settings)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Job:
        return cls(record["trainer"], record["metric"], record["settings"])


class Kind(StrEnum):
    """How a trial's configuration was chosen."""

    RANDOM = "random"  # anywhere in the space, whatever there was before
    COARSE = "coarse"  # anywhere in the space, before there was anything to be near to
    ZOOM = "zoom"  # near a trial among the best
    GLOBAL = "global"  # anywhere in the space, later
    CONFIRMATION = "confirmation"  # that of another trial, trained again from another seed


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a trial's configuration comes from."""

    kind: Kind
    parent: int | None = None  # the trial that it is near to or repeats
    side: float | None = None  # of the box around the parent, as a share of every range

    def describe(self) -> str:
        """In words, for tables."""
        if self.kind is Kind.ZOOM:
            return f"zoom around trial {self.parent}, side {self.side:.2g}"
        return f"{self.kind.value} of trial {self.parent}" if self.kind is Kind.CONFIRMATION else self.kind.value


Bar = tuple[int, float]
"""(epoch, score): a trial whose lowest metric after so many epochs is above the score goes no further."""

Standing = tuple[float, float]
"""(metric, what breaks ties of it) of a trial after an epoch; the lower is better, the second 0 where nothing does."""


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """All that is needed to train one trial, beside the run's Job."""

    number: int  # from 0, through the whole run
    stage: int  # from 0: the first search, then its confirmation, zooms, ...
    hyperparameters: Mapping[str, Value]  # those of the search space, by name
    seed: int  # of the run; streams are derived from it and the stream's number
    origin: Origin = Origin(Kind.COARSE)
    bars: tuple[Bar, ...] = ()  # by epoch
    replicate: int | None = None  # of a confirmation: configurations with the same one share all random streams
    bar_ties: tuple[float, ...] = ()  # for each bar, what breaks a tie with it; empty: one that ties goes on

    @property
    def stream(self) -> int:
        """The number of the random streams that it is trained with: no other trial's, but for replicates."""
        return self.number if self.replicate is None else FIRST_REPLICATE + self.replicate

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "stage": self.stage,
            "hyperparameters": dict(self.hyperparameters),
            "seed": self.seed,
            "origin": [self.origin.kind.value, self.origin.parent, self.origin.side],
            "bars": [list(bar) for bar in self.bars],
            "replicate": self.replicate,
            **({"bar_ties": list(self.bar_ties)} if self.bar_ties else {}),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrialSpec:
        kind, parent, side = record["origin"]
        bars = tuple((epoch, score) for epoch, score in record["bars"])
        ties = tuple(record.get("bar_ties", ()))
        return cls(**{**record, "origin": Origin(Kind(kind), parent, side), "bars": bars, "bar_ties": ties})

    def is_above_bar(self, epoch: int, standing: Standing) -> bool:
        """Whether a trial whose lowest standing after so many epochs is this goes no further."""
        for place, (at, score) in enumerate(self.bars):
            if at == epoch:
                return standing > (score, self.bar_ties[place] if self.bar_ties else math.inf)
        return False


FIRST_REPLICATE = 2**32
"""Above all numbers of trials."""


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One row of a learning curve.

    The train metrics are means over the epoch's mini-batches, as the network was while it learnt from
    them (dropout and augmentation on, penalties left out); the dev metrics are measured after the epoch, dropout off.
    """

    epoch: int  # from 1
    train_loss: float
    train_error: float  # share of examples misclassified; in regression RMSE in deviations of the training targets
    dev_loss: float
    dev_error: float
    learning_rate: float  # of this epoch
    seconds: float  # since the trial's start

    def standing(self, metric: MetricName) -> Standing:
        """By which epochs and trials are compared."""
        breaker = TIE_BREAKER.get(metric)
        return float(getattr(self, metric)), 0.0 if breaker is None else float(getattr(self, breaker))

    def to_json(self) -> list[float]:
        return [
            self.epoch,
            self.train_loss,
            self.train_error,
            self.dev_loss,
            self.dev_error,
            self.learning_rate,
            self.seconds,
        ]


@dataclass(frozen=True, slots=True)
class FinalCheck:
    """Errors of the weights of the best epoch, on whole sets with dropout off, measured once at the end.

    The train error is the one a diagnosis of bias and variance needs. None where the trainer does not measure it.
    The test set is not touched here: that is for the answer of the whole search.
    """

    train_error: float | None = None


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended: status and result in one record."""

    number: int
    status: Status
    reason: str = ""  # empty when completed
    epochs: int = 0  # epochs in its curve
    best_epoch: int | None = None  # the first with the lowest standing; None unless completed or stopped
    score: float | None = None  # the metric at best_epoch
    final: FinalCheck = FinalCheck()
    seconds: float = 0.0  # of training, on the attempt that counts
    tie: float | None = None  # what breaks ties of its score, at best_epoch; None where nothing does

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "status": self.status.value,
            "reason": self.reason,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "score": self.score,
            "tie": self.tie,
            "train_error": self.final.train_error,
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrialResult:
        known = {**record, "status": Status(record["status"]), "final": FinalCheck(record["train_error"])}
        del known["train_error"]
        return cls(**known)


class DivergedError(Exception):
    """Raised by a trainer when a loss is no longer a finite number; its text is the reason."""
