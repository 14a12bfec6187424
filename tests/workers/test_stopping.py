"""Workers stop when they are asked, close at once and twice, and hold on to nothing."""

from __future__ import annotations

import errno
import os
import resource
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from scripted_workers import engage

from hptune import loop
from hptune.errors import HptuneError
from hptune.events import AttemptLost, EpochEnded, Notice, TrialEnded
from hptune.trial import Job, Status, TrialSpec
from hptune.workers import local, process
from hptune.workers.inline import InlineWorker
from hptune.workers.local import LocalWorkers
from hptune.workers.process import MAX_WORDS

SPECS = [TrialSpec(number, 0, {}, 0) for number in range(4)]


def job(trainer, **settings):
    return Job(trainer, "dev_error", settings)


@pytest.fixture
def actors(monkeypatch):
    return engage(monkeypatch)


def until(workers, is_enough):
    """The events until there are enough."""
    events, end = [], time.monotonic() + 60
    while not is_enough(events):
        assert time.monotonic() < end, "nothing happens"
        events += workers.poll(0.1)
    return events


def all_have_epochs(n):
    return lambda events: len({event.number for event in events if isinstance(event, EpochEnded)}) == n


@pytest.mark.parametrize("kind", [InlineWorker, lambda j: LocalWorkers(j, 2)], ids=["inline", "2 processes"])
def test_all_stop_at_their_next_epoch_without_results(kind):
    with closing(kind(job("worker_trainers:endless"))) as workers:
        n = workers.n_idle
        for spec in SPECS[:n]:
            workers.submit(spec)
        until(workers, all_have_epochs(n))
        workers.stop()
        assert workers.n_idle == 0
        events = until(workers, lambda _: not workers.n_busy)
        assert not any(isinstance(event, AttemptLost | TrialEnded) for event in events)
        with pytest.raises(AssertionError):
            workers.submit(SPECS[3])


def test_who_waits_or_boots_ends_at_once_and_who_trains_gets_a_message(actors):
    with closing(LocalWorkers(job(""), 3)) as workers:
        for spec in SPECS[:3]:
            workers.submit(spec)
        for actor in actors[:2]:
            actor.boot()
        actors[0].end(0)
        assert [type(event) for event in workers.poll(0)] == [TrialEnded]
        workers.stop()
        assert [actor.is_killed for actor in actors] == [True, False, True]
        assert actors[1].stdin.lines[-1] == b'"stop"\n'
        assert workers.n_busy == 1
        actors[1].epoch(1)
        actors[1].die(0)
        assert [type(event) for event in workers.poll(0) + workers.poll(0)] == [EpochEnded]
        assert workers.n_busy == 0


def test_a_trial_that_ends_as_it_is_stopped_keeps_its_result(actors):
    with closing(LocalWorkers(job(""), 1)) as workers:
        workers.submit(SPECS[0])
        actors[0].boot()
        workers.poll(0)
        workers.stop()
        actors[0].epoch(1)
        actors[0].end(0, 1)
        assert [type(event) for event in workers.poll(0)] == [EpochEnded, TrialEnded]
        assert actors[0].is_killed


def test_a_worker_that_crashes_while_it_stops_has_lost_its_attempt(actors):
    with closing(LocalWorkers(job(""), 1)) as workers:
        workers.submit(SPECS[0])
        actors[0].boot()
        workers.poll(0)
        workers.stop()
        actors[0].die(-11)
        (lost,) = workers.poll(0)
        assert "SIGSEGV" in lost.reason


@pytest.mark.parametrize("place", ["wait for its end", "hear its last words"])
def test_close_after_an_exception_in_a_poll_and_twice(place, actors, monkeypatch):
    def interrupted(*arguments):
        monkeypatch.undo()
        raise loop.StopNow

    workers = LocalWorkers(job(""), 2)
    for spec in SPECS[:2]:
        workers.submit(spec)
    actors[0].boot()
    workers.poll(0)
    actors[0].die(-9)
    monkeypatch.setattr(*((actors[0], "wait") if place == "wait for its end" else (os, "set_blocking")), interrupted)
    with pytest.raises(loop.StopNow):
        workers.poll(0)
    for _ in range(2):
        workers.close()
        assert all(actor.is_killed and actor.stdout.closed and actor.stderr.closed for actor in actors)
        assert workers.n_busy == workers.n_idle == 0


def test_what_a_worker_writes_to_standard_error_blocks_nothing_and_grows_nothing():
    with closing(LocalWorkers(job("worker_trainers:talkative"), 1)) as workers:
        workers.submit(SPECS[0])
        held = workers._processes[0]
        (lost,) = [e for e in until(workers, lambda _: not workers.n_busy) if isinstance(e, AttemptLost)]
        assert len(held.words) == MAX_WORDS
        assert held.words.endswith(b"1999\n")
        assert "ended with exit code 3; its last words:\n0" in lost.reason
        assert len(lost.reason) < process.LAST_WORDS + 100


