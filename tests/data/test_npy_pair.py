"""X.npy and y.npy: the same data and the same checks as one .npz file with both."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune.config import study_file, yaml_tree
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.errors import DataError, StudyFileError

X = np.arange(60.0).reshape(30, 2)
Y = np.arange(30) % 3


def pair(folder, x=X, y=Y, **others):
    np.save(folder / "X.npy", x)
    np.save(folder / "y.npy", y)
    return DataSettings(path=str(folder / "X.npy"), labels=str(folder / "y.npy"), **others)


def message(settings):
    with pytest.raises(DataError) as caught:
        load(settings)
    return str(caught.value)


@pytest.mark.parametrize("y", [Y, Y.astype("f4"), np.array(["b", "a", "c"])[Y], Y[:, None]])
def test_two_files_give_the_data_of_one(tmp_path, y):
    np.savez(tmp_path / "both.npz", X=X, y=y)
    both = load(DataSettings(path=str(tmp_path / "both.npz")))
    assert load(pair(tmp_path, y=y)).fingerprint() == both.fingerprint()


def with_value(value):
    x = X.copy()
    x[4, 1] = value
    return x


BAD = {
    "objects in both": (X.astype(object), Y.astype(object), ["X.npy: X holds Python objects", "y.npy: y holds Python"]),
    "text": (X.astype(str), Y, ["X.npy: X holds text"]),
    "1-D": (X[:, 0], Y, ["X.npy: X has shape (30,), expected (examples, features)"]),
    "films": (X[:, :, None, None, None], Y, ["X.npy: X has shape (30, 2, 1, 1, 1)", "reshape(len(X), -1)"]),
    "one-hot": (X, np.eye(3)[Y], ["y.npy: y has shape (30, 3)", "argmax"]),
    "nothing": (X[:0], Y[:0], ["X.npy: X has shape (0, 2)", "y.npy: y has shape (0,)"]),
    "lengths": (X, Y[:7], ["y.npy: X has 30 rows, y has 7"]),
    "NaN": (with_value(np.nan), np.where(Y, Y, np.inf), ["X.npy: X has 1 NaN", "X[4, 1] = nan", "y.npy: y has 10 NaN"]),
    "fractions": (X, Y + 0.5, ['y.npy: y[0]: label "0.5" is not a whole number']),
    "one class": (X, Y * 0, ['y.npy: y: a single class, "0"']),
    "bytes": (X, np.array([b"a", b"\xff", b"b"] * 10), ["y.npy: y holds bytes that are not UTF-8"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_explained_and_those_of_both_files_together(tmp_path, case):
    x, y, expected = BAD[case]
    text = message(pair(tmp_path, x, y))
    assert all(line.startswith(f"{tmp_path}/") for line in text.splitlines())
    assert [phrase for phrase in expected if phrase not in text] == []


def test_a_lying_header_is_noticed_before_anything_is_allocated(tmp_path):
    settings = pair(tmp_path)
    for shape, phrase in (((10**13, 1), "limit of 8 GiB"), ((10**8, 1), "800,000,000 bytes, but the file holds 0")):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
        (tmp_path / "X.npy").write_bytes(header.getvalue())
        assert phrase in message(settings)


@pytest.mark.parametrize("name", ["X", "y"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.99])
def test_truncated_files_and_other_files_are_damaged(tmp_path, name, share):
    settings = pair(tmp_path)
    path = tmp_path / f"{name}.npy"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "damaged" in message(settings)
    path.write_bytes(b"PK\3\4" + content)
    assert f"{path}: damaged, incomplete or not a .npy file" in message(settings)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_file_with_one_wrong_byte_is_read_or_refused_but_never_crashes(tmp_path_factory, data):
    folder = Path(tmp_path_factory.getbasetemp())
    settings = pair(folder)
    content = bytearray((folder / "X.npy").read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "X.npy").write_bytes(content)
    with contextlib.suppress(DataError):
        load(settings)


def test_a_header_cut_in_two_by_a_wrong_byte_is_damage(tmp_path):
    settings = pair(tmp_path)
    content = (tmp_path / "X.npy").read_bytes()
    (tmp_path / "X.npy").write_bytes(content.replace(b", }", b", ("))
    assert "damaged, incomplete or not a .npy file" in message(settings)


def test_a_header_of_python_2_is_read_without_a_warning(tmp_path):
    settings = pair(tmp_path)
    content = (tmp_path / "X.npy").read_bytes()
    (tmp_path / "X.npy").write_bytes(content.replace(b"(30, 2), } ", b"(30L, 2), }"))
    assert sum(map(len, load(settings).subsets())) == 30


def test_which_settings_go_with_a_pair(tmp_path):
    settings = pair(tmp_path)
    assert "data.labels is missing: name the NPY file that holds y" in message(DataSettings(path=settings.path))
    same = message(DataSettings(path=settings.path, labels=settings.path))
    assert "data.labels and data.path are the same file: one has X, the other y" in same
    apart = {key: str(tmp_path / f"{key}.npy") for key in ("dev", "test")}
    for path in apart.values():
        np.save(path, X)
    text = message(pair(tmp_path, dev=apart["dev"], test_labels=apart["test"], target="kind"))
    phrases = (
        "data.dev_labels is missing: name the NPY file that holds y, the labels of data.dev",
        "data.test_labels: there is no data.test whose labels they could be",
        "data.target: for CSV",
    )
    for phrase in phrases:
        assert phrase in text
    np.savez(tmp_path / "both.npz", X=X, y=Y)
    text = message(DataSettings(path=str(tmp_path / "both.npz"), labels=str(tmp_path / "y.npy")))
    assert "data.labels: goes only with NPY and IDX files; in this one labels are in the same file: remove it" in text


def test_dev_and_test_are_pairs_of_their_own(tmp_path):
    files = {}
    for key, rows in (("dev", 6), ("test", 9)):
        np.save(tmp_path / f"X_{key}.npy", X[:rows] + 1)
        np.save(tmp_path / f"y_{key}.npy", Y[:rows].astype(float))
        files |= {key: str(tmp_path / f"X_{key}.npy"), f"{key}_labels": str(tmp_path / f"y_{key}.npy")}
    dataset = load(pair(tmp_path, **files))
    assert [len(subset) for subset in dataset.subsets()] == [30, 6, 9]
    np.testing.assert_array_equal(dataset.test.x, X[:9] + 1)
    assert dataset.test.y.tolist() == Y[:9].tolist()
    only_test = {key: files[key] for key in ("test", "test_labels")}
    assert [len(subset) for subset in load(pair(tmp_path, **only_test)).subsets()] == [22, 8, 9]
    np.save(files["dev"], np.ones((6, 3)))
    np.save(files["dev_labels"], np.array([0, 1, 2, 7, 1, 2]))
    of_x, of_y = message(pair(tmp_path, **files)).splitlines()
    assert of_x == f"{files['dev']}: X has 3 columns, expected 2 as in the training file"
    assert of_y.startswith(f'{files["dev_labels"]}: y[3]: label "7" (1 example) is no class of the training data')
    same = message(pair(tmp_path, **{**files, "dev_labels": files["test_labels"]}))
    assert "data.test_labels and data.dev_labels are the same file: what is learned from cannot measure" in same


def study(text):
    return study_file.parse(
        yaml_tree.parse(f"data: {text}\nspace: {{l2: 1}}\n", "s"), (), default_name="s", folder=None
    )


def test_the_study_file_knows_labels():
    assert study("{path: X.npy, labels: y.npy}").data.labels == "y.npy"
    for text, phrase in (
        ("{path: X.npy}", "data.labels: missing: which file holds y"),
        ("{path: X.npz, labels: y.npy}", "data.labels: goes only with an NPY or IDX file"),
        ("{source: digits, labels: y.npy}", "data.labels: goes only with an NPY or IDX file"),
        ("{path: X.npy, labels: y.npy, dev: d.npy}", "data.dev_labels: missing: which file holds y"),
        ("{path: X.npy, labels: y.npy, test_labels: t.npy}", "data.test_labels: goes only with data.test"),
    ):
        with pytest.raises(StudyFileError) as caught:
            study(text)
        assert phrase in str(caught.value)
