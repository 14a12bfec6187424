"""However the program ends: the right exit code, a word to the person, no traceback, nothing half written."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_cli import STUDY, read_until, start, tables_of

from hptune import cli, loop, runs, store
from hptune.cli import bug_report
from hptune.errors import DataError
from hptune.trial import Status

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
MAIN = "from hptune.__main__ import main; main()"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "toy.yaml").write_text(STUDY)
    return tmp_path


def hptune(home, *arguments, code=0, before="", stdout=subprocess.PIPE, **variables):
    """The program, after some code has prepared its process; what it has said."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{before}\n{MAIN}", *map(str, arguments)],
        cwd=home, env={**os.environ, "COLUMNS": "150", **variables}, text=True, check=False, timeout=60,
        stdout=stdout, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert ended.returncode == code, (ended.stdout, ended.stderr)
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    return (ended.stdout or "") + ended.stderr


# what comes out


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    home = tmp_path_factory.mktemp("searched")
    (home / "toy.yaml").write_text(STUDY)
    hptune(home, "search", "toy.yaml", "--workers", 0)
    (home / "new.csv").write_text("x,y\n1,2\n")
    return home


SWEEP = pytest.mark.sweep
WRITING = [
    ["report", "--csv", "-"],
    pytest.param(["report"], marks=SWEEP),
    pytest.param(["check", "toy.yaml"], marks=SWEEP),
    pytest.param(["search", "toy.yaml", "--dry-run"], marks=SWEEP),
    ["--help"],
]


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_output_onto_a_full_disk_is_said_and_a_reader_that_has_left_is_not(arguments, searched):
    with Path("/dev/full").open("w") as full:
        assert "cannot write the output: No space left on device" in hptune(searched, *arguments, code=7, stdout=full)
    reading, writing = os.pipe()
    os.close(reading)
    assert hptune(searched, *arguments, code=0, stdout=writing) == ""
    os.close(writing)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_one_signal_ends_a_program_whose_output_nobody_reads(stream, tmp_path):
    """As with a pager that was left alone: what is written into the full pipe waits, and would wait for ever."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(1 << 12))
    os.set_blocking(writing, True)
    arguments = ["schema"] if stream == "stdout" else ["report", "nothing"]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writing}
    with subprocess.Popen([sys.executable, "-c", MAIN, *arguments], cwd=tmp_path, **streams) as process:
        try:
            end = time.monotonic() + 10
            while "pipe_write" not in Path(f"/proc/{process.pid}/wchan").read_text() and time.monotonic() < end:
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 128 + signal.SIGTERM
        finally:
            process.kill()
            os.close(reading)
            os.close(writing)


# mistakes of its own


def test_a_mistake_of_its_own_leaves_a_report_to_be_sent(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET", "not to be told")
    monkeypatch.setattr(sys, "argv", ["hptune", "report", "a run"])

    def fail():
        raise KeyError("[bold]nobody thought of that\nnor of this")

    assert cli._code_of(fail) == 1
    (file,) = tmp_path.iterdir()
    said = capsys.readouterr().err
    assert str(file.name) in said
    assert "Traceback" not in said
    text = file.read_text()
    assert "command: hptune report 'a run'" in text
    assert f"numpy {__import__('numpy').__version__}" in text
    assert "nobody thought of that" in text
    assert "Traceback" in text
    assert "not to be told" not in text


def test_where_the_current_folder_is_gone_it_lies_in_the_temporary_one(tmp_path, monkeypatch, capsys):
    gone, temporary = tmp_path / "gone", tmp_path / "temporary"
    gone.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(bug_report.tempfile, "gettempdir", lambda: str(temporary))
    assert cli._code_of(lambda: 1 / 0) == 1
    (file,) = temporary.iterdir()
    assert str(file) in capsys.readouterr().err


def test_what_is_for_the_person_to_mend_is_no_mistake_of_ours(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def fail(error):
        raise error

    assert cli._code_of(lambda: fail(DataError("bad.csv:3: gone"))) == 3
    assert cli._code_of(lambda: fail(MemoryError("2 GB"))) == 1
    assert cli._code_of(lambda: sys.exit(4)) == 4
    assert cli._code_of(sys.exit) == 0
    assert cli._code_of(lambda: sys.exit("no input file given")) == 1  # as Python has it
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err.splitlines() == [
        "Error: bad.csv:3: gone",
        "Error: there is not enough memory (2 GB). Free some, or take less data.",
        "no input file given",
    ]


OF_PYTHON = ("statistics", "queue", "select", "socket", "sqlite3", "logging", "yaml", "numpy", "rich", "signal")


@pytest.mark.parametrize(("program", "path"), [(["-m", "hptune"], ""), (["-P", "-m", "hptune"], os.pathsep)])
def test_what_lies_in_the_current_folder_is_imported_by_nobody(program, path, home):
    """Neither by the program nor by its workers, whose names homework has taken."""
    for name in OF_PYTHON:
        (home / f"{name}.py").write_text("import sys; sys.exit('no input file given')")
    ended = subprocess.run(
        [sys.executable, *program, "search", "toy.yaml", "--trials", "1", "--workers", "1"],
        cwd=home, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert runs.find(home / "runs")


def test_an_order_for_completion_that_no_shell_gives_is_said(home):
    said = hptune(home, "list", code=2, _HPTUNE_COMPLETE="x")
    assert said == "Error: _HPTUNE_COMPLETE=x: not what a shell asks, such as bash_source: unset it\n"
    assert "_hptune_completion" in hptune(home, _HPTUNE_COMPLETE="zsh_source")
    assert 'No command "nonsense"' in hptune(home, "nonsense", code=2, _HPTUNE_COMPLETE="")


# signals

ON_IMPORT = """
import os, sys
class Striking:
    def find_spec(self, name, path, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Striking())
