"""One trial of the built-in network, from its first weights to its last epoch, as a generator of epochs.

Whoever consumes it may stop after any epoch. All random numbers come from the run's seed and the trial's
number, so the same trial gives the same numbers anywhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hptune.data.dataset import Dataset, Subset
from hptune.nn import augmentation, initializers, losses, optimizers, schedules
from hptune.nn.activations import ACTIVATIONS
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.network import ForwardBuffers, Network, TrainingBuffers
from hptune.nn.optimizers import Optimizer
from hptune.nn.underflow import steps_between_clearings
from hptune.notations import RATES
from hptune.randomness import Purpose, generator
from hptune.trial import DivergedError, EpochMetrics, FinalCheck, MetricName, Standing

CHUNK = 1024
"""Rows of a forward pass in evaluation."""


class Trained(NamedTuple):
    """What a training leaves: the network with the weights of its best epoch, and how good they are."""

    network: Network
    final: FinalCheck
    standing: Standing  # at the best epoch


class _Examples(NamedTuple):
    """A subset as the network reads it."""

    x: NDArray[Any]  # (examples, features)
    targets: NDArray[Any]  # (examples, outputs)


class _Chunk(NamedTuple):
    """Some rows of a subset, and the buffers to evaluate them in."""

    x: NDArray[Any]  # (rows, features)
    targets: NDArray[Any]  # (rows, outputs)
    buffers: ForwardBuffers


def train(
    dataset: Dataset,
    hyperparameters: Hyperparameters,
    *,
    metric: MetricName,
    seed: int,
    number: int,
    dtype: type[np.floating[Any]] = np.float32,
) -> Generator[EpochMetrics, None, Trained]:
    """Train on a normalised data set: yield every epoch, return the network as it was at the best one.

    The best epoch is the first with the lowest metric and, of equal errors, the lowest loss: it is the better trained
    network, and where nearly all examples are of one class errors are equal from the first epoch on. Training stops
    early when the metric has been no lower for `patience` epochs (Prechelt 1998, Early Stopping - But When?).
    DivergedError is raised as soon as a loss is no longer finite.
    """
    started = time.perf_counter()
    h = hyperparameters
    network = _network(dataset, h, generator(seed, Purpose.WEIGHTS, number), dtype)
    train_set = _examples(dataset.train, dataset, network)
    changes = augmentation.build(h, dataset, train_set.x, generator(seed, Purpose.AUGMENTATION, number))
    train_epoch = _trainer(network, train_set, h, seed, number, changes)
    dev_chunks = _chunks(_examples(dataset.dev, dataset, network), network)
    schedule = schedules.build(h)
    best, best_state = (math.inf, math.inf), [array.copy() for array in network.state]
    lowest, lowest_at = math.inf, 0  # the metric, for patience
    for epoch in range(h.epochs):
        learning_rate = schedule(epoch)
        train_loss, train_error = train_epoch(epoch, learning_rate)
        dev_loss, dev_error = _evaluate(network, dev_chunks)
        _require_finite("dev_loss", dev_loss, epoch)
        seconds = time.perf_counter() - started
        metrics = EpochMetrics(epoch + 1, train_loss, train_error, dev_loss, dev_error, learning_rate, seconds)
        if (standing := metrics.standing(metric)) < best:
            best = standing
            _copy(network.state, best_state)
        if standing[0] < lowest:
            lowest, lowest_at = standing[0], epoch
        yield metrics
        if h.patience and epoch - lowest_at >= h.patience:
            break
    _copy(best_state, network.state)
    return Trained(network, FinalCheck(_error(network, train_set)), best)


def first_batch(
    dataset: Dataset, hyperparameters: Hyperparameters, *, seed: int, number: int, most: int
) -> tuple[Network, TrainingBuffers]:
    """A trial's network as it begins, in float64, and `most` rows of its first mini-batch, nothing dropped."""
    h = hyperparameters
    network = _network(dataset, h, generator(seed, Purpose.WEIGHTS, number), np.float64)
    examples = _examples(dataset.train, dataset, network)
    rows = generator(seed, Purpose.SHUFFLE, number).permutation(len(examples.x))[
        : min(h.batch_rows(len(examples.x)), most)
    ]
    batch = TrainingBuffers.allocate(network, len(rows))
    batch.inputs[:], batch.targets[:] = examples.x[rows], examples.targets[rows]
    return network, batch


def _network(dataset: Dataset, h: Hyperparameters, rng: np.random.Generator, dtype: type[np.floating[Any]]) -> Network:
    """A network that fits the data set, with its first weights."""
    loss = losses.for_classes(len(dataset.classes))
    features = dataset.train.x.shape[1]
    outputs = loss.outputs(len(dataset.classes))
    network = Network(
        (features, *h.hidden_widths, outputs),
        ACTIVATIONS[h.activation],
        loss,
        dtype,
        batch_norm=h.batch_norm,
        batch_norm_epsilon=h.batch_norm_epsilon,
    )
    initializers.initialize(network.weights, h.init, h.activation, rng, h.init_scale)
    return network


