"""The database of a run: what is stored stays, whatever happens to processes, places and bytes."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from pathlib import Path

import driver
import fabricate
import pytest

from hptune import runs, store, study, tables
from hptune.errors import HptuneError, RunDamagedError, StorageError
from hptune.events import AttemptLost, EpochEnded, TrialEnded, TrialStarted
from hptune.replacing import replace_file
from hptune.store import database, formats, lock, writer
from hptune.trial import EpochMetrics, Status, TrialResult, TrialSpec


def new(folder):
    return study.create(driver.config(), folder, {"fingerprint": "x"})


def spec(number):
    return TrialSpec(number, 0, {"learning_rate": 0.1}, 0)


def epoch(number, n):
    return EpochEnded(number, EpochMetrics(n, 0.5, 0.5, 0.5, 0.5, 0.1, 0.0))


def curves(folder):
    return [tuple(row[:2]) for row in store.read_with_curves(folder)[1]]


@pytest.mark.parametrize(
    ("code", "where", "advice"),
    [
        ("SQLITE_IOERR_SHMMAP", "toy-001", r"toy-001: its file system has no memory .* local disk"),
        ("SQLITE_IOERR_SHMMAP", ".new-0", r"runs: its file system has no memory .* local disk"),
        ("SQLITE_IOERR_WRITE", "toy-001", r"quota .*dmesg.* hptune resume .*toy-001"),
        ("SQLITE_FULL", "toy-001", r"Free space or rights, then: hptune resume .*toy-001"),
    ],
)
def test_what_is_said_of_a_file_system_helps(code, where, advice):
    """mmap that refuses MAP_SHARED gives the first; write that fails with EDQUOT or EIO the third, with ENOSPC FULL."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = code
    with pytest.raises(StorageError, match=advice), database.errors(Path("runs", where)):
        raise error


def test_a_new_attempt_forgets_the_curve_of_the_last_one(tmp_path):
    with new(tmp_path) as opened:
        opened.append([TrialStarted(spec(0), 1), epoch(0, 1), epoch(0, 2), TrialStarted(spec(1), 1), epoch(1, 1)])
        opened.append([AttemptLost(spec(0), "killed"), TrialStarted(spec(0), 2), epoch(0, 1)])
        assert curves(opened.folder) == [(0, 1), (1, 1)]
        assert opened.snapshot().trials[0].attempts == 2


def test_a_crashed_trial_has_no_curve(tmp_path):
    with new(tmp_path) as opened:
        opened.append([TrialStarted(spec(0), 1), epoch(0, 1)])
        opened.append([AttemptLost(spec(0), "killed"), TrialEnded(TrialResult(0, Status.CRASHED, "its worker died"))])
        assert curves(opened.folder) == []
        assert opened.snapshot().results[0].epochs == 0


def test_a_reason_may_name_a_file_that_is_no_text(tmp_path):
    with new(tmp_path) as opened:
        reason = "no file " + os.fsdecode(b"\xff.csv") + "\0"
        opened.append([TrialStarted(spec(0), 1), AttemptLost(spec(0), reason)])
        opened.append([TrialStarted(spec(0), 2), TrialEnded(TrialResult(0, Status.FAILED, reason))])
        trial = opened.snapshot().trials[0]
        assert trial.result.reason == trial.lost[0].reason == "no file \\udcff.csv\0"


def test_a_trial_has_one_result(tmp_path):
    with new(tmp_path) as opened:
        opened.append([TrialStarted(spec(0), 1), TrialEnded(TrialResult(0, Status.FAILED, "first"))])
        opened.append([TrialEnded(TrialResult(0, Status.FAILED, "second"))])
        assert opened.snapshot().results[0].reason == "first"


def test_a_group_of_events_is_stored_whole_or_not_at_all(tmp_path):
    with new(tmp_path) as opened:
        opened.append([TrialStarted(spec(0), 1)])
        with pytest.raises(HptuneError):
            opened.append([epoch(0, 1), epoch(0, 2), epoch(0, 2)])  # the same row twice
        assert curves(opened.folder) == []


