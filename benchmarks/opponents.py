"""The searches that bench_search.py compares: hptune's, random search, Optuna's samplers and pruners, and SMAC3.

An opponent is an endless generator of trials, one after the other: they have one worker here, which favours them, for
every proposal knows all results. Whoever reads it stops at a budget, and may go on to the next one.

Optuna's pruners get the reduction of hptune's bars, 3, and a first rung after 2 of 52 epochs (after epoch 1 of LCBench
the network is untrained) and after 1 of 27; they are told of the epochs at which they decide, and of no others, which
changes nothing but the time. A trial that diverged is told as infinitely bad, so that the sampler learns from it;
to SMAC as the worst score so far.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import logging
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from search_tasks import FRESH, Configuration, Task, lowest

from hptune.scales import LINEAR, LOG, ONE_MINUS
from hptune.search.known import Key, key_of
from hptune.search.plan import PARALLEL_PER_WORKER, REPLICATES, Budget, SearchPlan, most_parallel, search_plan
from hptune.search.random_search import anywhere
from hptune.search.stage_search import StageSearch
from hptune.space import Parameter
from hptune.trial import DivergedError, Status, TrialResult, Value

WORKERS = 2  # of hptune: how many simulated machines auto gives it depends on them and on the budget

with contextlib.suppress(ImportError):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)


class Trial(NamedTuple):
    """One configuration trained, all the way or as far as a pruner let it."""

    configuration: Configuration
    score: float  # the lowest metric, infinite if it diverged
    epochs: int
    is_complete: bool


Opponent = Callable[[Task, int], Iterator[Trial]]
"""Task and seed -> trials without end."""


class Answer(NamedTuple):
    """What a search returns."""

    method: str
    budget: int  # full trainings
    configuration: Configuration
    epochs: int  # used, confirmation included


def hptune_search(task: Task, seed: int, plan: SearchPlan) -> Iterator[Trial]:
    """The trials of hptune's search.

    Each is trained as soon as it is proposed: what a proposal may know follows from the simulated clock alone, on
    which an epoch of any configuration takes the same time here.
    """
    search = StageSearch(plan, task.space, task.fixed, seed=seed, stage=0, first_trial=0)
    while (spec := search.next_spec()) is not None:
        bars, epochs, score, status = dict(spec.bars), 0, math.inf, Status.COMPLETED
        try:
            for epochs, value in enumerate(task.curve(spec.hyperparameters, seed, spec.stream), 1):
                search.see_epoch(spec.number, epochs, value)
                score = min(score, value)
                if score > bars.get(epochs, math.inf):
                    status = Status.STOPPED
                    break
        except DivergedError:
            status, score = Status.DIVERGED, math.inf
        known = None if status is Status.DIVERGED else score
        search.see_result(TrialResult(spec.number, status, epochs=epochs, score=known))
        yield Trial(spec.hyperparameters, score, epochs, is_complete=status is Status.COMPLETED)


def random_search(task: Task, seed: int) -> Iterator[Trial]:
    """hptune's random search: every configuration drawn from the whole space and trained to the end."""
    for number in itertools.count():
        configuration = anywhere(task.space, task.fixed, seed=seed, number=number)
        yield Trial(configuration, lowest(task, configuration, seed, number), task.epochs, is_complete=True)


def _optuna(sampler: str, pruner: str | None = None, **options: bool) -> Opponent:
    def search(task: Task, seed: int) -> Iterator[Trial]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is experimental there is part of the comparison
            study = optuna.create_study(
                study_name=f"{task.name} {seed}",  # Hyperband's brackets depend on it
                sampler=getattr(optuna.samplers, sampler)(seed=seed, **options),
                pruner=_pruner(pruner, task),
            )
        for number in itertools.count():
            asked = study.ask()
            configuration = {p.name: _suggested(asked, p) for p in task.space.parameters}
            trial = _trained(task, seed, number, configuration, asked, _rungs(task) if pruner else ())
            if trial.is_complete:
                study.tell(asked, trial.score)
            else:
                study.tell(asked, state=optuna.trial.TrialState.PRUNED)
            yield trial

    return search


