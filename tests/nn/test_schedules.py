import dataclasses
import math

import pytest
from nn.examples import BLOBS, SMALL, run

from hptune.nn.hyperparameters import LEGAL, Hyperparameters
from hptune.nn.schedules import build, inverse_time

FIVE_EPOCHS = {
    "constant": ({"learning_rate_decay": 1.0}, [0.2, 0.2, 0.2, 0.2, 0.2]),
    "inverse_time": ({"learning_rate_decay": 1.0}, [0.2, 0.2 / 2, 0.2 / 3, 0.2 / 4, 0.2 / 5]),
    "exponential": ({"decay_factor": 0.5}, [0.2, 0.1, 0.05, 0.025, 0.0125]),
    "sqrt": ({}, [0.2, 0.2 / math.sqrt(2), 0.2 / math.sqrt(3), 0.1, 0.2 / math.sqrt(5)]),
    "staircase": ({"decay_epochs": 2}, [0.2, 0.2, 0.1, 0.1, 0.05]),
    "manual": ({"learning_rate_factors": "1:0.5 3:2 4:0.01"}, [0.2, 0.1, 0.1, 0.4, 0.002]),
}


def test_every_schedule_has_its_numbers_here():
    assert set(FIVE_EPOCHS) == set(LEGAL["schedule"].choices)


@pytest.mark.parametrize("name", FIVE_EPOCHS)
def test_schedules_start_at_the_learning_rate_and_follow_their_formula(name):
    changes, rates = FIVE_EPOCHS[name]
    schedule = build(Hyperparameters(learning_rate=0.2, schedule=name, **changes))
    assert schedule(0) == 0.2
    assert [schedule(epoch) for epoch in range(5)] == pytest.approx(rates, rel=1e-15)


@pytest.mark.parametrize("name", FIVE_EPOCHS)
def test_a_trial_runs_at_the_rates_of_its_schedule(name):
    changes, rates = FIVE_EPOCHS[name]
    h = dataclasses.replace(SMALL, learning_rate=0.2, schedule=name, **changes)
    curve, _ = run(BLOBS, h)
    assert [metrics.learning_rate for metrics in curve] == pytest.approx(rates, rel=1e-15)


def test_the_courses_exponential_schedule_is_the_default_one():
    schedule = build(Hyperparameters(learning_rate=1.0, schedule="exponential"))
    assert [schedule(epoch) for epoch in range(3)] == pytest.approx([1, 0.95, 0.9025])


def test_learning_rate_decay_alone_is_inverse_time():
    schedule = build(Hyperparameters(learning_rate=0.3, learning_rate_decay=0.5))
    assert [schedule(epoch) for epoch in range(3)] == pytest.approx([0.3, 0.2, 0.15])


@pytest.mark.parametrize(
    ("factors", "rates"),
    [
        ("0:1", [0.2, 0.2, 0.2]),
        ("0:0.5", [0.1, 0.1, 0.1]),
        ("2:0.5", [0.2, 0.2, 0.1]),
        ("0:0.5 1:3", [0.1, 0.6, 0.6]),
        ("5:0.1", [0.2, 0.2, 0.2]),
    ],
)
def test_a_manual_schedule_holds_each_factor_until_the_next(factors, rates):
    schedule = build(Hyperparameters(learning_rate=0.2, schedule="manual", learning_rate_factors=factors))
    assert [schedule(epoch) for epoch in range(3)] == pytest.approx(rates, rel=1e-15)


def test_without_decay_the_learning_rate_stays():
    assert {inverse_time(0.2, 0.0)(epoch) for epoch in range(100)} == {0.2}
    assert {build(Hyperparameters(learning_rate=0.2))(epoch) for epoch in range(100)} == {0.2}


@pytest.mark.parametrize("changes", [{"schedule": "exponential", "decay_factor": 5e-324}, {"schedule": "staircase"}])
def test_a_rate_too_small_for_a_number_is_zero(changes):
    assert build(Hyperparameters(**changes))(10**9) == 0.0
