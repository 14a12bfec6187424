"""Others beside a search: readers at any moment, a second program on the same run, and signals at any point."""

from __future__ import annotations

import os
import signal

import programs as kit
import pytest

import hptune
from hptune import runs, store

SIGNALS = {"int": 130, "term": 143, "hup": 129}  # exit codes
USAGE, NO_SCORE = 2, 4  # exit codes of a report


def is_read(programs, place, step, *, as_program):
    """Whatever a reader asks for is a prefix of what there will be at the end."""
    expected = {row["trial"]: row for row in step.left[0]}
    curves = {(row["trial"], row["epoch"]): row["dev_loss"] for row in step.left[1]}
    code = USAGE  # there is no run yet
    for folder in runs.find_all(place / "runs"):
        loaded = hptune.load(folder.path)
        code = 0 if loaded.trials["dev_loss"].notna().any() else NO_SCORE
        for number, status in zip(loaded.trials["trial"], loaded.trials["status"], strict=True):
            assert status in ("unfinished", expected[str(number)]["status"])
        for row in loaded.curves.itertuples():
            assert float(curves[str(row.trial), str(row.epoch)]) == row.dev_loss
        assert store.read_overview(folder).n_done <= len(expected)
    if as_program:
        for command in (("report",), ("report", "--json"), ("list",)):
            ended = programs.run(place, *command)
            assert ended.code == (0 if command == ("list",) else code), ended.output
            assert "Traceback" not in ended.output


def reads_at(points, programs, step, place, *, as_program=True):
    """A writer that stops at each of the points until readers have read ends as if they had not; how often it did."""
    orders = " ".join(f"{n}:stop" for n in points)
    writer = programs.start(step.start(place), *step.command, "--workers", 0, orders=orders)
    n_stops = 0
    while programs.stops(writer):
        is_read(programs, place, step, as_program=as_program)
        os.kill(writer[0], signal.SIGCONT)
        n_stops += 1
    ended = programs.end(writer)
    assert ended.code == 0, ended.output
    assert ended.points == step.ended.points
    assert kit.left_by(place) == step.left
    return n_stops


def test_readers_at_points_of_a_writer_see_a_prefix_and_do_not_disturb(programs, undisturbed, tmp_path):
    points = [1, 5, 15, 60, 61, 62, 63, 200, 364]
    assert reads_at(points, programs, undisturbed["search"], tmp_path / "place", as_program=False) == len(points)


@pytest.mark.sweep
@pytest.mark.parametrize("command", kit.COMMANDS)
def test_sweep_of_readers_at_every_point_of_a_writer(command, programs, undisturbed, tmp_path):
    """By hptune.load at every point, by the commands at every ninth. A minute and a half."""
    step = undisturbed[command]
    everywhere = range(1, len(step.ended.points) + 1)
    assert reads_at(everywhere, programs, step, tmp_path / "all", as_program=False) == len(everywhere)
    reads_at(everywhere[::9], programs, step, tmp_path / "some")


def exactly_one_goes_on(programs, step, place):
    """Two programs meet before the lock. The one that gets it waits until the other has been refused."""
    step.start(place)
    assert programs.run(place, *step.command, "--workers", 0, orders="200:kill").code == -signal.SIGKILL
    orders = "lock.wanted:1:stop lock.taken:1:stop"
    both = [programs.start(place, "resume", "--workers", 0, orders=orders) for _ in range(2)]
    assert all(map(programs.stops, both))
    for started in both:
        os.kill(started[0], signal.SIGCONT)
    has_won = [programs.stops(started) for started in both]
    assert sorted(has_won) == [False, True]
    winner, loser = both[has_won.index(True)], both[has_won.index(False)]
    refused = programs.end(loser)
    assert refused.code == 5, refused.output
    assert f"in use by hptune, process {winner[0]}" in refused.output
    os.kill(winner[0], signal.SIGCONT)
    assert programs.end(winner).code == 0
    assert kit.left_by(place) == step.left


def test_of_two_programs_at_a_barrier_exactly_one_goes_on(programs, undisturbed, tmp_path):
    exactly_one_goes_on(programs, undisturbed["search"], tmp_path / "place")


@pytest.mark.sweep
def test_sweep_of_two_programs_at_a_barrier(programs, undisturbed, tmp_path):
    """Fifty rounds; half a minute."""
    for n in range(50):
        exactly_one_goes_on(programs, undisturbed["search"], tmp_path / str(n))


