from __future__ import annotations

import itertools

import numpy as np
import pytest
from search.laws import KS_BOUND, N, chi_square, chi_square_bound, ks_distance

from hptune.domains import Choice, Real
from hptune.levels import Grid, LogInteger
from hptune.nn.hyperparameters import LEGAL
from hptune.randomness import Purpose, generator
from hptune.scales import LOG, ONE_MINUS
from hptune.search.random_search import anywhere as propose
from hptune.space import Parameter, SearchSpace

DOMAINS = {
    "learning_rate": Real(1e-4, 1.0, LOG),
    "beta1": Real(0.9, 0.999, ONE_MINUS),
    "dropout": Real(0.0, 0.5),
    "hidden_layers": Grid(1, 1, 3),
    "hidden_units": LogInteger(16, 64),
    "batch_size": Choice((32, 64, 128, 256)),
}
MIXED = SearchSpace(tuple(Parameter(name, domain, LEGAL[name]) for name, domain in DOMAINS.items()))
FIXED = {"optimizer": "adam"}


def drawn(number, seed=7, space=MIXED):
    return propose(space, FIXED, seed=seed, number=number)


@pytest.fixture(scope="module")
def trials():
    return [drawn(number) for number in range(N)]


def test_a_trial_depends_on_seed_number_and_space_alone():
    before = drawn(3)
    for number in range(10):
        drawn(number, seed=8)
    np.random.seed(1)  # noqa: NPY002  (the global generator must not matter)
    assert drawn(3) == before


def test_different_numbers_and_seeds_give_different_trials():
    rates = [drawn(number, seed)["learning_rate"] for number in range(100) for seed in range(5)]
    assert len(set(rates)) == 500


def test_the_order_of_the_file_changes_nothing():
    expected = [drawn(number) for number in range(5)]
    for order in itertools.islice(itertools.permutations(MIXED.parameters), 0, 720, 17):
        assert [drawn(number, space=SearchSpace(order)) for number in range(5)] == expected


def test_conditions_see_the_fixed_hyperparameters():
    rule = (("optimizer", ("adam",)),)
    space = SearchSpace((Parameter("beta1", DOMAINS["beta1"], LEGAL["beta1"], rule),))
    assert propose(space, {"optimizer": "adam"}, seed=0, number=0).keys() == {"beta1"}
    assert propose(space, {"optimizer": "momentum"}, seed=0, number=0) == {}


def test_a_parameter_without_effect_is_absent_and_changes_no_other():
    """The same space, once with conditions that always hold and once as drawn without any."""
    domains = {
        "optimizer": Choice(("adam", "momentum", "rmsprop")),
        "beta1": DOMAINS["beta1"],
        "momentum": Real(0.5, 0.9),
        "widths": Choice(("same", "64", "64-32")),
        "hidden_layers": Grid(0, 1, 3),
        "hidden_units": DOMAINS["hidden_units"],
        "dropout": DOMAINS["dropout"],
    }
    space = SearchSpace(tuple(Parameter(name, domain, LEGAL[name]) for name, domain in domains.items()))
    for number in range(200):
        units = generator(7, Purpose.SAMPLE, number).random(len(domains))
        drawn = {name: domains[name].from_unit(unit) for name, unit in zip(sorted(domains), units, strict=True)}
        has_layers = drawn["widths"] != "same" or drawn["hidden_layers"] > 0
        absent = {
            "beta1": drawn["optimizer"] != "adam",
            "momentum": drawn["optimizer"] != "momentum",
            "hidden_layers": drawn["widths"] != "same",
            "hidden_units": drawn["widths"] != "same" or drawn["hidden_layers"] == 0,
            "dropout": not has_layers,
        }
        expected = {name: value for name, value in drawn.items() if not absent.get(name)}
        assert propose(space, {}, seed=7, number=number) == expected


@pytest.mark.parametrize("name", ["learning_rate", "beta1", "dropout"])
def test_reals_of_many_trials_follow_their_law(trials, name):
    """Uniform in their own unit coordinate, and noticeably not in that of another scale."""
    values = [trial[name] for trial in trials]
    domain = DOMAINS[name]
    assert ks_distance([domain.to_unit(value) for value in values], lambda unit: unit) < KS_BOUND
    other = Real(domain.low, domain.high) if name != "dropout" else Real(0.0, 0.5, ONE_MINUS)
    assert ks_distance([other.to_unit(value) for value in values], lambda unit: unit) > 2 * KS_BOUND


@pytest.mark.parametrize("name", ["hidden_layers", "batch_size"])
def test_separate_values_of_many_trials_are_equally_likely(trials, name):
    values = sorted({trial[name] for trial in trials})
    assert len(values) == DOMAINS[name].size
    shares = dict.fromkeys(values, 1 / len(values))
    assert chi_square([trial[name] for trial in trials], shares) < chi_square_bound(len(values))


def test_log_integers_of_many_trials_follow_their_law(trials):
    total = np.log(64.5 / 15.5)
    shares = {v: np.log((v + 0.5) / (v - 0.5)) / total for v in range(16, 65)}
    assert chi_square([trial["hidden_units"] for trial in trials], shares) < chi_square_bound(49)


def test_parameters_are_uncorrelated_with_each_other_and_with_the_trial_before(trials):
    units = np.array([[DOMAINS[name].to_unit(trial[name]) for name in DOMAINS] for trial in trials])
    n = len(DOMAINS)
    together = np.corrcoef(units.T) - np.eye(n)
    assert np.abs(together).max() < 4 / np.sqrt(N)
    with_the_next = np.corrcoef(units[:-1].T, units[1:].T)[:n, n:]
    assert np.abs(with_the_next).max() < 4 / np.sqrt(N)
    assert np.corrcoef(units[:, 0], units[:, 0] + 0.05 * units[:, 1])[0, 1] > 4 / np.sqrt(N)
