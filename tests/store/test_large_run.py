"""A run of many stored trials: what is kept of each does not grow with its epochs, and nothing is quadratic."""

from __future__ import annotations

import gc
import tracemalloc

import bench_large_run
import pytest

from hptune import agenda, store, stored_config, tables
from hptune.store import Store
from hptune.store.best_weights import BestWeights


def known_bytes(folder, metric):
    """What a search that goes on keeps of what is stored."""
    with Store(folder) as opened:
        snapshot = opened.snapshot()
        config = stored_config.config_of(snapshot)
        tracemalloc.start()
        try:
            scores, ties = opened.standings(metric)
            search = agenda.trials_of(snapshot, snapshot.stages[0], config, scores, lambda _: 1.0, ties)
            assert search.next_spec().number == len(snapshot.trials)
            del scores, ties
            gc.collect()  # what is garbage by now is not kept
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(("metric", "n_bytes"), [("dev_loss", 8), ("dev_error", 16)])
def test_an_epoch_costs_a_search_no_more_than_its_eight_bytes_twice_where_ties_are_broken(metric, n_bytes, tmp_path):
    n = 300
    short, long = (bench_large_run.make(tmp_path / str(epochs), n, epochs, "coarse-to-fine") for epochs in (10, 60))
    known_bytes(short, metric)  # what is loaded once
    # and room to grow
    assert (known_bytes(long, metric) - known_bytes(short, metric)) / (50 * n) < 1.5 * n_bytes


def test_a_snapshot_reads_what_has_changed(tmp_path, monkeypatch):
    folder = bench_large_run.make(tmp_path, 50, 2)
    read = []
    parse = store.snapshot._stored_trial
    monkeypatch.setattr(store.snapshot, "_stored_trial", lambda row, *more: read.append(row[0]) or parse(row, *more))
    with Store(folder) as opened, BestWeights(opened):
        assert len(read) == 50
        opened.take_back([7])
        opened.set_test_error(9, 0.5)
        snapshot = opened.snapshot()
        assert read[50:] == [7, 9]
    assert snapshot.trials == store.read(folder).trials


@pytest.mark.sweep
@pytest.mark.parametrize("method", ["random", "coarse-to-fine"])
def test_sweep_of_a_hundred_thousand_trials(method, tmp_path):
    """Two to five minutes each, of which writing the run is the most.

    The limits are multiples of the processor time of a plain reading of its trials, measured in turn with the
    commands, since a machine at work with other things gives seconds of very different worth. Measured: 2.3 to 3.0
    times it for a report, 0.75 for a list, 4 for the start of a resume, where a search from coarse to fine goes
    through all that it has handed out.
    """
    folder = bench_large_run.make(tmp_path, 100_000, 20, method)
    limits = {"report": 3.5, "list": 1.25, "start of resume": 7.5}
    commands = bench_large_run.commands(folder)
    rounds = [{name: bench_large_run.measured(*commands[name]) for name in (*limits, "reference")} for _ in range(3)]
    least = {name: min(found[name][0] for found in rounds) for name in rounds[0]}
    assert all(least[name] / least["reference"] < limit for name, limit in limits.items()), rounds
    assert all(mebibytes < 1500 for found in rounds for _, mebibytes in found.values()), rounds
    assert len(tables.load(folder.path).trials) == 100_000