def test_a_segfault_leaves_its_trace(tmp_path):
    settings = {"fault": "segfault", "trials": [0], "folder": str(tmp_path)}
    with closing(LocalWorkers(job("fake_trainers:faulty", **settings), 1)) as workers:
        workers.submit(SPECS[0])
        (lost,) = [e for e in until(workers, lambda _: not workers.n_busy) if isinstance(e, AttemptLost)]
    assert "was killed by signal 11 (SIGSEGV)" in lost.reason
    assert "Fatal Python error: Segmentation fault" in lost.reason
    assert "in _segfault" in lost.reason


def test_with_room_for_some_workers_only_the_search_goes_on_with_those(actors, monkeypatch):
    start = local.start

    def only_two(*arguments):
        if len(actors) == 2:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return start(*arguments)

    monkeypatch.setattr(local, "start", only_two)
    with closing(LocalWorkers(job(""), 8)) as workers:
        for spec in SPECS[:3]:
            workers.submit(spec)
        assert (workers.n_busy, workers.n_idle) == (3, 0)
        (notice,) = workers.poll(0)
        assert isinstance(notice, Notice)
        assert notice.text.startswith("only 2 of 8 workers could be started: ")
        assert workers.poll(0) == []
        actors[1].boot()
        actors[1].end(1)
        assert [type(event) for event in workers.poll(0)] == [TrialEnded]
        actors[1].end(2)  # the trial that had waited
        assert [event.result.number for event in workers.poll(0)] == [2]
        assert (workers.n_busy, workers.n_idle) == (1, 1)


@pytest.mark.parametrize(
    ("words", "is_advised"),
    [
        (b"OpenBLAS blas_thread_init: pthread_create failed for thread 1 of 2: Resource temporarily unavailable", True),
        (b"RuntimeError: can't start new thread", True),
        (b"ImportError: no library here", False),
    ],
)
def test_boots_that_fail_for_a_limit_of_the_account_name_it(actors, words, is_advised):
    with closing(LocalWorkers(job(""), 1)) as workers:
        workers.submit(SPECS[0])
        for actor in (0, 1):
            actors[actor].die(1)
            assert workers.poll(0) == []
        os.write(actors[2]._error, words)
        actors[2].die(1)
        with pytest.raises(HptuneError, match="cannot start: the last of 3 ended with exit code 1") as caught:
            workers.poll(0)
    assert words.decode() in str(caught.value)
    assert ("(ulimit -u)" in str(caught.value)) is is_advised


def test_without_descriptors_no_worker_starts_and_none_is_left_open():
    before = n_descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    workers = LocalWorkers(job(""), 2)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 5, hard))
        with pytest.raises(HptuneError, match=r"Cannot start a worker process: .*Try fewer with --workers"):
            workers.submit(SPECS[0])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        workers.close()
    assert n_descriptors() == before


def n_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_as_many_descriptors_are_open_after_a_thousand_trials_as_after_ten():
    counts = []
    with closing(LocalWorkers(job("fake_trainers:steady"), 2)) as workers:
        ended = 0
        for number in range(1000):
            while not workers.n_idle:
                ended += sum(isinstance(event, TrialEnded) for event in workers.poll(5))
            if number in (10, 999):
                counts.append(n_descriptors())
            workers.submit(TrialSpec(number, 0, {}, 0))
    assert counts[0] == counts[1]


def test_a_product_here_first_disturbs_none_in_a_worker():
    """A forked OpenBLAS would hang: its threads are not there."""
    assert (np.ones((300, 300)) @ np.ones((300, 300)))[0, 0] == 300
    with closing(LocalWorkers(job("fake_trainers:blas"), 1)) as workers:
        workers.submit(SPECS[0])
        (result,) = [e.result for e in until(workers, lambda _: not workers.n_busy) if isinstance(e, TrialEnded)]
    assert (result.status, result.score) == (Status.COMPLETED, 1.0)


@pytest.mark.parametrize(
    ("yields", "reason"),
    [
        ([2, 0.5, 0.5, 0.5, 0.5, 0.1, 0.0], "the training yields epoch 2 after epoch 2"),
        ([3, 0.5, 0.5, 0.5, 0.5, "0.1", 0.0], "the training yields '0.1' as learning_rate, which is no number"),
        ([3, 0.5, True, 0.5, 0.5, 0.1, 0.0], "the training yields True as train_error"),
        ([3, 0.5, 0.5, 0.5, 0.5, 0.1, 1e999], "the training yields inf as seconds"),
    ],
)
@pytest.mark.parametrize("kind", [InlineWorker, lambda j: LocalWorkers(j, 1)], ids=["inline", "process"])
def test_a_trainer_that_keeps_no_order_has_failed(kind, yields, reason):
    with closing(kind(job("worker_trainers:disorderly", yields=yields))) as workers:
        workers.submit(SPECS[0])
        (result,) = [e.result for e in until(workers, lambda _: not workers.n_busy) if isinstance(e, TrialEnded)]
    assert (result.status, result.epochs) == (Status.FAILED, 2)
    assert reason in result.reason


def test_a_final_check_that_is_no_number_is_a_failure():
    with closing(InlineWorker(job("worker_trainers:odd_end"))) as worker:
        worker.submit(SPECS[0])
        (result,) = [e.result for e in until(worker, lambda _: not worker.n_busy) if isinstance(e, TrialEnded)]
    assert (result.status, result.reason) == (Status.FAILED, "the training ends with nan as train_error")
