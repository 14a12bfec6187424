"""Missing values: refused, left out with their rows, or filled, in every kind of file; and which texts mean one."""

import json

import numpy as np
import pytest

from hptune.config import study_file, yaml_tree
from hptune.data import unseen
from hptune.data.dataset import normalise
from hptune.data.loading import load
from hptune.data.missing import QUOTED, Missing, quotes_marked
from hptune.data.review import advice, review
from hptune.data.settings import DataSettings
from hptune.data.table import TableSchema
from hptune.errors import DataError, StudyFileError

TRAIN = "a,b,label\n1.5,10,x\nNA,20,y\n4,,x\n2.5,40,y\n?,50,x\n8,60,y\n"
DEV = "b,a,label\n,,x\n4,3,y\n"

# sklearn.impute.SimpleImputer(strategy="mean", add_indicator=True).fit(X of TRAIN): a, b, a is missing, b is missing
OF_TRAIN = [[1.5, 10, 0, 0], [4, 20, 1, 0], [4, 36, 0, 1], [2.5, 40, 0, 0], [4, 50, 1, 0], [8, 60, 0, 0]]
OF_DEV = [[4, 36, 1, 1], [3, 4, 0, 0]]
ORDER = [0, 2, 1, 3]  # hptune has the mark of a column behind it


def settings(folder, train=TRAIN, dev=DEV, ending="csv", **others):
    (folder / f"train.{ending}").write_text(train)
    (folder / f"dev.{ending}").write_text(dev)
    paths = {"path": str(folder / f"train.{ending}"), "dev": str(folder / f"dev.{ending}")}
    return DataSettings(**{**paths, "target": "label", **others})


def message(found, folder):
    with pytest.raises(DataError) as caught:
        load(found)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_filled_tables_are_those_of_scikit_learn(tmp_path, ending):
    train, dev = (text.replace(",", "\t") if ending == "tsv" else text for text in (TRAIN, DEV))
    dataset = load(settings(tmp_path, train, dev, ending, missing="fill"))
    assert dataset.features == ("a", "a is missing", "b", "b is missing")
    np.testing.assert_array_equal(dataset.train.x, np.array(OF_TRAIN)[:, ORDER])
    np.testing.assert_array_equal(dataset.dev.x, np.array(OF_DEV)[:, ORDER])
    path = f"{tmp_path}/train.{ending}"
    assert dataset.notes == (
        (
            f'{path}: column "a": 3 cells missing (2 of train, 1 of dev): '
            "filled with 4, the mean of train, and marked by an input of its own"
        ),
        (
            f'{path}: column "b": 2 cells missing (1 of train, 1 of dev): '
            "filled with 36, the mean of train, and marked by an input of its own"
        ),
    )


@pytest.mark.parametrize("form", ["npz", "npy", "parquet"])
def test_filled_arrays_and_parquet_files_are_those_of_scikit_learn(tmp_path, form):
    nan = np.nan
    x = np.array([[1.5, 10], [nan, 20], [4, nan], [2.5, 40], [nan, 50], [8, 60]])
    dev = np.array([[nan, nan], [3, 4]])
    y = {"train": np.arange(6) % 2, "dev": np.arange(2)}
    found = {"missing": "fill"}
    for name, values in (("train", x), ("dev", dev)):
        key = "path" if name == "train" else "dev"
        found[key] = str(tmp_path / f"{name}.{form}")
        if form == "npz":
            np.savez(found[key], X=values, y=y[name])
        elif form == "npy":
            np.save(found[key], values)
            found["labels" if name == "train" else "dev_labels"] = str(tmp_path / f"{name}_y.npy")
            np.save(tmp_path / f"{name}_y.npy", y[name])
        else:
            arrow = pytest.importorskip("pyarrow")
            parquet = pytest.importorskip("pyarrow.parquet")
            columns = {"a": [None if np.isnan(v) else v for v in values[:, 0]], "b": values[:, 1], "label": y[name]}
            parquet.write_table(arrow.table(columns), found[key])  # a null is missing, and so is NaN
            found["target"] = "label"
    dataset = load(DataSettings(**found))
    np.testing.assert_array_equal(dataset.train.x, np.array(OF_TRAIN)[:, ORDER])
    np.testing.assert_array_equal(dataset.dev.x, np.array(OF_DEV)[:, ORDER])


