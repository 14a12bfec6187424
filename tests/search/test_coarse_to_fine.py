from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from search.laws import chi_square, chi_square_bound, ks_distance

from hptune.domains import Choice, Real
from hptune.levels import Grid, LogInteger
from hptune.nn.hyperparameters import LEGAL
from hptune.scales import LOG, ONE_MINUS
from hptune.search import coarse_to_fine
from hptune.search.coarse_to_fine import Turn
from hptune.search.known import Known, key_of
from hptune.search.ranking import best_first
from hptune.space import Parameter, SearchSpace
from hptune.trial import Kind, Origin, Status

N = 1000
KS_BOUND = 1.95 / math.sqrt(N)  # exceeded with probability 0.001 (see laws)
RATES = Real(1e-4, 1.0, LOG)
NOTHING: dict = {}
ADAM = {"optimizer": "adam"}
END = 1 - 1e-9  # of the budget: the side is 0.4


def space(**domains):
    return SearchSpace(tuple(Parameter(name, domain, LEGAL[name]) for name, domain in domains.items()))


ONE = space(learning_rate=RATES)


def propose(where, fixed, trials, taken, turn):
    return coarse_to_fine.propose(where, fixed, best_first(trials), taken, turn)


def known(number, values, *scores, status=Status.COMPLETED):
    return Known(number, values, status, scores or (float(number),))


def proposals(where, trials, share, n=N, fixed=NOTHING, taken=()):
    """The proposals of n turns, all with the same knowledge."""
    return [propose(where, fixed, trials, taken, Turn(3, 0, number, number, share)) for number in range(n)]


def near(where, trials, share, n=N, fixed=NOTHING):
    """Those around a trial: (configuration, origin)."""
    return [found for found in proposals(where, trials, share, n, fixed) if found[1].kind is Kind.ZOOM]


def units(where, name, found):
    domain = next(parameter.domain for parameter in where.parameters if parameter.name == name)
    return np.array([domain.to_unit(configuration[name]) for configuration, _ in found if name in configuration])


def cauchy(centre, side):
    """The distribution function of a coordinate in [0, 1): steps are as often shorter as longer than side / 4."""
    return lambda unit: 0.5 + math.atan((unit - centre) / (side / 4)) / math.pi


def step_law(centre, side):
    """The distribution function of where a step ends: one beyond a border near it, at a fifth of the way cubed."""
    law = cauchy(centre, side)
    below, above = law(0.0), 1 - law(1.0)

    def ended(unit):
        near_low = min(1.0, (unit / (0.2 * centre)) ** (1 / 3)) if centre else 1.0
        near_high = 1 - min(1.0, ((1 - unit) / (0.2 * (1 - centre))) ** (1 / 3)) if centre < 1 else 0.0
        return below * near_low + law(unit) - below + above * near_high

    return ended


# the coarse part

MIXED = space(
    learning_rate=RATES,
    beta1=Real(0.9, 0.999, ONE_MINUS),
    dropout=Real(0.0, 0.5),
    hidden_layers=Grid(1, 1, 4),
    hidden_units=LogInteger(4, 64),
    activation=Choice(("relu", "tanh", "sigmoid")),
    l2=Choice((0.01,), constant=True),
)


def coarse(where, seed, index, stage=0, trials=()):
    return propose(where, ADAM, trials, (), Turn(seed, stage, index, index, 0.0))


@pytest.fixture(scope="module")
def sixths():
    """The sixth trial from many seeds."""
    return [coarse(MIXED, seed, 5) for seed in range(N)]


def test_coarse_trials_are_uniform_on_every_scale(sixths):
    found = sixths
    assert {origin for _, origin in found} == {Origin(Kind.COARSE)}
    for name in ("learning_rate", "beta1", "dropout"):
        assert ks_distance(units(MIXED, name, found), float) < KS_BOUND
    values = [configuration for configuration, _ in found]
    for name, shares in {
        "hidden_layers": dict.fromkeys((1, 2, 3, 4), 1 / 4),
        "activation": dict.fromkeys(("relu", "tanh", "sigmoid"), 1 / 3),
        "hidden_units": {v: math.log((v + 0.5) / (v - 0.5)) / math.log(64.5 / 3.5) for v in range(4, 65)},
    }.items():
        assert chi_square([one[name] for one in values], shares) < chi_square_bound(len(shares))
    assert {one["l2"] for one in values} == {0.01}


