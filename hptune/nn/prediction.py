"""What a trained network says about examples: dropout off, what is normalised by running averages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.dataset import network_inputs
from hptune.nn.model_file import Model
from hptune.nn.network import ForwardBuffers
from hptune.nn.training import CHUNK


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions of a number of examples and, where their labels are known, how good they are."""

    classes: NDArray[np.int64]  # (examples,), numbers
    probabilities: NDArray[Any]  # (examples, classes)
    errors: int | None = None
    loss: float | None = None  # mean, without penalties


def predict(model: Model, x: NDArray[np.float64], y: NDArray[np.int64] | None = None) -> Predictions:
    """Predictions for x (examples, features) as it is in a file; y (examples,) are class numbers.

    The numbers are those of training: normalised in float64, computed in float32, as many rows at a time.
    """
    network = model.network
    labels = np.zeros(len(x), np.int64) if y is None else y
    outputs = np.empty((len(x), network.sizes[-1]), network.dtype)
    classes = np.empty(len(x), np.int64)
    total_loss, total_errors = 0.0, 0
    for start in range(0, len(x), CHUNK):
        rows = slice(start, start + CHUNK)
        inputs = network_inputs(x[rows], model.normalisation)
        targets = network.loss.encode(labels[rows], len(model.classes), network.dtype)
        buffers = ForwardBuffers.allocate(network, len(inputs))
        with np.errstate(all="ignore"):
            loss, errors = network.evaluate(inputs, targets, buffers)
        outputs[rows] = buffers.predictions
        logits = buffers.logits
        classes[rows] = logits.argmax(axis=1) if logits.shape[1] > 1 else logits[:, 0] > 0
        total_loss += loss * len(inputs)
        total_errors += errors
    probabilities = outputs if outputs.shape[1] > 1 else np.concatenate([1 - outputs, outputs], axis=1)
    if y is None:
        return Predictions(classes, probabilities)
    return Predictions(classes, probabilities, total_errors, total_loss / len(x))
