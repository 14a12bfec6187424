"""Do later epochs cost more than first ones? python benchmarks/bench_subnormals.py [--only TEXT] (see --help)

Numbers next to 0 make processors slow (hptune/nn/underflow.py), and it is later epochs that have them: a penalty has
pulled the weights of whatever carries nothing to 0, averages have decayed. Each row is a training in which that
happens, for every optimizer. At each of several ages an epoch of it takes turns with an epoch of the same training
that has just begun, and the least processor time of either counts; printed is the ratio at the age where it is
largest. With --off nothing is done about such numbers, to see what they cost. With --cost it is timed what is done, on
the rows of bench_trainer.py: a step that looks for such numbers beside one that does not, and the share of all time
that looking takes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hptune.workers import blas

os.environ.update(blas.environment())  # before NumPy is loaded

import bench_trainer
import numpy as np

from hptune.data.dataset import Dataset, Subset, normalise
from hptune.nn import training
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.underflow import Underflow
from hptune.trial import DivergedError

AGES = 6  # in equal distances up to --epochs
TURNS = 5  # at each age

RATES = {"adam": 0.001, "rmsprop": 0.001, "momentum": 0.05, "gradient_descent": 0.05}
"""The learning rate of each optimizer."""


def linear(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Regression on four numbers, one of which says nothing."""
    x = rng.standard_normal((2000, 4))
    return x, x @ [1, -2, 0.5, 0] + rng.standard_normal(2000), 0


