"""CSV files: what is read, and the table of bad inputs with the words and lines that the messages must have."""

import contextlib
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune.data.settings import DataSettings
from hptune.data.table import read_table
from hptune.errors import DataError

GOOD = "a,b,label\n" + "".join(f"{i},{i * 0.5},{'xy'[i % 2]}\n" for i in range(12))


def write(folder, content):
    path = folder / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(folder, content, **others):
    return read_table(write(folder, content), DataSettings(**{"target": "label", **others}))[0]


def problems(folder, content, **others):
    """The lines of the message, without the folder in front."""
    with pytest.raises(DataError) as caught:
        read(folder, content, **others)
    lines = str(caught.value).splitlines()
    prefix = f"{folder}/"
    assert all(line.startswith(f"{prefix}data.csv:") for line in lines)
    return [line.removeprefix(prefix) for line in lines]


def test_numbers_and_labels_are_read(tmp_path):
    examples = read(tmp_path, "a,label,b\n1,no,2.5\n-3e2,yes, 4 \n.5,no,+6\n")
    np.testing.assert_array_equal(examples.x, [[1, 2.5], [-300, 4], [0.5, 6]])
    assert examples.x.dtype == np.float64
    assert examples.y.tolist() == [0, 1, 0]
    assert examples.classes == ("no", "yes")
    assert examples.features == ("a", "b")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_byte_order_mark_and_blank_lines_make_no_difference(tmp_path, ends, mark):
    examples = read(tmp_path, mark + GOOD.replace("\n", ends).encode())
    expected = read(tmp_path, GOOD)
    np.testing.assert_array_equal(examples.x, expected.x)
    assert examples.features == ("a", "b")


def test_quoted_fields_may_hold_commas_quotes_and_line_ends(tmp_path):
    examples = read(tmp_path, 'a,label\n1,"x, ""so"""\n2,"two\nlines"\n')
    assert examples.classes == ("two\nlines", 'x, "so"')


def test_text_is_one_hot_encoded_in_sorted_order(tmp_path):
    examples = read(tmp_path, "colour,a,label\nred,1,x\nblue,2,y\n red,3,x\n")
    assert examples.features == ("colour=blue", "colour=red", "a")
    np.testing.assert_array_equal(examples.x, [[0, 1, 1], [1, 0, 2], [0, 1, 3]])


