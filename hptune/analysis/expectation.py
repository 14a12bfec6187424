"""What a search will take, before anything is trained: trainings, epochs, time, disk and memory, by estimate.

An estimate knows neither which networks a search will come to like nor what else the machine does: on the studies
of configs/ it is good to a factor of two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

from hptune.config.study_file import StudyConfig
from hptune.effects import hyperparameters_of
from hptune.nn.hyperparameters import Hyperparameters
from hptune.search.bars import KEPT, rungs
from hptune.search.plan import REPLICATES, SearchPlan, most_without_bars
from hptune.stored_config import epoch_cost
from hptune.trial import Value

PASSED = 1.8
"""How many more epochs bars let trials run than if a third of them passed each: scores are equal, and searches get
better. Of all epochs that is 0.2 for trials of 27 (0.18 to 0.27 in searches of configs/, 0.35 to 0.5 of moons), 0.44
of 10 (0.4 to 0.55) and 0.6 of 5 (0.5 to 0.6)."""

START_S = 1.5
"""To start the program and its workers, and to write the tables at the end."""

TRIAL_S, EPOCH_S = 2e-3, 0.5e-3
"""Beside the training: to propose and store a trial, and for a worker to tell an epoch."""

EPOCH_BYTES, TRIAL_BYTES = 350, 1_500
"""90 of an epoch in run.db and 125 in curves.csv, which is there twice while it is replaced; 400 to 800 and 300."""

WORKER_BYTES = 45e6  # resident memory of a worker with a small network, docs/trainer_speed.md
RESERVED_BYTES = 94e6  # of its own, with what it has only reserved: what search.worker_memory limits
COPIES = 4  # of a network's parameters in training: they, the gradient, and two averages of Adam
FLOAT32, LABEL = 4, 8  # bytes


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a search will take."""

    n_workers: int
    trainings: float  # that are begun, confirmation included
    epochs: float
    seconds: float
    disk: float  # bytes
    memory: float  # bytes, of all workers and of the data that they share
    training_s: float  # of a single training of all its epochs, on average
    worker: float  # bytes that a worker has for itself with the largest network drawn


def expectation(
    config: StudyConfig,
    plan: SearchPlan,
    data: Mapping[str, Any],
    configurations: Sequence[Mapping[str, Value]],
    *,
    n_workers: int,
    cores: int,
) -> Expectation:
    """What a search of a study will take on data of which these are the facts; configurations are drawn from it."""
    drawn = [hyperparameters_of(config.train, configuration) for configuration in configurations]
    cost = epoch_cost(config, data)
    epochs = fmean(h.epochs for h in drawn)
    costs = (cost(configuration) for configuration in configurations)
    training_s = fmean(h.epochs * (EPOCH_S + seconds) for h, seconds in zip(drawn, costs, strict=True))
    share = bars_share(round(epochs)) if plan.bars else 1.0
    most = math.inf if plan.budget.trials is None else min(plan.budget.trials, config.space.size)
    n_workers = int(min(n_workers, most))
    at_once = max(1, min(n_workers, cores))

    full_s, searched_s = (training_s * part / at_once + TRIAL_S for part in (1.0, share))
    blind = (
        min(plan.parallel, most_without_bars(plan.budget, round(epochs)) or plan.parallel)
        if plan.bars
        else plan.parallel
    )
    n_full = max(blind, 2)  # trials that begin before two are known, and meet no bar
    limits = (
        most,
        _affordable(plan.budget.epochs, n_full, epochs, epochs * share),
        _affordable(plan.budget.time_s, n_full, full_s, searched_s),
    )
    trials = min(limits)
    confirmed = min(plan.confirm, trials) * REPLICATES
    searched = max(0.0, trials - n_full)  # with bars
    seconds = START_S + (trials - searched + confirmed) * full_s + searched * searched_s
    whole = config.search.time_s
    all_epochs = (trials - searched + confirmed + searched * share) * epochs

    sizes = [_n_parameters(h, data) * FLOAT32 for h in drawn]
    prepared = _prepared_bytes(data, n_forms=len({h.normalize_inputs for h in drawn}))
    weights = fmean(sizes) * (plan.confirm + at_once + 1)  # of the answer, and those that may become it
    return Expectation(
        n_workers,
        trials + confirmed,
        all_epochs,
        seconds if whole is None else min(seconds, whole),
        all_epochs * EPOCH_BYTES + (trials + confirmed) * TRIAL_BYTES + prepared + weights,
        prepared + max(n_workers, 1) * (WORKER_BYTES + COPIES * max(sizes)),
        training_s,
        RESERVED_BYTES + COPIES * max(sizes),
    )


def bars_share(epochs: int) -> float:
    """Of the epochs that trials of so many could run, how many bars let those run that meet them."""
    ends = (*rungs(epochs), epochs)
    run = ends[0] + sum((stop - start) / KEPT**n for n, (start, stop) in enumerate(pairwise(ends), start=1))
    return min(1.0, float(PASSED * run / epochs))


def _affordable(budget: float | None, n_first: int, first: float, later: float) -> float:
    """How many trials a budget pays for, of which the first ones cost otherwise than those after them."""
    if budget is None:
        return math.inf
    return budget / first if budget <= n_first * first else n_first + (budget - n_first * first) / later


def _n_parameters(h: Hyperparameters, data: Mapping[str, Any]) -> int:
    outputs = data["classes"] if data["classes"] > 2 else 1
    layers = (data["features"], *h.hidden_widths, outputs)
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(layers))


def _prepared_bytes(data: Mapping[str, Any], *, n_forms: int) -> int:
    """Of the files of the data that workers map, in each form that trials ask for."""
    rows = data["train"] + data["dev"] + data["test"]
    return int(n_forms * rows * (data["features"] * FLOAT32 + LABEL))
