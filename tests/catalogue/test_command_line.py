"""Section 6.3 of the catalogue of bad inputs: command line and environment. C1 to C35.

Where a decision differs from the catalogue the row says why in a comment.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from catalogue.rows import assert_refused, contents, hptune, is_complete
from fabricate import ADAM, FabricatedRun

from hptune import tables
from hptune.cli.options import write_table
from hptune.runs import is_alive
from hptune.store import Store

STUDY = """\
data: {path: d.csv, target: label}
train: {epochs: 1, hidden_units: 4}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
search: {method: random, trials: 3, parallel: 1, confirm: false}
"""
ODD = "=1+1|[bold]x[/x]|\x1b[31m|\u202e"  # a formula, markup, an escape and a mark of direction
CLASSES = ("=cmd()", "[/x]\x1b[31m\u202e")
TABLE = f"a,{ODD},label\n" + "".join(f"{i},{i % 7},{CLASSES[i % 2]}\n" for i in range(30))

# of parts that do not exist
ABSENT = {
    "C6": "there is no --threads: a worker has one BLAS thread (see C33)",
    "C22": "trainers of one's own are not there yet",
    "C23": "likewise",
    "C24": "likewise",
    "C25": "likewise",
    "C27": "no HTML is written",
    "C35": "pip refuses a Python or NumPy that is too old; what BLAS there is stands in the run, where it can be found",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a study file, its data and a finished run."""
    folder = tmp_path_factory.mktemp("finished")
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("toy.yaml").write_text(STUDY)
        Path("d.csv").write_text(TABLE)
        assert hptune("search", "toy.yaml", "--workers", 0).code == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def home(finished, tmp_path, monkeypatch):
    """A copy of it, to be changed."""
    folder = tmp_path / "home"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    return folder