def test_categorical_forces_one_hot_and_ignore_drops(tmp_path):
    content = "id,zone,a,label\nq,10,1,x\n,9,2,y\nnan,10,3,x\n"
    examples = read(tmp_path, content, categorical=("zone",), ignore=("id",))
    assert examples.features == ("zone=10", "zone=9", "a")
    np.testing.assert_array_equal(examples.x, [[1, 0, 1], [0, 1, 2], [1, 0, 3]])


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (("10", "9", "10"), ("9", "10"), [1, 0, 1]),
        (("1.0", "1", "2e0"), ("1", "2"), [0, 0, 1]),
        (("-1", "1", "-1.0"), ("-1", "1"), [0, 1, 0]),
        (("9007199254740993", "9007199254740992", "0"), ("0", "9007199254740992", "9007199254740993"), [2, 1, 0]),
        (("10", "9", "a"), ("10", "9", "a"), [0, 1, 2]),
        (("True", "False", "True"), ("False", "True"), [1, 0, 1]),
        ((" b", "a", "b "), ("a", "b"), [1, 0, 1]),
    ],
)
def test_labels_become_classes(tmp_path, labels, classes, numbers):
    examples = read(tmp_path, "a,label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)))
    assert examples.classes == classes
    assert examples.y.tolist() == numbers


def rows(*cells, label="xy"):
    return "a,label\n" + "".join(f"{cell},{label[i % len(label)]}\n" for i, cell in enumerate(cells))


MANY = [f"word{i}" for i in range(201)]
BAD = {
    "missing": (rows("1", "", "NA", " n/a "), ["data.csv:3:", 'column "a": 3 cells missing, the first', "data.ignore"]),
    "missing null nan": (rows("1", "2", "NULL", "NaN"), ["data.csv:4:", "2 cells missing"]),
    "missing in text": (rows("red", "blue", "", "red"), ["data.csv:4:", "1 cell missing"]),
    "all missing": (rows("", "", ""), ["data.csv:2:", "3 cells missing"]),
    "missing label": ("a,label\n1,x\n2,\n3,y\n4,nan\n", ["data.csv:3:", 'column "label": 2 labels missing']),
    "text among numbers": (rows("1", "2", "high"), ["data.csv:4:", 'found "high", expected a number', "categorical"]),
    "half numbers": (rows("1", "high"), ["data.csv:3:", 'found "high"']),
    "inf": (rows("1", "inf", "2"), ["data.csv:3:", 'found "inf", expected a finite number']),
    "infinity": (rows("1", "-Infinity", "2"), ["data.csv:3:", "finite"]),
    "overflow": (rows("1", "1e400", "2"), ["data.csv:3:", 'found "1e400"', "finite"]),
    "400 digits": (rows("1", "9" * 400, "2"), ["data.csv:3:", '999..."', "finite"]),
    "underscore": (rows("1", "1_000", "2"), ["data.csv:3:", 'found "1_000"', "no separators"]),
    "all underscores": (rows("1_000", "2_000"), ["data.csv:2:", 'found "1_000"']),
    "thousands": (rows('"1,000"', '"2,500,000"'), ["data.csv:2:", 'found "1,000"', "decimal point"]),
    "decimal comma": (rows('"1,5"', '"2,5"'), ["data.csv:2:", 'found "1,5"', "decimal point"]),
    "other digits": (rows("1", "2", "\u0663"), ["data.csv:4:", "expected a number"]),
    "escape": (rows("1", "2", "\x1b[31m"), ["data.csv:4:", r'"\x1b[31m"']),
    "short row": ("a,label\n1,x\n2\n3,y\n", ["data.csv:3:", "expected 2 fields as in the header, found 1"]),
    "long row": ("a,label\n1,x\n1,000,y\n3,y\n", ["data.csv:3:", "expected 2 fields", "found 3", "in quotes"]),
    "rows of two lengths": ("a,label\n1\n2,x\n3\n4,y\n", ["data.csv:2:", "found 1 in 2 rows, the first one here"]),
    "after two lines in quotes": ('a,label\n1,"x\nx"\n2\n3,y\n', ["data.csv:4:", "found 1"]),
    "blank": ("\n\n", ["nothing in it"]),
    "header only": ("a,label\n", ["data.csv:1:", "a header and no rows"]),
    "duplicate": ("a,a,label\n1,2,x\n", ["data.csv:1:", 'duplicate column names: "a"']),
    "no name": (",a,label\n0,1,x\n1,2,y\n", ["data.csv:1:", "no name for column 1", "index", "data.ignore: ['']"]),
    "no header": ("1.5,2,0\n3,4,1\n", ["data.csv:1:", "looks like data", '"1.5"', "names of the columns"]),
    "target": ("a,lable\n1,x\n2,y\n", ["data.target: no column", '"a", "lable"', 'Did you mean "lable"?']),
    "no features": ("label\nx\ny\n", ["no feature columns left"]),
    "open quote": ('a,label\n1,x\n"2,y\n3,x\n', ["data.csv:3:", "never closed"]),
    "text after quote": ('a,label\n1,"x"y\n', ["data.csv:2:", "quotes that do not match"]),
    "long field": ('a,label\n1,"' + "y" * 140_000 + '"\n', ["data.csv:2:", "131,072 characters"]),
    "NUL": (b"a,label\n1,\0x\n", ["data.csv:2:", "not a text file", "byte 10"]),
    "UTF-16": (GOOD.encode("utf-16"), ["UTF-16", "save as UTF-8"]),
    "Latin-1": ("a,label\n1,caf\u00e9\n".encode("latin-1"), ["data.csv:2:", "byte 13", "0xe9", "save as UTF-8"]),
    "Latin-1 after a mark": (b"\xef\xbb\xbfa,label\n1,\xe9\n", ["data.csv:2:", "byte 13"]),
    "semicolon": ("a;b;label\n1;2;x\n", ["data.csv:1:", 'separator looks like ";"', "commas"]),
    "tab": ("a\tlabel\n1\tx\n", ["data.csv:1:", "separator looks like a tab"]),
    "free text": (rows(*MANY), ['column "a": 201 different texts', "free text or an id", "data.ignore"]),
    "regression": ("a,label\n1,1\n2,0.25\n3,2\n", ["data.csv:3:", '"0.25" is not a whole number', "regression"]),
    "infinite label": ("a,label\n1,1\n2,inf\n3,2\n", ["data.csv:3:", "not a finite number"]),
    "1001 classes": (rows(*range(3003), label=[str(i) for i in range(1001)]), ["1,001 different labels", "an id"]),
    "nearly all": (rows(*range(30), label=[str(i) for i in range(25)]), ["25 different labels in 30 examples"]),
    "one class": (rows(1, 2, 3, label="x"), ['a single class, "x"', "at least two"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_is_explained(tmp_path, case):
    content, expected = BAD[case]
    text = "\n".join(problems(tmp_path, content))
    assert [phrase for phrase in expected if phrase not in text] == []


BAD_SETTINGS = {
    "target missing": ({"target": None}, ["data.target is missing"]),
    "ignore unknown": ({"ignore": ("aa",)}, ['data.ignore: no column "aa"', 'Did you mean "a"?']),
    "categorical unknown": ({"categorical": ("z",)}, ['data.categorical: no column "z"', '"a", "b", "label"']),
    "target ignored": ({"ignore": ("label",)}, ['data.ignore: "label" is data.target']),
    "all ignored": ({"ignore": ("a", "b")}, ["no feature columns left"]),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_setting_is_explained(tmp_path, case):
    wrong, expected = BAD_SETTINGS[case]
    text = "\n".join(problems(tmp_path, GOOD, **wrong))
    assert [phrase for phrase in expected if phrase not in text] == []


def test_all_problems_are_shown_together_in_the_order_of_the_file(tmp_path):
    content = "a,b,label\n1,2,x\n1,oops,x\n1\n,2,y\n1,inf,1\n5,6,\n"
    found = problems(tmp_path, content)
    assert [line.split(":")[1] for line in found] == ["3", "4", "5", "6", "7"]


def test_cells_are_checked_even_where_the_target_is_misspelt(tmp_path):
    found = problems(tmp_path, "a,label\n1,x\n2,y\noops,x\n", target="lable")
    assert [line.split(":")[1] for line in found] == ["1", "4"]


def test_only_the_first_twenty_problems_are_written_out(tmp_path):
    names = [f"c{number}" for number in range(51)]
    content = "\n".join([",".join([*names, "label"]), *(",".join(["1"] * 51 + ["x"]) for _ in range(60))])
    found = problems(tmp_path, content + "\n" + ",".join(["bad"] * 51 + ["y"]))
    assert len(found) == 21
    assert found[0].startswith("data.csv:62:")
    assert found[-1] == "data.csv: and 31 more"


def test_what_is_wrong_with_a_column_is_a_line_for_each_way_of_being_wrong(tmp_path):
    """As the incomes of the students in thousands, which pushed all else off the screen."""
    incomes = [f'"{n},{n:03d}"' for n in range(100, 150)]
    rows_ = [f"{20 + n % 9},{income},{'xy'[n % 2]}" for n, income in enumerate(incomes)]
    rows_[3:6] = ['"",unknown,x', "?,n.k.,y", "30,inf,x"]
    found = problems(tmp_path, "\n".join(["age,income,label", *rows_]))
    assert [line.split(": correct")[0].split(": numbers")[0].split(": write")[0] for line in found] == [
        (
            'data.csv:2: column "income": found "100,100", "101,101", "102,102" and 44 more in 47 cells, the first one '
            "here, expected a number"
        ),
        'data.csv:5: column "age": 2 cells missing, the first one here ("")',
        'data.csv:5: column "income": found "unknown", "n.k." in 2 cells, the first one here, expected a number',
        'data.csv:7: column "income": found "inf", expected a finite number',
    ]
    assert "data.missing_values" in found[2]


def test_1000_classes_and_200_texts_are_allowed(tmp_path):
    labels = [str(i) for i in range(1000)]
    assert len(read(tmp_path, rows(*range(3000), label=labels)).classes) == 1000
    assert len(read(tmp_path, rows(*MANY[:200])).features) == 200
    assert len(read(tmp_path, rows(*MANY), categorical=("a",)).features) == 201


def test_too_many_features_for_memory_are_refused(tmp_path, monkeypatch):
    content = "a,label\n" + "".join(f"word{i},{'xy'[i % 2]}\n" for i in range(60))
    monkeypatch.setattr("hptune.data.files.SIZE_LIMIT", 60 * 60 * 8 - 1)
    assert "60 rows of 60 features need more than the limit of 8 GiB" in problems(tmp_path, content)[0]


@given(st.text('a1.,";\n\r\t -nxyé', max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused_but_never_crashes(tmp_path_factory, text):
    path = write(tmp_path_factory.getbasetemp(), "a,label\n" + text)
    with contextlib.suppress(DataError):
        examples = read_table(path, DataSettings(target="label"))[0]
        assert np.isfinite(examples.x).all()
        assert examples.y.min() >= 0


def test_dates_and_versions_are_text(tmp_path):
    examples = read(tmp_path, "a,b,label\n1.2.3,2020-01-31,x\n1.2.4,2020-02-01,y\n")
    assert examples.features == ("a=1.2.3", "a=1.2.4", "b=2020-01-31", "b=2020-02-01")


def test_reading_data_never_imports_pandas(tmp_path):
    code = (
        "import sys, hptune.data.settings; assert 'numpy' not in sys.modules\n"
        "from hptune.data.loading import load\n"
        "load(hptune.data.settings.DataSettings(path=sys.argv[1], target='label'))\n"
        "assert not {'pandas', 'sklearn', 'yaml', 'rich', 'click'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, write(tmp_path, GOOD)], check=True)


def test_a_table_of_many_columns_takes_time_in_proportion(tmp_path):
    """20,000 columns, as of genes, in train and dev: a look through all of them for each would take half a minute."""
    header = ",".join(["label", *(f"g{number}" for number in range(20_000))])
    path = write(tmp_path, "\n".join([header, *(f"{'xy'[row % 2]}{f',{row}' * 20_000}" for row in range(3))]))
    start = time.process_time()
    examples, schema = read_table(path, DataSettings(target="label"))
    np.testing.assert_array_equal(schema.read(path).x, examples.x)
    assert time.process_time() - start < 8
