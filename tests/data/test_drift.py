"""Distances between samples: by hand, against known probabilities, and how often they raise an alarm."""

import math

import numpy as np
import pytest

from hptune.data.dataset import Subset
from hptune.data.drift import (
    LEVEL,
    TargetDrift,
    chi_square_probability,
    compare,
    fisher,
    ks_distance,
    ks_probability,
    label_drift,
    log_factorials,
)

REPETITIONS = 1000


def test_distance_by_hand():
    # up to 2: three of four against one of two values; nowhere more
    assert ks_distance(np.array([1, 2, 2, 5]), np.array([2, 9])) == 0.5
    assert ks_distance(np.array([0, 0, 1]), np.array([0, 1, 1])) == pytest.approx(1 / 3)  # ties are no distance
    assert ks_distance(np.array([1, 2]), np.array([3])) == 1
    assert ks_distance(np.array([3, 1, 2]), np.array([2, 3, 1])) == 0


def test_distance_is_that_of_the_definition():
    random = np.random.default_rng(0)
    one, other = random.integers(0, 9, 40), random.integers(0, 12, 25)
    slow = max(abs(np.mean(one <= x) - np.mean(other <= x)) for x in range(12))
    assert ks_distance(one, other) == pytest.approx(slow)


@pytest.mark.parametrize(("value", "p"), [(1.2238, 0.10), (1.3581, 0.05), (1.6276, 0.01), (1.9495, 0.001)])
def test_probability_of_a_distance_is_that_of_the_tables(value, p):
    n = m = 10**6
    assert ks_probability(value / math.sqrt(n / 2), n, m) == pytest.approx(p, rel=2e-3)


def test_probability_of_a_distance_falls_from_1_to_0_without_a_jump():
    found = [ks_probability(distance, 1000, 1000) for distance in np.linspace(0, 1, 2001)]
    assert found[0] == 1
    assert found[-1] == 0
    assert max(np.diff(found)) <= 1e-9
    assert min(np.diff(found)) > -0.02


@pytest.mark.parametrize(
    ("statistic", "freedom", "p"),
    [(3.841, 1, 0.05), (6.635, 1, 0.01), (5.991, 2, 0.05), (9.210, 2, 0.01), (7.815, 3, 0.05), (16.919, 9, 0.05),
     (124.342, 100, 0.05), (0, 3, 1), (2000, 2, 0)],
)  # fmt: skip
def test_probability_of_a_statistic_is_that_of_the_tables(statistic, freedom, p):
    assert chi_square_probability(statistic, freedom) == pytest.approx(p, rel=2e-3, abs=1e-12)


def test_label_statistic_by_hand():
    # 30 of 100 and 50 of 100: expected 40 and 60 in both, 4 * 100 / 40 / ... = 2 * (100 / 40 + 100 / 60)
    drift = label_drift(np.array([30, 70]), np.array([50, 50]))
    assert drift.statistic == pytest.approx(2 * (100 / 40 + 100 / 60))
    assert drift.freedom == 1
    assert drift.p == pytest.approx(0.00389, rel=1e-2)


@pytest.mark.parametrize(
    ("one", "other", "sizes", "p"),
    [
        (12, 24, (600, 200), 7.751842089732787e-08),  # scipy.stats.fisher_exact([[12, 588], [24, 176]])
        (60, 40, (600, 200), 0.0004739981360493076),
        (300, 130, (600, 200), 0.00022700724276546622),
        (0, 3, (10, 5), 0.02197802197802198),
        (7, 1, (10, 10), 0.019766611097880447),
        (2, 2, (20, 20), 1.0),
    ],
)
def test_fishers_exact_test_is_that_of_scipy(one, other, sizes, p):
    (found,) = fisher(np.array([one]), np.array([other]), sizes, log_factorials(sum(sizes)))
    assert found == pytest.approx(p, rel=1e-9)


def test_a_column_of_0_and_1_is_compared_exactly():
    one, other = np.zeros((600, 2)), np.zeros((200, 2))
    one[:12, 0] = other[:24, 0] = 1  # 2 and 12 %
    one[::2, 1] = other[::2, 1] = 1
    first, second = compare(Subset(one, np.arange(600) % 2), Subset(other, np.arange(200) % 2), 2).columns
    assert (first.column, round(first.distance, 12)) == (0, 0.1)
    assert first.corrected == pytest.approx(2 * 7.751842089732787e-08, rel=1e-9)
    assert second.corrected == 1


