"""A folder that cannot be written to, or has no room, is found out before anything is trained."""

from __future__ import annotations

import errno
import os
import shutil
from collections import namedtuple

import driver
import numpy as np
import pytest
from fake_workers import RandomWorkers

from hptune import loop, probe, study
from hptune.config import study_file, yaml_tree
from hptune.data import prepared
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.errors import StorageError
from hptune.runs import RunFolder
from hptune.store import Store
from hptune.trial import Job

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024  (as shutil has it)


def test_it_leaves_nothing(tmp_path):
    probe.probe(RunFolder(tmp_path), 1000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_each_place_is_tried(code, tmp_path, monkeypatch):
    """As root may write anywhere, the system's refusal is made up."""
    folder = RunFolder(tmp_path)
    folder.weights.mkdir()
    make = probe.tempfile.TemporaryFile

    for refused in (folder.path, folder.weights):

        def refuse(dir, refused=refused):  # noqa: A002  (tempfile's name)
            if dir == refused:
                raise OSError(code, os.strerror(code))
            return make(dir=dir)

        monkeypatch.setattr(probe.tempfile, "TemporaryFile", refuse)
        with pytest.raises(StorageError, match="Nothing was trained") as raised:
            probe.probe(folder, 0)
        assert os.strerror(code) in str(raised.value)
        assert f"hptune resume {tmp_path}" in str(raised.value)


def test_data_without_room_are_not_even_begun(tmp_path, monkeypatch):
    dataset = load(DataSettings(source="digits"))
    text = "data: {source: digits}\nspace: {learning_rate: {scale: log, low: 0.1, high: 1}}\nsearch: {trials: 1}\n"
    config = study_file.parse(yaml_tree.parse(text, "study.yaml"), (), default_name="x", folder=None)
    needed = prepared.size(dataset) * len(prepared.forms(config.train))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, needed - 1))
    folder = RunFolder(tmp_path)
    with (
        pytest.raises(StorageError, match="the data for the workers take"),
        study.data_for_workers(folder, config, dataset),
    ):
        pytest.fail("begun")
    assert not folder.data.exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, needed))
    with study.data_for_workers(folder, config, dataset):
        written = sum(path.stat().st_size for path in folder.data.rglob("*.npy"))
        assert needed <= written < needed + 10_000  # headers, and means and deviations
        assert np.load(next(folder.data.rglob("train_x.npy"))).dtype == np.float32


def test_a_database_that_cannot_be_written_to_shows_before_a_worker_has_anything_to_do(tmp_path, monkeypatch):
    def refuse(*_):
        raise StorageError("no")

    monkeypatch.setattr(Store, "append", refuse)
    config = driver.config()
    workers = RandomWorkers(Job("fake_trainers:steady", "dev_error"), 1)
    with driver.open_store(tmp_path, config) as opened:
        with pytest.raises(StorageError):
            list(loop.run(opened, workers, config, loop.Stop()))
        assert workers.n_busy == 0
        assert opened.snapshot().trials == ()
