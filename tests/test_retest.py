"""`hptune retest`: as a person types it, at once, later, interrupted, and on other data."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import FAILED, Made
from rich.console import Console

from hptune import agenda, store
from hptune.analysis.confirmation import Order, Retest, Standing
from hptune.cli import main, retesting, training
from hptune.errors import UsageError
from hptune.nn import model_file
from hptune.report.confirmation import print_retest
from hptune.runs import RunFolder
from hptune.store.answer import answer_of

STUDY = """\
name: toy
data: {source: moons, examples: 200}
train: {epochs: 2}
space:
  learning_rate: {scale: log, low: 1e-3, high: 1}
  hidden_units: {type: int, scale: log, low: 4, high: 32}
search: {trials: 6, seed: 1, method: random, confirm: false, metric: dev_loss, parallel: 1}
"""


@pytest.fixture
def hptune(monkeypatch, capsys):
    """A command in this process: what it prints."""
    for module in (retesting, training):
        monkeypatch.setattr(module, "set_up_blas", lambda: None)
    monkeypatch.setenv("COLUMNS", "200")

    def called(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["hptune", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert (ended.value.code or 0) == code, shown
        assert "Traceback" not in shown.err
        return " ".join((shown.out + shown.err).split())

    return called


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A folder with a run of six trials that nothing has confirmed."""
    place = tmp_path_factory.mktemp("searched")
    (place / "toy.yaml").write_text(STUDY)
    command = [sys.executable, "-m", "hptune", "search", "toy.yaml", "--workers", "0"]
    subprocess.run(command, cwd=place, capture_output=True, check=True, timeout=60)
    return place


