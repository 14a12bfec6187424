"""A damaged run that is repaired and resumed ends with the tables of the undisturbed run; no byte is deleted."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import programs as kit
import pytest
from runs_to_damage import copy_of, cut_off, edit, finished, go_on, seen, trained

from hptune import store
from hptune.errors import RunDamagedError, RunInUseError, StorageError
from hptune.runs import RunFolder
from hptune.store import database
from hptune.store.repair import repair


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture(scope="module")
def retested(undisturbed, tmp_path_factory):
    folder = copy_of(undisturbed, tmp_path_factory.mktemp("retested") / "run")
    go_on(folder, retest=True)
    return folder


DAMAGES = {
    "a score": ("UPDATE trials SET score = 0 WHERE number = 5", "trial 5 of search"),
    "the first trial": ("UPDATE trials SET score = 0 WHERE number = 0", "trial 0 of search"),
    "configurations": ("UPDATE trials SET spec = '{}' WHERE number IN (7, 8, 20)", "trial 20 of search"),
    "trials that are gone": ("DELETE FROM trials WHERE number IN (4, 5)", "trial 4 of search; trial 5 of search"),
    "a curve": ("UPDATE curves SET piece = zeroblob(9) WHERE trial = 3", "the curve of trial 3, and so its result"),
    "a curve that is gone": ("DELETE FROM curves WHERE trial = 29", "the curve of trial 29"),
    "a trial that confirms": ("UPDATE trials SET reason = 'x' WHERE number = 26", "trial 26 of confirm-1"),
    "the last trial": ("DELETE FROM trials WHERE number = 29", "trial 29 of confirm-1"),
    "the last trial of the search": ("DELETE FROM trials WHERE number = 23", "trial 23 of search"),
    "the last trials": (
        "UPDATE trials SET score = 0 WHERE number > 26",
        "trial 27 of confirm-1; trial 28 of confirm-1; trial 29 of confirm-1",
    ),
    "its end": (
        "UPDATE trials SET score = 0 WHERE number IN (22, 23)",
        "trial 22 of search; trial 23 of",
    ),
    "the confirmation": ("UPDATE stages SET plan = '{}' WHERE stage = 1", "6 trials of what followed on search"),
    "all trials": ("DELETE FROM trials", "confirm-1"),
    "all curves": ("DROP TABLE curves", "the curve of trial 1, and"),
    "the study file": ("UPDATE facts SET value = '' WHERE name = 'config'", ""),
    "a sitting": ("UPDATE sittings SET elapsed_s = 0", ""),
    "a sitting that is gone": ("DELETE FROM sittings", ""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_lost_is_trained_again_and_comes_out_the_same(damage, undisturbed, tmp_path):
    statement, said = DAMAGES[damage]
    copy = copy_of(undisturbed, tmp_path / undisturbed.name)
    edit(copy, statement)
    content = copy.database.read_bytes()
    done = repair(copy)
    assert said in "; ".join(done.losses)
    assert done.kept.read_bytes() == content
    assert store.read(copy).stages == done.snapshot.stages
    assert repair(copy) is None
    go_on(copy)
    assert trained(copy) == trained(undisturbed)
    assert not (copy.path / ".repair").exists()


def test_that_the_end_may_be_lost_is_said_where_nothing_names_it(undisturbed, tmp_path):
    copy = copy_of(undisturbed, tmp_path / undisturbed.name)
    edit(copy, "DELETE FROM curves WHERE trial > 9", "DELETE FROM stages WHERE stage > 0")
    with contextlib.closing(sqlite3.connect(copy.database)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trials'").fetchone()[0]
    with copy.database.open("r+b") as file:
        file.seek((root - 1) * 4096)
        node = file.read(12)
        assert node[0] == 5  # of an interior page, whose right-most pointer is at 8 (sqlite.org/fileformat.html)
        file.seek((int.from_bytes(node[8:]) - 1) * 4096)
        file.write(b"\xff" * 4096)
    done = repair(copy)
    last = done.snapshot.trials[-1].number
    assert 9 < last < 23
    assert f"whatever came after trial {last}, if anything did" in done.losses
    go_on(copy)
    assert trained(copy) == trained(undisturbed)


def test_the_search_that_a_lost_trial_belongs_to_keeps_its_others(undisturbed, tmp_path):
    copy = copy_of(undisturbed, tmp_path / "copy")
    edit(copy, "DELETE FROM trials WHERE number = 5")
    done = repair(copy)
    assert [trial.number for trial in done.snapshot.trials] == [number for number in range(30) if number != 5]
    assert done.snapshot.n_to_go == 1


@pytest.mark.parametrize("size", [0.3, 0.6, 0.99])
def test_a_file_that_was_cut_is_read_as_far_as_it_goes(size, undisturbed, tmp_path):
    copy = copy_of(undisturbed, tmp_path / undisturbed.name)
    content = copy.database.read_bytes()
    copy.database.write_bytes(content[: int(size * len(content))])
    assert repair(copy).losses
    go_on(copy)
    assert trained(copy) == trained(undisturbed)


def test_every_page_may_be_lost_but_those_that_say_what_was_searched(undisturbed, tmp_path):
    content = undisturbed.database.read_bytes()
    n_saved, said = 0, []
    for start in range(0, len(content), 4096):
        copy = copy_of(undisturbed, tmp_path / undisturbed.name)
        damaged = content[:start] + b"\xff" * 4096 + content[start + 4096 :]
        copy.database.write_bytes(damaged)
        try:
            repair(copy)
        except RunDamagedError as error:
            said.append(str(error))
            assert copy.database.read_bytes() == damaged
            continue
        n_saved += 1
        go_on(copy)
        assert trained(copy) == trained(undisturbed)
    assert all("Nothing was changed" in text and "hptune search" in text for text in said)
    assert n_saved == len(content) // 4096 - 3  # the schema, the facts, the first stage


def test_a_stage_that_grew_from_what_is_lost_is_asked_for_anew(retested, tmp_path):
    copy = copy_of(retested, tmp_path / retested.name)
    edit(copy, "DELETE FROM trials WHERE number = 5")
    done = repair(copy)
    assert [stage.name for stage in done.dropped] == ["retest-2"]
    assert [stage.name for stage in done.snapshot.stages] == ["search", "confirm-1"]
    go_on(copy)
    go_on(copy, retest=True)
    assert trained(copy) == trained(retested)


def test_damage_of_a_later_stage_leaves_those_before_alone(retested, tmp_path):
    copy = copy_of(retested, tmp_path / retested.name)
    edit(copy, "DELETE FROM trials WHERE number = 31")
    assert not repair(copy).dropped
    go_on(copy)
    assert trained(copy) == trained(retested)


def test_repair_waits_for_nobody_and_a_second_one_keeps_another_file(undisturbed, tmp_path):
    copy = copy_of(undisturbed, tmp_path / "copy")
    with store.Store(copy), pytest.raises(RunInUseError):
        repair(copy)
    for number in (1, 2):
        edit(copy, f"UPDATE trials SET score = 0 WHERE number = {number}")
        assert repair(copy).kept.name == f"run.db.damaged-{number}"


def test_results_that_were_lost_are_counted(undisturbed, tmp_path):
    copy = copy_of(undisturbed, tmp_path / "copy")
    edit(copy, "DELETE FROM curves WHERE trial = 3")
    trial = repair(copy).snapshot.trials[3]
    assert trial.result is None
    assert trial.lost[-1].reason == "its curve was damaged where it was stored"


POINTS = ("repair.kept", "repair.merged", "repair.bare", "repair.swapped")
IN_PART = Path(__file__).parent / "format_3"  # 21 of 24 trials, before the confirmation


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_moment_it_keeps_what_only_the_log_holds(point, tmp_path):
    place = tmp_path / "runs" / "study-001"
    copy = cut_off(RunFolder(IN_PART), place, "UPDATE trials SET score = 0 WHERE number = 3")
    parts = {path.name: path.read_bytes() for path in copy.path.glob("run.db*") if path.name != "run.db-shm"}
    assert set(parts) == {"run.db", "run.db-wal"}
    expected = repair(copy_of(copy, tmp_path / "undisturbed")).snapshot.results
    assert len(expected) == 29
    kit.hptune(tmp_path, "repair", code=-signal.SIGKILL, HPTUNE_FAILPOINT=f"{point}:1:kill")
    kept = {name.replace("run.db", "run.db.damaged-1"): content for name, content in parts.items()}
    assert {name: (copy.path / name).read_bytes() for name in kept} == kept
    if point != "repair.swapped":
        with pytest.raises(RunDamagedError, match="table trials, number 3"):
            store.read(copy)
        assert repair(copy).snapshot.results == expected
    assert store.read(copy).results == expected
    assert repair(copy) is None
    assert not (copy.path / ".repair").exists()


def test_where_nothing_can_be_written_it_is_not_said_that_too_little_is_sound(undisturbed, tmp_path, monkeypatch):
    copy = copy_of(undisturbed, tmp_path / "copy")
    edit(copy, "UPDATE trials SET score = 0 WHERE number = 5")
    content = copy.database.read_bytes()

    def full(*_):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    monkeypatch.setattr(database, "create", full)
    with pytest.raises(StorageError, match="disk is full"):
        repair(copy)
    assert copy.database.read_bytes() == content
    assert not (copy.path / ".repair").exists()


def hptune(*arguments, code):
    command = [sys.executable, "-m", "hptune", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == code, ended.stderr
    return " ".join((ended.stdout + ended.stderr).split())


def test_the_command(undisturbed, tmp_path):
    copy = copy_of(undisturbed, tmp_path / "runs" / "study-001")
    assert "nothing to repair" in hptune("repair", copy.path, code=0)
    before = seen(copy)
    edit(copy, "UPDATE trials SET score = 0 WHERE number = 5")
    assert f"hptune repair {copy.path}" in hptune("report", copy.path, code=6)
    assert f"hptune repair {copy.path}" in hptune("list", "--runs", tmp_path / "runs", code=0)
    said = hptune("repair", "--runs", tmp_path / "runs", code=0)
    assert "28 results kept" in said or "29 results kept" in said
    assert "run.db.damaged-1" in said
    assert "Lost: trial 5 of search." in said
    assert f"hptune resume {copy.path}" in said
    assert seen(copy) != before
    copy.database.write_bytes(b"nothing of a database" * 999)
    assert "Nothing was changed" in hptune("repair", copy.path, code=6)
