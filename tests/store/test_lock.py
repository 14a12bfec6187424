"""One process writes to a run; whoever reads it disturbs nobody, and is disturbed by nobody."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from runs_to_damage import copy_of, finished

from hptune import store, tables
from hptune.errors import HptuneError, RunInUseError, StorageError
from hptune.events import EpochEnded, TrialEnded, TrialStarted
from hptune.runs import RunFolder
from hptune.store import lock
from hptune.trial import EpochMetrics, Status, TrialResult, TrialSpec


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def folder(undisturbed, tmp_path):
    return copy_of(undisturbed, tmp_path / "run")


def test_the_second_is_refused_within_a_second_and_told_who_and_since_when(folder):
    with store.Store(folder):
        start = time.monotonic()
        with pytest.raises(RunInUseError) as refused:
            store.Store(folder)
        assert time.monotonic() - start < 1
        who = f"process {os.getpid()} on {socket.gethostname()}, since 20"
        assert who in str(refused.value)
        assert who in store.read(folder).writer
    assert store.read(folder).writer is None


RIVAL = """
import sys
from pathlib import Path
from hptune.errors import RunInUseError
from hptune.runs import RunFolder
from hptune.store import Store
for line in sys.stdin:
    try:
        with Store(RunFolder(Path(sys.argv[1]))):
            print("won", flush=True)
            sys.stdin.readline()
    except RunInUseError:
        print("refused", flush=True)
        sys.stdin.readline()
