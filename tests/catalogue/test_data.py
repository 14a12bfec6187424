"""Section 6.2 of the catalogue of bad inputs: data files. D1 to D45, each refused (exit 3) or understood.

Where a decision differs from the catalogue the row says why in a comment.
"""

from __future__ import annotations

import bz2
import gzip
import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from catalogue.rows import assert_refused, hptune, is_complete, write

TABLE = ", target: label"
PAIR = ", labels: y.npy"


def table(*rows, header="a,label"):
    return "\n".join([header, *rows]) + "\n"


def good(n=30):
    return table(*(f"{i},{'xy'[i % 2]}" for i in range(n)))


def cells(*texts):
    """A good table with these cells in front of column a, from line 2 on."""
    return table(*(f"{text},{'xy'[i % 2]}" for i, text in enumerate([*texts, *range(30)])))


HALVES = np.ones((1000, 2), np.float16)  # as float64 they need four times the memory
X, Y = np.arange(60.0).reshape(30, 2), np.arange(30) % 2


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npz(**arrays):
    """An archive of arrays, or of bytes that stand for them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in {"X": X, "y": Y, **arrays}.items():
            if array is not None:
                archive.writestr(f"{name}.npy", array if isinstance(array, bytes) else npy(array))
    return file.getvalue()


def header(shape, dtype="<f8"):
    """The beginning of a .npy file that promises an array."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def refuse_reading(path):
    path.write_text(good())
    path.chmod(0)


def with_hole(path):
    path.touch()
    os.truncate(path, 2**43)


def idx_bomb():
    """A compressed IDX file whose header promises few pixels, and in which a gigabyte is packed."""
    return gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 30, 2, 2) + bytes(10**8), 1)