def test_means_are_those_of_the_rows_that_the_split_makes_train(tmp_path):
    values = [f"{n * n},{'xy'[n % 2]}" for n in range(1, 41)] + [",x"] * 10 + [",y"] * 10
    found = settings(tmp_path, "\n".join(["a,label", *values]), missing="fill")
    dataset = load(DataSettings(path=found.path, target="label", missing="fill"))
    for subset in dataset.subsets():
        gone = subset.x[:, 1] == 1
        known = dataset.train.x[dataset.train.x[:, 1] == 0, 0]
        assert 0 < gone.sum() < len(subset)
        assert set(subset.x[gone, 0]) == {np.mean(known)}
        assert not set(subset.x[~gone, 0]) - {n * n for n in range(1, 41)}


def test_missing_texts_are_a_category_of_their_own(tmp_path):
    train = "c,label\nred,x\n,y\nblue,x\nN/A,y\nmissing,x\nred,y\n"
    dataset = load(settings(tmp_path, train, "c,label\n,x\ngreen,y\n", missing="fill"))
    assert dataset.features == ("c=blue", "c=missing", "c=red", "c is missing")
    expected = [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]]
    np.testing.assert_array_equal(dataset.train.x, expected)
    np.testing.assert_array_equal(dataset.dev.x, [[0, 0, 0, 1], [0, 0, 0, 0]])
    assert dataset.notes[0].endswith('"c": 3 cells missing (2 of train, 1 of dev): a category of their own')


def test_what_is_missing_in_dev_alone_has_no_input_of_its_own(tmp_path):
    train = "a,c,label\n1,r,x\n2,s,y\n6,r,x\n"
    dataset = load(settings(tmp_path, train, "a,c,label\n,r,x\n4,,y\n", missing="fill"))
    assert dataset.features == ("a", "c=r", "c=s")
    np.testing.assert_array_equal(dataset.dev.x, [[3, 1, 0], [4, 0, 0]])
    assert [note.split(": ", 1)[1] for note in dataset.notes] == [
        'column "c": 1 cell missing, but none in the training file: they count as none of "r", "s"',
        'column "a": 1 cell missing (1 of dev): filled with 3, the mean of train',
    ]


def test_rows_with_missing_cells_are_left_out_where_that_is_asked_for(tmp_path):
    train = "a,b,c,label\n1,10,r,x\nNA,20,s,y\n4,,r,x\n2,40,r,y\n3,50,,x\n8,60,t,\n7,5,r,y\n"
    dataset = load(settings(tmp_path, train, "a,b,c,label\n1,2,r,x\n1,?,r,x\n", missing="drop"))
    np.testing.assert_array_equal(dataset.train.x, [[1, 10, 1], [2, 40, 1], [7, 5, 1]])
    assert dataset.features == ("a", "b", "c=r")  # no category of rows that are left out
    assert dataset.train.y.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(dataset.dev.x, [[1, 2, 1]])
    assert dataset.notes == (
        f'{tmp_path}/train.csv: 4 of 7 rows left out, with cells missing in "a" 1, "b" 1, "c" 1, "label" 1',
        f'{tmp_path}/dev.csv: 1 of 2 rows left out, with cells missing in "b" 1',
    )


def test_problems_of_other_rows_keep_their_lines_when_rows_are_left_out(tmp_path):
    found = message(settings(tmp_path, "a,label\n,x\n1,y\noops,x\n2,y\n", missing="drop"), tmp_path)
    assert 'train.csv:4: column "a": found "oops", expected a number' in found
    assert "every row" in message(settings(tmp_path, "a,b,label\n,1,x\n1,,y\n", missing="drop"), tmp_path)


