"""Whether two samples look as if they came from different distributions: in their columns and in their labels.

Columns of many values (N. Smirnov, "Table for estimating the goodness of fit of empirical distributions", Annals of
Mathematical Statistics 19, 1948). With F and G the empirical distribution functions of samples of n and m values,

    D = max over x of |F(x) - G(x)|
    lambda = sqrt(n m / (n + m)) D
    p = Q(lambda) = 2 sum over k = 1, 2, ... of (-1)^(k - 1) exp(-2 k^2 lambda^2)

is the probability, for large n and m, of a distance at least as large where both come from one distribution. Small
samples made it larger than the true one wherever it was measured, so alarms are then rarer than stated.

Columns of few values, as those of 0 and 1 that a text becomes, hardly ever reach such a p: of 600 and 200 examples with
shares of 2 and of 10 %, none. There the examples up to a value and those above it, and those with a value and without
it, are compared by the exact test of R. Fisher (Statistical Methods for Research Workers, 1934): with the sums of a
table given, p is the probability of all tables that are no more probable than this one. p of the column is the smallest
one times the number of tables. It finds 91 % of the 2 and 10 %, and gives no more alarms than stated for any share and
sample.

With c columns, each p is multiplied by c (Bonferroni). The targets of regression are compared in the same way, as a
column of their own.

Labels (K. Pearson, Philosophical Magazine 50, 1900): with a_i and b_i the examples of class i in the samples,

    e_i = n (a_i + b_i) / (n + m)    f_i = m (a_i + b_i) / (n + m)
    X = sum over classes of (a_i - e_i)^2 / e_i + (b_i - f_i)^2 / f_i

is for large samples chi-square distributed with (classes - 1) degrees of freedom. Classes of which fewer than
5 examples are expected in the smaller sample are counted together (W. Cochran, Biometrics 10, 1954).

Measured over 20,000 pairs of samples of one distribution (10 to 2,000 examples, 2 to 11 classes), 0.2 to 1.0 % had a
p below 1 % by a column, and 0 to 1.3 % by their labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.dataset import Subset

LEVEL = 0.01
"""How often two samples of one distribution give an alarm: about so, in any of the columns and in labels or targets."""
FEW_VALUES = 20  # of a column; from here on Smirnov's test finds as much
PROBE = 200  # values, by which most columns are known to have many
AS_PROBABLE = 1 + 1e-7  # tables of the same probability differ in its last digits
FEWEST_EXPECTED = 5.0  # examples of a class, for the chi-square distribution to be near


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How far a column of one sample is from that of another."""

    column: int
    distance: float  # D
    p: float  # of that column alone
    corrected: float  # p times the number of columns, at most 1


@dataclass(frozen=True, slots=True)
class TargetDrift:
    """How far the targets of one sample are from those of another, in regression."""

    distance: float  # D
    p: float


@dataclass(frozen=True, slots=True)
class LabelDrift:
    """How far the shares of classes in one sample are from those in another."""

    statistic: float  # X
    freedom: int
    p: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How far two samples are from each other."""

    columns: tuple[ColumnDrift, ...]  # those that are not constant, the least alike first
    labels: LabelDrift | TargetDrift

    @property
    def alarms(self) -> tuple[ColumnDrift, ...]:
        return tuple(column for column in self.columns if column.corrected < LEVEL)

    @property
    def labels_differ(self) -> bool:
        return self.labels.p < LEVEL


def compare(one: Subset, other: Subset, classes: int) -> Drift:
    """The distances of all columns that are not constant, and that of the labels (classes 0: of the targets)."""
    varying = [c for c in range(one.x.shape[1]) if not _is_constant(one.x[:, c], other.x[:, c])]
    logs = log_factorials(len(one) + len(other))
    found = []
    for column in varying:
        distance, p = _distance(one.x[:, column], other.x[:, column], logs)
        found.append(ColumnDrift(column, distance, p, min(1.0, p * len(varying))))
    by_p = tuple(sorted(found, key=lambda drift: (drift.p, -drift.distance)))
    if not classes:
        return Drift(by_p, TargetDrift(*_distance(one.y, other.y, logs)))
    counts = [np.bincount(subset.y, minlength=classes) for subset in (one, other)]
    return Drift(by_p, label_drift(*counts))


def _distance(one: NDArray[Any], other: NDArray[Any], logs: NDArray[np.float64]) -> tuple[float, float]:
    """D and p of two samples, by the test that goes with the number of their values."""
    if (counts := _counts_of_few(one, other)) is not None:
        shares = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)
        return float(abs(shares[0] - shares[1]).max()), few_values_probability(counts, logs)
    distance = ks_distance(one, other)
    return distance, ks_probability(distance, len(one), len(other))


def _counts_of_few(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.int64] | None:
    """How many of two samples have each value (samples, values in order), or None where there are many."""
    if len(np.unique(one[:PROBE])) > FEW_VALUES:
        return None
    found = [np.unique(sample, return_counts=True) for sample in (one, other)]
    values = np.union1d(found[0][0], found[1][0])
    if len(values) > FEW_VALUES:
        return None
    counts = np.zeros((2, len(values)), np.int64)
    for row, (own, times) in zip(counts, found, strict=True):
        row[np.searchsorted(values, own)] = times
    return counts


def few_values_probability(counts: NDArray[np.int64], logs: NDArray[np.float64]) -> float:
    """How probable two samples at least as unlike are, given by their examples of each value (samples, values)."""
    sizes = (int(counts[0].sum()), int(counts[1].sum()))
    cuts = np.cumsum(counts, axis=1)[:, :-1].T  # up to a value
    alone = counts[:, 1:-1].T  # with the value; of the first and the last one it is a cut
    tables = np.concatenate([cuts, alone])
    return min(1.0, len(tables) * float(fisher(tables[:, 0], tables[:, 1], sizes, logs).min()))


def fisher(
    one: NDArray[np.int64], other: NDArray[np.int64], sizes: tuple[int, int], logs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fisher's exact p, of both sides, for each table of how many examples of two samples are of a kind.

    With K of the kind among n + m, the first sample has k of them with probability
    C(n, k) C(m, K - k) / C(n + m, K); logs are the log_factorials from 0 to n + m at least. Only k near the mean are
    looked at; others are too improbable to count.
    """
    n, m = sizes
    of_a_kind = one + other
    mean = n * of_a_kind / (n + m)
    spread = np.sqrt(mean * (1 - of_a_kind / (n + m)) * m / max(n + m - 1, 1))
    width = np.maximum(40 * spread + 50, abs(one - mean) + 1)
    low = np.maximum(0, np.maximum(of_a_kind - m, (mean - width).astype(np.int64)))
    high = np.minimum(np.minimum(n, of_a_kind), (mean + width).astype(np.int64))
    k = low[:, None] + np.arange((high - low).max() + 1)  # (tables, numbers)
    is_possible = k <= high[:, None]
    k = np.minimum(k, high[:, None])
    rest = of_a_kind[:, None] - k
    constant = logs[n] + logs[m] + logs[of_a_kind] + logs[n + m - of_a_kind] - logs[n + m]
    found = np.exp(constant[:, None] - logs[k] - logs[n - k] - logs[rest] - logs[m - rest]) * is_possible
    own = np.take_along_axis(found, (one - low)[:, None], axis=1)
    p: NDArray[np.float64] = np.where(found <= own * AS_PROBABLE, found, 0).sum(axis=1)
    return np.minimum(1.0, p)


