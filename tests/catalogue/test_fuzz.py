"""Whatever is in a file or behind an option: our own errors come out and no others, and what is loaded is sound.

A few hundred examples of each, the same every time; pytest -m sweep tries many more.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hptune.cli.overrides import setting
from hptune.config import study_file
from hptune.data import csv_file, unseen
from hptune.data.loading import load
from hptune.data.missing import Missing
from hptune.data.problems import FileProblems
from hptune.data.settings import DataSettings
from hptune.data.table import TableSchema
from hptune.errors import DataError, StudyFileError, UsageError
from hptune.search.plan import parse_duration

STUDY = """\
name: odd
data: {source: moons, examples: 100, split: [0.6, 0.4]}
train: {epochs: 3, optimizer: adam, widths: [8, 4]}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  l2: {low: 0.1, high: 0.9, step: 0.2}
  batch_size: {choices: [32, full]}
  beta1:
    scale: 1-beta
    low: 0.9
    high: 0.999
search: {trials: 9, time: 1h30m, seed: 7, parallel: auto}
"""
WORDS = [
    *"""
    name data train space search source path target split epochs optimizer widths learning_rate l2 batch_size scale low
    high step choices when type trials time seed parallel moons adam log 1-beta int real full auto 0 1 -1 0.5 1e-4 1e400
    010 0x1 1_0 12:30 yes no null true .nan .inf ~ 99999999999999999999 9223372036854775807 a # !x &x *x << | > ' " \\
    { } [ ] --- ... % '1' "\\0"
    """.split(),  # noqa: SIM905
    *["\u202e", "\x85", "\x1b", "\u0663", "\ufeff", ", ", ": ", "? ", "- ", "\n", "\n  ", "\n    ", "\n\t"],
]  # fmt: skip


def many(fast):
    """So many examples in the suite, twenty times as many in a sweep."""
    return pytest.mark.parametrize("examples", [fast, pytest.param(20 * fast, marks=pytest.mark.sweep)])


def fuzz(examples, strategy, check):
    """Check examples, the same every time."""
    given(strategy)(check)  # a strategy that cannot be is told here
    quietly = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
    settings(max_examples=examples, derandomize=True, **quietly)(given(strategy)(check))()


def mutated(content):
    """Bytes with some replaced, removed, doubled or put in, or with the end cut off."""

    @st.composite
    def draw_mutation(draw):
        found = bytearray(content)
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(found)))
            match draw(st.sampled_from(["flip", "put", "remove", "cut", "double"])):
                case "flip" if at < len(found):
                    found[at] ^= 1 << draw(st.integers(0, 7))
                case "put":
                    found[at:at] = draw(st.binary(min_size=1, max_size=4))
                case "remove":
                    del found[at : at + draw(st.integers(1, 8))]
                case "cut":
                    del found[at:]
                case "double":
                    found[at:at] = found[at : at + draw(st.integers(1, 64))]
        return bytes(found)

    return draw_mutation()


texts = st.lists(st.sampled_from(WORDS), max_size=40).map("".join)
inserted = st.tuples(st.integers(0, len(STUDY)), st.integers(0, 12), st.lists(st.sampled_from(WORDS), max_size=3)).map(
    lambda cut: STUDY[: cut[0]] + "".join(cut[2]) + STUDY[cut[0] + cut[1] :]
)


def loaded(path, overrides=()):
    """The study file, or its problems; any other exception fails the test."""
    try:
        return study_file.load(path, overrides), ()
    except StudyFileError as error:
        return None, error.problems


@many(250)
def test_study_files(examples, tmp_path):
    path = tmp_path / "s.yaml"

    def check(content):
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        found, problems = loaded(path)
        assert all(problem.place.startswith(str(path)) for problem in problems)
        if found is None:
            assert problems
            return
        path.write_text(found.to_yaml())
        assert study_file.load(path) == found

    fuzz(examples, st.one_of(texts, inserted, mutated(STUDY.encode()), st.binary(max_size=80)), check)


@many(150)
def test_set_options(examples, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(STUDY)
    keys = ["train.epochs", "space", "space.l2.step", "search.time", "data", "name", "a..b", "", "space.l2.low.x"]

    def check(text):
        try:
            override = setting(text)
        except UsageError:
            return
        _, problems = loaded(path, [override])
        assert all(problem.place.startswith((str(path), f"--set {text}")) for problem in problems)

    parts = st.tuples(st.sampled_from(keys), st.sampled_from(["=", "", " = "]), texts).map("".join)
    fuzz(examples, parts | st.text(max_size=30), check)


@many(300)
def test_durations(examples):
    def check(text):
        seconds = parse_duration(text)
        assert seconds is None or 0 < seconds < math.inf

    shaped = st.lists(st.sampled_from([*"0123456789.dhms -+e_", "\u0663", "inf", "9" * 400]), max_size=9).map("".join)
    fuzz(examples, shaped | st.text(max_size=9), check)


def check_dataset(config):
    """Load it: what is wrong is a DataError, and what is not is finite and fits together."""
    try:
        dataset = load(config)
    except DataError:
        return None
    for subset in dataset.subsets():
        assert subset.x.shape == (len(subset.y), len(dataset.features))
        assert subset.x.dtype == np.float64
        assert np.isfinite(subset.x).all()
        if dataset.classes:
            assert 0 <= subset.y.min() <= subset.y.max() < len(dataset.classes)
        else:
            assert np.isfinite(subset.y).all()
    return dataset


TABLE = "a,b,label\n" + "".join(f"{i},{i % 3}.5,{'xy'[i % 2]}\n" for i in range(24))
CELLS = [
    *"a b label x y 1 -2 0.5 1e3 1e400 nan inf NA 1_0 0x1 1d5 +.5 --1 # true".split(),  # noqa: SIM905
    *["", " ", " 7 ", '"1,0"', '"', '""', "\u0663", "\xa01", "1\x1c", "\x1f", "7\x1f8", "\x85", "\u2028"],
]  # fmt: skip
rows = st.lists(st.lists(st.sampled_from(CELLS), min_size=2, max_size=4).map(",".join), max_size=9).map("\n".join)
lined = st.tuples(rows, st.sampled_from(["\n", "\r\n", "\r"])).map(
    lambda pair: (TABLE + pair[0]).replace("\n", pair[1])
)


@many(120)
@pytest.mark.parametrize("name", ["d.csv", "d.tsv"])
def test_tables(name, examples, tmp_path):
    path = tmp_path / name
    separator = "," if name == "d.csv" else "\t"

    def check(content):
        if isinstance(content, str):
            content = content.replace(",", separator).encode()
        path.write_bytes(content)
        for task in ("classification", "regression"):
            for target in ("label", "a"):
                check_dataset(DataSettings(path=str(path), target=target, task=task))

    table = TABLE.replace(",", separator).encode()
    fuzz(examples, st.one_of(lined, mutated(table), st.binary(max_size=60)), check)


@many(80)
def test_tables_to_be_predicted(examples, tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(TABLE.replace("1.5", "high"))
    dataset = check_dataset(DataSettings(path=str(path), target="label", categorical=("b",)))
    schema = TableSchema.from_json(json.loads(dataset.schema), dataset.classes)

    def check(content):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            found = unseen.read(str(path), None, schema)
        except DataError:
            return
        assert found.x.shape[1] == len(dataset.features)
        assert np.isfinite(found.x).all()

    fuzz(examples, st.one_of(lined, mutated(TABLE.encode())), check)


@many(120)
def test_columns_read_at_once_are_those_read_cell_by_cell(examples, tmp_path):
    """The reader of NumPy is a short cut, and no other reading of the file."""
    path = tmp_path / "d.csv"

    def read():
        problems = FileProblems("d.csv")
        table = csv_file.read_csv(str(path), (), ("label",), Missing(), problems)
        return table, problems.found

    def check(cells):
        lines = [f"{a},{b},x" for a, b in cells]
        path.write_text("\n".join(["a,b,label", *lines]), newline="")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_file, "CHUNK", 3)
            found, problems = read()
            patch.setattr(csv_file, "_block", lambda *_: None)
            expected, same_problems = read()
        assert problems == same_problems
        if found is None:
            assert expected is None
            return
        assert found.cells == expected.cells
        assert found.lines == expected.lines
        assert found.numbers.keys() == expected.numbers.keys()
        for name, values in found.numbers.items():
            np.testing.assert_array_equal(values.view(np.int64), expected.numbers[name].view(np.int64))

    floats = st.floats(allow_nan=False).map(repr) | st.decimals(allow_nan=False, allow_infinity=False).map(str)
    odd = st.sampled_from([cell for cell in CELLS if cell not in ('"', "#")]) | st.integers().map(str)
    cell = st.one_of(floats, floats, odd, st.text(" 0123456789.eE+-_x", max_size=9))
    for strange in set(CELLS) - {'"', "#"}:
        check([(strange, "3")])
        check([("1", "2")] * 4 + [(strange, "3"), ("4", "5")])
    fuzz(examples, st.lists(st.tuples(cell, cell), max_size=8), check)


X, Y = np.arange(48.0).reshape(24, 2), np.arange(24) % 2


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, array in (("X", X), ("y", Y)):
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), npy(array), method)
    return file.getvalue()


def header(draw):
    """A .npy file with a header of one's own."""
    text = draw(
        st.builds(
            "{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}".format,
            st.sampled_from(
                ["'<f8'", "'>i2'", "'|O'", "'<U4'", "'<M8[D]'", "'|V8'", "'<c16'", "'x'", "[('a', '<f8')]"]
            ),
            st.sampled_from(["False", "True", "1"]),
            st.sampled_from(
                ["(24, 2)", "(24,)", "()", "(0, 2)", "(-1, 2)", "(10**13, 2)", "24", "(2**40, 2**40)", "(24, 2.0)"]
            ),
        )
    )
    padded = text.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + X.tobytes()