def test_rows_of_arrays_are_left_out(tmp_path):
    x, y = np.arange(24.0).reshape(12, 2), np.arange(12.0) % 3
    x[3, 1], y[5] = np.nan, np.nan
    np.savez(tmp_path / "d.npz", X=x, y=y)
    dataset = load(DataSettings(path=str(tmp_path / "d.npz"), missing="drop", split=(0.6, 0.4)))
    kept = np.sort(np.concatenate([subset.x[:, 0] for subset in dataset.subsets()]))
    assert kept.tolist() == [row * 2 for row in range(12) if row not in (3, 5)]
    assert dataset.notes == (f'{tmp_path}/d.npz: 2 of 12 rows left out, with cells missing in "X" 1, "y" 1',)
    np.savez(tmp_path / "d.npz", X=np.where(x == 6, np.inf, x), y=y)
    found = message(DataSettings(path=str(tmp_path / "d.npz"), missing="drop"), tmp_path)
    assert found.endswith("X has 1 infinite value, the first at X[3, 0] = inf: correct or remove the rows")


def test_what_is_refused_says_how_it_could_be_read(tmp_path):
    found = message(settings(tmp_path), tmp_path)
    assert (
        'train.csv:3: column "a": 2 cells missing, the first one here ("NA"): write data.missing: drop or fill' in found
    )
    assert 'column "b": 1 cell missing' in found
    np.savez(tmp_path / "d.npz", X=[[1.0], [np.nan]], y=[0, 1])
    assert "or write data.missing: drop or fill" in message(DataSettings(path=str(tmp_path / "d.npz")), tmp_path)


@pytest.mark.parametrize("todo", ["refuse", "fill"])
def test_a_missing_label_is_never_filled(tmp_path, todo):
    found = message(settings(tmp_path, "a,label\n1,x\n2,\n3,y\n", missing=todo), tmp_path)
    assert "train.csv:3: " in found
    assert "1 label missing" in found
    assert "data.missing: drop" in found
    targets = message(settings(tmp_path, "a,label\n1,1.5\n2,NA\n3,7\n", missing=todo, task="regression"), tmp_path)
    assert "1 target missing" in targets


def test_a_column_without_a_number_in_train_cannot_be_filled(tmp_path):
    found = message(settings(tmp_path, "a,b,label\n,1,x\n,2,y\n", "a,b,label\n1,1,x\n", missing="fill"), tmp_path)
    assert found.startswith('train.csv: column "a": no number in train')


def test_numbers_near_the_largest_have_a_finite_mean(tmp_path):
    train = "a,label\n1e308,x\n1.5e308,y\n,x\n"
    dataset = load(settings(tmp_path, train, "a,label\n1,x\n", missing="fill"))
    np.testing.assert_allclose(dataset.train.x[2], [1.25e308, 1])


# which texts mean a missing value


def country(folder, *cells, **others):
    rows = "".join(f"{cell},{'xy'[n % 2]}\n" for n, cell in enumerate(cells))
    return settings(folder, "c,label\n" + rows, "c,label\n" + rows, **others)


def test_a_quoted_text_is_one_and_said_to_be(tmp_path):
    dataset = load(country(tmp_path, '"ZA"', '"NA"', '"ZA"', '"NA"'))
    assert dataset.features == ("c=NA", "c=ZA")
    np.testing.assert_array_equal(dataset.train.x, [[0, 1], [1, 0], [0, 1], [1, 0]])
    assert dataset.notes == (
        (
            f'{tmp_path}/train.csv: column "c": "NA" (2 cells) is a value, being in quotes: '
            "if it stands for a missing one, write data.missing_values: [NA]"
        ),
    )


def test_beside_a_quoted_text_one_without_quotes_is_missing(tmp_path):
    """As R writes texts and what is missing."""
    found = country(tmp_path, '"ZA"', '"NA"', "NA", '"ZA"')
    assert 'train.csv:4: column "c": 1 cell missing' in message(found, tmp_path)
    dataset = load(country(tmp_path, '"ZA"', '"NA"', "NA", '"ZA"', missing="fill"))
    np.testing.assert_array_equal(dataset.train.x, [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]])
    assert dataset.features == ("c=NA", "c=ZA", "c is missing")


