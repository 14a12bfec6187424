from __future__ import annotations

import json
import math

import pytest
from any_domains import choices, grids, levels, ranges
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hptune.config.study_file import stage_space
from hptune.domains import Choice, Real
from hptune.errors import UsageError
from hptune.legal import Legal
from hptune.levels import FAR, Grid, LogInteger
from hptune.nn.hyperparameters import LEGAL
from hptune.scales import LINEAR, LOG, ONE_MINUS
from hptune.search.random_search import anywhere as propose
from hptune.search.zoom import BORDER, FACTOR, Around, around, border, enclosing, extended, n_best
from hptune.space import Parameter, SearchSpace

ALMOST_1 = math.nextafter(1, 0)
EXTENDED_LOW, EXTENDED_HIGH = (f"extended: the trial lies at the {side} end" for side in ("lower", "upper"))
BEYOND = "beyond which its scale has no legal value"
LIMIT_LOW, LIMIT_HIGH = (f"the trial lies at the {side} end, {BEYOND}" for side in ("lower", "upper"))


def zoomed(name, domain, centre, factor=FACTOR, best=()):
    """One parameter's new domain and note."""
    space = SearchSpace((Parameter(name, domain, LEGAL[name]),))
    found = around(space, {name: centre}, [{name: value} for value in best], factor)
    assert found.space.parameters[0].domain == found.changes[0].new
    return found.changes[0].new, found.changes[0].note


def boxed(name, domain, values):
    return enclosing(SearchSpace((Parameter(name, domain, LEGAL[name]),)), [{name: v} for v in values]).changes[0].new


# by hand


@pytest.mark.parametrize(
    ("name", "domain", "centre", "low", "high"),
    [
        ("dropout", Real(0.0, 0.5), 0.25, 0.125, 0.375),
        ("dropout", Real(0.0, 0.5), 0.1, 0.0, 0.225),  # clipped: 0.1 is not in the outer 5 %
        ("dropout", Real(0.0, 0.5), 0.45, 0.325, 0.5),
        ("learning_rate", Real(1e-4, 1.0, LOG), 1e-2, 1e-3, 1e-1),  # two of four decades
        ("learning_rate", Real(1e-4, 1.0, LOG), 1e-1, 1e-2, 1.0),
        ("beta1", Real(0.9, 0.999, ONE_MINUS), 0.99, 1 - 10**-1.5, 1 - 10**-2.5),  # one of two decades of 1 - beta
        ("beta1", Real(0.0, 0.9999, ONE_MINUS), 0.99, 0.9, 0.999),
    ],
)
def test_reals_are_narrowed_to_half_of_their_range_on_their_scale(name, domain, centre, low, high):
    new, note = zoomed(name, domain, centre)
    assert (new.low, new.high) == pytest.approx((low, high), rel=1e-12)
    assert (new.scale, note) == (domain.scale, "")


@pytest.mark.parametrize(
    ("name", "domain", "centre", "low", "high", "note"),
    [
        ("learning_rate", Real(1e-4, 1.0, LOG), 1.0, 1e-1, 1e1, EXTENDED_HIGH),
        ("learning_rate", Real(1e-4, 1.0, LOG), 1e-4, 1e-5, 1e-3, EXTENDED_LOW),
        ("learning_rate", Real(0.1, 1.0), 0.1, 0.05, 0.325, EXTENDED_LOW),  # half-way to 0, which is not legal
        ("dropout", Real(0.0, 0.5), 0.5, 0.375, 0.625, EXTENDED_HIGH),
        ("dropout", Real(0.0, 0.9), 0.9, 0.675, 0.95, EXTENDED_HIGH),  # half-way to 1
        ("dropout", Real(0.0, 0.5), 0.01, 0.0, 0.135, LIMIT_LOW),
        ("l2", Real(0.0, 1.0), 0.0, 0.0, 0.25, LIMIT_LOW),
        ("beta1", Real(0.9, 0.999, ONE_MINUS), 0.999, 1 - 10**-2.5, 1 - 10**-3.5, EXTENDED_HIGH),
        ("beta1", Real(0.9, 0.999, ONE_MINUS), 0.9, 1 - 10**-0.5, 1 - 10**-1.5, EXTENDED_LOW),
        ("beta1", Real(0.5, 0.999, ONE_MINUS), 0.5, 0.0, 1 - 0.5 * 0.002**0.25, EXTENDED_LOW),  # it would be -1.4
        ("beta1", Real(0.0, 0.99, ONE_MINUS), 0.0, 0.0, 1 - 10**-0.5, LIMIT_LOW),
        ("beta1", Real(0.99, ALMOST_1, ONE_MINUS), ALMOST_1, 1 - (0.01**0.25 * 2 ** -(53**0.75)), ALMOST_1, None),
    ],
)
def test_reals_are_extended_on_the_side_of_the_centre_as_far_as_is_legal(name, domain, centre, low, high, note):
    new, said = zoomed(name, domain, centre)
    if note is not None:
        assert (new.low, new.high) == pytest.approx((low, high), rel=1e-12)
        assert said == note
    assert new.high <= ALMOST_1 or domain.scale is not ONE_MINUS
    assert LEGAL[name].admits(new.low)
    assert LEGAL[name].admits(new.high)