def test_the_law_tells_scales_apart(sixths):
    linear = [configuration["learning_rate"] for configuration, _ in sixths]
    assert ks_distance(linear, lambda value: (value - 1e-4) / (1 - 1e-4)) > 0.5


def test_coarse_trials_leave_smaller_holes_than_random_ones():
    def holes(rows):
        return np.mean([max(np.diff(np.sort([0.0, *column, 1.0]))) for column in np.transpose(rows)])

    reals = ("beta1", "dropout", "learning_rate")
    even = [
        holes(np.transpose([units(MIXED, name, [coarse(MIXED, seed, i) for i in range(12)]) for name in reals]))
        for seed in range(20)
    ]
    rng = np.random.default_rng(0)
    chance = [holes(rng.random((12, 3))) for _ in range(200)]
    assert np.mean(even) < 0.75 * np.mean(chance)
    assert np.mean(chance[:100]) > 0.75 * np.mean(chance[100:])


def test_coarse_points_differ_from_stage_to_stage_and_know_nothing():
    assert coarse(MIXED, 3, 2) != coarse(MIXED, 3, 2, stage=1)
    assert coarse(MIXED, 3, 2) == coarse(MIXED, 3, 2, trials=[known(9, {"learning_rate": 0.1}, 0.1)])


def test_a_coarse_point_that_is_taken_is_replaced_by_a_random_one():
    where = space(activation=Choice(("relu", "tanh")), hidden_layers=Grid(1, 1, 2))
    first, _ = coarse(where, 0, 0)
    other, origin = propose(where, ADAM, (), {key_of(first)}, Turn(0, 0, 0, 0, 0.0))
    assert other != first
    assert origin == Origin(Kind.COARSE)
    everything = {
        key_of({"activation": activation, "hidden_layers": n}) for activation in ("relu", "tanh") for n in (1, 2)
    }
    assert propose(where, ADAM, (), everything, Turn(0, 0, 0, 0, 0.0)) is None


# centres


@pytest.mark.parametrize(("n", "weights"), [(1, [1]), (2, [6, 3]), (3, [6, 3, 2]), (7, [6, 3, 2])])
def test_the_three_best_are_centres_with_weights_6_3_2(n, weights):
    trials = [known(10 + i, {"learning_rate": 0.1}, 0.1 * i) for i in range(n)]
    parents = [origin.parent for _, origin in near(ONE, trials[::-1], 0.5)]
    shares = {10 + place: weight / sum(weights) for place, weight in enumerate(weights)}
    assert set(parents) == set(shares)
    if n > 1:
        assert chi_square(parents, shares) < chi_square_bound(len(shares))
        assert chi_square(parents, dict.fromkeys(shares, 1 / len(shares))) > chi_square_bound(len(shares))


def test_a_stopped_trial_is_a_centre_only_behind_the_completed_ones_and_others_never():
    rate = {"learning_rate": 0.1}
    trials = [
        known(0, rate, 0.1, status=Status.STOPPED),
        known(1, rate, 0.9),
        known(2, rate, 0.0, status=Status.DIVERGED),
        known(3, rate, 0.0, status=Status.FAILED),
        known(4, rate, 0.0, status=Status.CRASHED),
    ]
    parents = [origin.parent for _, origin in near(ONE, trials, 0.5)]
    assert chi_square(parents, {1: 2 / 3, 0: 1 / 3}) < chi_square_bound(2)
    assert {origin for _, origin in proposals(ONE, [trials[0], *trials[2:]], 0.5, 50)} == {Origin(Kind.COARSE)}
    better = [known(number, rate, 0.95) for number in (5, 6)]
    assert {origin.parent for _, origin in near(ONE, [*trials, *better], 0.5)} == {1, 5, 6}


def test_the_coarse_part_is_a_quarter_of_the_budget():
    trial = known(0, {"learning_rate": 0.1})
    before, after = (proposals(ONE, [trial], share, 100) for share in (0.2499, 0.25))
    assert {origin.kind for _, origin in before} == {Kind.COARSE}
    assert {origin.kind for _, origin in after} == {Kind.ZOOM, Kind.GLOBAL}


