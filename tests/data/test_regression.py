"""Data sets of numbers to be learned: every kind of file, what is refused, the split, and the scale of the targets."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from hptune.data.dataset import FARTHEST, TargetScale, normalise
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.data.split import split
from hptune.errors import DataError

X = np.arange(40.0).reshape(20, 2)
Y = np.linspace(-1.5, 8, 20)  # -1.5, -1, ... 8


def csv_of(y, x=X):
    return "a,b,price\n" + "".join(f"{a},{b},{target}\n" for (a, b), target in zip(x, y, strict=True))


def load_file(path, **others):
    return load(DataSettings(path=str(path), task="regression", **others))


def read_csv(folder, content, **others):
    (folder / "data.csv").write_text(content)
    return load_file(folder / "data.csv", target="price", **others)


def targets(dataset):
    return np.concatenate([subset.y for subset in dataset.subsets()])


def write_csv(folder):
    (folder / "data.csv").write_text(csv_of(Y))
    return {"path": str(folder / "data.csv"), "target": "price"}


def write_tsv(folder):
    (folder / "data.tsv").write_text(csv_of(Y).replace(",", "\t"))
    return {"path": str(folder / "data.tsv"), "target": "price"}


def write_parquet(folder):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"a": X[:, 0], "b": X[:, 1], "price": Y}), folder / "data.parquet")
    return {"path": str(folder / "data.parquet"), "target": "price"}


def write_npz(folder):
    np.savez(folder / "data.npz", X=X, y=Y[:, None])
    return {"path": str(folder / "data.npz")}


def write_npy(folder):
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", Y.astype(np.float32))
    return {"path": str(folder / "X.npy"), "labels": str(folder / "y.npy")}


def write_idx(folder):
    for name, values in (("x", X), ("y", Y)):
        header = bytes((0, 0, 0x0E, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape)
        (folder / f"{name}.idx.gz").write_bytes(gzip.compress(header + values.astype(">f8").tobytes()))
    return {"path": str(folder / "x.idx.gz"), "labels": str(folder / "y.idx.gz")}


@pytest.mark.parametrize("write", [write_csv, write_tsv, write_parquet, write_npz, write_npy, write_idx])
def test_every_kind_of_file_gives_the_same_data_set(tmp_path, write):
    dataset = load(DataSettings(**write(tmp_path), task="regression"))
    assert dataset.is_regression
    assert dataset.classes == ()
    assert dataset.train.y.dtype == np.float64
    assert [len(subset) for subset in dataset.subsets()] == [12, 4, 4]
    x = np.concatenate([subset.x for subset in dataset.subsets()])
    order = np.argsort(x[:, 0])
    np.testing.assert_array_equal(x[order], X)
    np.testing.assert_array_equal(targets(dataset)[order], Y)  # float32 holds halves exactly


def test_whole_numbers_are_numbers_and_not_classes(tmp_path):
    dataset = read_csv(tmp_path, csv_of([1, 2] * 10))
    assert dataset.classes == ()
    assert sorted(targets(dataset)) == [1.0] * 10 + [2.0] * 10


def test_files_of_dev_and_test_may_have_any_numbers(tmp_path):
    for name, values in (("dev", [99.5, 1, 1]), ("test", [7, 7])):
        (tmp_path / f"{name}.csv").write_text(csv_of(values, X[: len(values)]))
    apart = {name: str(tmp_path / f"{name}.csv") for name in ("dev", "test")}
    dataset = read_csv(tmp_path, csv_of(Y), **apart)
    assert [subset.y.tolist() for subset in dataset.subsets()] == [Y.tolist(), [99.5, 1, 1], [7, 7]]


CELLS = [str(value) for value in Y]
WRONG = {
    "text": ({3: "sold"}, ['data.csv:5: column "price": target "sold" (1 example): expected a number']),
    "text of a few": ({3: "sold", 9: "sold"}, ['data.csv:5: column "price": target "sold" (2 examples)']),
    "missing": (
        {4: "", 2: "NA"},
        ['data.csv:4: column "price": 2 targets missing, the first one here: every example needs a target'],
    ),
    "infinite": ({0: "inf"}, ['data.csv:2: column "price": target "inf" (1 example): expected a finite number']),
    "separators": ({1: '"1,000"'}, ['data.csv:3: column "price": target "1,000" (1 example): expected a number, with']),
    "all at once": ({1: "-inf", 2: "?", 3: ""}, ["data.csv:3: ", 'data.csv:4: column "price": target "?"', ":5: "]),
    "no number": (
        dict.fromkeys(range(20), "red") | {7: "blue"},
        ['data.csv: column "price": no number in it, the first text is "red": name another column; for classes'],
    ),
    "one text throughout": (
        dict.fromkeys(range(20), "sold"),
        ['data.csv:2: column "price": target "sold" (20 examples): expected a number: correct it or remove the row'],
    ),
    "one number": (
        dict.fromkeys(range(20), "3.0"),
        ["data.csv: the target is 3 in all 12 examples of train: there is nothing to learn"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_finite_number_is_refused_with_its_line(tmp_path, name):
    changes, phrases = WRONG[name]
    with pytest.raises(DataError) as caught:
        read_csv(tmp_path, csv_of([changes.get(row, cell) for row, cell in enumerate(CELLS)]))
    lines = str(caught.value).splitlines()
    assert len(lines) == len(phrases)
    for line, phrase in zip(lines, phrases, strict=True):
        assert phrase in line


def test_problems_of_targets_and_of_features_are_told_together(tmp_path):
    content = csv_of(CELLS).replace("2.0,3.0,-1.0", "wide,3.0,cheap")
    with pytest.raises(DataError) as caught:
        read_csv(tmp_path, content)
    assert [line.partition(": ")[0].rpartition("/")[2] for line in str(caught.value).splitlines()] == ["data.csv:3"] * 2


@pytest.mark.parametrize(
    ("y", "phrase"),
    [
        (np.where(Y == 0, np.nan, Y), "y has 1 NaN or infinite value, the first at y[3] = nan"),
        (np.where(Y > 7, np.inf, Y), "y has 2 NaN or infinite values, the first at y[18] = inf"),
        (Y.astype(str), "y: holds text (<U32), expected numbers: save y.astype(float); for classes, remove data.task"),
        (np.ones(20), "the target is 1 in all 12 examples of train"),
        (np.stack([Y, Y], axis=1), "y has shape (20, 2), expected (examples,): for one-hot labels save"),
        (Y + 1j, "y holds complex numbers"),
        (np.full(20, 10**300, np.float64) * np.array([1, -1] * 10), None),  # far apart, but finite
    ],
)
def test_arrays_that_are_no_targets_are_refused(tmp_path, y, phrase):
    np.savez(tmp_path / "data.npz", X=X, y=y)
    if phrase is None:
        scaled = normalise(load_file(tmp_path / "data.npz"))
        assert np.isfinite(targets(scaled)).all()
        return
    with pytest.raises(DataError) as caught:
        load_file(tmp_path / "data.npz")
    assert phrase in str(caught.value)


@pytest.mark.parametrize("y", [Y, np.arange(100, 121)], ids=["fractions", "whole numbers, nearly all different"])
def test_numbers_without_a_task_are_told_what_to_write(tmp_path, y):
    path = tmp_path / "data.csv"
    path.write_text(csv_of(y, np.zeros((len(y), 2))))
    with pytest.raises(DataError, match=r"looks like regression.*write data\.task: regression in the study file"):
        load(DataSettings(path=str(path), target="price"))


def test_an_id_of_text_is_not_taken_for_regression(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(csv_of([f"id{row}" for row in range(30)], np.arange(60).reshape(30, 2)))
    with pytest.raises(DataError, match="looks like an id, not like classes: name another column") as caught:
        load(DataSettings(path=str(path), target="price"))
    assert "regression" not in str(caught.value)


@pytest.mark.parametrize("examples", [10, 11, 1000])
@pytest.mark.parametrize("fractions", [(0.6, 0.2, 0.2), (0.75, 0.25)])
def test_the_split_has_exact_sizes_and_every_example_once(examples, fractions):
    y = np.random.default_rng(0).normal(size=examples)
    parts = split(y, (), fractions, seed=3)
    sizes = [round(examples * fraction) for fraction in fractions[1:]]
    assert [len(part) for part in parts] == [examples - sum(sizes), *sizes]
    assert sorted(np.concatenate(parts)) == list(range(examples))
    again, other = split(y, (), fractions, seed=3), split(y, (), fractions, seed=4)
    assert all(np.array_equal(one, two) for one, two in zip(parts, again, strict=True))
    assert not np.array_equal(parts[0], other[0])


def test_the_split_is_shuffled():
    train, _, _ = split(np.arange(1000.0), (), (0.6, 0.2, 0.2), seed=0)
    assert abs(np.mean(train) - 499.5) < 40  # deviation of a mean of 600 of them: 288 / sqrt(600) * sqrt(0.4) = 7.5
    assert (np.diff(train) < 0).any()


def test_too_few_examples_for_a_part_are_refused():
    with pytest.raises(DataError, match=r"2 examples are too few: dev, a share of 0\.2, is empty"):
        split(np.array([1.0, 2.0]), (), (0.6, 0.2, 0.2), seed=0)


def test_targets_are_scaled_by_the_training_set_alone(tmp_path):
    dataset = read_csv(tmp_path, csv_of(Y))
    done = normalise(dataset, np.float32)
    mean, deviation = dataset.train.y.mean(), dataset.train.y.std()
    assert (done.target.mean, done.target.deviation) == pytest.approx((mean, deviation))
    for before, after in zip(dataset.subsets(), done.subsets(), strict=True):
        assert after.y.dtype == np.float64
        np.testing.assert_allclose(after.y, (before.y - mean) / deviation, atol=1e-14)
        np.testing.assert_allclose(done.target.undo(after.y), before.y, atol=1e-12)
    assert dataset.target is None
    assert normalise(load(DataSettings(source="moons"))).target is None


def test_a_target_out_of_all_proportion_stays_finite():
    scale = TargetScale.fit(np.array([1.0, 3.0]))
    assert scale == TargetScale(2.0, 1.0)
    assert scale.apply(np.array([1e308, -1e308, 4.0])).tolist() == [FARTHEST, -FARTHEST, 2.0]
    assert TargetScale.fit(np.array([5.0, 5.0])) is None


def test_the_fingerprint_follows_every_target(tmp_path):
    first = read_csv(tmp_path, csv_of(Y)).fingerprint()
    assert read_csv(tmp_path, csv_of(Y)).fingerprint() == first
    assert read_csv(tmp_path, csv_of(np.r_[Y[:-1], Y[-1] + 1e-9])).fingerprint() != first


def test_fingerprints_of_classification_are_as_they_were_before_regression():
    leaves = DataSettings(path=str(Path(__file__).parents[2] / "configs" / "leaves.csv"), target="species")
    assert load(leaves).fingerprint().startswith("18fe94a186ee5f5a")
    assert load(DataSettings(source="digits")).fingerprint().startswith("051c25cbadf59eef")
