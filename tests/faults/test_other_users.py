"""Several users, and root, on one folder of runs: what each may do, what they are told, and what is left whose.

Real commands, each as somebody of a group.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import programs as kit
import pytest

from hptune.runs import RunFolder
from hptune.store import Store

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
ROOT, ALICE, BOB, GROUP = 0, 54_321, 54_322, 54_320
RETEST = ("retest", "--top", 1, "--seeds", 1, "--workers", 0)


@pytest.fixture
def place(undisturbed):
    """A place of the group's, with a study and a finished run of Alice's in it."""
    parent = Path(tempfile.mkdtemp(dir="/tmp"))
    parent.chmod(0o755)
    place = shutil.copytree(undisturbed["retest"].before, parent / "place")
    give(place, ALICE)
    yield place
    shutil.rmtree(parent)


@pytest.fixture
def typed(programs, place):
    def typed(user, *arguments, code=0, umask=0o002, orders=""):
        """Type a command in the place as somebody; what was printed, on one line."""
        ended = programs.run(place, *arguments, orders=orders, user=(user, GROUP, umask))
        assert ended.code == code, ended.output
        assert "hptune made a mistake" not in ended.output
        return " ".join(ended.output.split())

    return typed


def give(folder, user, mode=0o664):
    """A folder and all in it to somebody of the group, files with that mode."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, GROUP)
        path.chmod(mode if path.is_file() else 0o2775)


def left_in(folder):
    return {path.name: (path.stat().st_uid, oct(stat.S_IMODE(path.stat().st_mode))) for path in folder.iterdir()}


def left_by_a_kill(folder, *gone):
    """A run in the middle of being written to, without the files of some endings."""
    kept = folder.with_name(".kept")
    with Store(RunFolder(folder)) as opened:
        opened.add_facts({"more": "in the log"})
        shutil.copytree(folder, kept)
    shutil.rmtree(folder)
    kept.rename(folder)
    give(folder, ALICE)
    for ending in gone:
        (folder / f"run.db{ending}").unlink()


def test_a_folder_that_may_not_be_entered_is_left_out_and_said(typed, place):
    """As the lost+found of a disk, or a colleague's run with umask 077."""
    typed(BOB, *kit.SEARCH, "--workers", 0)
    (place / "runs/lost+found").mkdir(0o700)
    (place / "runs/toy-001").chmod(0o700)
    said = typed(BOB, "list")
    assert "toy-002" in said
    assert "no right to look into it: lost+found (runs/lost+found belongs to root, group" in said
    assert f"no right to look into it: toy-001 (runs/toy-001 belongs to {ALICE}, group {GROUP}, mode 700)" in said
    assert "toy-002" in typed(BOB, "resume")
    typed(BOB, *kit.SEARCH, "--workers", 0)
    typed(BOB, "report")
    assert f"no right to look into it (runs/toy-001 belongs to {ALICE}" in typed(BOB, "report", "toy-001", code=7)
    (place / "runs").chmod(0o700)
    assert f"runs: no right to look into it (runs belongs to {ALICE}" in typed(BOB, "list", code=7)


def test_a_run_in_a_folder_that_may_not_be_listed_is_trained_on(typed, place):
    give(kit.run_folder(place), BOB)
    (place / "runs").chmod(0o711)
    assert "hptune report toy-001" in typed(BOB, *RETEST, "toy-001")


def test_the_newest_run_is_one_that_may_be_read(typed, place):
    typed(ALICE, *kit.SEARCH, "--workers", 0)
    (place / "runs/toy-002/run.db").chmod(0o600)
    assert "toy-001" in typed(BOB, "report")
    said = typed(BOB, "list")
    assert f"Permission denied (runs/toy-002/run.db belongs to {ALICE}, group {GROUP}, mode 600)" in said


@pytest.mark.parametrize("gone", [None, (), ("-shm",), ("-shm", "-wal")])
def test_who_only_reads_leaves_nothing_and_hinders_nobody(gone, typed, place):
    """At rest, or killed: what was left, a copy of it as it was documented, and a database in WAL mode alone."""
    folder = kit.run_folder(place)
    if gone is not None:
        left_by_a_kill(folder, *gone)
    before = left_in(folder)
    for command in ("report", "list"):
        typed(BOB, command, umask=0o022)
        assert left_in(folder) == before
    typed(ALICE, *RETEST)