def noise(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Two classes that have nothing to do with the inputs."""
    return rng.standard_normal((2000, 20)), rng.integers(0, 2, 2000), 2


def rare(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Two classes, six numbers, and 300 columns of 0 and 1, most of them of a text that hardly occurs."""
    numbers, text = rng.standard_normal((2000, 6)), np.minimum(rng.zipf(1.4, 2000) - 1, 299)
    y = numbers[:, 0] + (text % 3 == 0) + rng.standard_normal(2000) > 1
    return np.c_[numbers, np.eye(300)[text]], y.astype(np.int64), 2


def pixels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Ten classes of 200 pixels, every other one constant."""
    y = np.arange(2000) % 10
    x = rng.standard_normal((10, 200))[y] + 2 * rng.standard_normal((2000, 200))
    x[:, ::2] = 0
    return x, y, 10


DATA = {make.__name__: make for make in (linear, noise, rare, pixels)}

KINDS: dict[str, tuple[str, dict]] = {  # data, and what is unlike the defaults
    "regression, l2": ("linear", {"l2": 0.5}),
    "strong l2": ("linear", {"l2": 5}),
    "l1": ("linear", {"l1": 0.3}),
    "dead units, l2": ("linear", {"l2": 0.5, "init_scale": 5, "hidden_layers": 3}),
    "nothing to learn, l2": ("noise", {"l2": 0.5}),
    "rare one-hot columns, l2": ("rare", {"l2": 0.5}),
    "rare one-hot columns, weak l2": ("rare", {"l2": 0.01}),
    "rare one-hot columns": ("rare", {}),
    "constant pixels, l2": ("pixels", {"l2": 0.03}),
    "constant pixels, l1": ("pixels", {"l1": 0.03}),
    "batch norm, l2": ("rare", {"l2": 0.5, "batch_norm": True}),
    "tanh, l2": ("noise", {"l2": 2, "activation": "tanh", "hidden_layers": 3}),
    "deep sigmoid": ("noise", {"activation": "sigmoid", "hidden_layers": 25}),
    "falling rate": ("noise", {"schedule": "exponential", "decay_factor": 0.3}),
}


def dataset(name: str) -> Dataset:
    """One of the data sets, three quarters of it for training, normalised."""
    x, y, classes = DATA[name](np.random.default_rng(0))
    names = tuple(map(str, range(classes)))
    return normalise(Dataset(Subset(x[:1500], y[:1500]), Subset(x[1500:], y[1500:]), None, names, ("",) * x.shape[1]))


def trainer(data: Dataset, h: Hyperparameters) -> Callable[[], float]:
    """A function that trains for one epoch more, and returns its processor time."""
    epochs = training.train(data, h, metric="dev_loss", seed=0, number=0)

    def epoch() -> float:
        began = time.process_time()
        next(epochs)
        return time.process_time() - began

    epoch()  # with buffers and caches to be made
    return epoch


@contextmanager
def untouched(wanted: bool) -> Iterator[None]:
    """Nothing is done about numbers next to 0, if wanted."""
    begin_step = Underflow.begin_step
    if wanted:
        Underflow.begin_step = lambda _self, _every: False
    try:
        yield
    finally:
        Underflow.begin_step = begin_step


def ratios(data: Dataset, h: Hyperparameters, epochs: int) -> Iterator[tuple[float, int, float]]:
    """Later over first epochs, the age, and the milliseconds of a first one, at each age."""
    old, age = trainer(data, h), 1
    for until in np.linspace(epochs / AGES, epochs, AGES).astype(int):
        while age < until - TURNS:
            old()
            age += 1
        young = trainer(data, h)
        times = [(old(), young()) for _ in range(TURNS)]
        age += TURNS
        late, first = (min(column) for column in zip(*times, strict=True))
        yield late / first, age, first * 1e3


def print_ages(only: str, epochs: int) -> None:
    """Print the table of later over first epochs."""
    print(f"{'':48}first, ms  worst later / first, at epoch")
    worst = []
    for optimizer, rate in RATES.items():
        for kind, (name, changes) in KINDS.items():
            if only not in f"{optimizer}, {kind}":
                continue
            common = {"hidden_layers": 2, "hidden_units": 64, "batch_size": 32, "learning_rate": rate}
            h = Hyperparameters(**{"epochs": 10**9, "optimizer": optimizer, **common, **changes})
            try:
                ratio, age, first = max(ratios(dataset(name), h, epochs))
            except DivergedError as error:
                print(f"{optimizer + ', ' + kind:48}{error}", flush=True)
                continue
            worst.append(ratio)
            print(f"{optimizer + ', ' + kind:48}{first:9.1f}  {ratio:6.2f}  {age:5}", flush=True)
    print(f"largest {max(worst):.2f}, median {statistics.median(worst):.2f}, above 1.2: {sum(r > 1.2 for r in worst)}")


def print_cost(only: str) -> None:
    """Print what looking costs on the rows of bench_trainer.py."""
    data = bench_trainer.datasets()
    for row in bench_trainer.ROWS:
        name = bench_trainer.name(row, data[row.data])
        if only in name:
            epoch = bench_trainer.hptune_epoch(row, data[row.data])
            step, look, every = timed(epoch, 1500 if row.data == "random" else 4000)
            share = (look - step) / every / step
            print(f"{name:30} step {step:7.1f}, with a look {look:7.1f}: {share:.2%}", flush=True)


def timed(epoch: Callable[[], object], n_steps: int) -> tuple[float, float, int]:
    """Microseconds (20th percentiles) of steps without and with a look, and from one look to the next how many."""
    began, is_look, every = [], [], 1
    begin_step = Underflow.begin_step

    def watched(self: Underflow, steps: int) -> bool:
        nonlocal every
        began.append(time.perf_counter())
        is_look.append(begin_step(self, steps))
        every = steps
        return is_look[-1]

    Underflow.begin_step = watched
    while len(began) < n_steps:
        epoch()
    Underflow.begin_step = begin_step
    micro, looks = np.diff(began) * 1e6, np.array(is_look[:-1])
    return float(np.percentile(micro[~looks], 20)), float(np.percentile(micro[looks], 20)), every


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="rows with this text in their name")
    parser.add_argument("--epochs", type=int, default=120, help="the last age")
    parser.add_argument("--off", action="store_true", help="do nothing about such numbers")
    parser.add_argument("--cost", action="store_true", help="what is done about them, as a share of an epoch")
    arguments = parser.parse_args()
    if arguments.cost:
        print_cost(arguments.only)
    else:
        with untouched(arguments.off):
            print_ages(arguments.only, arguments.epochs)


if __name__ == "__main__":
    main()
