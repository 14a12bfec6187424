"""The way in: built-in sets, files that cannot be data files, and which file becomes which subset."""

import hashlib
import os
import socket
import tracemalloc

import numpy as np
import pytest

from hptune.data import prepared
from hptune.data.loading import digits, load
from hptune.data.settings import DataSettings
from hptune.errors import DataError

ROWS = "".join(f"{i},{'xy'[i % 2]}\n" for i in range(40))
CSV = "a,label\n" + ROWS


def write(folder, name="data.csv", content=CSV):
    path = folder / name
    path.write_text(content)
    return str(path)


def settings(path, **others):
    return DataSettings(path=str(path), target="label", **others)


def message(*args, **others):
    with pytest.raises(DataError) as caught:
        load(settings(*args, **others))
    return str(caught.value)


def test_digits_are_those_of_the_repository():
    examples = digits()
    content = examples.x.astype(np.uint8).tobytes() + examples.y.astype(np.uint8).tobytes()
    assert examples.x.shape == (1797, 64)
    assert examples.x.min() == 0
    assert examples.x.max() == 16
    assert np.bincount(examples.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert hashlib.sha256(content).hexdigest() == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


def test_digits_are_split_in_three():
    dataset = load(DataSettings(source="digits"))
    assert [len(subset) for subset in dataset.subsets()] == [1079, 359, 359]
    assert dataset.classes == tuple("0123456789")
    assert len(dataset.features) == 64
    assert all(subset.x.dtype == np.float64 for subset in dataset.subsets())


def test_generated_set_is_split_by_its_seed():
    first, again, other = (load(DataSettings(source="moons", seed=seed)).fingerprint() for seed in (0, 0, 1))
    assert first == again != other


def test_two_fractions_leave_no_test_set():
    dataset = load(DataSettings(source="blobs", examples=100, split=(0.7, 0.3)))
    assert (len(dataset.train), len(dataset.dev), dataset.test) == (70, 30, None)


@pytest.mark.parametrize(
    ("files", "others", "sizes"),
    [
        ((), {}, [24, 8, 8]),
        ((), {"split": (0.5, 0.5)}, [20, 20]),
        (("dev",), {}, [40, 40]),
        (("test",), {}, [30, 10, 40]),
        (("test",), {"split": (0.5, 0.5)}, [20, 20, 40]),
        (("dev", "test"), {}, [40, 40, 40]),
    ],
)
def test_files_of_their_own_are_not_split(tmp_path, files, others, sizes):
    apart = {key: write(tmp_path, f"{key}.csv") for key in files}
    dataset = load(settings(write(tmp_path), **apart, **others))
    assert [len(subset) for subset in dataset.subsets()] == sizes


def test_fingerprint_changes_when_one_cell_changes(tmp_path):
    path = write(tmp_path)
    before = load(settings(path)).fingerprint()
    assert load(settings(path)).fingerprint() == before
    write(tmp_path, content=CSV.replace("\n7,", "\n7.000000001,"))
    assert load(settings(path)).fingerprint() != before


def test_fingerprint_changes_when_one_label_or_a_name_changes(tmp_path):
    path = write(tmp_path)
    before = load(settings(path)).fingerprint()
    for change in (CSV.replace("\n7,y", "\n7,x"), CSV.replace("y", "z"), CSV.replace("a,", "b,", 1)):
        write(tmp_path, content=change)
        assert load(settings(path)).fingerprint() != before


def test_blanks_and_unicode_in_a_path_are_fine(tmp_path):
    (tmp_path / "mes données ü").mkdir()
    assert len(load(settings(write(tmp_path, "mes données ü/été 1.CSV"))).train) == 24


@pytest.mark.parametrize(
    ("name", "phrases"),
    [
        ("https://example.org/data.csv", ["local files only"]),
        ("s3://bucket/data.npz", ["local files only"]),
        ("data.csv.bz2", [".csv, .tsv, .tab, .npz, .npy, .parquet and IDX files", "ends in .bz2: unpack it first"]),
        ("/nowhere/at/all/data.csv", ["no such file", "/nowhere/at/all"]),
        ("a\0b.csv", ["cannot be read"]),
        ("x" * 300 + ".csv", ["cannot be read"]),
    ],
)
def test_name_that_cannot_be_read_is_explained(name, phrases):
    text = message(name)
    assert text.startswith(f"{name}: ")
    assert [phrase for phrase in phrases if phrase not in text] == []


def test_missing_file_suggests_a_near_name(tmp_path):
    write(tmp_path)
    text = message(tmp_path / "date.csv")
    assert "no such file" in text
    assert 'Did you mean "data.csv"?' in text


def test_directory_is_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    assert "is a directory" in message(tmp_path / "folder.csv")
    assert "is a directory" in message(tmp_path)


def test_file_without_suffix_is_refused(tmp_path):
    assert "ends in nothing" in message(write(tmp_path, "data"))


def test_pipe_and_socket_are_refused_without_reading(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a regular file" in message(tmp_path / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.csv"))
        assert "not a regular file" in message(tmp_path / "s.csv")


