from __future__ import annotations

import itertools
import json
import math

import pytest

from hptune.config.study_file import stage_space
from hptune.domains import Choice, Real
from hptune.legal import Legal
from hptune.levels import Grid, LogInteger
from hptune.nn.hyperparameters import LEGAL
from hptune.scales import LOG, ONE_MINUS
from hptune.space import Parameter, SearchSpace


def parameter(name, domain, **when):
    conditions = tuple((other, tuple(values)) for other, values in when.items())
    return Parameter(name, domain, LEGAL[name], conditions)


OPTIMIZER = parameter("optimizer", Choice(("adam", "momentum")))
LAYERS = parameter("hidden_layers", Grid(0, 1, 3))
BETA2 = parameter("beta2", Real(0.9, 0.999, ONE_MINUS), optimizer=["adam"])
UNITS = parameter("hidden_units", LogInteger(16, 256), hidden_layers=[1, 2])
DROPOUT = parameter("dropout", Real(0.0, 0.5), hidden_units=range(100, 257), optimizer=["adam"])
FAMILY = (OPTIMIZER, LAYERS, BETA2, UNITS, DROPOUT)

# in the order of the names: beta2, dropout, hidden_layers, hidden_units, optimizer
ALL_ACTIVE = (0.5, 0.5, 0.9, 0.99, 0.1)


def test_a_point_of_the_unit_cube_is_a_configuration():
    found = SearchSpace(FAMILY).draw(ALL_ACTIVE, {})
    assert found == {
        "optimizer": "adam",
        "hidden_layers": 2,
        "beta2": pytest.approx(0.99),
        "hidden_units": 249,  # 256.5 * (15.5 / 256.5)^0.01 = 249.4
        "dropout": 0.25,
    }
    assert list(found) == [p.name for p in FAMILY]


@pytest.mark.parametrize(
    ("units", "names"),
    [
        (ALL_ACTIVE, {"optimizer", "hidden_layers", "beta2", "hidden_units", "dropout"}),
        ((0.5, 0.5, 0.9, 0.99, 0.9), {"optimizer", "hidden_layers", "hidden_units"}),  # momentum
        ((0.5, 0.5, 0.9, 0.1, 0.1), {"optimizer", "hidden_layers", "beta2", "hidden_units"}),  # few units
        ((0.5, 0.5, 0.1, 0.99, 0.1), {"optimizer", "hidden_layers", "beta2"}),  # no layers: nor units, nor dropout
    ],
)
def test_inactive_parameters_are_absent_and_so_are_those_that_hang_on_them(units, names):
    assert SearchSpace(FAMILY).draw(units, {}).keys() == names


def test_the_order_of_the_file_changes_nothing():
    expected = SearchSpace(FAMILY).draw(ALL_ACTIVE, {})
    for order in itertools.permutations(FAMILY):
        found = SearchSpace(order).draw(ALL_ACTIVE, {})
        assert found == expected
        assert list(found) == [p.name for p in order]


def test_a_condition_may_be_on_a_fixed_hyperparameter():
    space = SearchSpace((BETA2,))
    assert space.draw([0.0], {"optimizer": "adam"}) == {"beta2": 0.9}
    assert space.draw([0.0], {"optimizer": "momentum"}) == {}
    assert space.draw([0.0], {}) == {}


def test_true_does_not_fulfil_a_condition_on_1():
    on_one = Parameter("b", Choice((5,)), Legal("int"), (("a", (1,)),))
    assert on_one.is_active({"a": 1})
    assert on_one.is_active({"a": 1.0})
    assert not on_one.is_active({"a": True})
    assert not on_one.is_active({"a": "1"})


