"""Folders and files of any name, environments of any kind: a search comes to its end, or says what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import programs as kit
import pytest

import hptune

NAMES = [
    "a folder",
    "ünïcödé 日本 🎲",
    "new\nline",
    "-leading",
    "tab\tand \x1b[31mescape",
    "$HOME;'\"`&|*?",
    "%s {0} [bold]x \\n",
    "n" * 240,
    os.fsdecode(b"no \xff\xfe utf-8"),
]
IN_SUITE = (2, 8)
CSV = "x1,x2,class\n" + "".join(f"{n % 7},{n % 5},{'ab'[n % 7 > 3]}\n" for n in range(60))
SMALL = """
name: toy
data: {path: FILE, target: class}
train: {epochs: 1}
space: {learning_rate: {scale: log, low: 1e-4, high: 0.3}}
search: {trials: 2, confirm: false}
"""


@pytest.fixture
def place(tmp_path):
    return kit.new_place(tmp_path / "place", kit.STUDY.replace("trials: 14", "trials: 3, confirm: false"))


def shows(programs, place, *arguments):
    ended = programs.run(place, *arguments)
    assert ended.code == 0, ended.output
    assert "Traceback" not in ended.output
    assert "\x1b" not in ended.output
    return ended.output


def works_in(programs, place, name):
    """Search, resume, report, list, export and predict, with the runs and the data in a folder of that name."""
    folder = place / name
    folder.mkdir()
    data = f"{name}/{name[:200]}.csv"
    (place / data).write_text(CSV)
    study = place / f"{name}.yaml"
    # what is no UTF-8, or an escape, cannot be written in a study file
    study.write_text(SMALL.replace("FILE", json.dumps(data) if name.isascii() and "\x1b" not in name else "data.csv"))
    (place / "data.csv").write_text(CSV)
    shows(programs, place, "search", "--workers", 1, f"--runs={name}", "--", study)
    shows(programs, place, "resume", f"--runs={name}")
    shows(programs, place, "report", f"--runs={name}")
    found = json.loads(shows(programs, place, "report", "--json", f"--runs={name}", "toy-001"))
    assert found["best"]["trial"] in (0, 1)
    shows(programs, place, "list", f"--runs={name}")
    shows(programs, place, "export", "--", f"{name}/toy-001")
    shows(programs, place, "predict", "--", f"{name}/toy-001", data)
    assert sorted(path.name for path in (folder / "toy-001").iterdir()) == kit.AT_REST
    assert len(hptune.load(folder / "toy-001").trials) == 2


@pytest.mark.parametrize("number", IN_SUITE)
def test_a_folder_of_any_name(number, programs, place):
    works_in(programs, place, NAMES[number])


@pytest.mark.sweep
@pytest.mark.parametrize("number", [n for n in range(len(NAMES)) if n not in IN_SUITE])
def test_sweep_of_folders_of_any_name(number, programs, place):
    works_in(programs, place, NAMES[number])


ENVIRONMENTS = {
    "C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ASCII output": {"PYTHONIOENCODING": "ascii"},
    "Latin-1 output": {"PYTHONIOENCODING": "latin-1"},
    "dumb terminal": {"TERM": "dumb"},
    "no colour": {"NO_COLOR": "1"},
    "narrow": {"COLUMNS": "20"},
    "very narrow": {"COLUMNS": "1", "LINES": "1"},
    "no home": {"HOME": None, "USER": None, "LOGNAME": None},
    "home that is not there": {"HOME": "/nowhere"},
    "no place for temporary files": {"TMPDIR": "/nowhere"},
    "no PATH": {"PATH": None},
    "warnings": {"PYTHONWARNINGS": "always", "PYTHONDEVMODE": "1"},
    "assertions off": {"PYTHONOPTIMIZE": "2"},
}
ALL_AT_ONCE = ("C locale", "ASCII output", "dumb terminal", "narrow", "no home", "no place for temporary files")


def program(place, *arguments, variables=None, **options):
    """The program in a process of its own; its environment changed, None: without that variable."""
    environment = {**os.environ, **(variables or {})}
    environment = {name: value for name, value in environment.items() if value is not None}
    command = [sys.executable, "-m", "hptune", *map(str, arguments)]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.run(
        command, **{**streams, "cwd": place, **options}, env=environment, check=False, timeout=kit.TIMEOUT_S
    )


COMMANDS = (("search", "toy.yaml", "--workers", 1), ("report",), ("list",))


def works_with(variables, place, commands=COMMANDS):
    for arguments in commands:
        ended = program(place, *arguments, variables=variables)
        assert ended.returncode == 0, ended.stderr.decode(errors="replace")
        assert b"Traceback" not in ended.stderr
        assert b"\x1b" not in ended.stdout
    assert kit.run_folder(place).is_dir()


def test_a_poor_environment(place):
    """Everything at once; each by itself in the sweep."""
    works_with({name: value for kind in ALL_AT_ONCE for name, value in ENVIRONMENTS[kind].items()}, place, COMMANDS[:2])


@pytest.mark.sweep
@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_sweep_of_environments(kind, place):
    works_with(ENVIRONMENTS[kind], place)


@pytest.mark.sweep
def test_an_ascii_terminal_shows_what_it_can_of_other_names(place):
    (place / "toy.yaml").write_text(kit.STUDY.replace("blobs", "blöbs"), encoding="utf-8")
    ended = program(place, "search", "toy.yaml", variables=ENVIRONMENTS["C locale"])
    assert ended.returncode == 3
    assert b"bl" in ended.stderr
    assert b"Traceback" not in ended.stderr


def closed(*descriptors):
    """What is done in the child before the program starts."""

    def close():
        for descriptor in descriptors:
            os.close(descriptor)

    return close


def test_streams_that_are_closed(place):
    """With workers, whose pipes then are the descriptors 0, 1 and 2 of the program."""
    streams = {"stdin": None, "stdout": None, "stderr": None, "preexec_fn": closed(0, 1, 2)}
    assert program(place, "search", "toy.yaml", "--workers", 2, **streams).returncode == 0
    assert sorted(path.name for path in kit.run_folder(place).iterdir()) == kit.AT_REST
    assert len(hptune.load(kit.run_folder(place)).trials) == 3


@pytest.mark.sweep
@pytest.mark.parametrize("descriptors", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_sweep_of_streams_that_are_closed(descriptors, place):
    streams = {"stdin": None, "stdout": None, "stderr": None, "preexec_fn": closed(*descriptors)}
    for arguments in COMMANDS:
        assert program(place, *arguments, **streams).returncode == 0, arguments


def test_a_mistake_is_an_exit_code_even_where_nobody_can_be_told(place):
    ended = program(place, "search", "nothing.yaml", stdin=None, stdout=None, stderr=None, preexec_fn=closed(0, 1, 2))
    assert ended.returncode == 3


@pytest.fixture
def in_the_deleted(programs, place):
    """A command in a folder that is deleted before it begins; how it must end is given."""
    gone = place / "gone"

    def run(code, *arguments):
        gone.mkdir()
        ended = programs.run(gone, *arguments, deleted=True)
        assert ended.code == code, (arguments, ended.output)
        assert "made a mistake" not in ended.output
        return ended.output

    return run


def test_a_working_folder_that_was_deleted(in_the_deleted, place):
    """Everything given by its full path works; what is not is said."""
    run, study, new = place / "runs" / "toy-001", place / "toy.yaml", place / "new.csv"
    new.write_text("x0,x1\n1,2\n")
    in_the_deleted(0, "search", study, "--runs", place / "runs", "--workers", 1)
    in_the_deleted(0, "search", study, "--dry-run")
    assert "the current folder was deleted" in in_the_deleted(0, "check", study)
    in_the_deleted(0, "check", study, "--runs", place / "runs")
    in_the_deleted(0, "zoom", "--run", run, "--trials", 1, "--workers", 0)
    in_the_deleted(0, "retest", run, "--top", 1, "--seeds", 1, "--workers", 0)
    for command in ("resume", "report", "export", "repair", "retry --failed"):
        in_the_deleted(0, *command.split(), run)
    in_the_deleted(0, "predict", run, new)
    in_the_deleted(0, "list", "--runs", place / "runs")
    in_the_deleted(0, "schema")


def test_what_lies_in_a_working_folder_that_was_deleted_is_not_there(in_the_deleted, place):
    study = place / "toy.yaml"
    in_the_deleted(0, "search", study, "--runs", place / "runs", "--workers", 0)
    run = place / "runs" / "toy-001"
    in_the_deleted(7, "search", study, "--workers", 0)
    in_the_deleted(3, "search", "toy.yaml")
    in_the_deleted(3, "check", "toy.yaml")
    assert "no such file: looked for x.csv" in in_the_deleted(3, "retest", run, "--data", "x.csv")
    in_the_deleted(7, "report", run, "--csv", "out.csv")
    in_the_deleted(3, "predict", run, "x.csv")
    for command in ("report", "resume", "zoom", "retest", "export", "repair", "retry --failed"):
        in_the_deleted(2, *command.split())
    in_the_deleted(0, "list")