def test_a_quoted_text_in_a_column_of_numbers_is_missing_all_the_same(tmp_path):
    dataset = load(country(tmp_path, '"1"', '"NA"', '"3"', '""', missing="fill"))
    np.testing.assert_array_equal(dataset.train.x, [[1, 0], [2, 1], [3, 0], [2, 1]])


def test_a_label_can_be_a_text_that_looks_missing(tmp_path):
    rows = "v,country\n" + '1,"ZA"\n2,"NA"\n' * 3
    dataset = load(settings(tmp_path, rows, rows, target="country"))
    assert dataset.classes == ("NA", "ZA")
    assert dataset.train.y.tolist() == [1, 0] * 3


def test_texts_of_a_parquet_file_are_texts(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = str(tmp_path / "d.parquet")
    parquet.write_table(arrow.table({"ion": ["Na", "K", "Cl", "Na"] * 5, "label": ["NA", "ZA"] * 10}), path)
    dataset = load(DataSettings(path=path, target="label"))
    assert (dataset.features, dataset.classes) == (("ion=Cl", "ion=K", "ion=Na"), ("NA", "ZA"))
    assert len(dataset.notes) == 2
    assert 'column "ion": "Na" (10 cells) is a value, being no null' in dataset.notes[0]


def test_the_study_says_what_stands_for_a_missing_value(tmp_path):
    sodium = load(country(tmp_path, "Na", "K", "Cl", "Na", missing_values=("",)))
    assert sodium.features == ("c=Cl", "c=K", "c=Na")
    found = country(tmp_path, "1", "-999", "4", "-999.0", missing_values=("-999",), missing="fill")
    np.testing.assert_array_equal(load(found).train.x, [[1, 0], [2.5, 1], [4, 0], [2.5, 1]])
    assert '3: column "c": 2 cells missing' in message(
        country(tmp_path, "1", "-999", "4", "-999.0", missing_values=("-999",)), tmp_path
    )
    unknown = country(tmp_path, "1", "n.k.", "", "4", missing_values=("n.k.",), missing="fill")
    np.testing.assert_array_equal(load(unknown).train.x[:, 1], [0, 1, 1, 0])  # an empty cell always is
    assert 'found "NA", expected a number' in message(
        country(tmp_path, "1", "NA", "4", missing_values=("-",)), tmp_path
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a,b\n1,"NA"\n', f'a,b\n1,"{QUOTED}NA"\n'),
        ('a\n"na"', f'a\n"{QUOTED}na"'),
        ('a\r\n "n/a", "null" \r\n', f'a\r\n "{QUOTED}n/a", "{QUOTED}null" \r\n'),
        ('a,b\n"x,""NA"",",NA\n', None),
        ('a,b\n"l\n""NA""",1\n', None),
        ('a,b\n"NAN,",1\n', None),
        ("a,b\nNA,1\n", None),
    ],
)
def test_only_whole_fields_in_quotes_are_marked(text, expected):
    assert quotes_marked(text.encode(), ",") == (expected or text).encode()


# what is not from training


def predicted(folder, content, name="new.csv", **others):
    dataset = load(settings(folder, **others))
    schema = TableSchema.from_json(json.loads(dataset.schema), dataset.classes)
    (folder / name).write_text(content)
    return unseen.read(str(folder / name), None, schema)


def test_an_unseen_file_is_filled_as_training_was(tmp_path):
    found = predicted(tmp_path, "a,b\n,\n3,4\n", missing="fill")
    np.testing.assert_array_equal(found.x, np.array(OF_DEV)[:, ORDER])
    assert [note.split(": ", 1)[1] for note in found.notes] == [
        'column "a": 1 cell missing: filled with 4, the mean of train, and marked by an input of its own',
        'column "b": 1 cell missing: filled with 36, the mean of train, and marked by an input of its own',
    ]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("lots", 'found "lots", expected a number: '),
        ("inf", 'found "inf", expected a finite number: '),
        ("1_000", 'found "1_000", expected a number, with a decimal point and without separators: '),
    ],
)
def test_no_key_of_the_study_file_is_named_for_a_file_to_predict(tmp_path, cell, expected):
    with pytest.raises(DataError) as caught:
        predicted(tmp_path, f"a,b\n1,2\n{cell},4\n", missing="fill")
    assert str(caught.value).endswith(f':3: column "a": {expected}correct it or remove the row')


