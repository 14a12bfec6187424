"""The search without early stopping, on the 24 noiseless functions of BBOB (Hansen et al. 2009) in few dimensions.

    pip install coco-experiment optuna cmaes
    python benchmarks/bench_functions.py [--dimensions 2,3,5,10] [--trials 50,100] [--instances 1,2] [--steps]

The unit cube is the search space; with --steps every third dimension has 20 levels. hptune runs at parallel 4, Optuna's
samplers one trial after the other, which favours them. The regret is the best value found above the least one, at least
1e-6. Shown are, for each opponent, the geometric mean of hptune's regret over its regret, a bootstrap interval of it
over the functions, and on how many problems hptune is behind. The policy was chosen on the odd functions: --only even
shows the others.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

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


def interval(logarithms: np.ndarray) -> tuple[float, float]:
    """A 95 % bootstrap interval of the geometric mean over functions; logarithms (functions, instances)."""
    rng = np.random.default_rng(0)
    means = logarithms.mean(axis=1)
    resampled = means[rng.integers(len(means), size=(2000, len(means)))].mean(axis=1)
    low, high = np.exp(np.quantile(resampled, (0.025, 0.975)))
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", default="2,3,5,10")
    parser.add_argument("--trials", default="50,100")
    parser.add_argument("--instances", default="1,2")
    parser.add_argument("--methods", default="random,tpe")
    parser.add_argument("--only", choices=["odd", "even"])
    parser.add_argument("--steps", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    first = {"odd": range(1, 25, 2), "even": range(2, 25, 2), None: range(1, 25)}[arguments.only]
    instances = [int(part) for part in arguments.instances.split(",")]
    methods = arguments.methods.split(",")
    print(f"{'':28}{'hptune / it':>12}{'interval':>20}{'behind':>10}{'ms a trial':>12}")
    for dimensions in map(int, arguments.dimensions.split(",")):
        space = space_of(dimensions, steps=arguments.steps)
        for trials in map(int, arguments.trials.split(",")):
            regrets: dict[str, np.ndarray] = {}
            took: dict[str, float] = {}
            for name in ("hptune", *methods):
                search, start = (hptune if name == "hptune" else METHODS[name]), time.process_time()
                regrets[name] = np.array(
                    [
                        [max(min(search(function(f, i, space), space, 1000 * i + f, trials)), FLOOR) for i in instances]
                        for f in first
                    ]
                )
                took[name] = (time.process_time() - start) / regrets[name].size / trials * 1000
            for name in methods:
                ratio = np.log(regrets["hptune"]) - np.log(regrets[name])
                low, high = interval(ratio)
                label = f"{dimensions} dim., {trials} trials, {name}"
                print(
                    f"{label:28}{np.exp(ratio.mean()):12.2f}{f'{low:.2f} to {high:.2f}':>20}"
                    f"{f'{(ratio > 0).sum()} of {ratio.size}':>10}{took['hptune']:6.1f}{took[name]:6.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
