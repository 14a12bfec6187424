"""hptune's own network as a task of bench_search.py: nine hyperparameters, 27 epochs, small data sets.

digits     1797 images of 8 x 8, ten classes
spirals    two arms in the plane
medical    few examples, twenty columns that go together in groups, two classes that overlap, one label in twenty wrong
five       five classes in twelve columns that overlap, and one label in five drawn at random: no loss is near 0

and the six of search_heldback.py, three of them regression.

The score is the dev loss at the best epoch; the answer's is the mean over three trainings with numbers of their own,
and so is its test error. Test sets are larger than one would have, to be precise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from search_heldback import HELD_BACK, examples
from search_tasks import UNSEEN, Configuration, Judged, Reference, Task, drawn, lowest

from hptune.config import study_file
from hptune.data import loading
from hptune.data.dataset import Dataset, Examples, normalise
from hptune.data.settings import DataSettings
from hptune.data.split import split
from hptune.effects import hyperparameters_of
from hptune.nn.network import ForwardBuffers
from hptune.nn.training import Trained, train
from hptune.search.plan import REPLICATES
from hptune.trial import DivergedError, EpochMetrics

EPOCHS = 27
FIXED = {"epochs": EPOCHS, "optimizer": "momentum"}
SPACE = study_file.stage_space(
    json.dumps(
        {
            "learning_rate": {"scale": "log", "low": 1e-3, "high": 1},
            "momentum": {"scale": "1-beta", "low": 0.5, "high": 0.99},
            "hidden_layers": {"low": 1, "high": 3},
            "hidden_units": {"scale": "log", "low": 8, "high": 64},
            "batch_size": {"scale": "log", "low": 16, "high": 256},
            "l2": {"scale": "log", "low": 1e-4, "high": 10},
            "dropout": {"low": 0.0, "high": 0.5},
            "learning_rate_decay": {"scale": "log", "low": 1e-3, "high": 1},
            "init_scale": {"scale": "log", "low": 0.1, "high": 3},
        }
    )
)
SETS = ("digits", "spirals", "medical", "five")


@dataclass(frozen=True, slots=True)
class Training:
    """The network on one data set."""

    name: str
    dataset: Dataset  # normalised
    epochs: ClassVar = EPOCHS
    fixed: ClassVar = FIXED
    space: ClassVar = SPACE

    def _train(self, configuration: Configuration, seed: int, number: int) -> Generator[EpochMetrics, None, Trained]:
        h = hyperparameters_of(self.fixed, configuration)
        return train(self.dataset, h, metric="dev_loss", seed=seed, number=number)

    def curve(self, configuration: Configuration, seed: int, number: int) -> Iterator[float]:
        for metrics in self._train(configuration, seed, number):
            yield metrics.dev_loss

    def judge(self, configuration: Configuration, seed: int) -> Judged:
        scores, errors = zip(*(self._measured(configuration, seed, UNSEEN + k) for k in range(REPLICATES)), strict=True)
        return Judged(sum(scores) / REPLICATES, sum(errors) / REPLICATES)

    def _measured(self, configuration: Configuration, seed: int, number: int) -> tuple[float, float]:
        """Dev loss and test error of a training; one that diverged is as good as guessing."""
        training, test, n_classes = (
            self._train(configuration, seed, number),
            self.dataset.test,
            len(self.dataset.classes),
        )
        try:
            while True:
                next(training)
        except StopIteration as end:
            network, _, (score, _) = end.value
        except DivergedError:
            return (math.log(n_classes), 1 - 1 / n_classes) if n_classes else (0.5, 1.0)  # the mean of the targets
        targets = network.loss.encode(test.y, n_classes, network.dtype)
        errors = network.evaluate(test.x, targets, ForwardBuffers.allocate(network, len(test)))[1]
        return score, network.loss.error(errors, len(test))

    def reference(self, n: int) -> Reference:
        scores = [lowest(self, configuration, 0, number) for number, configuration in enumerate(drawn(self, n))]
        return Reference(min(scores), float(np.median(scores)))


@cache
def training_task(name: str) -> Task:
    if name == "digits":
        dataset = loading.load(DataSettings(source="digits", split=(0.5, 0.2, 0.3)))
    elif name == "spirals":
        dataset = loading.load(DataSettings(source="spirals", examples=3000, noise=0.03, split=(0.4, 0.2, 0.4)))
    else:
        made = {"medical": (_medical, (0.12, 0.06, 0.82)), "five": (_five, (0.16, 0.08, 0.76)), **HELD_BACK}
        make, fractions = made[name]
        whole = make(np.random.Generator(np.random.PCG64DXSM(7)))
        subsets = [whole.subset(rows) for rows in split(whole.y, whole.classes, fractions, 0)]
        dataset = Dataset(*subsets, whole.classes, whole.features)
    return Training(name, normalise(dataset))


def _medical(random: np.random.Generator, n: int = 3000) -> Examples:
    """Four causes, each measured five times; a score of theirs, with one product, decides on which side of 0."""
    causes = random.standard_normal((n, 4))
    x = np.repeat(causes, 5, axis=1) + 0.5 * random.standard_normal((n, 20))
    score = causes @ [1.5, -1.0, 0.5, 0.0] + causes[:, 0] * causes[:, 3] + 0.3 * random.standard_normal(n)
    wrong = random.random(n) < 0.05
    return examples(x, ((score > 0) ^ wrong).astype(np.int64))


def _five(random: np.random.Generator, n: int = 4000) -> Examples:
    """Two Gaussian clouds a class, so that no plane parts them; a fifth of the labels says nothing."""
    centres = 1.6 * random.standard_normal((5, 2, 12))
    y = random.integers(5, size=n)
    x = centres[y, random.integers(2, size=n)] + 1.5 * random.standard_normal((n, 12))
    return examples(x, np.where(random.random(n) < 0.2, random.integers(5, size=n), y))