def test_one_proposal_in_twenty_is_global():
    found = proposals(ONE, [known(0, {"learning_rate": 1e-4})], 0.9, 3 * N)
    everywhere = [one for one in found if one[1] == Origin(Kind.GLOBAL)]
    assert abs(len(everywhere) - 3 * N / 20) < 3.3 * math.sqrt(3 * N * 0.05 * 0.95)
    assert ks_distance(units(ONE, "learning_rate", everywhere), float) < 1.95 / math.sqrt(len(everywhere))


# the step


@pytest.mark.parametrize(("share", "side"), [(0.25, 1.0), (0.5, 0.4 ** (1 / 3)), (0.625, math.sqrt(0.4)), (END, 0.4)])
def test_a_step_is_as_often_shorter_as_longer_than_a_quarter_of_the_side(share, side):
    found = near(ONE, [known(0, {"learning_rate": 0.01})], share)  # in the middle
    assert [origin.side for _, origin in found] == pytest.approx([side] * len(found))
    steps = units(ONE, "learning_rate", found) - 0.5
    n = len(steps)
    assert abs(np.sum(np.abs(steps) < side / 4) - n / 2) < 3.3 * math.sqrt(n / 4)
    assert abs(np.sum(steps < 0) - n / 2) < 3.3 * math.sqrt(n / 4)
    places, bound = steps + 0.5, 1.95 / math.sqrt(n)
    assert ks_distance(places, step_law(0.5, side)) < bound
    assert ks_distance(places, step_law(0.5, side * 2)) > bound


@pytest.mark.parametrize("domain", [RATES, Real(0.0, 0.5), Real(0.9, 0.999, ONE_MINUS)])
@pytest.mark.parametrize("unit", [0.05, 0.8])
def test_a_step_beyond_a_border_ends_near_it_and_never_on_it(domain, unit):
    name = {1.0: "learning_rate", 0.5: "dropout", 0.999: "beta1"}[domain.high]
    where = space(**{name: domain})
    found = near(where, [known(0, {name: domain.from_unit(unit)})], END, fixed=ADAM)
    places = units(where, name, found)
    assert ks_distance(places, step_law(unit, 0.4)) < 1.95 / math.sqrt(len(places))
    values = [configuration[name] for configuration, _ in found]
    assert domain.low < min(values) < max(values) < domain.high
    assert np.mean(np.minimum(places, 1 - places) < 0.01) > 0.05  # ranges are to be used up to their ends


def test_no_part_of_a_range_is_out_of_reach():
    found = near(ONE, [known(0, {"learning_rate": 1e-4})], END)
    tenths = np.bincount((units(ONE, "learning_rate", found) * 10).astype(int).clip(0, 9), minlength=10)
    law = cauchy(0.0, 0.4)
    expected = [law(0.1), *(law((i + 1) / 10) - law(i / 10) for i in range(1, 9)), 1 - law(0.9)]
    statistic = sum((count - len(found) * share) ** 2 / (len(found) * share) for count, share in zip(tenths, expected))  # noqa: B905
    assert statistic < chi_square_bound(10)
    assert tenths.min() > 0


def test_every_parameter_takes_a_step_of_its_own():
    where = space(learning_rate=RATES, dropout=Real(0.0, 0.5))
    found = near(where, [known(0, {"learning_rate": 0.01, "dropout": 0.25})], END)
    one, other = units(where, "learning_rate", found) - 0.5, units(where, "dropout", found) - 0.5
    assert np.all(one != 0)
    assert np.all(other != 0)
    assert abs(np.mean(np.sign(one) * np.sign(other))) < 3.3 / math.sqrt(len(found))
    short = np.abs([one, other]) < 0.1
    assert abs(np.mean(short[0] & short[1]) - 0.25) < 3.3 * math.sqrt(0.25 * 0.75 / len(found))


def level_shares(edges, centre, side):
    """The probability of each level, of which these are the ends in unit coordinates."""
    law = cauchy(centre, side)
    inner = [law(edge) for edge in edges[1:-1]]
    return np.diff([0.0, *inner, 1.0])


