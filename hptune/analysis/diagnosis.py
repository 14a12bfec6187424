"""What a configuration lacks, from its errors on train, dev and test: avoidable bias, variance, dev unlike test.

avoidable bias = train error - Bayes error; variance = dev error - train error. A gap is high where it is above 0.01 and
above two of its standard errors, both by more than one: nearer than that nobody can tell. In regression an error is the
root mean square, in deviations of the training targets, and 0.01 is a hundredth of a deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from hptune.domains import show

Level = Literal["high", "not high", "cannot tell"]
Verdict = Literal["high bias", "high variance", "both", "neither", "cannot tell"]

LEAST = 0.01  # a smaller gap is not worth the work
FEW_EXAMPLES = 100  # one example more or less is 0.01 of error
SURE = 2  # standard errors; chance alone goes beyond in one of 20 cases
BIGGER = "a bigger network: more hidden_units or hidden_layers"
LONGER = "longer training: more epochs"
OTHER = "another optimizer or another architecture (activation, init)"
AGAINST_BIAS = (BIGGER, LONGER, OTHER)
AGAINST_VARIANCE = (
    "more training data, or augmentation: input_noise, and shift, flip and rotation of images",
    "regularisation: l2, dropout",
    "a smaller network or another architecture",
    "if train and dev are not alike, as hptune check shows, data that are: that is no variance",
)
OVERFITTED = "or the search has overfitted to the dev set, which a bigger dev set helps against"
TO_BE_SURE = "to tell, more examples in the set that is small, and more seeds: hptune retest --seeds 10"
NOISE = (
    "The Bayes error is taken as 0, as if the targets had no noise that nobody can predict. "
    "Where they have, say how much: data.bayes_error, or --bayes-error."
)


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of a configuration, and the sizes of the sets behind them.

    They are shares of examples misclassified or, in regression, root mean squares in deviations of the targets. Once
    confirmed, those of train and dev are means over fresh seeds; that of test is of the one network that is kept.
    """

    train: float  # whole set, dropout off
    dev: float
    test: float | None = None
    bayes: float = 0.0  # what nobody can beat
    n_train: int = 0  # 0 where it is not known
    n_dev: int = 0
    n_test: int = 0
    is_regression: bool = False
    n_seeds: int = 1
    train_deviation: float = 0.0  # of a training, over the seeds
    dev_deviation: float = 0.0
    is_rare: bool = False  # whether a class is so rare that a share of errors says little
    is_split_here: bool = False  # whether dev and test were split off at random from one file
    still_improves: bool = True  # whether training ended while the best epochs were still to come, as far as is known

    @property
    def train_chance(self) -> float:
        """The standard error of the train error, as a measure of examples not seen; 0 where the size is not known."""
        return math.hypot(self._chance(self.train, self.n_train), self.train_deviation / math.sqrt(self.n_seeds))

    @property
    def dev_chance(self) -> float:
        """The standard error of the dev error through the choice of dev examples; 0 where the size is not known."""
        return self._chance(self.dev, self.n_dev)

    @property
    def test_chance(self) -> float:
        """The same of the test error; 0 where it or the size is not known."""
        return 0.0 if self.test is None else self._chance(self.test, self.n_test)

    def _chance(self, error: float, n: int) -> float:
        return of_root_mean_square(error, n) if self.is_regression else of_share(error, n)


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference between two errors, and whether it is large."""

    size: float
    standard_error: float
    threshold: float
    level: Level

    @classmethod
    def of(cls, size: float, standard_error: float) -> Gap:
        """The verdict on a difference: beyond the threshold by more than its own error, or not known."""
        threshold = max(LEAST, SURE * standard_error)
        level: Level = "cannot tell"
        if size > threshold + standard_error:
            level = "high"
        elif size <= threshold - standard_error:
            level = "not high"
        return cls(size, standard_error, threshold, level)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Which of the gaps between the errors are large, and what helps."""

    verdict: Verdict
    bias: Gap  # avoidable
    variance: Gap
    remedies: tuple[str, ...]
    notes: tuple[str, ...]


