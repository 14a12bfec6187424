from __future__ import annotations

import math
import os
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune.config.yaml_tree import MAX_BYTES, MAX_DEPTH, Node, parse, parse_value, plain_tree, read
from hptune.errors import StudyFileError

STUDY = """\
# a small network on handwritten digits
name: digits
data: {source: digits}
train: {epochs: 30, optimizer: adam, activation: relu}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  batch_size:    {choices: [32, 64, 128, 256]}
  schedule:
    - "constant"
    - 'cosine'
search: {mode: caviar, trials: 60, seed: 0, metric: dev_error, goal: minimize}
"""


def problems_of(text):
    with pytest.raises(StudyFileError) as caught:
        parse(text, "s.yaml")
    return caught.value.problems


def problems_or_none(act):
    """The problems of a StudyFileError, none where there is a tree; any other exception fails the test."""
    try:
        plain_tree(act())
    except StudyFileError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4", 1e-4),
        ("1E-4", 1e-4),
        ("1e5", 1e5),
        ("12e4", 12e4),
        ("1.e5", 1e5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1e-3", -1e-3),
        ("+3", 3),
        ("-3", -3),
        ("0", 0),
        ("0.5", 0.5),
        ("1.0e+4", 1e4),
        ("1e-04", 1e-4),
        ("0e0", 0.0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("'1e-4'", "1e-4"),
        ('"3"', "3"),
        ("'010'", "010"),
        ("'yes'", "yes"),
        ("'2024-01-01'", "2024-01-01"),
        ("''", ""),
        ("nan", "nan"),
        ("inf", "inf"),
        ("50%", "50%"),
        ("'1,5'", "1,5"),
        ("10**-3", "10**-3"),
        ("None", "None"),
        ("y", "y"),
        ("n", "n"),
        ("1-beta", "1-beta"),
        ("2024-01-01-digits", "2024-01-01-digits"),
        ("192.168.0.1", "192.168.0.1"),
        ("\u0663", "\u0663"),  # an Arabic digit is no number
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("Null", None),
        ("NULL", None),
        ("", None),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("+.INF", math.inf),
    ],
)
def test_plain_scalars(text, expected):
    in_block = parse(f"a: {text}\n", "s.yaml").value["a"].value
    in_list = parse(f"a: [{text or '~'}, 1]\n", "s.yaml").value["a"].value[0].value
    alone = parse_value(text, "--set a").value
    for value in (in_block, in_list, alone):
        assert value == expected
        assert type(value) is type(expected)


def test_comma_text_and_nan():
    assert plain_tree(parse("a: 1,5", "s.yaml")) == {"a": "1,5"}
    assert math.isnan(parse_value(".nan", "--set a").value)


def test_study_with_places():
    root = parse(STUDY, "s.yaml")
    tree = plain_tree(root)
    assert tree["space"]["learning_rate"] == {"scale": "log", "low": 1e-4, "high": 1}
    assert tree["space"]["schedule"] == ["constant", "cosine"]
    rate = root.value["space"].value["learning_rate"]
    assert (rate.key_place, rate.place) == ("s.yaml:6:3", "s.yaml:6:18")
    assert rate.value["low"] == Node("s.yaml:6:36", 1e-4, "s.yaml:6:31", plain=True)
    quoted, single = root.value["space"].value["schedule"].value
    assert (quoted.plain, single.plain) == (False, False)
    assert quoted.key_place == quoted.place == "s.yaml:9:7"
    assert (root.place, root.key_place) == ("s.yaml:2:1", "s.yaml:2:1")


