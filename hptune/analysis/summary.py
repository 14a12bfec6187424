"""A run in plain numbers: who leads, what failed and why, how the stages went, what to do next. No formatting.

Everything is made from a tables.Run; hptune.report only draws what stands here.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from hptune import rights
from hptune.analysis import advice, confirmation, diagnosis, usefulness
from hptune.analysis.advice import BorderHit, Step
from hptune.analysis.confirmation import Confirmation, Retest
from hptune.analysis.diagnosis import Diagnosis, Errors
from hptune.analysis.divergence import Divergence, divergence
from hptune.analysis.leaderboard import TOP, Leaderboard, leaderboard
from hptune.analysis.progress import (
    Failure,
    Faults,
    StageSummary,
    counts,
    environments,
    failures,
    faults,
    stage_summary,
)
from hptune.analysis.usefulness import Usefulness
from hptune.measured import Baseline, Measured, baseline_of, measured_in
from hptune.search.ranking import ranked
from hptune.tables import Best, Run
from hptune.trial import TrialResult, Value


@dataclass(frozen=True, slots=True)
class MeanErrors:
    """The errors of an answer over its fresh seeds."""

    train_error: float | None  # whole set, dropout off
    dev_error: float
    dev_loss: float


@dataclass(frozen=True, slots=True)
class ByClass:
    """What a network finds of a class in a set."""

    name: str
    n_true: int
    n_answered: int
    n_right: int
    recall: float | None  # None where the set has none
    precision: float | None  # None where it is never answered


@dataclass(frozen=True, slots=True)
class BestTrial:
    """The answer, and what the errors of its network say."""

    trial: int  # that found it
    stage: str  # in which
    metric: str
    score: float  # mean of the trials that confirm it; its own where none do
    standard_error: float | None  # of that mean, over the seeds
    dev_standard_error: float | None  # of the score through the choice of dev examples, where that is known
    n_seeds: int  # fresh ones; 0 where it has not been confirmed
    found_score: float  # with which it was found
    weights_trial: int  # the trial whose weights are kept; what follows is of them
    best_epoch: int
    epochs: int
    train_error: float | None  # whole set, dropout off
    dev_error: float
    test_error: float | None
    dev_loss: float
    test_loss: float | None
    mean_errors: MeanErrors | None  # over the fresh seeds; None where it has not been confirmed
    baseline: Baseline | None  # of always the same answer
    by_class: Mapping[str, tuple[ByClass, ...]]  # on dev and on test, once it has met the test set
    to_test: bool  # whether there is a test set that is still to be met
    n_tested: int  # networks of this run that have met the test set
    target_deviation: float | None  # regression: what an error of 1 is in the target's own unit
    ties: tuple[int, ...]  # other trials with the same score; the one with the lowest number leads
    bayes_error: float
    diagnosis: Diagnosis | None  # None without a train error
    notes: tuple[str, ...]  # on whether it has learned anything
    is_useless: bool  # whether it has learned nothing of use
    borders: tuple[BorderHit, ...]
    hyperparameters: Mapping[str, Value]  # all of them
    weights: str | None  # the file that holds them, where there is one


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report shows."""

    name: str
    path: str
    created: str
    hptune: str  # version
    data: Mapping[str, int]  # train, dev, test: examples; features; classes
    n_planned: int | None
    writer: str | None  # who is searching it just now
    counts: Mapping[str, int | None]  # trials by status, and those to go; None where that is not known
    faults: Faults
    environments: tuple[str, ...]  # in what sittings differ from the one that the run was started in, where they do
    stages: tuple[StageSummary, ...]
    leaderboard: Leaderboard
    best: BestTrial | None
    confirmation: Confirmation | None  # None where nothing has been confirmed
    retests: tuple[Retest, ...]
    failures: tuple[Failure, ...]
    divergence: Divergence | None  # None where no trial of a search has diverged
    next_steps: tuple[Step, ...]


def summarize(run: Run, *, top: int = TOP, sort: str | None = None, bayes_error: float | None = None) -> Report:
    """Everything about a run. bayes_error overrules the study file's."""
    snapshot = run.snapshot
    facts, data = snapshot.facts, snapshot.facts.get("data", {})
    best = _best(run, run.config.data.bayes_error if bayes_error is None else bayes_error)
    failed = failures(snapshot.results)
    return Report(
        name=snapshot.folder.name,
        path=str(run.path),
        created=facts.get("created", ""),
        hptune=facts.get("environment", {}).get("hptune", ""),
        data={key: data[key] for key in ("train", "dev", "test", "features", "classes") if key in data},
        n_planned=snapshot.n_planned,
        writer=snapshot.writer,
        counts=counts(snapshot),
        faults=faults(snapshot),
        environments=environments(snapshot),
        stages=tuple(stage_summary(run, stage) for stage in snapshot.stages),
        leaderboard=leaderboard(run, top, sort),
        best=best,
        confirmation=confirmation.confirmation(run),
        retests=confirmation.retests(run),
        failures=failed,
        divergence=divergence(snapshot, [name for space in run.spaces for name in space.searched]),
        next_steps=advice.next_steps(
            snapshot,
            best.borders if best else (),
            [(group.status, group.reason) for group in failed],
            is_useless=best is not None and best.is_useless,
        ),
    )