@pytest.mark.parametrize(
    ("name", "domain", "value", "edges", "centre", "side"),
    [
        ("hidden_layers", Grid(1, 1, 3), 2, [0, 1 / 3, 2 / 3, 1], 1 / 2, 1.0),  # three levels are all of it
        ("hidden_layers", Grid(1, 1, 2), 1, [0, 1 / 2, 1], 1 / 4, 1.0),
        ("hidden_layers", Grid(1, 1, 5), 1, [i / 5 for i in range(6)], 1 / 10, 0.6),
        ("hidden_layers", Grid(1, 1, 10), 4, [i / 10 for i in range(11)], 0.35, 0.4),  # as wide as for reals
        ("dropout", Grid(0.0, 0.1, 5), 0.2, [i / 5 for i in range(6)], 1 / 2, 0.6),
        (
            "hidden_units",
            LogInteger(1, 2),
            1,
            [0, math.log(3) / math.log(5), 1],
            math.log(3) / math.log(5) / 2,
            1.0,
        ),
        (
            "hidden_units",
            LogInteger(1, 4),
            2,
            [math.log(2 * v + 1) / math.log(9) for v in range(5)],
            math.log(15) / 2 / math.log(9),
            math.log(7) / math.log(9),  # from 0.5 to 3.5
        ),
    ],
)
def test_a_step_between_whole_numbers_is_at_least_three_levels_wide(name, domain, value, edges, centre, side):
    where = space(**{name: domain})
    found = near(where, [known(0, {name: value})], END)
    shares = level_shares(edges, centre, side)
    levels = dict(zip(range(len(shares)), shares, strict=True))
    starts = np.array(edges[:-1])
    drawn = [int(np.sum(starts < unit)) - 1 for unit in units(where, name, found)]
    assert chi_square(drawn, levels) < chi_square_bound(len(shares))
    assert 1 - shares.max() > 0.19  # to a neighbour


# choices


def test_a_choice_is_kept_or_drawn_by_how_frequent_it_is_among_the_best_third():
    where = space(activation=Choice(("relu", "tanh", "sigmoid")))
    values = ["relu", "relu", "tanh", "sigmoid", "sigmoid", "sigmoid"]  # the best third are two, both relu
    trials = [known(number, {"activation": value}) for number, value in enumerate(values)]
    for share, side in ((0.25, 1.0), (END, 0.4)):
        for parent, kept in ((0, "relu"), (2, "tanh")):
            drawn = [c["activation"] for c, origin in near(where, trials, share) if origin.parent == parent]
            weights = {"relu": 1 + 1 / 6, "tanh": 1 / 6, "sigmoid": 1 / 6}  # sum: 1.5
            shares = {v: side * weight / 1.5 + (1 - side) * (v == kept) for v, weight in weights.items()}
            assert chi_square(drawn, shares) < chi_square_bound(3)
            assert chi_square(drawn, dict.fromkeys(shares, 1 / 3)) > chi_square_bound(3)


def test_the_weights_of_a_choice_by_hand():
    where = space(activation=Choice(("relu", "tanh", "sigmoid", "leaky_relu")))
    values = ["relu", "tanh", "tanh", *["sigmoid"] * 5]  # eight: the best third are three
    trials = [known(number, {"activation": value}) for number, value in enumerate(values)]
    drawn = [configuration["activation"] for configuration, _ in near(where, trials, 0.25)]
    weights = {"relu": 1 / 3 + 1 / 8, "tanh": 2 / 3 + 1 / 8, "sigmoid": 1 / 8, "leaky_relu": 1 / 8}  # sum: 1.5
    assert chi_square(drawn, {v: weight / 1.5 for v, weight in weights.items()}) < chi_square_bound(4)


def test_true_and_1_are_different_choices():
    where = space(batch_norm=Choice((False, True)))
    found = near(where, [known(0, {"batch_norm": True})], END)
    shares = {True: 0.6 + 0.4 * 1.25 / 1.5, False: 0.4 * 0.25 / 1.5}
    assert chi_square([configuration["batch_norm"] for configuration, _ in found], shares) < chi_square_bound(2)


# conditions

TREE = SearchSpace(
    (
        Parameter("l2", Real(0.0, 1.0), LEGAL["l2"], (("activation", ("relu", "tanh")),)),
        Parameter("activation", Choice(("relu", "tanh", "sigmoid")), LEGAL["activation"]),
    )
)


