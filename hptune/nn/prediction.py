"""What a trained network says about examples: dropout off, what is normalised by running averages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.dataset import network_inputs
from hptune.measured import ClassCount
from hptune.nn.model_file import Model
from hptune.nn.network import ForwardBuffers
from hptune.nn.training import CHUNK


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of a number of examples and, where their labels are known, how good they are."""

    values: NDArray[Any]  # (examples,): class numbers; in regression numbers in the unit of the target
    probabilities: NDArray[Any]  # (examples, classes)
    errors: float | None = None  # how many are wrong; in regression the sum of squares, in deviations of the target
    loss: float | None = None  # mean, without penalties

    def by_class(self, labels: NDArray[Any], n_classes: int) -> tuple[ClassCount, ...]:
        """How often each class is there, is answered, and is answered rightly."""
        groups = (labels, self.values, labels[labels == self.values])
        found = (np.bincount(numbers, minlength=n_classes).tolist() for numbers in groups)
        return tuple(ClassCount(*counts) for counts in zip(*found, strict=True))


def predict(model: Model, x: NDArray[np.float64], y: NDArray[Any] | None = None) -> Predictions:
    """Predictions for x (examples, features) and labels or targets y (examples,), all as they are in a file.

    The numbers are those of training: normalised in float64, computed in float32, as many rows at a time.
    """
    network = model.network
    labels: NDArray[Any] = np.zeros(len(x), np.int64) if y is None else y
    if model.target is not None:
        labels = model.target.apply(labels)
    logits, outputs = (np.empty((len(x), network.sizes[-1]), network.dtype) for _ in range(2))
    total_loss, total_errors = 0.0, 0.0
    for start in range(0, len(x), CHUNK):
        rows = slice(start, start + CHUNK)
        inputs = network_inputs(x[rows], model.normalisation)
        targets = network.loss.encode(labels[rows], len(model.classes), network.dtype)
        buffers = ForwardBuffers.allocate(network, len(inputs))
        with np.errstate(all="ignore"):
            loss, errors = network.evaluate(inputs, targets, buffers)
        logits[rows], outputs[rows] = buffers.logits, buffers.predictions
        total_loss += loss * len(inputs)
        total_errors += errors
    values, probabilities = _read(model, logits, outputs)
    if y is None:
        return Predictions(values, probabilities)
    return Predictions(values, probabilities, total_errors, total_loss / len(x))


def _read(model: Model, logits: NDArray[Any], outputs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """What logits and outputs (examples, output units) mean: values (examples,), probabilities (examples, classes)."""
    if model.target is not None:
        return model.target.undo(outputs[:, 0]), outputs[:, :0]
    if len(model.classes) == 2:
        return (logits[:, 0] > 0).astype(np.int64), np.concatenate([1 - outputs, outputs], axis=1)
    return logits.argmax(axis=1), outputs