def test_the_factor_is_the_share_of_the_range_that_stays():
    for factor in (0.1, 0.25, 0.5, 0.9):
        new, _ = zoomed("learning_rate", Real(1e-8, 1.0, LOG), 1e-4, factor)
        assert math.log10(new.high / new.low) == pytest.approx(8 * factor)


def test_a_small_factor_extends_too():
    """At 4 % of the range a box of 2 % would lie inside the border, and still the border is where to look."""
    new, note = zoomed("learning_rate", Real(1.0, 2.0), 1.04, factor=0.02)
    assert (new.low, new.high) == pytest.approx((1 - BORDER, 1.05))
    assert note == EXTENDED_LOW


def test_just_inside_of_the_border_is_clipped_and_not_extended():
    domain = Real(1.0, 2.0)
    assert zoomed("learning_rate", domain, 1.0501)[0].low == 1.0
    assert zoomed("learning_rate", domain, 1.0499)[0].low < 1.0
    assert zoomed("learning_rate", domain, 1.9499)[0].high == 2.0
    assert zoomed("learning_rate", domain, 1.9501)[0].high > 2.0


@pytest.mark.parametrize(
    ("name", "domain", "centre", "low", "high", "note"),
    [
        ("epochs", Grid(10, 1, 41), 30, 20, 40, ""),
        ("epochs", Grid(10, 10, 9), 50, 30, 70, ""),
        ("epochs", Grid(10, 10, 9), 20, 10, 40, ""),
        ("epochs", Grid(10, 10, 9), 10, 10, 30, LIMIT_LOW),  # 0 epochs are not legal
        ("epochs", Grid(10, 10, 9), 90, 70, 110, EXTENDED_HIGH),
        ("epochs", Grid(10, 1, 41), 10, 1, 20, EXTENDED_LOW),  # 41 levels, ten of them below: to 0, but 1 is legal
        ("hidden_layers", Grid(1, 1, 3), 2, 1, 3, "kept: it cannot be narrower"),
        ("hidden_layers", Grid(1, 1, 3), 1, 0, 2, EXTENDED_LOW),
        ("hidden_layers", Grid(1, 1, 3), 3, 2, 4, EXTENDED_HIGH),
        ("hidden_layers", Grid(0, 1, 5), 0, 0, 2, LIMIT_LOW),  # three levels, though the box holds two
        ("hidden_layers", Grid(0, 1, 2), 0, 0, 1, LIMIT_LOW),  # no room for three
        ("hidden_layers", Grid(0, 1, 2), 1, 0, 2, EXTENDED_HIGH),
        ("hidden_layers", Grid(90, 1, 11), 100, 98, 100, LIMIT_HIGH),
        ("hidden_units", LogInteger(16, 256), 64, 32, 129, ""),
        ("hidden_units", LogInteger(16, 256), 16, 8, 32, EXTENDED_LOW),
        ("hidden_units", LogInteger(16, 256), 256, 127, 516, EXTENDED_HIGH),
        ("hidden_units", LogInteger(1, 64), 1, 1, 3, LIMIT_LOW),
        ("hidden_units", LogInteger(10, 12), 11, 10, 12, "kept: it cannot be narrower"),
        ("hidden_units", LogInteger(99_000, 100_000), 100_000, 99_749, 100_000, LIMIT_HIGH),
        ("hidden_units", LogInteger(1, 2), 2, 1, 3, EXTENDED_HIGH),
        ("dropout", Grid(0.0, 0.1, 6), 0.3, 0.2, 0.4, ""),
        ("dropout", Grid(0.0, 0.1, 6), 0.5, 0.4, 0.6, EXTENDED_HIGH),
        ("dropout", Grid(0.1, 0.3, 3), 0.7, 0.1, 0.7, LIMIT_HIGH),  # the next one is 1.0, which is not legal
        ("dropout", Grid(0.1, 0.1, 6), 0.1, 0.0, 0.2, EXTENDED_LOW),
    ],
)
def test_levels_by_hand(name, domain, centre, low, high, note):
    new, said = zoomed(name, domain, centre)
    assert (new.low, new.high, said) == (low, high, note)
    assert type(new) is type(domain)
    assert new.step == domain.step


