"""Nothing outlives hptune or a worker, and a guardian says truly how its worker ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing

import pytest
from processes import ended_within
from worker_trainers import STATES, WITH_CHILD

from hptune.events import AttemptLost, EpochEnded
from hptune.trial import Job, TrialSpec
from hptune.workers import orphans, process
from hptune.workers.local import LocalWorkers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a guardian reaches everything on Linux alone")
SPECS = [TrialSpec(number, 0, {}, 0) for number in range(2)]
PROGRAM = """
import os, pathlib, signal
from hptune.trial import Job, TrialSpec
from hptune.workers.local import LocalWorkers
folder = pathlib.Path({folder!r})
workers = LocalWorkers(Job("worker_trainers:stubborn", "dev_error", {settings}), 2)
for number in range(2):
    workers.submit(TrialSpec(number, 0, {{}}, 0))
while not all((folder / name).exists() for name in {names}):
    workers.poll(0.1)
print(*[process.popen.pid for process in workers._processes], flush=True)
if {stop_guardians}:
    for process in workers._processes:
        os.kill(process.popen.pid, signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGKILL)
"""


def job(state, folder):
    return Job("worker_trainers:stubborn", "dev_error", {"state": state, "folder": str(folder)})


def names(state, specs=SPECS):
    kinds = ["worker", *(["child"] if state in WITH_CHILD else [])]
    return [f"{kind}-{spec.number}" for kind in kinds for spec in specs]


def written(folder, state, specs=SPECS):
    return [int((folder / name).read_text()) for name in names(state, specs)]


def until_written(workers, folder, state):
    """Poll until all is as the test wants it; the events."""
    events = []
    while not all((folder / name).exists() for name in names(state, SPECS[:1])):
        events += workers.poll(0.1)
    return events


@pytest.mark.parametrize("stop_guardians", [False, True], ids=["", "guardians stopped"])
@pytest.mark.parametrize("state", [state for state in STATES if state != "crash"])
def test_a_second_after_hptune_was_killed_all_is_gone(state, stop_guardians, tmp_path):
    settings = {"state": state, "folder": str(tmp_path)}
    program = PROGRAM.format(folder=str(tmp_path), settings=settings, names=names(state), stop_guardians=stop_guardians)
    parent = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    guardians = [int(word) for word in parent.stdout.split()]
    assert len(guardians) == 2
    assert all(ended_within(pid, 1) for pid in [*written(tmp_path, state), *guardians])


@pytest.mark.parametrize("state", [state for state in STATES if state != "crash"])
def test_close_leaves_nothing(state, tmp_path):
    with closing(LocalWorkers(job(state, tmp_path), 1)) as workers:
        workers.submit(SPECS[0])
        until_written(workers, tmp_path, state)
        guardian = workers._processes[0].popen.pid
    assert ended_within(guardian, 0)  # close has waited for it
    assert all(ended_within(pid, 0) for pid in written(tmp_path, state, SPECS[:1]))


def test_a_worker_that_dies_leaves_nothing_and_its_signal_is_told(tmp_path):
    with closing(LocalWorkers(job("crash", tmp_path), 1)) as workers:
        workers.submit(SPECS[0])
        events = until_written(workers, tmp_path, "crash")
        while workers.n_busy:
            events += workers.poll(1)
        (lost,) = [event for event in events if isinstance(event, AttemptLost)]
        assert "was killed by signal 11 (SIGSEGV)" in lost.reason
        (child,) = written(tmp_path, "crash", SPECS[:1])[1:]
        assert ended_within(child, 0)  # before the death was told


def test_a_guardian_that_is_killed_takes_its_worker_along(tmp_path):
    with closing(LocalWorkers(job("in C", tmp_path), 1)) as workers:
        workers.submit(SPECS[0])
        until_written(workers, tmp_path, "in C")
        os.kill(workers._processes[0].popen.pid, signal.SIGKILL)
        assert ended_within(written(tmp_path, "in C", SPECS[:1])[0], 1)


@pytest.mark.parametrize("state", sorted(WITH_CHILD - {"crash"}))
def test_a_guardian_that_is_killed_costs_an_attempt_and_leaves_nothing(state, tmp_path):
    with closing(LocalWorkers(job(state, tmp_path), 1)) as workers:
        workers.submit(SPECS[0])
        until_written(workers, tmp_path, state)
        os.kill(workers._processes[0].popen.pid, signal.SIGKILL)
        events, end = [], time.monotonic() + 10
        while workers.n_busy:
            assert time.monotonic() < end, "its end is not seen"
            events += workers.poll(0.1)
        assert [type(event) for event in events if not isinstance(event, EpochEnded)] == [AttemptLost]
        assert all(ended_within(pid, 1) for pid in written(tmp_path, state, SPECS[:1]))


def test_a_guardian_that_was_killed_before_close_leaves_nothing(tmp_path):
    with closing(LocalWorkers(job("child in a session", tmp_path), 1)) as workers:
        workers.submit(SPECS[0])
        until_written(workers, tmp_path, "child in a session")
        os.kill(workers._processes[0].popen.pid, signal.SIGKILL)
        assert ended_within(workers._processes[0].popen.pid, 1)
    assert all(ended_within(pid, 1) for pid in written(tmp_path, "child in a session", SPECS[:1]))


def test_a_guardian_that_does_not_come_to_its_end_is_killed_with_what_is_below(monkeypatch):
    monkeypatch.setattr(process, "END_S", 0.01)
    never = "import os, signal\nif not os.fork():\n    os.setsid()\n    print(os.getpid(), flush=True)\nsignal.pause()"
    tag = orphans.new_tag()
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = {**os.environ, orphans.TAG: tag}
    popen = subprocess.Popen([sys.executable, "-c", never], env=environment, bufsize=0, **pipes)
    child = int(popen.stdout.readline())
    assert process.Process(popen, 0.0, tag).reap() == -signal.SIGKILL
    assert ended_within(child, 1)


def test_orphans_are_known_by_their_session_or_their_tag_and_nothing_else_is_touched():
    tag = orphans.new_tag()
    mark = f"{orphans.TAG}={tag}"
    ours = [({orphans.TAG: tag}, False), ({orphans.TAG: tag}, True), ({}, True)]
    others = [
        ({orphans.TAG: tag + "0"}, True),
        ({orphans.TAG: tag[:-1]}, False),
        ({"X" + orphans.TAG: tag, "ARGUMENT": mark}, False),
        ({}, True),
        ({}, False),
    ]
    waits = [sys.executable, "-c", "input()"]
    with ExitStack() as stack:
        dead, *living = [
            stack.enter_context(
                subprocess.Popen([*waits, mark], stdin=subprocess.PIPE, env=environment, start_new_session=has_session)
            )
            for environment, has_session in [*reversed(ours), *others]
        ]
        orphans.kill(tag, session=dead.pid, group=None)
        assert [started.wait(1) for started in (dead, *living[:2])] == [-signal.SIGKILL] * 3
        assert [started.poll() for started in living[2:]] == [None] * len(others)
        for started in living[2:]:
            started.communicate(b"\n")
            assert started.returncode == 0


def test_guardians_load_little(tmp_path):
    """Nothing that starts a thread, and no NumPy: they are one a worker."""
    code = "import sys, hptune.workers.guardian; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(loaded.split()) & {"numpy", "threading", "dataclasses", "typing_extensions", "pathlib", "json"}