def test_what_would_have_no_effect_is_absent_without_a_condition():
    """Units in the order of the names: batch_norm, batch_size, dropout, hidden_layers, hidden_units, widths."""
    space = SearchSpace(
        (
            parameter("hidden_units", LogInteger(16, 256)),
            parameter("dropout", Real(0.0, 0.5)),
            parameter("batch_norm", Choice((True, False))),
            parameter("hidden_layers", Grid(0, 1, 2)),
            parameter("widths", Choice(("same", "64-32"))),
            parameter("batch_size", Choice((1, 64))),
        )
    )
    for units, expected in [
        (
            (0.1, 0.9, 0.5, 0.9, 0.99, 0.1),
            {
                "batch_norm": True,
                "batch_size": 64,
                "dropout": 0.25,
                "hidden_layers": 1,
                "hidden_units": 249,
                "widths": "same",
            },
        ),
        (
            (0.1, 0.1, 0.5, 0.9, 0.99, 0.1),  # batches of one example
            {"batch_size": 1, "dropout": 0.25, "hidden_layers": 1, "hidden_units": 249, "widths": "same"},
        ),
        ((0.1, 0.9, 0.5, 0.1, 0.99, 0.1), {"batch_size": 64, "hidden_layers": 0, "widths": "same"}),
        (
            (0.1, 0.9, 0.5, 0.1, 0.99, 0.9),  # the same without layers, were it not for the widths
            {"batch_norm": True, "batch_size": 64, "dropout": 0.25, "widths": "64-32"},
        ),
    ]:
        for order in itertools.permutations(space.parameters):
            assert SearchSpace(order).draw(units, {}) == expected


def test_what_is_fixed_decides_on_effects_as_what_is_drawn():
    rates = (parameter("beta1", Real(0.9, 0.99)), parameter("momentum", Real(0.0, 0.9)))
    assert SearchSpace(rates).draw([0.0, 0.0], {"optimizer": "momentum"}) == {"momentum": 0.0}
    assert SearchSpace(rates).draw([0.0, 0.0], {}) == {"beta1": 0.9}  # beside the default optimizer
    share = SearchSpace((parameter("dropout", Real(0.0, 0.5)), parameter("widths", Choice(("same", "8")))))
    assert share.draw([0.0, 0.0], {"hidden_layers": 0}) == {"widths": "same"}
    assert share.draw([0.0, 0.9], {"hidden_layers": 0}) == {"widths": "8", "dropout": 0.0}


def test_a_condition_on_something_fixed_that_has_no_effect_does_not_hold():
    widths = parameter("widths", Choice(("same", "8")))
    l2 = parameter("l2", Real(0.0, 1.0), hidden_layers=[2])
    for order in itertools.permutations((l2, widths)):
        space = SearchSpace(order)  # units in the order l2, widths
        assert space.draw([0.5, 0.1], {"hidden_layers": 2}) == {"l2": 0.5, "widths": "same"}
        assert space.draw([0.5, 0.9], {"hidden_layers": 2}) == {"widths": "8"}


def test_too_few_coordinates_are_an_error():
    with pytest.raises(ValueError, match="argument"):
        SearchSpace(FAMILY).draw([0.5], {})


def test_what_is_searched_and_how_much_there_is():
    rate = parameter("learning_rate", Choice((0.1,), constant=True))
    assert SearchSpace((OPTIMIZER, LAYERS, rate)).size == 6
    assert SearchSpace((OPTIMIZER, LAYERS, rate)).searched == ("optimizer", "hidden_layers")
    assert SearchSpace((*FAMILY, rate)).size == math.inf


def test_a_space_survives_its_plain_form():
    rate = parameter("learning_rate", Choice((0.1,), constant=True))
    decay = parameter("learning_rate_decay", Real(1e-5, 1.0, LOG))
    l2 = parameter("l2", Grid(0.0, 0.1, 4), optimizer=["adam", "momentum"])
    epsilon = parameter("epsilon", Choice((1e-8,)), optimizer=["adam"])
    epochs = parameter("epochs", Grid(10, 5, 3))
    space = SearchSpace((*FAMILY, rate, decay, l2, epsilon, epochs))
    assert stage_space(json.dumps(space.plain())) == space
