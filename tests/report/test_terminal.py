import io
import json
import re
from functools import partial

import pytest
from fabricate import ADAM, MOMENTUM, FabricatedRun, mixed, parsed
from rich.cells import cell_len
from rich.console import Console

from hptune import tables
from hptune.analysis.summary import summarize
from hptune.report.as_json import to_json
from hptune.report.leaderboard import leaderboard
from hptune.report.run_list import runs_table
from hptune.report.spaces import changes_table, specs_table
from hptune.report.sparkline import sparklines
from hptune.report.terminal import print_report
from hptune.runs import RunFolder
from hptune.search import zoom
from hptune.trial import TrialSpec

WIDTHS = [40, 80, 120, 200]


@pytest.fixture
def run(tmp_path):
    return tables.load(mixed(tmp_path / "made-001").path)


def printed(show, *arguments, width=120, encoding=None, **options):
    """What a function prints to a console of a width; encoding None is any character."""
    file = io.StringIO() if encoding is None else io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(Console(file=file, width=width, highlight=False, **options), *arguments)
    if encoding is None:
        return file.getvalue()
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def squeezed(text):
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("encoding", [None, "ascii"])
def test_nothing_is_wider_than_the_terminal_and_nothing_is_cut(run, width, encoding):
    text = printed(print_report, summarize(run), width=width, encoding=encoding)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "…" not in text
    for name in (
        "learning_rate",
        "optimizer",
        "1-beta1",
        "hidden_units",
        "batch_size",
        "momentum",
        "0.98712",
        "0.01288",
    ):
        assert name in text
    assert squeezed(f"hptune resume {run.path}") in squeezed(text)
    assert str(run.path) in squeezed(text)


def test_a_wide_terminal_has_one_table_and_a_narrow_one_several(run):
    board = printed(leaderboard, run, width=200)
    assert board.count("trial ") == 1
    narrow = printed(leaderboard, run, width=40)
    tables_below = [line for line in narrow.splitlines() if line.startswith("trial ")]
    assert len(tables_below) >= 2
    for row in ("8", "0"):  # which are no ranks
        assert len(re.findall(rf"^ +{row} ", narrow, re.MULTILINE)) == len(tables_below)


def test_the_leaderboard(run):
    lines = printed(leaderboard, run, width=200).splitlines()
    assert lines[1] == "Leaderboard: the 3 best by dev_error of 3 completed trials"
    assert lines[2].split() == [
        "rank", "trial", "stage", "dev_error", "train_error", "epoch", "dev_error", "curve",
        "learning_rate", "optimizer", "beta1", "1-beta1", "hidden_units", "batch_size",
    ]  # fmt: skip
    assert lines[3].split() == [
        "1", "8", "zoom-1", "0.05", "0.025", "3/3", "0.3", "▄▁▁", "0.05",
        "0.25", "adam", "0.98712", "0.01288", "100", "-",
    ]  # fmt: skip
    assert lines[5].split()[10:] == ["momentum", "-", "-", "128", "64"]
    assert lines[6] == "the same in all: origin random, hidden_layers 3"
    assert len(printed(leaderboard, run, 1, width=200).splitlines()) == 4


def test_the_whole_report(run):
    text = printed(print_report, summarize(run))
    for expected in (
        "run      made-001",
        "800 train, 400 dev, 400 test examples; 64 features, 10 classes",
        "10 planned: 3 completed, 2 diverged, 1 failed, 1 crashed, 3 to go\n",
        "lost     3 attempts lost (3 x its worker died)\n",
        "learning_rate   0.0001 .. 1 (log)      0.1 .. 1 (log)",
        "Best trial: 8 (zoom-1)",
        "errors, dropout off:",
        "diagnosis: high variance",
        "- more training data",
        "overfitted to the dev set",
        "trial 2 diverged with learning_rate 0.3, optimizer adam",
        "2 diverged: train_loss became nan in epoch N (trials 2, 3)",
        "1 crashed: the worker was killed by signal 9 (SIGKILL) (trial 6)",
        "3 of 10 trials to go",
    ):
        assert expected in text
    for row in (
        "stage trials share stopped diverged failed epochs share best what",
        "train dev test dev loss",
        "best network 0.01 0.05 0.12 0.15",
        "search 5/6 71 % 0 2 1 8 67 % 0.1 (trial 0) random, whole space",
        "zoom-1 2/4 29 % 0 0 1 4 33 % 0.05 (trial 8) random, zoom around trial 0",
    ):
        assert row in " ".join(text.split())


