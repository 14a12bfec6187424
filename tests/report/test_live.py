"""A search as it runs, fed with events by hand and a clock that stands where it is put."""

from __future__ import annotations

import io
import signal

import pytest
from rich.console import Console

from hptune.events import (
    AttemptLost,
    EpochEnded,
    Notice,
    SpaceExtended,
    StageEnded,
    StageStarted,
    Stopping,
    TrialEnded,
    TrialStarted,
)
from hptune.report.live import Display, Progress
from hptune.search.plan import Budget
from hptune.trial import EpochMetrics, Kind, Origin, Status, TrialResult, TrialSpec

NOW = [0.0]


def progress(planned=10, **changes):
    NOW[0] = 100.0
    settings = {"metric": "dev_error", "epochs": 30, "n_trials": {0: planned}, "clock": lambda: NOW[0]}
    return Progress(**{**settings, **changes})


def spec(number, kind=Kind.COARSE, parent=None):
    return TrialSpec(number, 0, {}, 0, Origin(kind, parent, 0.5 if kind is Kind.ZOOM else None))


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
    assert "4/10 trials, 1 running, 1 diverged, best dev_error 0.25 (trial 1)" in text
    assert "0:20 elapsed, 0:30 left" in text
    assert "trial 4  epoch 7/30  dev_error 0.125" in text


def test_time_left_counts_only_this_sitting():
    state = progress(done=8, planned=10)
    assert state.time_left_s() is None
    state.update(ended(8, 0.5))
    NOW[0] = 107.0
    assert state.time_left_s() == pytest.approx(7.0)


def test_the_phase_is_that_of_the_newest_trial_and_one_from_elsewhere_in_between_is_none():
    state = progress()
    phases = []
    for number, (kind, parent) in enumerate(
        [(Kind.COARSE, None), (Kind.ZOOM, 17), (Kind.GLOBAL, None), (Kind.ZOOM, 3), (Kind.CONFIRMATION, 17)]
    ):
        state.update(TrialStarted(spec(number, kind, parent), 1))
        phases.append(state.summary().split(", ")[1])
    assert phases == [
        "coarse", "closing in on trial 17", "closing in on trial 17", "closing in on trial 3", "confirming trial 17",
    ]  # fmt: skip


def test_stopped_trials_are_no_failures_and_never_the_best():
    state = progress()
    assert state.update(ended(0, 0.1, Status.STOPPED, "above the bar")) is False
    assert state.update(ended(1, 0.5)) is True
    assert "2/10 trials, 1 stopped, best dev_error 0.5 (trial 1)" in state.summary()
    assert "failed" not in state.summary()


def test_a_confirmation_is_no_new_best():
    state = progress()
    state.update(TrialStarted(spec(0), 1))
    state.update(ended(0, 0.5))
    state.update(TrialStarted(spec(1), 1))
    state.update(TrialStarted(spec(2, Kind.CONFIRMATION, 0), 1))
    assert state.update(ended(2, 0.125)) is False
    assert "best dev_error 0.5 (trial 0)" in state.summary()
    assert state.update(ended(1, 0.25)) is True  # the last of the search may end after the first confirmation


def test_without_a_number_of_trials_the_share_of_the_budget_is_shown():
    # of 1,000 epochs 300 are spent and 50 more under way: 35 %, of the 85 % that are not for confirmation
    state = progress(planned=None, budget=Budget(epochs=1000), confirms=True, spent_epochs=270, to_come=6)
    state.update(ended(0, 0.5))  # 30 epochs
    state.update(TrialStarted(spec(1), 1))
    state.update(epoch(1, 50, 0.1))
    NOW[0] = 110.0
    assert state.share == pytest.approx(0.35 * 0.85)
    assert "1 trial, 30 % of the budget" in state.summary()
    before = 0.27 * 0.85  # from an earlier sitting
    assert state.time_left_s() == pytest.approx(10 * (1 - state.share) / (state.share - before))
    state.update(StageEnded(0, 40))
    assert "1/46 trials" in state.summary()
    assert state.time_left_s() is None  # the pace in trials is not known yet
    state.update(StageStarted(1, "confirm-1", "the best 2", 6))
    assert "1/46 trials" in state.summary()
    state.update(StageEnded(1, 3))
    assert "1/43 trials" in state.summary()


