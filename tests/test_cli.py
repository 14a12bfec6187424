"""The commands as a person types them: in a folder of their own, as a program of their own."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from programs import hptune as run

import hptune
from hptune import runs, store
from hptune.cli import USES

STUDY = """\
name: toy
data: {source: moons, examples: 200}
train: {epochs: 3, optimizer: adam}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  beta1: {scale: 1-beta, low: 0.9, high: 0.999}
  hidden_units: {type: int, scale: log, low: 4, high: 32}
  activation: {choices: [relu, tanh]}
search: {method: random, trials: 6, seed: 1, confirm: false}
"""
SLOW = STUDY.replace("epochs: 3", "epochs: 1000000")  # a training that nobody waits for
PROGRAM = (sys.executable, "-m", "hptune")


@pytest.fixture
def home(tmp_path):
    """A folder with a study file in it."""
    (tmp_path / "toy.yaml").write_text(STUDY)
    return tmp_path


def tables_of(folder):
    """The two CSV files without their times."""

    def rows(name):
        with (folder / name).open(newline="") as file:
            return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]

    return rows("trials.csv"), rows("curves.csv")


def test_search_zoom_report_list_and_load_belong_together(home):
    shown = run(home, "search", "toy.yaml", "--workers", 2)
    assert "runs/toy-001: random search of 6 trials on moons (120 train, 40 dev, 40 test), seed 1" in shown
    assert "6/6 trials" in shown
    assert "hptune report " in shown
    assert "hptune zoom --around best " in shown
    folder = home / "runs" / "toy-001"
    assert {path.name for path in folder.iterdir()} == {
        ".lock", "config.yaml", "run.db", "trials.csv", "curves.csv", "best.yaml", "best.npz",
    }  # fmt: skip
    shown = run(home, "zoom", "--around", "best", "--trials", 4)
    assert "old range" in shown
    assert "zoom-1" in shown
    trials, curves = tables_of(folder)
    assert [row["trial"] for row in trials] == [str(n) for n in range(10)]
    assert [row["stage"] for row in trials] == ["search"] * 6 + ["zoom-1"] * 4
    assert len(curves) == 30
    assert all(abs(1 - float(row["beta1"]) - float(row["1-beta1"])) < 1e-15 for row in trials)
    shown = run(home, "report")
    assert all(text in shown for text in ("toy-001", "search", "zoom-1", "1-beta1", "diagnosis", "Next"))
    assert "10/10" in run(home, "list")
    found = json.loads(run(home, "report", "--json"))
    loaded = hptune.load(folder)
    assert loaded.best.trial == found["best"]["trial"]
    assert len(loaded.trials) == 10
    assert loaded.config.search.seed == 1


def test_runs_are_numbered_and_named_and_the_newest_is_meant(home):
    run(home, "search", "toy.yaml", "--trials", 1, "--workers", 0)
    run(home, "search", "toy.yaml", "--trials", 1, "--workers", 0, "--name", "other", "--runs", "else where")
    run(home, "search", "toy.yaml", "--trials", 1, "--workers", 0)
    assert [folder.name for folder in runs.find_all(home / "runs")] == ["toy-001", "toy-002"]
    assert "toy-002" in run(home, "report")
    assert "toy-001" in run(home, "report", "toy-001")
    assert "toy-001" in run(home, "report", "runs/toy-001")
    assert "other-001" in run(home, "report", "--runs", "else where")
    assert "other-001" in run(home, "report", home / "else where" / "other-001")


@pytest.mark.parametrize("n_workers", [1, 2, 4, 8])
def test_real_training_gives_the_same_tables_with_any_number_of_workers(n_workers, home):
    """On the digits, with dropout and everything, from coarse to fine with bars and confirmation: bit for bit."""
    (home / "digits.yaml").write_text(
        """
        data: {source: digits}
        train: {epochs: 3}
        space:
          learning_rate: {scale: log, low: 1e-3, high: 1}
          hidden_layers: {low: 0, high: 2}
          hidden_units: {scale: log, low: 8, high: 128}
          dropout: {low: 0, high: 0.5}
          optimizer: {choices: [adam, momentum, gradient_descent]}
          beta1: {scale: 1-beta, low: 0.9, high: 0.999, when: {optimizer: adam}}
        search: {trials: 30, parallel: 3}
        """
    )
    run(home, "search", "digits.yaml", "--workers", 0, "--runs", "zero")
    run(home, "search", "digits.yaml", "--workers", n_workers)
    trials, curves = tables_of(home / "zero" / "digits-001")
    assert tables_of(home / "runs" / "digits-001") == (trials, curves)
    assert {row["status"] for row in trials} >= {"completed", "stopped"}
    assert [row["stage"] for row in trials] == ["search"] * 24 + ["confirm-1"] * 6


def test_best_yaml_with_its_widths_and_factors_is_the_train_section_of_a_new_study(home):
    (home / "wide.yaml").write_text(
        """
        data: {source: moons, examples: 200}
        train: {epochs: 3, schedule: manual}
        space:
          widths: {choices: [[8], [16, 8]]}
          learning_rate_factors: {choices: [{2: 0.5, 1: 0.9}, {1: 0.25}]}
          batch_size: {choices: [32, full]}
          optimizer: {choices: [adam, momentum]}
          momentum: {low: 0.5, high: 0.9}
        search: {method: random, trials: 6, confirm: false}
        """
    )
    run(home, "search", "wide.yaml", "--workers", 0)
    first = home / "runs" / "wide-001"
    found = hptune.load(first)
    assert set(found.trials["learning_rate_factors"]) <= {"1:0.9 2:0.5", "1:0.25"}
    assert set(found.trials["batch_size"]) <= {"32", "full"}
    assert list(found.trials["momentum"].isna()) == list(found.trials["optimizer"] == "adam")
    data = "data: {source: moons, examples: 200}\nspace: {patience: {choices: [0]}}\nsearch: {trials: 1}\n"
    best = (first / "best.yaml").read_text().replace("  patience: 0\n", "")
    (home / "again.yaml").write_text(data + best)
    run(home, "search", "again.yaml", "--workers", 0)
    assert hptune.load(home / "runs" / "again-001").best.hyperparameters == found.best.hyperparameters


def test_another_seed_gives_other_trials(home):
    run(home, "search", "toy.yaml", "--workers", 0)
    run(home, "search", "toy.yaml", "--workers", 0, "--seed", 2)
    one, two = (tables_of(home / "runs" / name)[0] for name in ("toy-001", "toy-002"))
    assert {row["learning_rate"] for row in one}.isdisjoint(row["learning_rate"] for row in two)


def test_a_dry_run_prints_the_exact_configurations_and_writes_nothing(home):
    shown = run(home, "search", "toy.yaml", "--dry-run")
    assert list(home.iterdir()) == [home / "toy.yaml"]
    run(home, "search", "toy.yaml", "--workers", 0)
    for row in tables_of(home / "runs" / "toy-001")[0]:
        assert all(row[name] in shown for name in ("learning_rate", "beta1", "hidden_units", "activation"))
    before = {path: path.stat().st_mtime_ns for path in (home / "runs" / "toy-001").iterdir()}
    shown = run(home, "zoom", "--dry-run", "--trials", 3)
    assert {path: path.stat().st_mtime_ns for path in (home / "runs" / "toy-001").iterdir()} == before
    run(home, "zoom", "--trials", 3, "--workers", 0)
    for row in tables_of(home / "runs" / "toy-001")[0][6:]:
        assert all(row[name] in shown for name in ("learning_rate", "beta1", "hidden_units"))


def test_the_resolved_study_file_of_a_run_starts_an_equal_run(home):
    run(
        home,
        "search",
        "toy.yaml",
        "--workers",
        0,
        "--set",
        "train.epochs=2",
        "--set",
        "space.beta1.low=0.5",
        "--trials",
        4,
    )
    first = home / "runs" / "toy-001"
    run(home, "search", first / "config.yaml", "--workers", 0)
    assert tables_of(home / "runs" / "toy-002") == tables_of(first)
    assert (home / "runs" / "toy-002" / "config.yaml").read_text() == (first / "config.yaml").read_text()
    assert yaml.safe_load((first / "config.yaml").read_text())["train"]["batch_size"] == 64


def test_best_yaml_is_a_train_section(home):
    run(home, "search", "toy.yaml", "--workers", 0)
    best = yaml.safe_load((home / "runs" / "toy-001" / "best.yaml").read_text())
    study = yaml.safe_load(STUDY)
    study["train"], study["space"] = best["train"], {"l2": 0.0}
    (home / "again.yaml").write_text(yaml.safe_dump(study))
    del best["train"]["l2"]
    study["train"] = best["train"]
    (home / "again.yaml").write_text(yaml.safe_dump(study))
    run(home, "search", "again.yaml", "--trials", 1, "--workers", 0)


def test_csv_of_ones_own_from_another_folder(home):
    (home / "data").mkdir()
    lines = ["size,colour,kind"] + [
        f"{i % 7 + (i % 3) * 5},{'red' if i % 2 else 'blue'},{'abc'[i % 3]}" for i in range(90)
    ]
    (home / "data" / "mine.csv").write_text("\n".join(lines))
    text = STUDY.replace("{source: moons, examples: 200}", "{path: mine.csv, target: kind}")
    (home / "data" / "mine.yaml").write_text(text)
    assert "on mine.csv (54 train, 18 dev, 18 test)" in run(home, "search", "data/mine.yaml", "--workers", 1)
    (home / "data" / "mine.csv").write_text("\n".join([*lines, "1,red,a"]))
    assert "not the data" in run(home, "zoom", code=3)


WRONG = {  # arguments: (exit code, phrases)
    ("search", "absent.yaml"): (3, ["absent.yaml", "no such file"]),
    ("search",): (2, ["Missing argument"]),
    ("serch", "toy.yaml"): (2, ['Did you mean "search"?']),
    ("search", "toy.yaml", "--trials", "0"): (2, ["--trials"]),
    ("search", "toy.yaml", "--trials", "1.5"): (2, ["--trials"]),
    ("search", "toy.yaml", "--workers", "-1"): (2, ["auto or a whole number"]),
    ("search", "toy.yaml", "--workers", "many"): (2, ["auto or a whole number"]),
    ("search", "toy.yaml", "--seed", "-1"): (2, ["--seed"]),
    ("search", "toy.yaml", "--sed", "1"): (2, ["--seed"]),
    ("search", "toy.yaml", "--set", "train.epochs"): (2, ["KEY=VALUE"]),
    ("search", "toy.yaml", "--set", "=3"): (2, ["KEY=VALUE"]),
    ("search", "toy.yaml", "--set", "train.epoch=3"): (3, ["--set train.epoch=3", 'Did you mean "epochs"?']),
    ("search", "toy.yaml", "--set", "train.epochs=0"): (3, ["--set train.epochs=0", "at least 1"]),
    ("search", "toy.yaml", "--set", "data.source=digitz"): (3, ['Did you mean "digits"?']),
    ("search", "toy.yaml", "--name", "../out"): (2, ["--name", "cannot name a folder"]),
    ("resume",): (2, ["No runs in runs/", "hptune search CONFIG"]),
    ("report", "nothing"): (2, ['No run "nothing"']),
    ("zoom",): (2, ["No runs"]),
    ("zoom", "--around", "worst"): (2, ["expected best, a trial's number, or top:K"]),
    ("zoom", "--factor", "1.5"): (2, ["--factor"]),
    ("zoom", "--around", "top:3", "--factor", "0.5"): (2, ["does not go with"]),
    ("report", "--top", "0"): (2, ["--top"]),
    ("report", "--json", "--csv", "-"): (2, ["both write to standard output"]),
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_mistake_is_explained_and_nothing_is_created(arguments, home):
    code, phrases = WRONG[arguments]
    shown = " ".join(run(home, *arguments, code=code, COLUMNS="200").split())
    assert all(phrase in shown for phrase in phrases), shown
    assert list(home.iterdir()) == [home / "toy.yaml"]


def test_all_problems_of_a_study_file_are_shown_at_once(home):
    (home / "bad.yaml").write_text(
        "data: {source: digits}\n"
        "train: {epoch: 5}\n"
        "space:\n"
        "  learning_rate: {scale: log, low: 0, high: 1}\n"
        "  beta1: {scale: 1-beta, low: 0.9, high: 1}\n"
        "search: {trials: many}\n"
    )
    lines = run(home, "search", "bad.yaml", code=3).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["bad.yaml:2:9", "train.epoch"],
        ["bad.yaml:4:36", "space.learning_rate.low"],
        ["bad.yaml:5:42", "space.beta1.high"],
        ["bad.yaml:6:18", "search.trials"],
    ]
    assert not (home / "runs").exists()


def test_a_run_in_which_nothing_succeeds_says_so_and_exits_with_4(home):
    sets = ["--set", "train.optimizer=gradient_descent", "--set", "space={learning_rate: {low: 1e30, high: 1e31}}"]
    shown = run(home, "search", "toy.yaml", "--workers", 0, *sets, code=4)
    assert "diverged" in shown
    assert "became" in run(home, "report", "--json", code=4)
    assert "nothing to zoom in on" in run(home, "zoom", code=2)
    assert not (home / "runs" / "toy-001" / "best.yaml").exists()


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_trained(home):
    (home / "runs").write_text("a file")
    assert "cannot make a run folder" in run(home, "search", "toy.yaml", code=7)


def test_a_run_folder_without_its_database_is_damaged(home):
    run(home, "search", "toy.yaml", "--trials", 1, "--workers", 0)
    (home / "runs" / "toy-001" / "run.db").unlink()
    assert "has no run.db" in run(home, "report", "toy-001", code=6)
    (home / "runs" / "toy-001" / "run.db").write_text("this is no database" * 100)
    assert "run.db" in run(home, "report", "toy-001", code=6)
    assert "damaged" in run(home, "list")


def test_report_options(home):
    run(home, "search", "toy.yaml", "--workers", 0)
    run(home, "report", "--csv", "board.csv", "--top", 3, "--sort", "learning_rate")
    with (home / "board.csv").open(newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert len(rates) == 3
    assert rates == sorted(rates)
    assert run(home, "report", "--csv", "-", "--top", 2).count("\n") == 3
    assert 'Did you mean "dev_error"?' in run(home, "report", "--sort", "dev_eror", code=2)
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}
    command = [*PROGRAM, "report", "--top", "2"]
    plain = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=True).stdout
    assert plain.isascii()
    assert "\x1b" not in plain
    assert max(map(len, run(home, "report", COLUMNS="50").splitlines())) <= 50


def test_export_writes_the_tables_again(home):
    run(home, "search", "toy.yaml", "--workers", 0)
    folder = home / "runs" / "toy-001"
    before = (folder / "trials.csv").read_text()
    (folder / "trials.csv").unlink()
    run(home, "export")
    assert (folder / "trials.csv").read_text() == before


def start(home, *arguments):
    """The program on a terminal of its own, so that Ctrl-C can be typed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments], cwd=home, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=_own_terminal,  # noqa: PLW1509  (no threads here)
    )  # fmt: skip
    os.close(theirs)
    return process, ours


