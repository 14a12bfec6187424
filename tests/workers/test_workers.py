"""Both kinds of workers keep one contract, and a fault costs what it should and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from processes import ended_within

from hptune import loop
from hptune.errors import DataError, HptuneError
from hptune.events import AttemptLost, EpochEnded, TrialEnded
from hptune.search.plan import Budget, SearchPlan
from hptune.stage_trials import Confirmations
from hptune.store import Snapshot, Stage
from hptune.trial import FinalCheck, Job, Status, TrialSpec
from hptune.workers.inline import InlineWorker
from hptune.workers.local import LocalWorkers

SPECS = [TrialSpec(number, 0, {"learning_rate": 0.1 + number}, 0) for number in range(6)]


def job(trainer, **settings):
    return Job(f"fake_trainers:{trainer}", "dev_error", settings)


class Memory:
    """A store that remembers."""

    def __init__(self):
        self.events = []

    def append(self, events, sitting, stage=None):
        self.events.extend(events)
        self.sitting = sitting


STAGE = Stage(0, "search", "", "{}", 0, len(SPECS), SearchPlan("random", False, 1, Budget(trials=len(SPECS))))


def train(workers, specs=SPECS):
    """A stage of given trials, which depend on nothing."""
    memory = Memory()
    queue = loop._Queue(Confirmations(0, specs, ()))
    watch = loop._Watch(Snapshot(None, {}, (STAGE,), (), (), None), STAGE)
    with closing(workers):
        told = list(loop._train(memory, workers, queue, watch, "dev_error", loop.Stop()))
    assert told == memory.events  # everything told was stored, in the same order
    return told


def results(events):
    ended = [event.result for event in events if isinstance(event, TrialEnded)]
    assert len({result.number for result in ended}) == len(ended)
    return {result.number: result for result in ended}


def without_seconds(result):
    return {**result.to_json(), "seconds": 0}


ALL_KINDS = {
    "inline": InlineWorker,
    "1 process": lambda j: LocalWorkers(j, 1),
    "3 processes": lambda j: LocalWorkers(j, 3),
}


@pytest.mark.parametrize("kind", ALL_KINDS.values(), ids=ALL_KINDS)
def test_every_trial_ends_once_with_its_whole_curve_in_order(kind):
    events = train(kind(job("steady")))
    assert sorted(results(events)) == [0, 1, 2, 3, 4, 5]
    for spec in SPECS:
        epochs = [e.metrics.epoch for e in events if isinstance(e, EpochEnded) and e.number == spec.number]
        assert epochs == [1, 2, 3, 4]
        result = results(events)[spec.number]
        assert result.status is Status.COMPLETED
        assert result.best_epoch == 4
        assert result.score == 1 / (5 + spec.number % 7)
        assert result.final == FinalCheck(0.25)


@pytest.mark.parametrize("kind", ALL_KINDS.values(), ids=ALL_KINDS)
def test_never_more_trials_run_than_there_are_places(kind):
    workers = kind(job("steady"))
    with closing(workers):
        places = workers.n_idle
        for spec in SPECS[:places]:
            workers.submit(spec)
        assert (workers.n_idle, workers.n_busy) == (0, places)


OUTCOMES = {
    "raise": (Status.FAILED, "ValueError: [bold]odd[/x]"),
    "hostile": (Status.FAILED, "its text cannot be shown"),
    "sys.exit": (Status.FAILED, "SystemExit: 5"),
    "diverge": (Status.DIVERGED, "train_loss became nan in epoch 2"),
    "flood": (Status.COMPLETED, ""),
}


@pytest.mark.parametrize("kind", ALL_KINDS.values(), ids=ALL_KINDS)
@pytest.mark.parametrize("fault", OUTCOMES)
def test_a_fault_inside_a_training_is_that_trials_result(kind, fault, tmp_path, capfd):
    events = train(kind(job("faulty", fault=fault, trials=[2], folder=str(tmp_path))))
    found = results(events)
    status, reason = OUTCOMES[fault]
    assert found.pop(2).status is status
    assert reason in results(events)[2].reason
    assert all(result.status is Status.COMPLETED for result in found.values())
    if status is not Status.COMPLETED:
        assert results(events)[2].score is None
    capfd.readouterr()  # what the flood printed in this process


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("kind", ALL_KINDS.values(), ids=ALL_KINDS)
def test_a_metric_that_is_no_finite_number_ends_a_trial_as_diverged(kind, value):
    events = train(kind(job("not_finite", value=value)), SPECS[:1])
    result = results(events)[0]
    assert (result.status, result.epochs) == (Status.DIVERGED, 2)
    assert result.reason == f"dev_loss became {value} in epoch 3"


def test_a_training_without_epochs_has_failed():
    assert results(train(InlineWorker(job("no_epochs")), SPECS[:1]))[0].status is Status.FAILED


DEATHS = {
    "sigkill": "killed by signal 9 (SIGKILL, perhaps for lack of memory",
    "segfault": "killed by signal 11 (SIGSEGV)",
    "exit 0": "ended with exit code 0",
    "exit 3": "ended with exit code 3",
    "interrupt": "KeyboardInterrupt",
    "close": "its worker process",
}


@pytest.mark.parametrize("fault", DEATHS)
def test_a_worker_that_dies_costs_one_attempt_of_one_trial(fault, tmp_path):
    undisturbed = results(train(LocalWorkers(job("steady"), 2)))
    events = train(LocalWorkers(job("faulty", fault=fault, trials=[1, 4], times=1, folder=str(tmp_path)), 2))
    lost = [event for event in events if isinstance(event, AttemptLost)]
    assert sorted(event.spec.number for event in lost) == [1, 4]
    assert [DEATHS[fault] in event.reason for event in lost] == [True, True], lost
    assert {n: without_seconds(r) for n, r in results(events).items()} == {
        n: without_seconds(r) for n, r in undisturbed.items()
    }


@pytest.mark.parametrize("epoch", range(5))
def test_a_worker_may_die_at_any_epoch(epoch, tmp_path):
    settings = {"fault": "sigkill", "trials": [0], "times": 2, "epoch": epoch, "folder": str(tmp_path)}
    events = train(LocalWorkers(job("faulty", **settings), 1), SPECS[:2])
    assert sum(isinstance(event, AttemptLost) for event in events) == 2
    assert [result.status for result in results(events).values()] == [Status.COMPLETED] * 2


def test_after_three_attempts_a_trial_has_crashed_and_the_others_have_not(tmp_path):
    events = train(LocalWorkers(job("faulty", fault="sigkill", trials=[3], folder=str(tmp_path)), 2))
    found = results(events)
    assert found.pop(3).status is Status.CRASHED
    assert len([event for event in events if isinstance(event, AttemptLost)]) == 3
    assert "(3 attempts)" in results(events)[3].reason
    assert all(result.status is Status.COMPLETED for result in found.values())


def test_the_reason_holds_the_last_words_of_a_worker(tmp_path):
    settings = {"fault": "interrupt", "trials": [0], "folder": str(tmp_path)}
    events = train(LocalWorkers(job("faulty", **settings), 1), SPECS[:1])
    assert "KeyboardInterrupt" in results(events)[0].reason


def test_a_worker_that_speaks_garbage_is_replaced():
    events = train(LocalWorkers(job("garbage"), 1), SPECS[:1])
    assert results(events)[0].status is Status.CRASHED


def test_workers_that_cannot_start_end_the_run_with_their_last_words():
    with pytest.raises(HptuneError, match=r"(?s)cannot start.*no library here"):
        train(LocalWorkers(job("cannot_boot"), 2))


def test_only_boots_that_fail_one_after_the_other_end_the_run(tmp_path):
    """Boots 0, 1 fail, 2 works and its worker dies in trial 0; boots 3, 4 fail, 5 works, and so on."""
    settings = {"failing": [0, 1, 3, 4], "killed": [], "dying": [0], "folder": str(tmp_path)}
    found = results(train(LocalWorkers(job("boots_sometimes", **settings), 1), SPECS[:2]))
    assert [found[number].status for number in (0, 1)] == [Status.CRASHED, Status.COMPLETED]


def test_workers_killed_while_they_boot_cost_attempts_and_not_the_run(tmp_path):
    settings = {"failing": [], "killed": [0, 1, 2, 3], "dying": [], "folder": str(tmp_path)}
    events = train(LocalWorkers(job("boots_sometimes", **settings), 1), SPECS[:3])
    assert sum(isinstance(event, AttemptLost) for event in events) == 4
    statuses = sorted(result.status for result in results(events).values())
    assert statuses == [Status.COMPLETED, Status.COMPLETED, Status.CRASHED]


def test_a_worker_ends_when_its_input_does_though_its_parent_lives(tmp_path):
    settings = {"fault": "hang", "trials": [0], "folder": str(tmp_path)}
    workers = LocalWorkers(job("faulty", **settings), 1)
    workers.submit(SPECS[0])
    while not workers.poll(5):
        pass
    (process,) = workers._processes
    process.popen.stdin.close()
    assert ended_within(process.pid, 1)
    assert ended_within(process.popen.pid, 1)
    workers.close()


def test_data_that_a_worker_cannot_use_are_the_users_to_mend():
    with pytest.raises(DataError, match=r"data\.csv:3: gone"):
        train(LocalWorkers(job("bad_data"), 2))


@pytest.mark.parametrize("kind", ALL_KINDS.values(), ids=ALL_KINDS)
def test_every_worker_has_one_blas_thread(kind, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert {result.score for result in results(train(kind(job("blas")))).values()} == {1.0}


def test_close_leaves_no_process_behind_not_even_children_of_a_training(tmp_path):
    workers = LocalWorkers(job("children", folder=str(tmp_path)), 1)
    workers.submit(SPECS[0])
    while not any(isinstance(event, EpochEnded) for event in workers.poll(5)):
        pass
    pids = [*workers.pids.values(), int((tmp_path / "child").read_text())]
    workers.close()
    assert all(ended_within(pid, 1) for pid in pids)


PARENT = """
import os, signal, sys
from hptune.trial import Job, TrialSpec
from hptune.workers.local import LocalWorkers
workers = LocalWorkers(Job("fake_trainers:faulty", "dev_error", {settings}), 2)
for number in range(2):
    workers.submit(TrialSpec(number, 0, {{}}, 0))