@pytest.mark.parametrize(
    ("name", "domain", "centre", "low", "high", "note"),
    [
        ("patience", Grid(3, 1, 11), 3, 1, 5, EXTENDED_LOW),  # 11 levels, three of them below: to 0, which is off
        ("patience", Grid(5, 5, 4), 5, 5, 15, LIMIT_LOW),
        ("patience", Grid(0, 1, 11), 0, 0, 2, LIMIT_LOW),  # of a run that was started when that was taken
        ("clip_norm", Real(1.0, 9.0), 1.0, 0.5, 3.0, EXTENDED_LOW),  # half-way to 0
        ("clip_norm", Grid(1.0, 1.0, 9), 1.0, 1.0, 3.0, LIMIT_LOW),
        ("clip_norm", Real(0.0, 8.0), 0.0, 0.0, 2.0, LIMIT_LOW),
    ],
)
def test_no_range_is_extended_to_what_switches_off(name, domain, centre, low, high, note):
    space = stage_space(json.dumps({name: domain.plain()}))
    assert space.parameters[0].domain == domain
    (change,) = around(space, {name: centre}, [], FACTOR).changes
    assert (change.new.low, change.new.high, change.note) == (low, high, note)


def test_choices_stay_where_they_occur_among_the_best():
    domain = Choice((16, 32, 64, 128))
    assert zoomed("batch_size", domain, 64, best=[16, 64, 16]) == (Choice((16, 64)), "")
    assert zoomed("batch_size", domain, 64, best=[]) == (Choice((64,)), "")
    constant = Choice((64,), constant=True)
    assert zoomed("batch_size", constant, 64, best=[32]) == (constant, "")


@pytest.mark.parametrize("factor", [0, 1, -0.5, 1.5, math.nan, math.inf])
def test_a_factor_that_does_not_narrow_is_refused(factor):
    with pytest.raises(UsageError, match="--factor: expected a number above 0 and below 1"):
        zoomed("dropout", Real(0.0, 0.5), 0.25, factor)


def test_a_parameter_that_the_trial_does_not_have_is_kept():
    space = SearchSpace((Parameter("beta1", Real(0.9, 0.999, ONE_MINUS), LEGAL["beta1"]),))
    found = around(space, {}, [{"beta1": 0.95}], 0.5)
    assert found.space == space
    assert found.changes[0].note == "kept: the trial does not have it"
    assert enclosing(space, [{}]).changes[0].note == "kept: none of the trials has it"


# ends moved out


