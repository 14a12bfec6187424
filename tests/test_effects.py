from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune import effects
from hptune.domains import Choice
from hptune.effects import Possible
from hptune.levels import Grid
from hptune.nn.hyperparameters import DEFAULTS, LEGAL


@pytest.mark.parametrize(
    ("name", "beside", "expected"),
    [
        ("l2", {}, True),
        ("beta1", {}, True),
        ("beta1", {"optimizer": "rmsprop"}, False),
        ("beta2", {"optimizer": "rmsprop"}, True),
        ("init_scale", {"init": "zeros"}, False),
        ("init_scale", {"init": "large"}, True),
        ("hidden_units", {}, True),
        ("hidden_units", {"hidden_layers": 0}, False),
        ("hidden_units", {"widths": "64-32"}, False),
        ("hidden_layers", {"widths": "64-32"}, False),
        ("dropout", {"hidden_layers": 0}, False),
        ("dropout", {"hidden_layers": 0, "widths": "64-32"}, True),  # hidden_layers has no effect itself
        ("dropout", {"dropout_by_layer": "0.5 0.2"}, False),
        ("dropout_by_layer", {"hidden_layers": 0}, False),
        ("batch_norm", {}, True),
        ("batch_norm", {"batch_size": 1}, False),
        ("batch_norm", {"batch_size": "full"}, True),
        ("batch_norm_epsilon", {"batch_norm": True}, True),
        ("batch_norm_epsilon", {"batch_norm": True, "hidden_layers": 0}, False),  # nor has batch_norm
        ("batch_norm_epsilon", {}, False),
        ("learning_rate_factors", {"schedule": "manual"}, True),
        ("learning_rate_factors", {}, False),
    ],
)
def test_what_has_an_effect_beside_what(name, beside, expected):
    assert effects.has_effect(name, {**DEFAULTS, **beside}) is expected


def test_the_effective_values_of_a_trial_are_the_same_once_more():
    given = {"hidden_layers": 0, "dropout": 0.2, "batch_norm": True, "optimizer": "rmsprop", "l2": 0.5}
    found = effects.effective(given)
    assert effects.effective(found) == found
    assert found.items() >= {"hidden_layers": 0, "optimizer": "rmsprop", "l2": 0.5, "beta2": 0.999}.items()
    assert not found.keys() & {"hidden_units", "activation", "dropout", "batch_norm", "batch_norm_epsilon", "beta1"}


def test_needs_go_in_no_circle_and_name_legal_values():
    for name in LEGAL:
        for need in effects.all_needs(name):  # would not end
            assert need.name != name
            assert all(LEGAL[need.name].admits(value) for value in need.values)


@pytest.mark.parametrize(
    ("name", "domains", "fixed", "why"),
    [
        ("momentum", {}, {"optimizer": "adam"}, "optimizer: momentum, and optimizer is adam here (its default)"),
        ("momentum", {}, {"optimizer": "rmsprop"}, "optimizer: momentum, and optimizer is rmsprop here"),
        ("momentum", {"optimizer": Choice(("adam", "rmsprop"))}, {}, "and optimizer is never so here: adam, rmsprop"),
        ("momentum", {}, {}, ""),  # the optimizer may be anything
        ("momentum", {"optimizer": Choice(("adam", "momentum"))}, {}, ""),
        ("init_scale", {}, {"init": "zeros"}, "init_scale goes with init other than zeros, and here it is zeros"),
        ("dropout", {"hidden_layers": Grid(0, 1, 2)}, {"widths": "same"}, ""),
        ("dropout", {}, {"hidden_layers": 0, "widths": "same"}, "hidden_layers other than 0, and here it is 0"),
        ("batch_norm_epsilon", {}, {"batch_norm": True, "hidden_layers": 0, "widths": "same"}, "batch_norm goes with"),
        ("batch_norm", {"batch_size": Choice((1,))}, {}, "here it is 1 (a mini-batch of one example has no"),
        ("batch_norm", {"batch_size": Choice((1, "full"))}, {}, ""),
        ("hidden_units", {"widths": Choice(("same", "64"))}, {"hidden_layers": 0}, "here they never come together"),
        ("hidden_units", {"widths": Choice(("32", "64"))}, {}, "widths: same, and widths is never so here: 32, 64"),
    ],
)
def test_why_a_hyperparameter_can_have_no_effect(name, domains, fixed, why):
    found = Possible(domains, fixed).why_none(name)
    assert why in found
    assert bool(found) is bool(why)