SEARCH = ("search", "toy.yaml")
REFUSED = {  # id: (arguments, exit code, phrases)
    # 0 trains in this process
    "C1 negative": ((*SEARCH, "--workers", "-1"), 2, ["--workers", "a whole number from 0 to 9999, found '-1'"]),
    "C1 fraction": ((*SEARCH, "--workers", "1.5"), 2, ["--workers", "found '1.5'"]),
    "C1 exponent": ((*SEARCH, "--workers", "1e3"), 2, ["--workers", "found '1e3'"]),
    "C1 text": ((*SEARCH, "--workers", "many"), 2, ["--workers", "expected auto or a whole number"]),
    "C1 far": ((*SEARCH, "--workers", "10000"), 2, ["--workers", "from 0 to 9999"]),
    "C1 script": ((*SEARCH, "--workers", "\u0663"), 2, ["--workers", "expected auto or a whole number"]),
    "C2 zero": ((*SEARCH, "--trials", "0"), 2, ["--trials", "0 is not in the range 1<=x<=1000000"]),
    "C2 negative": ((*SEARCH, "--trials", "-1"), 2, ["--trials", "not in the range"]),
    "C2 inf": ((*SEARCH, "--trials", "inf"), 2, ["--trials", "expected a whole number, found 'inf'"]),
    "C2 underscore": ((*SEARCH, "--trials", "1_000"), 2, ["--trials", "expected a whole number, found '1_000'"]),
    "C2 epochs": ((*SEARCH, "--epochs", "0"), 2, ["--epochs", "not in the range"]),
    "C3": ((*SEARCH, "--seed", "-1"), 2, ["--seed", "-1 is not in the range 0<=x<=9223372036854775807"]),
    "C4 text": ((*SEARCH, "--seed", "abc"), 2, ["--seed", "expected a whole number, found 'abc'"]),
    # a seed is kept in a database, whose numbers have 64 bits
    "C4 large": ((*SEARCH, "--seed", "9" * 200), 2, ["--seed", "not in the range"]),
    "C5 zero": ((*SEARCH, "--time", "0"), 2, ["--time", "expected a time as 90m, 2h or 1h30m, found '0'"]),
    "C5 negative": ((*SEARCH, "--time", "-1m"), 2, ["--time", "expected a time as"]),
    "C5 unit": ((*SEARCH, "--time", "5x"), 2, ["--time", "found '5x'"]),
    "C5 nan": ((*SEARCH, "--time", "nan"), 2, ["--time", "found 'nan'"]),
    "C5 far": ((*SEARCH, "--time", "9" * 400), 2, ["--time", "expected a time as"]),
    "C7 option": ((*SEARCH, "--trails", "3"), 2, ["No such option", "--trials"]),
    "C7 command": (("serch", "toy.yaml"), 2, ['No command "serch".', 'Did you mean "search"?']),
    "C8": ((*SEARCH, "--seed", "1", "--seed", "2"), 2, ["--seed is given 2 times: keep one of them"]),
    "C8 flag": ((*SEARCH, "--dry-run", "--dry-run"), 2, ["--dry-run is given 2 times"]),
    "C8 set": (
        ("check", "toy.yaml", "--set", "search.trials=5", "--set", "search.trials=3"),
        2,
        ["--set search.trials=5 and --set search.trials=3 both set search.trials: keep one of them"],
    ),
    "C8 option and set": (
        (*SEARCH, "--set", "search.trials = 5", "--trials", "3"),
        2,
        ["--set search.trials = 5 and --trials both set search.trials: keep one of them"],
    ),
    "C9 report": (("report", "--json", "--csv", "-"), 2, ["--json and --csv - both write to standard output"]),
    "C9 zoom": (("zoom", "--around", "top:2", "--factor", "0.5"), 2, ["--factor does not go with --around top:K"]),
    "C9 retest": (("retest", "--set", "data.target=x"), 2, ["--set goes with --data"]),
    "C11 missing": (("resume", "nothing"), 2, ['No run "nothing" in runs/', "There are: toy-001"]),
    "C11 empty": (("resume", "."), 2, ['No run "."']),
    "C11 foreign": (("resume", "/etc"), 2, ['No run "/etc"', "no run folder of that path"]),
    "C13 slash": ((*SEARCH, "--name", "a/b"), 2, ["--name", "'a/b' cannot name a folder: use letters, digits"]),
    "C13 above": ((*SEARCH, "--name", ".."), 2, ["--name", "'..' cannot name a folder"]),
    "C13 home": ((*SEARCH, "--name", "~"), 2, ["--name", "'~' cannot name a folder"]),
    "C13 dash": ((*SEARCH, "--name", "-x"), 2, ["--name", "'-x' cannot name a folder"]),
    "C13 NUL": ((*SEARCH, "--name", "a\0b"), 2, ["--name", "cannot name a folder"]),
    "C13 blank": ((*SEARCH, "--name", " "), 2, ["--name", "cannot name a folder"]),
    "C13 none": ((*SEARCH, "--name", ""), 2, ["--name", "cannot name a folder"]),
    "C13 long": ((*SEARCH, "--name", "x" * 256), 2, ["--name", "at most 64"]),
    "C13 study": ((*SEARCH, "--set", "name=../x"), 3, ["--set name=../x", "cannot name a folder"]),
    "C13 escape": (("report", "\x1b[31m\u202e"), 2, [r'No run "\x1b[31m\u202e"']),
    "C14 file": ((*SEARCH, "--runs", "toy.yaml"), 7, ["toy.yaml: cannot make a run folder here: it is a file"]),
    "C14 circle": ((*SEARCH, "--runs", "circle"), 7, ["circle: cannot make a run folder here", "leads nowhere"]),
    "C14 in a run": ((*SEARCH, "--runs", "runs/toy-001"), 7, ["runs/toy-001: lies in the run", "cannot hold others"]),
    "C14 below a run": ((*SEARCH, "--runs", "runs/toy-001/x/y"), 7, ["lies in the run"]),
    "C14 list": (("list", "--runs", "toy.yaml"), 2, ["toy.yaml: is a file, not a folder: say where", "--runs DIR"]),
    "C14 report": (("report", "--runs", "toy.yaml"), 2, ["toy.yaml: is a file, not a folder"]),
    "C14 list circle": (("list", "--runs", "circle"), 2, ["circle: is a link that leads nowhere"]),
    "C15 database": (("report", "--csv", "runs/toy-001/run.db"), 2, ["that file is the run's own"]),
    "C15 predict": (("predict", "d.csv", "--output", "runs/toy-001/best.npz"), 2, ["that file is the run's own"]),
    "C15 data": (("predict", "d.csv", "--output", "d.csv"), 2, ["the file to be predicted from"]),
    "C15 own": (("report", "--csv", "runs/toy-001/run.db", "--overwrite"), 2, ["that file is the run's own"]),
    "C15 input": (("predict", "d.csv", "--output", "./d.csv", "--overwrite"), 2, ["the file to be predicted from"]),
    "C15 study": (("report", "--csv", "toy.yaml"), 2, ["--csv toy.yaml: exists: give another name, or --overwrite"]),
    "C15 other data": (("predict", "d.csv", "--output", "new.csv"), 2, ["--output new.csv: exists: give another"]),
    "C15 link": (("predict", "d.csv", "--output", "link.csv"), 2, ["--output link.csv: exists: give another"]),
    "C16 report": (("report", "--csv", "no/such/x.csv"), 7, ["no/such/x.csv: cannot be written: there is no folder"]),
    "C16 predict": (("predict", "d.csv", "--output", "no/x.csv"), 7, ["no/x.csv: cannot be written"]),
    "C16 device": (("report", "--csv", "/dev/full"), 7, ["/dev/full: cannot be written: No space left"]),
    "C16 folder": (("report", "--csv", "runs"), 7, ["runs: cannot be written: Is a directory"]),
    "C17": ((*SEARCH, "--set", "search.metric=accuracy"), 3, ["expected", "dev_error", "found 'accuracy'"]),
    "C17 sort": (("report", "--sort", "dev_eror"), 2, ["no such column", 'Did you mean "dev_error"?']),
    "C18": (("report", "--top", "0"), 2, ["--top", "0 is not in the range"]),
    "C18 nan": (("report", "--bayes-error", "nan"), 2, ["--bayes-error", "expected a number, found 'nan'"]),
    "C19 range": (("zoom", "--around", "99"), 2, ["--around 99: no such trial has ended; they go from 0 to 2"]),
    "C19 text": (("zoom", "--around", "x"), 2, ['expected best, a trial\'s number, or top:K as in top:5, found "x"']),
    "C19 negative": (("zoom", "--around", "-1"), 2, ["expected best, a trial's number"]),
    "C19 zeros": (("zoom", "--around", "007"), 2, ["--around 7: no such trial"]),  # seven, whatever stands before it
    "C29 shell": ((*SEARCH, "--set", "name=$(id>x);`id>x`"), 3, ["--set name=$(id>x);`id>x`", "cannot name a folder"]),
    "C29 option": ((*SEARCH, "--name", "x; id > y"), 2, ["'x; id > y' cannot name a folder"]),
}


