"""A run whose trials fail one after the other is stopped, and says what they have in common."""

from __future__ import annotations

import io
from contextlib import closing

import driver
import pytest
from fabricate import ADAM, MOMENTUM, FabricatedRun
from fake_workers import RandomWorkers
from rich.console import Console

from hptune import loop, store, tables
from hptune.analysis.breakage import Trait, breakage, in_common
from hptune.analysis.progress import faults
from hptune.breaker import Breaker
from hptune.events import Stopping, TrialEnded, TrialStarted
from hptune.report.outcome import Outcome, breaker_lines, print_outcome
from hptune.report.overview import faults_text
from hptune.trial import Job, Status, TrialResult

C, S, D, F, X, T = Status.COMPLETED, Status.STOPPED, Status.DIVERGED, Status.FAILED, Status.CRASHED, Status.TIMED_OUT


def opened_after(statuses, reasons=None):
    """After which trial the breaker is open, from 1, and by which trials; None where it stays closed."""
    breaker = Breaker()
    for number, status in enumerate(statuses):
        breaker.see(TrialResult(number, status, reasons[number] if reasons else ""))
        if breaker.is_open:
            return number + 1, breaker.failed
    return None


@pytest.mark.parametrize("status", [F, X, T])
def test_the_first_three_that_fail_the_same_way_open_it(status):
    assert opened_after([status] * 5) == (3, [0, 1, 2])
    reasons = ["no epoch for 61 s", "no epoch for 75 s", "no epoch for 60.5 s"]
    assert opened_after([status] * 3, reasons) == (3, [0, 1, 2])


@pytest.mark.parametrize("statuses", [[D] * 30, [F, X, F], [F, F, C, F, F, F], [C, F, F, F, F], [S, D, C] * 10])
def test_others_do_not(statuses):
    assert opened_after(statuses) is None


def test_different_reasons_are_different_ways():
    reasons = ["ValueError: shapes", "KeyError: 'x'", "ValueError: shapes"]
    assert opened_after([F] * 3, reasons) is None


def test_later_it_takes_more_than_half_of_the_last_twenty():
    assert opened_after([C] * 9 + [F] * 10) is None
    assert opened_after([C] * 9 + [F] * 11) == (20, list(range(9, 20)))
    assert opened_after([C] * 100 + [F, X] * 6) == (111, list(range(100, 111)))
    assert opened_after([C, F] * 50) is None  # ten of any twenty
    assert opened_after([F, C] * 9 + [F] * 3) == (20, [*range(0, 18, 2), 18, 19])


def train(tmp_path, failing, stop):
    config = driver.parsed(driver.RANDOM.replace("trials: 6", "trials: 30"))
    with driver.open_store(tmp_path, config) as opened:
        workers = RandomWorkers(Job("fake_trainers:bowl", "dev_error", {"failing": failing}), 1)
        with closing(workers):
            events = list(loop.run(opened, workers, config, stop))
        return events, opened.snapshot()


def test_the_loop_starts_nothing_more_and_the_run_can_be_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "GROUP_S", 0.0)
    stop = loop.Stop()
    events, snapshot = train(tmp_path, range(30), stop)
    assert stop.breaker.failed == [0, 1, 2]
    assert stop.signal is None
    assert sum(isinstance(event, TrialStarted) for event in events) == len(snapshot.trials) == 3
    assert sum(isinstance(event, Stopping) for event in events) == 1
    assert snapshot.n_to_go == 27
    events, snapshot = train(tmp_path, [], loop.Stop())  # a later sitting counts anew
    assert snapshot.is_finished
    assert sum(isinstance(event, TrialEnded) for event in events) == 27


def test_what_failed_trials_share_and_no_successful_one_has():
    failed = [
        {"rate": 0.5, "optimizer": "adam", "units": 64, "beta": 0.9, "bn": True},
        {"rate": 0.9, "optimizer": "adam", "units": 8, "bn": True},
    ]
    successful = [
        {"rate": 0.1, "optimizer": "momentum", "units": 16, "bn": False},
        {"rate": 0.3, "optimizer": "momentum", "units": 128, "beta": 0.9, "bn": True},
    ]
    assert in_common(failed, successful) == (Trait("rate", "is above", 0.3), Trait("optimizer", "is", "adam"))
    assert [str(trait) for trait in in_common(failed, successful)] == ["rate is above 0.3", "optimizer is adam"]
    assert in_common(successful, failed) == (Trait("rate", "is below", 0.5), Trait("optimizer", "is", "momentum"))
    assert in_common(failed, failed) == in_common([], failed) == ()
    assert in_common(failed, []) == (Trait("optimizer", "is", "adam"), Trait("bn", "is", True))


def test_a_truth_and_a_number_are_not_the_same():
    assert in_common([{"x": True}], [{"x": 1}]) == (Trait("x", "is", True),)


@pytest.fixture
def broken(tmp_path):
    made = FabricatedRun(tmp_path / "made-001", n_trials=20)
    made.complete(0, MOMENTUM)
    made.end(1, "failed", "ValueError: shape 3", ADAM)
    made.end(2, "failed", "ValueError: shape 4", ADAM)
    made.end(3, "crashed", "its worker process was killed by signal 9 (SIGKILL)", MOMENTUM, attempt=3)
    return made


def test_the_reasons_are_grouped_and_the_largest_group_is_looked_at(broken):
    snapshot = store.read(broken.folder)
    found = breakage(snapshot, (1, 2, 3))
    assert [(group.reason, group.trials) for group in found.failures] == [
        ("ValueError: shape N", (1, 2)),
        ("its worker process was killed by signal 9 (SIGKILL)", (3,)),
    ]
    assert found.traits[0] == Trait("learning_rate", "is above", 1e-3)
    assert Trait("optimizer", "is", "adam") in found.traits
    assert found.statuses == (F, X)
    lines = list(breaker_lines(found))
    assert lines[0] == "Stopped: the first 3 trials failed the same way."
    assert "  failed: ValueError: shape N (trials 1, 2)" in lines
    assert lines[-1].startswith("What they have in common, and no trial that has succeeded has: learning_rate is above")


def test_what_has_gone_wrong_is_counted(broken):
    with store.Store(broken.folder) as opened:
        opened.take_back([1])
    text = faults_text(faults(store.read(broken.folder)))
    assert (
        text
        == "2 attempts lost (2 x its worker died), 1 trial failed, 1 trial crashed, 1 result taken back to try again"
    )


def test_what_was_told_on_the_way_is_counted_at_the_end(broken, tmp_path):
    console = Console(file=io.StringIO(), width=200)
    outcome = Outcome(None, tables.load(broken.path), (1, 2, 3), ("worker 3 renewed", "worker 12 renewed", "no more"))
    assert outcome.is_broken
    print_outcome(console, outcome, tmp_path)
    text = console.file.getvalue()
    assert "2 notices: worker N renewed\n1 notice: no more\n" in text
    assert "Stopped: the first 3 trials failed the same way.\n" in text
    assert text.index("--failed --crashed") < text.index("hptune resume")