@pytest.mark.parametrize(
    ("name", "domain", "side", "share", "low", "high"),
    [
        ("learning_rate", Real(1e-4, 1.0, LOG), "low", 0.5, 1e-6, 1.0),  # two of four decades
        ("learning_rate", Real(1e-4, 1.0, LOG), "high", 0.5, 1e-4, 100.0),
        ("beta1", Real(0.9, 0.999, ONE_MINUS), "high", 0.5, 0.9, 0.9999),
        ("beta1", Real(0.9, 0.999, ONE_MINUS), "low", 0.5, 0.0, 0.999),  # 1 - beta would be 1
        ("dropout", Real(0.0, 0.5), "low", 0.5, 0.0, 0.5),
        ("dropout", Real(0.0, 0.5), "high", 0.5, 0.0, 0.75),
        ("dropout", Real(0.0, 0.8), "high", 0.5, 0.0, 0.9),  # half-way to 1
        ("clip_norm", Real(1.0, 9.0), "low", 0.5, 0.5, 9.0),  # half-way to 0, which is off
        ("hidden_units", LogInteger(16, 256), "high", 0.5, 16, 1043),  # 256.5 sqrt(256.5 / 15.5) is 1043.4
        ("hidden_units", LogInteger(16, 256), "low", 0.5, 4, 256),  # 15.5 sqrt(15.5 / 256.5) is 3.8
        ("hidden_units", LogInteger(1, 64), "low", 0.5, 1, 64),
        ("hidden_units", LogInteger(99_000, 99_900), "high", 0.5, 99_000, 100_000),
        ("hidden_units", LogInteger(5, 6), "high", 0.5, 5, 7),
        ("hidden_layers", Grid(1, 1, 3), "high", 0.5, 1, 5),
        ("hidden_layers", Grid(1, 1, 3), "low", 0.5, 0, 3),
        ("patience", Grid(3, 1, 11), "low", 0.5, 1, 13),
        ("patience", Grid(5, 5, 4), "low", 0.5, 5, 20),
        ("dropout", Grid(0.1, 0.1, 6), "high", 0.1, 0.1, 0.7),
        ("input_noise", Grid(0.0, 0.1, 30), "high", 0.1, 0.0, 3.2),
    ],
)
def test_an_end_moves_out_as_far_as_is_legal(name, domain, side, share, low, high):
    new = extended(domain, side, share, LEGAL[name].in_ranges)
    assert (new.low, new.high) == pytest.approx((low, high), rel=1e-12, abs=1e-15)
    assert (new == domain) == ((low, high) == (domain.low, domain.high))


def test_choices_have_no_ends():
    domain = Choice((8, 16, 32))
    assert extended(domain, "high", 0.5, LEGAL["batch_size"]) is domain


def ends(domain, side):
    """The end on a side, so that more of it lies further out."""
    return -domain.low if side == "low" else domain.high


@given(
    ranges,
    st.sampled_from(["low", "high"]),
    st.tuples(st.floats(0.01, 2), st.floats(0.01, 2)),
    st.floats(0, 2),
)
def test_an_end_moves_out_more_with_a_larger_share_and_never_past_a_limit(domain, side, shares, room):
    whole = isinstance(domain.low, int)
    far = max(abs(domain.low), abs(domain.high), 1) * (1 + room)
    assume(math.isfinite(far))
    low, high = (math.floor(-far), math.ceil(far)) if whole else (-far, far)
    if domain.scale is LOG and whole:
        low = 1
    elif not domain.step:
        low, high = max(low, domain.scale.lowest), min(high, domain.scale.highest)
    legal = Legal("int" if whole else "real", low=low, high=high)
    less, more = (extended(domain, side, share, legal) for share in sorted(shares))
    assert ends(domain, side) <= ends(less, side) <= ends(more, side)
    other = "high" if side == "low" else "low"
    assert ends(domain, other) == ends(less, other) == ends(more, other)
    assert low <= more.low < more.high <= high
    assert all(more.contains(domain.from_unit(unit)) for unit in (0.0, 0.5, 1.0))


@given(grids(), st.sampled_from(["low", "high"]), st.integers(1, 128))
def test_a_grid_grows_by_that_share_of_its_levels(domain, side, parts):
    new = extended(domain, side, parts / 64, Legal("real"))
    assume(max(abs(new.low), abs(new.high)) < FAR / 2 * domain.step)
    assert new.count - domain.count == (parts * domain.count + 32) // 64  # rounded, a half up


@given(levels, st.sampled_from(["low", "high"]))
def test_half_of_a_range_is_a_level_at_least(domain, side):
    assume(FAR / 4 > domain.high / domain.step > domain.low / domain.step > 1)
    legal = Legal("int" if isinstance(domain.low, int) else "real", low=0)
    assert extended(domain, side, 0.5, legal).size > domain.size