@pytest.mark.parametrize("row", REFUSED)
def test_it_is_refused_and_nothing_is_created(row, home):
    arguments, code, phrases = REFUSED[row]
    Path("circle").symlink_to("circle")
    Path("new.csv").write_text(TABLE)
    Path("link.csv").symlink_to("new.csv")
    ended = assert_refused(home, arguments, code, phrases)
    assert ended.output == ""
    assert ended.errors.replace("\n", "").isprintable()


def test_what_is_there_is_shown_where_more_is_asked_for(home):
    """C18, C19: the three trials that there are."""
    assert len(hptune("report", "--csv", "-", "--top", 1000).output.splitlines()) == 4
    assert "box of the top 3" in hptune("zoom", "--around", "top:9", "--dry-run").output


def test_the_largest_seed_is_taken_and_can_be_resumed(home):
    """C4: on the command line and, as the run keeps it, in a study file."""
    assert hptune(*SEARCH, "--seed", 2**63 - 1, "--workers", 0).code == 0
    assert "seed: 9223372036854775807" in Path("runs/toy-002/config.yaml").read_text()
    assert hptune("search", "runs/toy-002/config.yaml", "--dry-run").code == 0
    assert hptune("resume", "toy-002").code == 0


def test_another_search_of_that_name_gets_the_next_number(home):
    """C10: no run is ever written over."""
    before = contents(home / "runs" / "toy-001")
    assert hptune(*SEARCH, "--workers", 0).code == 0
    assert (home / "runs" / "toy-002" / "run.db").exists()
    assert contents(home / "runs" / "toy-001") == before


