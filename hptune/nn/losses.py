"""What the network minimises, computed from the logits, so that no probability is ever clipped.

In each loss here the output function and the loss belong together, so that the gradient with respect
to the logits is (prediction - target) / examples; `to_gradient` serves them all (C. Bishop, Pattern Recognition and
Machine Learning, section 5.2: squared error with a linear output, cross-entropy with a logistic or softmax one).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Loss:
    """How labels are encoded, and what the logits cost."""

    outputs: Callable[[int], int]
    """Number of classes (0: regression) -> number of output units."""

    encode: Callable[[NDArray[Any], int, type[np.floating[Any]]], NDArray[Any]]
    """(labels (examples,), classes, dtype) -> targets (examples, outputs)."""

    measure: Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], tuple[float, float]]
    """(logits, targets, predictions), each (examples, outputs) -> mean loss, errors summed over the examples.

    predictions is overwritten with the probabilities. What is summed is what adds up over batches: wrong
    answers, or squares.
    """

    error: Callable[[float, int], float]
    """(errors summed, examples) -> error: the share of wrong answers, or the root of the mean square."""


def softmax_cross_entropy(logits: NDArray[Any], targets: NDArray[Any], predictions: NDArray[Any]) -> tuple[float, int]:
    """Mean of log(sum_j exp(z_j)) - z_y, and how often argmax_j z_j (the first of equals) is not y.

    Every array is (examples, classes); the targets are one-hot; predictions receives exp(z_j) / sum.
    The largest logit of a row is subtracted first, so that no exponential overflows (Goodfellow, Bengio
    and Courville, Deep Learning, section 4.1).
    """
    examples, classes = logits.shape
    largest = logits.argmax(axis=1)
    largest += _row_starts(examples, classes)  # (examples,), positions in the flattened logits
    np.subtract(logits, logits.take(largest)[:, None], out=predictions)
    matched = np.vdot(targets, predictions)  # sum over the examples of z_y - max_j z_j
    np.exp(predictions, out=predictions)
    totals = predictions.dot(_ones(classes, logits.dtype))  # (examples,); BLAS sums short rows faster
    np.divide(predictions, totals[:, None], out=predictions)
    loss = float(np.add.reduce(np.log(totals)) - matched) / examples
    return loss, examples - int(np.count_nonzero(targets.take(largest)))


@lru_cache(maxsize=64)
def _row_starts(rows: int, columns: int) -> NDArray[np.int64]:
    """Where each row begins in a flattened (rows, columns)."""
    return np.arange(0, rows * columns, columns)


@lru_cache(maxsize=64)
def _ones(n: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.ones(n, dtype)


def logistic_cross_entropy(logits: NDArray[Any], targets: NDArray[Any], predictions: NDArray[Any]) -> tuple[float, int]:
    """Mean of max(z, 0) - z y + log(1 + exp(-|z|)), and how often z > 0 is not y = 1.

    Every array is (examples, 1); the targets are 0 or 1; predictions receives 1 / (1 + exp(-z)). The
    form with |z| equals -y log p - (1 - y) log(1 - p) and never overflows.
    """
    exponentials = np.exp(-np.abs(logits))
    np.divide(np.where(logits >= 0, 1, exponentials), 1 + exponentials, out=predictions)
    losses = np.maximum(logits, 0) - logits * targets + np.log1p(exponentials)
    errors = np.count_nonzero((logits > 0) != (targets > 0))
    return float(losses.sum()) / len(logits), int(errors)


def half_squared_error(logits: NDArray[Any], targets: NDArray[Any], predictions: NDArray[Any]) -> tuple[float, float]:
    """Mean of (z - y)^2 / 2, and the sum of (z - y)^2, which is twice the loss of every example.

    Every array is (examples, 1); predictions receives z, for the output is linear.
    """
    np.subtract(logits, targets, out=predictions)
    squares = float(np.vdot(predictions, predictions))
    np.copyto(predictions, logits)
    return squares / (2 * len(logits)), squares


def to_gradient(predictions: NDArray[Any], targets: NDArray[Any]) -> NDArray[Any]:
    """Turn the predictions, in place, into the gradient of the mean loss: (prediction - target) / examples."""
    np.subtract(predictions, targets, out=predictions)
    np.divide(predictions, len(predictions), out=predictions)
    return predictions


def _one_hot(labels: NDArray[np.int64], classes: int, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    targets = np.zeros((len(labels), classes), dtype)
    targets[np.arange(len(labels)), labels] = 1
    return targets


def _column(labels: NDArray[Any], _classes: int, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    return labels.astype(dtype)[:, None]


def _share(errors: float, examples: int) -> float:
    return errors / examples


def _root_mean_square(squares: float, examples: int) -> float:
    return math.sqrt(squares / examples)


SOFTMAX = Loss(outputs=lambda classes: classes, encode=_one_hot, measure=softmax_cross_entropy, error=_share)
LOGISTIC = Loss(outputs=lambda _classes: 1, encode=_column, measure=logistic_cross_entropy, error=_share)
SQUARED_ERROR = Loss(outputs=lambda _classes: 1, encode=_column, measure=half_squared_error, error=_root_mean_square)
LOSSES: Mapping[str, Loss] = {"softmax": SOFTMAX, "logistic": LOGISTIC, "squared_error": SQUARED_ERROR}
"""Every loss, by the name it has in a file of weights."""


def for_classes(classes: int) -> Loss:
    """Squared error where there are no classes, logistic with its one output for two, softmax for more."""
    if not classes:
        return SQUARED_ERROR
    return LOGISTIC if classes == 2 else SOFTMAX