def test_a_child_stays_near_under_the_same_value_of_its_parent_alone():
    found = near(TREE, [known(0, {"activation": "relu", "l2": 0.05})], 0.25)
    by_parent = {
        activation: [configuration["l2"] for configuration, _ in found if configuration["activation"] == activation]
        for activation in ("relu", "tanh")
    }
    assert ks_distance(by_parent["relu"], step_law(0.05, 1.0)) < 1.95 / math.sqrt(len(by_parent["relu"]))
    assert ks_distance(by_parent["tanh"], float) < 1.95 / math.sqrt(len(by_parent["tanh"]))
    assert not any("l2" in configuration for configuration, _ in found if configuration["activation"] == "sigmoid")


def test_what_the_centre_does_not_have_is_drawn_anew():
    found = near(TREE, [known(0, {"activation": "sigmoid"})], 0.25)
    values = [configuration["l2"] for configuration, _ in found if "l2" in configuration]
    assert len(values) > 200
    assert ks_distance(values, float) < 1.95 / math.sqrt(len(values))


def test_a_choice_is_as_frequent_as_among_those_of_the_best_that_have_it():
    child = Parameter("batch_norm", Choice((False, True)), LEGAL["batch_norm"], (("activation", ("relu", "tanh")),))
    where = SearchSpace((child, TREE.parameters[1]))
    values = [{"activation": "sigmoid"}, {"activation": "sigmoid"}, {"activation": "relu", "batch_norm": True}]
    trials = [known(number, value) for number, value in enumerate([*values, *[{"activation": "sigmoid"}] * 6])]
    found = near(where, trials, 0.25)
    drawn = [c["batch_norm"] for c, origin in found if origin.parent == 2 and c["activation"] == "relu"]
    assert chi_square(drawn, {True: 1.25 / 1.5, False: 0.25 / 1.5}) < chi_square_bound(2)


def test_the_number_of_a_trial_decides_what_is_near_and_its_place_in_the_stage_what_is_coarse():
    trial = known(0, {"learning_rate": 0.01})
    turns = [Turn(3, 0, index, number, share) for share in (0.1, 0.5) for index, number in ((2, 9), (2, 8), (1, 9))]
    both, place, number, near_both, near_place, near_number = [propose(ONE, NOTHING, [trial], (), t)[0] for t in turns]
    assert both == place != number
    assert near_both == near_number != near_place


def test_a_condition_on_something_fixed_holds_for_the_centre_too():
    where = SearchSpace((Parameter("beta1", Real(0.0, 0.8), LEGAL["beta1"], (("optimizer", ("adam",)),)),))
    found = near(where, [known(0, {"beta1": 0.4})], END, fixed=ADAM)
    assert abs(np.mean(np.abs(units(where, "beta1", found) - 0.5) < 0.1) - 0.5) < 3.3 * 0.5 / math.sqrt(len(found))


# nothing twice


class Taken:
    """Says of the first n configurations that they are taken."""

    def __init__(self, n):
        self.n = n

    def __contains__(self, key):
        self.n -= 1
        return self.n >= 0


@pytest.mark.parametrize(
    ("n", "side"), [(0, 0.4), (4, 0.4), (5, 0.6), (9, 0.6), (10, 0.9), (14, 0.9), (15, 1.0), (39, 1.0)]
)
def test_the_side_grows_by_half_after_every_five_configurations_that_are_taken(n, side):
    turn = Turn(0, 0, 9, 9, END)
    trial = known(4, {"learning_rate": 0.1})
    assert propose(ONE, NOTHING, [trial], Taken(n), turn)[1] == Origin(Kind.ZOOM, 4, pytest.approx(side))


def test_in_the_end_anything_new_will_do_and_then_there_is_nothing():
    turn = Turn(0, 0, 9, 9, END)
    trial = known(4, {"learning_rate": 0.1})
    for n, kind in ((40, Kind.GLOBAL), (1039, Kind.GLOBAL)):
        assert propose(ONE, NOTHING, [trial], Taken(n), turn)[1] == Origin(kind)
    assert propose(ONE, NOTHING, [trial], Taken(1040), turn) is None


# odd spaces

