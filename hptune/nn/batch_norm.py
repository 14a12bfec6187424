"""Batch normalisation before the activation: by a mini-batch in training, by running averages in evaluation.

y = gamma (z - mean) / sqrt(variance + epsilon) + beta for every unit, with z = x W and no bias, which the
mean would take away again (Ioffe and Szegedy 2015, Batch Normalization; Ng, Deep Learning Specialization,
course 2, week 3). The variance is the mean of squares, divided by the rows and not by one less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hptune.nn import aligned
from hptune.nn.hyperparameters import Hyperparameters

EPSILON = Hyperparameters().batch_norm_epsilon
"""Added to every variance, unless told otherwise."""


@final
class BatchNorm:
    """One layer's normalisation by a mini-batch of a fixed number of rows, and its derivative."""

    def __init__(self, rows: int, units: int, dtype: type[np.floating[Any]], epsilon: float) -> None:
        self._epsilon = epsilon
        self.mean = np.empty(units, dtype)  # of the last batch
        self.variance = np.empty(units, dtype)
        self._inverse = np.empty(units, dtype)  # 1 / sqrt(variance + epsilon)
        self._factor = np.empty(units, dtype)  # gamma / sqrt(variance + epsilon)
        self._centred = aligned.empty((rows, units), dtype)  # z - mean
        self._scratch = aligned.empty((rows, units), dtype)
        self._share = np.empty(units, dtype)
        self._averaging = np.full(rows, 1 / rows, dtype)  # times a matrix: the mean over its rows

    def apply(self, z: NDArray[Any], gamma: NDArray[Any], beta: NDArray[Any]) -> None:
        """Overwrite z (rows, units) with y; gamma and beta are (units,)."""
        self._averaging.dot(z, self.mean)
        np.subtract(z, self.mean, out=self._centred)
        np.square(self._centred, out=self._scratch)
        self._averaging.dot(self._scratch, self.variance)
        np.add(self.variance, self._epsilon, out=self._inverse)
        np.sqrt(self._inverse, out=self._inverse)
        np.divide(1, self._inverse, out=self._inverse)
        np.multiply(gamma, self._inverse, out=self._factor)
        np.multiply(self._centred, self._factor, out=z)
        np.add(z, beta, out=z)

    def differentiate(self, delta: NDArray[Any], gamma_gradient: NDArray[Any], beta_gradient: NDArray[Any]) -> None:
        """Turn delta (rows, units), the gradient by y, into the gradient by z; fill the gradient by gamma.

        With c = z - mean, s = sqrt(variance + epsilon) and m rows: d_gamma = sum(delta c) / s,
        d_beta = sum(delta), which is given, and d_z = gamma / s * (delta - d_beta / m - c sum(delta c) / (m s^2)).
        gamma is the one that y was computed with.
        """
        rows = len(delta)
        np.multiply(delta, self._centred, out=self._scratch)
        self._averaging.dot(self._scratch, self._share)  # sum(delta c) / m
        np.multiply(self._share, self._inverse, out=self._share)
        np.multiply(self._share, rows, out=gamma_gradient)
        np.multiply(self._share, self._inverse, out=self._share)
        np.multiply(self._centred, self._share, out=self._scratch)
        np.subtract(delta, self._scratch, out=delta)
        np.divide(beta_gradient, rows, out=self._share)
        np.subtract(delta, self._share, out=delta)
        np.multiply(delta, self._factor, out=delta)


@final
class RunningStatistics:
    """Exponentially weighted averages of the mini-batches' means and variances, of all layers, for evaluation.

    They are corrected for their start: S += (s - S) / n with n = momentum n + 1 is v / (1 - momentum^t)
    with v = momentum v + (1 - momentum) s from v = 0 (Ng, Deep Learning Specialization, course 2, week 2).
    Before the first mini-batch the means are 0 and the variances 1.
    """

    def __init__(self, units: Sequence[int], dtype: type[np.floating[Any]], epsilon: float) -> None:
        self.epsilon = epsilon
        self.flat = np.zeros(2 * sum(units), dtype)  # all means, then all variances
        parts = np.split(self.flat, np.cumsum([*units, *units])[:-1])
        self.means, self.variances = parts[: len(units)], parts[len(units) :]
        for variance in self.variances:
            variance[:] = 1
        self.halves = np.split(self.flat, 2)  # all means, all variances
        self._seen = np.empty_like(self.flat)
        self._n = 0.0

    def track(self, batch: Sequence[BatchNorm], momentum: float) -> None:
        """Take in what the layers have just normalised by."""
        self._n = momentum * self._n + 1
        np.concatenate([*(norm.mean for norm in batch), *(norm.variance for norm in batch)], out=self._seen)
        np.subtract(self._seen, self.flat, out=self._seen)
        np.divide(self._seen, self._n, out=self._seen)
        np.add(self.flat, self._seen, out=self.flat)

    def apply(self, layer: int, z: NDArray[Any], gamma: NDArray[Any], beta: NDArray[Any]) -> None:
        """Overwrite z (rows, units) with y by the averages."""
        factor = gamma / np.sqrt(self.variances[layer] + self.epsilon)
        np.multiply(z, factor, out=z)
        np.add(z, beta - self.means[layer] * factor, out=z)
