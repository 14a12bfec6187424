"""A run in plain numbers: who leads, what failed and why, how the stages went, what to do next. No formatting.

Everything is made from a tables.Run; hptune.report only draws what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hptune import rights
from hptune.analysis import advice, confirmation, diagnosis
from hptune.analysis.advice import BorderHit, Step
from hptune.analysis.confirmation import Confirmation, Retest
from hptune.analysis.diagnosis import Diagnosis, Errors
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
from hptune.search.ranking import ranked
from hptune.tables import Best, Run
from hptune.trial import Value


@dataclass(frozen=True, slots=True)
class BestTrial:
    """The answer, and what the errors of its network say."""

    trial: int  # that found it
    stage: str  # in which
    metric: str
    score: float  # mean of the trials that confirm it; its own where none do
    standard_error: float | None  # of that mean
    n_seeds: int  # fresh ones; 0 where it has not been confirmed
    found_score: float  # with which it was found
    weights_trial: int  # the trial whose weights are kept; what follows is of them
    best_epoch: int
    epochs: int
    train_error: float | None  # whole set, dropout off
    dev_error: float
    test_error: float | None
    to_test: bool  # whether there is a test set that is still to be met
    target_deviation: float | None  # regression: what an error of 1 is in the target's own unit
    ties: tuple[int, ...]  # other trials with the same score; the one with the lowest number leads
    bayes_error: float
    diagnosis: Diagnosis | None  # None without a train error
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
        next_steps=advice.next_steps(
            snapshot, best.borders if best else (), [(group.status, group.reason) for group in failed]
        ),
    )


def _best(run: Run, bayes_error: float) -> BestTrial | None:
    best = run.best
    if best is None:
        return None
    trial = next(trial for trial in run.snapshot.trials if trial.number == best.trial)
    data = run.snapshot.facts.get("data", {})
    found = None
    if best.train_error is not None:
        errors = Errors(
            best.train_error,
            best.dev_error,
            best.test_error,
            bayes_error,
            data.get("dev", 0),
            data.get("test", 0),
            is_regression=run.config.data.is_regression,
            baseline=data.get("baseline_error"),
        )
        found = diagnosis.diagnose(errors)
    return BestTrial(
        trial=best.trial,
        stage=run.snapshot.stages[trial.stage].name,
        metric=best.metric,
        score=best.score,
        standard_error=best.standard_error,
        n_seeds=best.n_seeds,
        found_score=best.found_score,
        weights_trial=best.weights,
        best_epoch=best.best_epoch,
        epochs=best.epochs,
        train_error=best.train_error,
        dev_error=best.dev_error,
        test_error=best.test_error,
        to_test=best.test_error is None and bool(data.get("test")),
        target_deviation=data.get("target_deviation"),
        ties=_ties(run, best),
        bayes_error=bayes_error,
        diagnosis=found,
        borders=advice.borders(
            run.snapshot, run.spaces[run.snapshot.stage_to_narrow((best.trial,)).number], trial.hyperparameters
        ),
        hyperparameters=best.hyperparameters,
        weights=str(weights) if rights.exists(weights := run.snapshot.folder.best_npz) else None,
    )


def _ties(run: Run, best: Best) -> tuple[int, ...]:
    """The other trials with the score of one that has not been confirmed."""
    if best.n_seeds:
        return ()
    return tuple(r.number for r in ranked(run.snapshot.found) if r.score == best.score and r.number != best.trial)
