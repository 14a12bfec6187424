"""best.npz is that of the answer, whatever the workers, and whatever was killed, and whenever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import weights_driver
from processes import ended_within

from hptune import loop, runs, store, study
from hptune.errors import StorageError
from hptune.events import EpochEnded, TrialEnded, TrialStarted
from hptune.measured import measured_in
from hptune.nn import model_file
from hptune.nn.prediction import predict
from hptune.search.ranking import ranked
from hptune.store.answer import answer_of
from hptune.store.best_weights import BestWeights
from hptune.trial import Kind, Origin, Status, TrialResult, TrialSpec

AT_REST = {".lock", "config.yaml", "run.db", "best.npz"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """best.npz and the test errors of a search and its confirmation, in which it changed hands."""
    folder = weights_driver.search(tmp_path_factory.mktemp("undisturbed"), 0)
    snapshot = store.read(folder)
    leaders = {ranked(snapshot.found[:n])[0].number for n in range(1, len(snapshot.found) + 1)}
    assert len(leaders) > 2
    assert answer_of(snapshot).trial != ranked(snapshot.found)[0].number
    return left_by(folder)


@pytest.fixture(scope="module")
def undisturbed_to_the_end(tmp_path_factory):
    """The same with a retest, a zoom and another retest."""
    folder = weights_driver.all_stages(tmp_path_factory.mktemp("undisturbed"), 0)
    snapshot = store.read(folder)
    assert [stage.name for stage in snapshot.stages] == ["search", "confirm-1", "retest-2", "zoom-3", "retest-4"]
    assert len({answer_of(cut(snapshot, n)).trial for n in (2, 3, 5)}) == 3
    return left_by(folder)


def cut(snapshot, n):
    """What was stored after so many stages."""
    trials = tuple(trial for trial in snapshot.trials if trial.stage < n)
    return replace(snapshot, stages=snapshot.stages[:n], trials=trials)


def left_by(folder):
    """What must not depend on how a run was trained; nothing else may be left but the database."""
    assert {path.name for path in folder.path.iterdir()} == AT_REST
    snapshot = store.read(folder)
    assert model_file.load(folder.best_npz).trial == answer_of(snapshot).weights
    return folder.best_npz.read_bytes(), [(trial.number, trial.test_error) for trial in snapshot.trials]


def test_it_holds_the_best_training_of_the_confirmed_answer(undisturbed, tmp_path):
    folder = weights_driver.search(tmp_path, 0)
    snapshot = store.read(folder)
    model, answer = model_file.load(folder.best_npz), answer_of(snapshot)
    confirming = [trial for trial in snapshot.trials if trial.spec.origin.parent == answer.trial and trial.stage == 1]
    assert len(confirming) == 3
    best = min(confirming, key=lambda trial: trial.result.score)
    assert (model.trial, model.score, model.metric) == (best.number, best.result.score, "dev_loss")


@pytest.mark.usefixtures("no_groups")
def test_the_test_set_is_met_once_by_the_answer_of_a_finished_run(undisturbed, undisturbed_to_the_end, tmp_path):
    with weights_driver.open_store(tmp_path) as opened:
        with pytest.raises(KeyboardInterrupt):
            stop_after(opened, 13)  # of 14 trials
        assert all(trial.test_error is None for trial in opened.snapshot().trials)
        weights_driver.sitting(opened, 0)
        before = [trial.number for trial in opened.snapshot().trials if trial.test_error is not None]
        assert before == [answer_of(opened.snapshot()).weights]
        met = []
        opened.set_test_error = lambda *arguments: met.append(arguments)
        weights_driver.sitting(opened, 0)  # nothing left: not once more
        assert met == []
    assert left_by(opened.folder) == undisturbed
    tested = [number for number, error in undisturbed_to_the_end[1] if error is not None]
    assert 1 < len(tested) <= 3  # the answers of the search, of the first retest and of the second
    assert {store.read(opened.folder).trials[number].stage for number in before} == {1}


@pytest.fixture
def no_groups(monkeypatch):
    """A write for every poll."""
    monkeypatch.setattr(weights_driver.loop, "GROUP_S", 0.0)


def stop_after(opened, n_trials):
    """A sitting that ends without notice once so many trials have ended."""
    append = opened.append

    def counted(events, *rest):
        append(events, *rest)
        if len(opened.snapshot().results) >= n_trials:
            raise KeyboardInterrupt

    opened.append = counted
    try:
        weights_driver.sitting(opened, 0)
    finally:
        del opened.append


def test_the_number_is_that_of_the_network_on_the_test_set(tmp_path):
    folder = weights_driver.search(tmp_path, 0)
    model, data = model_file.load(folder.best_npz), weights_driver.load(weights_driver.config().data)
    found = predict(model, data.test.x, data.test.y)
    snapshot = store.read(folder)
    assert snapshot.trials[model.trial].test_error == found.errors / len(data.test)
    # beside it, by the formulas: the loss, by how much it is below that of the shares in train, and counts by class
    measured = measured_in(snapshot.facts, model.trial)
    assert measured["test"].loss == pytest.approx(found.loss)
    shares = np.bincount(data.train.y) / len(data.train)
    of_label = found.probabilities[np.arange(len(data.test)), data.test.y].astype(float)
    gains = np.log(of_label) - np.log(shares[data.test.y])
    assert measured["test"].loss_gain == pytest.approx(gains.mean(), rel=1e-4)
    assert measured["test"].loss_gain_error == pytest.approx(gains.std() / np.sqrt(len(gains)), rel=1e-4)
    for number, (n_true, n_answered, n_right) in enumerate(measured["test"].by_class):
        is_class, is_answer = data.test.y == number, found.values == number
        assert (n_true, n_answered, n_right) == (is_class.sum(), is_answer.sum(), (is_class & is_answer).sum())
    on_dev = predict(model, data.dev.x, data.dev.y)
    assert measured["dev"].loss == pytest.approx(on_dev.loss)


@pytest.mark.usefixtures("no_groups")
def test_weights_that_may_become_the_best_survive_between_sittings_and_others_do_not(tmp_path):
    """Between sittings there is at most one file a configuration; here the second has ended once, the first wholly."""
    with weights_driver.open_store(tmp_path) as opened:
        with pytest.raises(KeyboardInterrupt):
            stop_after(opened, 12)
        snapshot = opened.snapshot()
        first, _ = snapshot.stages[1].plan.trials
        scores = {trial.number: trial.result.score for trial in snapshot.trials_of(snapshot.stages[1]) if trial.result}
        assert answer_of(snapshot).trial == first
        assert answer_of(snapshot).weights == min((8, 9, 10), key=scores.get)
        assert [path.name for path in opened.folder.weights.iterdir()] == ["11.npz"]
        assert model_file.load(opened.folder.best_npz).trial == answer_of(snapshot).weights
        (opened.folder.weights / ".13.npz.123").write_text("half")
        weights_driver.sitting(opened, 0)
    left_by(opened.folder)


def test_the_bytes_are_the_same_with_any_number_of_workers(undisturbed_to_the_end, tmp_path):
    assert left_by(weights_driver.all_stages(tmp_path, 3)) == undisturbed_to_the_end


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [5, 12])
def test_a_worker_that_dies_around_the_writing_of_its_weights_changes_nothing(
    number, moment, undisturbed, tmp_path, monkeypatch
):
    monkeypatch.setenv("HPTUNE_TEST_STRIKES", f"{number} {moment} {tmp_path}")
    folder = weights_driver.search(tmp_path / "runs", 2, "fake_trainers:network_that_dies")
    assert (tmp_path / "struck").exists()
    assert store.read(folder).trials[number].attempts == 2
    assert left_by(folder) == undisturbed


def test_a_worker_leaves_the_weights_of_the_lower_score_and_of_equals_of_the_lower_number(tmp_path, monkeypatch):
    scores = {5: 0.5, 4: 0.1, 7: 0.5, 2: 0.5, 3: 0.5, 6: 0.9, 8: 0.6, 9: 0.4, 1: 0.5}
    confirming = (4, 6)  # whose weights are wanted in any case
    train = weights_driver.network.train

    def scripted(*arguments, number, **options):
        trained = yield from train(*arguments, number=number, **options)
        return trained._replace(standing=(scores[number], 0.0))

    monkeypatch.setattr(weights_driver.network, "train", scripted)
    left = []
    with weights_driver.open_store(tmp_path) as opened:
        data = weights_driver.load(weights_driver.config().data)
        with study.data_for_workers(opened.folder, weights_driver.config(), data):
            opened.folder.weights.mkdir()
            train_one = weights_driver.network.prepare(study.job_of(weights_driver.config(), opened.folder))
            for number in scores:
                origin = Origin(Kind.CONFIRMATION, 0) if number in confirming else Origin(Kind.COARSE)
                list(train_one(TrialSpec(number, 0, {}, 0, origin)))
                if opened.folder.weights_of(number).exists():
                    left.append(number)
    assert left == [5, 4, 2, 6, 9]


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