def test_sorting_shows_the_column_and_the_status(run):
    text = printed(print_report, summarize(run, sort="seconds"), width=200)
    assert "Leaderboard: the 8 first by seconds of 8 trials" in text
    header = next(line for line in text.splitlines() if line.lstrip().startswith("rank"))
    assert "seconds" in header.split()
    assert "status" in header.split()
    unfinished = next(line for line in text.splitlines() if " unfinished " in line and "7" in line.split())
    assert unfinished.split()[0] == "-"


@pytest.mark.parametrize("width", [40, 200])
def test_hostile_text_is_shown_as_it_is(run, width):
    text = printed(print_report, summarize(run), width=width, force_terminal=True, color_system="truecolor")
    bare = squeezed(re.sub(r"\x1b\[[0-9;]*m", "", text))
    assert squeezed(r"ValueError: [/x] [bold]no\x1b[31m (train.py:7)") in bare
    assert "\x1b[31m" not in text
    assert "\x1b" not in bare


def test_hostile_reasons_and_names_in_any_encoding(tmp_path):
    made = FabricatedRun(tmp_path / "naïve [red]–名", n_trials=2)
    made.end(0, "failed", "é\n\u202edesrever\u2028:smile:\x07 名" * 20)
    for width in WIDTHS:
        for encoding in (None, "ascii", "latin-1"):
            text = printed(print_report, summarize(tables.load(made.path)), width=width, encoding=encoding)
            assert max(map(cell_len, text.splitlines())) <= width
            assert not {"\u202e", "\x07", "\u2028"} & set(text)
            assert ":smile:" in squeezed(text)
            assert "[red]" in squeezed(text)


def test_an_ascii_terminal_gets_ascii(run):
    text = printed(leaderboard, run, width=200, encoding="ascii")
    assert text.isascii()
    assert "0.3 -   0.05" in text


