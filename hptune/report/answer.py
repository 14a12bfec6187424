"""What was found: the answer with its diagnosis, what failed and why, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from hptune.analysis.advice import BorderHit, Step
from hptune.analysis.diagnosis import Diagnosis, Gap
from hptune.analysis.divergence import Divergence
from hptune.analysis.progress import Failure
from hptune.analysis.summary import BestTrial, ByClass
from hptune.domains import show
from hptune.measured import SETS, Baseline
from hptune.report.columns import MISSING, Column, print_columns
from hptune.report.safe_text import heading, say
from hptune.tables import over_seeds
from hptune.wording import amount, counted

SHOWN_TRIALS = 8  # numbers of failed trials listed one by one
SHOWN_FAILURES = 8
SHOWN_CLASSES = 5
VERDICT_STYLES = {"neither": "green"}
VERDICTS = {
    "high bias": "high bias",
    "high variance": "high variance",
    "both": "high bias and high variance",
    "neither": "neither high bias nor high variance",
    "cannot tell": "cannot tell",
}


def print_best(console: Console, best: BestTrial) -> None:
    """The answer's score and errors, what they mean, and where it lies in its space."""
    if best.n_seeds:
        heading(console, f"Answer: the hyperparameters of trial {best.trial} ({best.stage})")
        say(console, f"{best.metric} {show(best.score)}, {over_seeds(best.score, best.standard_error, best.n_seeds)}")
        say(console, f"best network: trial {best.weights_trial}, at epoch {best.best_epoch} of {best.epochs}")
    else:
        heading(console, f"Best trial: {best.trial} ({best.stage})")
        say(console, f"{best.metric} {show(best.score)} at epoch {best.best_epoch} of {best.epochs}")
    if best.dev_standard_error is not None:
        of_dev = show(best.dev_standard_error)
        say(console, f"standard error through the choice of dev examples: {of_dev} (twice that covers 95 %)")
    if best.ties:
        say(console, f"the same in {counted(len(best.ties), 'other trial')}: {_numbers(best.ties)}")
    _print_errors(console, best)
    if best.to_test:
        say(console, "test error: measured once, for the answer, when the run is finished (hptune resume)")
    elif best.n_tested > 1:
        which = f"{best.n_tested} networks of this run have met the test set, one for each answer that it had"
        say(console, f"{which}: the lowest of their test errors is partly luck.")
    _print_by_class(console, best)
    if best.diagnosis is not None:
        _print_diagnosis(console, best.diagnosis)
    for note in (*best.notes, *(best.diagnosis.notes if best.diagnosis is not None else ())):
        say(console, note, "yellow")
    for hit in best.borders:
        say(console, _border_text(hit))
    if best.weights is not None:
        say(console, f"weights: {best.weights}, which hptune predict uses")


def _print_errors(console: Console, best: BestTrial) -> None:
    """Errors and losses by set, beside those of always the same answer."""
    rows = [ErrorRow("best network", best.train_error, best.dev_error, best.test_error, best.dev_loss, best.test_loss)]
    if best.mean_errors is not None:
        means = best.mean_errors
        name = f"mean of {counted(best.n_seeds, 'seed')}"
        rows.insert(0, ErrorRow(name, means.train_error, means.dev_error, None, means.dev_loss, None))
    if best.baseline is not None:
        rows.append(_baseline_row(best.baseline, is_regression=best.target_deviation is not None))
    if best.bayes_error:
        rows.append(ErrorRow("nobody can beat (Bayes)", *[best.bayes_error] * 3))
    say(console, "errors, dropout off:")
    _print_rows(console, rows, show, has_losses=best.target_deviation is None)
    if best.target_deviation is not None:
        say(console, f"in the target's own unit (RMSE, 1 is {amount(best.target_deviation)}):")
        deviation = best.target_deviation
        _print_rows(console, rows, lambda error: amount(error * deviation), has_losses=False)


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """The errors of somebody by set, where they are known, and the losses."""

    name: str
    train: float | None
    dev: float | None
    test: float | None
    dev_loss: float | None = None
    test_loss: float | None = None


def _baseline_row(baseline: Baseline, *, is_regression: bool) -> ErrorRow:
    error, loss = baseline.error, baseline.loss
    name = "always the mean" if is_regression else "always the commonest class"
    return ErrorRow(
        name if baseline.answer is None else f'always "{baseline.answer}" (loss: shares)',
        *(error.get(of) for of in SETS),
        *(loss.get(of) for of in SETS[1:]),
    )