def test_a_reader_of_a_living_run_makes_nothing_either(typed, place):
    folder = kit.run_folder(place)
    with Store(RunFolder(folder)):
        give(folder, ALICE)
        before = left_in(folder)
        assert "running" in typed(BOB, "list")
        typed(BOB, "report")
        assert left_in(folder) == before


@pytest.mark.parametrize("ending", ["-shm", "-wal"])
def test_files_of_others_are_rights_and_no_damage(ending, typed, place):
    """As a reader of hptune 0.1.0 left them."""
    folder = kit.run_folder(place)
    left_by_a_kill(folder)
    path = folder / f"run.db{ending}"
    os.chown(path, BOB, BOB)
    path.chmod(0o644)
    for command in (RETEST, ("zoom", "--workers", 0)):
        said = typed(ALICE, *command, code=7)
        where = f"runs/toy-001/run.db{ending}"
        assert f"no right to read and write {path.name} ({where} belongs to {BOB}, group {BOB}, mode 644)" in said
    assert "repair" not in said


def test_of_a_group_everyone_goes_on_with_the_runs_of_the_others(typed, place):
    """As umask 002 in a folder with the setgid bit has it."""
    typed(ALICE, *kit.SEARCH, "--workers", 0)
    folder = place / "runs/toy-002"
    assert {user for user, _ in left_in(folder).values()} == {ALICE}
    assert {mode for _, mode in left_in(folder).values()} == {"0o664"}
    typed(BOB, *RETEST)
    typed(ALICE, *RETEST)
    typed(BOB, "export")
    assert {path.stat().st_gid for path in folder.iterdir()} == {GROUP}
    assert {mode for _, mode in left_in(folder).values()} == {"0o664"}


def test_who_lacks_the_rights_is_told_whose_they_are(typed, place):
    folder = kit.run_folder(place)
    (folder / ".lock").chmod(0o644)
    whose = f"runs/toy-001/.lock belongs to {ALICE}, group {GROUP}, mode 644"
    assert f"Permission denied ({whose})" in typed(BOB, *RETEST, code=7)
    folder.chmod(0o755)
    said = typed(BOB, "export", code=7)
    assert f"trials.csv: cannot be written: Permission denied (runs/toy-001 belongs to {ALICE}" in said


def test_what_root_trains_on_stays_the_users(typed, place):
    folder = kit.run_folder(place)
    give(folder, ALICE, 0o640)
    for name in ("trials.csv", ".lock"):
        (folder / name).unlink()
    typed(ROOT, *RETEST, umask=0o077)
    assert {user for user, _ in left_in(folder).values()} == {ALICE}
    assert left_in(folder)["curves.csv"] == (ALICE, "0o640")
    typed(ROOT, *RETEST, umask=0o077, orders="weights.deleting:1:kill", code=-9)
    assert {user for user, _ in left_in(folder).values()} == {ALICE}
    assert {".data", ".weights"} <= set(left_in(folder))
    typed(ALICE, "resume")
    assert sorted(left_in(folder)) == kit.AT_REST


def test_who_may_read_may_copy(typed, place):
    folder = kit.run_folder(place)
    left_by_a_kill(folder, "-shm")
    before = left_in(folder)
    copies = place.parent / "copies"
    copies.mkdir()
    os.chown(copies, BOB, GROUP)
    typed(BOB, "export", "--copy", copies / "one")
    assert left_in(folder) == before
    assert {user for user, _ in left_in(copies / "one").values()} == {BOB}
    typed(BOB, *RETEST, copies / "one")


def test_a_repaired_database_is_whose_it_was(typed, place):
    database = kit.run_folder(place) / "run.db"
    content = database.read_bytes()
    database.write_bytes(content[:-4096] + bytes(4096))
    typed(ROOT, "repair", umask=0o077)
    assert left_in(database.parent)["run.db"] == (ALICE, "0o664")