def test_empty_file_is_refused(tmp_path):
    assert message(write(tmp_path, content="")).endswith("data.csv: the file is empty")
    assert message(write(tmp_path, "data.npz", "")).endswith("data.npz: the file is empty")


def test_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path)
    monkeypatch.setattr("hptune.data.files.os.access", lambda path, mode: False)  # root may read everything
    assert "no permission" in message(path)


def test_file_that_vanishes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("hptune.data.loading.check_file", lambda path: None)
    assert "cannot be read: No such file" in message(tmp_path / "gone.csv")


def test_problems_of_all_files_are_shown_together(tmp_path):
    text = message(tmp_path / "a.csv", dev=str(tmp_path / "b.csv"), test=write(tmp_path, "c.csv", ""))
    assert [line.removeprefix(f"{tmp_path}/").split(":")[0] for line in text.splitlines()] == [
        "a.csv",
        "b.csv",
        "c.csv",
    ]


def test_problems_of_dev_and_test_are_shown_together(tmp_path):
    apart = {key: write(tmp_path, f"{key}.csv", "a,label\noops,x\n") for key in ("dev", "test")}
    text = message(write(tmp_path), **apart)
    assert [line.split(":")[0] for line in text.splitlines()] == [apart["dev"], apart["test"]]


@pytest.mark.parametrize(
    ("others", "phrase"),
    [
        ({"dev": "dev.npz"}, "data.dev must be a CSV file like data.path"),
        ({"dev": "data.csv"}, "data.dev and data.path are the same file"),
        ({"dev": "dev.csv", "test": "dev.csv"}, "data.test and data.dev are the same file"),
        ({"dev": "dev.csv", "split": (0.8, 0.2)}, "nothing is left to split"),
        ({"test": "dev.csv", "split": (0.8, 0.1, 0.1)}, "train and dev only"),
    ],
)
def test_files_that_do_not_go_together_are_explained(tmp_path, others, phrase):
    for name in ("dev.csv", "dev.npz"):
        write(tmp_path, name)
    apart = {key: str(tmp_path / value) if key != "split" else value for key, value in others.items()}
    assert phrase in message(write(tmp_path), **apart)


def test_settings_for_csv_are_refused_for_npz(tmp_path):
    np.savez(tmp_path / "data.npz", X=np.ones((6, 1)), y=np.arange(6) % 2)
    assert "data.target: for CSV, TSV and Parquet files only" in message(tmp_path / "data.npz")


def test_split_errors_name_the_file(tmp_path):
    path = write(tmp_path, content=CSV + "1,rare\n")
    text = message(path)
    assert text.startswith(f"{path}: every class needs at least 3 examples")
    assert '"rare" (1)' in text


def test_loading_takes_no_more_memory_than_is_asked_for(tmp_path):
    """NumPy's memory is counted; docs/study_file.md says 2.5 times X, of which some is for Python itself."""
    x = np.random.default_rng(0).normal(size=(20_000, 200))
    np.savez(tmp_path / "d.npz", X=x, y=x[:, 0] > 0)
    tracemalloc.start()
    try:
        dataset = load(DataSettings(path=str(tmp_path / "d.npz")))
        after_loading = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        dataset.fingerprint()
        prepared.write(tmp_path / "data", dataset, normalized=True)
        assert 1.5 * x.nbytes < tracemalloc.get_traced_memory()[1] < 2.5 * x.nbytes
    finally:
        tracemalloc.stop()
    assert 1.5 * x.nbytes < after_loading < 2.4 * x.nbytes