def test_an_unseen_array_is_filled_as_training_was(tmp_path):
    x = np.array([[1.0, 5], [np.nan, 6], [3, 8]] * 4)
    np.savez(tmp_path / "d.npz", X=x, y=np.arange(12) % 2)
    dataset = load(DataSettings(path=str(tmp_path / "d.npz"), missing="fill"))
    schema = TableSchema.from_json(json.loads(dataset.schema), dataset.classes)
    np.savez(tmp_path / "new.npz", X=[[np.nan, np.nan]])
    known = dataset.train.x[dataset.train.x[:, 1] == 0, 0]
    expected = [[known.mean(), 1, dataset.train.x[:, 2].mean()]]
    found = unseen.read(str(tmp_path / "new.npz"), None, schema)
    np.testing.assert_allclose(found.x, expected, rtol=1e-15)
    assert "x1" in found.notes[1]
    np.save(tmp_path / "new.npy", [[np.nan, np.nan]])
    np.testing.assert_array_equal(unseen.read(str(tmp_path / "new.npy"), None, schema).x, found.x)


def test_rows_of_an_unseen_file_that_training_would_leave_out_are_no_examples(tmp_path):
    found = predicted(tmp_path, "a,b\n,1\n3,4\n5,NA\n", missing="drop")
    np.testing.assert_array_equal(found.x, [[3, 4]])
    assert found.is_complete.tolist() == [False, True, False]
    (note,) = found.notes
    assert note.endswith('new.csv: 2 of 3 rows get no prediction, with cells missing in "a" 1, "b" 1')
    with pytest.raises(DataError, match=r"a cell is missing in every row$"):
        predicted(tmp_path, "a,b\n,1\n5,NA\n", missing="drop")


def test_rows_of_an_unseen_array_that_training_would_leave_out_are_no_examples(tmp_path):
    x = np.array([[1.0, 5], [np.nan, 6], [3, 8]] * 4)
    np.savez(tmp_path / "d.npz", X=x, y=np.arange(12) % 2)
    dataset = load(DataSettings(path=str(tmp_path / "d.npz"), missing="drop", split=(0.6, 0.4)))
    schema = TableSchema.from_json(json.loads(dataset.schema), dataset.classes)
    np.savez(tmp_path / "new.npz", X=x[:3], y=[0, 1, 1])
    found = unseen.read(str(tmp_path / "new.npz"), None, schema)
    np.testing.assert_array_equal(found.x, [[1, 5], [3, 8]])
    assert (found.y.tolist(), found.is_complete.tolist()) == ([0, 1], [True, False, True])
    np.save(tmp_path / "new.npy", x[:2])
    assert unseen.read(str(tmp_path / "new.npy"), None, schema).is_complete.tolist() == [True, False]


def test_a_schema_of_an_older_hptune_refuses_what_is_missing(tmp_path):
    record = {"target": "y", "ignored": [], "columns": [["a", None], ["c", ["r"]]], "classes_are_numbers": False}
    schema = TableSchema.from_json(record, ("n", "y"))
    (tmp_path / "d.csv").write_text("a,c\n1,r\n,r\n")
    with pytest.raises(DataError, match="1 cell missing"):
        unseen.read(str(tmp_path / "d.csv"), None, schema)
    assert schema.features == ("a", "c=r")


# the study file


def parsed(data):
    text = f"data: {data}\nspace: {{learning_rate: {{scale: log, low: 0.001, high: 0.1}}}}\n"
    return study_file.parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None)