def test_two_searches_that_begin_at_once_get_a_folder_each(programs, undisturbed, tmp_path):
    step = undisturbed["search"]
    place = step.start(tmp_path / "place")
    both = [programs.start(place, *step.command, "--workers", 0, orders="run.filled:1:stop") for _ in range(2)]
    assert all(map(programs.stops, both))
    for started in both:
        os.kill(started[0], signal.SIGCONT)
    assert [programs.end(started).code for started in both] == [0, 0]
    assert sorted(path.name for path in (place / "runs").iterdir()) == ["toy-001", "toy-002"]
    for name in ("toy-001", "toy-002"):
        assert kit.without_times(place / "runs" / name / "trials.csv") == step.left[0]


def is_finished(place):
    return store.read(runs.RunFolder(kit.run_folder(place))).is_finished


def heeds(programs, finish, step, place, n, action):
    """A signal at the n-th point, then a resume; whether it came to that point."""
    step.start(place)
    ended = programs.run(place, *step.command, "--workers", 0, orders=f"{n}:{action}")
    if len(ended.points) < n:
        assert ended.code == 0, ended.output
        return False
    # before there are handlers a signal kills; where all is done, it comes too late
    died = -getattr(signal, f"SIG{action.upper()}")
    assert ended.code in (0, SIGNALS[action], died), ended.output
    assert "Traceback" not in ended.output
    if ended.code == SIGNALS[action] and kit.n_stages(place) > step.number and not is_finished(place):
        assert "hptune resume" in ended.output
    finish(place, step, "--workers", 0)
    assert kit.left_by(place) == step.left
    return True


def heeds_at_call(programs, finish, step, place, n, action, *, left=False):
    """A signal at the n-th call of whatever function, then a resume; whether it came to that call."""
    step.start(place)
    number = getattr(signal, f"SIG{action.upper()}")
    ended = programs.run(place, *step.command, "--workers", 0, strike=(n, number), left=left)
    if kit.STRIKE not in ended.points:
        assert ended.code == 0, ended.output
        return False
    after = ended.points[ended.points.index(kit.STRIKE) + 1 :]
    assert ended.code in ((SIGNALS[action], -number) if after else (0, SIGNALS[action], -number)), ended.output
    assert "Traceback" not in ended.output
    assert "Exception ignored" not in ended.output
    assert after.count("trial.epoch") <= 1, "it trained on"
    if not left and ended.code == SIGNALS[action] and kit.n_stages(place) > step.number and not is_finished(place):
        assert "hptune resume" in ended.output
    finish(place, step, "--workers", 0)
    assert kit.left_by(place) == step.left
    return True


@pytest.mark.parametrize("left", [False, True])
def test_a_signal_at_a_call_is_heeded_though_the_output_is_closed(left, programs, undisturbed, finish, tmp_path):
    assert heeds_at_call(programs, finish, undisturbed["search"], tmp_path / "place", 20_000, "term", left=left)


@pytest.mark.sweep
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("command", kit.COMMANDS)
def test_sweep_of_signals_at_any_call(command, part, programs, undisturbed, finish, tmp_path):
    """Of the three in turn, at every few thousandth call of a function, every other time with a closed output."""
    n = 997 * (part + 1)
    while heeds_at_call(
        programs, finish, undisturbed[command], tmp_path / str(n), n, [*SIGNALS][n % 3], left=bool(n % 2)
    ):
        n += 4 * 997


@pytest.mark.parametrize("name", ["run.placed", "database.opened"])
def test_a_signal_while_a_run_is_made_names_what_goes_on(name, programs, undisturbed, finish, tmp_path):
    n = undisturbed["search"].points(name)[0]
    place = tmp_path / "place"
    assert heeds(programs, finish, undisturbed["search"], place, n, "term")


@pytest.mark.parametrize(("action", "n"), [("int", 30), ("term", 62), ("hup", 363)])
def test_a_signal_at_a_point_then_resume_gives_the_same(action, n, programs, undisturbed, finish, tmp_path):
    assert heeds(programs, finish, undisturbed["search"], tmp_path / "place", n, action)


@pytest.mark.sweep
@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("command", kit.COMMANDS)
def test_sweep_of_signals_at_every_point(command, part, programs, undisturbed, finish, tmp_path):
    """Of the three in turn. Five minutes in all."""
    n = part + 1
    while heeds(programs, finish, undisturbed[command], tmp_path / str(n), n, [*SIGNALS][n % 3]):
        n += 8
