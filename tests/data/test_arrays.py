"""NPZ files: what is read, and what is refused before anything is loaded."""

import contextlib
import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune.data.arrays import read_arrays
from hptune.data.loading import load
from hptune.data.missing import Missing
from hptune.data.settings import DataSettings
from hptune.errors import DataError

X = np.arange(24.0).reshape(12, 2)
Y = np.arange(12) % 3


def save(folder, name="data.npz", **arrays):
    path = folder / name
    np.savez_compressed(path, **arrays)
    return str(path)


def read(folder, x=X, y=Y):
    return read_arrays(save(folder, X=x, y=y), Missing())[0]


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", ">i4", "f2", ">f4", "f8", "g"])
def test_numbers_of_every_kind_become_float64(tmp_path, dtype):
    x = X.astype(dtype)
    examples = read(tmp_path, x)
    np.testing.assert_array_equal(examples.x, x.astype(np.float64))
    assert examples.x.dtype == np.float64
    assert examples.x.dtype.isnative
    assert examples.features == ("x0", "x1")


def test_fortran_order_is_read_and_stored_row_by_row(tmp_path):
    examples = read(tmp_path, np.asfortranarray(X))
    np.testing.assert_array_equal(examples.x, X)
    assert examples.x.flags.c_contiguous


@pytest.mark.parametrize(
    ("y", "classes", "numbers"),
    [
        ([3, 10, 3], ("3", "10"), [0, 1, 0]),
        ([1.0, 0.0, 1.0], ("0", "1"), [1, 0, 1]),
        ([True, False, True], ("False", "True"), [1, 0, 1]),
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ([b"b", b"a", b"b"], ("a", "b"), [1, 0, 1]),
        (["10", "9", "10"], ("9", "10"), [1, 0, 1]),
        ([[5], [-6], [5]], ("-6", "5"), [1, 0, 1]),
        (np.array([2, 1, 2], ">i2"), ("1", "2"), [1, 0, 1]),
    ],
)
def test_labels_become_classes(tmp_path, y, classes, numbers):
    examples = read(tmp_path, X[:3], np.array(y))
    assert examples.classes == classes
    assert examples.y.tolist() == numbers


def with_value(value, at=(4, 1)):
    x = X.copy()
    x[at] = value
    return x


