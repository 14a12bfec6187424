"""Runs in folders of odd names, and runs whose folder changes while they are written to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from runs_to_damage import edit, finished, go_on, trained

from hptune import runs, store, tables
from hptune.analysis.progress import run_line
from hptune.errors import StorageError
from hptune.store.repair import repair

NAMES = {
    "spaces": b" a b ",
    "line break": b"a\nb",
    "leading dash": b"-rf",
    "255 bytes": b"x" * 255,
    "unicode": "ä☃%20?#".encode(),
    "no UTF-8": b"\xff\xfe",
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_have_any_name(name, undisturbed, tmp_path):
    place = tmp_path / os.fsdecode(NAMES[name])
    place.mkdir()
    folder = runs.RunFolder(place / undisturbed.name)
    shutil.copytree(undisturbed.path, folder.path)
    assert run_line(folder) == run_line(undisturbed)
    assert runs.find_all(place) == [folder]
    edit(folder, "DELETE FROM trials WHERE number = 5")
    assert run_line(folder).state == "damaged"
    assert repair(folder).losses == ("trial 5 of search",)
    go_on(folder)
    assert trained(folder) == trained(undisturbed)
    tables.write(tables.load(folder.path))
    assert tables.load(folder.name, place).path == folder.path


@pytest.mark.parametrize("change", ["moved", "deleted"])
def test_what_is_written_at_the_end_needs_the_folder(change, undisturbed, tmp_path):
    folder = runs.RunFolder(tmp_path / "run")
    shutil.copytree(undisturbed.path, folder.path)
    run = tables.load(folder.path)
    with store.Store(folder) as opened:
        if change == "moved":
            folder.path.rename(tmp_path / "elsewhere")
        else:
            shutil.rmtree(folder.path)
        with pytest.raises(StorageError, match=r"trials\.csv: cannot be written"):
            tables.write(run)
        with pytest.raises(StorageError, match="moved or deleted"):
            opened.set_test_error(0, 0.5)
    assert not Path(folder.path).exists()