@pytest.mark.parametrize(
    ("text", "phrases", "where"),
    [
        ("", ["empty", "low: 1e-4"], "1:1"),
        ("# nothing\n\n# more\n", ["empty"], "1:1"),
        ("---\n", ["empty"], "1:1"),
        ("a: 1\n---\nb: 2\n", ["only one document"], "2:1"),
        ("a: !!python/object/apply:os.system [x]", ["tags", "python/object", "remove"], "1:4"),
        ("a: !foo x", ["tags", "!foo"], "1:4"),
        ("!!set {a}", ["tags"], "1:1"),
        ("a: !!int ''", ["tags"], "1:4"),
        ("!!str a: 1", ["tags"], "1:1"),
        ("a: &x 1", ["anchors (&x)"], "1:4"),
        ("a: *x", ["aliases (*x)"], "1:4"),
        ("a: &x [*x]", ["anchors", "aliases"], "1:4"),
        ("a: &", ["anchors and aliases", "quote"], "1:4"),
        ("a: !y!x 1", ["tags", "quote"], "1:4"),
        ("<<: {a: 1}", ["merge keys"], "1:1"),
        ("? [1, 2]\n: x", ["names must be text"], "1:3"),
        ("[1,2]: x", ["names must be text"], "1:1"),
        ("{a: 1}: x", ["names must be text"], "1:1"),
        (": x", ["expected a name"], "1:1"),
        ('"": x', ["expected a name"], "1:1"),
        ("{: 1}", ["expected a value"], "1:2"),
        ("a: >0.5", ["needs quotes"], "1:4"),
        ("a: ? b", ["needs quotes"], "1:4"),
        ("a: 1\nb: 2\na: 3", ["'a' is given twice", "line 1", "keep one"], "3:1"),
        ("s:\n  x: {low: 1, high: 2, low: 3}", ["'low' is given twice", "line 2"], "2:24"),
        ("a: 010", ["'010'", "octal"], "1:4"),
        ("a: 0755", ["octal"], "1:4"),
        ("a: -01", ["octal"], "1:4"),
        ("a: 0x1F", ["decimal"], "1:4"),
        ("a: 0b11", ["decimal"], "1:4"),
        ("a: 0o17", ["decimal"], "1:4"),
        ("a: 1_000", ["underscores"], "1:4"),
        ("a: 1_0.5e3", ["underscores"], "1:4"),
        ("a: 12:30", ["time", "quote"], "1:4"),
        ("a: 1:30:00", ["time"], "1:4"),
        ("a: -1:30.5", ["time"], "1:4"),
        ("a: [1:4]", ["time"], "1:5"),
        ("a: 2024-01-01", ["dates are not supported", "quote"], "1:4"),
        ("a: 2024-13-45", ["dates are not supported"], "1:4"),
        ("a: 2024-01-01T12:00:00Z", ["dates are not supported"], "1:4"),
        ("a: 2024-01-01 12:00:00.5 +02:00", ["dates are not supported"], "1:4"),
        ("a: 9223372036854775808", ["out of range", "end at 9223372036854775807"], "1:4"),
        ("a: -9223372036854775809", ["out of range"], "1:4"),
        ("a: " + "9" * 5000, ["out of range", "..."], "1:4"),
        ("a: 1e400", ["too large"], "1:4"),
        ("a: -1.0e400", ["too large"], "1:4"),
        ("a: 1e-400", ["too small"], "1:4"),
        ("a: tRuE", ["true or false"], "1:4"),
        ("a: 1\nb: x\x00y", ["'\\x00'", "UTF-8"], "2:5"),
        ("a: \x1b[31m", ["'\\x1b'"], "1:4"),
        ("a: \ud800", ["'\\ud800'"], "1:4"),
        ('a: "\\0"', ["control character"], "1:4"),
        ('a: "\\ud800"', ["control character"], "1:4"),
        ("a:\n\tb: 1", ["use spaces, not tabs"], "2:1"),
        ("a: 1\n\tb: 2", ["use spaces, not tabs"], "2:1"),
        ("a: [1, 2", ['"[" opened here', "the end of the text"], "1:4"),
        ("a: [1, 2\nb: 3\n", ['"[" opened here', "line 2, column 2"], "1:4"),
        ("a: {b: 1\nc: 2\n", ['"{" opened here'], "1:4"),
        ("a: {low: 1 high: 2}", ["a comma is missing", "column 16"], "1:4"),
        ("a: 1\nb: 'x\nc: 2\n", ["quote opened here"], "2:4"),
        ('b: "x', ["quote opened here"], "1:4"),
        ("a: 'it's'", ["check the indentation, and the quotes"], "1:8"),
        ('a: "C:\\q"', ["single quotes"], "1:8"),
        ("a: 1\n b: 2", ["check the indentation"], "2:3"),
        ("  a: 1\n b: 2", ["check the indentation"], "2:2"),
        ("name:digits\nb: 1", ['missing space after ":"'], "2:2"),
        ("a: b: c", ["quote the value"], "1:5"),
        ("a: - 1", ["a list"], "1:4"),
        ("a: ]", ['found "]"', "quote"], "1:4"),
        ("a: %x", ['"%"', "quote the value"], "1:4"),
        ("a: @x", ['"@"', "quote the value"], "1:4"),
        ("a: `x", ['"`"', "quote the value"], "1:4"),
        ("%x: 1", ['"%"', "quote"], "1:1"),
        ("a: {low:1, high: 2}", ["space after", "'low:1'"], "1:10"),
        ('a: "\\UFFFFFFFF"', ["too large"], None),
        ("%YAML " + "9" * 5000 + ".1\n---\na: 1", ["too large"], None),
    ],
)
def test_problems(text, phrases, where):
    problems = problems_of(text)
    told = "\n".join(str(problem) for problem in problems)
    for phrase in phrases:
        assert phrase in told
    if where:
        assert problems[0].place == f"s.yaml:{where}"
    for problem in problems:
        assert len(problem.message) < 300
        assert problem.message.replace("\n", "").isprintable()


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "Yes", "NO", "oN", "Off"])
def test_yes_and_no_are_refused(word):
    (problem,) = problems_of(f"a: {{choices: [1, {word}]}}")
    assert problem.place == "s.yaml:1:18"
    assert problem.key == "a.choices"
    assert "write true or false, or quote it" in problem.message