BAD = {
    "objects": (X.astype(object), Y, ["X holds Python objects", "X.astype(float)"]),
    "object labels": (X, Y.astype(object), ["y holds Python objects", "y.astype(str)"]),
    "complex": (X.astype(complex), Y, ["X holds complex numbers", "complex128"]),
    "dates": (X.astype("M8[s]"), Y, ["X holds dates"]),
    "records": (np.zeros(3, [("a", "f8")]), Y[:3], ["X holds records"]),
    "text": (X.astype(str), Y, ["X holds text"]),
    "date labels": (X, Y.astype("M8[s]"), ["y holds dates", "or text"]),
    "1-D": (X[:, 0], Y, ["X has shape (12,), expected (examples, features)"]),
    "5-D": (X[:, :, None, None, None], Y, ["X has shape (12, 2, 1, 1, 1)", "reshape(len(X), -1)"]),
    "channels first": (np.zeros((12, 3, 8, 8)), Y, ["X has shape (12, 3, 8, 8)", "X.transpose(0, 2, 3, 1)"]),
    "NaN in an image": (with_value(np.nan).reshape(12, 1, 2), Y, ["X has 1 NaN", "X[4, 0, 1] = nan"]),
    "too many pixels": (np.zeros((2, 1001, 1000), "u1"), Y[:2], ["X has shape (2, 1001, 1000)", "1,000,000 features"]),
    "0-D": (X, np.array(1), ["y has shape ()"]),
    "one-hot": (X, np.eye(3)[Y], ["y has shape (12, 3)", "argmax"]),
    "no rows": (X[:0], Y[:0], ["X has shape (0, 2)", "y has shape (0,)"]),
    "no columns": (X[:, :0], Y, ["X has shape (12, 0)"]),
    "lengths": (X, Y[:7], ["X has 12 rows, y has 7"]),
    "NaN": (with_value(np.nan), Y, ["X has 1 NaN or infinite value", "X[4, 1] = nan"]),
    "inf": (with_value(-np.inf, (slice(2, 5), 0)), Y, ["X has 3 NaN or infinite values", "X[2, 0] = -inf"]),
    "beyond float64": (np.full((12, 1), np.longdouble("1e4000")), Y, ["X has 12 NaN", "X[0, 0]"]),
    "NaN label": (X, with_value(np.nan, (3, 0))[:, 0], ["y has 1 NaN or infinite value", "y[3] = nan"]),
    "fractions": (X, Y + np.where(Y == 1, 0.5, 0), ['y[1]: label "1.5" is not a whole number', "regression"]),
    "empty label": (X, np.array(["a", "", "b"] * 4), ["y[1]: 4 labels missing"]),
    "one class": (X, Y * 0, ['y: a single class, "0"']),
    "bytes": (X, np.array([b"a", b"\xff", b"b"] * 4), ["y holds bytes that are not UTF-8"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_explained(tmp_path, case):
    x, y, expected = BAD[case]
    with pytest.raises(DataError) as caught:
        read(tmp_path, x, y)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{tmp_path}/data.npz: ") for line in lines)
    assert [phrase for phrase in expected if phrase not in str(caught.value)] == []


def test_a_problem_is_shown_once(tmp_path):
    for x, y in ((with_value(np.nan), Y), (X, Y * 0)):
        with pytest.raises(DataError) as caught:
            read(tmp_path, x, y)
        assert len(str(caught.value).splitlines()) == 1


def refused(path, phrase):
    with pytest.raises(DataError, match=phrase):
        read_arrays(str(path), Missing())


def test_objects_are_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    path = tmp_path / "data.npz"
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", file.getvalue() + b"\x80\x04.")
        archive.writestr("y.npy", file.getvalue() + b"\x80\x04.")
    refused(path, "X holds Python objects")
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps({"X": 1}))
    refused(tmp_path / "pickle.npz", "not an .npz archive")


def test_missing_arrays_are_named(tmp_path):
    refused(save(tmp_path, data=X, label=Y), r'has the arrays "data", "label", needs X and y')


def test_npy_file_with_the_wrong_suffix_is_recognised(tmp_path):
    with (tmp_path / "data.npz").open("wb") as file:
        np.save(file, X)
    refused(tmp_path / "data.npz", "one .npy array, expected .npz")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_file_is_damaged(tmp_path, share):
    path = tmp_path / "data.npz"
    content = (tmp_path / save(tmp_path, X=X, y=Y)).read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "damaged, incomplete")


def test_every_flipped_byte_of_the_values_is_noticed(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, X=X, y=Y)
    content = path.read_bytes()
    start = content.index(X.tobytes())
    for at in range(start, start + X.nbytes, 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        refused(path, "damaged")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_file_with_one_wrong_byte_is_read_or_refused_but_never_crashes(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "mutated.npz"
    np.savez(path, X=X[:3], y=Y[:3])
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        assert read_arrays(str(path), Missing())[0].x.shape == (3, 2)


def with_header(path, shape, descr="<f8", body=b""):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    labels = io.BytesIO()
    np.save(labels, Y)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", header.getvalue() + body)
        archive.writestr("y.npy", labels.getvalue())
    return path


def test_lying_header_is_noticed_before_anything_is_allocated(tmp_path):
    path = tmp_path / "data.npz"
    refused(with_header(path, (10**13, 1)), "more than the limit of 8 GiB")
    refused(with_header(path, (10**9, 1), "|u1"), r"1,000,000,000 bytes, but the file holds 0")
    refused(with_header(path, (10**9, 10**9, 10**9)), "X has shape")
    refused(with_header(path, (12, 2), body=X.tobytes()[:-8]), "192 bytes, but the file holds 184")
    refused(with_header(path, (-12, -2), body=X.tobytes()), r"X has shape \(-12, -2\)")
    refused(with_header(path, (2**40, 2**40)), "limit")


def test_uint8_counts_as_the_float64_it_becomes(tmp_path):
    refused(with_header(tmp_path / "data.npz", (2**31, 1), "|u1"), "limit of 8 GiB: use fewer")


def test_dev_file_takes_classes_and_width_from_training(tmp_path):
    training = save(tmp_path, X=X, y=Y)
    dev = save(tmp_path, "dev.npz", X=X[:2], y=np.array([2.0, 0.0]))
    assert load(DataSettings(path=training, dev=dev)).dev.y.tolist() == [2, 0]
    save(tmp_path, "dev.npz", X=np.ones((2, 3)), y=np.array([0, 7]))
    with pytest.raises(DataError) as caught:
        load(DataSettings(path=training, dev=dev))
    assert "X has 3 columns, expected 2 as in the training file" in str(caught.value)
    assert 'dev.npz: y[1]: label "7" (1 example) is no class' in str(caught.value)


def said_of(x, y, folder, pair):
    """The lines that are said of arrays in an .npz file, or in two .npy files."""
    if pair:
        np.save(folder / "x.npy", x)
        np.save(folder / "y.npy", y)
        found = DataSettings(path=str(folder / "x.npy"), labels=str(folder / "y.npy"))
    else:
        found = DataSettings(path=save(folder, X=x, y=y))
    with pytest.raises(DataError) as caught:
        load(found)
    return [line.split(": ", 1)[1] for line in str(caught.value).splitlines()]


@pytest.mark.parametrize("pair", [False, True])
def test_arrays_with_an_example_in_every_column_say_how_to_turn_them(tmp_path, pair):
    """X (features, examples) and y (1, examples), as Ng's course has them."""
    x, y = np.random.default_rng(0).normal(size=(14, 60)), np.arange(60) % 2
    row = "y has shape (1, 60), one row of labels, expected (examples,): save y.ravel()"
    turned = "X has shape (14, 60) for 60 labels and looks transposed, an example in every column: save X.T"
    assert sorted(said_of(x, y[None, :], tmp_path, pair)) == sorted([row, turned])
    assert said_of(x.T, y[None, :], tmp_path, pair) == [row]
    assert said_of(x, y, tmp_path, pair) == [turned]
    assert said_of(x[:, :50], y, tmp_path, pair) == ["X has 14 rows, y has 60: expected as many labels as rows"]
    one_hot = np.eye(3)[np.arange(60) % 3]
    assert "save y.argmax(axis=1);" in said_of(x.T, one_hot, tmp_path, pair)[0]
    assert "axis=0 where examples are columns" in said_of(x.T, one_hot.T, tmp_path, pair)[0]
    assert len(load(DataSettings(path=save(tmp_path, X=x.T, y=y[:, None]))).train) == 36
