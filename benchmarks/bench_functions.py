"""The search without early stopping, on the 24 noiseless functions of BBOB (Hansen et al. 2009) in few dimensions.

    pip install coco-experiment optuna cmaes
    python benchmarks/bench_functions.py [--dimensions 2,3,5,10] [--trials 50,100,200] [--instances 1,2] [--steps]

The unit cube is the search space; with --steps every third dimension has 20 levels. hptune runs at parallel 4, Optuna's
samplers one trial after the other, which favours them. The regret is the best value found above the least one, at least
1e-6. Shown are, for each opponent, the geometric mean of hptune's regret over its regret, a bootstrap interval of it
over the functions, and on how many problems hptune is behind. The policy was chosen on the odd functions: --only even
shows the others. Every regret is kept in a CSV file, and a later invocation measures only what is missing: --again
hptune measures that anew.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from hptune.workers import blas

os.environ.update(blas.environment())  # before NumPy is loaded

import cocoex
import numpy as np
import optuna
from opponents import _suggested

from hptune.domains import Real
from hptune.levels import Grid
from hptune.nn.hyperparameters import LEGAL
from hptune.search.plan import Budget, SearchPlan
from hptune.search.random_search import anywhere
from hptune.search.stage_search import StageSearch
from hptune.space import Parameter, SearchSpace
from hptune.trial import Status, TrialResult, Value

FLOOR = 1e-6  # of a regret
NAMES = tuple(name for name, legal in LEGAL.items() if not legal.only_with and name not in ("epochs", "patience"))
Function = Callable[[dict[str, Value]], float]


def space_of(dimensions: int, *, steps: bool) -> SearchSpace:
    """The unit cube; where `steps`, every third dimension has 20 levels."""
    domains = [Grid(0, 1, 20) if steps and place % 3 == 2 else Real(0.0, 1.0) for place in range(dimensions)]
    return SearchSpace(
        tuple(Parameter(name, domain, LEGAL[name]) for name, domain in zip(NAMES, domains, strict=False))
    )


@cache
def suite(dimensions: int) -> cocoex.Suite:
    return cocoex.Suite("bbob", "instances: 1-10", f"dimensions: {dimensions}")


def function(number: int, instance: int, space: SearchSpace) -> Function:
    """How far above the least value a configuration is."""
    problem = suite(len(space.parameters)).get_problem_by_function_dimension_instance(
        number, len(space.parameters), instance
    )
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            problem._best_parameter("print")  # noqa: SLF001  (there is no public way to the optimum)
            best = [float(part) for part in next(Path(scratch).iterdir()).read_text().split()]
        finally:
            os.chdir(here)
    least = problem(best)

    def regret(configuration: dict[str, Value]) -> float:
        units = [parameter.domain.to_unit(configuration[parameter.name]) for parameter in space.parameters]
        return float(problem([10 * unit - 5 for unit in units]) - least)

    return regret


def hptune(f: Function, space: SearchSpace, seed: int, trials: int) -> Iterator[float]:
    plan = SearchPlan("coarse-to-fine", False, 4, Budget(trials=trials))
    search = StageSearch(plan, space, {"epochs": 1}, seed=seed, stage=0, first_trial=0)
    while (spec := search.next_spec()) is not None:
        value = f(dict(spec.hyperparameters))
        search.see_epoch(spec.number, 1, value)
        search.see_result(TrialResult(spec.number, Status.COMPLETED, epochs=1, score=value))
        yield value


def random(f: Function, space: SearchSpace, seed: int, trials: int) -> Iterator[float]:
    for number in range(trials):
        yield f(dict(anywhere(space, {"epochs": 1}, seed=seed, number=number)))


def of_optuna(sampler: str, **options: bool) -> Callable[[Function, SearchSpace, int, int], Iterator[float]]:
    def search(f: Function, space: SearchSpace, seed: int, trials: int) -> Iterator[float]:
        study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=seed, **options))
        for _ in range(trials):
            asked = study.ask()
            value = f({parameter.name: _suggested(asked, parameter) for parameter in space.parameters})
            study.tell(asked, value)
            yield value

    return search


METHODS = {
    "random": random,
    "tpe": of_optuna("TPESampler", multivariate=True),
    "tpe-univariate": of_optuna("TPESampler", multivariate=False),
    "cma-es": of_optuna("CmaEsSampler"),
    "gp": of_optuna("GPSampler"),
}


class Key(NamedTuple):
    """What was minimised, how, and with how many trials."""

    dimensions: int
    steps: int  # 1: with every third dimension in 20 levels
    trials: int
    function: int
    instance: int
    method: str


class Found(NamedTuple):
    """The regret of the best trial, and what a trial took."""

    regret: float
    milliseconds: float


class Results:
    """What has been measured, in a CSV file to which every search adds its rows at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[Key, Found] = {}
        for *key, method, regret, took in csv.reader(path.read_text().splitlines()[1:] if path.exists() else ()):
            self.found[Key(*map(int, key), method)] = Found(float(regret), float(took))

    def forget(self, methods: Sequence[str]) -> None:
        self.found = {key: found for key, found in self.found.items() if key.method not in methods}
        self._write()

    def add(self, found: dict[Key, Found]) -> None:
        self.found |= found
        self._write()

    def _write(self) -> None:
        new = self.path.with_suffix(".new")
        with new.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow([*Key._fields, *Found._fields])
            rows.writerows([*key, f"{found.regret:.5g}", f"{found.milliseconds:.1f}"] for key, found in self._sorted())
        new.replace(self.path)

    def _sorted(self) -> list[tuple[Key, Found]]:
        return sorted(self.found.items())


