"""What was found: the answer with its diagnosis, what failed and why, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from hptune.analysis.advice import BorderHit, Step
from hptune.analysis.diagnosis import Diagnosis
from hptune.analysis.progress import Failure
from hptune.analysis.summary import BestTrial
from hptune.domains import show
from hptune.report.safe_text import heading, say
from hptune.wording import amount, counted

SHOWN_TRIALS = 8  # numbers of failed trials listed one by one
SHOWN_FAILURES = 8
VERDICT_STYLES = {"neither": "green"}


def print_best(console: Console, best: BestTrial) -> None:
    """The answer's score and errors, what they mean, and where it lies in its space."""
    if best.n_seeds:
        heading(console, f"Answer: the hyperparameters of trial {best.trial} ({best.stage})")
        spread = "" if best.standard_error is None else f", standard error {show(best.standard_error)}"
        say(console, f"{best.metric} {show(best.score)}, mean of {counted(best.n_seeds, 'fresh seed')}{spread}")
        say(console, f"best network: trial {best.weights_trial}, at epoch {best.best_epoch} of {best.epochs}")
    else:
        heading(console, f"Best trial: {best.trial} ({best.stage})")
        say(console, f"{best.metric} {show(best.score)} at epoch {best.best_epoch} of {best.epochs}")
    if best.ties:
        say(console, f"the same in {counted(len(best.ties), 'other trial')}: {_numbers(best.ties)}")
    named = {"train": best.train_error, "dev": best.dev_error, "test": best.test_error, "Bayes": best.bayes_error}
    errors = [f"{name} {show(error)}" for name, error in named.items() if error is not None]
    say(console, f"errors, dropout off: {', '.join(errors)}")
    if best.to_test:
        say(console, "test error: measured once, for the answer, when the run is finished (hptune resume)")
    if best.target_deviation is not None:
        say(console, _own_units(named, best.target_deviation))
    if best.diagnosis is not None:
        _print_diagnosis(console, best.diagnosis)
    for hit in best.borders:
        say(console, _border_text(hit))
    if best.weights is not None:
        say(console, f"weights: {best.weights}, which hptune predict uses")


def _own_units(errors: Mapping[str, float | None], deviation: float) -> str:
    """The errors of a regression as root mean squares in the unit of the target."""
    rms = [f"{name} {amount(error * deviation)}" for name, error in errors.items() if error is not None]
    return f"in the target's own unit (RMSE, 1 is {amount(deviation)}): {', '.join(rms)}"


def _print_diagnosis(console: Console, found: Diagnosis) -> None:
    style = VERDICT_STYLES.get(found.verdict, "yellow")
    subject = "high bias and high variance" if found.verdict == "both" else found.verdict
    say(console, f"diagnosis: {'neither high bias nor high variance' if subject == 'neither' else subject}", style)
    bias, variance, threshold = show(found.bias), show(found.variance), show(found.threshold)
    say(
        console,
        f"  avoidable bias {bias} (train - Bayes), variance {variance} (dev - train); either counts above {threshold}",
    )
    for remedy in found.remedies:
        say(console, f"  - {remedy}")
    for note in found.notes:
        say(console, note, "yellow")


def _border_text(hit: BorderHit) -> str:
    side = "lower" if hit.side == "low" else "upper"
    limit = "" if hit.can_extend else ", which is the legal limit"
    others = ", as do others of the best five" if hit.is_crowded else ""
    return f"{hit.name} {show(hit.value)} lies at the {side} end of {hit.domain.describe()}{others}{limit}"


def print_failures(console: Console, failures: Sequence[Failure]) -> None:
    """How many trials did not complete, by reason."""
    if not failures:
        return
    heading(console, "Trials that did not complete")
    for failure in failures[:SHOWN_FAILURES]:
        say(console, f"{len(failure.trials)} {failure.status}: {failure.reason} ({_numbers(failure.trials)})")
    if rest := failures[SHOWN_FAILURES:]:
        n_trials = sum(len(failure.trials) for failure in rest)
        say(console, f"{n_trials} more for {len(rest)} other reasons; trials.csv has them all")


def _numbers(trials: Sequence[int]) -> str:
    more = ", ..." if len(trials) > SHOWN_TRIALS else ""
    return f"trial{'s' if len(trials) > 1 else ''} {', '.join(map(str, trials[:SHOWN_TRIALS]))}{more}"


def print_next_steps(console: Console, steps: Sequence[Step]) -> None:
    """What to do now; each command on a line of its own, to be copied."""
    heading(console, "Next")
    for step in steps:
        say(console, step.text)
        if step.command:
            say(console, f"  {step.command}", "bold")