def test_a_finished_run_has_nothing_to_resume(home):
    """C12."""
    ended = hptune("resume")
    assert ended.code == 0
    assert "nothing to resume" in ended.words


def test_a_run_that_is_named_by_its_path_may_lie_anywhere(home, monkeypatch):
    """C13: names lead into the folder of runs; a path is what somebody has typed, and leads where it says."""
    (home / "below").mkdir()
    monkeypatch.chdir(home / "below")
    for arguments in (("report", "../runs/toy-001"), ("zoom", "--run", "../runs/toy-001", "--dry-run")):
        assert hptune(*arguments).code == 0
    assert hptune("report", "toy-001").code == 2


def test_more_workers_than_cores_are_taken_with_a_note(home, monkeypatch):
    """C1."""
    monkeypatch.setattr("hptune.workers.cores.usable_cores", lambda: 1)
    ended = hptune(*SEARCH, "--workers", 2, "--trials", 1)
    assert ended.code == 0
    assert "search.workers: 2 of one thread each on 1 core only take turns" in ended.words


@pytest.mark.parametrize("name", ["CON", "x" * 64, "a.b_c-1"])
def test_names_that_can_be_folders_are_taken(name, home):
    """C13: hptune runs where CON is a name like any other."""
    assert hptune(*SEARCH, "--name", name, "--workers", 0).code == 0
    assert (home / "runs" / f"{name}-001" / "run.db").exists()


def test_a_file_is_replaced_whole_or_not_at_all(home):
    """C15, C16."""
    for arguments, start in (
        (("report", "--csv", "board.csv"), "trial,"),
        (("predict", "d.csv", "--output", "board.csv"), "prediction,"),
    ):
        Path("board.csv").write_text("old")
        assert hptune(*arguments).code == 2
        assert Path("board.csv").read_text() == "old"
        assert hptune(*arguments, "--overwrite").code == 0
        assert Path("board.csv").read_text().startswith(start)
    Path("closed").mkdir()
    Path("closed/x.csv").write_text("old")
    Path("closed").chmod(0o500)
    if os.access("closed", os.W_OK):
        pytest.skip("root may write everywhere")
    assert_refused(
        home, ("report", "--csv", "closed/x.csv", "--overwrite"), 7, ["cannot be written: Permission denied"]
    )


@pytest.mark.parametrize("arguments", [("report", "--csv"), ("predict", "d.csv", "--output")])
def test_what_is_no_regular_file_is_written_into(arguments, home):
    """C15: a device, a pipe, and a standard output that is a file by itself."""
    assert hptune(*arguments, "/dev/null").code == 0
    program = [sys.executable, "-m", "hptune", *arguments]
    Path("out.csv").write_text("before\n")
    with Path("out.csv").open("ab") as file:
        subprocess.run([*program, "/dev/stdout"], stdout=file, check=True, timeout=60)
    piped = subprocess.run([*program, "/dev/stdout"], stdout=subprocess.PIPE, check=True, timeout=60)
    assert b"before\n" + piped.stdout == Path("out.csv").read_bytes()
    assert piped.stdout.count(b"\n") > 3