def measured(key: Key, budgets: Sequence[int]) -> dict[Key, Found]:
    """The regrets at several budgets: hptune, which plans by its budget, searches anew for each."""
    space = space_of(key.dimensions, steps=bool(key.steps))
    f, seed = function(key.function, key.instance, space), 1000 * key.instance + key.function
    found = {}
    for budget in budgets:
        if key.method == "hptune" or budget == max(budgets):
            start = time.process_time()
            values = list((hptune if key.method == "hptune" else METHODS[key.method])(f, space, seed, budget))
            took = (time.process_time() - start) / budget * 1000
            for trials in [budget] if key.method == "hptune" else budgets:
                found[key._replace(trials=trials)] = Found(max(min(values[:trials]), FLOOR), took)
    return found


def interval(logarithms: np.ndarray) -> tuple[float, float]:
    """A 95 % bootstrap interval of the geometric mean over functions; logarithms (functions, instances)."""
    rng = np.random.default_rng(0)
    means = logarithms.mean(axis=1)
    resampled = means[rng.integers(len(means), size=(2000, len(means)))].mean(axis=1)
    low, high = np.exp(np.quantile(resampled, (0.025, 0.975)))
    return float(low), float(high)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    whole = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("--dimensions", type=whole, default=[2, 3, 5, 10])
    parser.add_argument("--trials", type=whole, default=[50, 100, 200])
    parser.add_argument("--instances", type=whole, default=[1, 2])
    parser.add_argument("--methods", type=partial(str.split, sep=","), default=["random", "tpe"])
    parser.add_argument("--again", type=partial(str.split, sep=","), default=[], help="methods to be measured anew")
    parser.add_argument("--only", choices=["odd", "even"])
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "functions.csv")
    return parser.parse_args()


def main() -> None:
    arguments = parsed()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    functions = {"odd": range(1, 25, 2), "even": range(2, 25, 2), None: range(1, 25)}[arguments.only]
    results = Results(arguments.results)
    results.forget(arguments.again)
    print(f"{'':28}{'hptune / it':>12}{'interval':>20}{'behind':>10}{'ms a trial':>14}")
    for dimensions, method in itertools.product(arguments.dimensions, ("hptune", *arguments.methods)):
        problems = list(itertools.product(functions, arguments.instances))
        for number, instance in problems:
            key = Key(dimensions, int(arguments.steps), 0, number, instance, method)
            if missing := [n for n in arguments.trials if key._replace(trials=n) not in results.found]:
                results.add(measured(key, missing))
        for trials in arguments.trials if method != "hptune" else ():
            keys = [Key(dimensions, int(arguments.steps), trials, *problem, method) for problem in problems]
            it, ours = (
                [results.found[key] for key in kind] for kind in (keys, [k._replace(method="hptune") for k in keys])
            )
            ratio = np.log([found.regret for found in ours]) - np.log([found.regret for found in it])
            low, high = interval(ratio.reshape(len(functions), -1))
            took = [float(np.mean([found.milliseconds for found in kind])) for kind in (ours, it)]
            print(
                f"{f'{dimensions} dim., {trials} trials, {method}':28}{np.exp(ratio.mean()):12.2f}"
                f"{f'{low:.2f} to {high:.2f}':>20}{f'{(ratio > 0).sum()} of {ratio.size}':>10}"
                f"{took[0]:7.1f}{took[1]:7.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