@given(st.one_of(ranges, choices), st.floats(0, 1))
def test_a_value_lies_on_a_border_in_the_outer_share_of_a_range_or_as_its_outermost_level(domain, unit):
    value = domain.from_unit(unit)
    place = domain.to_unit(value)
    if domain.scale is None:
        assert border(domain, value) is None
    elif value == domain.low or place < BORDER:
        assert border(domain, value) == "low"
    else:
        is_high = value == domain.high or place > 1 - BORDER
        assert border(domain, value) == ("high" if is_high else None)


# the box of the best


@pytest.mark.parametrize(
    ("name", "domain", "values", "low", "high"),
    [
        ("learning_rate", Real(1e-4, 1.0, LOG), [1e-3, 1e-1, 1e-2], 1e-3, 1e-1),
        ("dropout", Real(0.0, 0.5), [0.2, 0.2], 0.1875, 0.2125),  # 5 % of the range, never a point
        ("dropout", Real(0.0, 0.5), [0.0], 0.0, 0.0125),
        ("dropout", Real(0.2, 0.5), [0.1, 0.3], 0.1, 0.3),  # 0.1 is from a stage that was extended
        ("dropout", Real(0.2, 0.5), [0.7, 0.7], 0.6925, 0.7),
        ("hidden_units", LogInteger(16, 256), [20, 40], 20, 40),
        ("hidden_units", LogInteger(16, 256), [20], 19, 21),
        ("hidden_units", LogInteger(16, 256), [16], 16, 18),
        ("hidden_units", LogInteger(16, 256), [8, 300], 8, 300),
        ("hidden_units", LogInteger(16, 256), [300], 298, 300),
        ("epochs", Grid(10, 10, 9), [90, 20], 20, 90),
        ("epochs", Grid(10, 10, 9), [50], 40, 60),
        ("epochs", Grid(30, 10, 3), [10, 90], 10, 90),
        ("hidden_layers", Grid(0, 1, 2), [1], 0, 1),
        ("dropout", Grid(0.1, 0.1, 3), [0.0, 0.5], 0.0, 0.5),
    ],
)
def test_the_box_of_the_best_by_hand(name, domain, values, low, high):
    new = boxed(name, domain, values)
    assert (new.low, new.high) == pytest.approx((low, high), rel=1e-12)


def test_the_box_of_the_best_has_their_choices_also_those_of_another_stage():
    assert boxed("batch_size", Choice((16, 32, 64)), [64, 16, 64]) == Choice((16, 64))
    assert boxed("batch_size", Choice((16, 32)), [128, 32, 64]) == Choice((32, 128, 64))


# conditions


def conditional(optimizers=("adam", "momentum")):
    return SearchSpace(
        (
            Parameter("optimizer", Choice(optimizers), LEGAL["optimizer"]),
            Parameter("momentum", Real(0.5, 0.99), LEGAL["momentum"], (("optimizer", ("momentum",)),)),
            Parameter("hidden_layers", Grid(0, 1, 9), LEGAL["hidden_layers"]),
            Parameter("dropout", Real(0.0, 0.5), LEGAL["dropout"], (("hidden_layers", (7, 8)),)),
        )
    )


def test_a_condition_that_is_narrowed_away_stays_in_the_space_and_is_said():
    found = around(conditional(), {"optimizer": "adam", "hidden_layers": 3}, [], 0.5)
    notes = {change.name: change.note for change in found.changes}
    assert notes["momentum"] == "no part in it: optimizer is never momentum"
    assert notes["dropout"] == "no part in it: hidden_layers is never 7 or 8"
    again = stage_space(json.dumps(found.space.plain()))
    assert again == found.space
    drawn = [propose(again, {}, seed=0, number=n).keys() for n in range(50)]
    assert all(names == {"optimizer", "hidden_layers"} for names in drawn)