def log_factorials(most: int) -> NDArray[np.float64]:
    """The logarithms of 0!, 1!, ... most!."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])


def _is_constant(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return bool((one == one[0]).all() and (other == one[0]).all())


def ks_distance(one: NDArray[Any], other: NDArray[Any]) -> float:
    """D, the largest difference of the empirical distribution functions."""
    first, second = np.sort(one), np.sort(other)
    values = np.concatenate([first, second])
    below_first = np.searchsorted(first, values, side="right") / len(first)
    below_second = np.searchsorted(second, values, side="right") / len(second)
    return float(abs(below_first - below_second).max())


def ks_probability(distance: float, n: int, m: int) -> float:
    """Q(lambda): how probable a distance at least as large is for samples of n and m values of one distribution."""
    squared = n * m / (n + m) * distance**2
    if squared < 0.04:  # lambda below 0.2, where Q is 1 to twelve digits and the sum slow
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * squared) for k in range(1, 50))
    return min(1.0, max(0.0, math.fsum(terms)))


def label_drift(one: NDArray[np.int64], other: NDArray[np.int64]) -> LabelDrift:
    """The chi-square statistic of two samples, given by their examples of each class."""
    counts = _pooled(np.array([one, other], float))
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    statistic = float(((counts - expected) ** 2 / expected).sum())
    freedom = counts.shape[1] - 1
    return LabelDrift(statistic, freedom, chi_square_probability(statistic, freedom))


def _pooled(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The counts (samples, classes), with rare classes counted together, and with the next rarest if still few."""
    share = counts.sum(axis=1).min() / counts.sum()
    order = np.argsort(counts.sum(axis=0))
    expected = np.cumsum(counts.sum(axis=0)[order] * share)
    is_rare = counts.sum(axis=0)[order] * share < FEWEST_EXPECTED
    rare = int(is_rare.sum())
    while 0 < rare < len(order) and expected[rare - 1] < FEWEST_EXPECTED:
        rare += 1
    if rare == 0:
        return counts
    return np.column_stack([counts[:, order[:rare]].sum(axis=1), counts[:, order[rare:]]])


def chi_square_probability(statistic: float, freedom: int) -> float:
    """The probability of a chi-square statistic at least as large, Q(freedom / 2, statistic / 2).

    Q(a + 1, x) = Q(a, x) + x^a e^-x / gamma(a + 1), from Q(1/2, x) = erfc(sqrt(x)) or Q(1, x) = e^-x upwards
    (Abramowitz and Stegun 26.4.4 and 26.4.5).
    """
    if freedom < 1 or statistic <= 0:
        return 1.0
    x = statistic / 2
    a, total = (1.0, math.exp(-x)) if freedom % 2 == 0 else (0.5, math.erfc(math.sqrt(x)))
    while a < freedom / 2:
        total += math.exp(a * math.log(x) - x - math.lgamma(a + 1))
        a += 1
    return min(1.0, total)