@pytest.mark.parametrize(
    "key",
    "null ~ true FALSE yes no on OFF -1 1.5 1e-4 .inf 010 0x1F 1_000 12:30 2024-01-01 9999999999999999999".split(),  # noqa: SIM905
)
def test_keys_must_be_text(key):
    (problem,) = problems_of(f"space:\n  {key}: 1")
    assert problem.place == "s.yaml:2:3"
    assert "names must be text" in problem.message
    assert "quote it" in problem.message
    assert plain_tree(parse(f"space:\n  '{key}': 1", "s.yaml")) == {"space": {key: 1}}


def test_whole_numbers_are_names_and_mean_themselves():
    assert plain_tree(parse("a: {0: 1, 10: 2, 999999999999999999: 3}", "s.yaml")) == {
        "a": {"0": 1, "10": 2, "999999999999999999": 3}
    }
    (problem,) = problems_of("a: {10: 1, '10': 2}")
    assert "'10' is given twice" in problem.message


def test_all_problems_at_once():
    problems = problems_of(
        "no: 1\nspace:\n  a: {low: 010, high: yes}\n  a: 12:30\n  b: &x !foo 1\n  [1]: {c: 0x1}\nd: *x\ne: [1, 2\n"
    )
    places = [(problem.place, problem.key) for problem in problems]
    assert places == [
        ("s.yaml:1:1", ""),
        ("s.yaml:3:12", "space.a.low"),
        ("s.yaml:3:23", "space.a.high"),
        ("s.yaml:4:3", "space"),
        ("s.yaml:4:6", "space"),
        ("s.yaml:5:6", "space.b"),
        ("s.yaml:5:6", "space.b"),
        ("s.yaml:6:3", "space"),
        ("s.yaml:6:12", "space.c"),
        ("s.yaml:7:4", "d"),
        ("s.yaml:8:4", ""),
    ]


def test_depth():
    assert plain_tree(parse("[" * MAX_DEPTH + "]" * MAX_DEPTH, "s.yaml"))
    assert "nested too deeply" in problems_of("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))[0].message


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[\n" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "\n".join(" " * level + "a:" for level in range(400)),
        "a: &a [x]\n" + "".join(f"{n}: &{n} [{', '.join(['*a'] * 9)}]\n" for n in "bcdefghi"),
        "a: &a {x: 1}\n" + "".join(f"{n}: &{n} {{<<: [{', '.join(['*a'] * 9)}]}}\n" for n in "bcdefghi"),
        "a: 2024-01-01" + " " * 200_000 + "x: y",
    ],
)
def test_bombs_end_at_once(text):
    start = time.process_time()  # of this process alone, however busy the machine is
    problems_of(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "1" * 900_000 + "x",
        "a: " + "1:2" * 300_000,
        "a: " + "1_" * 450_000 + "x",
        "[" + "a," * 500_000 + "]",
        "a: [yes" + ", yes" * 200_000 + "]",
        "a: |\n" + "  some text\n" * 80_000,
    ],
)
def test_a_megabyte_takes_seconds(text):
    start = time.process_time()
    problems = problems_or_none(lambda: parse(text, "s.yaml"))
    assert len(problems) <= 100
    assert sum(len(problem.message) for problem in problems) < 50_000
    assert time.process_time() - start < 8