def test_a_report_of_a_run_in_progress(tmp_path):
    """C20."""
    run = FabricatedRun(tmp_path / "made-001")
    run.complete(0, ADAM)
    run.start(1, ADAM, (0.5,))
    with Store(run.folder):
        ended = hptune("report", run.path)
    assert ended.code == 0
    assert "running" in ended.words
    assert "1 completed" in ended.words


def test_a_report_without_a_finished_trial(tmp_path):
    """C21: it says so, whether it is in progress or not, and in whatever shape."""
    run = FabricatedRun(tmp_path / "made-001")
    run.start(0, ADAM, (0.5,))
    run.end(1, "failed", "KeyError: 1", ADAM)

    def report():
        ended = hptune("report", run.path)
        assert ended.code == 4
        assert "no trial has completed" in ended.words
        ended = hptune("report", run.path, "--json")
        assert ended.code == 4
        assert json.loads(ended.output)["best"] is None
        assert hptune("report", run.path, "--csv", "-").code == 4
        assert hptune("predict", run.path, "x.csv").code == 2

    report()
    with Store(run.folder):
        report()
    run.complete(2, ADAM)
    assert hptune("report", run.path).code == 0


def odd_run(folder):
    """A run of which everything that can be text is odd."""
    run = FabricatedRun(folder / ODD.replace("/", ""))
    run.complete(0, ADAM)
    run.end(1, "failed", ODD, ADAM)
    return run


def test_formulas_are_defused_and_numbers_are_untouched(home, tmp_path):
    """C26: in trials.csv, in report --csv and in what predict writes."""
    run = odd_run(tmp_path)
    assert hptune("export", run.path).code == 0
    loaded = tables.load(run.path)
    for text in (
        (run.path / "trials.csv").read_text(),
        hptune("report", run.path, "--csv", "-", "--sort", "trial").output,
    ):
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["reason"] for row in rows] == ["", f"'{ODD}"]
        for name in ("learning_rate", "beta1", "1-beta1", "dev_error", "seconds"):
            read = [float(row[name]) if row[name] else None for row in rows]
            assert read == [None if x != x else x for x in loaded.trials[name]]  # noqa: PLR0124  (nan)
    rows = list(csv.reader(io.StringIO(hptune("predict", "d.csv").output)))
    assert {row[0] for row in rows[1:]} <= {"'=cmd()", CLASSES[1]}
    assert all(abs(sum(map(float, row[1:])) - 1) < 1e-6 for row in rows[1:])


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("-1", "-1"),
        ("+1.5e-3", "+1.5e-3"),
        (".5", ".5"),
        ("-1+cmd()", "'-1+cmd()"),
        ("@x", "'@x"),
        ("\uff1d1", "'\uff1d1"),
    ],
)
def test_a_cell_is_defused_unless_it_is_a_number(text, cell):
    from hptune.wording import defused

    assert defused(text) == cell


def test_odd_texts_are_printed_literally_on_every_screen(home, tmp_path):
    """C28: nothing acts on the terminal, and nothing is taken for markup."""
    run = odd_run(tmp_path)
    screens = [
        (("report", run.path), [r"[bold]x[", r"\x1b[31m", r"\u202e"]),
        (("list", "--runs", tmp_path), [r"[bold]x[x]", r"\x1b[31m"]),
        (("check", "toy.yaml"), [r"[/x]\x1b[31m\u202e", "=cmd()"]),
        (("search", "toy.yaml", "--workers", 0, "--runs", tmp_path / "[b]\x1b\u202e"), [r"[b]\x1b\u202e"]),
        (("check", "\x1b.yaml"), [r"\x1b.yaml"]),
        (("predict", "\x1b.csv"), [r"\x1b.csv"]),
        (("export", run.path), [r"\x1b[31m"]),
    ]
    for arguments, phrases in screens:
        ended = hptune(*arguments)
        shown = ended.output + ended.errors
        assert shown.replace("\n", "").isprintable(), arguments
        assert [phrase for phrase in phrases if phrase not in shown] == [], (arguments, shown)
    assert json.loads(hptune("report", run.path, "--json").output)
    assert "\x1b" not in hptune("report", run.path, "--json").output


