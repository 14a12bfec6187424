from __future__ import annotations

import math
import sys
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from search.laws import KS_BOUND, N, chi_square, chi_square_bound, ks_distance

from hptune.domains import LINEAR, LOG, ONE_MINUS, SCALES, Choice, Real, can_be, same, show
from hptune.legal import Legal
from hptune.levels import FAR, Grid, LogInteger
from hptune.nn.hyperparameters import LEGAL
from hptune.randomness import Purpose, generator

ALMOST_1 = math.nextafter(1, 0)
EXTREME = [
    Real(1e-300, 1e300, LOG),
    Real(5e-324, sys.float_info.max, LOG),
    Real(5e-324, 1e-323, LOG),
    Real(0.0, ALMOST_1, ONE_MINUS),
    Real(0.0, 1 - 1e-15, ONE_MINUS),
    Real(0.0, 5e-324, ONE_MINUS),
    Real(math.nextafter(ALMOST_1, 0), ALMOST_1, ONE_MINUS),
    Real(0.0, 5e-324),
    Real(-5e-324, 1e-310),
    Real(-LINEAR.highest, LINEAR.highest),
    Real(1.0, math.nextafter(1, 2)),
    Real(-1e10, 1e-10),
    Real(1e15, 1e15 + 1),
]
DISCRETE = [
    Grid(1, 1, 3),
    Grid(0, 1, 101),
    Grid(-5, 5, 4),
    Grid(0.0, 0.1, 11),
    Grid(0.1, 0.1, 3),
    Grid(1e-5, 1e-5, 1000),
    Grid(0.3, 0.05, 9),
    LogInteger(1, 64),
    LogInteger(16, 256),
    LogInteger(1, 2),
    LogInteger(999, 1001),
    Choice((1, "1", True, 1.5, "true", False, 0)),
    Choice((32,)),
    Choice(("adam",), constant=True),
]


def uniforms(n=N):
    return generator(2024, Purpose.SAMPLE).random(n).tolist()


def draws(domain, n=N):
    return [domain.from_unit(u) for u in uniforms(n)]


@st.composite
def reals(draw):
    scale = draw(st.sampled_from(list(SCALES.values())))
    bounds = st.floats(scale.lowest, scale.highest, allow_nan=False)
    low, high = sorted((draw(bounds), draw(bounds)))
    assume(low < high and scale.tells_apart(low, high))
    return Real(low, high, scale)


@st.composite
def grids(draw):
    if draw(st.booleans()):
        low = draw(st.integers(-1000, 10**6))
        return Grid(low, draw(st.integers(1, 1000)), draw(st.integers(2, 10**6)))
    step = float(f"{draw(st.integers(1, 999))}e{draw(st.integers(-12, 3))}")  # as it is written in a study file
    low = float(draw(st.integers(-1000, 1000)) * Decimal(str(step)))  # without the noise of a product of floats
    return Grid(low, step, draw(st.integers(2, 10**6)))


@st.composite
def log_integers(draw):
    low = draw(st.integers(1, FAR - 1))
    return LogInteger(low, draw(st.integers(low + 1, FAR)))


choices = st.lists(
    st.one_of(st.integers(-3, 3), st.sampled_from(["1", "0", "true", "a"]), st.booleans(), st.floats(-2, 2)),
    min_size=1,
    max_size=9,
    unique_by=lambda value: (isinstance(value, bool), value),
).map(lambda values: Choice(tuple(values)))
discrete = st.one_of(grids(), log_integers(), choices)
units = st.floats(0, 1)


def ordinal(domain, value):
    """Where value stands in the order of the domain."""
    return domain.to_unit(value) if isinstance(domain, Choice) else value


# inside, in order


@pytest.mark.parametrize("domain", EXTREME + DISCRETE, ids=repr)
def test_values_are_inside_and_in_order_and_the_ends_are_the_ends(domain):
    grid = [0.0, 5e-324, 1e-300, *np.linspace(0, 1, 1001).tolist(), ALMOST_1, 1.0]
    values = [domain.from_unit(u) for u in sorted(grid)]
    places = [ordinal(domain, value) for value in values]
    assert places == sorted(places)
    if not isinstance(domain, Choice):
        assert (values[0], values[-1]) == (domain.low, domain.high)
        assert all(math.isfinite(value) for value in values)