def test_values_for_set():
    node = parse_value("{a: [1, 1e-3], b: 'x'}", "--set space.x")
    assert plain_tree(node) == {"a": [1, 1e-3], "b": "x"}
    assert {node.place, node.value["a"].place, node.value["a"].key_place, node.value["a"].value[1].place} == {
        "--set space.x"
    }


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("yes", "true or false"),
        ("a: b", "write a list as"),
        ("- 1", "write a list as"),
        ("--- 1", "expected one value"),
        ("1\n---\n2", "only one document"),
        ("a: b: c", "quote the text"),
        ("[1, 2", '"[" opened here'),
        ("{a: 1, a: 2}", "given twice"),
        ("#5", "quote the value"),
        ("*x", "aliases"),
        ("\tx: 1", "tabs"),
    ],
)
def test_bad_values_for_set(text, phrase):
    with pytest.raises(StudyFileError) as caught:
        parse_value(text, "--set a")
    assert phrase in str(caught.value)
    assert " line " not in str(caught.value)
    assert {problem.place for problem in caught.value.problems} == {"--set a"}


def read_bytes(folder, data):
    path = folder / "s.yaml"
    path.write_bytes(data)
    return read(path)


def test_bom_and_crlf(tmp_path):
    node = read_bytes(tmp_path, b"\xef\xbb\xbf" + STUDY.replace("\n", "\r\n").encode())
    assert plain_tree(node) == plain_tree(parse(STUDY, "s.yaml"))
    assert node.value["name"].key_place.endswith("s.yaml:2:1")
    first = read_bytes(tmp_path, b"\xef\xbb\xbfa: 1")
    assert first.value["a"].key_place.endswith("s.yaml:1:1")


@pytest.mark.parametrize(
    ("data", "phrases"),
    [
        ("name: café".encode("latin-1"), ["s.yaml:1:10:", "offset 9", "save the file as UTF-8"]),
        ("# é\nname: ".encode() + b"\xff", ["s.yaml:2:7:", "offset 11"]),
        (b"\xef\xbb\xbfa: \xff", ["s.yaml:1:4:", "offset 6"]),
        ("a: 1".encode("utf-16"), ["UTF-16", "save it as UTF-8"]),
        (b"a: 1 " + b"#" * MAX_BYTES, ["too large", "1 MiB"]),
    ],
)
def test_bytes_that_are_refused(tmp_path, data, phrases):
    with pytest.raises(StudyFileError) as caught:
        read_bytes(tmp_path, data)
    for phrase in phrases:
        assert phrase in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, phrase in [
        ("missing.yaml", "no such file"),
        ("", "directory"),
        ("pipe", "not a regular file"),
        ("n\0l", "cannot read it"),
        ("x" * 5000, "cannot read it"),
        ("missing\x1b[31m", "\\x1b"),
    ]:
        with pytest.raises(StudyFileError, match="cannot read it") as caught:
            read(tmp_path / name)
        assert phrase in str(caught.value)


def test_unreadable_file(tmp_path, monkeypatch):
    path = tmp_path / "s.yaml"
    path.write_text("a: 1")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)  # root may read everything, so modes alone cannot show it
    with pytest.raises(StudyFileError, match="Permission denied"):
        read(path)


def test_the_shared_loader_is_left_alone():
    parse(STUDY, "s.yaml")
    assert yaml.safe_load("1e-4") == "1e-4"


def check_any(text):
    for act in (lambda: parse(text, "s.yaml"), lambda: parse_value(text, "--set a")):
        for problem in problems_or_none(act):
            str(problem).encode()
            assert str(problem).replace("\n", "").isprintable()


PIECES = [
    *"ab01.:-+_eE!&*<>|?%@`#,[]{}'\"\\ \t\n\r~=yx/U\0\x85\ufeff\ud800",
    "  ",
    ": ",
    "- ",
    "\n  ",
    "<<",
    "---",
    "...",
]


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text(text):
    check_any(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_unicode(text):
    check_any(text)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(STUDY)), st.integers(0, 5), st.lists(st.sampled_from(PIECES), max_size=3).map("".join))
def test_any_mutation_of_a_study(at, removed, added):
    check_any(STUDY[:at] + added + STUDY[at + removed :])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=20).map(lambda text: text.encode("utf-16")))
def test_any_bytes(tmp_path_factory, data):
    for problem in problems_or_none(lambda: read_bytes(tmp_path_factory.getbasetemp(), data)):
        str(problem).encode()