def test_what_a_parameter_needs_is_no_condition_of_the_file_and_is_said_as_well():
    domains = {
        "optimizer": Choice(("adam", "momentum")),
        "momentum": Real(0.5, 0.99),
        "widths": Choice(("same", "8")),
        "hidden_layers": Choice((0, 1)),
        "dropout": Real(0.0, 0.5),
    }
    space = SearchSpace(tuple(Parameter(name, domain, LEGAL[name]) for name, domain in domains.items()))
    centre = {"optimizer": "adam", "widths": "same", "hidden_layers": 0}
    alone = {change.name: change.note for change in around(space, centre, [], 0.5).changes}
    assert alone["momentum"] == ("no part in it: momentum goes with optimizer: momentum, and optimizer is adam here")
    assert alone["dropout"] == ("no part in it: dropout goes with hidden_layers other than 0, and here it is 0")
    beside = {"optimizer": "momentum", "momentum": 0.9, "widths": "8", "dropout": 0.1}
    kept = {change.name: change.note for change in around(space, centre, [beside], 0.5).changes}
    assert kept["momentum"] == kept["dropout"] == "kept: the trial does not have it"
    assert stage_space(json.dumps(space.plain())) == space


def test_what_was_narrowed_away_comes_back_with_a_later_box():
    narrow = around(conditional(), {"optimizer": "adam", "hidden_layers": 3}, [], 0.5).space
    best = [{"optimizer": "adam", "hidden_layers": 3}, {"optimizer": "momentum", "momentum": 0.9, "hidden_layers": 8}]
    found = enclosing(narrow, best)
    assert all(change.note != "no part in it: optimizer is never momentum" for change in found.changes)
    drawn = [propose(found.space, {}, seed=0, number=n) for n in range(50)]
    assert any("momentum" in trial for trial in drawn)


# --around


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("best", Around()),
        ("0", Around(number=0)),
        ("17", Around(number=17)),
        ("007", Around(number=7)),
        ("top:5", Around(top=5)),
    ],
)
def test_what_to_zoom_in_on(text, expected):
    assert Around.parse(text) == expected


@pytest.mark.parametrize("text", ["", "Best", "top", "top:", "top:0", "top:-1", "-1", "1.5", "top:1e3", "٣", "1" * 10])
def test_anything_else_is_refused_in_words(text):
    with pytest.raises(UsageError) as caught:
        Around.parse(text)
    assert str(caught.value) == f'--around: expected best, a trial\'s number, or top:K as in top:5, found "{text}"'


def test_the_best_tenth_and_at_least_three_decide_on_choices():
    assert [n_best(n) for n in (1, 10, 30, 31, 60, 1000)] == [3, 3, 3, 4, 6, 100]


# repeated, anywhere


FREE = Legal("real")
ORDINALS = {
    "learning_rate": st.one_of(
        st.tuples(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300)).map(lambda b: Real(min(b), max(b), LOG)),
        st.tuples(st.floats(5e-324, LINEAR.highest), st.floats(5e-324, LINEAR.highest)).map(
            lambda b: Real(min(b), max(b))
        ),
        st.just(Real(5e-324, 1e-323, LOG)),
        st.just(Real(1e308, 1.7e308, LOG)),
        st.builds(lambda low, n: Grid(low, 1, n), st.integers(1, 50), st.integers(2, 10**6)),
    ),
    "beta1": st.one_of(
        st.tuples(st.floats(0, ALMOST_1), st.floats(0, ALMOST_1)).map(lambda b: Real(min(b), max(b), ONE_MINUS)),
        st.tuples(st.floats(0, ALMOST_1), st.floats(0, ALMOST_1)).map(lambda b: Real(min(b), max(b))),
        st.just(Real(math.nextafter(ALMOST_1, 0), ALMOST_1, ONE_MINUS)),
    ),
    "dropout": st.builds(lambda low, n: Grid(low / 100, 0.01, n), st.integers(0, 30), st.integers(2, 60)),
    "hidden_layers": st.builds(lambda low, n: Grid(low, 1, n), st.integers(0, 50), st.integers(2, 50)),
    "hidden_units": st.builds(lambda low, n: LogInteger(low, low + n), st.integers(1, 50_000), st.integers(1, 50_000)),
    "epochs": st.builds(Grid, st.integers(1, 9), st.integers(1, 99), st.integers(2, 99)),
    "batch_size": st.lists(st.integers(1, 20), min_size=1, max_size=6, unique=True).map(lambda v: Choice(tuple(v))),
}


@st.composite
def spaces(draw):
    names = draw(st.lists(st.sampled_from(sorted(ORDINALS)), min_size=1, max_size=4, unique=True))
    domains = {name: draw(ORDINALS[name]) for name in names}
    for domain in domains.values():
        assume(domain.scale is None or domain.scale.tells_apart(domain.low, domain.high))
    return SearchSpace(tuple(Parameter(name, domain, LEGAL[name]) for name, domain in domains.items()))