def test_what_is_committed_survives_a_loss_of_power(tmp_path):
    """SQLite's promise (sqlite.org, PRAGMA synchronous) holds for FULL in WAL mode."""
    with new(tmp_path) as opened:
        assert opened._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert opened._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_disk_that_is_full_at_the_start_leaves_nothing(tmp_path, monkeypatch):
    def full(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(database, "create", full)
    with pytest.raises(StorageError, match="No space left"):
        new(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("change", ["moved", "deleted", "replaced"])
def test_a_folder_that_is_no_longer_there_ends_the_search(change, tmp_path):
    with new(tmp_path) as opened:
        if change == "moved":
            opened.folder.path.rename(tmp_path / "elsewhere")
        else:
            shutil.rmtree(opened.folder.path)
        if change == "replaced":
            other = new(tmp_path)
            assert other.folder.path == opened.folder.path
        with pytest.raises(StorageError, match="moved or deleted"):
            opened.append([TrialStarted(spec(0), 1)])
    if change == "replaced":
        with other:
            other.append([TrialStarted(spec(0), 1)])
            assert [trial.attempts for trial in other.snapshot().trials] == [1]


def test_a_reader_who_may_not_write_sees_what_is_in_the_log(tmp_path, monkeypatch):
    opened = new(tmp_path)
    opened.append([TrialStarted(spec(0), 1), TrialEnded(TrialResult(0, Status.FAILED, "why"))])
    assert opened.folder.database.with_name("run.db-wal").stat().st_size > 0
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert [result.reason for result in store.read(opened.folder).results] == ["why"]
    assert store.read_overview(opened.folder).n_done == 1
    opened.__exit__(None, None, None)


def test_who_writes_is_known_and_asking_does_not_disturb(tmp_path):
    with new(tmp_path) as opened:
        assert f"process {os.getpid()} " in (store.read(opened.folder).writer or "")
        assert store.read_overview(opened.folder).writer == store.read(opened.folder).writer
    assert store.read(opened.folder).writer is None
    for _ in range(50):
        assert lock.holder(opened.folder) is None
        with store.Store(opened.folder):
            pass


def damaged_copies(folder, path):
    """The database cut at many lengths, and with a page overwritten at many places."""
    whole = folder.database.read_bytes()
    for length in range(0, len(whole), 1500):
        yield f"cut at {length}", whole[:length]
    for start in range(0, len(whole), 1024):
        for filler in (b"\0", b"\xff", b"x"):
            yield f"{filler} at {start}", whole[:start] + filler * 1024 + whole[start + 1024 :]


def test_a_damaged_database_is_an_error_of_ours_or_reads_as_far_as_it_is_sound(tmp_path):
    driver.train(tmp_path, 0)
    folder = runs.find_all(tmp_path)[0]
    copy = runs.RunFolder(tmp_path / "copy")
    shutil.copytree(folder.path, copy.path)
    said = set()
    for how, content in damaged_copies(folder, copy):
        copy.database.write_bytes(content)
        try:
            found = tables.load(copy.path)
            found.trials, found.curves, found.best  # noqa: B018
        except RunDamagedError as error:
            said.add(type(error).__name__)
        except HptuneError as error:
            pytest.fail(f"{how}: {type(error).__name__}: {error}")
    assert said == {"RunDamagedError"}


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    driver.train(tmp_path, 0)
    folder = runs.find_all(tmp_path)[0]
    connection = sqlite3.connect(folder.database)
    connection.execute(f"PRAGMA user_version = {formats.VERSION + 1}")
    connection.commit()
    connection.close()
    before = folder.database.read_bytes()
    for attempt in (store.read, store.Store):
        with pytest.raises(RunDamagedError, match="newer hptune"):
            attempt(folder)
    assert folder.database.read_bytes() == before


def test_runs_beside_each_other_are_numbered_from_the_highest(tmp_path):
    for name in ("study-007", "study-2", "studyx-009", "study-abc"):
        (tmp_path / name).mkdir()
    with new(tmp_path) as opened:
        assert opened.folder.name == "study-008"
    assert writer._identity(opened.folder.database)
    assert Path(opened.folder.path).is_dir()


def test_a_result_that_is_taken_back_stays_known_and_its_trial_is_trained_again(tmp_path):
    run = fabricate.FabricatedRun(tmp_path / "made")
    run.complete(0)
    run.end(1, "failed", "ValueError: no", errors=(0.4,))
    with store.Store(run.folder) as opened:
        opened.take_back([1])
        kept, taken = opened.snapshot().trials
        assert (taken.result, taken.lost) == (None, (store.Lost(Status.FAILED, "ValueError: no"),))
        assert (kept.result.status, kept.lost) == (Status.COMPLETED, ())
        assert {trial: list(scores) for trial, scores in opened.scores("dev_error").items()} == {0: [0.5, 0.1, 0.2]}
        opened.take_back([1])  # nothing is there to take
        assert len(opened.snapshot().trials[1].lost) == 1


def test_names_are_synced_before_anything_depends_on_them(tmp_path, monkeypatch):
    """After a rename, the folder that the new name is in is synced before the call returns."""
    done = []
    old_rename, old_replace, old_fsync = Path.rename, Path.replace, os.fsync

    def renaming(act):
        def renamed(path, target):
            done.append(("named", str(target)))
            return act(path, target)

        return renamed

    def fsync(descriptor):
        done.append(("synced", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        old_fsync(descriptor)

    monkeypatch.setattr(Path, "rename", renaming(old_rename))
    monkeypatch.setattr(Path, "replace", renaming(old_replace))
    monkeypatch.setattr(os, "fsync", fsync)
    place = tmp_path / "new" / "runs"
    with study.create(driver.config(), place, driver.FACTS) as opened:
        folder = opened.folder.path
        named = done.index(("named", str(folder)))
        assert {str(place), str(place.parent)} <= {path for what, path in done[named:] if what == "synced"}
        drafts = [path for what, path in done[:named] if what == "synced"]
        assert drafts[-1].startswith(str(place / runs.DRAFT))  # what it holds has its names before it has its own
        done.clear()
        replace_file(folder / "x.csv", "1")
        (_, draft), *others = done
        assert draft.startswith(str(folder / ".x.csv."))
        assert others == [("named", str(folder / "x.csv")), ("synced", str(folder))]
        assert done[0][0] == "synced"


def test_drafts_are_swept_up_unless_a_run_is_being_made(tmp_path):
    left = tmp_path / f"{runs.DRAFT}left"
    left.mkdir()
    maker = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(maker, fcntl.LOCK_SH)
    with new(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [left.name, "study-001"]
    os.close(maker)  # as it is, however a process ends
    with new(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study-001", "study-002"]