"""


LOADING = [("numpy", signal.SIGTERM), ("pandas", signal.SIGINT)]
MORE = [(name, number) for name in ("numpy", "pandas", "hptune.analysis") for number in SIGNALS]


@pytest.mark.parametrize(("name", "number"), [*LOADING, *(pytest.param(*one, marks=SWEEP) for one in MORE)])
def test_a_signal_while_it_loads_ends_it(name, number, searched):
    said = hptune(searched, "report", code=128 + number, before=ON_IMPORT.format(name=name, number=int(number)))
    assert said == "Stopped.\n"


def test_before_it_can_say_anything_it_ends_without_a_word(searched):
    before = ON_IMPORT.format(name="hptune.cli", number=int(signal.SIGINT))
    assert hptune(searched, "report", code=-signal.SIGINT, before=before) == ""


ON_CALL = """
import os, importlib
module = importlib.import_module({module!r})
whole = getattr(module, {function!r})
def striking(*arguments, **options):
    for number in {numbers}:
        os.kill(os.getpid(), number)
    return whole(*arguments, **options)
setattr(module, {function!r}, striking)
"""


def on_call(module, function, *numbers):
    return ON_CALL.format(module=module, function=function, numbers=[*map(int, numbers)])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_signal_while_a_file_is_written_leaves_the_old_one_whole(searched):
    folder = runs.find(searched / "runs").path
    before, text = names(folder), (folder / "trials.csv").read_text()
    (folder / "curves.csv").write_text("old")
    striking = on_call("os", "fsync", signal.SIGTERM)
    assert hptune(searched, "export", code=143, before=striking) == "Stopped.\n"
    assert (folder / "trials.csv").read_text() == text
    assert (folder / "curves.csv").read_text() == "old"
    assert names(folder) == before
    hptune(searched, "export")


MOMENTS = [("hptune.study", "_prepare"), ("hptune.final_test", "measure"), ("hptune.tables", "write")]
ONCE, TWICE = [signal.SIGINT], [signal.SIGTERM] * 2
STRIKES = [(*MOMENTS[0], ONCE), (*MOMENTS[1], TWICE)]
MORE_STRIKES = [(*moment, numbers) for moment in MOMENTS for numbers in (ONCE, TWICE)]


@pytest.mark.parametrize(
    ("module", "function", "numbers"), [*STRIKES, *(pytest.param(*one, marks=SWEEP) for one in MORE_STRIKES)]
)
def test_a_signal_before_or_after_the_training_loses_nothing(module, function, numbers, home):
    before = on_call(module, function, *numbers)
    said = hptune(home, "search", "toy.yaml", "--workers", 0, code=128 + numbers[0], before=before)
    assert "hptune re" in said  # resume, or report where nothing is left
    hptune(home, "resume", "--workers", 0)
    folder = runs.find(home / "runs")
    assert store.read(folder).is_finished
    assert names(folder.path) == sorted(
        [".lock", "best.npz", "best.yaml", "config.yaml", "curves.csv", "run.db", "trials.csv"]
    )


def test_what_hangs_after_the_training_is_ended_by_one_signal(home):
    """Tables on a disk that does not answer."""
    before = """
