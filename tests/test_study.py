"""A run of random trials: nothing told that is not stored, whatever stops it; zooms are added to it."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

import driver
import pytest

from hptune import loop, runs, store, study, study_data, tables
from hptune.data.dataset import normalise
from hptune.errors import DataError, RunInUseError, UsageError
from hptune.events import EpochEnded, Stopping, TrialEnded
from hptune.search.zoom import Around
from hptune.trial import Job, Status
from hptune.workers.inline import InlineWorker
from hptune.workers.local import LocalWorkers


def table_texts(folder):
    """Both tables without times."""
    loaded = tables.load(runs.find_all(Path(folder))[-1].path)
    return [table.drop(columns="seconds").to_csv(index=False) for table in (loaded.trials, loaded.curves)]


def test_a_run_goes_on_with_columns_of_0_and_1_normalised_where_it_was_begun_so(tmp_path):
    config = driver.parsed("data: {source: digits}\nspace: {l2: {low: 0, high: 1}}\n")
    facts = study.data_facts(study_data.load(config))
    of_old = {key: value for key, value in facts.items() if key != "leaves_binary"}
    for place, written, left in (("new", facts, 3), ("old", of_old, 0)):  # three pixels are 0 or 1 in train
        with study.create(config, tmp_path / place, written) as opened:
            dataset = study.same_data(config, opened.snapshot())
        assert normalise(dataset).normalisation.as_they_are.sum() == left
        assert study.data_facts(dataset)["leaves_binary"] == bool(left)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    driver.train(folder, 0)
    texts = table_texts(folder)
    assert texts[0].count("\n") == 7
    assert texts[1].count("\n") == 25
    return texts


@pytest.mark.parametrize("n_workers", [0, 1, 2, 4])
def test_the_tables_are_the_same_with_any_number_of_workers(n_workers, tmp_path, undisturbed):
    driver.train(tmp_path, n_workers)
    assert table_texts(tmp_path) == undisturbed


@pytest.fixture(scope="module")
def undisturbed_closing_in(tmp_path_factory):
    """The tables of a search from coarse to fine, with bars and confirmation."""
    folder = tmp_path_factory.mktemp("closing-in")
    driver.train(folder, 0, "closing in")
    snapshot = store.read(runs.find_all(folder)[-1])
    assert [stage.n_trials for stage in snapshot.stages] == [24, 6]
    assert Status.STOPPED in {result.status for result in snapshot.results}
    return table_texts(folder)


@pytest.mark.parametrize("n_workers", [0, 1, 2, 4, 8])
def test_a_search_from_coarse_to_fine_is_the_same_with_any_number_of_workers(
    n_workers, tmp_path, undisturbed_closing_in
):
    driver.train(tmp_path, n_workers, "closing in")
    assert table_texts(tmp_path) == undisturbed_closing_in


def new_store(folder):
    return study.create(driver.config(), folder, {"fingerprint": "x"})


def run_all(opened, trainer="steady", stop=None, **settings):
    workers = LocalWorkers(Job(f"fake_trainers:{trainer}", "dev_error", settings), 2)
    with closing(workers):
        yield from loop.run(opened, workers, driver.config(), stop or loop.Stop())


def test_what_is_told_can_be_read_back_at_once_by_others(tmp_path):
    with new_store(tmp_path) as opened:
        for event in run_all(opened):
            if isinstance(event, TrialEnded):
                found = {result.number: result for result in store.read(opened.folder).results}
                assert found[event.result.number] == event.result


def test_a_stop_request_starts_nothing_new_and_lets_running_trials_end(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "GROUP_S", 0.0)  # events are told as they come
    stop = loop.Stop()
    events = []
    with new_store(tmp_path) as opened:
        for event in run_all(opened, stop=stop):
            events.append(event)
            if isinstance(event, EpochEnded) and not stop.is_requested:
                stop.request(signal.SIGINT)
        n_ended = sum(isinstance(event, TrialEnded) for event in events)
        assert sum(isinstance(event, Stopping) for event in events) == 1
        assert 2 <= n_ended < 6
        assert len(opened.snapshot().results) == n_ended
        list(run_all(opened))
        assert opened.snapshot().n_to_go == 0
        assert opened.snapshot().is_finished


def test_a_stop_request_does_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "GRACE_S", 0.0)
    stop = loop.Stop()
    stop.request(signal.SIGTERM)
    with (
        new_store(tmp_path) as opened,
        closing(
            LocalWorkers(
                Job("fake_trainers:faulty", "dev_error", {"fault": "hang", "trials": [0], "folder": str(tmp_path)}), 1
            )
        ) as workers,
    ):
        running = loop.Stop()
        events = loop.run(opened, workers, driver.config(), running)
        for event in events:
            if isinstance(event, EpochEnded):
                running.request(signal.SIGTERM)
        assert opened.snapshot().n_to_go == 6
        assert not opened.snapshot().is_finished


def test_a_second_program_is_refused_at_once_and_readers_are_not(tmp_path):
    with new_store(tmp_path) as opened:
        with pytest.raises(RunInUseError, match=f"process {os.getpid()}"):
            store.Store(opened.folder)
        assert store.read(opened.folder).n_planned == 6
    with store.Store(opened.folder):
        pass


def test_a_run_at_rest_is_one_database_file(tmp_path):
    driver.train(tmp_path, 0)
    names = {path.name for path in runs.find_all(tmp_path)[-1].path.iterdir()}
    assert names == {".lock", "config.yaml", "run.db", "trials.csv", "curves.csv", "best.yaml"}


def test_other_data_are_refused(tmp_path):
    with new_store(tmp_path) as opened, pytest.raises(DataError, match="not the data"):
        study.same_data(driver.config(), opened.snapshot())


def test_zooms_are_added_and_repeated(tmp_path):
    driver.train(tmp_path, 0)
    config = driver.parsed(driver.RANDOM.replace("trials: 6", "trials: 4"))
    with driver.open_store(tmp_path) as opened:
        for number in (1, 2):
            stage, found = study.plan_zoom(opened.snapshot(), config, Around(), 0.5)
            assert (stage.number, stage.name, stage.first_trial, stage.n_trials) == (
                number,
                f"zoom-{number}",
                2 + 4 * number,
                4,
            )
            assert len(found.changes) == 3
            study.add_stage(opened, stage)
            with closing(InlineWorker(Job("fake_trainers:steady", "dev_error"))) as worker:
                events = list(loop.run(opened, worker, config, loop.Stop()))
                ended = [event.result.number for event in events if isinstance(event, TrialEnded)]
                assert ended == list(range(stage.first_trial, stage.first_trial + 4))
    trials = tables.load(opened.folder.path).trials
    assert trials["stage"].tolist() == ["search"] * 6 + ["zoom-1"] * 4 + ["zoom-2"] * 4
    assert trials["trial"].tolist() == list(range(14))


@pytest.mark.parametrize(
    ("around", "phrase"), [("99", "no such trial"), ("top:0", "expected best"), ("bst", "expected best")]
)
def test_a_zoom_on_what_is_not_there_is_refused(around, phrase, tmp_path):
    driver.train(tmp_path, 0)
    snapshot = store.read(runs.find_all(tmp_path)[-1])
    with pytest.raises(UsageError, match=phrase):
        study.plan_zoom(snapshot, driver.config(), Around.parse(around), 0.5)
