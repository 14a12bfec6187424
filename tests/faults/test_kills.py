"""Killed anywhere and resumed, a run comes to what it comes to when nothing befalls it."""

from __future__ import annotations

import random
import signal

import programs as kit
import pytest

import hptune
from hptune import runs, store
from hptune.nn import model_file
from hptune.store.answer import answer_of

EPOCHS = 2  # of a trial
PARTS = 8  # of a sweep


def unstored(n_workers):
    """How many trials may be trained and not stored: beside a running one that of the worker before, just ended."""
    return max(1, 2 * n_workers)


def survives(programs, finish, step, place, orders, n_workers=0):
    """Kill a command, look as a reader does, go on to the end without workers, compare; whether it was killed."""
    step.start(place)
    died = programs.run(place, *step.command, "--workers", n_workers, orders=orders)
    if died.code == 0:
        return False
    assert died.code == -signal.SIGKILL, died.output
    reads_a_prefix(place, step)
    resumed = finish(place, step, "--workers", 0)
    assert kit.left_by(place) == step.left
    n_epochs = sum(ended.n_epochs() for ended in (died, *resumed))
    assert n_epochs <= step.ended.n_epochs() + unstored(n_workers) * EPOCHS, (
        "more than an attempt of each running trial"
    )
    return True


def reads_a_prefix(place, step):
    """What is told of trials that have ended is what will be told at the end, and the answer has its weights."""
    for folder in runs.find_all(place / "runs"):
        if (answer := answer_of(store.read(folder))) is not None:
            kept = [path for path in (folder.best_npz, folder.weights_of(answer.weights)) if path.exists()]
            assert answer.weights in [model_file.load(path).trial for path in kept]
        else:
            assert not folder.best_npz.exists()
        loaded = hptune.load(folder.path)
        expected = {row["trial"]: row["status"] for row in step.left[0]}
        for number, status in zip(loaded.trials["trial"], loaded.trials["status"], strict=True):
            assert status in ("unfinished", expected[str(number)])


FAST = (
    ("search", "run.draft"),
    ("search", "run.filled"),
    ("search", "run.placed"),
    ("search", "data.written"),
    ("search", "store.commit"),
    ("search", "store.committed"),
    ("search", "file.written"),
    ("search", "weights.promoting"),
    ("search", "weights.promoted"),
    ("search", "test.measured"),
    ("zoom", "store.committed"),
    ("retest", "database.merged"),
)


@pytest.mark.parametrize(("command", "name"), FAST)
def test_kill_9_at_a_point_then_resume_gives_the_same(command, name, programs, undisturbed, finish, tmp_path):
    """At the middle one of the points of that name."""
    step = undisturbed[command]
    places = step.points(name)
    orders = f"{places[len(places) // 2]}:kill"
    assert survives(programs, finish, step, tmp_path / "place", orders)


def test_a_run_folder_appears_whole_or_not_at_all(programs, undisturbed, tmp_path):
    """Killed at any point of its making, it leaves nothing that looks like a run, and the next search sweeps up."""
    step = undisturbed["search"]
    place = step.start(tmp_path / "place")
    n_points = step.ended.points.index("run.placed")
    assert n_points > 10
    for n in range(1, n_points + 1):
        assert programs.run(place, *step.command, orders=f"{n}:kill").code == -signal.SIGKILL
        assert runs.find_all(place / "runs") == []
    assert programs.run(place, *step.command, "--workers", 0).code == 0
    assert kit.left_by(place) == step.left


@pytest.mark.sweep
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("command", kit.COMMANDS)
def test_sweep_of_kill_9_at_every_point(command, part, programs, undisturbed, finish, tmp_path):
    """For n = 1, 2, 3 ... until the command ends without reaching the n-th. About 900 points: 9 minutes in all."""
    n = part + 1
    while survives(programs, finish, undisturbed[command], tmp_path / str(n), f"{n}:kill"):
        n += PARTS
    n_points = len(undisturbed[command].ended.points)
    assert n_points < n <= n_points + PARTS


@pytest.mark.parametrize("n", [120])
def test_killed_again_and_again_in_the_same_run(n, programs, undisturbed, finish, tmp_path):
    """Each time after so many points, of which a start takes up to sixty."""
    step = undisturbed["search"]
    place = step.start(tmp_path / "place")
    ended = finish(place, step, "--workers", 0, orders=f"{n}:kill", least=2)
    assert kit.left_by(place) == step.left
    assert sum(one.n_epochs() for one in ended) <= step.ended.n_epochs() + (len(ended) - 1) * EPOCHS


@pytest.mark.sweep
@pytest.mark.parametrize("n", [70, 80, 90, 130, 200])
def test_sweep_of_kills_again_and_again(n, programs, undisturbed, finish, tmp_path):
    test_killed_again_and_again_in_the_same_run(n, programs, undisturbed, finish, tmp_path)