import os, select, hptune.tables as tables
def hanging(run):
    os.kill(os.getpid(), 15)
    while True:
        select.select([], [], [])
tables.write = hanging
"""
    said = hptune(home, "search", "toy.yaml", "--workers", 0, code=143, before=before)
    assert said.endswith(f"Stopped. Go on with: hptune resume {Path('runs', 'toy-001')}\n")
    assert store.read(runs.find(home / "runs")).is_finished


AT_EXIT = "import atexit, os; atexit.register(os.kill, os.getpid(), 2)"


def test_a_signal_while_python_shuts_down_comes_too_late(searched):
    assert hptune(searched, "list", before=AT_EXIT).count("toy-001") == 1
    interrupted = f"{AT_EXIT}\n{on_call('hptune.tables', 'load', signal.SIGTERM)}"
    assert hptune(searched, "report", code=143, before=interrupted) == "Stopped.\n"


SWALLOWING = """
import os, hptune.study as study
load = study.data_to_go_on
def swallowing(*arguments):
    try:
        os.kill(os.getpid(), 15)
    except BaseException:
        pass
    return load(*arguments)
study.data_to_go_on = swallowing
"""


def test_a_signal_that_is_swallowed_begins_no_training(home):
    """By code that catches everything, as libraries do where they are loaded: once SIGTERM was forgotten so."""
    striking = on_call("hptune.study", "_prepare", signal.SIGINT)
    said = hptune(home, "search", "toy.yaml", "--workers", 0, code=130, before=striking)
    said = hptune(home, "resume", "--workers", 0, code=143, before=SWALLOWING)
    assert "Stopped. Go on with: hptune resume" in said
    assert not store.read(runs.find(home / "runs")).results


def test_what_must_be_done_whole_is_done_before_it_stops_at_once():
    stop, done = loop.Stop(), []

    def act():
        with stop.held():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
                stop.request(number)
            done.append("whole")

    with pytest.raises(loop.StopNow):
        act()
    assert done == ["whole"]
    assert stop.signal == signal.SIGTERM
    with pytest.raises(loop.StopNow):
        stop.request(signal.SIGINT)


def test_a_second_signal_in_the_middle_of_a_transaction_does_not_tear_it(home, searched):
    """Both come while the third result is being stored: it is stored, with all that goes with it, or nothing is."""
    before = """
import os
from hptune.store import writer
whole, ended = writer._end, []
def striking(connection, result):
    whole(connection, result)
    ended.append(result)
    if len(ended) == 3:
        os.kill(os.getpid(), 2)
        os.kill(os.getpid(), 2)
writer._end = striking
"""
    hptune(home, "search", "toy.yaml", "--workers", 0, code=130, before=before)
    snapshot = store.read(runs.find(home / "runs"))
    assert [trial.result is not None for trial in snapshot.trials[:3]] == [True] * 3
    hptune(home, "resume", "--workers", 0)
    assert tables_of(home / "runs" / "toy-001") == tables_of(searched / "runs" / "toy-001")


def test_stopped_and_continued_it_goes_on(home):
    (home / "long.yaml").write_text(STUDY.replace("epochs: 3", "epochs: 300"))
    process, terminal = start(home, "search", "long.yaml", "--workers", "1")
    seen = read_until(terminal, "epoch")
    process.send_signal(signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
    process.send_signal(signal.SIGCONT)
    seen = read_until(terminal, "no such phrase", seen)
    os.close(terminal)
    assert process.wait(30) == 0
    assert "hptune report" in seen


SWALLOWED = """
import os, hptune.study_data as place
load = place.load_study
class Dying:
    def __del__(self):
        os.kill(os.getpid(), 15)
        for _ in range(1000): pass
