"""A disk that is full, or fails, at any write: it is said with the command that goes on, which then does.

What a run can do without, its tables and best.npz at its end, is said and written again by hptune resume.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import programs as kit
import pytest

WRITES = {  # the points at which a disk may refuse, and what it then says
    "run.draft": "ENOSPC",
    "run.filled": "ENOSPC",
    "database.creating": "ENOSPC",
    "database.opened": "EROFS",
    "store.begun": "ENOSPC",
    "store.commit": "EIO",
    "lock.taken": "ENOSPC",
    "folder.removing": "EROFS",
    "data.folder": "ENOSPC",
    "data.array": "ENOSPC",
    "data.written": "EDQUOT",
    "file.draft": "ENOSPC",
    "file.written": "EIO",  # fsync
    "file.synced": "EROFS",
    "weights.folder": "ENOSPC",
    "weights.promoting": "EROFS",
    "weights.deleting": "EROFS",
}
CANNOT_WRITE = 7
HARMLESS = ("folder.removing", "weights.deleting", "weights.promoting")  # at the end, where the next start tidies up


def is_said(ended, place, reason):
    """The error names a file and the reason, says what to do, and is no traceback."""
    assert ended.code == CANNOT_WRITE, ended.output
    assert "Traceback" not in ended.output
    last = ended.output.strip().splitlines()[-1]
    assert last.startswith("Error: "), last
    assert reason in last
    assert "toy-001" in last or ".new-" in last or "runs" in last
    assert ("hptune resume runs/toy-001" in last) == bool(kit.n_stages(place)), last


def recovers(programs, finish, step, place, n):
    """The disk refuses at the n-th point; then there is room again."""
    name = step.ended.points[n - 1]
    action = WRITES[name]
    step.start(place)
    ended = programs.run(place, *step.command, "--workers", 0, orders=f"{n}:{action}")
    if ended.code != 0 or name not in HARMLESS:
        is_said(ended, place, os.strerror(getattr(errno, action)))
    finish(place, step, "--workers", 0)
    assert kit.left_by(place) == step.left


FAST = ("run.draft", "database.opened", "store.begun", "store.commit", "data.array", "file.written")


@pytest.mark.parametrize("name", FAST)
def test_a_disk_that_refuses_is_said_and_the_run_goes_on_afterwards(name, programs, undisturbed, finish, tmp_path):
    step = undisturbed["search"]
    places = step.points(name)
    recovers(programs, finish, step, tmp_path / "place", places[len(places) // 2])


@pytest.mark.sweep
@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("command", kit.COMMANDS)
def test_sweep_of_refusals_at_every_write(command, name, programs, undisturbed, finish, tmp_path):
    """About 300 writes: three minutes in all."""
    for n in undisturbed[command].points(name):
        recovers(programs, finish, undisturbed[command], tmp_path / str(n), n)


def test_every_point_before_a_write_is_swept(undisturbed):
    reached = {name for step in undisturbed.values() for name in step.ended.points}
    assert set(WRITES) <= reached


def survives_size(size, programs, undisturbed, finish, tmp_path):
    """No file may grow beyond so many bytes: short writes and errors from the kernel, wherever they come."""
    step = undisturbed["search"]
    place = step.start(tmp_path / str(size))
    ended = programs.run(place, *step.command, "--workers", 0, file_size=size)
    if ended.code != 0:
        is_said(ended, place, "")
    finish(place, step, "--workers", 0)
    assert kit.left_by(place) == step.left
    return ended.code == 0


@pytest.mark.parametrize("size", [3000, 60000])
def test_a_limit_of_the_size_of_files(size, programs, undisturbed, finish, tmp_path):
    survives_size(size, programs, undisturbed, finish, tmp_path)


@pytest.mark.sweep
def test_sweep_of_limits_of_the_size_of_files(programs, undisturbed, finish, tmp_path):
    """Every 1,500 bytes until a search gets through; a minute."""
    size = 0
    while not survives_size(size, programs, undisturbed, finish, tmp_path):
        size += 1500
    assert size > 10_000


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of so many bytes, where we may mount one."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size):
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("no right to mount a file system")
        return place

    yield mount
    subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


@pytest.mark.sweep
@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs")
@pytest.mark.parametrize("n_pages", range(10, 100, 6))
def test_sweep_of_disks_that_are_too_small(n_pages, programs, undisturbed, finish, small_disk):
    """Of 40 to 400 KB. They grow afterwards. Half a minute."""
    step, disk = undisturbed["search"], small_disk(n_pages * 4096)
    place = step.start(disk / "place")
    ended = programs.run(place, *step.command, "--workers", 0)
    if ended.code != 0:
        is_said(ended, place, "")
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
    finish(place, step, "--workers", 0)
    assert kit.left_by(place) == step.left
