from __future__ import annotations

import math
from dataclasses import fields

import pytest

from hptune.legal import Legal, Need
from hptune.nn.hyperparameters import DEFAULTS, LEGAL, Hyperparameters
from hptune.notations import FACTORS, WIDTHS

SHARE = Legal("real", low=0, high=1, high_open=True)
RATE = Legal("real", low=0, low_open=True)
LAYERS = Legal("int", low=0, high=100)
SWITCH = Legal("bool")
OPTIMIZER = Legal("choice", choices=("adam", "momentum"))
SIZE = Legal("int", low=1, choices=("full",))
SHAPE = Legal("choice", choices=("same",), notation=WIDTHS)


@pytest.mark.parametrize(
    ("legal", "words"),
    [
        (SHARE, "a number of at least 0 and below 1"),
        (RATE, "a number above 0"),
        (Legal("real"), "a number"),
        (Legal("real", high=2.5), "a number at most 2.5"),
        (LAYERS, "a whole number of at least 0 and at most 100"),
        (Legal("int", low=1, high=10**9), "a whole number of at least 1 and at most 1,000,000,000"),
        (OPTIMIZER, "one of adam, momentum"),
        (SWITCH, "true or false"),
        (SIZE, "a whole number of at least 1, or full"),
        (SHAPE, "same, or " + WIDTHS.description),
        (Legal("choice", notation=FACTORS), FACTORS.description),
    ],
)
def test_a_rule_is_said_in_words(legal, words):
    assert legal.describe() == words


@pytest.mark.parametrize(
    ("legal", "value", "is_legal"),
    [
        (SHARE, 0, True),
        (SHARE, 0.0, True),
        (SHARE, -0.0, True),
        (SHARE, math.nextafter(1, 0), True),
        (SHARE, 1.0, False),
        (SHARE, -5e-324, False),
        (RATE, 5e-324, True),
        (RATE, 0.0, False),
        (RATE, 1e308, True),
        (RATE, math.inf, False),
        (RATE, math.nan, False),
        (RATE, True, False),
        (RATE, "0.1", False),
        (LAYERS, 0, True),
        (LAYERS, 100, True),
        (LAYERS, 101, False),
        (LAYERS, -1, False),
        (LAYERS, 2.0, False),
        (LAYERS, False, False),
        (LAYERS, 10**400, False),
        (Legal("int"), 10**400, True),
        (SWITCH, True, True),
        (SWITCH, False, True),
        (SWITCH, 1, False),
        (SWITCH, 0.0, False),
        (SWITCH, "true", False),
        (OPTIMIZER, "adam", True),
        (OPTIMIZER, "Adam", False),
        (OPTIMIZER, True, False),
        (OPTIMIZER, 1, False),
        (SIZE, 1, True),
        (SIZE, "full", True),
        (SIZE, "half", False),
        (SIZE, "1", False),
        (SIZE, 0, False),
        (SHAPE, "same", True),
        (SHAPE, "64-32", True),
        (SHAPE, "064-32", False),  # not the one text of it
        (SHAPE, "64-0", False),
        (SHAPE, 64, False),
        (SHAPE, True, False),
    ],
)
def test_legal_values(legal, value, is_legal):
    assert legal.admits(value) is is_legal


@pytest.mark.parametrize(
    ("legal", "low", "to", "moved"),
    [
        (SHARE, 0.2, 0.1, 0.1),
        (SHARE, 0.2, 0.0, 0.0),
        (SHARE, 0.2, -1.0, 0.0),
        (RATE, 0.2, 0.1, 0.1),
        (RATE, 0.2, 0.0, 0.1),
        (RATE, 0.2, -math.inf, 0.1),
        (RATE, 5e-324, -1.0, 5e-324),  # half of it would be rounded to 0, which is not legal
        (Legal("real"), 0.2, -7.0, -7.0),
    ],
)
def test_the_lower_border_stops_at_the_limit_or_half_way_to_an_open_one(legal, low, to, moved):
    assert legal.move_low(low, to) == moved


@pytest.mark.parametrize(
    ("legal", "high", "to", "moved"),
    [
        (SHARE, 0.5, 0.75, 0.75),
        (SHARE, 0.5, 1.0, 0.75),
        (SHARE, 0.9, 3.0, 0.95),
        (SHARE, math.nextafter(1, 0), 2.0, math.nextafter(1, 0)),
        (Legal("real", high=1), 0.5, 3.0, 1),
        (RATE, 1.0, 1e300, 1e300),
    ],
)
def test_the_upper_border_stops_at_the_limit_or_half_way_to_an_open_one(legal, high, to, moved):
    assert legal.move_high(high, to) == moved


def test_a_range_does_not_hold_what_switches_off():
    assert SHARE.in_ranges is SHARE
    patience = Legal("int", low=0, high=9, low_is_off=True)
    assert patience.admits(0)
    assert [value for value in range(-1, 11) if patience.in_ranges.admits(value)] == list(range(1, 10))
    clip = Legal("real", low=0, low_is_off=True)
    assert clip.admits(0.0)
    assert not clip.in_ranges.admits(0.0)
    assert clip.in_ranges.admits(5e-324)
    assert clip.in_ranges.in_ranges == clip.in_ranges
    assert [name for name, legal in LEGAL.items() if legal.low_is_off] == ["patience", "clip_norm"]


def test_every_default_is_legal_and_every_hyperparameter_has_a_rule():
    names = [field.name for field in fields(Hyperparameters)]
    assert list(LEGAL) == names == list(DEFAULTS)
    assert all(LEGAL[name].admits(DEFAULTS[name]) for name in names)


def test_whole_numbers_have_limits_so_that_no_zoom_runs_away():
    assert all(math.isfinite(rule.low) and math.isfinite(rule.high) for rule in LEGAL.values() if rule.kind == "int")


@pytest.mark.parametrize(
    ("need", "words"),
    [
        (Need("optimizer", ("rmsprop", "adam")), "optimizer: rmsprop or adam"),
        (Need("batch_norm", (True,)), "batch_norm: true"),
        (Need("hidden_layers", (0,), other_than=True), "hidden_layers other than 0"),
    ],
)
def test_a_need_is_said_in_words(need, words):
    assert need.describe() == words
