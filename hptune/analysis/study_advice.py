"""What could be better in a study that is legal: a sentence for each thing, with its key and what to write instead.

Nothing here is wrong, and nothing is refused for it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

from hptune.analysis.expectation import Expectation
from hptune.analysis.meant import AVERAGES, meant_otherwise
from hptune.analysis.preview import Preview
from hptune.analysis.written import rewritten, values_of
from hptune.config.study_file import StudyConfig
from hptune.data.problems import quoted
from hptune.domains import is_number, show
from hptune.effects import origin
from hptune.machine import Machine
from hptune.measured import is_unbalanced
from hptune.notations import FACTORS, WIDTHS
from hptune.scales import LINEAR, LOG, ONE_MINUS
from hptune.search.bars import rungs
from hptune.search.plan import PARALLEL_PER_WORKER, SearchPlan, most_parallel
from hptune.trial import Value
from hptune.wording import counted, rounded, size, span

DECADES = 100  # high over low, from which on a linear scale is as good as never right
NARROW = 3.0  # high over low of learning rates: half a decade
ORDINARY_RATES = (1e-4, 1.0)
DEEP_FOR_SIGMOIDS = 8  # hidden layers: the gradient of the first is then 1/65,536 of that of the last, or less
TRIALS_EACH = 10
"""Trials for each hyperparameter that is searched: the rule of ten runs a dimension (Loeppky, Sacks & Welch 2009,
Choosing the sample size of a computer experiment), and of Google's tuning playbook, which below ten trials tunes the
learning rate alone."""

RARE = 0.05  # share of the trials that have a hyperparameter, below which little is learned about it
EPOCHS_AFTER_THE_FIRST = ("learning_rate_decay", "decay_factor", "decay_epochs", "patience")


def study_advice(
    config: StudyConfig, plan: SearchPlan, previews: Sequence[Preview], expected: Expectation, n_train: int
) -> tuple[str, ...]:
    """What to look at in a study before it is searched; n_train are the examples of its training part."""
    return (
        *(meant := tuple(meant_otherwise(config))),
        *_about_scales(config, {text.partition(":")[0].partition(".")[2] for text in meant}),
        *_about_first_weights(config),
        *_about_what_is_not_searched(config, previews),
        *_about_epochs(config, plan),
        *_about_batches(config, n_train),
        *_about_the_search(config, plan, expected),
    )


def budget_notes(config: StudyConfig, plan: SearchPlan) -> Iterator[str]:
    """What of a search has no room in its budget or its space."""
    if config.search.confirm and not plan.confirm:
        yield "search.confirm: too small a budget to confirm what is found; hptune retest does it at any time."
    coarse = (plan.budget.trials or math.inf) / 2
    is_chosen = (plan.budget.trials or math.inf) > 1 and config.space.size > (plan.budget.trials or 0)
    if plan.method == "coarse-to-fine" and plan.parallel > coarse and is_chosen:
        few = f"search.parallel: {plan.parallel} of {counted(plan.budget.trials or 0, 'trial')} at a time"
        yield f"{few}, so most are chosen before anything is known. A smaller number finds more."
    there_are, trials = config.space.size, config.search.trials or 0
    if there_are < trials:
        only = f"search.trials: the space has only {counted(int(there_are), 'configuration')}"
        if config.search.method == "random":
            yield f"{only}; {counted(trials, 'trial')} repeat some."
        else:
            yield f"{only}; the search ends when all have been tried."


def metric_advice(config: StudyConfig, classes: Sequence[str], counts: Sequence[int]) -> Iterator[str]:
    """Advise on the metric where a class is rare; counts are the examples of each class in train."""
    if not counts or config.search.metric != "dev_error":
        return
    n, rarest = sum(counts), min(range(len(counts)), key=counts.__getitem__)
    if is_unbalanced(counts[rarest] / n, max(counts) / n):
        share = f"{quoted(classes[rarest])} is {counts[rarest] / n:.1%} of train"
        baseline = f"and always answering {quoted(classes[counts.index(max(counts))])} has an error of"
        why = f"{share}, {baseline} {1 - max(counts) / n:.1%}, as one has that knows more"
        yield f"search.metric: dev_error hardly tells networks apart here: {why}. Write dev_loss."


def limited_parallel(config: StudyConfig) -> int | None:
    """How many trials run at a time where the budget allows no more (search.parallel: auto); else None."""
    search = config.search
    most = most_parallel(search.budget, config.space.most_epochs(config.train))
    return most if search.method == "coarse-to-fine" and search.parallel == most else None


def worker_notes(n_workers: int, cores: int, parallel: int | None = None) -> Iterator[str]:
    """More workers than there are cores for them, each of which computes with one thread, or trials at a time."""
    if parallel is not None and n_workers > parallel:
        what = f"search.parallel: {parallel} at a time leave {counted(n_workers - parallel, 'worker')} idle"
        why = "more at a time are faster, but learn less from each other"
        yield f"{what}: {why}. Write {PARALLEL_PER_WORKER * n_workers} for speed, or a larger budget for both."
    if n_workers > cores:
        what = f"search.workers: {n_workers:,} of one thread each on {counted(cores, 'core')} only take turns"
        yield f"{what}, and each needs memory. --workers {cores} is as fast."


def machine_advice(expected: Expectation, machine: Machine, parallel: int | None = None) -> Iterator[str]:
    """What of a study this machine has no room for."""
    yield from worker_notes(expected.n_workers, machine.cores, parallel)
    if machine.obstacle:
        yield f"{machine.runs}: nothing can be written there: {machine.obstacle}. Choose another folder with --runs."
    elif expected.disk > machine.free:
        disk, free = size(rounded(expected.disk)), size(machine.free)
        yield f"{machine.runs}: the run needs some {disk}; {free} are free. Make room, or choose another with --runs."
    if expected.memory > machine.memory:
        workers, needed = counted(max(expected.n_workers, 1), "worker"), size(rounded(expected.memory))
        needs = f"{workers} and the data need some {needed} of memory, and this machine has {size(machine.memory)}"
        yield f"{needs}: take fewer workers or smaller networks."


def limits_advice(config: StudyConfig, expected: Expectation, machine: Machine) -> Iterator[str]:
    """Limits of a trial and its worker beside what these are expected to take."""
    limit, most = config.search.trial_timeout_s, config.search.worker_memory
    if limit is not None and limit < expected.training_s:
        takes = f"a training of all its epochs takes some {span(rounded(expected.training_s))}"
        yield f"search.trial_timeout: {span(limit)}, but {takes}: it would be timed out. Allow more, or train less."
    if most is None:
        return
    if most > machine.memory:
        there = f"more than the {size(machine.memory)} of this machine"
        yield f"search.worker_memory: {size(most)} are {there}, so that it limits nothing: write less."
    if most < expected.worker:
        takes = f"a worker with the largest network takes some {size(rounded(expected.worker))}"
        yield f"search.worker_memory: {size(most)}, but {takes}: its trial would fail. Allow more, or search smaller."


def _about_scales(config: StudyConfig, meant: Collection[str]) -> Iterator[str]:
    """Advise on scales and widths of ranges; of those in `meant` it is said that other values were meant."""
    for parameter in config.space.parameters:
        name, domain = parameter.name, parameter.domain
        if domain.scale is None or name in meant:
            continue
        low, high, scale = domain.low, domain.high, domain.scale
        found = f"space.{name}: {scale.name} from {show(low)} to {show(high)}"
        is_near_1 = high < 1 and (name in AVERAGES or (name == "decay_factor" and low >= 0.5))
        if is_near_1 and not scale.complement:
            reason = "but near 1 it is the distance from 1 that counts"
            steps = f" (an average over {_steps(low)} at one end, over {_steps(high)} at the other)"
            yield f"{found}, {reason}{steps if name in AVERAGES else ''}: write {rewritten(parameter, ONE_MINUS.name)}."
        elif scale is LINEAR and low > 0 and high >= DECADES * low:
            tenth = high // 10 if isinstance(low, int) else high / 10
            yield f"{found} puts nine draws in ten above {show(tenth)}: write {rewritten(parameter, LOG.name)}."
        if name == "learning_rate" and high < NARROW * low:
            wide = rewritten(parameter, LOG.name, ORDINARY_RATES)
            yield f"{found} is narrow: unless the best is known to lie there, write {wide}."


def _about_first_weights(config: StudyConfig) -> Iterator[str]:
    """Advise on networks of which none can learn: weights all 0 or far too large, gradients that vanish."""
    _, depths = values_of(config, "hidden_layers")
    _, widths = values_of(config, "widths")
    layers = [int(depth) for depth in depths] + [len(WIDTHS.parse(text)) for text in widths if text != "same"]
    key, inits = values_of(config, "init")
    if set(inits) == {"zeros"} and min(layers, default=0) > 0:
        what = "zeros keeps all units of a layer alike, so that nothing is learned but the shares of the classes"
        yield f"{key}: {what}: write auto."
    elif set(inits) <= {"zeros", "large"} and "large" in inits:
        what = "begins with weights that saturate the units or make the loss infinite"
        yield f"{key}: {_said(key, inits)} {what}: write auto."
    key, activations = values_of(config, "activation")
    _, norms = values_of(config, "batch_norm")
    deepest = max(layers, default=0)
    if set(activations) == {"sigmoid"} and deepest >= DEEP_FOR_SIGMOIDS and not any(norms):
        shrinks = "each sigmoid passes on a quarter of the gradient at most"
        what = f"sigmoid in {counted(deepest, 'hidden layer')}, but {shrinks}, so that the first layers hardly learn"
        yield f"{key}: {what}: write relu, or batch_norm: true under train."


def _steps(beta: float) -> str:
    """Over how many steps an average with beta goes."""
    return counted(round(1 / (1 - beta)), "step")


def _about_what_is_not_searched(config: StudyConfig, previews: Sequence[Preview]) -> Iterator[str]:
    for parameter in config.space.parameters:
        name, domain = parameter.name, parameter.domain
        if domain.scale is None and len(domain.values) == 1 and not (domain.constant or parameter.when):
            value = show(domain.values[0])
            what = f"space.{name}: a single choice, {value}, leaves nothing to search"
            yield f"{what}: give others, or write {name}: {value} under train."
    for preview in previews:
        if preview.share < RARE:
            drawn = f"drawn in {preview.n_active or 'none'} of {counted(preview.n_drawn, 'configuration')}"
            what = f"space.{preview.name}: {drawn}, for what it goes with is rare"
            yield f"{what}: little can be learned about it. Give that fewer other values, or remove it."


def _about_epochs(config: StudyConfig, plan: SearchPlan) -> Iterator[str]:
    """What needs more epochs to do anything than a trial has."""
    most = config.space.most_epochs(config.train)
    never = f"a trial has {counted(most, 'epoch')} at most"
    does = {"patience": "ends no training", "decay_epochs": "never halves the learning rate"}
    for name, effect in does.items():
        key, values = values_of(config, name)
        if late := [value for value in values if is_number(value) and value >= most and most > 1]:
            yield f"{key}: {_said(key, late)} {effect}, for {never}: write less than {most}."
    key, values = values_of(config, "learning_rate_factors")
    epochs = [epoch for text in values for epoch, _ in FACTORS.parse(text) if epoch >= most]
    if epochs:
        yield f"{key}: a factor from epoch {min(epochs)} on is never reached, for {never}, counted from 0."
    if most > 1:
        return
    if plan.bars and not rungs(most):
        yield f"search.bars: true stops nothing, for {never}: give more epochs, or write bars: false."
    for name in EPOCHS_AFTER_THE_FIRST:
        if name in config.space.searched:
            yield f"space.{name}: changes nothing, for {never}, and it acts from the second on. Remove it."


def _about_batches(config: StudyConfig, n_train: int) -> Iterator[str]:
    key, values = values_of(config, "batch_size")
    if large := [value for value in values if is_number(value) and value > n_train]:
        there = f"more than the {counted(n_train, 'example')} of train"
        yield f"{key}: {_said(key, large)} is {there}, and means all of them: write less, or full."


def _said(key: str, values: Sequence[Value]) -> str:
    """Values in words, with a mark for one that nobody may have written."""
    section, _, name = key.partition(".")
    default = origin(name, values[0]) if section == "train" else ""
    return " or ".join(show(value) for value in values) + default


def _about_the_search(config: StudyConfig, plan: SearchPlan, expected: Expectation) -> Iterator[str]:
    settings, n_searched = config.search, len(config.space.searched)
    if settings.metric.startswith("train"):
        better = settings.metric.replace("train", "dev")
        yield f"search.metric: {settings.metric} ranks by what is learned by heart, too: write {better}."
    if settings.extend and all(parameter.domain.scale is None for parameter in config.space.parameters):
        yield "search.extend: true extends nothing, for no hyperparameter has a range. Remove it."
    yield from budget_notes(config, plan)
    n_trainings = round(min(expected.trainings, 1e12))
    if n_searched and n_trainings < min(TRIALS_EACH * n_searched, config.space.size):
        limits = {"trials": settings.trials, "epochs": settings.epochs, "time": settings.time_s}
        key = " and ".join(f"search.{name}" for name, limit in limits.items() if limit is not None)
        some = "" if limits["epochs"] is None and limits["time"] is None else "some "
        found = f"{key}: {some}{counted(n_trainings, 'training')} for"
        if n_searched == 1:
            yield f"{found} the one hyperparameter that is searched: it takes {TRIALS_EACH}. Allow more."
        else:
            each = f"{TRIALS_EACH} for each are {TRIALS_EACH * n_searched}"
            yield f"{found} {n_searched:,} hyperparameters that are searched: {each}. Allow more, or search fewer."
