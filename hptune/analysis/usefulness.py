"""Whether a configuration has learned anything: its errors or losses beside those of always the same answer.

Where a class is rare, the share of errors hardly shows what has been learned: it is the loss that is compared, which
knows how sure the network was; and so where the search was for the lowest loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hptune.analysis.diagnosis import SURE, Errors
from hptune.domains import show
from hptune.measured import Baseline, Measured, gain_over, is_unbalanced

LOOK = (
    "Look at the curves (a learning rate that is too high makes them rise), at the inputs (normalize_inputs) and at "
    "the labels."
)


@dataclass(frozen=True, slots=True)
class Usefulness:
    """What tells whether anything has been learned."""

    metric: str  # of the search
    errors: Errors
    dev_loss: float | None  # mean over fresh seeds where there are any; None where it is not known
    baseline: Baseline
    measured: Measured | None = None  # the network on the test set
    classes: tuple[str, ...] = ()
    measured_dev: Measured | None = None  # the network on the dev set

    @property
    def by_loss(self) -> bool:
        """Whether losses are compared, not errors."""
        is_asked = self.metric.endswith("loss") or is_rare(self.baseline)
        return is_asked and not self.errors.is_regression and self.dev_loss is not None and "dev" in self.baseline.loss


def is_rare(baseline: Baseline | None) -> bool:
    """Whether a class is so rare in train that the share of errors says little."""
    if baseline is None or baseline.rarest_share is None:
        return False
    return is_unbalanced(baseline.rarest_share, 1 - baseline.error["train"])


def notes(found: Usefulness) -> tuple[str, ...]:
    """What is to be said, in words; nothing where it is clearly better than always the same answer."""
    return tuple(_notes(found))


def is_useless(found: Usefulness) -> bool:
    """Whether it is no better on dev than always the same answer."""
    if found.by_loss:
        assert found.dev_loss is not None
        return found.dev_loss >= found.baseline.loss["dev"]
    return "dev" in found.baseline.error and found.errors.dev >= found.baseline.error["dev"]


def _notes(found: Usefulness) -> Iterator[str]:
    same, baseline = _same(found), found.baseline
    if is_useless(found):
        what, level = ("loss", baseline.loss) if found.by_loss else ("error", baseline.error)
        start = f"No better than {same}, whose dev {what} is {show(level['dev'])}"
        yield f"{start}: nothing of use has been learned. {LOOK}"
        return
    chance = max(found.errors.dev_chance, found.errors.dev_deviation / found.errors.n_seeds**0.5)
    if not found.by_loss and "dev" in baseline.error and baseline.error["dev"] - found.errors.dev <= SURE * chance:
        against = f"{show(found.errors.dev)} against {show(baseline.error['dev'])}"
        yield (
            f"On dev it is better than {same} by less than {SURE} standard errors ({against}, standard error "
            f"{show(chance)}): whether anything has been learned is not certain."
        )
    if found.by_loss and found.dev_loss is not None and found.measured_dev is not None:
        gain, chance = baseline.loss["dev"] - found.dev_loss, found.measured_dev.loss_gain_error or 0.0
        if gain <= SURE * chance:
            yield (
                f"On dev it is better than {same} by less than {SURE} standard errors (loss {show(found.dev_loss)} "
                f"against {show(baseline.loss['dev'])}, standard error of the difference {show(chance)}): whether "
                "anything has been learned is not certain."
            )
    yield from _of_test(found, same)
    if found.by_loss:
        yield from _of_errors(found)


def _same(found: Usefulness) -> str:
    """Always the same answer, in words."""
    if found.errors.is_regression:
        return "always answering the mean of the training targets"
    if found.by_loss:
        return "always answering with the shares of the classes in train"
    return f"always answering {_commonest(found.baseline)}"


def _commonest(baseline: Baseline) -> str:
    name = "" if baseline.answer is None else f' ("{baseline.answer}")'
    return f"the commonest class of train{name}"


def _of_test(found: Usefulness, same: str) -> Iterator[str]:
    """Whether it is better on test by more than chance explains."""
    baseline, measured = found.baseline, found.measured
    if found.by_loss or found.errors.is_regression:
        if measured is None or measured.loss_gain is None or measured.loss_gain_error is None:
            return
        if measured.loss_gain <= SURE * measured.loss_gain_error:
            against = f"loss {show(measured.loss)} against {show(measured.loss + measured.loss_gain)}"
            yield _no_better(same, against, measured.loss_gain_error)
    elif found.errors.test is not None and "test" in baseline.error:
        gain, chance = _error_gain(found)
        if gain <= SURE * chance:
            yield _no_better(same, f"{show(found.errors.test)} against {show(baseline.error['test'])}", chance)


def _no_better(same: str, against: str, chance: float) -> str:
    return (
        f"On the test set it is no better than {same}, or by no more than chance explains: {against}, standard error "
        f"of the difference {show(chance)}."
    )


def _error_gain(found: Usefulness) -> tuple[float, float]:
    """By how much the test error is below that of always the commonest class, and the standard error of that."""
    assert found.errors.test is not None
    answer, measured = found.baseline.answer, found.measured
    if measured is not None and answer in found.classes:
        return gain_over(measured.by_class, found.classes.index(answer))
    return found.baseline.error["test"] - found.errors.test, found.errors.test_chance


def _of_errors(found: Usefulness) -> Iterator[str]:
    """That the losses are better and the errors are not."""
    errors, baseline = found.errors, found.baseline
    parts = []
    if "dev" in baseline.error and errors.dev >= baseline.error["dev"]:
        parts.append(f"dev {show(errors.dev)} against {show(baseline.error['dev'])}")
    if errors.test is not None and "test" in baseline.error:
        gain, chance = _error_gain(found)
        if gain <= SURE * chance:
            against = f"{show(errors.test)} against {show(baseline.error['test'])}"
            parts.append(f"test {against}, standard error of the difference {show(chance)}")
    if parts:
        always = f"always answering {_commonest(baseline)}"
        yield (
            f"Its dev loss is better than that of {_same(found)}; its error is not, or by no more than chance "
            f"explains, better than {always} ({'; '.join(parts)}): what is rare is seldom answered. Use the "
            "probabilities that hptune predict writes, with a threshold of your own."
        )
