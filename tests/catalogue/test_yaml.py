"""Section 6.1 of the catalogue of bad inputs: study files. Y1 to Y62, each typed and refused (exit 3) or understood.

Where a decision differs from the catalogue the row says why in a comment.
"""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from catalogue.rows import assert_refused, is_complete, write

LEARNING_RATE = "learning_rate: {scale: log, low: 1e-4, high: 1}"
DATA = "data: {source: moons, examples: 100}"


def study(space=LEARNING_RATE, *, data=DATA, train="epochs: 1", search="trials: 2, confirm: false"):
    """A study file; its parameter stands in line 4 from column 3 on."""
    return f"{data}\ntrain: {{{train}}}\nspace:\n  {space}\nsearch: {{{search}}}\n"


def rate(text):
    """A study of which the lower bound is this text, in line 4, column 45."""
    return study(f"learning_rate: {{high: 1, scale: log, low: {text}}}")


def choices(text, name="activation"):
    return study(f"{name}: {{choices: {text}}}")


def deep(levels):
    return "[" * levels + "]" * levels


def refuse_reading(path):
    path.write_text(study())
    path.chmod(0)


LAUGHS = "a: &a [x]\n" + "".join(
    f"{name}: &{name} [{', '.join(f'*{one}' for _ in range(9))}]\n" for one, name in pairwise("abcdefghi")
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join(f'*{one}' for _ in range(9))}]}}\n" for one, name in pairwise("abcdefghi")
)
LOW = "4:45"  # where the bound of rate() stands

