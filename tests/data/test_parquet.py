"""Parquet files: read by the rules of CSV files, where pyarrow is installed."""

import subprocess
import sys

import numpy as np
import pytest

from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.data.table import read_table
from hptune.errors import DataError

COLUMNS = {
    "a": [i / 7 for i in range(30)],
    "color": [("red", "blue")[i % 3 == 0] for i in range(30)],
    "n": list(range(30)),
    "label": ["xy"[i % 2] for i in range(30)],
}


@pytest.fixture
def arrow():
    return pytest.importorskip("pyarrow")


def write(folder, columns=COLUMNS, name="data.parquet", **options):
    import pyarrow as pa
    from pyarrow import parquet

    path = str(folder / name)
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    parquet.write_table(table, path, **options)
    return path


def settings(path, **others):
    return DataSettings(**{"path": path, "target": "label", **others})


def problems(path, **others):
    with pytest.raises(DataError) as caught:
        load(settings(path, **others))
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def csv_of(folder, columns=COLUMNS):
    path = folder / "data.csv"
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return str(path)


@pytest.mark.parametrize("options", [{}, {"row_group_size": 7}, {"compression": "gzip", "use_dictionary": False}])
def test_the_data_are_those_of_the_csv_file_with_the_same_cells(arrow, tmp_path, options):
    from_parquet = load(settings(write(tmp_path, **options)))
    assert from_parquet.fingerprint() == load(settings(csv_of(tmp_path))).fingerprint()
    assert from_parquet.features == ("a", "color=blue", "color=red", "n")


def test_columns_of_every_type_that_holds_numbers_or_texts_are_read(arrow, tmp_path):
    whole = arrow.array(range(30))
    kinds = ["int8", "uint16", "int64", "float32", "double"]
    columns = {kind: whole.cast(kind) for kind in kinds}
    columns["half"] = arrow.array(np.arange(30, dtype="f2"))
    columns["decimal"] = whole.cast(arrow.decimal128(25, 2))
    columns["large"] = arrow.array(COLUMNS["color"], arrow.large_string())
    columns["dictionary"] = arrow.array(COLUMNS["color"]).dictionary_encode()
    columns["bool"] = arrow.array([i % 2 == 0 for i in range(30)])
    columns["label"] = arrow.array([float(i % 2) for i in range(30)])
    dataset = load(settings(write(tmp_path, columns), split=(0.5, 0.5)))
    assert dataset.classes == ("0", "1")
    x = dataset.train.x
    for column in range(1, len(kinds) + 2):
        np.testing.assert_array_equal(x[:, column], x[:, 0])
    names = ["large=blue", "large=red", "dictionary=blue", "dictionary=red", "bool=False", "bool=True"]
    assert list(dataset.features[-6:]) == names
    assert x[:, -6:].sum() == 3 * len(x)


def test_missing_values_are_shown_with_column_and_row(arrow, tmp_path):
    columns = {
        "a": [1.0, None, float("nan"), *range(27)],
        "b": arrow.nulls(30),
        "color": ["red", "", None] * 10,
        "d": [float("inf"), *range(29)],
        "label": [None if i == 4 else "xy"[i % 2] for i in range(30)],
    }
    todo = "write data.missing: drop or fill, fill them in, or put the column under data.ignore"
    assert sorted(problems(write(tmp_path, columns))) == sorted(
        [
            f'row 2: column "a": 2 cells missing, the first one here (""): {todo}',
            f'row 1: column "b": 30 cells missing, the first one here (""): {todo}',
            f'row 2: column "color": 20 cells missing, the first one here (""): {todo}',
            'row 1: column "d": found "inf", expected a finite number: correct it or remove the row',
            (
                'row 5: column "label": 1 label missing, the first one here: every example needs a label; '
                "fill them in, remove the rows, or write data.missing: drop"
            ),
        ]
    )


def test_columns_of_other_types_are_refused_unless_ignored(arrow, tmp_path):
    columns = {
        **COLUMNS,
        "day": arrow.array(range(30), arrow.timestamp("ms")),
        "list": arrow.array([[1, 2]] * 30),
        "raw": arrow.array([b"x"] * 30),
    }
    path = write(tmp_path, columns)
    found = problems(path)
    assert [line.split(", expected")[0] for line in found] == [
        'column "day" holds timestamp[ms]', 'column "list" holds list<element: int64>', 'column "raw" holds binary',
    ]  # fmt: skip
    assert load(settings(path, ignore=("day", "list", "raw"))).features == ("a", "color=blue", "color=red", "n")


