"""best.npz is that of the leading trial, whatever the workers, and whatever was killed, and whenever."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import weights_driver
from processes import ended_within

from hptune import loop, runs, store, study
from hptune.errors import StorageError
from hptune.events import EpochEnded, TrialEnded, TrialStarted
from hptune.nn import model_file
from hptune.search.ranking import ranked
from hptune.store.best_weights import BestWeights
from hptune.trial import Status, TrialResult, TrialSpec

AT_REST = {".lock", "config.yaml", "run.db", "best.npz"}


def drive(folder, n_workers, *step):
    command = [sys.executable, weights_driver.__file__, str(folder), str(n_workers), *map(str, step)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The content of best.npz, of a run in which it changed hands."""
    folder = weights_driver.search(tmp_path_factory.mktemp("undisturbed"), 0)
    results = store.read(folder).results
    leaders = {ranked(results[:n])[0].number for n in range(1, len(results) + 1)}
    assert len(leaders) > 2
    assert {path.name for path in folder.path.iterdir()} == AT_REST
    return folder.best_npz.read_bytes()


def test_it_holds_the_leader(undisturbed, tmp_path):
    folder = weights_driver.search(tmp_path, 0)
    model, best = model_file.load(folder.best_npz), ranked(store.read(folder).results)[0]
    assert (model.trial, model.score, model.metric) == (best.number, best.score, "dev_loss")


@pytest.mark.parametrize("n_workers", [1, 3])
def test_the_bytes_are_the_same_with_any_number_of_workers(n_workers, undisturbed, tmp_path):
    folder = weights_driver.search(tmp_path, n_workers)
    assert folder.best_npz.read_bytes() == undisturbed
    assert {path.name for path in folder.path.iterdir()} == AT_REST


def leads(folder):
    """Whether best.npz, if it is there, and the drafts hold the leader of what is stored."""
    order = ranked(store.read(folder).results)
    if not order:
        return not folder.best_npz.exists()
    places = [folder.best_npz, folder.weights_of(order[0].number)]
    return order[0].number in [model_file.load(place).trial for place in places if place.exists()]


@pytest.mark.parametrize(("n_workers", "steps"), [(0, (9,)), (2, (11,))])
def test_kill_9_at_a_step_then_resume_gives_the_same_bytes(n_workers, steps, undisturbed, tmp_path):
    for step in steps:
        survive(tmp_path / str(step), n_workers, step, undisturbed)


def survive(place, n_workers, step, undisturbed):
    """Kill at a step, look, resume, compare; whether it got to that step."""
    died = drive(place, n_workers, step)
    if died.returncode == 0:
        return False
    assert died.returncode == -signal.SIGKILL, died.stderr
    (folder,) = runs.find_all(place)
    assert leads(folder)
    resumed = drive(place, n_workers)
    assert resumed.returncode == 0, resumed.stderr
    assert folder.best_npz.read_bytes() == undisturbed
    assert {path.name for path in folder.path.iterdir()} == AT_REST
    return True


@pytest.mark.sweep
@pytest.mark.parametrize("n_workers", [0, 1, 2])
def test_sweep_of_kills_at_every_step(n_workers, undisturbed, tmp_path):
    step = 1
    while survive(tmp_path / str(step), n_workers, step, undisturbed):
        step += 1
        assert step < 200
    assert step > 15


@pytest.mark.sweep
def test_kills_one_after_the_other_in_the_same_run(undisturbed, tmp_path):
    for step in (5, 6):
        drive(tmp_path, 0, step)
    assert drive(tmp_path, 0).returncode == 0
    assert runs.find_all(tmp_path)[0].best_npz.read_bytes() == undisturbed


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [5])
def test_a_worker_that_dies_around_the_writing_of_its_weights_changes_nothing(
    number, moment, undisturbed, tmp_path, monkeypatch
):
    monkeypatch.setenv("HPTUNE_TEST_STRIKES", f"{number} {moment} {tmp_path}")
    folder = weights_driver.search(tmp_path / "runs", 2, "fake_trainers:network_that_dies")
    assert (tmp_path / "struck").exists()
    assert store.read(folder).trials[number].attempts == 2
    assert folder.best_npz.read_bytes() == undisturbed
    assert {path.name for path in folder.path.iterdir()} == AT_REST


