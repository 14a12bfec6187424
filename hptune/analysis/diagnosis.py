"""What a network lacks, from its errors on train, dev and test: avoidable bias, variance, an overfitted dev set.

avoidable bias = train error - Bayes error; variance = dev error - train error. Either counts as high where it is
above 0.01 and above two standard errors of the dev error: below that it may be chance.
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
AGAINST_VARIANCE = (
    "more training data",
    "regularisation: l2, dropout",
    "a smaller network or another architecture",
)


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of one network, as shares of examples misclassified, and the sizes of the sets behind them."""

    train: float  # whole set, dropout off
    dev: float
    test: float | None = None
    bayes: float = 0.0  # what nobody can beat
    n_dev: int = 0  # 0 where it is not known
    n_test: int = 0


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
    threshold = max(LEAST, 2 * _standard_error(errors.dev, errors.n_dev))
    verdict = _verdict(is_biased=bias > threshold, is_variable=variance > threshold)
    remedies: tuple[str, ...] = ()
    if verdict in ("high bias", "both"):
        remedies += AGAINST_BIAS
    if verdict in ("high variance", "both"):
        remedies += AGAINST_VARIANCE
    return Diagnosis(verdict, bias, variance, threshold, remedies, _notes(errors))


def _verdict(*, is_biased: bool, is_variable: bool) -> Verdict:
    if is_biased:
        return "both" if is_variable else "high bias"
    return "high variance" if is_variable else "neither"


def _standard_error(share: float, n: int) -> float:
    """Of a share of n examples; 0 where n is not known.

    Two successes and two failures are added (Agresti & Coull 1998): a set without errors proves no error rate of 0.
    """
    if not n:
        return 0.0
    adjusted = (share * n + 2) / (n + 4)
    return math.sqrt(adjusted * (1 - adjusted) / (n + 4))


def _notes(errors: Errors) -> tuple[str, ...]:
    notes = []
    if errors.test is not None:
        gap = errors.test - errors.dev
        chance = math.hypot(_standard_error(errors.dev, errors.n_dev), _standard_error(errors.test, errors.n_test))
        if gap > max(LEAST, 2 * chance):
            notes.append(
                f"The test error is {show(gap)} above the dev error, more than chance explains: the search has "
                "overfitted to the dev set. A bigger dev set helps."
            )
    if 0 < errors.n_dev < FEW_EXAMPLES:
        notes.append(
            f"The dev set has only {errors.n_dev} examples, and each is {show(1 / errors.n_dev)} of the dev error: "
            "close ranks mean little."
        )
    return tuple(notes)
