"""What a search is expected to take, beside hand-worked numbers and beside what a search did take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hptune
from hptune import agenda, study, study_data
from hptune.analysis import expectation as expecting
from hptune.analysis.expectation import EPOCH_S, START_S, TRIAL_S, bars_share, expectation
from hptune.analysis.preview import draws
from hptune.config import study_file, yaml_tree
from hptune.config.study_file import parse
from hptune.machine import look
from hptune.stored_config import epoch_cost

DATA = {"train": 1000, "dev": 300, "test": 200, "features": 4, "classes": 3}
ROOT = Path(__file__).parents[1]


def expected(search, *, space="l2: {low: 0, high: 1}", train="epochs: 27", data=DATA, n_workers=1, cores=4):
    text = f"data: {{source: blobs}}\ntrain: {{{train}}}\nspace: {{{space}}}\nsearch: {{{search}}}\n"
    config = parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None)
    plan = agenda.first_stage(config).plan
    found = expectation(config, plan, data, draws(config, 50), n_workers=n_workers, cores=cores)
    return found, epoch_cost(config, data)


def test_a_random_search_trains_all_it_draws():
    found, cost = expected("method: random, trials: 10", space="dropout: {choices: [0.2, 0.5]}")
    assert found.trainings == 2  # there are no more configurations
    found, cost = expected("method: random, trials: 10", space="l2: {low: 0.1, high: 1}")
    assert (found.trainings, found.epochs) == (10, 270)
    epoch_s = cost({"l2": 0.5}) + EPOCH_S
    assert found.seconds == pytest.approx(START_S + 10 * (27 * epoch_s + TRIAL_S))


def test_bars_spare_most_epochs_of_a_search_and_none_of_a_confirmation():
    found, _ = expected("trials: 100")
    assert found.trainings == 100
    assert found.epochs == pytest.approx((2 + 92 * bars_share(27) + 6) * 27)  # two trials have no bars
    all_of_them, _ = expected("trials: 100, bars: false, confirm: false")
    assert all_of_them.epochs == 2700
    single, _ = expected("trials: 100", space="l2: 0.5")  # there is one configuration to confirm, whatever the budget
    assert single.trainings == 1 + 3
    few, _ = expected("trials: 100, confirm: false", train="epochs: 1")
    assert few.epochs == 100


def test_bars_of_short_trials_spare_few_epochs():
    assert bars_share(27) == pytest.approx(1.8 * (1 + 2 / 3 + 6 / 9 + 18 / 27) / 27)
    assert bars_share(5) == pytest.approx(1.8 * (1 + 1 / 3 + 3 / 9) / 5)
    assert bars_share(2) == bars_share(1) == 1


@pytest.mark.parametrize(
    ("parallel", "epochs", "trials"),
    [(8, 5, 2 + 6 * 0.6), (4, 5, 2 + 6 * 0.6), (1, 27, 2 + 6 * bars_share(27)), (9, 27, 2 + 6 * bars_share(27))],
)
def test_trials_that_begin_before_others_are_known_meet_no_bars(parallel, epochs, trials):
    """Of a search of 8 trials two run to their end before there are bars, however many could run at a time."""
    search = f"trials: 8, parallel: {parallel}, confirm: false"
    found, _ = expected(search, space="l2: {low: 0.1, high: 1}", train=f"epochs: {epochs}")
    assert found.epochs == pytest.approx(trials * epochs)
    budget = f"epochs: {round(found.epochs)}, parallel: {parallel}, confirm: false"
    again, _ = expected(budget, space="l2: {low: 0.1, high: 1}", train=f"epochs: {epochs}")
    assert again.trainings == pytest.approx(8, rel=0.1)


def test_no_more_workers_are_counted_than_trials():
    few, many = (expected("trials: 3, confirm: false", n_workers=n)[0] for n in (3, 8))
    assert few == many
    assert few.n_workers == 3
    assert expected("trials: 3, confirm: false", n_workers=0)[0].n_workers == 0
    assert expected("epochs: 30, confirm: false", n_workers=8)[0].n_workers == 8


def test_epochs_and_time_are_budgets_too_and_the_one_that_ends_first_counts():
    found, _ = expected("epochs: 540, bars: false, confirm: false")
    assert (found.trainings, found.epochs) == (20, 540)
    found, cost = expected("time: 10s, bars: false, confirm: false", space="l2: {low: 0.1, high: 1}")
    assert found.trainings == pytest.approx(10 / (27 * (cost({"l2": 0.5}) + EPOCH_S) + TRIAL_S))
    assert found.seconds == 10
    found, _ = expected("epochs: 540, time: 2d, trials: 7, bars: false, confirm: false")
    assert found.trainings == 7


def test_workers_share_the_work_as_far_as_there_are_cores():
    alone, two, eight = (expected("trials: 4000", n_workers=n)[0].seconds for n in (1, 2, 8))
    in_one_process = expected("trials: 4000", n_workers=0)[0].seconds
    four = expected("trials: 4000", n_workers=4)[0].seconds
    assert alone == in_one_process > 1.5 * two > two > four == eight


def test_the_disk_holds_the_data_as_workers_map_them_in_each_form():
    few, many = (expected("trials: 10", data={**DATA, "train": n})[0].disk for n in (1_000, 1_001_000))
    assert many - few == 1_000_000 * (4 * 4 + 8)
    forms = "normalize_inputs: {choices: [true, false]}"
    few, many = (expected("trials: 10", space=forms, data={**DATA, "train": n})[0].disk for n in (1_000, 1_001_000))
    assert many - few == 2 * 1_000_000 * (4 * 4 + 8)


def test_memory_holds_the_data_once_and_each_worker_its_network():
    one, two = (expected("trials: 10", train="hidden_units: 100000", n_workers=n)[0].memory for n in (1, 2))
    n_parameters = 5 * 100_000 + 100_001 * 3
    assert two - one == expecting.WORKER_BYTES + expecting.COPIES * 4 * n_parameters


def test_a_search_takes_what_was_expected_of_it_give_or_take(tmp_path):
    config = study_file.load(ROOT / "configs" / "own_csv.yaml")
    plan = agenda.first_stage(config).plan
    data = study.data_facts(study_data.load(config))
    found = expectation(config, plan, data, draws(config, 200), n_workers=1, cores=1)
    subprocess.run(
        [sys.executable, "-m", "hptune", "search", str(ROOT / "configs" / "own_csv.yaml"), "--workers", "0"],
        cwd=tmp_path, env={**os.environ}, capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    run = hptune.load(tmp_path / "runs" / "leaves-001")
    assert len(run.trials) == found.trainings
    assert 0.5 < found.epochs / len(run.curves) < 2
    took = sum(path.stat().st_size for path in (tmp_path / "runs" / "leaves-001").iterdir())
    assert 0.5 < found.disk / took < 4  # with the data as workers map them, which is gone by now


def test_the_machine_is_looked_at_where_runs_would_lie(tmp_path, monkeypatch):
    here = look(tmp_path / "a" / "b" / "runs", cores=3)
    assert (here.cores, here.obstacle) == (3, "")
    assert 0 < here.free == pytest.approx(look(tmp_path, cores=3).free, rel=0.5)
    assert here.memory > 1e8
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("")
    assert look(tmp_path / "file" / "runs", cores=1).obstacle == f"{tmp_path / 'file'} is no folder"
    monkeypatch.setattr(os, "access", lambda *_: False)  # root has all rights
    assert look(tmp_path / "runs", cores=1).obstacle == f"no right to write into {tmp_path}"
    system = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*system[:8], os.ST_RDONLY, system[9])))
    assert look(tmp_path / "runs", cores=1).obstacle == "the file system is read-only"