REFUSED = {  # id: (file name, content, further keys of the data section, place, phrases)
    "D1 missing": ("d.csv", lambda path: None, TABLE, "s.yaml:1:14: ", ["no such file: looked for"]),
    "D1 circle": ("d.csv", lambda path: path.symlink_to(path), TABLE, "s.yaml:1:14: ", ["a circle of symbolic links"]),
    "D1 broken link": (
        "d.csv",
        lambda path: path.symlink_to("gone.csv"),
        TABLE,
        "s.yaml:1:14: ",
        ["d.csv is a symbolic link to gone.csv, which is not there"],
    ),
    "D1 directory": ("d.csv", Path.mkdir, TABLE, "s.yaml:1:14: ", ["is a directory"]),
    "D1 pipe": ("d.csv", os.mkfifo, TABLE, "d.csv: ", ["is not a regular file"]),
    "D1 device": ("d.csv", lambda path: path.symlink_to("/dev/zero"), TABLE, "d.csv: ", ["is not a regular file"]),
    "D1 unreadable": ("d.csv", refuse_reading, TABLE, "d.csv: ", ["no permission to read it"]),
    "D2 table": ("d.csv", "", TABLE, "d.csv: ", ["the file is empty"]),
    "D2 arrays": ("d.npz", "", "", "d.npz: ", ["the file is empty"]),
    "D3": ("d.csv", "a,label\n", TABLE, "d.csv:1: ", ["a header and no rows"]),
    "D4": ("d.npz", npz()[:-40], "", "d.npz: ", ["damaged, incomplete or not an .npz archive"]),
    "D5": ("d.npy", npy(X)[:-8], PAIR, "d.npy: ", ["480 bytes, but the file holds 472", "incomplete"]),
    "D6": ("d.npz", flipped(npz(), 300), "", "d.npz: ", ["Bad CRC-32"]),
    "D8": ("d.npz", npz(X=X.astype(object)), "", "d.npz: ", ["have to be unpickled", "X.astype(float)"]),
    "D9": ("d.npy", pickle.dumps(X), PAIR, "d.npy: ", ["not a .npy file", "np.save"]),
    "D10": ("d.npz", npz(X=None, x=X), "", "d.npz: ", ['has the arrays "y", "x", needs X and y']),
    "D11": ("d.npz", npz(X=header((10**13, 1))), "", "d.npz: ", ["(10000000000000, 1)", "more than the limit of"]),
    "D11 labels": ("d.npz", npz(y=header((10**13,))), "", "d.npz: ", ["y has shape", "more than the limit of"]),
    "D11 alone": ("d.npy", header((10**13, 1)), PAIR, "d.npy: ", ["more than the limit of"]),
    "D11 IDX": ("d-ubyte.gz", idx_bomb(), ", labels: y-ubyte", "d-ubyte.gz: ", ["promises 120 bytes", "holds more"]),
    "D12 zero": ("d.npz", npz(X=np.zeros((0, 2))), "", "d.npz: ", ["X has shape (0, 2)", "at least one"]),
    "D12 no column": ("d.npz", npz(X=np.zeros((30, 0))), "", "d.npz: ", ["X has shape (30, 0)"]),
    "D12 negative": ("d.npz", npz(X=header((-30, 2))), "", "d.npz: ", ["X has shape (-30, 2)"]),
    "D13 records": ("d.npz", npz(X=np.zeros((30, 2), "i4,f8")), "", "d.npz: ", ["X holds records"]),
    "D13 text": ("d.npz", npz(X=X.astype(str)), "", "d.npz: ", ["X holds text", "expected bool, integer or float"]),
    "D13 complex": ("d.npz", npz(X=X + 1j), "", "d.npz: ", ["X holds complex numbers"]),
    "D13 dates": ("d.npz", npz(X=X.astype("M8[D]")), "", "d.npz: ", ["X holds dates"]),
    "D14": ("d.npz", npz(y=Y[:-1]), "", "d.npz: ", ["X has 30 rows, y has 29"]),
    "D15": ("d.npz", npz(y=np.eye(2)[Y]), "", "d.npz: ", ["y has shape (30, 2)", "one-hot", "argmax"]),
    "D16 one": ("d.npz", npz(X=X[:, 0]), "", "d.npz: ", ["X has shape (30,)", "expected (examples, features)"]),
    "D16 five": ("d.npz", npz(X=X.reshape(30, 2, 1, 1, 1)), "", "d.npz: ", ["X has shape (30, 2, 1, 1, 1)"]),
    "D17 NaN": (
        "d.npz",
        npz(X=np.where(X == 7, np.nan, X)),
        "",
        "d.npz: ",
        ["1 NaN or infinite value", "X[3, 1] = nan"],
    ),
    "D17 labels": ("d.npz", npz(y=np.where(Y, np.inf, 0)), "", "d.npz: ", ["y has 15 NaN or infinite values", "y[1]"]),
    "D17 table": ("d.csv", cells("inf"), TABLE, "d.csv:2: ", ['found "inf", expected a finite number']),
    "D19 fractions": ("d.npz", npz(y=Y / 2), "", "d.npz: ", ['label "0.5" is not a whole number', "regression"]),
    "D20": ("d.csv", table("1,x", "2,x", "3,x"), TABLE, "d.csv: ", ['a single class, "x"', "at least two"]),
    "D21": ("d.csv", good() + "1,z\n", TABLE, "d.csv: ", ['"z" (1)', "one each for train, dev and test"]),
    "D22": ("d.csv", good(4), TABLE, "d.csv: ", ["every class needs at least 3 examples"]),
    "D22 split": (
        "d.csv",
        good(),
        ", target: label, split: [0.98, 0.01, 0.01]",
        "d.csv: ",
        ["30 examples are too few: dev, a share of 0.01, is empty"],
    ),
    "D23": ("d.csv", table("1,x", "2", "3,y"), TABLE, "d.csv:3: ", ["expected 2 fields as in the header, found 1"]),
    "D24": ("d.csv", table("0,1,x", "1,2,y"), TABLE, "d.csv:1: ", ["the header has 2 fields, 2 rows have 3"]),
    "D25": ("d.csv", table("1,000,x", "2,y"), TABLE, "d.csv:2: ", ["found 3", "in quotes"]),
    "D25 quoted": ("d.csv", cells('"1,000"'), TABLE, "d.csv:2: ", ['found "1,000"', "no separators"]),
    "D26 semicolon": ("d.csv", good().replace(",", ";"), TABLE, "d.csv:1: ", ['the separator looks like ";"']),
    "D26 tab": ("d.csv", good().replace(",", "\t"), TABLE, "d.csv:1: ", ["the separator looks like a tab"]),
    "D27": ("d.csv", cells('"1,5"'), TABLE, "d.csv:2: ", ['found "1,5"', "a decimal point"]),
    "D28": ("d.csv", cells("high"), TABLE, "d.csv:2: ", ['column "a": found "high", expected a number']),
    "D29": ("d.csv", cells("NA", "", "null", "None"), TABLE, "d.csv:2: ", ['column "a": 4 cells missing, the first']),
    "D29 label": ("d.csv", good() + "1,\n", TABLE, "d.csv:32: ", ['column "label": 1 label missing']),
    "D31": ("d.csv", table("1,2,x", header="a,a,label"), TABLE, "d.csv:1: ", ['duplicate column names: "a"']),
    "D32 absent": ("d.csv", good(), ", target: lable", "d.csv:1: ", ['no column "lable"', 'Did you mean "label"?']),
    "D32 twice": ("d.csv", table("1,x,y", header="a,label,label"), TABLE, "d.csv:1: ", ['names: "label"']),
    "D32 ignored": ("d.csv", good(), TABLE + ", ignore: [label]", "d.csv: ", ['"label" is data.target: take it out']),
    "D33": ("d.csv", table("3,4", header="1.5,2"), TABLE, "d.csv:1: ", ["the header looks like data"]),
    "D34": ("d.csv", table("1,x", '"2,y', "3,x"), TABLE, "d.csv:3: ", ["a quote opened in this row is never closed"]),
    "D35 NUL": ("d.csv", "a,label\n1,\0x\n", TABLE, "d.csv:2: ", ["not a text file: NUL at byte 10"]),
    "D35 binary": ("d.csv", npz(), TABLE, "d.csv:1: ", ["not a text file"]),
    "D36 Latin-1": ("d.csv", b"a,label\n1,caf\xe9\n", TABLE, "d.csv:2: ", ["byte 0xe9", "save as UTF-8"]),
    "D36 UTF-16": ("d.csv", good().encode("utf-16"), TABLE, "d.csv: ", ["UTF-16", "save as UTF-8"]),
    "D37": ("d.csv", cells("1e400"), TABLE, "d.csv:2: ", ['found "1e400", expected a finite number']),
    "D37 digits": ("d.csv", cells("9" * 400), TABLE, "d.csv:2: ", ["expected a finite number"]),
    # a warning of the catalogue is an error here: what is learned from cannot measure
    "D40": ("d.csv", good(), TABLE + ", test: d.csv", "d.csv: ", ["data.test and data.path are the same file"]),
    "D42": ("d.csv", with_hole, TABLE, "d.csv: ", ["more than the limit of"]),
    "D43 bzip2": ("d.csv.bz2", bz2.compress(good().encode()), TABLE, "s.yaml:1:14: ", ["hptune reads", "ends in .bz2"]),
    "D43 zip": ("d.zip", npz(), "", "s.yaml:1:14: ", ["this one ends in .zip"]),
    "D44": (
        "d.csv",
        good(),
        TABLE + ", dev: 'https://x.org/d.csv'",
        "s.yaml:1:41: ",
        ["an address", "download it first"],
    ),
    "D44 s3": ("d.csv", good(), TABLE + ", dev: 's3://x/d.csv'", "s.yaml:1:41: ", ["only files of this machine"]),
    "D45": ("d.xlsx", "x", TABLE, "s.yaml:1:14: ", ["hptune reads .csv, .tsv", "this one ends in .xlsx"]),
    "D45 none": ("data", "x", TABLE, "s.yaml:1:14: ", ["this one ends in nothing"]),
}
COMPANIONS = {
    "y.npy": npy(Y),
    "dev.csv": table("1,y", "2,y"),
    "y-ubyte": b"\0\0\x08\x01" + struct.pack(">I", 30) + bytes([0, 1] * 15),
}