FILES = {
    "d.npz": npz(),
    "d.npy": npy(X),
    "d-ubyte": b"\0\0\x08\x03" + struct.pack(">3I", 24, 1, 2) + bytes(range(48)),
    "d-ubyte.gz": gzip.compress(b"\0\0\x08\x02" + struct.pack(">2I", 24, 2) + bytes(range(48)), mtime=0),
    "deflated.npz": npz(zipfile.ZIP_DEFLATED),
}


@many(80)
@pytest.mark.parametrize("name", FILES)
def test_arrays(name, examples, tmp_path):
    path, labels = tmp_path / name, tmp_path / ("y.npy" if name == "d.npy" else "y-ubyte")
    labels.write_bytes(npy(Y) if name == "d.npy" else b"\0\0\x08\x01" + struct.pack(">I", 24) + bytes([0, 1] * 12))
    config = DataSettings(path=str(path), labels=None if name.endswith("npz") else str(labels))

    def check(content):
        path.write_bytes(content)
        check_dataset(config)

    headers = st.composite(header)() if name == "d.npy" else st.nothing()
    fuzz(examples, st.one_of(mutated(FILES[name]), headers, st.binary(max_size=40)), check)
    check(FILES[name])
    assert check_dataset(config) is not None, "what is mutated is a good file"