def _own_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_until(descriptor, phrase, seen=""):
    """What the terminal shows, up to and with a phrase."""
    while phrase not in seen:
        assert select.select([descriptor], [], [], 30)[0], seen
        try:
            received = os.read(descriptor, 1 << 16)
        except OSError:  # the program has closed its end
            return seen
        seen += received.decode("utf-8", "replace")
    return seen


@pytest.mark.parametrize("n_workers", ["0", "2"])
def test_ctrl_c_drains_and_names_the_command_that_resumes_and_a_second_one_stops_at_once(n_workers, home):
    (home / "slow.yaml").write_text(SLOW)
    process, terminal = start(home, "search", "slow.yaml", "--workers", n_workers)
    seen = read_until(terminal, "epoch")
    os.write(terminal, b"\x03")
    seen = read_until(terminal, "Ctrl-C again stops at once", seen)
    os.write(terminal, b"\x03")
    seen = read_until(terminal, "no such phrase", seen)
    os.close(terminal)
    assert process.wait(10) == 128 + signal.SIGINT
    assert "Interrupted with 6 trials to go" in seen
    assert "hptune resume" in seen
    assert "Traceback" not in seen
    assert store.read(runs.find(home / "runs")).n_to_go == 6


def wait_for_the_first_trial(process):
    """Read what it prints up to the line that says that the first trial has ended."""
    assert any(re.match(r"1/\d+ trials", line) for line in process.stdout)


