"""The data as workers map them: the same bits as normalised in memory, shared, and never written to."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hptune import session
from hptune.config import study_file, yaml_tree
from hptune.data import prepared
from hptune.data.dataset import Dataset, Subset, normalise
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.errors import DataError, StoppedError, StorageError
from hptune.nn import training
from hptune.nn.hyperparameters import Hyperparameters
from hptune.runs import RunFolder
from hptune.study import data_for_workers

DIGITS = load(DataSettings(source="digits"))
MOONS = load(DataSettings(source="moons", split=(0.5, 0.5)))


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("dataset", [DIGITS, MOONS], ids=["with test", "without"])
def test_what_is_read_is_what_would_have_been_in_memory(dataset, normalized, tmp_path):
    prepared.write(tmp_path / "data", dataset, normalized=normalized)
    found, expected = prepared.read(tmp_path / "data"), normalise(dataset, inputs=normalized)
    assert found.fingerprint() == expected.fingerprint()
    assert (found.classes, found.features, found.image) == (expected.classes, expected.features, expected.image)
    assert found.schema == expected.schema
    assert (found.normalisation is None) is (not normalized)
    if normalized:
        np.testing.assert_array_equal(found.normalisation.mean, expected.normalisation.mean)
        np.testing.assert_array_equal(found.normalisation.scale, expected.normalisation.scale)


def test_the_scale_of_targets_keeps_every_digit(tmp_path):
    x, y = np.arange(6.0).reshape(3, 2), 1e8 + np.array([0, 1 / 3, 1]) * 1e-3
    dataset = Dataset(*[Subset(x, y)] * 3, classes=(), features=("p", "q"))
    prepared.write(tmp_path / "data", dataset, normalized=True)
    found, expected = prepared.read(tmp_path / "data"), normalise(dataset)
    assert found.target == expected.target
    assert expected.target.deviation != round(expected.target.deviation, 6)
    assert expected.target.mean != round(expected.target.mean, 6)
    np.testing.assert_array_equal(found.dev.y, expected.dev.y)


def test_inputs_that_are_not_normalised_are_as_they_are_and_finite(tmp_path):
    x = np.array([[1.5, 1e300], [-3e7, -1e300], [0.1, 5.0]])
    odd = Dataset(*[Subset(x, np.arange(3))] * 3, classes=("a", "b", "c"), features=("p", "q"))
    prepared.write(tmp_path / "data", odd, normalized=False)
    largest = np.finfo(np.float32).max
    expected = np.array([[1.5, largest], [-3e7, -largest], [0.1, 5.0]], np.float32)
    for subset in prepared.read(tmp_path / "data").subsets():
        np.testing.assert_array_equal(subset.x, expected)


@pytest.mark.parametrize("normalized", [True, False])
def test_training_neither_copies_nor_writes_what_is_mapped(normalized, tmp_path):
    prepared.write(tmp_path / "data", DIGITS, normalized=normalized)
    mapped = prepared.read(tmp_path / "data")
    assert not any(array.flags.writeable for subset in mapped.subsets() for array in (subset.x, subset.y))
    h = Hyperparameters(epochs=2, input_dropout=0.2, batch_norm=True, learning_rate=1e-3)
    curve, final = run(mapped, h)
    assert (curve, final) == run(normalise(DIGITS, inputs=normalized), h)
    network = training._network(mapped, h, np.random.default_rng(0), np.float32)
    assert np.shares_memory(training._examples(mapped.train, mapped, network).x, mapped.train.x)


def run(dataset, h):
    epochs = training.train(dataset, h, metric="dev_error", seed=0, number=0)
    curve = []
    while True:
        try:
            curve.append(dataclasses.replace(next(epochs), seconds=0.0))
        except StopIteration as end:
            return curve, end.value.final


def config(train, space="l2: {low: 0, high: 1}"):
    text = f"data: {{source: moons}}\ntrain: {train}\nspace: {{{space}}}\n"
    return study_file.parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=Path())


@pytest.mark.parametrize(
    ("train", "space", "forms"),
    [
        ("{}", "l2: {low: 0, high: 1}", {"normalized"}),
        ("{normalize_inputs: false}", "l2: {low: 0, high: 1}", {"plain"}),
        ("{}", "normalize_inputs: {choices: [true, false]}", {"normalized", "plain"}),
    ],
)
def test_only_what_a_trial_can_ask_for_is_prepared_and_nothing_stays(train, space, forms, tmp_path):
    folder = RunFolder(tmp_path)
    (folder.data / "left").mkdir(parents=True)  # by a sitting that was killed
    with data_for_workers(folder, config(train, space), load(DataSettings(source="moons"))):
        assert {path.name for path in folder.data.iterdir()} == forms
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyError), data_for_workers(folder, config(train), load(DataSettings(source="moons"))):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_says_what_to_do_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with (
        pytest.raises(StorageError, match=r"No space left on device.*hptune resume"),
        data_for_workers(RunFolder(tmp_path), config("{}"), DIGITS),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_or_damaged_is_said_and_never_taken_for_less_data(tmp_path):
    prepared.write(tmp_path / "data", DIGITS, normalized=True)
    files = sorted((tmp_path / "data").iterdir())
    assert {"dev_x.npy", "test_y.npy", "mean.npy", "dataset.json"} < {path.name for path in files}
    for path in files:
        whole = path.read_bytes()
        for damage in (path.unlink, lambda path=path, whole=whole: path.write_bytes(whole[: len(whole) // 2])):
            damage()
            with pytest.raises(DataError, match="deleted or damaged while hptune was at work"):
                prepared.read(tmp_path / "data")
            path.write_bytes(whole)
    prepared.read(tmp_path / "data")


def test_of_a_link_at_the_place_of_the_data_only_the_link_goes(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    (tmp_path / "run").mkdir()
    folder = RunFolder(tmp_path / "run")
    folder.data.symlink_to(tmp_path / "precious")
    with data_for_workers(folder, config("{}"), DIGITS):
        assert not folder.data.is_symlink()
    assert list(folder.path.iterdir()) == []
    assert [path.name for path in (tmp_path / "precious").iterdir()] == ["file"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_outside_of_training_leaves_nothing_behind(number, tmp_path):
    before = signal.getsignal(number)
    with (
        pytest.raises(StoppedError, match="hptune resume") as stopped,
        session.sitting(RunFolder(tmp_path), config("{}"), DIGITS),
    ):
        os.kill(os.getpid(), number)
    assert stopped.value.exit_code == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_workers_share_their_pages(tmp_path):
    """The proportional share of each in the mapped file is half of it; what is a copy would not be shared."""
    rows = 20_000
    x = np.random.default_rng(0).normal(size=(rows, 100))
    subset = Subset(x, np.arange(rows) % 2)
    prepared.write(tmp_path / "data", Dataset(subset, subset, None, ("a", "b"), ("p",) * 100), normalized=True)
    program = (
        "import sys, re, json\nfrom pathlib import Path\nfrom hptune.data import prepared\n"
        "dataset = prepared.read(Path(sys.argv[1]))\n"
        "dataset.train.x.sum()\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "blocks = Path('/proc/self/smaps').read_text().split('VmFlags')\n"
        "block = next(b for b in blocks if 'train_x.npy' in b)\n"
        "found = {key: int(re.search(rf'^{key}: +(\\d+)', block, re.M)[1]) for key in ('Rss', 'Pss')}\n"
        "print(json.dumps(found), flush=True)\n"
        "sys.stdin.readline()\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path / "data"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
    found = []
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
        found.append(json.loads(process.stdout.readline()))
    for process in both:
        process.communicate("\n", timeout=30)
    kilobytes = rows * 100 * 4 / 1024
    for one in found:
        assert one["Rss"] > 0.9 * kilobytes
        assert one["Pss"] < 0.6 * kilobytes