corner = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-9, BORDER, 0.5, 1 - BORDER, 1.0]))
factors = st.one_of(st.floats(0.01, 0.99), st.sampled_from([1e-300, 1e-15, FACTOR, 1 - 1e-15]))


def holds(domain, value):
    return domain.contains(value)


def is_sound(old, new, centre, legal):
    """Legal, loadable, holding the centre, at least three levels where there is room, extended on one side at most."""
    assert holds(new, centre)
    if new.scale is None:
        assert set(new.values) <= set(old.values)
        return
    side = border(old, centre)
    assert new.low < new.high
    assert legal.admits(new.low)
    assert legal.admits(new.high)
    assert side == "low" or new.low >= old.low
    assert side == "high" or new.high <= old.high
    assert side != "low" or new.low <= old.low
    assert side != "high" or new.high >= old.high
    if not new.step:
        assert new.scale.tells_apart(new.low, new.high)
    else:
        assert new.size >= min(3, old.size)


@settings(max_examples=150, deadline=None)
@given(spaces(), st.lists(st.tuples(corner, factors), min_size=10, max_size=10))
def test_ten_zooms_in_a_row_stay_sound(space, steps):
    history = []
    for unit, factor in steps:
        centre = {p.name: p.domain.from_unit(unit) for p in space.parameters}
        history.append(centre)
        found = around(space, centre, history[-3:], factor)
        for change, parameter in zip(found.changes, space.parameters, strict=True):
            is_sound(change.old, change.new, centre[change.name], parameter.legal)
            assert bool(change.note) or border(change.old, centre[change.name]) is None
        assert stage_space(json.dumps(found.space.plain())) == found.space
        space = found.space
    box = enclosing(space, history)
    assert stage_space(json.dumps(box.space.plain())) == box.space
    for parameter in box.space.parameters:
        assert all(holds(parameter.domain, trial[parameter.name]) for trial in history)
        drawn = [parameter.domain.from_unit(unit) for unit, _ in steps]
        assert all(parameter.legal.admits(value) for value in drawn)


@pytest.mark.parametrize("unit", [0.0, 1.0])
@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("learning_rate", Real(1e-4, 1.0, LOG)),
        ("learning_rate", Real(1e-4, 1.0)),
        ("learning_rate", Grid(1.0, 0.5, 9)),
        ("learning_rate", Grid(1, 3, 9)),
        ("learning_rate", Grid(1.0, 0.5, 10**11)),
        ("learning_rate", Grid(1, 1, 10**11)),
        ("learning_rate", LogInteger(1, 10**6)),
        ("learning_rate", Real(0.1, 0.9, ONE_MINUS)),
        ("beta1", Real(0.9, 0.999, ONE_MINUS)),
        ("beta1", Real(0.9, 0.999)),
        ("hidden_units", LogInteger(16, 256)),
        ("epochs", Grid(10, 1, 10)),
    ],
)
def test_a_thousand_zooms_towards_one_end_come_to_rest_at_a_limit(name, domain, unit):
    """No overflow, no underflow, nothing that the loader would refuse."""
    legal = LEGAL[name]
    for _ in range(1000):
        new, _ = zoomed(name, domain, domain.from_unit(unit), 0.999)  # the widest zooms go furthest
        is_sound(domain, new, domain.from_unit(unit), legal)
        domain = new
    space = SearchSpace((Parameter(name, domain, legal),))
    assert stage_space(json.dumps(space.plain())) == space
    assert all(abs(end) <= FAR * (domain.step or math.inf) for end in (domain.low, domain.high))


def test_a_range_that_floats_cannot_narrow_is_kept_and_that_is_said():
    domain = Real(1.0, math.nextafter(1, 2))
    for factor in (0.5, 1e-300):
        new, _ = zoomed("learning_rate", domain, 1.0, factor)
        assert new.low < new.high
    wide = Real(1.0, 2.0)
    assert zoomed("learning_rate", wide, 1.5, 1e-300) == (wide, "kept: it cannot be narrower")