@given(reals(), units, units)
@example(Real(1.0, math.nextafter(1, 2)), 0.3, math.nextafter(0.3, 1))
def test_reals_are_inside_and_in_order(domain, one, other):
    first, second = (domain.from_unit(u) for u in sorted((one, other)))
    assert domain.low <= first <= second <= domain.high


@given(discrete, units, units)
def test_discrete_values_are_inside_and_in_order(domain, one, other):
    first, second = (domain.from_unit(u) for u in sorted((one, other)))
    assert can_be(domain, first)
    assert can_be(domain, second)
    assert ordinal(domain, first) <= ordinal(domain, second)


@given(reals(), st.floats(0, 1), st.floats(1e-9, 1e-3))
def test_neighbouring_units_never_go_back(domain, unit, width):
    values = [domain.from_unit(unit + i * width / 64) for i in range(64)]
    assert values == sorted(values)


# round trips


@settings(max_examples=400)
@given(reals(), units)
def test_a_real_comes_back_from_its_unit_coordinate(domain, unit):
    """As exactly as floats allow: to the neighbours of the value and the rounding of its coordinate on the scale."""
    value = domain.from_unit(unit)
    scale = domain.scale
    ends = [scale.straighten(end) for end in (domain.low, domain.high)]
    near = [min(max(math.nextafter(value, to), scale.lowest), scale.highest) for to in (-math.inf, math.inf)]
    rounding = scale.straighten(near[1]) - scale.straighten(near[0]) + 8 * math.ulp(max(map(abs, ends)))
    assert domain.to_unit(value) == pytest.approx(unit, abs=rounding / (ends[1] - ends[0]) + 1e-15)


@given(reals())
def test_the_ends_are_0_and_1(domain):
    assert (domain.to_unit(domain.low), domain.to_unit(domain.high)) == (0, 1)
    assert (domain.from_unit(0.0), domain.from_unit(1.0)) == (domain.low, domain.high)


@settings(max_examples=400)
@given(discrete, units)
def test_a_discrete_value_comes_back_exactly(domain, unit):
    value = domain.from_unit(unit)
    again = domain.from_unit(domain.to_unit(value))
    assert same(again, value)
    assert type(again) is type(value)
    assert 0 < domain.to_unit(value) < 1


@pytest.mark.parametrize("domain", DISCRETE, ids=repr)
def test_every_value_has_the_middle_of_its_own_share(domain):
    values = list(dict.fromkeys((type(v), v) for v in (domain.from_unit(i / 5000) for i in range(5001))))
    assert len(values) == domain.size
    middles = [domain.to_unit(value) for _, value in values]
    assert middles == sorted(set(middles))
    assert all(same(domain.from_unit(middle), value) for middle, (_, value) in zip(middles, values, strict=True))


def test_steps_are_decimals_and_never_their_neighbours():
    tenths = Grid(0.0, 0.1, 11)
    assert [tenths.from_unit(i / 11 + 0.01) for i in range(11)] == [
        0.0,
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        1.0,
    ]
    assert 0.0 + 3 * 0.1 != 0.3  # what it would be without decimals
    assert all(isinstance(Grid(1, 2, 5).from_unit(i / 5), int) for i in range(6))


def test_1_and_true_and_the_text_1_are_three_choices():
    domain = Choice((1, "1", True))
    assert [domain.to_unit(value) for value in (1, "1", True)] == pytest.approx([1 / 6, 3 / 6, 5 / 6])
    assert [type(domain.from_unit(u)) for u in (0.1, 0.5, 0.9)] == [int, str, bool]
    with pytest.raises(ValueError, match="none of"):
        domain.to_unit(False)


# exact laws, each with a wrong one that must be noticed


def linear_law(low, high):
    return lambda value: (value - low) / (high - low)


def log_law(low, high):
    return lambda value: math.log(value / low) / math.log(high / low)


def one_minus_law(low, high):
    return lambda value: math.log((1 - value) / (1 - low)) / math.log((1 - high) / (1 - low))


def mirrored(low, high):
    """KerasTuner's and Vizier's reverse_log: a log scale mirrored inside its range."""
    return [low + high - low * (high / low) ** (1 - u) for u in uniforms()]


