"""The split: exact sizes, every class in proportion, decided by the seed and nothing else."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from hptune.data.drift import ks_distance, ks_probability
from hptune.data.split import apportion, default_fractions, split
from hptune.errors import DataError
from hptune.randomness import Purpose, generator


def names(counts):
    return tuple(f"class {i}" for i in range(len(counts)))


def labels(counts):
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize(
    ("examples", "fractions"),
    [
        (99_999, (0.6, 0.2, 0.2)),
        (100_000, (0.98, 0.01, 0.01)),
        (999_999, (0.98, 0.01, 0.01)),
        (1_000_000, (0.995, 0.0025, 0.0025)),
    ],
)
def test_default_fractions_depend_on_size(examples, fractions):
    assert default_fractions(examples) == fractions
    assert sum(fractions) == pytest.approx(1)


@st.composite
def fractions(draw):
    parts = draw(st.lists(st.integers(1, 100), min_size=2, max_size=3))
    return tuple(part / sum(parts) for part in parts)


@given(counts=st.lists(st.integers(3, 60), min_size=2, max_size=12), fractions=fractions(), seed=st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_sizes_are_exact_and_no_example_is_lost_or_used_twice(counts, fractions, seed):
    y = labels(counts)
    try:
        subsets = split(y, names(counts), fractions, seed)
    except DataError:  # a share so small that a subset is empty or train lacks a class
        assume(False)
    assert [len(subset) for subset in subsets[1:]] == [round(len(y) * fraction) for fraction in fractions[1:]]
    assert sorted(np.concatenate(subsets).tolist()) == list(range(len(y)))
    for subset in subsets:
        found = np.bincount(y[subset], minlength=len(counts))
        assert (abs(found - np.array(counts) * len(subset) / len(y)) < 1).all()
    assert np.bincount(y[subsets[0]], minlength=len(counts)).min() >= 1


@given(counts=st.lists(st.integers(1, 1000), min_size=1, max_size=40), cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)))
@example(counts=[2, 2], cuts=(0.25, 1.0))  # rounding alone gives -1 of the first class to the last subset
@settings(max_examples=300, deadline=None)
def test_apportion_is_exact_in_both_directions_and_less_than_one_off(counts, cuts):
    total = sum(counts)
    low, high = sorted(int(cut * total) for cut in cuts)
    sizes = np.array([low, high - low, total - high])
    shares = apportion(np.array(counts), sizes)
    assert shares.sum(axis=1).tolist() == counts
    assert shares.sum(axis=0).tolist() == sizes.tolist()
    assert shares.min() >= 0
    assert (abs(shares * total - np.outer(counts, sizes)) < total).all()


def test_many_small_classes_do_not_push_a_large_one_off_its_share():
    """Cutting all classes at one quantile gives the large class 2 too few here."""
    counts = np.array([1000] + [3] * 9)
    sizes = np.array([616, 206, 205])
    shares = apportion(counts, sizes)
    assert (abs(shares - np.outer(counts, sizes) / 1027) <= 1).all()


def test_classes_that_must_trade_do():
    """Largest remainders alone leave the last subset of some class more than 1 off."""
    random = np.random.default_rng(1)
    traded = 0
    for _ in range(300):
        counts = random.integers(1, 30, size=8)
        sizes = random.multinomial(counts.sum(), [0.4, 0.3, 0.3])
        rounded = np.zeros((8, 2), int)
        for column in (0, 1):
            rounded[:, column], remainder = np.divmod(counts * sizes[column], counts.sum())
            rounded[np.argsort(-remainder, kind="stable")[: sizes[column] - rounded[:, column].sum()], column] += 1
        last = counts - rounded.sum(axis=1)
        traded += (abs(last - counts * sizes[2] / counts.sum()) > 1).any()
        assert (abs(apportion(counts, sizes) - np.outer(counts, sizes) / counts.sum()) <= 1).all()
    assert traded > 10


def test_same_seed_same_split_and_another_seed_another_split():
    y = labels([50, 50])
    first, again, other = (split(y, ("a", "b"), (0.6, 0.2, 0.2), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not any(np.array_equal(one, two) for one, two in zip(first, other, strict=True))


def test_every_example_is_as_likely_to_be_in_dev_as_any_other():
    y = labels([10, 40])
    hits = np.zeros(50)
    for seed in range(400):
        hits[split(y, ("a", "b"), (0.6, 0.2, 0.2), seed)[1]] += 1
    assert abs(hits / 400 - 0.2).max() < 5 * np.sqrt(0.2 * 0.8 / 400)  # 5 standard deviations


def test_subsets_are_shuffled():
    train = split(labels([50, 50]), ("a", "b"), (0.6, 0.4), 0)[0]
    assert (np.diff(train) < 0).mean() > 0.3


def test_class_with_fewer_than_three_examples_is_named():
    with pytest.raises(DataError, match=r'"class 1" \(2\), "class 3" \(1\): add examples, merge'):
        split(labels([5, 2, 5, 1]), names(range(4)), (0.6, 0.2, 0.2), 0)


def test_subset_that_would_be_empty_is_named():
    with pytest.raises(DataError, match=r"6 examples are too few: test, a share of 0.01, is empty"):
        split(labels([3, 3]), ("a", "b"), (0.79, 0.2, 0.01), 0)


def test_class_that_train_would_lack_is_named():
    with pytest.raises(DataError, match=r'train, a share of 0.1, has none of "b"'):
        split(labels([97, 3]), ("a", "b"), (0.1, 0.9), 0)


@pytest.mark.parametrize(
    ("n", "fractions"), [(392, (0.6, 0.2, 0.2)), (101, (0.8, 0.2)), (12, (0.6, 0.2, 0.2)), (5003, (0.98, 0.01, 0.01))]
)
def test_every_part_of_the_targets_is_in_proportion(n, fractions):
    y = np.random.default_rng(0).lognormal(size=n).round(1)  # with ties
    parts = split(y, (), fractions, seed=3)
    sizes = [len(part) for part in parts]
    assert sizes[1:] == [round(n * fraction) for fraction in fractions[1:]]
    assert sorted(np.concatenate(parts)) == list(range(n))
    n_parts = min(20, *sizes)
    borders = np.sort(y)[[n * part // n_parts for part in range(1, n_parts)]]
    for part, size in zip(parts, sizes, strict=True):
        for border in borders:  # below each quantile as many as of all, but for ties and one example a part
            below, upto = (y < border).mean() * size, (y <= border).mean() * size
            assert below - n_parts <= (y[part] < border).sum() <= (y[part] <= border).sum() <= upto + n_parts
    assert all(np.array_equal(one, again) for one, again in zip(parts, split(y, (), fractions, seed=3), strict=True))
    assert not np.array_equal(parts[0], split(y, (), fractions, seed=4)[0])


def test_targets_in_proportion_never_look_as_if_from_elsewhere():
    # a plain shuffle has a p below 0.01 in 1 of 100 seeds
    y = np.random.default_rng(1).gamma(4, 5, size=392)
    for seed in range(200):
        train, dev, test = split(y, (), (0.6, 0.2, 0.2), seed)
        for one, other in ((train, dev), (dev, test)):
            assert ks_probability(ks_distance(y[one], y[other]), len(one), len(other)) > 0.5


def test_targets_are_left_to_chance_as_they_were_once():
    parts = split(np.arange(30.0), (), (0.6, 0.2, 0.2), seed=3, by_target=False)
    assert np.array_equal(np.concatenate(parts), generator(3, Purpose.SPLIT).permutation(30))
