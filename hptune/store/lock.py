"""The lock of a run: one process at a time writes to it, and the kernel frees it however that process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import time
from pathlib import Path

from hptune import rights, wording
from hptune.errors import RunInUseError, StorageError
from hptune.failpoints import reach
from hptune.runs import RunFolder, is_alive

PAUSES_S = (0.0, 0.02, 0.1, 0.2)  # before another try: a reader that asks who writes has the lock for a moment

MOUNTS = Path("/proc/self/mountinfo")
ELSEWHERE = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "gluster", "ncpfs", "fuse.sshfs")
"""How the types of file systems begin that lie on another machine, as Linux names them; fuse.X counts as X too."""


class Lock:
    """The lock of a run, held: on its .lock, which says who we are, and on its folder, which .lock can be deleted from.

    Raises:
        RunInUseError: another process has it.
        StorageError: the file system does not lock, or the lock is not ours to write.

    """

    def __init__(self, folder: RunFolder) -> None:
        reach("lock.wanted")
        self._run = folder
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # it may not be read, or lies on a network, where only files are locked
                held = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                stack.callback(os.close, held)
                _wait_for(folder, held)
            self._file = _take_file(folder)
            self._folder = stack.pop_all()
        reach("lock.taken")

    def keep(self) -> None:
        """Put .lock back where it was deleted or replaced while it was held.

        Raises:
            StorageError: another process has a new one.

        """
        if _is_at(self._file, self._run.lock):
            return
        try:
            new = _take_file(self._run)
        except RunInUseError as error:
            what = f"{self._run.path}: its .lock was deleted while it was being written to, and another process has it"
            raise StorageError(f"{what} now. This one stops. Never delete .lock: it hinders nobody.") from error
        os.close(self._file)
        self._file = new

    def release(self) -> None:
        """Let others write; .lock names nobody then."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
        os.close(self._file)
        self._folder.close()


def _take_file(folder: RunFolder) -> int:
    """The descriptor of .lock, locked, that says who we are."""
    while True:
        lock = _open_file(folder)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, lock)
            try:
                _wait_for(folder, lock)
            except OSError as error:
                what = f"{folder.path}: its file system cannot lock files ({error.strerror})"
                raise StorageError(
                    f"{what}. Use a folder on a local disk: --runs DIR, or move the run there."
                ) from error
            if not _is_at(lock, folder.lock):  # it was deleted meanwhile, and others lock the next of its name
                continue
            with contextlib.suppress(OSError):  # a full disk: it only says who we are
                os.ftruncate(lock, 0)
                since = wording.moment().replace("T", " ")
                who = f"hptune, process {os.getpid()} on {socket.gethostname()}, since {since}"
                os.pwrite(lock, f"{who}\n{_numbering()}\n".encode(), 0)
            stack.pop_all()
            return lock


def _open_file(folder: RunFolder) -> int:
    """Open .lock for writing, made where there is none; never what it may be a link or another name of."""
    rights.require_regular(folder.lock, alone=True)
    try:
        while True:
            with contextlib.suppress(FileNotFoundError):  # without O_CREAT: in /tmp that is refused for others' files
                return os.open(folder.lock, os.O_RDWR | rights.AS_IT_IS)
            with contextlib.suppress(FileExistsError):  # somebody was faster
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | rights.AS_IT_IS
                lock = os.open(folder.lock, flags, 0o666)
                rights.hand_over(lock, folder.path)
                return lock
    except OSError as error:
        there = folder.lock if rights.exists(folder.lock) else folder.path
        what = f"{folder.lock}: cannot be opened for writing: {error.strerror}{rights.owner(there)}"
        raise StorageError(
            f"{what}. Whoever trains needs the right to write to the run's folder and all that is in it: "
            f"chmod -R g+w {folder.path} gives it to its group."
        ) from error


def _is_at(descriptor: int, path: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


def _wait_for(folder: RunFolder, lock: int) -> None:
    for pause_s in PAUSES_S:
        time.sleep(pause_s)
        if _try(lock, fcntl.LOCK_EX):
            return
    # whoever may read the folder may do that
    who = "another process, which has locked it to read" if _try(lock, fcntl.LOCK_SH) else _written_in(folder)
    raise RunInUseError(f"{folder.path}: in use by {who}. Wait for it, or stop it.")


def _try(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder(folder: RunFolder) -> str | None:
    """Who is writing to a run just now, in words; None if nobody is."""
    try:
        lock = rights.open_regular(folder.lock, os.O_RDONLY)
    except (OSError, StorageError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written_in(folder)
    except OSError:  # no locks here, and so nobody who writes
        return None
    else:
        return None
    finally:
        os.close(lock)


def _written_in(folder: RunFolder) -> str:
    """Who holds the lock, as far as .lock says it: a process that ended leaves it to what it has started."""
    try:
        lock = rights.open_regular(folder.lock, os.O_RDONLY)
    except (OSError, StorageError):
        return "another process"
    with os.fdopen(lock, "rb") as file:
        who, _, numbering = file.read(300).decode("utf-8", "replace").strip().partition("\n")
    found = re.match(r"hptune, process (\d{1,10}) on (\S+),", who)
    if not found or found[2] != socket.gethostname():
        return who or "another process"
    if numbering not in ("", _numbering()):
        return f"{who}, in another container, which has numbers of its own"
    return who if is_alive(found[1]) else f"another process; .lock names {who}, which has ended"


def _numbering() -> str:
    """What tells the numbers of our processes from those of another container; empty where there are no containers."""
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115  (it is no path)
    except OSError:
        return ""


def file_system_elsewhere(path: Path) -> str | None:
    """The type of the file system of a path, if it lies on another machine; None also where that is not known."""
    try:
        mounts = MOUNTS.read_bytes().splitlines()
    except OSError:
        return None
    place, found = os.fsencode(path.resolve()), (b"", "")
    for line in mounts:
        # man 5 proc: 36 35 98:0 /root /mount/point options ... - type source options; octal escapes in names
        before, _, after = line.partition(b" - ")
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), before.split(b" ")[4])
        is_above = place == point or place.startswith(point.rstrip(b"/") + b"/")
        if is_above and len(point) >= len(found[0]):  # of two at one point the later one lies on top
            found = point, after.split(b" ")[0].decode("ascii", "replace")
    kind = found[1]
    return kind if kind.startswith(ELSEWHERE) or kind.removeprefix("fuse.").startswith(ELSEWHERE) else None