def _dropout(h: Hyperparameters, n_hidden: int) -> Sequence[float]:
    """The rate of every hidden layer."""
    rates = (h.dropout,) if h.dropout_by_layer == "same" else RATES.parse(h.dropout_by_layer)
    return [rates[min(layer, len(rates) - 1)] for layer in range(n_hidden)]


def _copy(arrays: Sequence[NDArray[Any]], into: Sequence[NDArray[Any]]) -> None:
    for source, target in zip(arrays, into, strict=True):
        np.copyto(target, source)


def _examples(subset: Subset, dataset: Dataset, network: Network) -> _Examples:
    """The subset in the network's dtype."""
    targets = network.loss.encode(subset.y, len(dataset.classes), network.dtype)
    return _Examples(np.ascontiguousarray(subset.x, network.dtype), targets)


def _trainer(
    network: Network,
    examples: _Examples,
    h: Hyperparameters,
    seed: int,
    number: int,
    changes: Sequence[augmentation.Change],
) -> Callable[[int, float], tuple[float, float]]:
    """A function (epoch from 0, learning rate) -> mean loss and error over the epoch's mini-batches."""
    optimizer = optimizers.build(h, network.parameters, network.gradient)
    underflow, every = network.underflow, steps_between_clearings(optimizer.total_beta, optimizer.square_beta)
    shuffle_rng = generator(seed, Purpose.SHUFFLE, number)
    dropout_rng = generator(seed, Purpose.DROPOUT, number)
    n = len(examples.x)
    batch_size, dropout = h.batch_rows(n), _dropout(h, len(network.sizes) - 2)
    sizes = {batch_size, n % batch_size or batch_size}  # the last batch may be a smaller one
    buffers = {rows: TrainingBuffers.allocate(network, rows, dropout, h.input_dropout) for rows in sizes}

    @np.errstate(all="ignore")  # a number that overflows shows in the loss, and the loss is checked
    def train_epoch(epoch: int, learning_rate: float) -> tuple[float, float]:
        total_loss, total_errors = 0.0, 0.0
        if learning_rate < underflow.root:  # of most gradients it makes subnormal products, which change nothing
            learning_rate = 0.0
        order = shuffle_rng.permutation(n)
        for start in range(0, n, batch_size):
            rows = order[start : start + batch_size]
            batch = buffers[len(rows)]
            # mode "clip" writes straight into out, where the default goes through a copy
            examples.x.take(rows, axis=0, out=batch.inputs, mode="clip")
            examples.targets.take(rows, axis=0, out=batch.targets, mode="clip")
            for change in changes:
                change(batch.inputs)
            batch.draw(dropout_rng)
            if underflow.begin_step(every):
                _clear_lasting(network, optimizer)
            loss, errors = network.differentiate(batch, h.l2, h.l1)
            _require_finite("train_loss", loss, epoch)
            network.track(batch, h.batch_norm_momentum)
            if h.clip_norm:
                optimizers.clip(network.gradient, h.clip_norm)
            if underflow.is_look or underflow.gradient:
                underflow.clear_gradient(network.gradient)
            optimizer.step(learning_rate, underflow.squares)
            total_loss += loss * len(rows)
            total_errors += errors
        return total_loss / n, network.loss.error(total_errors, n)

    return train_epoch


def _clear_lasting(network: Network, optimizer: Optimizer) -> None:
    """Take for 0 what has come next to it of all that stays from step to step."""
    means, variances = ((), ()) if network.statistics is None else ([half] for half in network.statistics.halves)
    totals, squares = (network.parameters, *optimizer.totals, *means), (*optimizer.squares, *variances)
    network.underflow.clear_lasting(totals, squares)


def _chunks(examples: _Examples, network: Network) -> Sequence[_Chunk]:
    """The examples in order, CHUNK rows at a time; chunks of equal length share their buffers."""
    n = len(examples.x)
    buffers = {rows: ForwardBuffers.allocate(network, rows) for rows in {min(CHUNK, n), n % CHUNK or CHUNK}}
    starts = range(0, n, CHUNK)
    pairs = [(examples.x[start : start + CHUNK], examples.targets[start : start + CHUNK]) for start in starts]
    return [_Chunk(x, targets, buffers[len(x)]) for x, targets in pairs]


@np.errstate(all="ignore")
def _evaluate(network: Network, chunks: Sequence[_Chunk]) -> tuple[float, float]:
    """Mean loss and error, dropout off."""
    total_loss, total_errors, n = 0.0, 0.0, 0
    for x, targets, buffers in chunks:
        loss, errors = network.evaluate(x, targets, buffers)
        total_loss += loss * len(x)
        total_errors += errors
        n += len(x)
    return total_loss / n, network.loss.error(total_errors, n)


def _error(network: Network, examples: _Examples) -> float:
    return _evaluate(network, _chunks(examples, network))[1]


def _require_finite(metric: MetricName, value: float, epoch: int) -> None:
    if not math.isfinite(value):
        raise DivergedError(f"{metric} became {value} in epoch {epoch + 1}")