@pytest.mark.parametrize("orders", ["worker:worker.tells:2:kill", "worker:worker.booted:1:kill"])
def test_kill_9_of_a_worker_costs_an_attempt_and_changes_nothing(orders, programs, undisturbed, tmp_path):
    step = undisturbed["search"]
    place = step.start(tmp_path / "place")
    ended = programs.run(place, *step.command, "--workers", 2, orders=f"{orders}@{tmp_path / 'struck'}")
    assert ended.code == 0, ended.output
    assert (tmp_path / "struck").exists()
    assert "workers.buried" in ended.points
    assert kit.left_by(place) == step.left
    assert ended.n_epochs() <= step.ended.n_epochs() + EPOCHS


@pytest.mark.sweep
@pytest.mark.parametrize("command", kit.COMMANDS)
def test_sweep_of_kill_9_of_a_worker_at_every_point(command, programs, undisturbed, tmp_path):
    """At the n-th point of whichever worker gets there first. A minute."""
    step, n = undisturbed[command], 1
    while True:
        place = step.start(tmp_path / str(n))
        struck = tmp_path / f"struck-{n}"
        ended = programs.run(place, *step.command, "--workers", 2, orders=f"worker:{n}:kill@{struck}")
        assert ended.code == 0, ended.output
        assert kit.left_by(place) == step.left
        assert ended.n_epochs() <= step.ended.n_epochs() + EPOCHS
        if not struck.exists():
            break
        n += 1
    assert n > 10


@pytest.mark.parametrize("n", [120])
def test_kill_9_of_the_parent_of_two_workers(n, programs, undisturbed, finish, tmp_path):
    """How many points there are then depends on timing, since what has come at once is stored at once."""
    assert survives(programs, finish, undisturbed["search"], tmp_path / str(n), f"{n}:kill", n_workers=2)


@pytest.mark.sweep
def test_sweep_of_kill_9_of_the_parent_of_two_workers(programs, undisturbed, finish, tmp_path):
    """At every seventh point. Two minutes."""
    n, step = 1, undisturbed["search"]
    while survives(programs, finish, step, tmp_path / str(n), f"{n}:kill", n_workers=2):
        n += 7
    assert n > 150


ACTIONS = {"kill": -signal.SIGKILL, "int": 130, "term": 143, "hup": 129}


def schedule(seed):
    """Up to three interruptions, each with the workers that the command has; and how it is interrupted."""
    drawn = random.Random(seed)
    for _ in range(drawn.randint(1, 3)):
        n_workers = drawn.choice((0, 0, 2))
        who = drawn.choice(("", "worker:")) if n_workers else ""
        action = "kill" if who else drawn.choice(list(ACTIONS))
        yield n_workers, action, f"{who}{drawn.randint(1, 12 if who else 300)}:{action}"


def survives_schedule(seed, programs, undisturbed, finish, tmp_path):
    step = undisturbed["search"]
    place = step.start(tmp_path / str(seed))
    n_epochs, most, seen = 0, step.ended.n_epochs(), {}
    for number, (n_workers, action, orders) in enumerate(schedule(seed)):
        command = kit.next_command(place, step.command, step.number)
        struck = tmp_path / f"{seed}-{number}"
        ended = programs.run(place, *command, "--workers", n_workers, orders=f"{orders}@{struck}")
        # a signal before there is a handler kills, too
        assert ended.code in (0, ACTIONS[action], -getattr(signal, f"SIG{action.upper()}")), ended.output
        n_epochs += ended.n_epochs()
        most += EPOCHS * unstored(n_workers) * struck.exists()
        seen = later(seen, place)
    n_epochs += sum(ended.n_epochs() for ended in finish(place, step, "--workers", 0))
    assert kit.left_by(place) == step.left
    assert n_epochs <= most


def later(seen, place):
    """The epochs of each trial that has ended; what was seen of it before has stayed."""
    found = {}
    for folder in runs.find_all(place / "runs"):
        trials = hptune.load(folder.path).trials
        ended = trials[trials["status"] != "unfinished"]
        found = dict(zip(ended["trial"], ended["epochs"], strict=True))
    assert found.items() >= seen.items(), "epochs went backwards"
    return found


@pytest.mark.parametrize("seed", range(2))
def test_a_schedule_of_interruptions(seed, programs, undisturbed, finish, tmp_path):
    survives_schedule(seed, programs, undisturbed, finish, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(2, 22))
def test_sweep_of_schedules_of_interruptions(seed, programs, undisturbed, finish, tmp_path):
    """A minute in all."""
    survives_schedule(seed, programs, undisturbed, finish, tmp_path)
