"""The built-in trainer beside scikit-learn, PyTorch and JAX: epochs per second, as ratios.

    python benchmarks/bench_trainer.py [--rounds N] [--clock cpu] [--only TEXT] [--peers A,B] (see --help)

Everybody trains the same network on the same rows, one thread each, pinned to one core, float32, relu, Adam: the rows
shuffled anew every epoch, mini-batches (the last one smaller), loss and error over the training batches, then loss and
error of the dev set. Each network is trained plain, with dropout and with batch normalisation. Digits are split 1079 /
359 by hptune; the large set is 10,000 random rows and 2,000 for dev. The contestants take turns; in each round the
ratio is taken of neighbours in time, and median, least and greatest are printed. What is timed for each stands at its
function. On a machine that others use, --clock cpu counts the processor time of all threads, which is the same on an
idle one. Peers that are not installed are left out, with a line.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hptune.workers import blas

os.environ.update(blas.environment())  # before NumPy is loaded
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import itertools

import numpy as np
from threadpoolctl import threadpool_info

from hptune.data import loading
from hptune.data.dataset import Dataset, Subset
from hptune.data.settings import DataSettings
from hptune.nn import training
from hptune.nn.hyperparameters import Hyperparameters
from hptune.notations import WIDTHS

LEARNING_RATE = 0.003
DROPOUT = 0.2
TRIAL_EPOCHS = 30  # of a trial, where compiling counts: hptune's default

clock = time.perf_counter

Epoch = Callable[[], object]
"""One epoch of training and the evaluation of dev: (train loss, train error, dev loss, dev error)."""


@dataclass(frozen=True)
class Row:
    data: str
    hidden: tuple[int, ...]
    batch_size: int
    dropout: float = 0.0
    batch_norm: bool = False

    def sizes(self, dataset: Dataset) -> tuple[int, ...]:
        return (dataset.train.x.shape[1], *self.hidden, len(dataset.classes))


def name(row: Row, dataset: Dataset) -> str:
    return "-".join(map(str, row.sizes(dataset))) + " dropout" * bool(row.dropout) + " batch norm" * row.batch_norm


ROWS = [
    Row(data, hidden, batch_size, **extra)
    for data, hidden, batch_size in (
        ("digits", (32,), 64),
        ("digits", (64, 64), 64),
        ("digits", (256, 128), 64),
        ("random", (256, 128), 128),
    )
    for extra in ({}, {"dropout": DROPOUT}, {"batch_norm": True})
]


def datasets() -> dict[str, Dataset]:
    digits = loading.load(DataSettings(source="digits"))
    mean, deviation = digits.train.x.mean(axis=0), digits.train.x.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1)

    def normal(s: Subset) -> Subset:
        return Subset(np.ascontiguousarray((s.x - mean) / scale, np.float32), s.y)

    rng = np.random.default_rng(0)

    def random(rows: int) -> Subset:
        return Subset(rng.standard_normal((rows, 784), np.float32), rng.integers(0, 10, rows))

    return {
        "digits": Dataset(normal(digits.train), normal(digits.dev), None, digits.classes, digits.features),
        "random": Dataset(random(10_000), random(2_000), None, digits.classes, tuple(map(str, range(784)))),
    }


def hptune_epoch(row: Row, dataset: Dataset) -> Epoch:
    """`training.train` as a worker runs it: one epoch is one step of the generator, the best weights kept."""
    h = Hyperparameters(
        epochs=10**9,
        batch_size=row.batch_size,
        widths=WIDTHS.text(row.hidden),
        learning_rate=LEARNING_RATE,
        dropout=row.dropout,
        batch_norm=row.batch_norm,
        optimizer="adam",
    )
    epochs = training.train(dataset, h, metric="dev_error", seed=0, number=0)
    return lambda: next(epochs)


def sklearn_epoch(row: Row, dataset: Dataset) -> Epoch:
    """MLPClassifier.partial_fit of the whole training set, which is one shuffled epoch of mini-batches, no L2; then
    predict_proba of dev, and loss and error from it. It reports the loss of the training batches but not their error,
    which makes its work a little less than the others'."""
    from sklearn.neural_network import MLPClassifier

    net = MLPClassifier(row.hidden, alpha=0.0, batch_size=row.batch_size, learning_rate_init=LEARNING_RATE)
    train, dev = dataset.train, dataset.dev
    classes, rows = np.arange(len(dataset.classes)), np.arange(len(dev.y))

    def epoch():
        net.partial_fit(train.x, train.y, classes=classes)
        p = net.predict_proba(dev.x)
        with np.errstate(divide="ignore"):
            dev_loss = -np.log(p[rows, dev.y]).mean()
        return net.loss_, None, dev_loss, (p.argmax(axis=1) != dev.y).mean()

    return epoch