AT_RANDOM = 8, "method: random, trials: 8, seed: 1, confirm: false"
FROM_COARSE_TO_FINE = 30, "trials: 30, seed: 1, parallel: 4"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_search_resumes_to_the_tables_of_an_undisturbed_one(number, home):
    """The signal comes while the first trials run; they may end within the grace, and the rest is trained later."""
    n_trials, search = FROM_COARSE_TO_FINE if number == signal.SIGTERM else AT_RANDOM
    text = STUDY.replace("epochs: 3", "epochs: 300").partition("search:")[0]
    (home / "long.yaml").write_text(f"{text}search: {{{search}}}\n")
    process = subprocess.Popen(
        [*PROGRAM, "search", "long.yaml", "--workers", "2"], cwd=home, stdout=subprocess.PIPE, text=True
    )
    wait_for_the_first_trial(process)
    process.send_signal(number)
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait(30) == 128 + number
    assert "hptune resume" in rest
    n_to_go = store.read(runs.find(home / "runs")).n_to_go
    assert 0 < n_to_go < n_trials
    assert f"{n_to_go} of {n_trials} trials to go" in run(home, "resume", "--workers", 1)
    assert "nothing to resume" in run(home, "resume")
    run(home, "search", "long.yaml", "--workers", 2, "--runs", "undisturbed")
    assert tables_of(home / "runs" / "toy-001") == tables_of(home / "undisturbed" / "toy-001")