def study(path, others):
    return f"data: {{path: {path}{others}}}\ntrain: {{epochs: 1}}\nspace: {{l2: {{low: 0, high: 1}}}}\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in COMPANIONS.items():
        write(Path(name), content)
    return tmp_path


@pytest.mark.parametrize("row", REFUSED)
def test_data_are_refused_with_their_place_and_nothing_is_created(row, home):
    name, content, others, place, phrases = REFUSED[row]
    write(Path(name), content)
    if row == "D1 unreadable" and os.access(name, os.R_OK):
        pytest.skip("root may read everything")
    write(Path("s.yaml"), study(name, others))
    ended = assert_refused(home, ("search", "s.yaml"), 3, [place, *phrases])
    assert ended.output == ""
    assert ended.errors.replace("\n", "").isprintable()


UNDERSTOOD = {  # id: (file name, content, further keys of the data section, what check says)
    "D13 float16": ("d.npz", npz(X=X.astype("f2")), "", ["18 train, 6 dev, 6 test; 2 features, 2 classes"]),
    "D13 big-endian": ("d.npz", npz(X=X.astype(">f4"), y=Y.astype(">i2")), "", ["2 features, 2 classes"]),
    "D15 column": ("d.npz", npz(y=Y[:, None]), "", ["18 train, 6 dev, 6 test; 2 features, 2 classes"]),
    # images are made flat
    "D16 images": ("d.npz", npz(X=np.zeros((30, 4, 5)) + X[:, :1, None]), "", ["20 features (images of 4 x 5)"]),
    # a constant column carries nothing and harms nothing: it becomes 0, and check names it
    "D18": ("d.csv", good().replace("a,", "b,a,").replace("\n", "\n7,").removesuffix("7,"), TABLE, ['in train: "b".']),
    # in a split every class has its share (D21); where dev is a file of its own, check says what is missing in it
    "D21 apart": ("d.csv", good(), TABLE + ", dev: dev.csv", ['dev has no examples of "x"']),
    "D19 whole": ("d.npz", npz(y=Y.astype(float)), "", ["class train dev test 0 9", "1 9"]),
    "D19 negative": ("d.npz", npz(y=Y * 2 - 1), "", ["class train dev test -1 9", "1 9"]),
    "D19 gaps": ("d.npz", npz(y=Y * 2), "", ["class train dev test 0 9", "2 9"]),
    "D19 text": ("d.npz", npz(y=np.array(["no", "yes"])[Y]), "", ["class train dev test no 9", "yes 9"]),
    # 001 of a column of numbers is the number 1; an id has no place among the features, and as text it keeps its zeros
    "D30": ("d.csv", cells("001"), TABLE, ["1 feature"]),
    "D30 names": ("d.csv", cells(*["001", "002"] * 9), TABLE + ", categorical: [a]", ["32 features"]),
    # truth values are texts like any others: one column each, and no guess at which is 1
    "D38": ("d.csv", table(*(f"{i % 3 == 0},{'xy'[i % 2]}" for i in range(30))), TABLE, ["2 features, 2 classes"]),
    "D39": ("d.csv", good().replace("\n", "\r"), TABLE, ["18 train, 6 dev, 6 test; 1 feature, 2 classes"]),
    # the same rows in train and test are told, and no error: rows may repeat by chance
    "D40 rows": ("d.csv", table(*["1,x", "2,y"] * 15), TABLE, ["also in train: of dev 6 exactly"]),
    "D43 gzip": ("d.csv.gz", gzip.compress(good().encode()), TABLE, ["18 train, 6 dev, 6 test; 1 feature, 2 classes"]),
    "D43 IDX": ("d-ubyte.gz", gzip.compress(b"\0\0\x08\x02" + struct.pack(">2I", 30, 2) + bytes(range(60))),
                ", labels: y-ubyte", ["2 features, 2 classes"]),
}  # fmt: skip