LAWS = [
    (Real(0.0, 0.5), linear_law(0.0, 0.5)),
    (Real(-3.0, 7.0), linear_law(-3.0, 7.0)),
    (Real(1e-4, 1.0, LOG), log_law(1e-4, 1.0)),
    (Real(1e-30, 1e30, LOG), log_law(1e-30, 1e30)),
    (Real(0.9, 0.999, ONE_MINUS), one_minus_law(0.9, 0.999)),
    (Real(0.0, 0.99999, ONE_MINUS), one_minus_law(0.0, 0.99999)),
]
WRONG = [
    ("log instead of linear", draws(Real(1e-3, 0.5, LOG)), linear_law(1e-3, 0.5)),
    ("linear instead of log", draws(Real(1e-4, 1.0)), log_law(1e-4, 1.0)),
    ("linear instead of 1-beta", draws(Real(0.9, 0.999)), one_minus_law(0.9, 0.999)),
    ("log instead of 1-beta", draws(Real(0.9, 0.999, LOG)), one_minus_law(0.9, 0.999)),
    ("mirror definition instead of 1-beta", mirrored(0.9, 0.999), one_minus_law(0.9, 0.999)),
    ("a range half as wide again", draws(Real(1e-4, 1.0, LOG)), log_law(1e-4, 1.5)),
]


@pytest.mark.parametrize(("domain", "law"), LAWS, ids=lambda item: repr(item) if isinstance(item, Real) else "")
def test_reals_follow_the_exact_law(domain, law):
    assert ks_distance(draws(domain), law) < KS_BOUND


@pytest.mark.parametrize(("name", "values", "law"), WRONG, ids=[name for name, _, _ in WRONG])
def test_a_wrong_law_is_noticed(name, values, law):
    assert ks_distance(values, law) > 1.2 * KS_BOUND


def test_half_of_the_draws_between_09_and_0999_lie_above_099():
    share = np.mean(np.array(draws(Real(0.9, 0.999, ONE_MINUS))) > 0.99)
    assert share == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(N))
    assert np.mean(np.array(mirrored(0.9, 0.999)) > 0.99) == pytest.approx(0.095, abs=0.01)  # what others draw