"""


def rounds(folder, n):
    """Two processes that meet at a barrier, n times; what they say, round by round."""
    rivals = [
        subprocess.Popen([sys.executable, "-c", RIVAL, folder.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for _ in range(n):
        for moment in ("go", "close"):
            for rival in rivals:
                rival.stdin.write(f"{moment}\n".encode())
                rival.stdin.flush()
            if moment == "go":
                yield sorted(rival.stdout.readline().decode().strip() for rival in rivals)
    for rival in rivals:
        rival.communicate(timeout=20)


def test_of_two_at_a_barrier_one_wins(folder):
    assert list(rounds(folder, 3)) == [["refused", "won"]] * 3


@pytest.mark.sweep
def test_sweep_of_two_at_a_barrier(folder):
    assert list(rounds(folder, 50)) == [["refused", "won"]] * 50


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_that_cannot_lock_is_said(number, folder, monkeypatch):
    def no_locks(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock.fcntl, "flock", no_locks)
    with pytest.raises(StorageError, match=r"cannot lock files .* local disk") as refused:
        store.Store(folder)
    assert refused.value.exit_code == 7
    assert store.read(folder).writer is None


def test_a_lock_that_is_not_ours_to_write_is_said(folder):
    folder.lock.unlink()
    folder.lock.mkdir()
    with pytest.raises(StorageError, match=r"\.lock: is not opened: it is a folder"):
        store.Store(folder)
    assert len(store.read(folder).results) == 30


def test_a_lock_that_an_orphan_holds_is_said(folder):
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom hptune.runs import RunFolder\nfrom hptune.store import lock\n"
        "lock.Lock(RunFolder(Path(sys.argv[1])))\n"
        "if os.fork() == 0:\n    os.write(1, b'.')\n    sys.stdin.read()\nos._exit(0)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, folder.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout.read(1) == b"."
    parent.wait(timeout=20)
    with pytest.raises(RunInUseError, match=f"another process; .lock names hptune, process {parent.pid} .* has ended"):
        store.Store(folder)
    parent.stdin.close()
    parent.stdout.read()  # until the orphan is gone
    parent.stdout.close()
    with store.Store(folder):
        pass


def test_a_holder_in_another_container_is_not_said_to_have_ended(folder):
    """Its process number means nothing here."""
    with store.Store(folder):
        host = socket.gethostname()
        for numbering, said in (("pid:[1]", "in another container"), (lock._numbering(), "which has ended")):
            folder.lock.write_text(f"hptune, process 9999999 on {host}, since 2026\n{numbering}\n")
            assert said in lock.holder(folder)


def test_a_lock_that_is_deleted_lets_nobody_in_and_is_put_back(folder):
    with store.Store(folder) as opened:
        with_a_stage(opened, 9)
        folder.lock.unlink()
        with pytest.raises(RunInUseError, match="in use by another process"):
            store.Store(folder)
        opened.append(events_of(30))
        assert f"process {os.getpid()}" in store.read(folder).writer
        folder.lock.unlink()
        folder.lock.touch()  # replaced
        opened.append(events_of(31))
        assert f"process {os.getpid()}" in store.read(folder).writer
    assert len(store.read(folder).results) == 32
    assert store.read(folder).writer is None


def test_where_folders_cannot_be_locked_the_first_stops_when_its_lock_was_taken_by_another(folder, monkeypatch):
    flock = fcntl.flock

    def only_files(descriptor, kind):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(descriptor, kind)

    monkeypatch.setattr(lock.fcntl, "flock", only_files)
    with store.Store(folder) as first:
        with_a_stage(first, 9)
        folder.lock.unlink()
        with store.Store(folder) as second:
            with pytest.raises(StorageError, match=r"its \.lock was deleted while .* another process"):
                first.append(events_of(30))
            second.append(events_of(30))
    assert len(store.read(folder).results) == 31


def test_a_lock_that_was_replaced_before_it_was_locked_is_none(folder, monkeypatch):
    flock, descriptors = fcntl.flock, []

    def replaced_once(descriptor, kind):
        if not descriptors and not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            descriptors.append(descriptor)
            folder.lock.unlink()
        flock(descriptor, kind)

    monkeypatch.setattr(lock.fcntl, "flock", replaced_once)
    with store.Store(folder):
        assert store.read(folder).writer is not None


@pytest.mark.parametrize("held", ["path", "lock"])
def test_whoever_locks_it_to_read_is_not_taken_for_the_last_who_wrote(held, folder):
    folder.lock.write_text(f"hptune, process {os.getpid()} on {socket.gethostname()}, since 2026\n")
    descriptor = os.open(getattr(folder, held), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    with pytest.raises(RunInUseError, match="another process, which has locked it to read"):
        store.Store(folder)
    os.close(descriptor)


MOUNTS = rb"""22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /home rw - nfs4 server:/home rw
31 30 254:1 / /home/me/disk rw - ext4 /dev/vdb rw
32 22 0:41 / /mnt/my\040share rw shared:1 - cifs //server/share rw
33 22 0:42 / /mnt/ssh rw - fuse.sshfs me@host: rw
34 22 0:43 / /mnt/vm rw - 9p host rw
35 22 0:44 / /mnt/fuse rw - fuse.portal portal rw
36 22 0:45 / /mnt/ssh/over rw - glusterfs x rw
37 22 0:46 / /mnt/ssh/over rw - tmpfs x rw
"""
KINDS = {
    "/": None,
    "/homely": None,
    "/home": "nfs4",
    "/home/me/runs": "nfs4",
    "/home/me/disk/runs": None,
    "/mnt/my share/runs": "cifs",
    "/mnt/ssh/x": "fuse.sshfs",
    "/mnt/vm": "9p",
    "/mnt/fuse": None,
    "/mnt/ssh/over/x": None,
}


@pytest.mark.parametrize("path", KINDS)
def test_a_file_system_on_another_machine_is_known(path, tmp_path, monkeypatch):
    (tmp_path / "mountinfo").write_bytes(MOUNTS)
    monkeypatch.setattr(lock, "MOUNTS", tmp_path / "mountinfo")
    monkeypatch.setattr(Path, "resolve", lambda self: self)
    assert lock.file_system_elsewhere(Path(path)) == KINDS[path]
    monkeypatch.setattr(lock, "MOUNTS", tmp_path / "nowhere")
    assert lock.file_system_elsewhere(Path(path)) is None


def events_of(number):
    spec = TrialSpec(number, 2, {"learning_rate": 0.1}, 0)
    result = TrialResult(number, Status.COMPLETED, "", 1, 1, 0.5)
    return [TrialStarted(spec, 1), EpochEnded(number, EpochMetrics(1, *[0.5] * 6)), TrialEnded(result)]


def with_a_stage(opened, n_trials):
    first = opened.snapshot().stages[0]
    opened.add_stage(store.Stage(2, "more", "", first.space, 30, n_trials, first.plan))


def test_readers_see_what_was_whole_while_a_writer_writes(folder):
    seen, failed, is_over = [], [], threading.Event()

    def read():
        while not is_over.is_set():
            try:
                seen.append(len(tables.load(folder.path).snapshot.results))
                seen.append(store.read_overview(folder).n_done)
            except HptuneError as error:
                failed.append(error)

    with store.Store(folder) as opened:
        with_a_stage(opened, 150)
        thread = threading.Thread(target=read)
        thread.start()
        for first in range(30, 180, 3):
            opened.append([event for number in range(first, first + 3) for event in events_of(number)])
        is_over.set()
        thread.join()
    assert failed == []
    assert seen == sorted(seen)
    assert all(n % 3 == 0 for n in seen)
    assert store.read_overview(folder).n_done == 180


def test_a_large_log_is_read_and_a_reader_at_work_keeps_nobody_from_ending(folder):
    opened = store.Store(folder)
    with_a_stage(opened, 900)
    reader = closing(sqlite3.connect(f"file:{folder.database}?mode=ro", uri=True))
    with reader as connection:
        connection.execute("BEGIN")
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (30,)
        for first in range(30, 930, 100):
            opened.append([event for number in range(first, first + 100) for event in events_of(number)])
        log = folder.database.with_name("run.db-wal")
        assert log.stat().st_size > 400_000
        assert store.read_overview(folder).n_done == 930
        start = time.monotonic()
        opened.__exit__(None, None, None)
        assert time.monotonic() - start < 1
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (30,)  # its moment
    assert store.read_overview(folder).n_done == 930
    with store.Store(folder):
        pass
    assert not log.exists()


def test_where_nothing_may_be_written_a_live_run_is_read_in_place_and_a_dead_one_in_a_copy(folder, monkeypatch):
    opened = store.Store(folder)
    with_a_stage(opened, 3)
    opened.append(events_of(30))
    dead = RunFolder(folder.path.with_name("dead"))
    shutil.copytree(folder.path, dead.path)  # as a kill leaves it: all of the last group is in the log
    before = {path.name: path.read_bytes() for path in dead.path.iterdir()}
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert store.read_overview(folder).n_done == store.read_overview(dead).n_done == 31
    assert len(tables.load(folder.path).trials) == len(tables.load(dead.path).trials) == 31
    assert {path.name: path.read_bytes() for path in dead.path.iterdir()} == before
    opened.__exit__(None, None, None)


def test_a_transaction_that_was_cut_off_in_the_old_mode_is_not_seen(folder, tmp_path):
    cut = RunFolder(tmp_path / "cut")
    with closing(sqlite3.connect(folder.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE trials SET score = 0")
        connection.execute("UPDATE trials SET spec = spec || spec")  # more than is kept in memory
        shutil.copytree(folder.path, cut.path)
        connection.execute("ROLLBACK")
    assert folder.database.read_bytes() != cut.database.read_bytes()
    assert tables.to_csv(tables.load(cut.path).trials) == tables.to_csv(tables.load(folder.path).trials)
    with store.Store(cut) as opened:
        assert len(opened.snapshot().results) == 30


def test_a_run_that_is_deleted_below_a_reader_is_an_error_of_ours(folder):
    with store.database.reading(folder) as connection:
        shutil.rmtree(folder.path)
        connection.execute("SELECT * FROM trials").fetchall()  # the moment that it has begun to read
    with pytest.raises(HptuneError, match=r"has no run\.db"):
        store.read(folder)
