"""What diverged trials have in common."""

import pytest
from made import FAILED, Made

from hptune.analysis.divergence import Leaning, divergence, fisher, leaning


def rates(*values):
    return [{"learning_rate": value, "units": 8} for value in values]


def test_a_side_of_a_value_that_chance_does_not_explain_is_named():
    diverged = rates(*(0.3 + number / 100 for number in range(9)), 0.001)
    others = rates(*(0.001 * number for number in range(2, 41)), 0.35)
    assert leaning(diverged, others) == Leaning("learning_rate", "from", 0.3, 9, 1)


def test_what_chance_explains_is_not():
    assert leaning(rates(0.3), rates(0.1, 0.2)) is None  # 1 of 3 by chance
    assert leaning(rates(0.1, 0.2, 0.3, 0.4), rates(0.15, 0.25, 0.35, 0.45)) is None
    assert leaning(rates(0.1, 0.2), []) is None


def test_words_are_traits_too_also_beside_numbers():
    diverged = [{"init": "large", "batch_size": "full"}] * 6
    others = [{"init": "he", "batch_size": 32}, {"init": "xavier", "batch_size": "full"}] * 10
    found = leaning(diverged, others)
    assert (found.name, found.relation, found.value) == ("init", "is", "large")
    assert leaning([{"batch_size": 8}] * 6, [{"batch_size": "full"}] * 9).relation in ("from", "up to")


def test_the_values_of_a_few_are_told():
    made = Made().search(0.2, FAILED, 0.3)
    found = divergence(made.snapshot, ["learning_rate", "hidden_units"])
    assert (found.trials, found.n_others, found.leaning) == ((1,), 2, None)
    assert found.values == ({"learning_rate": 0.1, "hidden_units": 2},)
    assert divergence(made.snapshot, ["hidden_units"]).values == ({"hidden_units": 2},)
    assert divergence(Made().search(0.2).snapshot, ["hidden_units"]) is None


@pytest.mark.parametrize("n", [4, 5])
def test_those_of_many_are_not(n):
    assert divergence(Made().search(*[FAILED] * n).snapshot, ["hidden_units"]).values == ()


@pytest.mark.parametrize(
    ("table", "p"),
    [  # scipy.stats.fisher_exact([[k, n - k], [others_k, n_others - others_k]], alternative="greater").pvalue
        ((6, 6, 0, 20), 4.343482604352169e-06),
        ((9, 10, 1, 40), 3.9037104852856604e-08),
    ],
)
def test_the_chance_is_that_of_fishers_exact_test(table, p):
    assert fisher(*table) == pytest.approx(p, rel=1e-6)