@pytest.mark.parametrize(("is_terminal", "shown"), [(True, "\\x1b[31m,1\n"), (False, "\x1b[31m,1\n")])
def test_a_table_is_made_harmless_for_a_terminal_alone(is_terminal, shown, monkeypatch):
    """C28: into a file or a pipe go the names of classes as they are."""
    stream = io.StringIO()
    stream.isatty = lambda: is_terminal
    monkeypatch.setattr(sys, "stdout", stream)
    write_table("\x1b[31m,1\n")
    assert stream.getvalue() == shown


@pytest.mark.parametrize(
    ("pid", "expected"), [(str(os.getpid()), True), ("0", False), ("-1", False), ("", False), ("9" * 30, False)]
)
def test_a_name_that_is_no_process_number_is_nobodys(pid, expected):
    """Drafts of files are named after processes: .x.csv.0 is left by none, though kill(0, 0) succeeds."""
    assert is_alive(pid) is expected


def test_commands_that_are_printed_are_quoted_for_the_shell(home):
    """C29: pasted, they do what they say and no more."""
    ended = hptune(*SEARCH, "--workers", 0, "--runs", "$(touch x); y")
    assert ended.code == 0
    assert "hptune report --runs '$(touch x); y'" in ended.words
    assert not Path("x").exists()


@pytest.mark.parametrize("arguments", [("report",), ("predict", "d.csv")])
@pytest.mark.parametrize("redirection", [">&-", "2>&-", "| head -c 1 >/dev/null"])
def test_a_closed_output_is_no_traceback(arguments, redirection, home):
    """C30; that a search goes on is tested in test_cli.py."""
    command = " ".join((sys.executable, "-m hptune", *arguments, redirection))
    ended = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in ended.stderr
    assert "Exception" not in ended.stderr
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("text", ["3", "0:kill", "2:explode", "trace"])
def test_a_variable_that_is_malformed_is_named(text, home):
    """C32: the one that hptune has is for its tests."""
    assert_refused(home, SEARCH, 2, ["HPTUNE_FAILPOINT", repr(text), "unset it"], HPTUNE_FAILPOINT=text)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"COLUMNS": "20"}])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_plain_output_on_any_terminal(variables, encoding, home):
    """C31."""
    for arguments in (("report",), ("list",), ("check", "toy.yaml")):
        ended = hptune(*arguments, encoding=encoding, **variables)
        assert ended.code == 0, ended
        assert "\x1b" not in ended.output
        if "COLUMNS" in variables and arguments == ("report",):
            assert max(map(len, ended.output.splitlines())) <= 20


def test_threads_that_the_user_has_set_are_not_heeded_and_that_is_said(home):
    """C33."""
    ended = hptune("check", "toy.yaml", OMP_NUM_THREADS="8", MKL_NUM_THREADS="1")
    assert ended.code == 0
    assert "Note: OMP_NUM_THREADS=8 is not heeded: every worker trains with one thread." in ended.errors
    assert "MKL" not in ended.errors


def test_root_is_warned_of_a_folder_that_anybody_can_write_into(home, monkeypatch):
    """C34."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    Path("runs").chmod(0o777)
    assert "anybody can write into runs, and you are root" in hptune(*SEARCH, "--workers", 0).words
    Path("runs").chmod(0o1777)  # as /tmp: nobody can remove what is another's
    assert "you are root" not in hptune(*SEARCH, "--workers", 0).words


def test_every_row_of_the_catalogue_is_here_or_of_a_part_that_does_not_exist():
    tested = ["C10", "C12", "C20", "C21", "C26", "C28", "C30", "C31", "C32", "C33", "C34"]
    is_complete("C", 35, REFUSED, tested, ABSENT)
    assert not {name.split()[0] for name in [*REFUSED, *tested]} & ABSENT.keys()