def torch_epoch(row: Row, dataset: Dataset) -> Epoch:
    """nn.Sequential with Adam(fused=True), the rows of an epoch gathered at once, one read of the sums an epoch."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(1)
    sizes = row.sizes(dataset)
    layers: list = []
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        hidden = i < len(row.hidden)
        layers.append(nn.Linear(n_in, n_out, bias=not (hidden and row.batch_norm)))
        if hidden:
            layers += [nn.BatchNorm1d(n_out)] * row.batch_norm + [nn.ReLU()]
            layers += [nn.Dropout(row.dropout)] * bool(row.dropout)
    net = nn.Sequential(*layers)
    adam = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, fused=True)
    x, y, dev_x, dev_y = (torch.from_numpy(np.ascontiguousarray(a)) for s in dataset.subsets() for a in (s.x, s.y))
    n = len(x)

    def epoch():
        net.train()
        order = torch.randperm(n)
        loss_sum, errors = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for xb, yb in zip(x[order].split(row.batch_size), y[order].split(row.batch_size), strict=True):
            adam.zero_grad(set_to_none=True)
            logits = net(xb)
            loss = functional.cross_entropy(logits, yb)
            loss.backward()
            adam.step()
            loss_sum += loss.detach() * len(xb)
            errors += (logits.detach().argmax(1) != yb).sum()
        net.eval()
        with torch.inference_mode():
            logits = net(dev_x)
            dev_loss = functional.cross_entropy(logits, dev_y).item()
            dev_errors = (logits.argmax(1) != dev_y).sum().item()
        return loss_sum.item() / n, errors.item() / n, dev_loss, dev_errors / len(dev_y)

    return epoch


class JaxEpoch:
    """One jitted function for a whole epoch with its evaluation: a scan over the full batches, then the smaller one.

    `whole` false is the other way, one jitted step called from Python for every batch; the benchmark takes the faster
    of the two. NumPy draws the order. Dropout uses the `rbg` generator, the fastest that JAX has on a CPU.
    """

    def __init__(self, row: Row, dataset: Dataset, *, whole: bool) -> None:
        import jax
        import jax.numpy as jnp
        from jax_network import step_and_evaluate

        sizes, batch_size, n = row.sizes(dataset), row.batch_size, len(dataset.train)
        rng = np.random.default_rng(0)
        net = [
            (jnp.asarray(rng.standard_normal((i, o), np.float32) * (2 / i) ** 0.5), jnp.zeros(o, jnp.float32))
            for i, o in itertools.pairwise(sizes)
        ]
        normed = row.hidden if row.batch_norm else ()
        parameters = net, [jnp.ones(units, jnp.float32) for units in normed]  # the gammas; b stands for beta
        self.state = (
            parameters,
            [(jnp.zeros(units, jnp.float32), jnp.ones(units, jnp.float32)) for units in normed],  # means, variances
            jax.tree.map(jnp.zeros_like, parameters),
            jax.tree.map(jnp.zeros_like, parameters),
            jnp.zeros((), jnp.float32),
            jax.random.key(0, impl="rbg"),
        )
        self.x, self.y, self.dev_x, self.dev_y = (
            jnp.asarray(a) for s in dataset.subsets() for a in (s.x, s.y.astype(np.int32))
        )

        step, evaluate = step_and_evaluate(row.dropout, LEARNING_RATE)

        def epoch(state, x, y, order, dev_x, dev_y):
            k = n // batch_size
            full = order[: k * batch_size].reshape(k, batch_size)
            state, (losses, errors) = jax.lax.scan(lambda s, rows: step(s, x[rows], y[rows]), state, full)
            loss, error = losses.sum(), errors.sum()
            if n % batch_size:
                rows = order[k * batch_size :]
                state, (last_loss, last_errors) = step(state, x[rows], y[rows])
                loss, error = loss + last_loss, error + last_errors
            return state, (loss / n, error / n, *evaluate(*state[:2], dev_x, dev_y))

        self.whole, self.batch_size = whole, batch_size
        self.rng = np.random.default_rng(0)
        order = np.arange(n, dtype=np.int32)
        start = clock()
        if whole:
            jitted = jax.jit(epoch, donate_argnums=0)
            self.epoch = jitted.lower(self.state, self.x, self.y, order, self.dev_x, self.dev_y).compile()
        else:
            jitted = jax.jit(lambda state, x, y, rows: step(state, x[rows], y[rows]), donate_argnums=0)
            lengths = {min(batch_size, n), n % batch_size or batch_size}
            self.steps = {k: jitted.lower(self.state, self.x, self.y, order[:k]).compile() for k in lengths}
            self.evaluate = jax.jit(evaluate).lower(*self.state[:2], self.dev_x, self.dev_y).compile()
        self.compile_seconds = clock() - start

    def __call__(self):
        order = self.rng.permutation(len(self.x)).astype(np.int32)
        if self.whole:
            self.state, found = self.epoch(self.state, self.x, self.y, order, self.dev_x, self.dev_y)
            return [float(f) for f in found]
        loss, errors = [], []
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            self.state, (batch_loss, batch_errors) = self.steps[len(rows)](self.state, self.x, self.y, rows)
            loss.append(batch_loss)
            errors.append(batch_errors)
        dev = self.evaluate(*self.state[:2], self.dev_x, self.dev_y)
        return [float(sum(loss)) / len(order), float(sum(errors)) / len(order), *map(float, dev)]


def faster_jax(row: Row, dataset: Dataset) -> JaxEpoch:
    return max((JaxEpoch(row, dataset, whole=whole) for whole in (True, False)), key=lambda e: rate(e, 0.3))


def jax_compile_seconds(row: Row, dataset: Dataset, n_shapes: int, *, whole: bool) -> list[float]:
    """Tracing and compiling, for networks of different widths near the row's."""
    shapes = [tuple(units + i for units in row.hidden) for i in range(n_shapes)]
    rows = [dataclasses.replace(row, hidden=shape) for shape in shapes]
    return [JaxEpoch(row, dataset, whole=whole).compile_seconds for row in rows]