if {wait}:
    while not ({struck} or workers.poll(0.1)):
        pass
print(*workers.pids.values(), flush=True)
os.kill(os.getpid(), {signal})
"""


@pytest.mark.parametrize("fault", ["hang", "hang in C"])
@pytest.mark.parametrize("wait", [True, False], ids=["training", "booting"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_are_gone_a_second_after_their_parent(number, wait, fault, tmp_path):
    settings = {"fault": fault, "epoch": 0 if fault == "hang in C" else 1, "trials": [0, 1], "folder": str(tmp_path)}
    struck = f"len(list(__import__('pathlib').Path({str(tmp_path)!r}).glob('strike-*'))) == 2"
    program = PARENT.format(settings=settings, wait=wait, struck=struck, signal=int(number))
    parent = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert parent.returncode == -number
    pids = [int(word) for word in parent.stdout.split()]
    assert len(pids) == 2
    assert all(ended_within(pid, 1) for pid in pids)


def test_no_descriptor_is_left_open_after_many_deaths(tmp_path):
    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    train(LocalWorkers(job("steady"), 2))
    before = count()
    train(LocalWorkers(job("faulty", fault="sigkill", trials=[0, 1, 2, 3, 4, 5], times=2, folder=str(tmp_path)), 2))
    assert count() == before
