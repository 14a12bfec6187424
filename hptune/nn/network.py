"""A fully connected network: one flat vector of parameters, seen layer by layer through views.

Every pass writes into buffers that are allocated once. The network knows neither data sets nor epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from hptune.nn import losses
from hptune.nn.activations import Activation
from hptune.nn.losses import Loss


@dataclass(frozen=True, slots=True)
class ForwardBuffers:
    """What a forward pass of a fixed number of rows writes."""

    hidden: tuple[NDArray[Any], ...]  # (rows, units) each, activations before dropout
    logits: NDArray[Any]  # (rows, outputs)
    predictions: NDArray[Any]  # (rows, outputs), in training then the gradient of the logits

    @classmethod
    def allocate(cls, network: Network, rows: int) -> Self:
        *hidden, outputs = network.sizes[1:]
        empty = tuple(np.empty((rows, units), network.dtype) for units in (*hidden, outputs, outputs))
        return cls(empty[:-2], empty[-2], empty[-1])


@final
class Dropout:
    """Inverted dropout for a fixed number of rows: what is kept is scaled by 1 / (1 - rate).

    The expectation of every activation stays the same (Srivastava et al. 2014), so that evaluation needs no
    change. A mask stays until the next draw.
    """

    def __init__(self, network: Network, rows: int, rate: float) -> None:
        units = network.sizes[1:-1]
        self._rate = rate
        self._scale = 1 / (1 - rate)
        self._uniform = np.empty(rows * sum(units), np.float32)  # in [0, 1), of all layers in a row
        self._flat_masks = np.empty(rows * sum(units), network.dtype)
        stops = rows * np.cumsum(units)
        self.masks = tuple(  # (rows, units) each: 0, or the scale
            mask.reshape(rows, -1) for mask in np.split(self._flat_masks, stops[:-1])
        )
        self.kept = tuple(np.empty((rows, n), network.dtype) for n in units)  # the hidden layers after dropout

    def draw(self, rng: np.random.Generator) -> None:
        """New masks for all layers."""
        rng.random(out=self._uniform, dtype=np.float32)
        np.multiply(self._uniform >= self._rate, self._scale, out=self._flat_masks)


@dataclass(frozen=True, slots=True)
class TrainingBuffers:
    """A mini-batch, and what a forward and a backward pass over it write."""

    inputs: NDArray[Any]  # (rows, features)
    targets: NDArray[Any]  # (rows, outputs)
    forward: ForwardBuffers
    deltas: tuple[NDArray[Any], ...]  # (rows, units) each, gradient of the loss by the hidden layers' inputs
    slopes: tuple[NDArray[Any], ...]  # (rows, units) each, derivatives of the activations
    ones: NDArray[Any]  # (rows,): ones @ delta sums over the rows, and BLAS does it fastest
    dropout: Dropout | None

    @classmethod
    def allocate(cls, network: Network, rows: int, dropout: float = 0.0) -> Self:
        features, *hidden, outputs = network.sizes
        dtype = network.dtype
        return cls(
            inputs=np.empty((rows, features), dtype),
            targets=np.empty((rows, outputs), dtype),
            forward=ForwardBuffers.allocate(network, rows),
            deltas=tuple(np.empty((rows, units), dtype) for units in hidden),
            slopes=tuple(np.empty((rows, units), dtype) for units in hidden),
            ones=np.ones(rows, dtype),
            dropout=Dropout(network, rows, dropout) if dropout and hidden else None,
        )


@final
class Network:
    """Layers x -> g(x W + b), the last one without g; W is (n_in, n_out), b (n_out,)."""

    def __init__(
        self,
        sizes: tuple[int, ...],  # features, units of each hidden layer, outputs
        activation: Activation,
        loss: Loss,
        dtype: type[np.floating[Any]] = np.float32,
    ) -> None:
        self.sizes = sizes
        self.activation = activation
        self.loss = loss
        self.dtype = dtype
        shapes = list(pairwise(sizes))
        n_weights = sum(n_in * n_out for n_in, n_out in shapes)
        self.parameters = np.zeros(n_weights + sum(sizes[1:]), dtype)  # all weights, then all biases
        self.gradient = np.zeros_like(self.parameters)
        self.weights, self.biases = _views(self.parameters, shapes)
        self._weight_gradients, self._bias_gradients = _views(self.gradient, shapes)
        self._flat_weights = self.parameters[:n_weights]
        self._flat_weight_gradients = self.gradient[:n_weights]
        self._penalty_gradient = np.empty(n_weights, dtype)

    def evaluate(self, x: NDArray[Any], targets: NDArray[Any], buffers: ForwardBuffers) -> tuple[float, int]:
        """Mean loss and number of errors on x (rows, features), dropout off, without the penalty."""
        self._forward(x, buffers, None)
        return self.loss.measure(buffers.logits, targets, buffers.predictions)

    def differentiate(self, batch: TrainingBuffers, l2: float) -> tuple[float, int]:
        """Mean loss and number of errors on the batch, without the penalty; fills the gradient, with the penalty.

        The penalty is l2 / (2 m) * (the sum of all squared weights), with m the rows of this batch and
        biases left out (Ng, Deep Learning Specialization, course 2, week 1). Dropout masks are used as last drawn.
        """
        buffers = batch.forward
        self._forward(batch.inputs, buffers, batch.dropout)
        loss, errors = self.loss.measure(buffers.logits, batch.targets, buffers.predictions)
        self._backward(batch, losses.to_gradient(buffers.predictions, batch.targets))
        if l2:
            np.multiply(self._flat_weights, l2 / len(batch.inputs), out=self._penalty_gradient)
            np.add(self._flat_weight_gradients, self._penalty_gradient, out=self._flat_weight_gradients)
        return loss, errors

    def penalty(self, l2: float, rows: int) -> float:
        """l2 / (2 rows) * sum of squared weights."""
        return l2 / (2 * rows) * float(np.vdot(self._flat_weights, self._flat_weights))

    def _forward(self, x: NDArray[Any], buffers: ForwardBuffers, dropout: Dropout | None) -> None:
        for layer, hidden in enumerate(buffers.hidden):
            x.dot(self.weights[layer], hidden)  # (rows, n_in) x (n_in, n_out)
            np.add(hidden, self.biases[layer], out=hidden)
            self.activation.apply(hidden)
            x = hidden
            if dropout is not None:
                x = np.multiply(hidden, dropout.masks[layer], out=dropout.kept[layer])
        x.dot(self.weights[-1], buffers.logits)
        np.add(buffers.logits, self.biases[-1], out=buffers.logits)

    def _backward(self, batch: TrainingBuffers, delta: NDArray[Any]) -> None:
        """Fill the gradient, given delta (rows, outputs), the gradient of the loss by the logits."""
        dropout = batch.dropout
        sources = (batch.inputs, *(batch.forward.hidden if dropout is None else dropout.kept))
        for layer in range(len(sources) - 1, -1, -1):
            sources[layer].T.dot(delta, self._weight_gradients[layer])  # (n_in, rows) x (rows, n_out)
            batch.ones.dot(delta, self._bias_gradients[layer])
            if layer == 0:
                return
            below = layer - 1
            slope = batch.slopes[below]
            self.activation.derivative(batch.forward.hidden[below], slope)
            delta = delta.dot(self.weights[layer].T, batch.deltas[below])  # (rows, n_out) x (n_out, n_in)
            np.multiply(delta, slope, out=delta)
            if dropout is not None:
                np.multiply(delta, dropout.masks[below], out=delta)


def _views(
    flat: NDArray[Any], shapes: list[tuple[int, int]]
) -> tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...]]:
    """The matrices (n_in, n_out) and after them the vectors (n_out,) that lie in flat one after another."""
    sizes = [n_in * n_out for n_in, n_out in shapes] + [n_out for _, n_out in shapes]
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    matrices = tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=False))
    return matrices, tuple(parts[len(shapes) :])