def rate(epoch: Epoch, seconds: float) -> float:
    """Epochs per second, after one that does not count."""
    epoch()
    start, n = clock(), 0
    while (elapsed := clock() - start) < seconds or not n:
        epoch()
        n += 1
    return n / elapsed


def product_rate(row: Row, dataset: Dataset, seconds: float) -> float:
    """Float32 operations per second of the first layer's forward product, as NumPy's BLAS does it."""
    n_in, n_out = row.sizes(dataset)[:2]
    x, w = np.ones((row.batch_size, n_in), np.float32), np.ones((n_in, n_out), np.float32)
    out = np.empty((row.batch_size, n_out), np.float32)

    def product():
        for _ in range(20):
            np.dot(x, w, out=out)

    return 20 * 2 * row.batch_size * n_in * n_out * rate(product, seconds)


def operations(row: Row, dataset: Dataset) -> int:
    """Multiplications and additions in the matrix products of an epoch and its evaluation, the least there can be."""
    sizes = row.sizes(dataset)
    first, *later = [2 * n_in * n_out for n_in, n_out in itertools.pairwise(sizes)]
    return len(dataset.train) * (2 * first + 3 * sum(later)) + len(dataset.dev) * (first + sum(later))


def spread(values: list[float], digits: int = 2) -> str:
    if not values:
        return "-"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


