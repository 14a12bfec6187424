"""The built-in trainer: hptune.nn on the data set of the study file, loaded and normalised once per worker."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from hptune.data.dataset import normalise
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.effects import effective
from hptune.errors import DataError
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.training import train
from hptune.trainers import Train
from hptune.trial import EpochMetrics, FinalCheck, Job, TrialSpec

TRAINER = f"{__name__}:prepare"


def prepare(job: Job) -> Train:
    """A Train for a job whose settings hold "data" (DataSettings), its fingerprint, and "train" (fixed values).

    Raises:
        DataError: the data cannot be used, or are not those with that fingerprint.

    """
    settings = DataSettings.from_json(job.settings["data"])
    loaded = load(settings)
    if loaded.fingerprint() != job.settings["fingerprint"]:
        raise DataError(f"{settings.path or settings.source}: has changed since the run was started. Put it back.")
    dataset = normalise(loaded)
    fixed = job.settings["train"]

    def train_one(spec: TrialSpec) -> Generator[EpochMetrics, None, FinalCheck]:
        # what has no effect beside this trial's other values is left at its default, as best.yaml does
        values: dict[str, Any] = effective({**fixed, **spec.hyperparameters})
        return train(dataset, Hyperparameters(**values), metric=job.metric, seed=spec.seed, number=spec.number)

    return train_one