REFUSED = {  # id: (the file, line and column, phrases)
    "Y1 missing": (lambda path: None, None, ["cannot read it: no such file"]),
    "Y1 directory": (Path.mkdir, None, ["it is a directory, expected a YAML file"]),
    "Y1 pipe": (os.mkfifo, None, ["not a regular file"]),
    "Y1 links in a circle": (lambda path: path.symlink_to(path), None, ["cannot read it", "symbolic links"]),
    "Y1 unreadable": (refuse_reading, None, ["cannot read it: Permission denied"]),
    "Y2 empty": ("", "1:1", ["the file is empty", "a small study is", "space: {learning_rate:"]),
    "Y2 comments": ("# nothing\n\n  # here\n", "1:1", ["the file is empty"]),
    "Y3 list": ("- data\n- space\n", "1:1", ["expected keys (name, data, train, space, search), found a list"]),
    "Y3 text": ("digits\n", "1:1", ["expected keys", "found 'digits'"]),
    "Y4": (study() + "---\n" + study(), "6:1", ["only one document is allowed"]),
    "Y5": ("space:\n\tlearning_rate: 1\n", "2:1", ["use spaces, not tabs"]),
    "Y6 bracket": ("a: 1\nb: [1, 2\nc: 3\n", "2:4", ['"[" opened here', "line 3"]),
    "Y6 brace": (study("l2: {low: 0, high: 1"), "4:7", ['"{" opened here', "line 5"]),
    "Y6 quote": ("a: 1\nb: 'x\nc: 3\n", "2:4", ["quote opened here"]),
    "Y7": ("a: 1\n b: 2\n", "2:3", ["check the indentation"]),
    "Y8": ("a: b: c\n", "1:5", ["quote the value"]),
    "Y9 percent": ("a: %x\n", "1:4", ['"%"', "quote the value"]),
    "Y9 at": ("a: @x\n", "1:4", ['"@"', "quote the value"]),
    "Y9 backtick": ("a: `x\n", "1:4", ['"`"', "quote the value"]),
    "Y10": ("name: caf\xe9".encode("latin-1"), "1:10", ["byte 0xe9 at offset 9", "save the file as UTF-8"]),
    "Y11": (study().encode("utf-16"), "1:1", ["UTF-16", "save it as UTF-8"]),  # refused: decided
    "Y12 NUL": ("name: a\0b\n", "1:8", ["'\\x00'", "remove it"]),
    "Y12 escape": ("name: \x1b[31m\n", "1:7", ["'\\x1b'", "remove it"]),
    "Y14 top": (study() + DATA, "6:1", ["'data' is given twice (first on line 1)"]),
    "Y14 below": (study("l2: {low: 0, high: 1, low: 2}"), "4:25", ["'low' is given twice (first on line 4)"]),
    "Y15 overflow": (rate("1.0e400"), LOW, ["'1.0e400' is too large", "1.8e308"]),
    "Y15 underflow": (rate("1e-400"), LOW, ["'1e-400' is too small"]),
    "Y16": (rate("010"), LOW, ["'010' has a leading zero, which is ambiguous"]),
    "Y17 hex": (rate("0x1F"), LOW, ["write it in decimal"]),  # refused: decided
    "Y17 binary": (rate("0b11"), LOW, ["write it in decimal"]),
    "Y17 underscores": (rate("1_000"), LOW, ["'1_000' has underscores"]),
    "Y18 minutes": (rate("12:30"), LOW, ["looks like a time", "quote it"]),
    "Y18 hours": (rate("1:30:00"), LOW, ["looks like a time"]),
    "Y19 yes": (choices("[relu, yes]"), "4:32", ["'yes' is a boolean in some YAML: write true or false, or quote it"]),
    "Y19 no": (choices("[no]"), "4:26", ["write true or false, or quote it"]),
    "Y19 on": (choices("[on]"), "4:26", ["write true or false, or quote it"]),
    "Y19 off": (choices("[off]"), "4:26", ["write true or false, or quote it"]),
    "Y20 no": (study("no: 1"), "4:3", ["names must be text, and YAML reads 'no' as something else: quote it"]),
    "Y20 null": (study("null: 1"), "4:3", ["names must be text"]),
    "Y20 true": (study("true: 1"), "4:3", ["names must be text"]),
    # a whole number is a name that means itself, for {10: 0.1} of learning_rate_factors
    "Y20 1": (study("1: 1"), "4:3", ["space.1: unknown key"]),
    "Y21": (rate("2024-01-01"), LOW, ["dates are not supported: quote it"]),
    "Y22": (rate("2024-13-45"), LOW, ["dates are not supported: quote it"]),
    "Y23 inf": (rate(".inf"), LOW, ["expected a finite number, found inf"]),
    "Y23 -inf": (rate("-.inf"), LOW, ["expected a finite number, found -inf"]),
    "Y23 nan": (rate(".nan"), LOW, ["expected a finite number, found nan"]),
    "Y23 choice": (choices("[.nan, 1]", "learning_rate"), "4:29", ["expected a number above 0", "found nan"]),
    "Y24 nan": (rate("nan"), LOW, ["expected a number, found 'nan'"]),
    "Y24 inf": (rate("inf"), LOW, ["expected a number, found 'inf'"]),
    "Y24 percent": (rate("50%"), LOW, ["expected a number, found '50%'"]),
    "Y24 comma": (study("learning_rate:\n    low: 1,5\n    high: 2"), "5:10", ["expected a number, found '1,5'"]),
    "Y24 power": (rate("10**-3"), LOW, ["expected a number, found '10**-3'"]),
    "Y25": (study("learning_rate:"), "4:17", ["space.learning_rate: ", "found nothing"]),
    "Y26": (rate("9" * 5000), LOW, ["'99999", "...' is out of range"]),
    "Y27": (study(search="trials: 2, seed: 9223372036854775808"), "5:27", ["out of range"]),
    "Y28": ("a: !!python/object/apply:os.system [id]\n", "1:4", ["tags ('tag:yaml.org,2002:python/object"]),
    "Y29 own": (rate("!foo 1"), LOW, ["tags ('!foo') are not supported: remove the tag"]),
    "Y29 set": (choices("!!set {a}"), "4:25", ["tags"]),
    "Y29 binary": (rate("!!binary aGk="), LOW, ["tags"]),
    "Y29 timestamp": (rate("!!timestamp 2024-01-01"), LOW, ["tags"]),
    "Y29 int": (rate("!!int ''"), LOW, ["tags"]),
    "Y30": (rate("*nowhere"), LOW, ["aliases (*nowhere) are not supported: write the value out"]),
    "Y31": ("a: &x [*x]\n", "1:4", ["anchors (&x) are not supported", "aliases (*x)"]),
    "Y32": (LAUGHS, "1:4", ["anchors (&a) are not supported"]),
    "Y33": (MERGES, "1:4", ["anchors (&a)", "merge keys (<<) are not supported"]),
    "Y34": ("a: " + deep(33), "1:35", ["nested too deeply: at most 32 levels"]),
    "Y34 by far": (deep(100_000), "1:33", ["nested too deeply"]),
    "Y35": (study() + "#" * 2**20, None, ["too large: the limit is 1,048,576 bytes (1 MiB)"]),
    "Y35 endless": (lambda path: os.truncate(_touched(path), 2**40), None, ["too large"]),  # a file with a hole
    "Y36 list": (study("[1, 2]: x"), "4:3", ["names must be text, found a list or a mapping"]),
    "Y36 mapping": (study("{a: 1}: x"), "4:3", ["names must be text, found a list or a mapping"]),
    "Y37": (study("l2: {lwo: 0, high: 1}"), "4:8", ["space.l2.lwo: unknown key", 'Did you mean "low"?']),
    "Y38": (study("l2: {low: 0}"), "4:7", ["space.l2.high: missing: a range needs low and high"]),
    "Y38 data": (study(data="name: x"), "1:1", ["data: missing: name a built-in set"]),
    "Y39": (study("l2: {type: lognormal, low: 0, high: 1}"), "4:14", ["expected int or real, found 'lognormal'"]),
    "Y39 scale": (study("l2: {scale: loguniform, low: 1, high: 2}"), "4:15", ["linear, log, 1-beta", "write log"]),
    "Y40": (study("l2: {low: 2, high: 1}"), "4:22", ["low must be below high, found low 2 and high 1"]),
    "Y41": (study("l2: {low: 1, high: 1}"), "4:22", ["a single value is written l2: 1"]),
    "Y42": (study("l2: {scale: log, low: -1, high: 1}"), "4:25", ["a log scale needs low above 0, found -1"]),
    "Y43": (study("hidden_layers: {scale: log, low: 0, high: 3}"), "4:36", ["a log scale needs low above 0"]),
    "Y44 zero": (study("l2: {low: 0, high: 1, step: 0}"), "4:31", ["expected a step above 0", "found 0"]),
    "Y44 negative": (study("l2: {low: 0, high: 1, step: -1}"), "4:31", ["expected a step above 0", "found -1"]),
    "Y44 large": (study("l2: {low: 0, high: 1, step: 2}"), "4:31", ["at most high - low = 1, found 2"]),
    "Y44 not dividing": (study("l2: {low: 0, high: 1, step: 0.3}"), "4:31", ["the last value would be 0.9; set high"]),
    "Y45": (study("hidden_layers: {low: 1.5, high: 3}"), "4:24", ["expected a whole number", "found 1.5"]),
    "Y46": (rate("true"), LOW, ["expected a number, found true"]),
    "Y47": (rate('"0.1"'), LOW, ["expected a number, found '0.1'; remove the quotes"]),
    "Y48 none": (choices("[]"), "4:25", ["expected 1 to 1000 values, found 0"]),
    "Y49": (choices("[1, 1.0]", "learning_rate"), "4:32", ["1.0 is there twice"]),
    "Y49 true": (choices("[1, true]", "learning_rate"), "4:32", ["expected a number above 0", "found true"]),
    "Y50 list": (choices("[[relu]]"), "4:26", ["expected one of", "found a list"]),
    "Y50 mapping": (choices("[{a: 1}]"), "4:26", ["found a mapping"]),
    "Y50 null": (choices("[null]"), "4:26", ["found nothing"]),
    "Y51": (
        choices("[1, '1']", "learning_rate"),
        "4:32",
        ["expected a number above 0", "found '1'. Remove the quotes"],
    ),
    "Y52 empty": ("data: {source: moons}\nspace: {}\n", "2:8", ["nothing to search"]),
    "Y52 missing": ("data: {source: moons}\n", "1:1", ["space: nothing to search"]),
    "Y53 unknown": (study("l2: {low: 0, high: 1, when: {optimiser: adam}}"), "4:32", ['Did you mean "optimizer"?']),
    "Y53 cycle": (
        study(
            "activation: {choices: [relu, tanh], when: {init: he}}\n"
            "  init: {choices: [he, xavier], when: {activation: relu}}"
        ),
        "4:39",
        ["conditions go in a circle (activation, init)"],
    ),
    # names with dots are no names: there is nothing that could clash
    "Y54": (study('"l2.low": 1\n  l2: {low: 0, high: 1}'), "4:3", ["space.l2.low: unknown key"]),
    # parameters have the names of hyperparameters, so any other name is unknown
    "Y55 empty": (study('"": 1'), "4:3", ['expected a name before ":", found none']),
    "Y55 blanks": (study('" l2": {low: 0, high: 1}'), "4:3", ["unknown key", 'Did you mean "l2"?']),
    "Y55 column": (study("trial: {low: 0, high: 1}"), "4:3", ["space.trial: unknown key"]),
    "Y55 long": (study("x" * 300 + ": 1"), "4:3", ["unknown key"]),
    "Y55 control": (study('"l2\\e": 1'), "4:3", ["control character '\\x1b'"]),
    "Y56 case": (study("L2: {low: 0, high: 1}"), "4:3", ["unknown key", 'Did you mean "l2"?']),
    "Y56 unicode": (study("\uff4c2: {low: 0, high: 1}"), "4:3", ["unknown key"]),
    "Y58 choices": (choices(str(list(range(1, 1002))), "batch_size"), "4:25", ["1 to 1000 values, found 1001"]),
    "Y58 values": (choices(str(list(range(1, 60_000))), "batch_size"), "4:338801", ["too many values: at most 50,000"]),
    "Y58 parameters": (study("\n  ".join(f"x{n}: 1" for n in range(10_000))), "4:3", ["unknown key"]),
    "Y59 trials": (study(search="trials: 0"), "5:18", ["expected a whole number from 1 to 1,000,000, found 0"]),
    "Y59 epochs": (study(train="epochs: 0"), "2:17", ["train.epochs: expected a whole number of at least 1"]),
    "Y59 budget": (study(train="epochs: 9", search="epochs: 8"), "5:18", ["a trial has 9 epochs", "together have 8"]),
    "Y59 time": (study(search="time: 0"), "5:16", ["expected a time as 90m", "found 0"]),
    "Y59 parallel": (study(search="parallel: 0"), "5:20", ["expected a whole number from 1 to 9,999"]),
    "Y60 metric": (study(search="metric: accuracy"), "5:18", ["expected", "dev_error", "found 'accuracy'"]),
    "Y60 direction": (study(search="goal: maximize"), "5:16", ["expected minimize", "found 'maximize'"]),
    "Y61": (
        study("learning_rate: {scale: log, low: 1000, high: 1000.0000000000001}"),
        "4:48",
        ["too close to be told apart on a log scale"],
    ),
    "Y62": (study("l2: {low: 0, high: 1.7e308}"), "4:22", ["1.7e+308 is too large to be computed with"]),
}