ODD = {
    "all constants": space(l2=Choice((0.1,), constant=True), dropout=Choice((0.5,), constant=True)),
    "a level of one": space(hidden_layers=Grid(2, 1, 1)),
    "all choices": space(
        activation=Choice(("relu", "tanh")), batch_size=Choice((32, "full")), batch_norm=Choice((True, False))
    ),
    "two levels": space(hidden_layers=Grid(1, 1, 2)),
    "one and two": space(hidden_units=LogInteger(1, 2)),
    "a hair": space(learning_rate=Real(0.1, math.nextafter(0.1, 1))),
    "huge": space(learning_rate=Real(5e-324, 1.7e308, LOG), hidden_units=LogInteger(1, 10**12)),
    "mixed": MIXED,
    "tree": TREE,
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_spaces_are_searched_until_nothing_is_left(name):
    where, taken, trials = ODD[name], set(), []
    for index in range(40):
        found = propose(where, ADAM, trials, taken, Turn(2**63 - 1, 3, index, 10**9 + index, index / 40))
        if found is None:
            break
        configuration, origin = found
        assert key_of(configuration) not in taken
        assert where.contains(configuration)
        assert (origin.side is None) == (origin.parent is None) == (origin.kind is not Kind.ZOOM)
        assert origin.side is None or 0.4 < origin.side <= 1
        taken.add(key_of(configuration))
        trials.append(known(index, configuration, 1 / (1 + index)))
    assert len(taken) == min(40, {"tree": 40, "a hair": 2}.get(name, where.size))


def test_thirty_parameters():
    names = [name for name, legal in LEGAL.items() if legal.kind in ("int", "real") and not legal.required]
    many = SearchSpace(tuple(Parameter(name, Real(0.1, 0.9), LEGAL[name]) for name in names))
    first = coarse(many, 0, 0)[0]
    found = near(many, [known(0, first)], END, 50, fixed=ADAM)
    for configuration, _ in found:
        assert configuration.keys() == first.keys()
        assert len({configuration[name] == first[name] for name in first}) == 1  # all of them move


def test_the_order_of_the_study_file_changes_nothing():
    trials = [known(i, coarse(MIXED, 1, i)[0]) for i in range(4)]
    shares = itertools.product((0.1, 0.3, 0.6, 0.99), (0.0, 1.0))
    turns = [Turn(1, 0, i, i, share, cost) for i, (share, cost) in enumerate(shares)]
    expected = [propose(MIXED, ADAM, trials, (), turn) for turn in turns]
    for order in itertools.islice(itertools.permutations(MIXED.parameters), 0, 5040, 211):
        other = SearchSpace(order)
        assert [propose(other, ADAM, trials, (), turn) for turn in turns] == expected


def test_knowledge_may_come_in_any_order():
    trials = [known(i, coarse(MIXED, 1, i)[0], float(i % 3)) for i in range(6)]
    turns = [Turn(1, 0, i, i, 0.6, float(i > 2)) for i in range(6)]
    for order in itertools.islice(itertools.permutations(trials), 0, 720, 67):
        assert [propose(MIXED, ADAM, order, (), turn) for turn in turns] == [
            propose(MIXED, ADAM, trials, (), turn) for turn in turns
        ]


def test_what_a_seed_means():
    where = space(learning_rate=RATES, hidden_units=LogInteger(4, 64), activation=Choice(("relu", "tanh")))
    trials, found = [], []
    for index in range(8):
        configuration, origin = propose(where, NOTHING, trials, (), Turn(0, 0, index, index, index / 8))
        trials.append(known(index, configuration, abs(math.log10(configuration["learning_rate"]) + 2)))
        rate, units, activation = (configuration[p.name] for p in where.parameters)
        found.append((float(f"{rate:.6g}"), units, activation, origin.describe()))
    assert found == [
        (0.0218663, 15, "tanh", "coarse"),
        (0.000205767, 4, "relu", "coarse"),
        (0.000103227, 4, "relu", "zoom around trial 1, side 1"),
        (0.000230865, 4, "tanh", "zoom around trial 1, side 0.86"),
        (0.00010313, 4, "tanh", "zoom around trial 1, side 0.74"),
        (0.00117586, 64, "tanh", "zoom around trial 3, side 0.63"),
        (0.000671545, 14, "tanh", "zoom around trial 5, side 0.54"),
        (0.999895, 8, "tanh", "zoom around trial 0, side 0.47"),
    ]
