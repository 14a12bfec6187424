"""What stands at a path that others may have filled: of what kind it is, whose it is, and that it is opened safely.

A run is a folder that can be copied, so that one from elsewhere may hold anything under the names of its files. None of
them is opened for what it is called: no link is followed there, and no pipe or device opened.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

from hptune.errors import StorageError

KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
AS_IT_IS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # an open that follows no link and waits for nobody


def exists(path: Path) -> bool:
    """Whether something is there as far as we may look; that of Path raises an error where we may not."""
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: Path) -> bool:
    """Whether a regular file, or a link to one, is there as far as we may look."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Whether a folder, or a link to one, is there as far as we may look."""
    return os.path.isdir(path)  # noqa: PTH112


def is_closed(folder: Path) -> bool:
    """Whether a folder is there that we may not enter."""
    return is_folder(folder) and not os.access(folder, os.X_OK)


def is_open_to_all(folder: Path) -> bool:
    """Whether anybody may put files into the folder, or take the place of those in it, of a run that root starts."""
    if os.geteuid() != 0 or not is_folder(folder):
        return False
    mode = folder.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def is_regular(path: Path) -> bool:
    """Whether a regular file itself is there, and no link."""
    with contextlib.suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def is_own_folder(path: Path) -> bool:
    """Whether a folder itself is there, and no link."""
    with contextlib.suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False


def require_regular(path: Path, *, alone: bool = False) -> None:
    """Refuse what is there and is no regular file or, if it is to be alone, has a name outside of its folder as well.

    Raises:
        StorageError: it is something else; or whether it is cannot be seen.

    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{path}: cannot be opened: {error.strerror}{owner(path.parent)}") from error
    what = next((name for is_kind, name in KINDS if is_kind(found.st_mode)), "")
    if what:
        to = f" to {os.readlink(path)}" if stat.S_ISLNK(found.st_mode) else ""  # noqa: PTH115  (as it is written)
        reason = f"it is {what}{to}, and what lies in a run may be from elsewhere"
        raise StorageError(f"{path}: is not opened: {reason}. Remove it, or put the file itself in its place.")
    if alone and found.st_nlink > _names_beside(path, found):
        reason = "it has a second name elsewhere (a hard link), under which it would change as well"
        raise StorageError(f"{path}: is not opened for writing: {reason}. Put a copy in its place.")


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file as it is, for reading or writing; the descriptor.

    Raises:
        StorageError: it is something else.
        OSError: it cannot be opened.

    """
    require_regular(path)
    return os.open(path, flags | AS_IT_IS)


def make_folder(path: Path, *, new: bool = False) -> None:
    """Make a folder in one of a run, of its owner. One that is there stays, unless it is to be new; a link is none.

    Raises:
        OSError: it cannot be made.

    """
    try:
        path.mkdir()
    except FileExistsError:
        if new:
            raise
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | AS_IT_IS)
    try:
        hand_over(descriptor, path.parent)
    finally:
        os.close(descriptor)


def hand_over(descriptor: int, like: Path) -> None:
    """What root has made, to the owner of a file or folder: a user's run stays the user's."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):  # some roots may not
        there, ours = like.stat(), os.fstat(descriptor)
        if (there.st_uid, there.st_gid) != (ours.st_uid, ours.st_gid):
            os.fchown(descriptor, there.st_uid, there.st_gid)


def owner(path: Path) -> str:
    """Whose a file or folder is, in words to follow on an error; empty where that cannot be seen."""
    try:
        found = path.lstat()
    except OSError:
        return ""
    who, group = str(found.st_uid), str(found.st_gid)
    with contextlib.suppress(KeyError):
        who = pwd.getpwuid(found.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(found.st_gid).gr_name
    return f" ({path} belongs to {who}, group {group}, mode {stat.S_IMODE(found.st_mode):03o})"


def _names_beside(path: Path, found: os.stat_result) -> int:
    """How many names a file has in its folder: a repair that was killed leaves a second one."""
    with os.scandir(path.parent) as entries:
        return sum(entry.inode() == found.st_ino for entry in entries if entry.is_file(follow_symlinks=False))
