"""The built-in trainer: hptune.nn on the data set of the study file, loaded and normalised once per worker."""

from __future__ import annotations

from collections.abc import Generator

from hptune.data.dataset import normalise
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.training import train
from hptune.trainers import Train
from hptune.trial import EpochMetrics, FinalCheck, Job, TrialSpec

TRAINER = f"{__name__}:prepare"


def prepare(job: Job) -> Train:
    """A Train for a job whose settings hold "data" (DataSettings) and "train" (fixed hyperparameters)."""
    dataset = normalise(load(DataSettings.from_json(job.settings["data"])))
    fixed = job.settings["train"]

    def train_one(spec: TrialSpec) -> Generator[EpochMetrics, None, FinalCheck]:
        hyperparameters = Hyperparameters(**{**fixed, **spec.hyperparameters})
        return train(dataset, hyperparameters, metric=job.metric, seed=spec.seed, number=spec.number)

    return train_one