def _touched(path):
    path.touch()
    return path


@pytest.mark.parametrize("row", REFUSED)
def test_a_study_file_is_refused_with_its_place_and_nothing_is_created(row, tmp_path, monkeypatch):
    content, place, phrases = REFUSED[row]
    monkeypatch.chdir(tmp_path)
    write(Path("s.yaml"), content)
    if row == "Y1 unreadable" and os.access("s.yaml", os.R_OK):
        pytest.skip("root may read everything")
    where = "s.yaml: " if place is None else f"s.yaml:{place}: "
    ended = assert_refused(tmp_path, ("search", "s.yaml"), 3, [where, *phrases])
    Path("s.yaml").chmod(0o700) if row == "Y1 unreadable" else None
    assert ended.output == ""
    text = ended.errors.removeprefix("Error: ")
    example = "  data: {source: digits}\n  space: {learning_rate: {scale: log, low: 1e-4, high: 1}}\n"
    lines = text.replace(example, "").splitlines()
    assert all(line.startswith("s.yaml:") for line in lines), "each line begins with its place"
    assert len(ended.errors) < 60_000
    assert ended.errors.replace("\n", "").isprintable()


UNDERSTOOD = {  # id: (the file, what check says of it)
    "Y13 mark": (b"\xef\xbb\xbf" + study().encode(), ["learning_rate 0.0001 .. 1 (log)"]),
    "Y13 CRLF": (study().replace("\n", "\r\n"), ["learning_rate 0.0001 .. 1 (log)"]),
    "Y15 1e-3": (rate("1e-3"), ["learning_rate 0.001 .. 1 (log)"]),
    "Y15 1e3": (study("epochs: {low: 1e1, high: 1e3}", train=""), ["epochs 10 .. 1000"]),
    "Y27 2^63-1": (study(search="trials: 2, seed: 9223372036854775807"), ["seed 9223372036854775807"]),
    "Y41 value": (study(LEARNING_RATE + "\n  l2: 0.5"), ["l2 0.5"]),  # a bare value is a constant
    # a single choice is a constant: a study from which all others were struck out stays one
    "Y48 one": (choices("[relu]"), ["activation relu"]),
    "Y49 same": (choices("[1, 2.0, 3]", "batch_size"), ["batch_size 1, 2, 3"]),
    "Y53 later": (
        study("beta1: {low: 0.5, high: 0.9, when: {optimizer: adam}}\n  optimizer: {choices: [adam, rmsprop]}"),
        ["optimizer: adam"],
    ),
}