def _best(run: Run, bayes_error: float) -> BestTrial | None:
    best = run.best
    if best is None:
        return None
    snapshot = run.snapshot
    trial = next(trial for trial in snapshot.trials if trial.number == best.trial)
    data = snapshot.facts.get("data", {})
    errors = _errors(run, best, bayes_error)
    measured = {} if best.test_error is None else measured_in(snapshot.facts, best.weights)
    useful = _usefulness(run, best, errors, measured)
    return BestTrial(
        trial=best.trial,
        stage=snapshot.stages[trial.stage].name,
        metric=best.metric,
        score=best.score,
        standard_error=best.standard_error,
        dev_standard_error=confirmation.dev_error_of(run, data)(best.score),
        n_seeds=best.n_seeds,
        found_score=best.found_score,
        weights_trial=best.weights,
        best_epoch=best.best_epoch,
        epochs=best.epochs,
        train_error=best.train_error,
        dev_error=best.dev_error,
        test_error=best.test_error,
        dev_loss=best.dev_loss,
        test_loss=measured["test"].loss if "test" in measured else None,
        mean_errors=_mean_errors(run, best) if best.n_seeds else None,
        baseline=baseline_of(data),
        by_class=_by_class(run, measured),
        to_test=best.test_error is None and bool(data.get("test")),
        n_tested=sum(one.test_error is not None for one in snapshot.trials),
        target_deviation=data.get("target_deviation"),
        ties=_ties(run, best),
        bayes_error=bayes_error,
        diagnosis=None if errors is None else diagnosis.diagnose(errors),
        notes=() if useful is None else usefulness.notes(useful),
        is_useless=useful is not None and usefulness.is_useless(useful),
        borders=advice.borders(
            snapshot, run.spaces[snapshot.stage_to_narrow((best.trial,)).number], trial.hyperparameters
        ),
        hyperparameters=best.hyperparameters,
        weights=str(weights) if rights.exists(weights := snapshot.folder.best_npz) else None,
    )


def _errors(run: Run, best: Best, bayes_error: float) -> Errors | None:
    """The errors of a configuration: those of all its fresh seeds, where it has been confirmed."""
    results = _trained(run, best)
    trains = [result.final.train_error for result in results if result.final.train_error is not None]
    if not trains or len(trains) < len(results):
        return None
    devs = [run.at_best_epoch[result.number]["dev_error"] for result in results]
    data, settings = run.snapshot.facts.get("data", {}), run.config.data
    return Errors(
        train=statistics.fmean(trains),
        dev=statistics.fmean(devs),
        test=best.test_error,
        bayes=bayes_error,
        n_train=data.get("train", 0),
        n_dev=data.get("dev", 0),
        n_test=data.get("test", 0),
        is_regression=settings.is_regression,
        n_seeds=len(results),
        train_deviation=statistics.stdev(trains) if len(trains) > 1 else 0.0,
        dev_deviation=statistics.stdev(devs) if len(devs) > 1 else 0.0,
        is_rare=usefulness.is_rare(baseline_of(data)),
        is_split_here=settings.dev is None and settings.test is None,
        still_improves=any(4 * (result.best_epoch or 0) > 3 * result.epochs for result in results),
    )


def _trained(run: Run, best: Best) -> list[TrialResult]:
    """The trainings of a configuration that count: from fresh seeds, where there are any."""
    return [result for result in run.snapshot.results if result.number in best.trainings]


def _mean_errors(run: Run, best: Best) -> MeanErrors:
    results = _trained(run, best)
    trains = [result.final.train_error for result in results if result.final.train_error is not None]
    at_best = [run.at_best_epoch[result.number] for result in results]
    return MeanErrors(
        train_error=statistics.fmean(trains) if len(trains) == len(results) else None,
        dev_error=statistics.fmean(one["dev_error"] for one in at_best),
        dev_loss=statistics.fmean(one["dev_loss"] for one in at_best),
    )


def _usefulness(run: Run, best: Best, errors: Errors | None, measured: Mapping[str, Measured]) -> Usefulness | None:
    """What tells whether it has learned anything."""
    baseline = baseline_of(run.snapshot.facts.get("data", {}))
    if errors is None or baseline is None:
        return None
    means = _mean_errors(run, best)
    classes = tuple(run.snapshot.facts["data"].get("class_names", ()))
    tested, of_dev = measured.get("test"), measured.get("dev")
    return Usefulness(best.metric, errors, means.dev_loss, baseline, tested, classes, of_dev)


def _by_class(run: Run, measured: Mapping[str, Measured]) -> Mapping[str, tuple[ByClass, ...]]:
    """What the network of the answer finds of each class, by set."""
    names = run.snapshot.facts.get("data", {}).get("class_names", ())
    return {
        found_on: tuple(
            ByClass(name, *count, count.recall, count.precision)
            for name, count in zip(names, one.by_class, strict=False)
        )
        for found_on, one in measured.items()
        if one.by_class
    }


def _ties(run: Run, best: Best) -> tuple[int, ...]:
    """The other trials with the score of one that has not been confirmed."""
    if best.n_seeds:
        return ()
    return tuple(r.number for r in ranked(run.snapshot.found) if r.score == best.score and r.number != best.trial)