def test_data_that_change_between_two_sittings_are_refused_and_nothing_is_added(home):
    lines = ["size,kind", *(f"{i},{'ab'[i % 2]}" for i in range(40))]
    (home / "mine.csv").write_text("\n".join(lines))
    (home / "mine.yaml").write_text(STUDY.replace("{source: moons, examples: 200}", "{path: mine.csv, target: kind}"))
    run(home, "search", "mine.yaml", "--workers", 1)
    before = tables_of(home / "runs" / "toy-001")
    (home / "mine.csv").write_text("\n".join([*lines[:-1], "38.5,b"]))
    assert "not the data that runs/toy-001 was started with" in run(home, "zoom", code=3)
    assert tables_of(home / "runs" / "toy-001") == before


def test_what_a_killed_sitting_left_is_gone_after_resume_even_if_nothing_is_to_be_done(home):
    run(home, "search", "toy.yaml", "--workers", 0)
    folder = home / "runs" / "toy-001"
    before = {path.name for path in folder.iterdir()}
    best = (folder / "best.npz").read_bytes()
    (folder / ".data" / "normalized").mkdir(parents=True)
    (folder / ".weights").mkdir()
    (folder / ".weights" / "99.npz").write_bytes(b"of a trial that was not stored")
    assert "nothing to resume" in run(home, "resume")
    assert {path.name for path in folder.iterdir()} == before
    assert (folder / "best.npz").read_bytes() == best


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_what_was_ignored_at_the_start_stays_ignored(number, home):
    """As by nohup, or for background jobs of a script."""
    (home / "long.yaml").write_text(STUDY.replace("epochs: 3", "epochs: 300"))
    process = subprocess.Popen(
        [*PROGRAM, "search", "long.yaml", "--workers", "2"], cwd=home, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),  # noqa: PLW1509  (no threads here)
    )  # fmt: skip
    wait_for_the_first_trial(process)
    process.send_signal(number)
    assert "6/6 trials" in process.stdout.read()
    process.stdout.close()
    assert process.wait(30) == 0


