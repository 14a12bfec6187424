"""A file that is written is whole or as it was, whoever else writes it, and lies nowhere but where it was asked for."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from hptune import replacing
from hptune.errors import StorageError
from hptune.replacing import replace_file, write_output


def test_what_is_no_regular_file_is_written_into_and_a_link_stays(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_output(tmp_path / "link.csv", "new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"
    write_output(Path("/dev/null"), "gone")
    assert Path("/dev/null").is_char_device()
    assert {path.name for path in tmp_path.iterdir()} == {"real.csv", "link.csv"}


def test_drafts_of_killed_writers_are_swept_up(tmp_path):
    """Whoever is at one has it locked: by an open file, so that it counts in every container."""
    left, taken = (tmp_path / f".a.csv.{digit * 16}" for digit in "0a")
    left.write_text("half")
    taken.write_text("somebody is at it")
    with taken.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        replace_file(tmp_path / "a.csv", "whole")
        assert {path.name for path in tmp_path.iterdir()} == {"a.csv", taken.name}
    replace_file(tmp_path / "a.csv", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv"}


def test_writers_with_one_process_number_do_not_meet(tmp_path, monkeypatch):
    """As in two containers: the second writes the same file while the first is at it, and is killed."""
    sync, seen = os.fsync, []

    def while_the_first_is_at_it(descriptor):
        if not seen:
            seen.append(descriptor)
            pid = os.fork()
            if pid == 0:
                replacing.reach = lambda name: os._exit(0) if name == "file.draft" else None
                replace_file(tmp_path / "a.csv", "second")
            os.waitpid(pid, 0)
        sync(descriptor)

    monkeypatch.setattr(os, "getpid", lambda: 7)
    monkeypatch.setattr(os, "fsync", while_the_first_is_at_it)
    replace_file(tmp_path / "a.csv", "first")
    assert (tmp_path / "a.csv").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 2  # the draft of the second, until the next
    replace_file(tmp_path / "a.csv", "third")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_file_keeps_its_mode_and_umask_decides_that_of_a_new_one(tmp_path):
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "a.csv", "new")
        (tmp_path / "b.csv").touch(0o600)
        replace_file(tmp_path / "b.csv", "changed")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.csv", "b.csv")] == [0o640, 0o600]


def test_files_that_only_begin_like_a_draft_stay(tmp_path):
    others = (".a.csv.swp", ".a.csv.bak", f".b.csv.{'9' * 16}", f".a.csv.{'9' * 30}", ".a.csv.-1", ".bashrc.old")
    for name in others:
        (tmp_path / name).write_text("mine")
    folder = tmp_path / f".a.csv.{'7' * 16}"
    folder.mkdir()
    for name in ("a.csv", "*"):
        replace_file(tmp_path / name, "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "*", folder.name, *others}


def test_links_that_lead_to_each_other_cannot_be_written(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(StorageError, match="cannot be written"):
        write_output(tmp_path / "a", "lost")