@pytest.mark.parametrize("unit", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
def test_1_beta_is_the_formula_of_the_issue(unit):
    low, high = 0.9, 0.999
    formula = 1 - (1 - low) ** (1 - unit) * (1 - high) ** unit
    assert Real(low, high, ONE_MINUS).from_unit(unit) == pytest.approx(formula, rel=1e-14)


def test_1_beta_keeps_its_digits_near_1():
    """Where 1 - value is 1e-15, computing with 1 - value alone would leave one digit."""
    domain = Real(0.0, 1 - 1e-15, ONE_MINUS)
    assert 1 - domain.from_unit(0.5) == pytest.approx(math.sqrt(1 - (1 - 1e-15)), rel=1e-8)
    assert domain.to_unit(1e-17) == pytest.approx(1e-17 / -math.log1p(-(1 - 1e-15)), rel=1e-12, abs=0)


def log_integer_shares(low, high):
    total = math.log((high + 0.5) / (low - 0.5))
    return {v: math.log((v + 0.5) / (v - 0.5)) / total for v in range(low, high + 1)}


DISCRETE_LAWS = [
    (Grid(1, 1, 3), dict.fromkeys((1, 2, 3), 1 / 3)),
    (Grid(0, 5, 21), dict.fromkeys(range(0, 101, 5), 1 / 21)),
    (Grid(0.0, 0.1, 4), dict.fromkeys((0.0, 0.1, 0.2, 0.3), 1 / 4)),
    (LogInteger(1, 64), log_integer_shares(1, 64)),
    (LogInteger(16, 256), log_integer_shares(16, 256)),
    (Choice(("a", "b", "c")), dict.fromkeys("abc", 1 / 3)),
]


@pytest.mark.parametrize(("domain", "shares"), DISCRETE_LAWS, ids=[repr(domain) for domain, _ in DISCRETE_LAWS])
def test_discrete_values_follow_the_exact_law(domain, shares):
    assert sum(shares.values()) == pytest.approx(1)
    assert chi_square(draws(domain), shares) < chi_square_bound(len(shares))


def test_the_chi_square_bound_is_that_of_the_tables():
    assert [chi_square_bound(n) for n in (4, 11, 64)] == pytest.approx([16.266, 29.588, 103.44], rel=0.02)


def test_wrong_discrete_laws_are_noticed():
    shares = log_integer_shares(1, 64)
    floors = [math.floor(value) for value in draws(Real(1.0, 65.0, LOG))]
    rounded = [round(value) for value in draws(Real(1.0, 64.0, LOG))]
    linear = draws(Grid(1, 1, 64))
    for wrong in (floors, rounded, linear):
        assert chi_square(wrong, shares) > 2 * chi_square_bound(64)
    halved_ends = [round(value) for value in draws(Real(1.0, 3.0))]
    assert chi_square(halved_ends, DISCRETE_LAWS[0][1]) > 2 * chi_square_bound(3)


@pytest.mark.parametrize(("low", "high"), [(1, 64), (16, 256)])
def test_every_whole_number_of_a_log_range_occurs(low, high):
    assert set(draws(LogInteger(low, high))) == set(range(low, high + 1))


# what can be, and words


@pytest.mark.parametrize(
    ("domain", "value", "occurs"),
    [
        (Grid(10, 1, 11), 10, True),
        (Grid(10, 1, 11), 20, True),
        (Grid(10, 1, 11), 21, False),
        (Grid(10, 1, 11), 9, False),
        (Grid(10, 1, 11), 5, False),
        (Grid(0.0, 0.1, 4), 0.3, True),
        (Grid(0.0, 0.1, 4), 0.25, False),
        (LogInteger(16, 256), 16, True),
        (LogInteger(16, 256), 15, False),
        (LogInteger(16, 256), 257, False),
        (LogInteger(16, 256), 0, False),
        (Choice((1, "a")), "a", True),
        (Choice((1, "a")), True, False),
        (Choice((1, "a")), "b", False),
        (Grid(1, 1, 3), "a", False),
        (Real(0.0, 1.0), 0.5, False),
    ],
)
def test_which_values_can_be(domain, value, occurs):
    assert can_be(domain, value) is occurs


@pytest.mark.parametrize(
    ("domain", "value", "inside"),
    [
        (Real(0.0, 0.5), 0.0, True),
        (Real(0.0, 0.5), 0.5, True),
        (Real(0.0, 0.5), 0, True),
        (Real(0.0, 0.5), math.nextafter(0.5, 1), False),
        (Real(0.0, 0.5), -5e-324, False),
        (Real(0.0, 2.0), True, False),
        (Real(0.0, 2.0), "1", False),
        (Real(0.0, 2.0), math.nan, False),
        (Grid(10, 5, 3), 15, True),
        (Grid(10, 5, 3), 15.0, True),
        (Grid(10, 5, 3), 14, False),
        (Grid(10, 5, 3), 25, False),
        (Grid(0, 1, 3), True, False),
        (Grid(0, 1, 3), "1", False),
        (Grid(0, 1, 3), 10**400, False),
        (Grid(0, 1, 3), math.inf, False),
        (Grid(0.0, 0.1, 4), 0.3, True),
        (Grid(0.0, 0.1, 4), 3 * 0.1, False),  # the neighbour of 0.3
        (LogInteger(16, 256), 256, True),
        (LogInteger(16, 256), 17.5, False),
        (LogInteger(16, 256), 257, False),
        (LogInteger(1, 256), True, False),
        (LogInteger(16, 256), math.nan, False),
        (Choice((1, "a")), 1.0, True),
        (Choice((1, "a")), True, False),
        (Choice((1, "a")), "1", False),
    ],
)
def test_what_a_domain_contains(domain, value, inside):
    assert domain.contains(value) is inside


@given(st.one_of(reals(), discrete), units)
def test_a_domain_contains_all_that_is_drawn_from_it(domain, unit):
    assert domain.contains(domain.from_unit(unit))


# boxes of three levels


@pytest.mark.parametrize(
    ("domain", "value", "side"),
    [
        (Grid(0, 1, 12), 5, 0.25),
        (Grid(0, 1, 3), 1, 1.0),
        (Grid(0, 1, 2), 1, 1.0),
        (LogInteger(1, 13), 3, math.log(4.5 / 1.5) / math.log(27)),  # a third
        (LogInteger(1, 13), 1, math.log(2.5 / 0.5) / math.log(27)),  # cut to the range
        (LogInteger(1, 13), 13, math.log(13.5 / 11.5) / math.log(27)),
        (LogInteger(1, 2), 1, 1.0),
        (Real(0.0, 1.0), 0.5, 0.0),
        (Choice(("a", "b", "c")), "b", 0.0),
    ],
)
def test_the_side_of_three_levels(domain, value, side):
    assert domain.least_side(value) == pytest.approx(side, rel=1e-12)


@given(st.one_of(grids(), log_integers()), units)
def test_the_side_of_three_levels_is_that_of_their_shares(domain, unit):
    value = domain.from_unit(unit)
    step = domain.step if isinstance(domain, Grid) else 1
    neighbours = [domain.to_unit(v) for v in (value - step, value + step) if domain.contains(v)]
    assert 0 < domain.least_side(value) <= 1
    assert all(abs(domain.to_unit(value) - other) < domain.least_side(value) for other in neighbours)


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
        ("hidden_units", LogInteger(5, 6), "high", 0.01, 5, 7),  # never less than a level
        ("hidden_layers", Grid(1, 1, 3), "high", 0.5, 1, 5),
        ("hidden_layers", Grid(1, 1, 3), "low", 0.5, 0, 3),
        ("patience", Grid(3, 1, 11), "low", 0.5, 1, 13),
        ("patience", Grid(5, 5, 4), "low", 0.5, 5, 20),
        ("dropout", Grid(0.1, 0.1, 6), "high", 0.1, 0.1, 0.7),
        ("input_noise", Grid(0.0, 0.1, 30), "high", 0.1, 0.0, 3.2),  # 0.1 * 30 is more than 3 in floats
    ],
)
def test_an_end_moves_out_as_far_as_is_legal(name, domain, side, share, low, high):
    new = domain.extended(side, share, LEGAL[name].in_ranges)
    assert (new.low, new.high) == pytest.approx((low, high), rel=1e-12, abs=1e-15)
    assert (new == domain) == ((low, high) == (domain.low, domain.high))