def test_plain_when_piped_and_without_colour_on_request(run, monkeypatch):
    report = summarize(run)
    assert "\x1b" not in printed(print_report, report)
    coloured = printed(print_report, report, force_terminal=True, color_system="standard")
    assert "\x1b[33m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    codes = re.findall(r"\x1b\[([0-9;]*)m", printed(print_report, report, force_terminal=True, color_system="standard"))
    assert set(codes) <= {"0", "1"}
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in printed(print_report, report, force_terminal=True)


def test_a_run_without_trials(tmp_path):
    made = FabricatedRun(tmp_path / "run")
    text = printed(print_report, summarize(tables.load(made.path)), width=40)
    assert "Leaderboard: no trial has completed" in text
    assert "hptune resume" in text


def test_json_is_complete_and_has_no_nan(run):
    report = to_json(summarize(run, sort="seconds"))
    text = json.dumps(report, allow_nan=False)
    assert json.loads(text) == report
    assert report["best"]["diagnosis"]["verdict"] == "high variance"
    assert report["leaderboard"]["rows"][2]["curve"] == [0.3, 0.08, 0.05]
    assert report["stages"][1]["ranges"][0]["new"] == {"scale": "log", "low": 0.1, "high": 1.0}
    assert report["failures"][0]["trials"] == [2, 3]
    assert report["next_steps"][0]["command"].startswith("hptune resume")
    assert report["counts"]["to_go"] == 3


def test_json_of_curves_that_are_not_finite(tmp_path):
    made = FabricatedRun(tmp_path / "run", n_trials=1)
    made.complete(0, errors=(float("inf"), 0.1))
    report = to_json(summarize(tables.load(made.path)))
    assert report["leaderboard"]["rows"][0]["curve"] == [None, 0.1]
    json.dumps(report, allow_nan=False)


def test_list_of_runs_shows_damaged_ones(tmp_path, run):
    damaged = FabricatedRun(tmp_path / "broken-001").folder
    damaged.database.write_bytes(b"no database" * 1000)
    folders = [run.snapshot.folder, damaged, RunFolder(FabricatedRun(tmp_path / "new-001").path)]
    lines = printed(runs_table, folders).splitlines()
    assert lines[1].split() == ["made-001", "2026-03-04", "05:06", "7/10", "dev_error", "0.05", "unfinished"]
    assert lines[2].split() == ["broken-001", "-", "-", "damaged"]
    assert lines[3].split()[3:] == ["0/6", "-", "unfinished"]
    assert "run.db" in " ".join(lines[4:])
    for width in WIDTHS:
        assert max(map(cell_len, printed(runs_table, folders, width=width).splitlines())) <= width
    assert printed(runs_table, []) == "No runs.\n"


@pytest.mark.parametrize("width", WIDTHS)
def test_changes_of_a_zoom(width):
    centre = {**ADAM, "learning_rate": 0.99}
    found = zoom.around(parsed().space, centre, [ADAM, MOMENTUM], 0.5)
    text = printed(changes_table, found, width=width)
    assert max(map(cell_len, text.splitlines())) <= width
    for expected in (
        "learning_rate",
        "0.0001 .. 1 (log)",
        "learning_rate: extended: the trial lies at the upper end",
        "1-beta",
    ):
        assert squeezed(expected) in squeezed(text)


def test_specs_are_exact():
    specs = iter([TrialSpec(0, 0, ADAM, 0), TrialSpec(1, 0, MOMENTUM, 0)])
    lines = printed(partial(specs_table, exact=True), specs, parsed().space).splitlines()
    assert lines[0].split() == [
        "trial",
        "learning_rate",
        "optimizer",
        "beta1",
        "hidden_units",
        "hidden_layers",
        "batch_size",
    ]
    assert lines[1].split() == ["0", "0.30000000000000004", "adam", "0.9871234567890123", "64", "3", "-"]
    assert lines[2].split() == ["1", "0.001", "momentum", "-", "128", "3", "64"]


def test_piped_specs_have_one_row_a_trial_however_long():
    console = Console(file=io.StringIO(), width=40)
    specs_table(console, [TrialSpec(0, 0, ADAM, 0)], parsed().space, exact=True)
    assert console.file.getvalue().count("\n") == 2


def test_specs_for_people_are_rounded_and_fit_the_console():
    console = Console(file=io.StringIO(), width=40)
    specs_table(console, [TrialSpec(0, 0, ADAM, 0)], parsed().space)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[1].split()[:3] == ["0", "0.3", "adam"]
    assert "0.98712" in console.file.getvalue()
    assert "0.987123" not in console.file.getvalue()


@pytest.mark.parametrize(
    ("values", "line", "plain"),
    [
        ([], "", ""),
        ([0.5], "▅", "="),
        ([0.897] * 4, "▅▅▅▅", "===="),
        ([0.0, 0.5, 1.0], "▁▅█", " =#"),
        ([1.0, float("nan"), 0.0], "█ ▁", "#  "),
        ([float("inf")], "", ""),
        ([1.0] * 16 + [0.0] * 16, "█" * 8 + "▁" * 8, "#" * 8 + " " * 8),
    ],
)
def test_sparklines(values, line, plain):
    assert sparklines([values], unicode=True) == [line]
    assert sparklines([values], unicode=False) == [plain]


def test_sparklines_of_several_curves_have_one_scale():
    assert sparklines([[0.9, 0.9], [0.9, 0.0], [0.1, 0.1], []], unicode=True) == ["██", "█▁", "▂▂", ""]
