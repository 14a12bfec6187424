"""The searches that bench_search.py compares: hptune's, random search, and Optuna's samplers and pruners.

An opponent is an endless generator of trials, one after the other: Optuna has one worker here, which favours it, for
every proposal knows all results. Whoever reads it stops at a budget, and may go on to the next one.

Optuna's pruners get the reduction of hptune's bars, 3, and a first rung after 2 of 52 epochs (after epoch 1 of LCBench
the network is untrained) and after 1 of 27; they are told of the epochs at which they decide, and of no others, which
changes nothing but the time. A trial that diverged is told as infinitely bad, so that the sampler learns from it.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from search_tasks import FRESH, N_FRESH, Configuration, Task, lowest

from hptune.domains import LINEAR, LOG, ONE_MINUS, Choice, Real
from hptune.levels import Grid, LogInteger
from hptune.search.propose import propose
from hptune.space import Parameter
from hptune.trial import DivergedError, Value

with contextlib.suppress(ImportError):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

MISSING = None if "optuna" in globals() else "optuna is not installed (pip install 'hptune[bench]')"


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

    configuration: Configuration
    epochs: int  # that it has used, confirmation included


def best(trials: Sequence[Trial]) -> Configuration:
    """The best complete trial; of a search that has completed none, the one that came furthest."""
    return min(trials, key=lambda trial: (-trial.is_complete, -trial.epochs, trial.score)).configuration


def n_confirmed(budget: int) -> int:
    """How many configurations are trained again, three times each: five at most, and some 15 % of the budget."""
    return max(2, min(5, round(0.15 * budget / N_FRESH)))


def confirmed(task: Task, seed: int, trials: Sequence[Trial], n: int) -> Configuration:
    """The best, by the mean of fresh trainings, of the n best distinct configurations."""
    distinct: list[Trial] = []
    for trial in sorted((t for t in trials if t.is_complete), key=lambda t: t.score):
        if len(distinct) < n and all(trial.configuration != other.configuration for other in distinct):
            distinct.append(trial)

    def mean(trial: Trial) -> float:
        return sum(lowest(task, trial.configuration, seed, FRESH + k) for k in range(N_FRESH)) / N_FRESH

    return min(distinct, key=mean).configuration


def random_search(task: Task, seed: int) -> Iterator[Trial]:
    """hptune's random search: every configuration drawn from the whole space and trained to the end."""
    for number in itertools.count():
        configuration = propose(task.space, task.fixed, seed=seed, stage=0, number=number).hyperparameters
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
    match domain:
        case Choice(values):
            return asked.suggest_categorical(name, list(values))
        case Grid():
            return asked.suggest_int(name, domain.low, domain.high, step=domain.step)
        case LogInteger():
            return asked.suggest_int(name, domain.low, domain.high, log=True)
        case Real(low, high, scale) if scale is ONE_MINUS:
            return 1 - asked.suggest_float(name, 1 - high, 1 - low, log=True)
        case Real(low, high, scale) if scale in (LINEAR, LOG):
            return asked.suggest_float(name, low, high, log=scale is LOG)
    raise TypeError(f"{name}: no distribution of Optuna for {domain}")


OPPONENTS: dict[str, Opponent] = {
    "random": random_search,
    "tpe": _optuna("TPESampler"),
    "tpe-univariate": _optuna("TPESampler", multivariate=False),
    "tpe+sha": _optuna("TPESampler", "sha"),
    "tpe+hyperband": _optuna("TPESampler", "hyperband"),
    "random+sha": _optuna("RandomSampler", "sha"),
}
OF_OPTUNA = set(OPPONENTS) - {"random"}
PRUNING = {name for name in OPPONENTS if "+" in name}
TWICE = "random-x2"
"""Random search with twice the budget."""


def answers(
    name: str, task: Task, seed: int, budgets: Sequence[int], *, confirm: bool
) -> Iterator[tuple[str, int, Answer]]:
    """The answers of an opponent at several budgets, in full trainings, from one sequence of trials.

    Yields method, budget and answer; of random search also those with twice the budget and, with confirm, of every
    method also those that are confirmed within the budget. A trial begins where an epoch of the budget is left, so
    the last one may exceed it.
    """
    marks = []
    for budget in budgets:
        for method, n_trainings in ((name, budget), *([(TWICE, 2 * budget)] if name == "random" else [])):
            marks.append((n_trainings, method, budget, 0))
            if confirm:
                n = n_confirmed(n_trainings)
                marks.append((n_trainings - n * N_FRESH, f"{method}/c", budget, n))
    trials, used, endless = [], 0, OPPONENTS[name](task, seed)
    for n_trainings, method, budget, n in sorted(marks):
        while used < n_trainings * task.epochs:
            trials.append(next(endless))
            used += trials[-1].epochs
        if n:
            answer = Answer(confirmed(task, seed, trials, n), used + n * N_FRESH * task.epochs)
        else:
            answer = Answer(best(trials), used)
        yield method, budget, answer