@pytest.mark.parametrize(
    ("shares", "found"),  # Fisher's exact test by SciPy at the same level and correction, 2,000 pairs of 600 and 200
    [
        ((0.02, 0.10), 0.9065),
        ((0.02, 0.15), 0.9995),
        ((0.10, 0.25), 0.9675),
        ((0.10, 0.20), 0.666),
        ((0.5, 0.65), 0.7445),
    ],
)
def test_another_share_of_one_in_five_columns_is_noticed_as_often_as_by_scipy(shares, found):
    random, often = np.random.default_rng(0), 0
    for _ in range(150):
        one, other = ((random.random((n, 5)) < shares[0]).astype(float) for n in (600, 200))
        other[:, 0] = random.random(200) < shares[1]
        drift = compare(Subset(one, np.arange(600) % 2), Subset(other, np.arange(200) % 2), 2)
        often += bool(drift.alarms)
    assert often / 150 == pytest.approx(found, abs=4 * math.sqrt(found * (1 - found) / 150) + 0.01)


@pytest.mark.parametrize("share", [0.003, 0.03, 0.3])
def test_rare_columns_of_0_and_1_give_no_more_alarms_than_stated(share):
    random = np.random.default_rng(1)
    draw = lambda n: Subset((random.random((n, 200)) < share).astype(float), np.arange(n) % 2)  # noqa: E731
    assert np.mean([bool(compare(draw(1200), draw(60), 2).alarms) for _ in range(25)]) <= 0.08  # 2 of them


def test_ratings_that_move_and_one_that_becomes_common_are_noticed():
    random = np.random.default_rng(2)
    for other_shares in ([0.05, 0.1, 0.2, 0.3, 0.35], [0.14, 0.14, 0.44, 0.14, 0.14]):
        one, other = random.choice(5, (600, 1)), random.choice(5, (400, 1), p=other_shares)
        assert compare(Subset(one, np.arange(600) % 2), Subset(other, np.arange(400) % 2), 2).alarms


def test_rare_classes_are_counted_together():
    assert label_drift(np.array([100, 3, 2, 0, 2]), np.array([100, 1, 3, 2, 2])).freedom == 1
    assert label_drift(np.array([100, 80, 1]), np.array([100, 80, 0])).freedom == 1  # one alone joins the next rarest
    assert label_drift(np.array([2, 1]), np.array([2, 1])).p == 1  # too few to say anything


def alarms(draw, repetitions=REPETITIONS):
    """The shares of repetitions with an alarm in a column, and in the labels."""
    random = np.random.default_rng(7)
    drifts = [compare(*draw(random), classes=3) for _ in range(repetitions)]
    return np.mean([bool(drift.alarms) for drift in drifts]), np.mean([drift.labels_differ for drift in drifts])


def sample(random, n, *, mean=0.0, scale=1.0, shares=(0.5, 0.3, 0.2), columns=5):
    x = random.normal(size=(n, columns))
    x[:, 2] = mean + scale * x[:, 2]
    x[:, 3] = x[:, 3] > 1  # two values
    x[:, 4] = np.floor(np.exp(x[:, 4]))  # counts
    return Subset(x, random.choice(3, n, p=shares))


def at_most(share):
    """The share, and four of its standard errors."""
    return share + 4 * math.sqrt(share * (1 - share) / REPETITIONS)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (300, 100), (1000, 30), (157, 211)])
def test_samples_of_one_distribution_give_no_more_alarms_than_stated(n, m):
    columns, labels = alarms(lambda random: (sample(random, n), sample(random, m)))
    assert columns <= at_most(LEVEL)
    assert labels <= at_most(LEVEL)


def test_the_statement_is_not_empty_in_large_samples():
    def draw(random):
        return Subset(random.normal(size=(2000, 1)), random.choice(3, 2000)), Subset(
            random.normal(size=(2000, 1)), random.choice(3, 2000)
        )

    columns, labels = alarms(draw)
    assert LEVEL / 4 < columns <= at_most(LEVEL)
    assert LEVEL / 4 < labels <= at_most(LEVEL)