def test_a_reader_that_leaves_ends_no_search(home):
    command = f"{sys.executable} -m hptune search toy.yaml --workers 1 | head -n 1"
    ended = subprocess.run(command, shell=True, cwd=home, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    assert store.read(runs.find(home / "runs")).is_finished
    assert (home / "runs" / "toy-001" / "trials.csv").exists()


def test_output_onto_a_full_disk_ends_no_search(home):
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*PROGRAM, "search", "toy.yaml", "--workers", "0"],
            cwd=home,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert store.read(runs.find(home / "runs")).is_finished


def test_a_terminal_that_is_closed_drains_the_search(home):
    (home / "slow.yaml").write_text(SLOW)
    process, terminal = start(home, "search", "slow.yaml", "--workers", "1")
    read_until(terminal, "epoch")
    os.close(terminal)
    assert process.wait(30) == 128 + signal.SIGHUP
    assert (home / "runs" / "toy-001" / "trials.csv").exists()


def test_the_next_commands_work_as_they_are_printed_for_a_run_given_by_its_path(home):
    run(home, "search", "toy.yaml", "--workers", 0, "--runs", "deep/down")
    (home / "x").mkdir()
    shown = run(home / "x", "zoom", "--run", "../deep/down/toy-001", "--trials", 1, "--workers", 0)
    command = next(line.split("  ")[1] for line in shown.splitlines() if line.startswith("  hptune report"))
    assert command == "hptune report ../deep/down/toy-001"
    run(home / "x", *command.split()[1:])
    shown = run(home, "search", "toy.yaml", "--workers", 0, "--runs", "deep/down")
    assert "hptune report --runs deep/down " in shown


