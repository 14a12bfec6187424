from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptune.search.plan import Budget, ConfirmPlan, Few, SearchPlan, from_json, parse_duration, parse_size, search_plan


def planned(budget, epochs=30, *, bars=True, confirm=True):
    return search_plan(budget, epochs, method="coarse-to-fine", bars=bars, parallel=4, extend=False, confirm=confirm)


@pytest.mark.parametrize(
    ("trials", "confirmed", "searched"),
    [
        (1, 0, 1),
        (20, 0, 20),  # 15 % are one configuration from three seeds: no choice
        (30, 2, 24),
        (50, 2, 44),  # 2.5
        (60, 3, 51),
        (80, 4, 68),
        (100, 5, 85),
        (1000, 5, 985),  # five at the most
    ],
)
def test_about_15_percent_of_the_trials_confirm_where_none_is_stopped(trials, confirmed, searched):
    plan = planned(Budget(trials), bars=False)
    assert (plan.confirm, plan.budget) == (confirmed, Budget(searched))


@pytest.mark.parametrize(
    ("trials", "confirmed", "share"),  # of the epochs, where trials with bars take 0.3 of theirs
    [(29, 0, 0), (30, 2, 6 / 13.2), (100, 2, 6 / 34.2), (150, 3, 9 / 51.3), (220, 4, 12 / 74.4), (270, 5, 15 / 91.5)],
)
def test_about_15_percent_of_the_epochs_confirm_where_bars_stop_trials(trials, confirmed, share):
    plan = planned(Budget(trials))
    assert (plan.confirm, plan.budget) == (confirmed, Budget(trials - 3 * confirmed))
    if share:
        assert 3 * confirmed / (3 * confirmed + 0.3 * plan.budget.trials) == pytest.approx(share)
    if trials >= 100:
        assert share == pytest.approx(0.15, abs=0.03)


def test_of_epochs_and_time_the_same_share():
    assert planned(Budget(epochs=60 * 30)).budget == Budget(epochs=51 * 30)
    assert planned(Budget(epochs=60 * 30 + 29)).confirm == 3  # whole trainings
    assert planned(Budget(epochs=20 * 30)).budget == Budget(epochs=20 * 30)
    assert planned(Budget(time_s=1000.0)).confirm == 5
    assert planned(Budget(time_s=1000.0)).budget.time_s == pytest.approx(850.0)


def test_the_smallest_budget_decides():
    plan = planned(Budget(trials=1000, epochs=60 * 30, time_s=100.0))
    assert plan.confirm == 3
    assert plan.budget == Budget(991, 51 * 30, 85.0)
    assert planned(Budget(trials=60, epochs=10 * 30, time_s=100.0)).confirm == 0
    assert planned(Budget(trials=60, epochs=10 * 30, time_s=100.0)).budget == Budget(60, 10 * 30, 100.0)


def planned_few(budget, few, epochs=10, **changes):
    options = {"method": "coarse-to-fine", "bars": True, "parallel": 4, "extend": False, "confirm": True, **changes}
    return search_plan(budget, epochs, **options, few=few)


@pytest.mark.parametrize(
    ("budget", "few", "searched", "confirmed", "bars"),
    [
        (Budget(100), Few(2), 2, 2, False),  # 2 and 6
        (Budget(40), Few(6), 6, 6, False),  # 6 and 18
        (Budget(24), Few(6), 6, 6, False),
        (Budget(23), Few(6), 6, 5, True),
        (Budget(40), Few(30), 30, 3, True),  # what is left of 40 confirms three
        (Budget(40), Few(60), 34, 2, True),  # not all can be tried: as ever
        (Budget(100), Few(1), 1, 1, False),
        (Budget(40), Few(2, 7), 2, 9, False),  # of a zoom: seven before have not been confirmed
    ],
)
def test_what_few_configurations_leave_of_a_budget_confirms_more_of_them(budget, few, searched, confirmed, bars):
    plan = planned_few(budget, few)
    assert (plan.budget.trials, plan.confirm, plan.bars) == (searched, confirmed, bars)
    assert searched + 3 * confirmed <= budget.trials


def test_few_configurations_in_a_budget_of_epochs_or_time():
    plan = planned_few(Budget(epochs=245), Few(6))
    assert (plan.confirm, plan.bars, plan.budget.epochs) == (6, False, 245 - 180)
    assert planned_few(Budget(time_s=20.0), Few(2)).confirm == 2
    assert planned_few(Budget(time_s=20.0), Few(50)).confirm == 5
    assert planned_few(Budget(40), Few(6), confirm=False).confirm == 0


def test_without_confirmation_all_is_searched():
    budget = Budget(100, 3000, 50.0)
    assert planned(budget, confirm=False) == SearchPlan("coarse-to-fine", True, 4, budget, extend=False, confirm=0)


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_a_search_is_never_left_without_most_of_its_budget(trials, epochs):
    assert 0.8 * trials <= planned(Budget(trials)).budget.trials <= trials
    assert planned(Budget(epochs=trials * epochs), epochs).budget.epochs >= 0.8 * trials * epochs
    assert planned(Budget(trials)).confirm in (0, 2, 3, 4, 5)


@pytest.mark.parametrize(
    "plan",
    [
        SearchPlan("random", False, 3, Budget(7)),
        SearchPlan("coarse-to-fine", True, 8, Budget(None, 10**12, 0.1 + 0.2), extend=True, confirm=5),
        ConfirmPlan((3, 1), (0, 1, 2)),
        ConfirmPlan((), (7,), 2.5, {"examples": 3, "columns": ["a"]}),
    ],
)
def test_plans_have_an_exact_json_form(plan):
    assert from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45s", 45),
        ("45", 45),
        ("90m", 5400),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1d2h3m4s", 86_400 + 7200 + 180 + 4),
        ("1.5d", 129_600),
        ("0.5s", 0.5),
        ("1h0m", 3600),
        ("010m", 600),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "0s", "0h0m", "-1h", "+1h", "2  h", " 2h", "2h ", "2h\n", "h", "1h30", "30m1h", "1h1h", "1.h", ".5h",
        "1,5h", "2H", "2 hour s", "2 minuts", "1w", "inf", "nan", "1e3", "1e3s", "9" * 400, "1_0s", "12:30", "0x1s",
    ],
)  # fmt: skip
def test_what_is_no_duration(text):
    assert parse_duration(text) is None


@given(st.text(alphabet="0123456789.dhms-+ e", max_size=12))
def test_a_duration_is_above_nothing_and_finite(text):
    found = parse_duration(text)
    assert found is None or 0 < found < math.inf


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("2GB", 2_000_000_000),
        ("512MB", 512_000_000),
        ("1.5GiB", 1_610_612_736),
        ("1TB", 10**12),
        ("100kB", 100_000),
        ("3MiB", 3_145_728),
        ("7", 7),
        ("", None),
        ("GB", None),
        ("2 GB", None),
        ("-2GB", None),
        ("2gb", None),
        ("2GBs", None),
        ("1e9", None),
        ("9" * 16, None),
    ],
)
def test_sizes(text, n_bytes):
    assert parse_size(text) == n_bytes
