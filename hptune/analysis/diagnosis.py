"""What a network lacks, from its errors on train, dev and test: avoidable bias, variance, an overfitted dev set.

avoidable bias = train error - Bayes error; variance = dev error - train error. Either counts as high where it is
above 0.01 and above two standard errors of the dev error: below that it may be chance. In regression an error is
the root mean square, in deviations of the training targets, and 0.01 is a hundredth of a deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from hptune.domains import show

Verdict = Literal["high bias", "high variance", "both", "neither"]

LEAST = 0.01  # a smaller gap is not worth the work
FEW_EXAMPLES = 100  # one example more or less is 0.01 of error
AGAINST_BIAS = (
    "a bigger network: more hidden_units or hidden_layers",
    "longer training: more epochs",
    "another optimizer or another architecture (activation, init)",
)
OVERFITTED = {
    False: "more than chance explains: the search has overfitted to the dev set. A bigger dev set helps.",
    True: "more than chance explains where residuals are normal: the search has overfitted to the dev set, or a few "
    "examples are far off. A bigger dev set helps.",
}
NOISE = (
    "The Bayes error is taken as 0, as if the targets had no noise that nobody can predict. "
    "Where they have, say how much: data.bayes_error, or --bayes-error."
)
AGAINST_VARIANCE = (
    "more training data, or augmentation: input_noise, and shift, flip and rotation of images",
    "regularisation: l2, dropout",
    "a smaller network or another architecture",
)


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of one network, and the sizes of the sets behind them.

    They are shares of examples misclassified or, in regression, root mean squares in deviations of the targets.
    """

    train: float  # whole set, dropout off
    dev: float
    test: float | None = None
    bayes: float = 0.0  # what nobody can beat
    n_dev: int = 0  # 0 where it is not known
    n_test: int = 0
    is_regression: bool = False
    baseline: float | None = None  # the dev error of always the same answer, the best of train

    @property
    def dev_chance(self) -> float:
        """The standard error of the dev error; 0 where the size is not known."""
        return self._chance(self.dev, self.n_dev)

    @property
    def test_chance(self) -> float:
        """The standard error of the test error; 0 where it or the size is not known."""
        return 0.0 if self.test is None else self._chance(self.test, self.n_test)

    def _chance(self, error: float, n: int) -> float:
        return _of_root_mean_square(error, n) if self.is_regression else _of_share(error, n)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Which of the gaps between the errors are large, and what helps."""

    verdict: Verdict
    bias: float  # avoidable
    variance: float
    threshold: float  # a gap counts above it
    remedies: tuple[str, ...]
    notes: tuple[str, ...]


def diagnose(errors: Errors) -> Diagnosis:
    """The verdict on a network."""
    bias, variance = errors.train - errors.bayes, errors.dev - errors.train
    threshold = max(LEAST, 2 * errors.dev_chance)
    verdict = _verdict(is_biased=bias > threshold, is_variable=variance > threshold)
    remedies: tuple[str, ...] = ()
    if verdict in ("high bias", "both"):
        remedies += AGAINST_BIAS
    if verdict in ("high variance", "both"):
        remedies += AGAINST_VARIANCE
    notes = _notes(errors)
    if errors.is_regression and not errors.bayes and bias > threshold:
        notes += (NOISE,)
    return Diagnosis(verdict, bias, variance, threshold, remedies, notes)


def _verdict(*, is_biased: bool, is_variable: bool) -> Verdict:
    if is_biased:
        return "both" if is_variable else "high bias"
    return "high variance" if is_variable else "neither"


def _of_share(share: float, n: int) -> float:
    """The standard error of a share of n examples; 0 where n is not known.

    Two successes and two failures are added (Agresti & Coull 1998): a set without errors proves no error rate of 0.
    """
    if not n:
        return 0.0
    adjusted = (share * n + 2) / (n + 4)
    return math.sqrt(adjusted * (1 - adjusted) / (n + 4))


def _of_root_mean_square(error: float, n: int) -> float:
    """The standard error of a root mean square of n residuals; 0 where n is not known.

    error / sqrt(2 n), for n squares of normal residuals follow a chi-square distribution with a relative standard
    deviation of sqrt(2 / n), and a root halves that (Kenney & Keeping 1951). It is larger where tails are heavier.
    """
    return error / math.sqrt(2 * n) if n else 0.0


def _notes(errors: Errors) -> tuple[str, ...]:
    notes = []
    if errors.baseline is not None and errors.dev >= errors.baseline:
        same = "the mean of the training targets" if errors.is_regression else "the commonest class of train"
        notes.append(
            f"No better than always answering {same}, whose dev error is {show(errors.baseline)}: nothing of use has "
            "been learned. Look at the curves (a learning rate that is too high makes them rise), at the inputs "
            "(normalize_inputs) and at the labels."
        )
    if errors.test is not None:
        gap = errors.test - errors.dev
        chance = math.hypot(errors.dev_chance, errors.test_chance)
        if gap > max(LEAST, 2 * chance):
            notes.append(f"The test error is {show(gap)} above the dev error, {OVERFITTED[errors.is_regression]}")
    if 0 < errors.n_dev < FEW_EXAMPLES:
        precision = f"each is {show(1 / errors.n_dev)} of the dev error"
        if errors.is_regression:
            precision = f"the dev error is known to within {100 / math.sqrt(2 * errors.n_dev):.0f} % of itself"
        notes.append(f"The dev set has only {errors.n_dev} examples, and {precision}: close ranks mean little.")
    return tuple(notes)
