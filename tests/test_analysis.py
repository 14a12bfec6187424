import math
import os
from dataclasses import replace

import numpy as np
import pytest
from fabricate import ADAM, DATA, MOMENTUM, STUDY, FabricatedRun, mixed, zoomed
from made import Made

from hptune import tables
from hptune.analysis import progress
from hptune.analysis.advice import next_steps
from hptune.analysis.diagnosis import AGAINST_BIAS, AGAINST_VARIANCE, LONGER, NOISE, TO_BE_SURE, Errors, diagnose
from hptune.analysis.leaderboard import leaderboard, ordered
from hptune.analysis.progress import RunLine, run_line
from hptune.analysis.summary import summarize
from hptune.errors import UsageError
from hptune.search.plan import ConfirmPlan
from hptune.store import Stage, Store
from hptune.trial import Status, TrialResult


@pytest.fixture
def run(tmp_path):
    return tables.load(mixed(tmp_path / "made-001").path)


def test_leaderboard_ranks_completed_trials(run):
    board = leaderboard(run)
    assert [(row.rank, row.trial, row.stage) for row in board.rows] == [
        (1, 8, "zoom-1"),
        (2, 0, "search"),
        (3, 1, "search"),
    ]
    assert board.rows[0].curve == (0.3, 0.08, 0.05)
    assert board.rows[1].metrics["train_error"] == 0.05
    assert board.searched == ("learning_rate", "optimizer", "beta1", "hidden_units", "hidden_layers", "batch_size")
    assert board.near_one == {"beta1"}
    assert "batch_size" not in board.rows[0].hyperparameters
    assert [row.trial for row in leaderboard(run, top=2).rows] == [8, 0]


def test_sorting_by_a_column_puts_missing_values_last(run):
    assert list(ordered(run, "batch_size")["trial"]) == [1, 4, 7, 0, 2, 3, 6, 8]
    assert list(ordered(run, "dev_error")["trial"])[:3] == [8, 0, 1]
    assert list(ordered(run, "stage")["trial"]) == [0, 1, 2, 3, 4, 6, 7, 8]
    board = leaderboard(run, top=9, sort="seconds")
    assert [row.rank for row in board.rows] == [2, 3, 1, None, None, None, None, None]
    assert [row.sort_value for row in board.rows] == [0.25] * 3 + [0.5] * 4 + [None]
    assert board.rows[-1].status == "unfinished"


def test_sorting_by_a_column_that_is_not_there(run):
    with pytest.raises(UsageError, match=r'no such column. Did you mean "dev_error"\? There are: trial, stage'):
        leaderboard(run, sort="dev_eror")


def test_counts_and_lost_attempts(run):
    report = summarize(run)
    assert report.counts == {
        "completed": 3,
        "stopped": 0,
        "diverged": 2,
        "failed": 1,
        "crashed": 1,
        "timed out": 0,
        "to_go": 3,
    }
    assert report.n_planned == 10
    assert report.faults.lost_attempts == {"its worker died": 3}
    assert report.faults.failed == {"failed": 1, "crashed": 1}
    assert report.faults.taken_back == 0


def test_failures_are_grouped_by_reason(run):
    first, *others = summarize(run).failures
    assert (first.status, first.reason, first.trials) == ("diverged", "train_loss became nan in epoch N", (2, 3))
    assert [(group.status, group.trials) for group in others] == [("failed", (4,)), ("crashed", (6,))]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("loss became inf in epoch 3", "loss became inf in epoch 12", "loss became inf in epoch N"),
        ("x = -1.5e-7 (a.py:7)", "x = 22 (a.py:7)", "x = N (a.py:7)"),
        ("<f at 0x7f01>", "<f at 0x7f99>", "<f at N>"),
        ("epoch 3", "epoch 3", "epoch 3"),
        ("float32 overflow", "float64 overflow", None),
        ("(a.py:7)", "(a.py:8)", None),
    ],
)
def test_numbers_do_not_keep_equal_causes_apart(one, other, together):
    groups = progress.failures([TrialResult(i, Status.FAILED, reason) for i, reason in enumerate([one, other])])
    assert [group.reason for group in groups] == ([together] if together else [one, other])


def test_stages_with_their_ranges(run):
    search, zoom = summarize(run).stages
    assert (search.n_done, search.n_planned, search.best_score, search.best_trial) == (5, 6, 0.1, 0)
    assert (zoom.n_done, zoom.n_planned, zoom.best_score, zoom.best_trial) == (2, 4, 0.05, 8)
    assert search.ranges[0].old is None
    rate = zoom.ranges[0]
    assert (rate.name, rate.old.low, rate.old.high, rate.new.low, rate.new.high) == ("learning_rate", 1e-4, 1, 0.1, 1)


# Of 10,000 and 10,000 examples an error of 0.1 has a standard error of 0.003, and 0.2 one of 0.004.
@pytest.mark.parametrize(
    ("train", "dev", "bayes", "verdict", "remedies"),
    [
        (0.15, 0.2, 0.0, "both", AGAINST_BIAS + AGAINST_VARIANCE),
        (0.197, 0.2, 0.0, "high bias", AGAINST_BIAS),
        (0.02, 0.1, 0.02, "high variance", AGAINST_VARIANCE),
        (0.095, 0.1, 0.09, "neither", ()),
        (0.095, 0.1, 0.04, "high bias", AGAINST_BIAS),
        (0.0, 0.0, 0.0, "neither", ()),
        (0.1, 0.112, 0.1, "cannot tell", (TO_BE_SURE,)),
    ],
)
def test_verdicts(train, dev, bayes, verdict, remedies):
    found = diagnose(Errors(train, dev, None, bayes, 10_000, 10_000))
    assert found.verdict == verdict
    assert found.remedies == remedies
    assert (found.bias.size, found.variance.size) == (train - bayes, dev - train)
    assert found.notes == ()


def test_a_gap_counts_by_the_standard_errors_of_the_sets_that_it_is_between():
    # 40 errors of 400, with two errors and two others added: p = 42/404; sqrt(p * (1 - p) / 404) = 0.0151847
    found = diagnose(Errors(0.0, 0.1, n_dev=400))
    assert found.variance.standard_error == pytest.approx(0.0151847, abs=1e-7)
    assert found.variance.threshold == pytest.approx(0.0303694, abs=1e-7)
    assert diagnose(Errors(0.0, 0.1, n_dev=1_000_000)).variance.threshold == 0.01
    assert diagnose(Errors(0.0, 0.1)).variance.threshold == 0.01
    both = diagnose(Errors(0.1, 0.1, n_train=400, n_dev=400))
    assert both.variance.standard_error == pytest.approx(math.sqrt(2) * 0.0151847, abs=1e-7)
    assert both.bias.standard_error == pytest.approx(0.0151847, abs=1e-7)


def test_bias_is_judged_by_the_size_of_train_however_small_dev_is():
    # 471 errors of 5,000: 23 standard errors of 0.0041 above 0; the 30 examples of dev have no say in it
    found = diagnose(Errors(0.0942, 2 / 30, n_train=5000, n_dev=30))
    assert (found.verdict, found.bias.level, found.variance.level) == ("high bias", "high", "not high")
    assert found.bias.standard_error == pytest.approx(0.0041, abs=5e-5)


def test_a_verdict_that_hangs_on_less_than_its_own_error_is_none():
    # dev 8 of 359: standard error 0.0086, so that what counts from 0.0172 on cannot be told of 0.0223
    found = diagnose(Errors(0.0, 8 / 359, n_train=1078, n_dev=359))
    assert (found.verdict, found.variance.level) == ("cannot tell", "cannot tell")
    assert found.remedies == (TO_BE_SURE,)
    assert diagnose(Errors(0.0, 12 / 359, n_train=1078, n_dev=359)).verdict == "high variance"


def test_seeds_that_differ_widen_the_error_of_a_gap():
    errors = Errors(0.0, 0.1, n_train=10_000, n_dev=10_000, n_seeds=4, dev_deviation=0.08)
    assert diagnose(errors).variance.standard_error == pytest.approx(0.04, rel=0.01)  # 0.08 / sqrt(4)
    assert diagnose(errors).variance.level == "cannot tell"
    assert diagnose(replace(errors, dev_deviation=0.0)).variance.level == "high"


def test_longer_training_is_no_remedy_where_the_best_epochs_were_early():
    assert LONGER in diagnose(Errors(0.3, 0.3)).remedies
    assert LONGER not in diagnose(Errors(0.3, 0.3, still_improves=False)).remedies


def test_a_dev_set_without_errors_proves_little():
    # 0 of 120 against 4 of 120: one-sided p = 0.06 by Fisher's exact test
    found = diagnose(Errors(0.02, 0.0, 4 / 120, n_train=360, n_dev=120, n_test=120))
    assert found.verdict == "cannot tell"  # 7 of 360 may be 0.01
    assert found.notes == ()


def test_notes_on_dev_and_test():
    # standard errors 0.015 and 0.02 make two of the difference 0.05
    assert diagnose(Errors(0.0, 0.1, 0.14, n_dev=400, n_test=400)).notes == ()
    (note,) = diagnose(Errors(0.0, 0.1, 0.2, n_dev=400, n_test=400)).notes
    assert "0.1 above the dev error, 4.0 standard errors" in note
    assert "Perhaps dev and test come from different distributions" in note
    assert "hptune check" in note
    assert "overfitted to the dev set" in note
    assert "data.seed" not in note
    (note,) = diagnose(Errors(0.0, 0.1, 0.16, n_dev=400, n_test=400, is_split_here=True)).notes
    # 0.06 / hypot(0.01518, 0.01840) = 2.515; 2 * scipy.stats.norm.sf(2.515) is 1 in 84
    assert "2.5 standard errors: by chance, one in 84 would differ as much" in note
    assert "try another data.seed" in note
    (note,) = diagnose(Errors(0.0, 0.2, 0.1, n_dev=400, n_test=400)).notes
    assert "0.1 below the dev error" in note
    assert "overfitted" not in note
    wide = Errors(0.0, 0.1, 0.2, n_dev=400, n_test=400, n_seeds=3, dev_deviation=0.06)
    assert diagnose(wide).notes == ()  # the one network that met the test set is one of many that differ
    (note,) = diagnose(Errors(0.0, 0.1, n_dev=40)).notes
    assert "only 40 examples, and each is 0.025" in note


def test_the_chance_in_a_root_mean_square():
    # 0.3 / sqrt(2 * 450) = 0.01; two of them are the threshold
    assert Errors(0.1, 0.3, n_dev=450, is_regression=True).dev_chance == pytest.approx(0.01)
    assert diagnose(Errors(0.1, 0.3, n_dev=450, is_regression=True)).variance.threshold == pytest.approx(0.02)
    assert diagnose(Errors(0.1, 0.3, n_dev=10**6, is_regression=True)).variance.threshold == 0.01
    assert diagnose(Errors(0.1, 0.3, is_regression=True)).variance.threshold == 0.01
    errors = np.sqrt((np.random.default_rng(0).normal(scale=0.3, size=(20_000, 450)) ** 2).mean(axis=1))
    assert errors.std() == pytest.approx(0.01, rel=0.03)
    # the rule for shares would say 0.0217, and beyond 1 it has no root
    assert Errors(0.1, 0.3, n_dev=450).dev_chance == pytest.approx(0.0215, rel=0.01)
    assert Errors(0.1, 2.0, n_dev=50, is_regression=True).dev_chance == pytest.approx(0.2)


def test_notes_on_a_regression():
    # standard errors 0.01 and 0.329 / 30 = 0.011: two of the difference are 0.0297
    alike = Errors(0.3, 0.3, 0.329, 0.3, n_dev=450, n_test=450, is_regression=True)
    assert diagnose(alike).notes == ()
    (note,) = diagnose(replace(alike, test=0.34)).notes
    assert note.startswith("The test error is 0.04 above the dev error")
    assert "if residuals are normal, and more where some are far larger than others" in note
    (note,) = diagnose(Errors(0.3, 0.3, bayes=0.3, n_dev=50, is_regression=True)).notes
    assert "only 50 examples, and the dev error is known to within 10 % of itself" in note


def test_noise_in_the_targets_is_asked_for_where_it_would_be_taken_for_bias():
    errors = Errors(0.3, 0.3, n_dev=450, is_regression=True)
    assert diagnose(errors).verdict == "high bias"
    assert NOISE in diagnose(errors).notes
    assert NOISE not in diagnose(replace(errors, bayes=0.1)).notes  # it has been said
    assert NOISE not in diagnose(replace(errors, train=0.0)).notes  # there is none
    assert NOISE not in diagnose(replace(errors, is_regression=False)).notes


REGRESSION = "data: {path: houses.csv, target: price, task: regression}"


def test_a_run_of_a_regression_is_summarised_in_deviations_and_in_the_unit_of_the_target(tmp_path):
    study = STUDY.replace("data: {source: digits, bayes_error: 0.0}", REGRESSION)
    assert study != STUDY
    data = {**DATA, "classes": 0, "target_deviation": 98.5}
    made = FabricatedRun(tmp_path / "run", study, n_trials=1, data=data)
    made.complete(0, train=0.2, test=0.3)
    report = summarize(tables.load(made.path))
    assert report.best.target_deviation == 98.5
    assert report.best.diagnosis.notes[-1] == NOISE
    assert summarize(tables.load(mixed(tmp_path / "classes").path)).best.target_deviation is None


def test_the_best_trial_is_diagnosed_with_the_dropout_off(run):
    best = summarize(run).best
    assert (best.trial, best.train_error, best.dev_error, best.test_error) == (8, 0.01, 0.05, 0.12)
    assert best.diagnosis.verdict == "high variance"
    assert summarize(run, bayes_error=-1.0).best.diagnosis.verdict == "both"


def test_the_diagnosis_rests_on_the_mean_over_fresh_seeds_not_on_the_luckiest_network(tmp_path):
    data = {**DATA, "baseline": {"error": {"dev": 0.9, "test": 0.9}, "loss": {"dev": 2.3}, "answer": "3"}}
    made = FabricatedRun(tmp_path / "run", n_trials=1, data=data)
    made.complete(0, ADAM, (0.02,), train=0.0, test=None)
    space = made.load().snapshot.stages[0].space
    made.add_stage(Stage(1, "confirm-1", "", space, 1, 3, ConfirmPlan((0,), (0, 1, 2), follows=0), (0,)))
    for number, (train, dev) in enumerate(((0.0, 0.02), (0.03, 0.11), (0.03, 0.11)), 1):
        made.complete(number, ADAM, (dev,), 1, train, 0.05 if number == 1 else None, confirms=0)
    best = summarize(made.load()).best
    assert (best.weights_trial, best.dev_error, best.train_error) == (1, 0.02, 0.0)  # the luckiest
    means = best.mean_errors
    assert (means.train_error, means.dev_error, means.dev_loss) == pytest.approx((0.02, 0.08, 0.24))
    assert best.diagnosis.variance.size == pytest.approx(0.06)
    # of 400: p = 34/404, of 800: p = 18/804; over three seeds deviations of 0.052 and 0.0173, by the root of 3
    chance = math.hypot(math.sqrt(34 * 370 / 404**3), math.sqrt(18 * 786 / 804**3), 0.03, 0.01)
    assert best.diagnosis.variance.standard_error == pytest.approx(chance)
    assert best.standard_error == pytest.approx(0.03)
    assert best.dev_standard_error == pytest.approx(math.sqrt(34 * 370 / 404**3))
    assert (best.baseline.error["test"], best.n_tested) == (0.9, 1)


def test_no_train_error_no_diagnosis(tmp_path):
    made = FabricatedRun(tmp_path / "run", n_trials=1, data={})
    made.complete(0, train=None, test=None)
    report = summarize(tables.load(made.path))
    assert report.best.diagnosis is None
    assert report.data == {}


def test_the_dev_error_is_that_of_the_best_epoch_by_any_metric(tmp_path):
    made = FabricatedRun(tmp_path / "run", STUDY.replace("trials: 6", "trials: 1, metric: dev_loss"), 1)
    made.complete(0, errors=(0.5, 0.1, 0.2))
    best = summarize(tables.load(made.path)).best
    assert (best.metric, best.dev_error) == ("dev_loss", 0.1)


def _steps(made):
    return summarize(tables.load(made.path)).next_steps


def test_next_resume(tmp_path):
    made = FabricatedRun(tmp_path / "a run")
    made.complete(0)
    (step,) = _steps(made)
    assert step.text.startswith("5 of 6")
    assert step.command == f"hptune resume '{made.path}'"


def test_next_zoom(tmp_path):
    made = FabricatedRun(tmp_path / "run", n_trials=1)
    made.complete(0)
    step, retest = _steps(made)
    assert step.text.startswith("Narrow")
    assert retest.command == f"hptune retest {made.path}"
    assert step.command == f"hptune zoom --around best --run {made.path}"