def test_a_limit_of_time_is_a_share_too():
    state = progress(planned=None, budget=Budget(trials=1000, time_s=100.0), spent_s=20.0, spent_trials=10)
    NOW[0] = 130.0
    assert state.share == pytest.approx(0.5)
    assert "50 % of the budget" in state.summary()


def test_stages_and_extended_spaces_are_told():
    space = '{"l2": {"scale": "log", "low": 1e-05, "high": %s}, "dropout": {"low": 0.0, "high": 0.5}}'
    steps = display(progress(space=space % "1.0"))
    moving = next(steps)
    moving.show(StageStarted(0, "search", "whole space", 51))  # the command has said it
    moving.show(SpaceExtended(0, space % "300.0"))
    moving.show(SpaceExtended(0, space % "300.0"))
    moving.show(StageStarted(1, "confirm-1", "the best 3, 3 fresh seeds each", 9))
    assert next(steps).splitlines() == [
        "l2: the best trials lie at an end of 1e-05 .. 1 (log), which is extended to 1e-05 .. 300 (log)",
        "confirm-1: the best 3, 3 fresh seeds each",
    ]


def test_a_lost_attempt_is_no_longer_running():
    state = progress()
    state.update(TrialStarted(spec(1), 1))
    state.update(AttemptLost(spec(1), "its worker died"))
    assert "0 running" in shown(state)


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
    assert "running" not in text  # while a trial's end is told, its worker has begun the next one
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


def test_a_notice_is_told():
    steps = display(progress())
    moving = next(steps)
    moving.show(Notice("only 3 of 8 workers could be started"))
    assert "Note: only 3 of 8 workers could be started" in next(steps)


class Odd:
    """Draws itself a few times, then no more."""

    def __init__(self, times):
        self.times = times

    def __rich__(self):
        self.times -= 1
        if self.times < 0:
            raise ValueError("[bold]no such width")
        return "odd"


class Gone(io.StringIO):
    """A terminal that has vanished."""

    def write(self, text):
        raise OSError(5, "Input/output error")


def feed(moving, n=30):
    for number in range(n):
        moving.show(TrialStarted(spec(number), 1))
        moving._live.refresh()  # what the display's own thread does
        moving.show(ended(number, 0.5))


@pytest.mark.parametrize("times", [0, 1, 5])
def test_a_drawing_that_fails_turns_the_display_off_and_ends_nothing(times):
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    with Display(console, progress()) as moving:
        moving._live.update(Odd(times))
        feed(moving)
    text = console.file.getvalue()
    assert text.count("The display has failed (ValueError: [bold]no such width) and is off; the search goes on.") == 1
    assert text.endswith("goes on.\n") or "\x1b[?25h" in text  # and the cursor is back


def test_so_does_a_text_that_cannot_be_made(monkeypatch):
    console = Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(Progress, "summary", lambda _: 1 / 0)
    with Display(console, progress()) as moving:
        feed(moving)
    assert console.file.getvalue().count("The display has failed (ZeroDivisionError: division by zero)") == 1


@pytest.mark.parametrize("is_terminal", [True, False])
def test_so_does_a_terminal_that_vanishes_or_cannot_show_what_is_written(is_terminal):
    for file in (Gone(), io.TextIOWrapper(io.BytesIO(), "ascii")):
        console = Console(file=file, width=200, force_terminal=is_terminal)
        with Display(console, progress()) as moving:
            moving._live.update("\N{SNOWMAN}")
            feed(moving)
            moving.show(Notice("\N{SNOWMAN}"))


def test_ctrl_z_gives_the_terminal_back_and_draws_anew(monkeypatch):
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    stopped = []
    monkeypatch.setattr("os.kill", lambda _, number: stopped.append((number, console.file.getvalue())))
    with Display(console, progress()) as moving:
        feed(moving, 2)
        moving._pause(signal.SIGTSTP, None)
        assert signal.getsignal(signal.SIGTSTP) == moving._pause
        ((number, shown),) = stopped
        assert number == signal.SIGTSTP
        assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is there while we are stopped
        assert console.file.getvalue().rindex("\x1b[?25l") >= len(shown)
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL
