from __future__ import annotations

import numpy as np
import pytest

from hptune.domains import Choice, Real
from hptune.levels import Grid, LogInteger
from hptune.nn.hyperparameters import LEGAL
from hptune.scales import LOG
from hptune.search.borders import End, crowded, extended
from hptune.search.known import Known
from hptune.space import Parameter, SearchSpace
from hptune.trial import Status


def space(**domains):
    return SearchSpace(tuple(Parameter(name, domain, LEGAL[name]) for name, domain in domains.items()))


DROPOUT = space(dropout=Real(0.0, 0.4))  # the outer 5 % are below 0.02 and above 0.38
HIGH = End("dropout", "high")


def trials(name, *values, status=Status.COMPLETED):
    """Trials with these values, the best first."""
    return [Known(n, {} if v is None else {name: v}, status, (0.1 + n,)) for n, v in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ((0.39, 0.385, 0.4, 0.2, 0.2), (HIGH,)),
        ((0.39, 0.2, 0.385, 0.2, 0.4), (HIGH,)),
        ((0.39, 0.385, 0.4), (HIGH,)),  # no more than three there are
        ((0.01, 0.0, 0.019), (End("dropout", "low"),)),
        ((0.39, 0.385), ()),
        ((0.39, 0.385, 0.2, 0.2, 0.2), ()),  # one beside the winner
        ((0.37, 0.385, 0.39, 0.4, 0.4), ()),  # not the winner
        ((0.39, 0.0, 0.0, 0.0, 0.385), ()),  # at different ends
        ((0.39, 0.385, 0.2, 0.2, 0.2, 0.4, 0.4), ()),  # behind the best five
        ((0.39, None, 0.385, 0.2, 0.4), (HIGH,)),  # one does not have it
        ((None, 0.39, 0.385, 0.4, 0.4), ()),  # nor the winner
        ((), ()),
    ],
)
def test_an_end_is_crowded_with_the_winner_and_two_of_the_best_five(values, ends):
    assert crowded(DROPOUT, trials("dropout", *values)) == ends
    assert crowded(DROPOUT, trials("dropout", *values)[::-1]) == ends  # their order is that of their scores


@pytest.mark.parametrize("status", [Status.STOPPED, Status.DIVERGED, Status.FAILED])
def test_only_completed_trials_count(status):
    assert crowded(DROPOUT, trials("dropout", 0.4, 0.4, 0.4, status=status)) == ()


def test_what_has_no_ends_is_never_crowded():
    for domain, value in ((Choice(("relu", "tanh")), "tanh"), (Choice(("relu",), constant=True), "relu")):
        assert crowded(space(activation=domain), trials("activation", value, value, value)) == ()
    assert crowded(space(hidden_layers=Grid(2, 1, 1)), trials("hidden_layers", 2, 2, 2)) == ()


def test_the_outermost_level_is_an_end_unless_there_are_so_few_that_the_best_share_one_by_chance():
    six, five = space(hidden_layers=Grid(1, 1, 6)), space(hidden_layers=Grid(1, 1, 5))
    assert crowded(six, trials("hidden_layers", 6, 6, 6)) == (End("hidden_layers", "high"),)
    assert crowded(six, trials("hidden_layers", 5, 5, 5)) == ()
    assert crowded(five, trials("hidden_layers", 5, 5, 5)) == ()


def test_an_end_moves_out_by_half_of_the_range_on_its_scale():
    where = space(
        dropout=Real(0.1, 0.5),
        learning_rate=Real(1e-3, 1e-1, LOG),
        hidden_units=LogInteger(1, 64),
        beta1=Real(0.5, 0.9),
    )
    best = {"dropout": 0.5, "learning_rate": 1e-3, "hidden_units": 64, "beta1": 0.7}
    new, ends = extended(where, [Known(n, best, Status.COMPLETED, (0.5,)) for n in range(3)], {})
    assert ends == (End("dropout", "high"), End("learning_rate", "low"), End("hidden_units", "high"))
    dropout, rate, units, beta = (parameter.domain for parameter in new.parameters)
    assert (dropout.low, dropout.high) == pytest.approx((0.1, 0.7))
    assert (rate.low, rate.high) == pytest.approx((1e-4, 1e-1))
    assert units == LogInteger(1, 732)  # up to 0.5 * (64.5 / 0.5)^1.5 = 732.6, as 64 up to 64.5
    assert beta == Real(0.5, 0.9)
    assert [parameter.name for parameter in new.parameters] == [parameter.name for parameter in where.parameters]


def test_an_end_moves_twice_at_the_most():
    where = space(learning_rate=Real(1e-3, 1e-1, LOG))
    end, best = End("learning_rate", "high"), trials("learning_rate", 0.1, 0.1, 0.1)
    for times in (0, 1):
        assert extended(where, best, {end: times})[1] == (end,)
    assert extended(where, best, {end: 2}) == (where, ())
    assert extended(where, best, {End("learning_rate", "low"): 2})[1] == (end,)  # the other end has its own count


def test_no_end_moves_past_what_is_legal():
    where = space(dropout=Real(0.0, 0.4))
    assert extended(where, trials("dropout", 0.0, 0.0, 0.0), {}) == (where, ())
    beyond, _ = extended(space(dropout=Real(0.0, 0.8)), trials("dropout", 0.8, 0.8, 0.8), {})
    assert 0.8 < beyond.parameters[0].domain.high < 1
    whole, _ = extended(space(hidden_units=LogInteger(2, 64)), trials("hidden_units", 2, 2, 2), {})
    assert whole.parameters[0].domain == LogInteger(1, 64)
    assert extended(whole, trials("hidden_units", 1, 1, 1), {}) == (whole, ())


@pytest.mark.parametrize(("slope", "ends"), [(-1.0, (End("dropout", "high"),)), (0.0, ())])
def test_best_trials_at_an_end_need_scores_that_become_better_towards_it(slope, ends):
    """The best of many that drew together there, with scores that depend on it or on another hyperparameter alone."""
    rng = np.random.default_rng(0)
    where = space(dropout=Real(0.0, 0.9), l2=Real(0.0, 1.0))
    dropouts, l2s = 0.9 * (1 - np.linspace(0, 1, 60) ** 2 * rng.random(60)), np.linspace(0, 1, 60) ** 0.5
    scores = slope * dropouts + l2s + 0.01 * rng.standard_normal(60)
    known = [
        Known(number, {"dropout": dropout, "l2": l2}, Status.COMPLETED, [score])
        for number, (dropout, l2, score) in enumerate(zip(dropouts, l2s, scores, strict=True))
    ]
    assert crowded(where, known) == ends