def test_next_zoom_extends_at_a_border(tmp_path):
    made = FabricatedRun(tmp_path / "run", n_trials=1)
    made.complete(0, {**ADAM, "learning_rate": 0.9, "hidden_units": 17})
    report = summarize(tables.load(made.path))
    assert [(hit.name, hit.side, hit.can_extend) for hit in report.best.borders] == [
        ("learning_rate", "high", True),
        ("hidden_units", "low", True),
    ]
    text = report.next_steps[0].text
    assert "the upper end of learning_rate (0.9), the lower end of hidden_units (17)" in text
    assert "extends" in text


def test_a_border_at_the_legal_limit_cannot_be_extended(tmp_path):
    text = STUDY.replace("hidden_layers: {type: int, low: 1, high: 5}", "dropout: {low: 0, high: 0.5}")
    made = FabricatedRun(tmp_path / "run", text, 1)
    values = {key: value for key, value in ADAM.items() if key != "hidden_layers"}
    made.complete(0, {**values, "dropout": 0.001})
    report = summarize(tables.load(made.path))
    assert [(hit.name, hit.can_extend) for hit in report.best.borders] == [("dropout", False)]
    assert report.next_steps[0].text.startswith("Narrow")


def test_next_stop_after_two_zooms_without_gain(tmp_path):
    made = FabricatedRun(tmp_path / "run", n_trials=1)
    made.complete(0, errors=(0.1,))
    made.add_stage(zoomed(1, 1, 1))
    made.complete(1, errors=(0.2,), stage=1)
    assert "zoom" in _steps(made)[0].command
    made.add_stage(zoomed(2, 2, 1))
    made.complete(2, errors=(0.1,), stage=2)
    step, retest = _steps(made)
    assert retest.command == f"hptune retest {made.path}"
    assert step.command == ""
    assert step.text == f"The last 2 zooms found nothing better: train the answer in {made.folder.best_yaml}"


def test_next_retest_where_zooms_without_gain_follow_one_whose_best_nothing_has_confirmed():
    made = Made().search(0.2, 0.3).confirm((0, 1, 2), {0: [0.3] * 3, 1: [0.4] * 3})
    made.search(0.1).search(0.4).search(0.4)
    (step,) = next_steps(made.snapshot, (), ())
    assert step.text.startswith(
        "Trial 8 scored better than the answer had before it was confirmed: train the best again"
    )
    assert step.command == "hptune retest run"
    made.retest((3, 4), {0: [0.3, 0.3], 8: [0.5, 0.5]})
    (step,) = next_steps(made.snapshot, (), ())
    # trial 8 found nothing better either: its score was luck
    assert step.text.startswith("The last 3 zooms found nothing better: train the answer")


def test_next_when_all_failed(tmp_path):
    made = FabricatedRun(tmp_path / "run", n_trials=2)
    made.end(0, "diverged", "dev_loss became inf in epoch 2")
    made.end(1, "diverged", "dev_loss became inf in epoch 1", MOMENTUM)
    first, second = _steps(made)
    assert first.text == "No trial has completed. All of them diverged: dev_loss became inf in epoch N."
    assert "learning_rate" in second.text


def test_lines_of_runs(tmp_path):
    line = run_line(mixed(tmp_path / "made-001").folder)
    assert line == RunLine("made-001", "unfinished", "2026-03-04T05:06:07+00:00", 7, 10, "dev_error", 0.05)
    done = FabricatedRun(tmp_path / "done-001", n_trials=1, data=DATA)
    done.end(0, "failed", "no")
    assert run_line(done.folder).state == "finished"
    done.folder.database.write_bytes(b"not a database, however long it may be" * 100)
    assert run_line(done.folder).state == "damaged"
    assert str(done.path) in run_line(done.folder).problem


def test_a_run_that_is_being_searched_is_said_to_run(tmp_path):
    made = mixed(tmp_path / "made-001")
    with Store(made.folder):
        assert run_line(made.folder).state == "running"
        report = summarize(tables.load(made.path))
        assert f"process {os.getpid()}" in report.writer
        (step,) = report.next_steps
        assert "Being searched by" in step.text
        assert step.command == ""
    assert run_line(made.folder).state == "unfinished"


def test_ties_are_told(tmp_path):
    made = FabricatedRun(tmp_path / "made-001", n_trials=3)
    for number, error in enumerate((0.25, 0.5, 0.25)):
        made.complete(number, errors=[error])
    report = summarize(tables.load(made.path))
    assert (report.best.trial, report.best.ties) == (0, (2,))