def test_choices_have_no_ends():
    domain = Choice((8, 16, 32))
    assert domain.extended("high", 0.5, LEGAL["batch_size"]) is domain


def ends(domain, side):
    """The end on a side, so that more of it lies further out."""
    return -domain.low if side == "low" else domain.high


@given(
    st.one_of(reals(), grids(), log_integers()),
    st.sampled_from(["low", "high"]),
    st.tuples(st.floats(0.01, 2), st.floats(0.01, 2)),
    st.floats(0, 2),
)
def test_an_end_moves_out_more_with_a_larger_share_and_never_past_a_limit(domain, side, shares, room):
    whole = isinstance(domain.low, int)
    far = max(abs(domain.low), abs(domain.high), 1) * (1 + room)
    assume(math.isfinite(far))
    low, high = (math.floor(-far), math.ceil(far)) if whole else (-far, far)
    if isinstance(domain, LogInteger):
        low = 1
    elif isinstance(domain, Real):
        low, high = max(low, domain.scale.lowest), min(high, domain.scale.highest)
    legal = Legal("int" if whole else "real", low=low, high=high)
    less, more = (domain.extended(side, share, legal) for share in sorted(shares))
    assert ends(domain, side) <= ends(less, side) <= ends(more, side)
    other = "high" if side == "low" else "low"
    assert ends(domain, other) == ends(less, other) == ends(more, other)
    assert low <= more.low < more.high <= high
    assert all(more.contains(domain.from_unit(unit)) for unit in (0.0, 0.5, 1.0))


@given(grids(), st.sampled_from(["low", "high"]), st.integers(1, 200))
def test_a_grid_grows_by_that_share_of_its_levels(domain, side, percent):
    new = domain.extended(side, percent / 100, Legal("real"))
    assume(max(abs(new.low), abs(new.high)) < FAR / 2 * domain.step)
    assert new.count - domain.count == -(-percent * domain.count // 100)


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        (Real(0.0, 0.5), "0 .. 0.5"),
        (Real(1e-4, 1.0, LOG), "0.0001 .. 1 (log)"),
        (Real(0.9, 0.999, ONE_MINUS), "0.9 .. 0.999 (1-beta)"),
        (Real(0.99995, 0.9999999, ONE_MINUS), "0.99995 .. 0.9999999 (1-beta)"),
        (Grid(1, 1, 3), "1 .. 3"),
        (Grid(0, 5, 3), "0 .. 10 (step 5)"),
        (Grid(0.0, 0.1, 4), "0 .. 0.3 (step 0.1)"),
        (Grid(0.0, 1.0, 4), "0 .. 3 (step 1)"),
        (LogInteger(16, 256), "16 .. 256 (log)"),
        (Choice((1, "a", True)), "1, a, true"),
    ],
)
def test_domains_in_words(domain, words):
    assert domain.describe() == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (0.99912345, "0.9991235"),
        (1 - 1e-16, "0.9999999999999999"),
        (True, "true"),
        (7, "7"),
        (1.0, "1"),
    ],
)
def test_values_in_words(value, text):
    assert show(value) == text