PEERS = {"scikit-learn": ("sklearn", sklearn_epoch), "PyTorch": ("torch", torch_epoch), "JAX": ("jax", faster_jax)}
"""The module that must be there, and what builds an epoch."""


def contestants(row: Row, peers: list[str]) -> Iterator[tuple[str, Callable[[Row, Dataset], Epoch]]]:
    yield "hptune", hptune_epoch
    for peer in peers:
        module, build = PEERS[peer]
        lacks_it = peer == "scikit-learn" and (row.dropout or row.batch_norm)
        if importlib.util.find_spec(module) and not lacks_it:
            yield peer, build


def bench(row: Row, dataset: Dataset, arguments: argparse.Namespace) -> dict[str, list[float]]:
    epochs = {peer: build(row, dataset) for peer, build in contestants(row, arguments.peers)}
    found: dict[str, list[float]] = {peer: [] for peer in epochs} | {"product": []}
    for _ in range(arguments.rounds):
        for peer, epoch in epochs.items():
            found[peer].append(rate(epoch, arguments.seconds))
        found["product"].append(product_rate(row, dataset, min(arguments.seconds, 0.1)))
    if arguments.shapes and isinstance(jax := epochs.get("JAX"), JaxEpoch):
        found["JAX compile"] = jax_compile_seconds(row, dataset, arguments.shapes, whole=jax.whole)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each contestant in each round")
    parser.add_argument("--shapes", type=int, default=10, help="different networks that JAX compiles for each row")
    parser.add_argument(
        "--peers",
        type=lambda text: [p for p in text.split(",") if p],
        default=list(PEERS),
        help="those to measure beside hptune",
    )
    parser.add_argument("--only", default="", help="the rows with this in their name")
    parser.add_argument("--json", type=Path, help="also write every measurement there")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu where others use the machine")
    arguments = parser.parse_args()
    if arguments.clock == "cpu":
        globals()["clock"] = time.process_time
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    for module in ("sklearn", "torch", "jax"):
        if not importlib.util.find_spec(module):
            print(f"{module} is not installed and left out")
    print(
        "NumPy's BLAS:", *(f"{p['version']} {p['architecture']}" for p in threadpool_info() if p["user_api"] == "blas")
    )
    print("Ratios of hptune's epochs per second to each peer's: median (least-greatest) of the rounds")
    print(
        f"{'':24}{'hptune/s':>9}{'scikit-learn':>19}{'PyTorch':>19}{'JAX':>19}{'JAX compile s':>19}"
        f"{f'JAX, {TRIAL_EPOCHS} epochs':>21}{'of product rate':>19}"
    )
    data, results = datasets(), {}
    for row in ROWS:
        title = name(row, data[row.data])
        if arguments.only not in title:
            continue
        found = results[title] = bench(row, data[row.data], arguments)
        mine = found["hptune"]

        def ratios(peer, found=found, mine=mine):
            return [m / p for m, p in zip(mine, found[peer], strict=True)] if peer in found else []

        compiling, counted = found.get("JAX compile", []), []
        if compiling:  # ten trials: what JAX takes with compiling, over what hptune takes
            mean = statistics.mean(compiling)
            counted = [m * (mean / TRIAL_EPOCHS + 1 / j) for m, j in zip(mine, found["JAX"], strict=True)]
        work = operations(row, data[row.data])
        share = [m * work / p for m, p in zip(mine, found["product"], strict=True)]
        columns = {"scikit-learn": 19, "PyTorch": 19, "JAX": 19}
        cells = "".join(f"{spread(ratios(peer)):>{width}}" for peer, width in columns.items())
        cells += f"{spread(compiling):>19}{spread(counted, 1):>21}{spread(share):>19}"
        print(f"{title:24}{statistics.median(mine):9.1f}{cells}", flush=True)
        steps = statistics.median(mine) * -(-len(data[row.data].train) // row.batch_size)
        product = statistics.median(found["product"]) / 1e9
        print(f"{'':24}product {product:.0f} GFLOP/s; a step {1e6 / steps:.0f} us, its share of dev with it")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
