"""Trials that have failed are trained again: they alone, each as it was, whatever has happened since."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import driver
import pytest
from fake_workers import RandomWorkers
from made import Made

from hptune import agenda, loop, retry, study
from hptune.cli.overrides import setting
from hptune.errors import StudyFileError, UsageError
from hptune.search.zoom import Around
from hptune.store import Lost
from hptune.store.answer import answer_of
from hptune.stored_config import with_limits
from hptune.trial import Job, Kind, Status

STUDY = """
data: {source: moons}
train: {epochs: 9}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  optimizer: {choices: [adam, momentum]}
  hidden_units: {scale: log, low: 16, high: 256}
search: {SEARCH, parallel: 4, seed: 3}
"""
FAILING = [*range(0, 40, 3), 46, 48]
BUDGETS = ["trials: 40", "epochs: 280"]


@pytest.fixture(autouse=True)
def _events_are_told_as_they_come(monkeypatch, no_disk_is_waited_for):
    monkeypatch.setattr(loop, "GROUP_S", 0.0)


def parsed(search):
    return driver.parsed(STUDY.replace("SEARCH", search))


def sitting(opened, config, *, mended=False, most=10**9, seed=0):
    """Train to the end, or until so many events have been told."""
    workers = RandomWorkers(Job("fake_trainers:bowl", "dev_error", {"failing": [] if mended else FAILING}), 2, seed)
    with closing(workers), closing(loop.run(opened, workers, config, loop.Stop())) as events:
        return [event for event, _ in zip(events, range(most), strict=False)]


def failed_of(snapshot):
    return [trial.number for trial in retry.trials_to_retry(snapshot, [Status.FAILED])]


def take_back(opened):
    """Those that have failed, all of them; their numbers."""
    trials = retry.trials_to_retry(opened.snapshot(), [Status.FAILED])
    retry.take_back(opened, trials)
    return [trial.number for trial in trials]


def without_seconds(trial):
    return trial.spec, trial.result and replace(trial.result, seconds=0.0)


def check_whole(snapshot):
    """Every stage has as many trials as it says, numbered one after the other, and all have ended."""
    assert snapshot.is_finished
    assert [trial.number for trial in snapshot.trials] == list(range(len(snapshot.trials)))
    for stage in snapshot.stages:
        assert snapshot.has_ended(stage)


@pytest.mark.parametrize("budget", BUDGETS)
def test_of_a_finished_run_they_alone_are_trained_again_with_their_own_specs(budget, tmp_path):
    config = parsed(budget)
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, config)
        before = opened.snapshot()
        failed = take_back(opened)
        assert failed == failed_of(before) != []
        assert opened.snapshot().n_to_go == len(failed)
        assert agenda.open_stage(opened.snapshot()).number == 0
        told = sitting(opened, config, mended=True)
        after = opened.snapshot()
    check_whole(after)
    assert {event.spec.number for event in told if isinstance(event, loop.TrialStarted)} == set(failed)
    assert after.stages == before.stages
    for old, new in zip(before.trials, after.trials, strict=True):
        if old.number in failed:
            assert new.spec == old.spec
            assert new.result.status is not Status.FAILED
            assert new.lost == (Lost(Status.FAILED, old.result.reason),)
        else:
            assert without_seconds(new) == without_seconds(old)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("most", [60, 150, 175, 200, 225, 335])
def test_in_the_middle_of_a_run_nothing_else_is_proposed_anew_or_trained_twice(most, budget, tmp_path):
    """From the search to its confirmation: a part of the trials was handed out with other results in view."""
    config = parsed(budget)
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, config, most=most)
        before = opened.snapshot()
        failed = take_back(opened)
        assert failed
        sitting(opened, config, mended=True, most=25)
        sitting(opened, config, mended=True, seed=1)
        after = opened.snapshot()
    check_whole(after)
    for old, new in zip(before.trials, after.trials, strict=False):
        assert new.spec == old.spec
        if old.result is not None and old.number not in failed:
            assert without_seconds(new) == without_seconds(old)
    plans = [stage.plan for stage in before.stages[1:]]
    chosen = plans[0].trials if plans else ()
    assert after.stages[1].plan.trials[: len(chosen)] == chosen
    confirmed = [trial.spec for trial in after.trials if trial.spec.origin.kind is Kind.CONFIRMATION]
    assert [spec.origin.parent for spec in confirmed] == [t for t in after.stages[1].plan.trials for _ in range(3)]


def test_killed_at_any_moment_it_goes_on_to_the_same_end(tmp_path):
    config = parsed("trials: 40")

    def retried(name, steps):
        with driver.open_store(tmp_path / name, config) as opened:
            sitting(opened, config, most=150)
            take_back(opened)
            for step in steps:
                sitting(opened, config, mended=True, most=step, seed=step)
            sitting(opened, config, mended=True)
            check_whole(opened.snapshot())
            return list(map(without_seconds, opened.snapshot().trials))

    expected = retried("undisturbed", [])
    for n in (2, 7, 20, 60, 90):
        assert retried(str(n), [n, n + 1]) == expected


def zoom(opened, config):
    stage, _ = study.plan_zoom(opened.snapshot(), config, Around(), 0.5)
    study.add_stage(opened, stage)


def test_those_of_earlier_stages_come_first_and_the_last_goes_on(tmp_path):
    config = parsed("trials: 30")
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, config)
        zoom(opened, config)
        sitting(opened, config, most=40)
        before = opened.snapshot()
        first = [number for number in failed_of(before) if before.trials[number].stage < 2]
        assert first
        take_back(opened)
        assert agenda.open_stage(opened.snapshot()).number == 0
        told = sitting(opened, config, mended=True)
        started = [event.spec.number for event in told if isinstance(event, loop.TrialStarted)]
        assert sorted(started[: len(first)]) == first
        check_whole(opened.snapshot())
        assert [stage.name for stage in opened.snapshot().stages] == ["search", "confirm-1", "zoom-2", "confirm-3"]


def test_a_zoom_takes_their_place_too_until_they_are_asked_for_again(tmp_path):
    """Trials that an interruption cut off and a zoom has replaced have no result either, and never come back."""
    config = parsed("trials: 40")
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, config, most=100)
        cut_off = [trial.number for trial in opened.snapshot().trials if trial.result is None]
        assert cut_off
        failed = take_back(opened)
        zoom(opened, config)
        sitting(opened, config, mended=True)
        assert opened.snapshot().is_finished
        without = {trial.number for trial in opened.snapshot().trials if trial.result is None}
        assert without == {*cut_off, *failed}
        assert take_back(opened) == failed
        assert opened.snapshot().n_to_go == len(failed)
        sitting(opened, config, mended=True)
        snapshot = opened.snapshot()
    assert snapshot.is_finished
    assert [trial.number for trial in snapshot.trials if trial.result is None] == cut_off


def test_nothing_is_taken_back_while_other_data_are_trained_on():
    other = {"fingerprint": "x"}
    made = Made().search(0.1, 0.2).search(0.3, status=Status.FAILED).retest((0, 1), {0: [0.1]}, other)
    with pytest.raises(UsageError, match="retest-2, which is on other data, has not ended"):
        retry.trials_to_retry(made.snapshot, [Status.FAILED])
    made = Made().search(0.1).retest((0, 1), {0: [0.1, None]}, other)
    assert retry.trials_to_retry(made.snapshot, [Status.DIVERGED]) == []


def test_the_answer_may_change_with_what_a_training_brings_the_second_time():
    made = Made().search(0.1, 0.2).confirm((0, 1), {0: [0.3, 0.3], 1: [0.2, None]})
    assert made.answer.trial == 0
    crashed = made.trials[-1]
    made.trials[-1] = replace(crashed, result=None, lost=(Lost(Status.CRASHED, "killed"),))
    assert made.answer.trial == 0
    assert agenda.taken_back(made.snapshot) == [made.trials[-1]]
    result = replace(crashed.result, status=Status.COMPLETED, score=0.25, best_epoch=1)
    made.trials[-1] = replace(made.trials[-1], result=result)
    assert (made.answer.trial, answer_of(made.snapshot).weights) == (1, 4)


LIMITED = driver.RANDOM.replace("confirm: false", "confirm: false, trial_timeout: 90m, worker_memory: 1GB")


def test_one_sitting_may_have_other_limits_and_nothing_else():
    config = driver.parsed(LIMITED)
    changed = with_limits(config, [setting("search.trial_timeout=none"), setting("search.stall_timeout=5m")])
    assert changed == replace(config, search=replace(config.search, trial_timeout_s=None, stall_timeout_s=300))
    assert changed.search.worker_memory == 10**9
    with pytest.raises(UsageError, match=r"--set search.seed=3: a run keeps .* search.trial_timeout, search.stall"):
        with_limits(config, [setting("search.worker_memory=2GB"), setting("search.seed=3")])
    with pytest.raises(StudyFileError, match=r"--set search.worker_memory=2: search.worker_memory: expected a size"):
        with_limits(config, [setting("search.worker_memory=2")])