@pytest.fixture
def home(searched, tmp_path, monkeypatch):
    """A copy of it to work in."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot_of(home):
    return store.read(RunFolder(home / "runs" / "toy-001"))


def left_by(home):
    """The files of the answer, and which trials have met the test set."""
    snapshot = snapshot_of(home)
    files = snapshot.folder.best_npz.read_bytes(), snapshot.folder.best_yaml.read_bytes()
    return files, [(trial.number, trial.test_error) for trial in snapshot.trials if trial.test_error is not None]


def test_it_confirms_what_a_search_left_unconfirmed(home, hptune):
    assert answer_of(snapshot_of(home)).confirmed is None
    shown = hptune("retest", "--workers", 0, "--top", 3, "--seeds", 2)
    snapshot = snapshot_of(home)
    stage = snapshot.stages[1]
    assert (stage.name, stage.n_trials, stage.plan.replicates) == ("retest-1", 6, (0, 1))
    answer = answer_of(snapshot)
    assert answer.confirmed.trial == answer.trial
    assert f"Trial {stage.plan.trials[0]}, the best before" in shown
    model = model_file.load(snapshot.folder.best_npz)
    assert model.trial == answer.weights
    assert snapshot.trials[answer.weights].test_error is not None
    found = json.loads(hptune("report", "--json"))
    assert found["best"]["trial"] == answer.trial
    assert found["best"]["score"] == pytest.approx(answer.confirmed.mean)
    assert found["retests"][0]["stage"] == "retest-1"
    assert "retest-1: does the ranking hold?" in hptune("report")
    assert f"dev_loss {answer.confirmed.mean:.4g}" in hptune("list")
    with Path("runs/toy-001/trials.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 12


def test_seeds_are_fresh_and_the_order_is_the_confirmed_one(home, hptune):
    hptune("retest", "--workers", 0, "--top", 3, "--seeds", 2)
    first, before = answer_of(snapshot_of(home)), left_by(home)
    hptune("retest", "--workers", 0, "--top", 6, "--seeds", 1)
    assert left_by(home) == before  # a single seed refutes nothing
    assert answer_of(snapshot_of(home)) == first
    stages = snapshot_of(home).stages
    assert stages[2].plan.replicates == (2,)
    assert stages[2].plan.trials[0] == first.trial
    assert set(stages[2].plan.trials[:3]) == set(stages[1].plan.trials)
    assert len(stages[2].plan.trials) == 6
    assert "no more than 6 distinct configurations" in hptune("retest", "--workers", 0, "--top", 7, "--seeds", 1)


def test_other_data_change_nothing_but_the_tables(home, hptune):
    hptune("retest", "--workers", 0, "--top", 2, "--seeds", 2)
    before = snapshot_of(home)
    best = before.folder.best_npz.read_bytes(), before.folder.best_yaml.read_bytes()
    shown = hptune("retest", "--workers", 0, "--top", 2, "--seeds", 2, "--data", "blobs")
    assert "retest-2: does the ranking hold on blobs?" in shown
    assert "3 classes instead of 2" in shown
    after = snapshot_of(home)
    assert (after.folder.best_npz.read_bytes(), after.folder.best_yaml.read_bytes()) == best
    assert answer_of(after) == answer_of(before)
    assert after.stages[2].plan.data["settings"]["source"] == "blobs"
    assert all(trial.test_error is None for trial in after.trials_of(after.stages[2]))
    assert not after.folder.weights.exists()
    shown = hptune("report")
    assert "does the ranking hold on blobs?" in shown
    assert f"dev_loss {answer_of(before).confirmed.mean:.4g}" in hptune("list")


def test_a_file_is_read_as_the_study_says_and_set_completes_it(home, hptune):
    rows = "\n".join(f"{n % 7},{n % 5},{'yes' if n % 2 else 'no'}" for n in range(60))
    Path("new.csv").write_text(f"a,b,label\n{rows}\n")
    shown = hptune("retest", "--workers", 0, "--top", 2, "--data", "new.csv", code=3)
    missing = "data.target: missing: which column of the CSV holds the labels? Say it with --set data.target=NAME"
    assert shown.splitlines() == [f"Error: --data new.csv: {missing}"]
    np.save("x.npy", np.ones((60, 2)))
    shown = hptune("retest", "--workers", 0, "--data", "x.npy", code=3)
    assert shown.startswith("Error: --data x.npy: data.labels: missing: ")
    assert shown.endswith("Say it with --set data.labels=FILE")
    shown = hptune(
        "retest", "--workers", 0, "--top", 2, "--seeds", 1, "--data", "new.csv", "--set", "data.target=label"
    )
    assert "does the ranking hold on new.csv?" in shown
    assert "36 training examples instead of 120" in shown


def test_the_own_data_under_another_name_are_the_own_data(home, hptune):
    hptune("retest", "--workers", 0, "--top", 1, "--seeds", 1, "--data", "moons")
    assert snapshot_of(home).stages[1].plan.data is None
    assert answer_of(snapshot_of(home)).confirmed is not None


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "linear"], 2, "--data linear: a set for regression, but the run is of classification"),
        (["--data", "digtis"], 3, "data.path: no such file"),
        (["--data", "blobs", "--set", "train.epochs=3"], 2, "only keys of the data section"),
        (["--set", "data.target=x"], 2, "--set goes with --data"),
        (["--top", 0], 2, "--top"),
        (["--seeds", 0], 2, "--seeds"),
        (["--seeds", 101], 2, "--seeds"),
        (["toy-007"], 2, 'No run "toy-007"'),
    ],
)
def test_mistakes_are_said_and_leave_the_run_alone(arguments, code, message, home, hptune):
    assert message in hptune("retest", "--workers", 0, *arguments, code=code)
    assert len(snapshot_of(home).stages) == 1


def test_a_run_in_use_is_left_alone(home, hptune):
    with store.Store(snapshot_of(home).folder):
        assert "in use by" in hptune("retest", code=5)


def test_nothing_completed_nothing_to_test(home, hptune):
    Path("bad.yaml").write_text(STUDY.replace("toy", "bad").replace("low: 1e-3, high: 1}", "low: 1e30, high: 1e31}", 1))
    hptune("search", "bad.yaml", "--workers", 0, code=4)
    assert "no trial has completed, so there is nothing to train again" in hptune("retest", "bad-001", code=2)


def test_an_interrupted_retest_on_other_data_goes_on_with_the_same_data_alone(home, hptune):
    rows = "\n".join(f"{n % 7},{n % 5},{'yes' if n % 2 else 'no'}" for n in range(60))
    text = f"a,b,label\n{rows}\n"
    Path("new.csv").write_text(text)
    command = ["retest", "--workers", 0, "--top", 3, "--data", "new.csv", "--set", "data.target=label"]
    kill_after(home, 4, command)
    snapshot = snapshot_of(home)
    assert len(snapshot.trials_of(snapshot.stages[1])) in {4, 5}
    Path("new.csv").write_text(text.replace("yes", "no", 1))
    shown = hptune("resume", "--workers", 0, code=3)
    assert "new.csv: not the data that retest-1 of runs/toy-001 was started with" in shown
    Path("new.csv").write_text(text)
    hptune("resume", "--workers", 0)
    ended = snapshot_of(home)
    assert ended.is_finished
    hptune("search", "toy.yaml", "--workers", 0, "--name", "again")
    hptune(*command)
    again = store.read(RunFolder(home / "runs" / "again-001"))
    assert [t.result.score for t in ended.trials] == [t.result.score for t in again.trials]
    assert answer_of(ended).confirmed is None


def kill_after(home, n_trials, command):
    """Kill the program by signal 9 once so many trials of the second stage have ended."""
    program = (
        "import os, signal, sys\n"
        "from hptune import loop\n"
        "from hptune.store import Store\n"
        "loop.GROUP_S = 0.0\n"
        "append = Store.append\n"
        "def counted(self, *arguments):\n"
        "    append(self, *arguments)\n"
        f"    if sum(t.stage == 1 and t.result is not None for t in self.snapshot().trials) >= {n_trials}:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "Store.append = counted\n"
        f"sys.argv = ['hptune', *{[str(part) for part in command]!r}]\n"
        "from hptune.cli import main\n"
        "main()\n"
    )
    died = subprocess.run([sys.executable, "-c", program], cwd=home, capture_output=True, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL, died.stderr


def forget_the_test(home):
    """As if the program had been killed between the last trial and the test; the test errors that there were."""
    found = [(trial.number, trial.test_error) for trial in snapshot_of(home).trials]
    with store.Store(snapshot_of(home).folder) as opened:
        for number, _ in found:
            opened.set_test_error(number, None)
    return found


def test_a_run_that_was_killed_before_its_test_is_tested_by_resume(home, hptune):
    tested = forget_the_test(home)
    assert "measured once, for the answer, when the run is finished" in hptune("report")
    shown = hptune("resume", "--workers", 0)
    assert "all trials have ended; the answer meets the test set" in shown
    assert [(trial.number, trial.test_error) for trial in snapshot_of(home).trials] == tested
    assert "nothing to resume" in hptune("resume", "--workers", 0)


def test_the_test_set_of_other_data_is_never_met(home, hptune):
    tested = forget_the_test(home)
    hptune("retest", "--workers", 0, "--top", 1, "--seeds", 1, "--data", "blobs")
    assert all(trial.test_error is None for trial in snapshot_of(home).trials)
    hptune("resume", "--workers", 0)
    assert [(trial.number, trial.test_error) for trial in snapshot_of(home).trials] == [*tested, (6, None)]


def test_the_plan_needs_a_completed_trial():
    with pytest.raises(UsageError, match="no trial has completed"):
        agenda.retest_stage(Made().search(FAILED).snapshot, 5, 3)


def test_the_order_is_the_answer_then_better_scores_then_confirmed_then_ranked_then_failed():
    made = Made().search(0.1, 0.2, 0.3, 0.4, 0.5)
    made.confirm((0, 1, 2), {0: [0.1, FAILED, 0.1], 3: [0.3, 0.3, 0.3], 1: [0.4, 0.4, 0.4]})
    stage = agenda.retest_stage(made.snapshot, 9, 2)
    assert stage.plan.trials == (3, 2, 1, 4, 0)
    assert stage.plan.replicates == (3, 4)


def test_better_scores_of_later_searches_come_behind_the_answer():
    made = Made().search(0.1, 0.2).confirm((0, 1, 2), {0: [0.3, 0.3, 0.3], 1: [0.4, 0.4, 0.4]})
    made.search(0.5, 0.05, 0.15)
    assert agenda.retest_stage(made.snapshot, 9, 2).plan.trials == (0, 9, 1, 10, 8)


def test_it_says_where_nothing_was_learned_on_other_data():
    only = Standing(3, 1, None, None, 0.1, 1, (0.8,), 0.8, None)
    found = Retest(
        stage="retest-2",
        metric="dev_error",
        n_seeds=1,
        n_to_go=0,
        data="new.csv",
        differences=(),
        baseline=0.8,
        standings=(only,),
        old_best=3,
        order=Order.of([1], [0.8]),
        rival=3,
        gap=0.0,
        gap_standard_error=None,
        gap_grain_error=0.0,
        margin=1.0,
        dev_margin=1.0,
        gap_dev_error=None,
        n_dev=400,
        old_answer=None,
        answer=None,
    )
    for baseline, expected in ((0.8, "None of them has learned anything"), (0.81, "Nothing to do."), (None, "Nothing")):
        console = Console(file=io.StringIO(), width=200)
        print_retest(console, replace(found, baseline=baseline))
        assert expected in console.file.getvalue()