def _print_rows(console: Console, rows: Sequence[ErrorRow], text: Callable[[float], str], *, has_losses: bool) -> None:
    def column(header: str, of: Callable[[ErrorRow], float | None]) -> Column:
        values = [of(row) for row in rows]
        return Column(header, tuple(MISSING if value is None else text(value) for value in values), always=True)

    name = Column("", tuple(f"  {row.name}" for row in rows), "left")
    columns = [column("train", lambda row: row.train), column("dev", lambda row: row.dev)]
    if any(row.test is not None for row in rows):
        columns.append(column("test", lambda row: row.test))
    if has_losses:
        columns.append(column("dev loss", lambda row: row.dev_loss))
        if any(row.test_loss is not None for row in rows):
            columns.append(column("test loss", lambda row: row.test_loss))
    print_columns(console, (name,), name, [(one,) for one in columns])


def _print_by_class(console: Console, best: BestTrial) -> None:
    """What the network finds of each class on test, or of those that it finds least of."""
    rows = best.by_class.get("test", ())
    if not rows:
        return
    shown = rows if len(rows) <= SHOWN_CLASSES else sorted(rows, key=_recall)[:SHOWN_CLASSES]
    which = "" if len(rows) == len(shown) else f", the {len(shown)} of {len(rows)} classes that it finds least of"
    say(console, f"by class, best network on test{which}:")
    name = Column("", tuple(f"  {row.name}" for row in shown), "left")
    columns = [
        Column("examples", tuple(f"{row.n_true:,}" for row in shown), always=True),
        Column("found", tuple(f"{row.n_right:,}" for row in shown), always=True),
        Column("recall", tuple(_percent(row.recall) for row in shown), always=True),
        Column("precision", tuple(_percent(row.precision) for row in shown), always=True),
    ]
    print_columns(console, (name,), name, [(one,) for one in columns])


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{100 * share:.1f} %"


def _recall(row: ByClass) -> float:
    return 2.0 if row.recall is None else row.recall


def _print_diagnosis(console: Console, found: Diagnosis) -> None:
    say(console, f"diagnosis: {VERDICTS[found.verdict]}", VERDICT_STYLES.get(found.verdict, "yellow"))
    say(console, f"  avoidable bias {_gap_text(found.bias, 'train - Bayes', 'train is no worse than Bayes')}")
    say(console, f"  variance {_gap_text(found.variance, 'dev - train', 'dev is no worse than train')}")
    for remedy in found.remedies:
        say(console, f"  - {remedy}")


def _gap_text(gap: Gap, difference: str, no_worse: str) -> str:
    """How large a gap is and whether that counts."""
    error = f"standard error {show(gap.standard_error)}" if gap.standard_error else "no known standard error"
    if gap.size < 0:
        return f"none: {no_worse} ({error})"
    if gap.level == "cannot tell" and gap.size > gap.threshold + gap.standard_error:  # of a rare class
        return f"{show(gap.size)} ({difference}, {error}): cannot tell"
    beyond = {"high": "high, above", "not high": "not high, below", "cannot tell": "cannot tell, too near to"}
    return f"{show(gap.size)} ({difference}, {error}): {beyond[gap.level]} {show(gap.threshold)}"


def _border_text(hit: BorderHit) -> str:
    side = "lower" if hit.side == "low" else "upper"
    limit = "" if hit.can_extend else ", beyond which its scale has no legal value"
    others = ", as do others of the best five" if hit.is_crowded else ""
    return f"{hit.name} {show(hit.value)} lies at the {side} end of {hit.domain.describe()}{others}{limit}"


def print_failures(console: Console, failures: Sequence[Failure], divergence: Divergence | None = None) -> None:
    """How many trials did not complete, by reason, and what those that diverged have in common."""
    if not failures:
        return
    heading(console, "Trials that did not complete")
    for failure in failures[:SHOWN_FAILURES]:
        say(console, f"{len(failure.trials)} {failure.status}: {failure.reason} ({_numbers(failure.trials)})")
    if rest := failures[SHOWN_FAILURES:]:
        n_trials = sum(len(failure.trials) for failure in rest)
        say(console, f"{n_trials} more for {len(rest)} other reasons; trials.csv has them all")
    if divergence is not None:
        for line in _divergence_lines(divergence):
            say(console, line)


def _divergence_lines(found: Divergence) -> Iterator[str]:
    """The hyperparameters of trials that diverged."""
    if (trait := found.leaning) is not None:
        share = f"{trait.n_diverged} of {counted(len(found.trials), 'diverged trial')}"
        others = f"{trait.n_others} of {found.n_others} with a score"
        relation = "" if trait.relation == "is" else f"{trait.relation} "
        on = " on" if trait.relation == "from" else ""
        yield f"{share} had {trait.name} {relation}{show(trait.value)}{on}, and {others}."
    for trial, values in zip(found.trials, found.values, strict=False):
        yield f"trial {trial} diverged with {', '.join(f'{name} {show(value)}' for name, value in values.items())}"


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
