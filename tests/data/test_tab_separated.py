"""TSV files: read as CSV files are, with tabs between the fields."""

import numpy as np
import pytest

from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.errors import DataError

CSV = "a,c,label\n" + "".join(f"{i},{'rg'[i % 3 == 0]},{'xy'[i % 2]}\n" for i in range(40))
TSV = CSV.replace(",", "\t")


def settings(folder, name, content, **others):
    (folder / name).write_text(content)
    return DataSettings(path=str(folder / name), target="label", **others)


@pytest.mark.parametrize("name", ["data.tsv", "data.tab", "data.TSV"])
def test_tabs_give_the_data_that_commas_give(tmp_path, name):
    with_tabs = load(settings(tmp_path, name, TSV))
    assert with_tabs.fingerprint() == load(settings(tmp_path, "data.csv", CSV)).fingerprint()


def test_commas_are_text_in_a_tsv_file_and_tabs_may_stand_in_quotes(tmp_path):
    rows = 'a\tc\tlabel\n1\tred, or so\tx\n2\t"a\tb"\ty\n'
    dataset = load(settings(tmp_path, "train.tsv", rows, dev=settings(tmp_path, "dev.tsv", rows).path))
    assert dataset.features == ("a", "c=a\tb", "c=red, or so")


def test_a_tab_file_goes_with_a_tsv_file_but_not_with_a_csv_file(tmp_path):
    np.testing.assert_array_equal(
        load(settings(tmp_path, "train.tsv", TSV, dev=settings(tmp_path, "dev.tab", TSV).path)).dev.x[:, 0],
        np.arange(40),
    )
    with pytest.raises(DataError, match=r"data\.dev must be a TSV file like data\.path"):
        load(settings(tmp_path, "train.tsv", TSV, dev=settings(tmp_path, "dev.csv", CSV).path))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.tsv", CSV, ':1: the header is one field, "a,c,label": the separator looks like a comma, expected a tab'),
        ("a.tsv", CSV, "name it .csv, or save it with a tab between fields"),
        ("a.tsv", CSV.replace(",", ";"), 'looks like ";", expected a tab; save the file with tabs'),
        ("a.csv", TSV, "looks like a tab, expected a comma; name it .tsv, or save it with a comma between fields"),
        ("a.tsv", TSV + "1\tr\tx\ty\n", "found 4: put a value that contains a tab in quotes"),
        ("a.tsv", TSV + "oops\tr\tx\n", ':42: column "a": found "oops", expected a number'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_explained(tmp_path, name, content, expected):
    with pytest.raises(DataError) as caught:
        load(settings(tmp_path, name, content))
    assert expected in str(caught.value)