@pytest.mark.parametrize("change", [{"mean": 0.5}, {"scale": 2.0}, {"scale": 0.5}])
def test_a_shifted_mean_and_a_scaled_variance_are_noticed_in_their_column(change):
    random = np.random.default_rng(1)
    for _ in range(50):
        drift = compare(sample(random, 500), sample(random, 400, **change), classes=3)
        assert {column.column for column in drift.alarms} >= {2}
        assert drift.columns[0].column == 2
    columns, labels = alarms(lambda random: (sample(random, 500), sample(random, 400, **change)), 200)
    assert columns == 1
    assert labels <= 0.05


def test_a_changed_share_of_labels_is_noticed_in_the_labels_alone():
    def draw(random):
        return sample(random, 500), sample(random, 500, shares=(0.35, 0.35, 0.3))

    columns, labels = alarms(draw, 300)
    assert labels > 0.9
    assert columns <= 0.05


def targets(random, n, *, mean=0.0, scale=1.0):
    """A sample of a regression whose targets have nothing to do with its columns."""
    return Subset(random.normal(size=(n, 2)), mean + scale * np.exp(random.normal(size=n)))


def target_alarms(repetitions, sizes, **change):
    """The share of repetitions with an alarm in the targets."""
    random = np.random.default_rng(11)
    pairs = ((targets(random, sizes[0]), targets(random, sizes[1], **change)) for _ in range(repetitions))
    return np.mean([compare(*pair, classes=0).labels_differ for pair in pairs])


@pytest.mark.parametrize("sizes", [(30, 20), (300, 100), (1000, 300)])
def test_targets_of_one_distribution_give_no_more_alarms_than_stated(sizes):
    assert target_alarms(REPETITIONS, sizes) <= at_most(LEVEL)


@pytest.mark.parametrize("change", [{"mean": 0.5}, {"scale": 2.0}])
def test_targets_of_another_distribution_are_noticed(change):
    assert target_alarms(100, (500, 400), **change) == 1


def test_distance_of_targets_by_hand():
    # up to 2: three of four against one of two values, whatever the columns are
    drift = compare(Subset(np.zeros((4, 1)), np.array([1.0, 2, 2, 5])), Subset(np.zeros((2, 1)), np.array([2.0, 9])), 0)
    # of the five tables of few values that of 4 of 4 and 1 of 2 is the least probable, with 1/3
    assert drift.labels == TargetDrift(0.5, 1.0)
    assert drift.columns == ()
    assert not drift.labels_differ


def test_without_the_correction_many_columns_would_raise_false_alarms():
    random = np.random.default_rng(3)
    drifts = [
        compare(*(Subset(random.normal(size=(200, 100)), np.arange(200) % 3) for _ in range(2)), classes=3)
        for _ in range(200)
    ]
    assert np.mean([min(column.p for column in drift.columns) < LEVEL for drift in drifts]) > 0.3
    assert np.mean([bool(drift.alarms) for drift in drifts]) <= 0.04


def test_each_p_is_multiplied_by_the_number_of_columns_that_vary():
    random = np.random.default_rng(5)
    x = np.zeros((70, 6))
    x[:, 1], x[:, 4] = random.normal(size=70), random.normal(size=70)
    x[40:, 1] += 0.8
    drift = compare(Subset(x[:40], np.zeros(40, int)), Subset(x[40:], np.zeros(30, int)), classes=1)
    assert [column.column for column in drift.columns] == [1, 4]
    assert drift.columns[0].corrected == 2 * drift.columns[0].p > 0
    assert drift.columns[1].corrected == min(1, 2 * drift.columns[1].p)


def test_constant_columns_are_left_out_unless_they_differ():
    one = Subset(np.array([[1.0, 5.0, 0.0]] * 40), np.arange(40) % 2)
    other = Subset(np.array([[1.0, 6.0, 0.0]] * 40), np.arange(40) % 2)
    drift = compare(one, other, classes=2)
    assert [(column.column, column.distance) for column in drift.columns] == [(1, 1.0)]
    assert drift.alarms