@pytest.mark.parametrize("row", UNDERSTOOD)
def test_data_are_understood(row, home):
    name, content, others, phrases = UNDERSTOOD[row]
    write(Path(name), content)
    write(Path("s.yaml"), study(name, others))
    assert_refused(home, ("check", "s.yaml"), 0, phrases)


@pytest.mark.parametrize(
    ("name", "content", "others", "free", "what"),
    [
        ("d.csv", good(), TABLE, 1279, "up to 32 rows of 2 columns: "),
        ("d.npz", npz(X=HALVES, y=HALVES[:, 0] > 0), "", 39_999, "X has shape (1000, 2) of float16, "),
        ("d.npy", npy(HALVES), PAIR, 39_999, "X has shape (1000, 2) of float16, "),
    ],
)
def test_memory_is_estimated_before_anything_is_loaded(name, content, others, free, what, home, monkeypatch):
    """D42: what would need more memory than is free is not loaded."""
    write(Path(name), content)
    write(Path("s.yaml"), study(name, others))
    monkeypatch.setattr("hptune.data.files.memory_free", lambda: free)
    phrases = [f"{name}: {what}more than the", "GiB of memory that are free"]
    assert_refused(home, ("search", "s.yaml"), 3, phrases)


def test_memory_that_is_missing_all_the_same_is_no_traceback(home, monkeypatch):
    """D42: a limit of the shell's is not in the estimate."""

    def refuse(*_args, **_named):
        raise MemoryError("Unable to allocate 1.00 GiB")

    write(Path("d.csv"), good())
    write(Path("s.yaml"), study("d.csv", TABLE))
    monkeypatch.setattr("hptune.study_data.load_data", refuse)
    assert_refused(home, ("search", "s.yaml"), 3, ["d.csv: needs more memory than there is (Unable to allocate 1.00"])


@pytest.mark.parametrize("command", ["zoom", "retest"])
def test_data_that_have_changed_since_the_start_are_noticed(command, home):
    """D7, D41: the fingerprint of every value is kept with the run, so a flipped bit is seen as well."""
    write(Path("d.npy"), npy(X))
    write(Path("s.yaml"), study("d.npy", PAIR) + "search: {trials: 2, confirm: false}\n")
    assert hptune("search", "s.yaml", "--workers", 0).code == 0
    write(Path("d.npy"), flipped(npy(X), 300))
    phrases = ["d.npy: not the data that", "was started with. Put the old file back"]
    ended = hptune(command)
    assert ended.code == 3
    assert all(phrase in ended.words for phrase in phrases)


def test_every_row_of_the_catalogue_is_here():
    is_complete("D", 45, REFUSED, UNDERSTOOD, ["D7", "D18", "D41", "D44"])
