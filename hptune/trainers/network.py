"""The built-in trainer: hptune.nn on the data of the study file, mapped from the files that the parent prepared."""

from __future__ import annotations

import json
import math
from collections.abc import Generator
from pathlib import Path

from hptune.data import prepared
from hptune.data.dataset import Dataset
from hptune.effects import hyperparameters_of
from hptune.errors import DataError
from hptune.nn import model_file
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.model_file import Model
from hptune.nn.training import Trained, train
from hptune.replacing import replace_file
from hptune.runs import RunFolder
from hptune.trainers import Train
from hptune.trial import EpochMetrics, FinalCheck, Job, Kind, TrialSpec

TRAINER = f"{__name__}:prepare"


def prepare(job: Job) -> Train:
    """A Train for a job whose settings hold "folder" (that of the run, during a sitting) and "train" (fixed values).

    Of the trials that it trains, each that is better than those before and each that confirms another leaves its
    weights in the run's folder, where the parent finds them (store.best_weights).

    Raises:
        DataError: the data are not there, or damaged.

    """
    folder = RunFolder(Path(job.settings["folder"]))
    fixed = job.settings["train"]
    try:
        datasets = {form: prepared.read(folder.prepared(normalized=form)) for form in prepared.forms(fixed)}
    except DataError as error:
        raise DataError(f"{error}. Go on with: hptune resume {folder.path}") from error
    best = ((math.inf, math.inf), -1)  # standing and number

    def train_one(spec: TrialSpec) -> Generator[EpochMetrics, None, FinalCheck]:
        nonlocal best
        h = hyperparameters_of(fixed, spec.hyperparameters)  # as best.yaml names them
        dataset = datasets[h.normalize_inputs]
        trained = yield from train(dataset, h, metric=job.metric, seed=spec.seed, number=spec.stream)
        is_confirming = spec.origin.kind is Kind.CONFIRMATION
        if is_confirming or (trained.standing, spec.number) < best:
            model = _model(trained, dataset, h, job, spec)
            replace_file(folder.weights_of(spec.number), model_file.to_bytes(model))
        if not is_confirming:
            best = min(best, (trained.standing, spec.number))
        return trained.final

    return train_one


def _model(trained: Trained, dataset: Dataset, h: Hyperparameters, job: Job, spec: TrialSpec) -> Model:
    return Model(
        network=trained.network,
        activation=h.activation,
        classes=dataset.classes,
        normalisation=dataset.normalisation,
        target=dataset.target,
        image=dataset.image,
        schema=json.loads(dataset.schema),
        trial=spec.number,
        metric=job.metric,
        score=trained.standing[0],
    )