@pytest.mark.parametrize("row", UNDERSTOOD)
def test_a_study_file_is_understood(row, tmp_path, monkeypatch):
    content, phrases = UNDERSTOOD[row]
    monkeypatch.chdir(tmp_path)
    write(Path("s.yaml"), content)
    assert_refused(tmp_path, ("check", "s.yaml"), 0, phrases)


def test_fewer_configurations_than_trials_are_said(tmp_path, monkeypatch):
    """Y57: a note and no error, for a search that ends when all have been tried is what is wanted."""
    monkeypatch.chdir(tmp_path)
    write(Path("s.yaml"), study(choice := "activation: {choices: [relu, tanh]}", search="trials: 9"))
    notes = ["the space has only 2 configurations; the search ends when all have been tried"]
    assert_refused(tmp_path, ("search", "s.yaml", "--dry-run"), 0, notes)
    write(Path("s.yaml"), study(choice, search="trials: 9, method: random"))
    assert_refused(tmp_path, ("search", "s.yaml", "--dry-run"), 0, ["only 2 configurations; 9 trials repeat some"])


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("s.yaml"), study("l2: {lwo: 010, high: yes}\n  l1: {low: 2, high: 1}", search="trials: 0, goal: up"))
    ended = assert_refused(tmp_path, ("search", "s.yaml"), 3, [])
    places = [re.match(r"s\.yaml:(\d+):(\d+): ", line) for line in ended.errors.splitlines()]
    assert all(places)
    found = [tuple(map(int, place.groups())) for place in places]
    assert found == sorted(found)
    assert len(found) >= 6


def test_every_row_of_the_catalogue_is_here():
    is_complete("Y", 62, REFUSED, UNDERSTOOD, ["Y57"])