def diagnose(errors: Errors) -> Diagnosis:
    """The verdict on a configuration."""
    over_seeds = errors.dev_deviation / math.sqrt(errors.n_seeds)
    variance = Gap.of(errors.dev - errors.train, math.hypot(errors.train_chance, errors.dev_chance, over_seeds))
    bias = Gap.of(errors.train - errors.bayes, errors.train_chance)
    if errors.is_rare and not errors.bayes and bias.level == "high":
        bias = Gap(bias.size, bias.standard_error, bias.threshold, "cannot tell")
    remedies: tuple[str, ...] = ()
    if bias.level == "high":
        remedies += tuple(remedy for remedy in AGAINST_BIAS if remedy != LONGER or errors.still_improves)
    if variance.level == "high":
        remedies += AGAINST_VARIANCE
    if "cannot tell" in (variance.level, "" if errors.is_rare else bias.level):
        remedies += (TO_BE_SURE,)
    return Diagnosis(_verdict(bias.level, variance.level), bias, variance, remedies, tuple(_notes(errors, bias)))


def _verdict(bias: Level, variance: Level) -> Verdict:
    if bias == "high":
        return "both" if variance == "high" else "high bias"
    if variance == "high":
        return "high variance"
    return "cannot tell" if "cannot tell" in (bias, variance) else "neither"


def of_share(share: float, n: int) -> float:
    """The standard error of a share of n examples; 0 where n is not known.

    Two successes and two failures are added (Agresti & Coull 1998): a set without errors proves no error rate of 0.
    """
    if not n:
        return 0.0
    adjusted = (share * n + 2) / (n + 4)
    return math.sqrt(adjusted * (1 - adjusted) / (n + 4))


def of_root_mean_square(error: float, n: int) -> float:
    """The standard error of a root mean square of n residuals; 0 where n is not known.

    error / sqrt(2 n), for n squares of normal residuals follow a chi-square distribution with a relative standard
    deviation of sqrt(2 / n), and a root halves that (Kenney & Keeping 1951). It is larger where tails are heavier.
    """
    return error / math.sqrt(2 * n) if n else 0.0


def _notes(errors: Errors, bias: Gap) -> list[str]:
    notes = [*_of_test(errors)]
    if 0 < errors.n_dev < FEW_EXAMPLES:
        precision = f"each is {show(1 / errors.n_dev)} of the dev error"
        if errors.is_regression:
            precision = f"the dev error is known to within {100 / math.sqrt(2 * errors.n_dev):.0f} % of itself"
        notes.append(f"The dev set has only {errors.n_dev} examples, and {precision}: close ranks mean little.")
    if errors.is_rare and not errors.bayes and bias.size > bias.threshold:
        notes.append(
            "A class is rare, so that the share of errors says little about bias: look at the losses and at what is "
            "found of each class, and say what nobody can beat: data.bayes_error, or --bayes-error."
        )
    if errors.is_regression and not errors.bayes and bias.size > bias.threshold:
        notes.append(NOISE)
    return notes


def _of_test(errors: Errors) -> list[str]:
    """Whether test and dev differ by more than chance, and what may be behind that."""
    if errors.test is None:
        return []
    gap = errors.test - errors.dev
    chance = math.hypot(errors.dev_chance, errors.test_chance, errors.dev_deviation)
    if abs(gap) <= max(LEAST, SURE * chance):
        return []
    by_chance = ", more than chance explains"
    if chance:
        times = abs(gap) / chance
        one_in = f"one in {1 / math.erfc(times / math.sqrt(2)):.0f}" if times < 4 else "fewer than one in 10,000"
        by_chance = f", {times:.1f} standard errors: by chance, {one_in} would differ as much"
    if errors.is_regression:
        by_chance += " if residuals are normal, and more where some are far larger than others"
    split = ", or this split was unlucky (try another data.seed)" if errors.is_split_here else ""
    if gap < 0:
        causes = f"rows of test are in train, too (hptune check tells of both){split}"
    else:
        causes = f"rows of dev are in train, too (hptune check tells of both){split}, {OVERFITTED}"
    start = f"The test error is {show(abs(gap))} {'below' if gap < 0 else 'above'} the dev error{by_chance}."
    return [f"{start} Perhaps dev and test come from different distributions, or {causes}."]