def test_repeated_zooms_on_the_same_trial_close_in(home):
    run(home, "search", "toy.yaml", "--workers", 0)
    first = run(home, "zoom", "--around", 2, "--trials", 1, "--workers", 0)
    second = run(home, "zoom", "--around", 2, "--trials", 1, "--workers", 0)

    def ranges(shown):
        (row,) = [line for line in shown.splitlines() if line.startswith("beta1 ") and ".." in line]
        return [part.strip() for part in row.removeprefix("beta1").split(")")[:2]]

    assert ranges(second)[0] == ranges(first)[1]
    assert ranges(second)[1] != ranges(first)[1]


def test_help_of_every_command_names_its_options(home):
    assert all(name in run(home, "--help") for name in ("search", "resume", "zoom", "report", "list", "export"))
    for command in ("search", "resume", "zoom", "report", "list", "export"):
        assert "--runs" in run(home, command, "--help")


def test_a_reader_that_leaves_early_is_no_fault(home):
    run(home, "search", "toy.yaml", "--workers", 0)
    command = f"{sys.executable} -m hptune report | head -n 1"
    ended = subprocess.run(command, shell=True, cwd=home, capture_output=True, text=True, check=True)
    assert ended.stderr == ""


def test_version(home):
    assert hptune.__version__ in run(home, "--version")
    assert Path(hptune.__file__).parent.name == "hptune"


def test_a_regression_from_the_search_to_the_report(home):
    (home / "toy.yaml").write_text(STUDY.replace("{source: moons, examples: 200}", "{source: linear, noise: 0}"))
    text = run(home, "search", "toy.yaml", "--workers", "0", "--set", "train.epochs=20")
    assert "random search of 6 trials on linear (600 train, 200 dev, 200 test), seed 1" in text
    report = run(home, "report")
    assert "4 features, regression: errors are RMSE in deviations of the training targets" in " ".join(report.split())
    assert "in the target's own unit (RMSE, 1 is " in report
    best = json.loads(run(home, "report", "--json"))["best"]
    assert 2.8 < best["target_deviation"] < 3.2
    assert best["dev_error"] < 0.1
    assert best["score"] == best["dev_error"]
    rows, _ = tables_of(home / "runs" / "toy-001")
    for row in rows:
        assert float(row["dev_loss"]) == pytest.approx(float(row["dev_error"]) ** 2 / 2, rel=1e-5)
    assert hptune.load(home / "runs" / "toy-001").config.data.is_regression


@pytest.mark.parametrize("width", [60, 80, 100])
def test_help_breaks_no_word_at_any_width(width):
    whole = set(" ".join(" ".join(pair) for pair in USES).split())
    ended = subprocess.run(
        [sys.executable, "-m", "hptune", "--help"],
        env={**os.environ, "COLUMNS": str(width)}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert max(map(len, ended.stdout.splitlines())) <= width
    assert whole <= set(ended.stdout.split())