def loading(*arguments):
    Dying()
    found = load(*arguments)
    return found
place.load_study = loading
"""


def test_a_signal_that_a_destructor_swallows_ends_it_all_the_same(home):
    said = hptune(home, "search", "toy.yaml", "--workers", 0, before=SWALLOWED, code=143)
    assert "Stopped." in said
    assert not list((home / "runs").glob(".new*"))


# the breaker, and what to do then

FAILING = "import hptune.study; hptune.study.TRAINER = 'fake_trainers:network_that_fails'"


def test_failing_trials_stop_a_run_and_once_mended_they_are_trained_again(home, searched):
    said = hptune(home, "search", "toy.yaml", "--workers", 1, code=4, before=FAILING, HPTUNE_TEST_FAILING="0,1,2,3,4,5")
    assert "Stopped: the first 3 trials failed the same way." in said
    assert "failed: ValueError: shape N (" in said
    assert "Faults: 3 trials failed" in said
    assert "hptune retry --failed " in said
    assert store.read(runs.find(home / "runs")).n_to_go == 3
    said = hptune(home, "retry", code=2)
    assert "--failed (3), --crashed (0), --timed-out (0)" in said
    said = hptune(home, "retry", "--failed", "--workers", 1)
    assert "3 trials again; 6 of 6 trials to go" in said
    assert "3 results taken back" in said
    assert "no trial has crashed or timed out; nothing to retry" in hptune(home, "retry", "--crashed", "--timed-out")
    snapshot = store.read(runs.find(home / "runs"))
    assert {result.status for result in snapshot.results} == {Status.COMPLETED}
    assert tables_of(home / "runs" / "toy-001") == tables_of(searched / "runs" / "toy-001")


def test_failing_trials_stop_a_run_in_which_others_have_succeeded(home):
    failing = ",".join(map(str, range(4, 20)))
    options = ("--workers", 1, "--trials", 30)
    said = hptune(home, "search", "toy.yaml", *options, code=4, before=FAILING, HPTUNE_TEST_FAILING=failing)
    assert "Stopped: 11 of the last 20 trials failed." in said
    assert "hptune retry --failed " in said
    found = store.read(runs.find(home / "runs"))
    assert sum(result.status is Status.COMPLETED for result in found.results) >= 4
    assert not found.is_finished


def test_best_npz_follows_an_answer_that_changes_with_what_is_trained_again(home):
    """Its other trainings have no weights any more, so the best of them is trained once more."""
    text = STUDY.partition("search:")[0] + "search: {trials: 14, seed: 2, parallel: 2}\n"
    (home / "wide.yaml").write_text(text)
    confirming = "from hptune.search import plan; plan.CONFIRM_SHARE = 0.45"
    hptune(home, "search", "wide.yaml", "--workers", 0, "--runs", "whole", before=confirming)
    whole = store.read(runs.find(home / "whole"))
    best = store.answer.answer_of(whole)
    # of the answer's trainings one fails, of which the weights are not best.npz
    number = next(number for number in best.confirmed.trainings if number != best.weights)
    before = f"{confirming}\n{FAILING}"
    hptune(home, "search", "wide.yaml", "--workers", 0, before=before, HPTUNE_TEST_FAILING=str(number))
    other = store.answer.answer_of(store.read(runs.find(home / "runs")))
    assert other.trial != best.trial
    hptune(home, "retry", "--failed", "--workers", 0)
    folder = runs.find(home / "runs")
    assert store.answer.answer_of(store.read(folder)) == best
    assert folder.best_npz.read_bytes() == runs.find(home / "whole").best_npz.read_bytes()
    assert not folder.weights.exists()
    assert next(t for t in store.read(folder).trials if t.number == best.weights).test_error is not None
