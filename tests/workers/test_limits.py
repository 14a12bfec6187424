"""A trial that takes too long or too much is ended, told, and costs no other; a pause of hptune's ends none."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest
from scripted_workers import Clock, engage

from hptune.errors import HptuneError, StudyFileError
from hptune.events import AttemptLost, EpochEnded, Notice, TrialEnded
from hptune.trial import Job, Status, TrialResult, TrialSpec
from hptune.workers import memory
from hptune.workers.inline import InlineWorker
from hptune.workers.limits import Limits, ObservedClock
from hptune.workers.local import BOOT_S, TERM_S, LocalWorkers

SPECS = [TrialSpec(number, 0, {}, 0) for number in range(3)]
STEP_S = 0.5


def job(trainer, **settings):
    return Job(f"worker_trainers:{trainer}", "dev_error", settings)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def actors(monkeypatch):
    return engage(monkeypatch)


@pytest.fixture
def begun(actors, clock):
    """Workers of which one has begun a trial, with limits of 10 s in all and 4 s an epoch."""
    with closing(LocalWorkers(Job("", "dev_error"), 1, Limits(10.0, 4.0), clock)) as workers:
        workers.submit(SPECS[0])
        actors[0].boot()
        workers.poll(0)
        yield workers


def pass_time(workers, clock, seconds, step=STEP_S):
    """Let time pass in small steps, with a look at each; the events."""
    events = []
    for _ in range(round(seconds / step)):
        clock.seconds += step
        events += workers.poll(0)
    return events


def ended(events):
    return [event.result for event in events if isinstance(event, TrialEnded)]


def test_between_two_looks_at_most_a_second_passes(clock):
    observed = ObservedClock(clock)
    looks = []
    for seconds in (0.0, 0.25, 1.0, 3600.0, 0.5):
        clock.seconds += seconds
        looks.append(observed.look())
    assert looks == [0.0, 0.25, 1.25, 2.25, 2.75]


def test_a_trial_over_its_limit_gets_sigterm_then_sigkill_then_its_result(begun, actors, clock):
    events = []
    for epoch in range(1, 5):
        actors[0].epoch(epoch)
        events += pass_time(begun, clock, 2.0)
    events += pass_time(begun, clock, 1.5)
    assert actors[0].signals == []
    assert len(events) == 4
    events = pass_time(begun, clock, STEP_S)
    assert actors[0].signals == [signal.SIGTERM]
    assert (events, begun.n_busy) == ([], 1)  # it may still live
    assert not pass_time(begun, clock, TERM_S - STEP_S)
    assert not actors[0].is_killed
    (result,) = ended(pass_time(begun, clock, 2 * STEP_S))
    assert actors[0].is_killed
    assert begun.n_busy == 0
    assert result == TrialResult(0, Status.TIMED_OUT, "no end within 10 s (search.trial_timeout)", 4, seconds=10.0)


def test_a_trial_that_heeds_sigterm_is_told_at_once(begun, actors, clock):
    actors[0].epoch(1)
    pass_time(begun, clock, 4.5)
    assert actors[0].signals == [signal.SIGTERM]
    actors[0].die(-signal.SIGTERM)
    (result,) = ended(begun.poll(0))
    assert result.reason == "no epoch for 4 s (search.stall_timeout)"
    assert result.epochs == 1


def test_every_epoch_is_a_sign_of_life(begun, actors, clock):
    for epoch in (1, 2, 3):
        pass_time(begun, clock, 3.0)
        actors[0].epoch(epoch)
        assert [event.metrics.epoch for event in begun.poll(0)] == [epoch]
    assert actors[0].signals == []


def test_a_pause_of_hptune_is_no_stall_and_a_stall_after_it_is_found(begun, actors, clock):
    for _ in range(3):
        clock.seconds += 5 * 3600  # the laptop slept, or Ctrl-Z
        assert begun.poll(0) == []
    assert actors[0].signals == []
    pass_time(begun, clock, 2)
    assert actors[0].signals == [signal.SIGTERM]


def test_time_runs_from_when_the_worker_begins(actors, clock):
    with closing(LocalWorkers(Job("", "dev_error"), 1, Limits(10.0, 4.0), clock)) as workers:
        workers.submit(SPECS[0])
        pass_time(workers, clock, 60)
        actors[0].boot()
        pass_time(workers, clock, 3.5)
        assert actors[0].signals == []
        actors[0].epoch(1)
        workers.poll(0)
        actors[0].end(0, 1)
        assert len(ended(workers.poll(0))) == 1
        pass_time(workers, clock, 60)  # idle
        workers.submit(SPECS[1])
        pass_time(workers, clock, 3.5)
        assert (len(actors), actors[0].signals) == (1, [])


def test_a_result_that_came_before_the_limit_stands(begun, actors, clock):
    actors[0].epoch(1)
    actors[0].end(0, 1)
    clock.seconds += 1
    for _ in range(30):
        begun._clock.look()  # time passes unseen by the workers
        clock.seconds += 1
    (result,) = ended(begun.poll(0))
    assert result.status is Status.COMPLETED
    assert actors[0].signals == []


def test_a_result_that_comes_after_the_limit_is_not_one(begun, actors, clock):
    pass_time(begun, clock, 4.5)
    actors[0].epoch(1)
    actors[0].end(0, 1)
    assert begun.poll(0) == []
    actors[0].die(0)
    (result,) = ended(begun.poll(0))
    assert (result.status, result.epochs) == (Status.TIMED_OUT, 0)


def test_after_a_timeout_another_worker_takes_the_next_trial(begun, actors, clock):
    pass_time(begun, clock, 4.5)
    actors[0].die(-signal.SIGTERM)
    begun.poll(0)
    begun.submit(SPECS[1])
    actors[1].boot()
    actors[1].end(1)
    assert [result.number for result in ended(begun.poll(0))] == [1]


def test_workers_that_never_get_ready_end_the_run(actors, clock):
    with closing(LocalWorkers(Job("", "dev_error"), 1, Limits(), clock)) as workers:
        workers.submit(SPECS[0])
        with pytest.raises(HptuneError, match="cannot start: the last of 3 was not ready after 5 min"):
            pass_time(workers, clock, 4 * BOOT_S)
        assert len(actors) == 3


@pytest.mark.parametrize("state", ["spinning", "in C", "stopped", "child in a session"])
def test_what_ignores_sigterm_or_is_stopped_is_killed(state, clock, tmp_path):
    with closing(LocalWorkers(job("stubborn", state=state, folder=str(tmp_path)), 1, Limits(None, 3.0), clock)) as w:
        w.submit(SPECS[0])
        events = []
        for _ in range(300):  # looks: by far enough, or something hangs
            events += w.poll(0.1)
            clock.seconds += STEP_S * (tmp_path / "worker-0").exists()
            if not w.n_busy:
                break
        (result,) = ended(events)
        assert result.status is Status.TIMED_OUT
        assert result.epochs == sum(isinstance(event, EpochEnded) for event in events)
        assert not w._processes


def test_inline_looks_at_the_limits_after_each_epoch(clock):
    with closing(InlineWorker(job("endless"), Limits(10.0, 4.0), clock)) as worker:
        worker.submit(SPECS[0])
        for _ in range(3):
            clock.seconds += 3
            assert ended(worker.poll(0)) == []
        clock.seconds += 3
        (result,) = ended(worker.poll(0))
        assert (result.status, result.epochs, result.seconds) == (Status.TIMED_OUT, 4, 12)
        assert worker.n_idle == 1


def test_inline_finds_an_epoch_that_took_too_long():
    seconds = iter([0.0, 1.0, 7.0, 7.0])  # at submit, before the epoch, after it
    with closing(InlineWorker(job("endless"), Limits(10.0, 4.0), lambda: next(seconds))) as worker:
        worker.submit(SPECS[0])
        (result,) = ended(worker.poll(0))
        assert result.reason == "no epoch for 4 s (search.stall_timeout)"


def finish(workers, spec):
    """The events until a trial has ended."""
    workers.submit(spec)
    events = []
    while workers.n_busy:
        events += workers.poll(5)
    return events


def test_a_trial_that_asks_for_too_much_has_failed_and_its_worker_is_replaced():
    with closing(LocalWorkers(job("greedy", bytes=10**9), 1, Limits(memory=256_000_000))) as workers:
        (failed,) = ended(finish(workers, SPECS[0]))
        assert failed.status is Status.FAILED
        assert failed.reason.startswith("out of memory (")
        assert "; search.worker_memory allows 256 MB: raise it, or search smaller" in failed.reason
        events = finish(workers, SPECS[1])
        assert [result.status for result in ended(events)] == [Status.COMPLETED]
        assert not any(isinstance(event, AttemptLost) for event in events)


def test_a_limit_in_which_no_worker_can_start_is_named():
    told = pytest.raises(StudyFileError, match=r"search.worker_memory: 256 MB are too little for a worker to start")
    with closing(LocalWorkers(job("greedy", boot=10**9), 1, Limits(memory=256_000_000))) as workers, told:
        finish(workers, SPECS[0])


def test_a_worker_that_ends_for_lack_of_memory_names_the_limit(actors, clock):
    with closing(LocalWorkers(Job("", "dev_error"), 1, Limits(memory=512_000_000), clock)) as workers:
        workers.submit(SPECS[0])
        actors[0].boot()
        workers.poll(0)
        os.write(actors[0]._error, b"OpenBLAS error: Memory allocation still failed after 10 retries, giving up.\n")
        actors[0].die(1)
        (lost,) = [event for event in workers.poll(0) if isinstance(event, AttemptLost)]
        assert "ended with exit code 1; its last words:\nOpenBLAS error" in lost.reason
        assert "giving up.; search.worker_memory allows 512 MB: raise it" in lost.reason


@pytest.mark.skipif(memory.own(os.getpid()) is None, reason="nothing tells a process's memory here")
@pytest.mark.parametrize(("n_bytes", "is_replaced"), [(400_000_000, True), (1_000_000, False)])
def test_a_worker_that_has_grown_is_replaced(n_bytes, is_replaced, clock):
    with closing(LocalWorkers(job("greedy", bytes=n_bytes), 1, Limits(), clock)) as workers:
        pids = []
        for spec in SPECS[:2]:
            workers.submit(spec)
            while workers.n_busy:
                clock.seconds += 1  # so that its memory is looked at every time
                pids += [process.pid for process in workers._processes if process.pid]
                events = workers.poll(5)
                assert not any(isinstance(event, AttemptLost) for event in events)
        assert (len(set(pids)) == 2) is is_replaced


def test_the_limit_counts_neither_what_is_mapped_nor_libraries(tmp_path):
    """The numbers of getrlimit(2): 600 MB of a file can be mapped within 256 MB, and not allocated."""
    import subprocess
    import sys

    path = tmp_path / "data"
    with path.open("wb") as file:
        file.truncate(600_000_000)
    program = (
        "import sys, mmap, numpy as np\n"
        "from hptune.workers import memory\n"
        "memory.limit(256_000_000)\n"
        "x = np.memmap(sys.argv[1], np.float32, 'r')\n"
        "print(x.size, (np.ones((500, 500)) @ np.ones((500, 500))).sum())\n"
        "np.ones(75_000_000)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert ended.stdout == "150000000 125000000.0\n"
    assert "MemoryError" in ended.stderr


def test_blas_that_takes_several_threads_is_told_once(actors, clock):
    with closing(LocalWorkers(Job("", "dev_error"), 2, Limits(), clock)) as workers:
        for number, spec in enumerate(SPECS[:2]):
            workers.submit(spec)
            actors[number].boot(threads=4)
        events = workers.poll(0) + workers.poll(0)
        (notice,) = [event for event in events if isinstance(event, Notice)]
        assert "with 4 threads" in notice.text
