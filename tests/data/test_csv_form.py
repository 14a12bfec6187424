"""CSV files of unusual form: what is read all the same, and what is said, in one line, of what is wrong everywhere."""

import gzip

import numpy as np
import pytest

from hptune.data import csv_form
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.data.table import read_table
from hptune.errors import DataError


def read(folder, content, name="d.csv", target="label", **others):
    (folder / name).write_text(content, newline="")
    return read_table(str(folder / name), DataSettings(target=target, **others))[0]


def problems(folder, content, name="d.csv", **others):
    """The lines of the message, without the folder in front."""
    with pytest.raises(DataError) as caught:
        read(folder, content, name, **others)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_a_quote_behind_a_comma_and_a_blank_is_a_quote(tmp_path):
    content = 'x, y, kind\n1.5, "7.0", "blue"\n2.5,  "3.0", "red, or ""so"""\n'
    examples = read(tmp_path, content, target="kind")
    assert examples.classes == ("blue", 'red, or "so"')
    assert examples.features == ("x", "y")
    np.testing.assert_array_equal(examples.x, [[1.5, 7], [2.5, 3]])


def test_blanks_before_quotes_are_skipped_in_a_tsv_file_too(tmp_path):
    examples = read(tmp_path, 'a\t label\n1\t "x\ty"\n2\t  z\n', "d.tsv")
    assert examples.classes == ("x\ty", "z")


@pytest.mark.parametrize("blank", ["\t", " \t", "\u00a0", "\u00a0 "])
def test_another_blank_before_a_quote_is_named_and_no_part_of_the_value(tmp_path, blank):
    (found,) = problems(tmp_path, f'a,label\n1,x\n2,{blank}"y"\n')
    assert found.startswith("d.csv:3: a tab or another blank that is no space stands before a quote")


def test_such_a_blank_within_quotes_is_part_of_the_value(tmp_path):
    assert read(tmp_path, 'a,label\n1,"so,\t""x"" or"\n2,y\n').classes == ('so,\t"x" or', "y")


def test_a_blank_behind_a_quote_is_named(tmp_path):
    (found,) = problems(tmp_path, 'a,label\n"1" ,x\n2,y\n')
    assert found == "d.csv:2: a blank stands between a quote and a comma after it: remove the blank"


FORMS = {
    "semicolons and quotes": ('"a";"b";"label"\n1;2;"x"\n', 1, ['the separator looks like ";"', "save the file with"]),
    "bars and quotes": ('"a"|"label"\n1|x\n', 1, ['the separator looks like "|"']),
    "tabs and quotes": ('"a"\t"label"\n1\tx\n', 1, ["the separator looks like a tab", "name it .tsv"]),
    "row names": (
        '"x","y","label"\n"1",0.1,0.2,"a"\n"2",0.1,0.2,"b"\n',
        1,
        ["the header has 3 fields, 2 rows have 4", "row.names", "data.ignore"],
    ),
    "commas at the end": ("x,y,label\n0.1,0.2,a,\n1,2,b,\n", 2, ["2 rows end with a comma, the header does not"]),
    "commas at the end of all": ("x,label,\n0.1,a,\n1,b,\n", 1, ["no name for column 3", "every line end with"]),
    "a comment": (
        "# exported 2024\nx,y,label\n1,2,a\n3,4,b\n",
        1,
        ["the header has 1 field, 3 rows have 3", '"# exported 2024" does not look like names', "remove what stands"],
    ),
    "a comment with a comma": ("# a, b\nx,y,label\n1,2,a\n", 1, ['"# a" does not look like names of columns']),
    "two comments": (
        "# exported\n# 2024\nx,label\n" + "1,a\n" * 40,
        1,
        ['the header has 1 field, 41 rows have 2: "# exported" does not look'],
    ),
    "far longer rows": ("x,label\n0,1,0,2,a\n1,5,3,5,b\n", 1, ["the header has 2 fields, 2 rows have 5", "in quotes"]),
    "shorter rows": ("x,y,z,label\n1,a\n2,b\n", 1, ["the header has 4 fields, 2 rows have 2"]),
}


@pytest.mark.parametrize("case", FORMS)
def test_what_is_wrong_with_all_of_a_file_is_one_line(tmp_path, case):
    content, line, expected = FORMS[case]
    found = problems(tmp_path, content)
    assert len(found) == 1
    assert found[0].startswith(f"d.csv:{line}: ")
    assert [phrase for phrase in expected if phrase not in found[0]] == []


def test_rows_of_each_wrong_length_are_one_line(tmp_path):
    good = "1,2,x\n3,4,y\n" * 20
    found = problems(tmp_path, f"a,b,label\n{good}1,2\n1,000,2,x\n1,500,2,x\n")
    assert [line.split(" as in")[0] for line in found] == ["d.csv:42: expected 3 fields", "d.csv:43: expected 3 fields"]
    assert "found 2: fill in" in found[0]
    assert "found 4 in 2 rows, the first one here: put a value that contains a comma in quotes" in found[1]


def test_a_column_without_a_name_can_be_ignored(tmp_path):
    content = ",a,label\n0,5,x\n1,6,y\n"
    assert read(tmp_path, content, ignore=("",)).features == ("a",)


def test_a_backslash_before_a_quote_is_named(tmp_path):
    (found,) = problems(tmp_path, 'a,label\n"x \\"y\\" z",x\n2,y\n')
    assert found.endswith("write a quote in it as two, not behind a backslash")


def test_fields_separated_by_blanks_are_named(tmp_path):
    """As spector.csv of statsmodels is written."""
    (found,) = problems(tmp_path, "'OBS' 'GPA' 'GRADE'\n1 2.66 0\n2 2.89 1\n", target="GRADE")
    assert found.endswith("The fields look separated by blanks: save the file with commas.")
    found = problems(
        tmp_path, "59 2 32.1 101.0\n48 1 21.6 87.0\n72 2 30.5 93.0\n"
    )  # as scikit-learn's diabetes_data_raw.csv.gz
    assert found[0].endswith("The fields look separated by blanks: save the file with commas.")


