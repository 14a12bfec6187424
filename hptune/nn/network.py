"""A fully connected network: one flat vector of parameters, seen layer by layer through views.

Every pass writes into buffers that are allocated once. The network knows neither data sets nor epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from hptune.nn import aligned, losses
from hptune.nn.activations import Activation
from hptune.nn.batch_norm import EPSILON, BatchNorm, RunningStatistics
from hptune.nn.dropout import Dropout
from hptune.nn.losses import Loss
from hptune.nn.underflow import Underflow


@dataclass(frozen=True, slots=True)
class ForwardBuffers:
    """What a forward pass of a fixed number of rows writes."""

    hidden: tuple[NDArray[Any], ...]  # (rows, units) each, activations before dropout
    logits: NDArray[Any]  # (rows, outputs)
    predictions: NDArray[Any]  # (rows, outputs), in training then the gradient of the logits

    @classmethod
    def allocate(cls, network: Network, rows: int) -> Self:
        *hidden, outputs = network.sizes[1:]
        empty = tuple(aligned.empty((rows, units), network.dtype) for units in (*hidden, outputs, outputs))
        return cls(empty[:-2], empty[-2], empty[-1])


@dataclass(frozen=True, slots=True)
class TrainingBuffers:
    """A mini-batch, and what a forward and a backward pass over it write."""

    inputs: NDArray[Any]  # (rows, features)
    targets: NDArray[Any]  # (rows, outputs)
    forward: ForwardBuffers
    deltas: tuple[NDArray[Any], ...]  # (rows, units) each, gradient of the loss by the hidden layers' inputs
    slopes: tuple[NDArray[Any], ...]  # (rows, units) each, derivatives of the activations
    ones: NDArray[Any]  # (rows,): ones @ delta sums over the rows, and BLAS does it fastest
    norms: tuple[BatchNorm, ...]  # of the hidden layers, where they are normalised
    input_dropout: Dropout | None  # of one layer, the features
    dropout: Dropout | None  # of the hidden layers

    @classmethod
    def allocate(
        cls, network: Network, rows: int, dropout: float | Sequence[float] = 0.0, input_dropout: float = 0.0
    ) -> Self:
        """Buffers for so many rows; dropout is the rate of the hidden layers, or one for each."""
        features, *hidden, outputs = network.sizes
        dtype = network.dtype
        rates = dropout if isinstance(dropout, Sequence) else [dropout] * len(hidden)
        return cls(
            inputs=aligned.empty((rows, features), dtype),
            targets=aligned.empty((rows, outputs), dtype),
            forward=ForwardBuffers.allocate(network, rows),
            deltas=tuple(aligned.empty((rows, units), dtype) for units in hidden),
            slopes=tuple(aligned.empty((rows, units), dtype) for units in hidden),
            ones=np.ones(rows, dtype),
            norms=tuple(BatchNorm(rows, units, dtype, network.statistics.epsilon) for units in hidden)
            if network.statistics
            else (),
            input_dropout=Dropout(rows, (features,), (input_dropout,), dtype) if input_dropout else None,
            dropout=Dropout(rows, tuple(hidden), rates, dtype) if any(rates) else None,
        )

    def draw(self, rng: np.random.Generator) -> None:
        """New masks of what is dropped, if anything is."""
        if self.input_dropout is not None:
            self.input_dropout.draw(rng)
        if self.dropout is not None:
            self.dropout.draw(rng)

    def kept_inputs(self) -> NDArray[Any]:
        """The inputs (rows, features) as the first layer sees them, under the mask as last drawn."""
        return self.inputs if self.input_dropout is None else self.input_dropout.apply(0, self.inputs)


@final
class Network:
    """Layers x -> g(x W + b), the last one without g; W is (n_in, n_out), b (n_out,).

    With batch normalisation a hidden layer is x -> g(gamma n(x W) + beta), and beta stands where b would.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],  # features, units of each hidden layer, outputs
        activation: Activation,
        loss: Loss,
        dtype: type[np.floating[Any]] = np.float32,
        *,
        batch_norm: bool = False,
        batch_norm_epsilon: float = EPSILON,
    ) -> None:
        self.sizes = sizes
        self.activation = activation
        self.loss = loss
        self.dtype = dtype
        shapes = list(pairwise(sizes))
        n_weights = sum(n_in * n_out for n_in, n_out in shapes)
        normed = sizes[1:-1] if batch_norm else ()
        # all weights, then all biases, then all gammas
        self.parameters = aligned.zeros((n_weights + sum(sizes[1:]) + sum(normed),), dtype)
        self.gradient = aligned.zeros(self.parameters.shape, dtype)
        self.weights, self.biases, self.gammas = _views(self.parameters, shapes, normed)
        self._weight_gradients, self._bias_gradients, self._gamma_gradients = _views(self.gradient, shapes, normed)
        for gamma in self.gammas:
            gamma[:] = 1
        self.statistics = RunningStatistics(normed, dtype, batch_norm_epsilon) if normed else None
        self.underflow = Underflow(len(sizes) - 2, dtype)
        self._least_activation = self.underflow.root if activation.is_squared else self.underflow.floor
        self._flat_weights = self.parameters[:n_weights]
        self._flat_weight_gradients = self.gradient[:n_weights]
        self._penalty_gradient = aligned.empty((n_weights,), dtype)

    @property
    def state(self) -> tuple[NDArray[Any], ...]:
        """All that evaluation depends on, to be copied and put back."""
        return (self.parameters,) if self.statistics is None else (self.parameters, self.statistics.flat)

    def track(self, batch: TrainingBuffers, momentum: float) -> None:
        """Let the averages for evaluation follow the batch as last differentiated, if layers are normalised.

        A single row has no variance, and is left out.
        """
        if self.statistics is not None and len(batch.inputs) > 1:
            self.statistics.track(batch.norms, momentum)

    def evaluate(self, x: NDArray[Any], targets: NDArray[Any], buffers: ForwardBuffers) -> tuple[float, float]:
        """Mean loss and sum of errors on x (rows, features), without the penalty.

        Dropout is off, and what is normalised is so by the running averages.
        """
        self._forward(x, buffers)
        return self.loss.measure(buffers.logits, targets, buffers.predictions)

    def differentiate(self, batch: TrainingBuffers, l2: float, l1: float = 0.0) -> tuple[float, float]:
        """Mean loss and sum of errors on the batch, without the penalty; fills the gradient, with the penalty.

        The penalty is l2 / (2 m) * (the sum of all squared weights) + l1 / m * (the sum of their absolute
        values), with m the rows of this batch and biases left out (Ng, Deep Learning Specialization, course 2,
        week 1). Its gradient is (l2 W + l1 sign(W)) / m, with sign(0) = 0. Dropout masks are used as last drawn.
        """
        buffers = batch.forward
        inputs = batch.kept_inputs()
        self._forward(inputs, buffers, batch)
        loss, errors = self.loss.measure(buffers.logits, batch.targets, buffers.predictions)
        self._backward(batch, inputs, losses.to_gradient(buffers.predictions, batch.targets))
        if l2:
            np.multiply(self._flat_weights, l2 / len(batch.inputs), out=self._penalty_gradient)
            np.add(self._flat_weight_gradients, self._penalty_gradient, out=self._flat_weight_gradients)
        if l1:
            np.sign(self._flat_weights, out=self._penalty_gradient)
            np.multiply(self._penalty_gradient, l1 / len(batch.inputs), out=self._penalty_gradient)
            np.add(self._flat_weight_gradients, self._penalty_gradient, out=self._flat_weight_gradients)
        return loss, errors

    def penalty(self, l2: float, rows: int, l1: float = 0.0) -> float:
        """l2 / (2 rows) * sum of squared weights + l1 / rows * sum of absolute weights."""
        squares = float(np.vdot(self._flat_weights, self._flat_weights))
        return l2 / (2 * rows) * squares + l1 / rows * float(np.abs(self._flat_weights).sum())

    def _forward(self, x: NDArray[Any], buffers: ForwardBuffers, training: TrainingBuffers | None = None) -> None:
        dropout = None if training is None else training.dropout
        for layer, hidden in enumerate(buffers.hidden):
            x.dot(self.weights[layer], hidden)  # (rows, n_in) x (n_in, n_out)
            if self.statistics is None:
                np.add(hidden, self.biases[layer], out=hidden)
            elif training is None:
                self.statistics.apply(layer, hidden, self.gammas[layer], self.biases[layer])
            else:
                training.norms[layer].apply(hidden, self.gammas[layer], self.biases[layer])
            self.activation.apply(hidden)
            if self.underflow.activations[layer]:
                self.underflow.clear_again(hidden, self._least_activation, self.underflow.activations, layer, layer - 1)
            x = hidden
            if dropout is not None:
                x = dropout.apply(layer, hidden)
        x.dot(self.weights[-1], buffers.logits)
        np.add(buffers.logits, self.biases[-1], out=buffers.logits)

    def _backward(self, batch: TrainingBuffers, inputs: NDArray[Any], delta: NDArray[Any]) -> None:
        """Fill the gradient, given delta (rows, outputs), the gradient of the loss by the logits."""
        dropout, underflow = batch.dropout, self.underflow
        sources = (inputs, *(batch.forward.hidden if dropout is None else dropout.kept))
        if underflow.deltas[-1]:
            underflow.clear_again(delta, underflow.floor, underflow.deltas, len(sources) - 1, len(sources))
        for layer in range(len(sources) - 1, -1, -1):
            batch.ones.dot(delta, self._bias_gradients[layer])
            if layer < len(batch.norms):
                batch.norms[layer].differentiate(delta, self._gamma_gradients[layer], self._bias_gradients[layer])
            sources[layer].T.dot(delta, self._weight_gradients[layer])  # (n_in, rows) x (rows, n_out)
            if layer == 0:
                return
            below = layer - 1
            slope = batch.slopes[below]
            self.activation.derivative(batch.forward.hidden[below], slope)
            delta = delta.dot(self.weights[layer].T, batch.deltas[below])  # (rows, n_out) x (n_out, n_in)
            np.multiply(delta, slope, out=delta)
            if dropout is not None:
                np.multiply(delta, dropout.masks[below], out=delta)
            if underflow.deltas[below]:
                underflow.clear_again(delta, underflow.floor, underflow.deltas, below, layer)


def _views(
    flat: NDArray[Any], shapes: list[tuple[int, int]], normed: tuple[int, ...]
) -> tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...], tuple[NDArray[Any], ...]]:
    """The matrices (n_in, n_out), the vectors (n_out,) and those of what is normalised, one after another in flat."""
    sizes = [n_in * n_out for n_in, n_out in shapes] + [n_out for _, n_out in shapes] + list(normed)
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    matrices = tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=False))
    return matrices, tuple(parts[len(shapes) : 2 * len(shapes)]), tuple(parts[2 * len(shapes) :])