def test_names_with_dots_are_whole_names(arrow, tmp_path):
    columns = {"a.b": list(range(30)), "a": list(range(30)), "label": COLUMNS["label"]}
    assert load(settings(write(tmp_path, columns))).features == ("a.b", "a")


def test_what_is_wrong_with_columns_is_explained(arrow, tmp_path):
    (found,) = problems(write(tmp_path), target="lable")
    assert 'data.target: no column "lable"' in found
    assert 'Did you mean "label"?' in found
    twice = arrow.table([COLUMNS["a"], COLUMNS["n"], COLUMNS["n"]], names=["a", "a", ""])
    assert problems(write(tmp_path, twice)) == [
        'duplicate column names: "a": rename or remove one of each',
        "no name for column 3: name it, or write data.ignore: ['']",
    ]  # fmt: skip
    assert problems(write(tmp_path, {"a": arrow.array([], "int8"), "label": arrow.array([], "string")})) == [
        "columns and no rows"
    ]


def test_dev_file_is_read_by_the_columns_of_the_training_file(arrow, tmp_path):
    path = write(tmp_path)
    shuffled = {name: COLUMNS[name][:4] for name in reversed(COLUMNS)}
    dataset = load(settings(path, dev=write(tmp_path, shuffled, "dev.parquet")))
    np.testing.assert_array_equal(dataset.dev.x, dataset.train.x[:4])
    with pytest.raises(DataError, match=r'dev\.parquet: row 1: label|dev\.parquet: row 1: column "label": label "z"'):
        load(settings(path, dev=write(tmp_path, {**shuffled, "label": list("zxyx")}, "dev.parquet")))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_truncated_files_and_other_files_are_damaged(arrow, tmp_path, share):
    path = tmp_path / "data.parquet"
    content = (tmp_path / write(tmp_path)).read_bytes()
    for damaged in (content[: int(len(content) * share)], b"a,label\n1,x\n"):
        path.write_bytes(damaged)
        (found,) = problems(str(path))
        assert found.startswith("damaged, incomplete or not a Parquet file (")


def test_a_file_with_one_wrong_byte_is_read_or_refused_but_never_crashes(arrow, tmp_path):
    path = tmp_path / "data.parquet"
    content = (tmp_path / write(tmp_path)).read_bytes()
    for at in range(0, len(content), 11):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        try:
            load(settings(str(path)))
        except DataError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017


def test_a_small_file_of_very_many_rows_is_refused_before_it_is_unpacked(arrow, tmp_path, monkeypatch):
    monkeypatch.setattr("hptune.data.files.SIZE_LIMIT", 2**20)
    path = write(tmp_path, {"a": np.zeros(200_000), "label": np.zeros(200_000, "i1")})
    (found,) = problems(path)
    assert found.startswith("200,000 rows of 2 columns, ")
    assert "more than the limit of 8 GiB" in found


def test_without_pyarrow_one_line_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = str(tmp_path / "data.parquet")
    assert problems(path) == ["Parquet files are read with pyarrow, which is not installed: pip install pyarrow"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_pyarrow_is_loaded_for_parquet_files_alone_and_pandas_never(arrow, tmp_path, kind):
    path = write(tmp_path) if kind == "parquet" else csv_of(tmp_path)
    code = (
        "import sys\n"
        "from hptune.data.loading import load\n"
        "from hptune.data.settings import DataSettings\n"
        f"load(DataSettings(path={path!r}, target='label'))\n"
        "print('pyarrow' in sys.modules, 'pandas' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split() == [str(kind == "parquet"), "False"]


def test_numbers_are_those_that_their_texts_would_be(arrow, tmp_path):
    """float() of a text rounds to the nearest number, as do the types in which numbers lie, far from 0 as well."""
    whole = [2**53 + 1, -(2**62) - 1, None, 3]
    single = [np.float32(0.1), None, np.float32(1e30), np.float32(-7)]
    columns = {"i": whole, "f": single, "g": [0.1, 1e300, 5e-324, None]}
    types = {"i": arrow.int64(), "f": arrow.float32(), "g": arrow.float64()}
    table = arrow.table({name: arrow.array(values * 5, types[name]) for name, values in columns.items()})
    table = table.append_column("y", arrow.array(["p", "q"] * 10))
    path = write(tmp_path, table, row_group_size=7)
    found, _ = read_table(path, DataSettings(path=path, target="y", missing="fill"))
    expected = [[np.nan if v is None else float(str(v)) for v in columns[name] * 5] for name in "if"]
    expected[1] = [np.nan if v is None else float(v) for v in single * 5]
    expected.append([np.nan if v is None else v for v in columns["g"] * 5])
    np.testing.assert_array_equal(found.x, np.transpose(expected))
