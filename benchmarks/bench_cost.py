"""How good the estimate of an epoch's cost is: python benchmarks/bench_cost.py [--trials N] [--networks N] [--rounds N]

Trials of every study of configs/, in full, and networks drawn from a wide space, with up to 784 inputs, for a few
epochs: the processor time of an epoch beside hptune.nn.cost. Each is measured once a round, and the least of the rounds
counts: others on the machine can only add. The error is |log(estimate / measured)| once a factor that all of a line's
trials have in common has been taken away: only ratios matter.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import os
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from hptune.workers import blas

os.environ.update(blas.environment())  # before NumPy is loaded

import numpy as np

from hptune.config import study_file
from hptune.data import loading
from hptune.data.dataset import Dataset, Subset, normalise
from hptune.effects import hyperparameters_of
from hptune.nn.cost import epoch_cost
from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.training import train
from hptune.search import random_search
from hptune.trial import DivergedError

CONFIGS = Path(__file__).parent.parent / "configs"
FORMS = [(1078, 359, 64, 10), (600, 200, 2, 2), (341, 114, 30, 2), (360, 120, 11, 0), (2000, 500, 784, 10)]
"""Rows of train and dev, features and classes of the wide space."""

Case = tuple[Dataset, Hyperparameters, int]  # and how many epochs are trained


def study_cases(path: Path, n: int) -> Iterator[Case]:
    config = study_file.load(path)
    dataset = normalise(loading.load(config.data))
    for number in range(n):
        configuration = random_search.anywhere(config.space, config.train, seed=0, number=number)
        h = hyperparameters_of(config.train, configuration)
        yield dataset, h, h.epochs


def wide_cases(n: int, seed: int) -> Iterator[Case]:
    rng, values = random.Random(seed), np.random.default_rng(seed)

    def sometimes(share: float, value: float) -> float:
        return value if rng.random() < share else 0.0

    for _ in range(n):
        n_train, n_dev, features, classes = rng.choice(FORMS)

        def subset(rows: int, features: int = features, classes: int = classes) -> Subset:
            y = values.integers(0, classes, rows) if classes else values.standard_normal(rows)
            return Subset(values.standard_normal((rows, features), np.float32), y)

        image = {64: (8, 8, 1), 784: (28, 28, 1)}.get(features)
        names = (tuple(map(str, range(count))) for count in (classes, features))
        drawn = {
            "learning_rate": 1e-4,
            "optimizer": rng.choice(["adam", "momentum", "rmsprop", "gradient_descent"]),
            "batch_size": rng.choice([8, 16, 32, 64, 128, 256, 512, "full"]),
            "activation": rng.choice(["relu", "tanh", "leaky_relu", "sigmoid"]),
            "hidden_layers": rng.choice([0, 1, 2, 3, 4]),
            "hidden_units": round(4 * 128 ** rng.random()),
            "batch_norm": rng.random() < 0.25,
            "dropout": sometimes(0.4, 0.3),
            "input_dropout": sometimes(0.15, 0.2),
            "input_noise": sometimes(0.15, 0.1),
            "rotation": sometimes(0.1, 10.0) if image else 0.0,
            "flip": image is not None and rng.random() < 0.1,
            "l2": sometimes(0.6, 1e-4),
            "l1": sometimes(0.1, 1e-4),
            "clip_norm": sometimes(0.15, 5.0),
        }
        yield Dataset(subset(n_train), subset(n_dev), None, *names, image), hyperparameters_of({}, drawn), 6


def seconds_an_epoch(case: Case) -> float:
    """The median processor time of the epochs but the first, which prepares the training; NaN where there are none."""
    dataset, h, n_epochs = case
    times = [time.process_time()]
    epochs = itertools.islice(train(dataset, h, metric="dev_loss", seed=0, number=0), n_epochs)
    with contextlib.suppress(DivergedError):
        times.extend(time.process_time() for _ in epochs)
    took = [after - before for before, after in itertools.pairwise(times)]
    return statistics.median(took[1:]) if took[1:] else math.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=60, help="of each study")
    parser.add_argument("--networks", type=int, default=150, help="of the wide space")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the wide space")
    arguments = parser.parse_args()
    cases = {path.stem: list(study_cases(path, arguments.trials)) for path in sorted(CONFIGS.glob("*.yaml"))}
    cases["wide"] = list(wide_cases(arguments.networks, arguments.seed))
    least = {name: [math.inf] * len(some) for name, some in cases.items()}
    for _ in range(arguments.rounds):
        for name, some in cases.items():
            least[name] = [min(old, seconds_an_epoch(case)) for old, case in zip(least[name], some, strict=True)]
    print("| | trials | longest / shortest | factor | median error | 90 % | within 30 % |\n|" + "---|" * 7)
    for name, some in cases.items():
        pairs = [
            (
                least_of,
                epoch_cost(
                    h, n_train=len(d.train), n_dev=len(d.dev), features=d.train.x.shape[1], classes=len(d.classes)
                ),
            )
            for (d, h, _), least_of in zip(some, least[name], strict=True)
            if math.isfinite(least_of)
        ]
        logs = [math.log(estimate / measured) for measured, estimate in pairs]
        common = statistics.median(logs)
        errors = sorted(abs(log - common) for log in logs)
        measured = [seconds for seconds, _ in pairs]
        print(
            f"| {name} | {len(pairs)} | {max(measured) / min(measured):.0f} | {math.exp(common):.2f} | "
            f"{statistics.median(errors):.3f} | {errors[int(0.9 * len(errors))]:.3f} | "
            f"{sum(error < math.log(1.3) for error in errors) / len(errors):.2f} |"
        )


if __name__ == "__main__":
    main()
