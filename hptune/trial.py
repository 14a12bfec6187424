"""The records that cross a process border: what a worker is told, and what it answers.

All are frozen, made of the standard library alone, and have an exact JSON form (floats by their
shortest repr), so that a result is the same whether it came from this process or another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, get_args

Value = float | int | str | bool
"""A hyperparameter's value."""

MetricName = Literal["train_loss", "train_error", "dev_loss", "dev_error"]
METRICS: tuple[MetricName, ...] = get_args(MetricName)
"""What is measured after every epoch; of each, less is better."""


class Status(StrEnum):
    """How a trial ended."""

    COMPLETED = "completed"  # it ran all of its epochs, or as many as its patience lasted
    DIVERGED = "diverged"  # a loss was no longer a finite number
    FAILED = "failed"  # the training raised an exception
    CRASHED = "crashed"  # its worker process died, three times


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


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """All that is needed to train one trial, beside the run's Job."""

    number: int  # from 0, through the whole run
    stage: int  # 0 is coarse, then one per zoom
    hyperparameters: Mapping[str, Value]  # those of the search space, by name
    seed: int  # of the run; streams are derived from it and the trial's number

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "stage": self.stage,
            "hyperparameters": dict(self.hyperparameters),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrialSpec:
        return cls(record["number"], record["stage"], record["hyperparameters"], record["seed"])


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One row of a learning curve.

    The train metrics are means over the epoch's mini-batches, as the network was while it learnt from
    them (dropout on, penalties left out); the dev metrics are measured after the epoch, dropout off.
    """

    epoch: int  # from 1
    train_loss: float
    train_error: float  # share of examples misclassified; in regression RMSE in deviations of the training targets
    dev_loss: float
    dev_error: float
    learning_rate: float  # of this epoch
    seconds: float  # since the trial's start

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

    The train error is the one a diagnosis of bias and variance needs. The test error is shown for the
    answer alone. None where there is no such set, or the trainer does not measure it.
    """

    train_error: float | None = None
    test_error: float | None = None


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended: status and result in one record."""

    number: int
    status: Status
    reason: str = ""  # empty when completed
    epochs: int = 0  # epochs in its curve
    best_epoch: int | None = None  # the first with the lowest metric; None unless completed
    score: float | None = None  # the metric at best_epoch
    final: FinalCheck = FinalCheck()
    seconds: float = 0.0  # of training, on the attempt that counts

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "status": self.status.value,
            "reason": self.reason,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "score": self.score,
            "final": [self.final.train_error, self.final.test_error],
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrialResult:
        return cls(
            **{**record, "status": Status(record["status"]), "final": FinalCheck(*record["final"])},
        )


class DivergedError(Exception):
    """Raised by a trainer when a loss is no longer a finite number; its text is the reason."""
