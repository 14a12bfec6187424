"""CSV files of unusual form: what is read all the same, and what is said, in one line, of what is wrong everywhere."""

import numpy as np
import pytest

from hptune.data import csv_form
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