def test_the_keys_are_read_and_written_out():
    config = parsed("{path: /a.csv, target: y, missing: fill, missing_values: [NA, -999, '', NA]}")
    assert config.data.missing == "fill"
    assert config.data.missing_values == ("NA", "-999", "")
    again = study_file.parse(yaml_tree.parse(config.to_yaml(), "s.yaml"), (), default_name="s", folder=None)
    assert again == config
    assert DataSettings.from_json(json.loads(json.dumps(config.data.to_json()))) == config.data
    assert parsed("{path: /a.csv, target: y}").data.missing == "refuse"
    assert parsed("{path: /a.csv, target: y, missing_values: NA}").data.missing_values == ("NA",)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("{path: /a.csv, target: y, missing: dropp}", 'data.missing: expected refuse or drop or fill, found .*"drop"'),
        ("{path: /a.csv, target: y, missing_values: []}", "data.missing_values: expected texts or numbers"),
        ("{path: /a.csv, target: y, missing_values: [true]}", "data.missing_values: .*, found true"),
        ("{source: moons, missing: drop}", "data.missing: goes only with path"),
    ],
)
def test_what_is_wrong_with_them_is_said(data, expected):
    with pytest.raises(StudyFileError, match=expected):
        parsed(data)


def test_a_number_stands_for_a_missing_one_however_it_is_written():
    rule = Missing("fill", ("-1",))
    np.testing.assert_array_equal(rule.as_numbers(["1", "-1.0", "-1", " -1e0"]), [1, np.nan, np.nan, np.nan])
    assert not rule.is_missing("NA")
    assert rule.is_missing(" ")


# 0 and 1 with gaps, in arrays and tables alike; the mean of 1, 0, 0, 0 is 0.25, that of 3, 5 is 4
FLAGS = "n,flag,label\n3,1,x\n5,0,y\n3,,x\n5,0,y\n3,0,x\n5,,y\n"


def test_a_column_of_0_and_1_stays_as_it_is_when_its_gaps_are_filled(tmp_path):
    """A rare flag would stand far from 0 in deviations, as any other; its gaps have its mean."""
    done = normalise(load(settings(tmp_path, FLAGS, "n,flag,label\n5,1,x\n3,,y\n", missing="fill")), np.float64)
    assert done.features == ("n", "flag", "flag is missing")
    n = [-1, 1, -1, 1, -1, 1]
    expected = np.column_stack([n, [1, 0, 0.25, 0, 0, 0.25], [0, 0, 1, 0, 0, 1]])
    np.testing.assert_allclose(done.train.x, expected, rtol=1e-12)
    np.testing.assert_allclose(done.dev.x, [[1, 1, 0], [-1, 0.25, 1]], rtol=1e-12)


def test_a_column_of_0_1_and_their_mean_is_one_of_numbers(tmp_path):
    numbers = "flag,label\n1,x\n0,y\n0.5,x\n,y\n"  # 0.5 is the mean, and stands for the gap, too
    done = normalise(load(settings(tmp_path, numbers, "flag,label\n1,x\n0,y\n", missing="fill")), np.float64)
    np.testing.assert_allclose(done.train.x[:, 0], np.array([1, -1, 0, 0]) * np.sqrt(2), rtol=1e-12)


@pytest.mark.parametrize("gap_in_train", [True, False])
def test_what_fills_gaps_of_0_and_1_is_no_other_number(tmp_path, gap_in_train):
    rows = FLAGS.splitlines(keepends=True)
    train = "".join(row for row in rows if gap_in_train or ",," not in row)
    found = settings(tmp_path, train, "n,flag,label\n5,1,x\n3,,y\n", missing="fill")
    assert not any("other numbers" in text for text in advice(review(load(found), found)))
    found = settings(tmp_path, train, "n,flag,label\n5,2,x\n3,,y\n", missing="fill")
    assert any('1 column of nothing but 0 and 1 in train with other numbers in dev: "flag"' in text
               for text in advice(review(load(found), found)))  # fmt: skip


def test_columns_that_never_change_are_named_as_the_file_names_them(tmp_path):
    """A column whose gaps say something is none of them, nor is one of the texts of a column."""
    train = "n,mark,same,town,label\n" + "3,1,7,Rome,x\n5,,7,Oslo,y\n4,1,7,Rome,y\n1,1,7,Oslo,x\n"
    found = settings(tmp_path, train, "n,mark,same,town,label\n5,1,7,Bonn,x\n3,,7,,y\n", missing="fill")
    assert review(load(found), found).constant == ("same",)