def test_a_header_that_may_be_missing_is_named(tmp_path):
    found = problems(tmp_path, "17.99,10.38,M\n20.57,17.77,B\n1,2,M\n", target="diagnosis")
    assert found[-1].endswith("Is the header missing? The first line has the names of the columns.")


@pytest.mark.parametrize(
    ("header", "noted"),
    [
        ("150,4,setosa,label", '"150", "4"'),  # scikit-learn's iris.csv
        ("17.99,a,b,label", '"17.99"'),
        ("3.5,10.5,b,label", '"3.5", "10.5"'),
        ("1990,1991,1992,label", ""),
        ("0,1,2,label", ""),
        ("a,b,c,label", ""),
    ],
)
def test_numbers_in_a_header_are_noted_unless_they_count(tmp_path, header, noted):
    notes = read(tmp_path, f"{header}\n1,2,3,x\n4,5,6,y\n").notes
    expected = f"{tmp_path}/d.csv: the header has numbers among its names ({noted}): is it a row of data"
    assert [note.startswith(expected) for note in notes] == ([True] if noted else [])


def test_zeros_that_would_be_lost_are_noted(tmp_path):
    content = 'zip,month,time,part,label\n2100,01,000.5,"007",x\n 02100,02,1,"008",y\n02139,12,2,9,x\n'
    todo = "if these are codes, put it under data.categorical"
    assert read(tmp_path, content).notes == (
        f'{tmp_path}/d.csv: column "part": "007" is read as the number 7: {todo}',
        f'{tmp_path}/d.csv: column "zip": "02100" is read as the number 2100: {todo}',
    )
    assert read(tmp_path, content, categorical=("zip", "part")).notes == ()
    assert read(tmp_path, content, ignore=("zip", "part")).notes == ()


@pytest.mark.parametrize("name", ["d.csv.gz", "d.CSV.GZ", "d.csv"])
def test_compressed_files_are_read(tmp_path, name):
    content = "a,label\n" + "".join(f"{n},{'xy'[n % 2]}\n" for n in range(40))
    (tmp_path / name).write_bytes(gzip.compress(content.encode()))
    found = load(DataSettings(path=str(tmp_path / name), target="label"))
    (tmp_path / "plain.csv").write_text(content)
    assert found.fingerprint() == load(DataSettings(path=str(tmp_path / "plain.csv"), target="label")).fingerprint()


def test_compressed_files_that_are_damaged_or_too_large_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "d.tsv.gz"
    whole = gzip.compress(b"a\tlabel\n" + b"1\tx\n2\ty\n" * 1000)
    path.write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r"d\.tsv\.gz: damaged or incomplete .*: copy or download it again"):
        load(DataSettings(path=str(path), target="label"))
    path.write_bytes(gzip.compress(b"0" * 10_000_000))  # ten kilobytes
    monkeypatch.setattr("hptune.data.files.SIZE_LIMIT", 3_000_000)
    with pytest.raises(DataError, match="unpacks to more than 3,145,728 bytes, more than the limit of 8 GiB"):
        load(DataSettings(path=str(path), target="label"))


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("d.h5", "np.savez"),
        ("d.mat", "scipy.io.loadmat"),
        ("d.xlsx", "as CSV"),
        ("d.json", "to_csv"),
        ("d.npz.gz", "unpack it first"),
        ("d.txt", "this one ends in .txt"),
    ],
)
def test_files_of_other_kinds_say_how_they_are_converted(tmp_path, name, todo):
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(DataError) as caught:
        load(DataSettings(path=str(tmp_path / name), target="label"))
    assert todo in str(caught.value)


def test_a_class_in_two_spellings_is_named_where_it_is_too_small(tmp_path):
    content = "a,label\n" + "".join(f"{n},{'yes' if n % 2 else 'no'}\n" for n in range(30)) + "1,Yes\n"
    (tmp_path / "d.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        load(DataSettings(path=str(tmp_path / "d.csv"), target="label"))
    assert 'too few of "Yes" (1)' in str(caught.value)
    assert str(caught.value).endswith('"Yes" differs from "yes" only in case or blanks: spell them alike')


@pytest.mark.parametrize("part", [1, 2, 3, 7, 100])
def test_the_first_byte_that_is_no_utf_8_is_found_wherever_parts_end(part, monkeypatch):
    monkeypatch.setattr(csv_form, "PART", part)
    good = "a,ä,€,𝄞\n".encode() * 2
    contents = [good, b"", *(good[:n] for n in range(len(good)))]
    contents += [good[:n] + bad + good[n:] for n in range(len(good)) for bad in (b"\xff", b"\xe2\x82", b"\xed\xa0\x80")]
    for content in contents:
        try:
            content.decode("utf-8")
            expected = None
        except UnicodeDecodeError as error:
            expected = error.start
        assert csv_form._not_utf_8(content) == expected


@pytest.mark.parametrize("ends", [["\n"], ["\r"], ["\r\n"], ["\n", "\r"], ["\r\n", "\r", "\n", "\n\n"]], ids=repr)
def test_numbers_of_all_rows_are_read_whatever_ends_the_lines(ends, tmp_path):
    lines = ["a,b,y", *(f"{n},{n / 4},{'pq'[n % 2]}" for n in range(20))]
    found = read(tmp_path, "".join(line + ends[n % len(ends)] for n, line in enumerate(lines)), target="y")
    np.testing.assert_array_equal(found.x, [[n, n / 4] for n in range(20)])