def test_conditions_can_leave_no_effect():
    domains = {"optimizer": Choice(("adam", "momentum", "rmsprop"))}
    assert Possible(domains, {}).can_have_effect("beta2", (("optimizer", ("adam", "momentum")),))
    assert not Possible(domains, {}).can_have_effect("beta2", (("optimizer", ("momentum",)),))
    assert Possible(domains, {}).can_have_effect("beta2", (("hidden_layers", (0,)),))
    layers = {"hidden_layers": Grid(0, 1, 4), "widths": Choice(("same", "8"))}
    assert not Possible(layers, {}).can_have_effect("dropout", (("hidden_layers", (0,)), ("widths", ("same",))))
    assert Possible(layers, {}).can_have_effect("dropout", (("hidden_layers", (0, 3)),))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ((("schedule", ("manual",)),), False),
        ((("schedule", ("manual", "sqrt")),), False),
        ((("optimizer", ("adam",)),), True),
        ((("optimizer", ("adam", "momentum")),), False),
        ((("schedule", ("manual",)), ("beta1", (0.9,))), True),  # with momentum it has no effect, and so does not hold
    ],
)
def test_conditions_can_leave_out_trials_that_need_it(when, expected):
    domains = {"optimizer": Choice(("adam", "momentum")), "schedule": Choice(("manual", "sqrt"))}
    assert Possible(domains, {"beta1": 0.9}).can_be_missed("learning_rate_factors", when) is expected


def test_what_is_required_has_no_effect_by_default():
    required = [name for name, legal in LEGAL.items() if legal.required]
    assert required
    assert not any(effects.has_effect(name, DEFAULTS) for name in required)


VALUES = {
    "widths": ["same", "8", "8-4"],
    "dropout_by_layer": ["same", "0.5"],
    "hidden_layers": [0, 1, 2],
    "batch_size": [1, 2, "full"],
    "batch_norm": [False, True],
    "init": ["zeros", "he", "auto"],
    "optimizer": ["adam", "momentum", "rmsprop"],
    "schedule": ["manual", "constant"],
}


@st.composite
def studies(draw):
    """Some hyperparameters drawn from choices, the others fixed."""
    domains, fixed = {}, {}
    for name, values in VALUES.items():
        if draw(st.booleans()):
            domains[name] = Choice(tuple(draw(st.lists(st.sampled_from(values), min_size=1, unique=True))))
        else:
            fixed[name] = draw(st.sampled_from(values))
    when = draw(st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(1, 3), max_size=2))
    return domains, fixed, tuple((name, tuple(VALUES[name][:n])) for name, n in when.items())


@settings(deadline=None)
@given(studies(), st.sampled_from(sorted(name for name in LEGAL if LEGAL[name].only_with)))
def test_what_can_have_an_effect_is_what_has_one_in_some_configuration(study, name):
    """All configurations are tried, where can_have_effect looks only at values that rules tell apart."""
    domains, fixed, when = study
    names = {need.name for need in effects.all_needs(name)}
    options = [domains[n].values if n in domains else (fixed[n],) for n in VALUES]
    configurations = [dict(zip(VALUES, values, strict=True)) for values in itertools.product(*options)]
    held = [c for c in configurations if all(c[n] in values for n, values in when if n in names)]
    assert Possible(domains, fixed).can_have_effect(name) is any(effects.has_effect(name, c) for c in configurations)
    assert Possible(domains, fixed).can_have_effect(name, when) is any(effects.has_effect(name, c) for c in held)
    assert bool(Possible(domains, fixed).why_none(name)) is not Possible(domains, fixed).can_have_effect(name)


def test_values_that_no_need_tells_apart_are_one():
    """A study file of ten kilobytes can name hundreds of values of each; their combinations are not gone through."""
    sizes, layers = tuple(range(1, 400)), tuple(range(101))
    domains = {"batch_size": Choice(sizes), "hidden_layers": Choice(layers), "batch_norm": Choice((True, False))}
    when = (("batch_norm", (False,)), ("batch_size", sizes), ("hidden_layers", layers))
    possible = Possible(domains, {"widths": "same"})
    assert len(list(possible._combinations(effects.all_needs("batch_norm_momentum"), when))) <= 8
    assert not possible.can_have_effect("batch_norm_momentum", when)
    assert possible.can_have_effect("batch_norm_momentum", when[1:])