def _rungs(task: Task) -> list[int]:
    """The epochs at which successive halving decides: 2, 6, 18 of 52, and 1, 3, 9 of 27."""
    first = 2 if task.epochs == 52 else 1
    return list(itertools.takewhile(lambda rung: rung < task.epochs, (first * 3**k for k in itertools.count())))


def _pruner(name: str | None, task: Task) -> optuna.pruners.BasePruner:
    if name == "sha":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=_rungs(task)[0], reduction_factor=3)
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=_rungs(task)[0], max_resource=task.epochs, reduction_factor=3
        )
    return optuna.pruners.NopPruner()


def _trained(
    task: Task, seed: int, number: int, configuration: Configuration, asked: optuna.Trial, rungs: Sequence[int]
) -> Trial:
    score, epochs = math.inf, 0
    try:
        for epochs, value in enumerate(task.curve(configuration, seed, number), 1):
            score = min(score, value)
            if epochs in rungs:
                asked.report(value, epochs)
                if asked.should_prune():
                    return Trial(configuration, score, epochs, is_complete=False)
    except DivergedError:
        return Trial(configuration, math.inf, epochs + 1, is_complete=True)
    return Trial(configuration, score, epochs, is_complete=True)


def _suggested(asked: optuna.Trial, parameter: Parameter) -> Value:
    """The value that Optuna suggests for a domain of hptune's, on the same scale."""
    name, domain = parameter.name, parameter.domain
    if domain.scale is None:
        return asked.suggest_categorical(name, list(domain.values))
    if domain.scale is ONE_MINUS:
        return 1 - asked.suggest_float(name, 1 - domain.high, 1 - domain.low, log=True)
    if domain.scale not in (LINEAR, LOG):
        raise TypeError(f"{name}: no distribution of Optuna for {domain}")
    if domain.step:
        return asked.suggest_int(name, domain.low, domain.high, step=domain.step, log=domain.scale is LOG)
    return asked.suggest_float(name, domain.low, domain.high, log=domain.scale is LOG)


def smac(task: Task, seed: int) -> Iterator[Trial]:
    """SMAC3's facade for hyperparameters: a random forest and expected improvement, after ten points of Sobol's."""
    from ConfigSpace import ConfigurationSpace
    from smac import HyperparameterOptimizationFacade as Facade
    from smac import Scenario
    from smac.runhistory.dataclasses import TrialValue

    space = ConfigurationSpace(seed=seed)
    space.add([_of_smac(parameter) for parameter in task.space.parameters])
    with tempfile.TemporaryDirectory() as scratch:
        scenario = Scenario(space, deterministic=True, n_trials=10_000, seed=seed, output_directory=Path(scratch))
        start, worst = Facade.get_initial_design(scenario, n_configs=10), 0.0
        search = Facade(scenario, lambda _config, seed=0: seed, initial_design=start, logging_level=logging.ERROR)
        for number in itertools.count():
            asked = search.ask()
            configuration = {
                p.name: 1 - value if p.domain.scale is ONE_MINUS else value
                for p in task.space.parameters
                for value in [dict(asked.config)[p.name]]
            }
            score = lowest(task, configuration, seed, number)
            worst = max(worst, score) if math.isfinite(score) else worst
            search.tell(asked, TrialValue(cost=score if math.isfinite(score) else worst))
            yield Trial(configuration, score, task.epochs, is_complete=True)


def _of_smac(parameter: Parameter) -> Any:
    """A domain of hptune's as a hyperparameter of ConfigSpace, on the same scale; 1-beta as the beta."""
    from ConfigSpace import Float, Integer

    name, domain = parameter.name, parameter.domain
    if domain.scale is ONE_MINUS:
        return Float(name, (1 - domain.high, 1 - domain.low), log=True)
    if domain.scale not in (LINEAR, LOG) or domain.step not in (0, 1):
        raise TypeError(f"{name}: no hyperparameter of ConfigSpace for {domain}")
    kind = Integer if domain.step else Float
    return kind(name, (domain.low, domain.high), log=domain.scale is LOG)


