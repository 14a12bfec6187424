"""A search as it runs, fed with events by hand and a clock that stands where it is put."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from hptune.events import AttemptLost, EpochEnded, Stopping, TrialEnded, TrialStarted
from hptune.report.live import Display, Progress
from hptune.trial import EpochMetrics, Status, TrialResult, TrialSpec

NOW = [0.0]


def progress(**changes):
    NOW[0] = 100.0
    return Progress(**{"metric": "dev_error", "epochs": 30, "planned": 10, "clock": lambda: NOW[0], **changes})


def spec(number):
    return TrialSpec(number, 0, {}, 0)


def ended(number, score, status=Status.COMPLETED, reason=""):
    return TrialEnded(TrialResult(number, status, reason, 30, 3, score))


def epoch(number, n, error):
    return EpochEnded(number, EpochMetrics(n, error, error, error, error, 0.1, 0.0))


def shown(thing, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(thing)
    return console.file.getvalue()


def test_it_counts_done_running_failed_and_knows_the_best():
    state = progress()
    for number in range(4):
        state.update(TrialStarted(spec(number), 1))
    assert state.update(ended(0, 0.5)) is True
    assert state.update(ended(1, 0.25)) is True
    assert state.update(ended(2, 0.3)) is False
    assert state.update(ended(3, None, Status.DIVERGED, "train_loss became nan in epoch 2")) is False
    state.update(TrialStarted(spec(4), 1))
    state.update(epoch(4, 7, 0.125))
    NOW[0] = 120.0
    text = shown(state)
    assert "4/10 trials, 1 running, 1 failed, best dev_error 0.25 (trial 1), 0:20 elapsed, 0:30 left" in " ".join(
        text.split()
    )
    assert "trial 4  epoch 7/30  dev_error 0.125" in text


def test_time_left_counts_only_this_sitting():
    state = progress(done=8, planned=10)
    assert state.time_left_s() is None
    state.update(ended(8, 0.5))
    NOW[0] = 107.0
    assert state.time_left_s() == 7.0


def test_a_lost_attempt_is_no_longer_running():
    state = progress()
    state.update(TrialStarted(spec(1), 1))
    state.update(AttemptLost(spec(1), "its worker died"))
    assert "0 running" in state.summary()


def test_stopping_is_said_instead_of_a_time():
    state = progress()
    state.update(ended(0, 0.5))
    state.update(Stopping(2, 5.0))
    assert "stopping" in state.summary()
    assert "left" not in state.summary()


@pytest.mark.parametrize("width", [30, 60, 100])
def test_nothing_is_wider_than_the_terminal(width):
    state = progress(planned=100)
    for number in range(20):
        state.update(TrialStarted(spec(number), 1))
        state.update(epoch(number, 3, 0.123456))
    lines = shown(state, width).splitlines()
    assert max(map(len, lines)) <= width
    assert sum("trial" in line and "epoch" in line for line in lines) <= 8


def display(state, **settings):
    console = Console(file=io.StringIO(), width=200, **settings)
    with Display(console, state) as moving:
        yield moving
    yield console.file.getvalue()


def test_piped_output_has_few_lines_and_no_control_characters():
    steps = display(progress(planned=1000))
    moving = next(steps)
    for number in range(1000):
        moving.show(TrialStarted(spec(number), 1))
        moving.show(ended(number, 0.5))
    text = next(steps)
    assert "\x1b" not in text
    assert 10 <= text.count("\n") <= 12
    assert "1000/1000 trials" in text.splitlines()[-1]


def test_a_moving_display_shows_the_summary_below_the_bar():
    steps = display(progress(), force_terminal=True)
    moving = next(steps)
    moving.show(ended(0, 0.25))
    moving._live.refresh()
    assert "1/10 trials" in next(steps)


def test_failures_are_told_a_few_times_and_hostile_reasons_are_harmless():
    steps = display(progress())
    moving = next(steps)
    for number in range(6):
        moving.show(ended(number, None, Status.FAILED, "[bold]\x1b[31m[/nope]\nsecond line"))
    text = next(steps)
    assert text.count("failed: [bold]") == 3
    assert "\x1b" not in text
    assert "second line" not in text


def test_a_lost_worker_is_told():
    steps = display(progress())
    moving = next(steps)
    moving.show(AttemptLost(spec(3), "its worker process was killed by signal 9"))
    assert "trial 3: its worker process was killed by signal 9; the trial is tried again" in next(steps)
