"""CSV files of their own for dev and test: read by the columns, categories and classes of the training file."""

import numpy as np
import pytest

from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.errors import DataError

GOOD = "a,b,label\n" + "".join(f"{i},{i * 0.5},{'xy'[i % 2]}\n" for i in range(12))


def apart(folder, dev, training=GOOD, **others):
    (folder / "train.csv").write_text(training)
    (folder / "dev.csv").write_text(dev)
    return load(DataSettings(path=str(folder / "train.csv"), dev=str(folder / "dev.csv"), target="label", **others))


def test_dev_file_may_have_its_columns_in_another_order(tmp_path):
    dataset = apart(tmp_path, "label,b,a\ny,1,2\nx,3,4\n")
    np.testing.assert_array_equal(dataset.dev.x, [[2, 1], [4, 3]])
    assert dataset.dev.y.tolist() == [1, 0]
    assert len(dataset.train) == 12
    assert dataset.test is None


def test_unknown_category_in_dev_is_all_zeros(tmp_path):
    training = "c,label\n" + "red,x\nblue,y\n" * 3
    dataset = apart(tmp_path, "c,label\ngreen,x\nred,y\n", training)
    np.testing.assert_array_equal(dataset.dev.x, [[0, 0], [0, 1]])


def test_numeric_labels_of_dev_are_those_of_training_however_they_are_written(tmp_path):
    dataset = apart(tmp_path, "a,label\n1,2.0\n", "a,label\n" + "1,1\n2,2\n" * 3)
    assert dataset.dev.y.tolist() == [1]


@pytest.mark.parametrize(
    ("dev", "expected"),
    [
        ("a,b,label\n1,2,x\n1,2,z\n", [":3:", 'label "z" (1 example) is no class of the training data', '"x", "y"']),
        ("a,label\n1,x\n", [":1:", 'column "b" of the training file is not in this one']),
        ("a,bb,label\n1,2,x\n", ['"b"', 'Did you mean "bb"?', '"bb" is not in the training file']),
        ("a,b,c,label\n1,2,3,x\n", [":1:", 'column "c" is not in the training file']),
        ("a,b\n1,2\n", ['column "label" of the training file']),
        ("a,b,label\n1,red,x\n", [":2:", 'found "red", expected a number']),
        ("a,b,label\n1,,x\n", [":2:", "1 cell missing"]),
        ("a,b,label\n1,2,\n", [":2:", "1 label missing"]),
    ],
)
def test_dev_file_that_does_not_fit_is_explained(tmp_path, dev, expected):
    with pytest.raises(DataError) as caught:
        apart(tmp_path, dev)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/dev.csv:")
    assert [phrase for phrase in expected if phrase not in text] == []


def test_dev_file_may_have_or_lack_ignored_columns(tmp_path):
    training = "id,a,label\n" + "p,1,x\nq,2,y\n" * 3
    for dev in ("a,label\n1,x\n", "id,a,label\n,1,x\n"):
        assert len(apart(tmp_path, dev, training, ignore=("id",)).dev) == 1
