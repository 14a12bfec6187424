"""The test set, which is touched once for each answer: by its network, when nothing is left to be trained."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune import rights
from hptune.data import prepared
from hptune.data.dataset import Dataset, Subset
from hptune.failpoints import reach
from hptune.measured import Measured
from hptune.nn import model_file
from hptune.nn.prediction import Predictions, predict
from hptune.store import Snapshot, Store
from hptune.store.answer import answer_of


def is_due(snapshot: Snapshot) -> bool:
    """Whether the run is finished and the network of its answer has not met the test set."""
    answer = answer_of(snapshot)
    if answer is None or not snapshot.is_finished or not snapshot.facts["data"].get("test"):
        return False
    is_tested = any(t.number == answer.weights and t.test_error is not None for t in snapshot.trials)
    return not is_tested and rights.exists(snapshot.folder.best_npz)


def measure(store: Store) -> None:
    """Store the test error of best.npz, within a sitting on the run's own data, and what it reaches besides.

    It is the share of examples misclassified; in regression the RMSE in deviations of the training targets.

    Raises:
        DataError: the data for the workers are not there.
        RunDamagedError: best.npz cannot be read.

    """
    model, answer = model_file.load(store.folder.best_npz), answer_of(store.snapshot())
    if answer is None or model.trial != answer.weights:  # the answer's were not kept, or were deleted
        return
    data = prepared.read(store.folder.prepared(normalized=model.normalisation is not None))
    assert data.test is not None
    ready = replace(model, normalisation=None, target=None)  # inputs and targets are as the network reads them
    found = predict(ready, data.test.x, data.test.y)
    assert found.errors is not None
    measured = {"test": _measured(data, data.test, found)}
    measured["dev"] = _measured(data, data.dev, predict(ready, data.dev.x, data.dev.y))
    reach("test.measured")
    store.set_test_error(model.trial, model.network.loss.error(found.errors, len(data.test)), measured)


def _measured(data: Dataset, subset: Subset, found: Predictions) -> Measured:
    """What the predictions of a set are worth, beside those of always the same answer."""
    assert found.loss is not None
    gains = _baseline_losses(data, subset) - _losses(data, subset, found)  # (examples,)
    is_known = bool(np.isfinite(gains).all())
    n_classes = len(data.classes)
    return Measured(
        loss=found.loss,
        loss_gain=float(gains.mean()) if is_known else None,
        loss_gain_error=float(gains.std()) / math.sqrt(len(subset)) if is_known else None,
        by_class=found.by_class(subset.y, n_classes) if n_classes else (),
    )


def _losses(data: Dataset, subset: Subset, found: Predictions) -> NDArray[Any]:
    """The loss of every example; a probability that has vanished counts as the smallest there is."""
    if data.is_regression:
        return np.asarray(np.square(found.probabilities[:, 0].astype(np.float64) - subset.y) / 2)
    of_label = found.probabilities[np.arange(len(subset)), subset.y].astype(np.float64)
    return np.asarray(-np.log(np.maximum(of_label, np.finfo(np.float32).tiny)))


def _baseline_losses(data: Dataset, subset: Subset) -> NDArray[Any]:
    """The same of always the mean, which is 0 here, or of always the shares of the classes in train."""
    if data.is_regression:
        return np.asarray(np.square(subset.y) / 2)
    counts = np.bincount(data.train.y, minlength=len(data.classes))
    with np.errstate(divide="ignore"):  # a class that train has not
        return np.asarray(-np.log(counts / counts.sum())[subset.y])