OPPONENTS: dict[str, Opponent] = {
    "random": random_search,
    "tpe": _optuna("TPESampler"),
    "tpe-univariate": _optuna("TPESampler", multivariate=False),
    "tpe+sha": _optuna("TPESampler", "sha"),
    "tpe+hyperband": _optuna("TPESampler", "hyperband"),
    "random+sha": _optuna("RandomSampler", "sha"),
    "gp": _optuna("GPSampler"),
    "smac": smac,
}
METHODS = ("hptune", *OPPONENTS)
SLOW = ("gp", "smac")  # a tenth of a second and more a proposal
QUICK = tuple(name for name in METHODS if name not in SLOW)
OF_OPTUNA = set(OPPONENTS) - {"random", "smac"}
NEEDS = {**dict.fromkeys(OF_OPTUNA, ("optuna",)), "gp": ("optuna", "torch", "scipy"), "smac": ("smac",)}
PRUNING = {name for name in OPPONENTS if "+" in name}
TWICE = "random-x2"  # random search with twice the budget
CONFIRMED = "/c"  # ends the names of methods that confirm their answer within the budget


def without(methods: Sequence[str]) -> dict[str, list[str]]:
    """What to say of packages that are not installed, and the methods that need them."""
    found: dict[str, list[str]] = {}
    for name in methods:
        for package in NEEDS.get(name, ()):
            if not _is_there(package):
                whence = "'hptune[bench]'" if package == "optuna" else package
                found.setdefault(f"{package} is not installed (pip install {whence})", []).append(name)
                break
    return found


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a test hides it
        return False


def labels(method: str, *, confirm: bool) -> list[str]:
    """What a method is called in the results: all of its variants."""
    names = [method, TWICE] if method == "random" else [method]
    return [*names, *(name + CONFIRMED for name in names)] if confirm else names


def answers(method: str, task: Task, seed: int, budgets: Sequence[int], *, confirm: bool) -> Iterator[Answer]:
    """The answers of a method, in all of its variants, at several budgets in full trainings.

    hptune searches anew for each, as it plans by its budget, and never exceeds it. An opponent has one sequence of
    trials for all; it begins one where an epoch of the budget is left, so that the last one may exceed it. All confirm
    as many configurations as hptune would.
    """
    marks = []
    for name, budget in itertools.product(labels(method, confirm=confirm), budgets):
        most = Budget(epochs=task.epochs * budget * (2 if name.startswith(TWICE) else 1))
        plan = search_plan(
            most,
            task.epochs,
            method="coarse-to-fine",
            bars=True,
            parallel=min(PARALLEL_PER_WORKER * WORKERS, most_parallel(most, task.epochs) or 1),
            extend=False,
            confirm=name.endswith(CONFIRMED),
        )
        marks.append((plan.budget.epochs, name, budget, plan))
    trials: list[Trial] = []
    endless = None if method == "hptune" else OPPONENTS[method](task, seed)
    for epochs, name, budget, plan in sorted(marks, key=lambda mark: mark[0]):
        if endless is None:
            trials = list(hptune_search(task, seed, plan))
        while endless is not None and sum(trial.epochs for trial in trials) < epochs:
            trials.append(next(endless))
        best = _best_first(trials)[: plan.confirm or 1]
        chosen = _confirmed(task, seed, best) if plan.confirm else best[0].configuration
        used = sum(trial.epochs for trial in trials) + plan.confirm * REPLICATES * task.epochs
        yield Answer(name, budget, chosen, used)


def _best_first(trials: Sequence[Trial]) -> list[Trial]:
    """Those with distinct configurations, complete ones first, then those that came furthest."""
    found: dict[Key, Trial] = {}
    for trial in sorted(trials, key=lambda trial: (not trial.is_complete, -trial.epochs, trial.score)):
        found.setdefault(key_of(trial.configuration), trial)
    return list(found.values())


def _confirmed(task: Task, seed: int, trials: Sequence[Trial]) -> Configuration:
    """The configuration with the best mean of fresh trainings."""

    def mean(trial: Trial) -> float:
        return sum(lowest(task, trial.configuration, seed, FRESH + k) for k in range(REPLICATES)) / REPLICATES

    return min(trials, key=mean).configuration