def test_a_worker_leaves_the_weights_of_the_lower_score_and_of_equals_of_the_lower_number(tmp_path, monkeypatch):
    scores = {5: 0.5, 7: 0.5, 2: 0.5, 3: 0.5, 8: 0.6, 9: 0.4, 1: 0.5}
    train = weights_driver.network.train

    def scripted(*arguments, number, **options):
        trained = yield from train(*arguments, number=number, **options)
        return trained._replace(score=scores[number])

    monkeypatch.setattr(weights_driver.network, "train", scripted)
    left = []
    with weights_driver.open_store(tmp_path) as opened:
        data = weights_driver.load(weights_driver.config().data)
        with study.data_for_workers(opened.folder, weights_driver.config(), data):
            opened.folder.weights.mkdir()
            train_one = weights_driver.network.prepare(study.job_of(weights_driver.config(), opened.folder))
            for number in scores:
                list(train_one(TrialSpec(number, 0, {}, 0)))
                if opened.folder.weights_of(number).exists():
                    left.append(number)
    assert left == [5, 2, 9]


class Events:
    """Events that are stored and told one by one."""

    def __init__(self, folder):
        self.store = weights_driver.open_store(folder)
        self.folder = self.store.folder

    def end(self, best_weights, number, score, *, writes=True):
        if writes:
            self.folder.weights_of(number).write_text(f"weights of {number}")
        status = Status.FAILED if score is None else Status.COMPLETED
        event = TrialEnded(TrialResult(number, status, "", 1, 1, score))
        self.store.append([TrialStarted(TrialSpec(number, 0, {}, 0), 1), event])
        if best_weights is not None:
            best_weights.see(event)

    @property
    def best(self):
        return self.folder.best_npz.read_text() if self.folder.best_npz.exists() else None


def test_the_first_of_equals_leads_and_others_leave_nothing(tmp_path):
    events = Events(tmp_path)
    with events.store, BestWeights(events.store) as best_weights:
        events.end(best_weights, 3, None)
        assert events.best is None
        for number, score, leader in ((2, 0.5, 2), (4, 0.5, 2), (5, 0.6, 2), (1, 0.5, 1), (6, 0.4, 6)):
            events.end(best_weights, number, score)
            assert events.best == f"weights of {leader}"
            assert list(events.folder.weights.iterdir()) == []
        best_weights.see(EpochEnded(7, None))
        events.end(best_weights, 7, 0.3, writes=False)  # by a trainer that keeps none
        assert events.best == "weights of 6"
    assert not events.folder.weights.exists()


def test_what_was_stored_and_not_seen_is_settled_at_the_end_and_at_the_next_start(tmp_path):
    events = Events(tmp_path)
    with events.store:
        with BestWeights(events.store):
            events.end(None, 0, 0.5)
            events.end(None, 1, 0.4)
        assert events.best == "weights of 1"
        events.folder.weights.mkdir()
        events.end(None, 2, 0.3)  # and the parent is killed
        events.folder.weights_of(7).write_text("not stored yet")
        (events.folder.weights / ".9.npz.123").write_text("half")
        with BestWeights(events.store):
            assert events.best == "weights of 2"
            assert list(events.folder.weights.iterdir()) == []


def test_weights_that_cannot_be_written_end_the_sitting_and_not_the_trial(tmp_path, monkeypatch):
    def full(*_):
        raise StorageError("best.npz: cannot be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(weights_driver.network, "replace_file", full)
        with pytest.raises(StorageError, match="No space left"):
            weights_driver.search(tmp_path, 0)
    (folder,) = runs.find_all(tmp_path)
    assert store.read(folder).results == []
    weights_driver.search(tmp_path, 0)
    assert store.read(folder).is_finished


def test_a_worker_process_tells_its_parent_of_a_full_disk(tmp_path):
    """Here by a file where the folder of the weights should be."""
    opened = weights_driver.open_store(tmp_path)
    data = weights_driver.load(weights_driver.config().data)
    with opened, study.data_for_workers(opened.folder, weights_driver.config(), data):
        opened.folder.weights.write_text("")
        workers = weights_driver.LocalWorkers(study.job_of(weights_driver.config(), opened.folder), 1)
        with weights_driver.closing(workers):
            with pytest.raises(StorageError, match=r"0\.npz: cannot be written: Not a directory"):
                list(loop.run(opened, workers, weights_driver.config(), loop.Stop()))
            pids = [process.popen.pid for process in workers._processes]
        assert all(ended_within(pid, 1) for pid in pids)
