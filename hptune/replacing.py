"""Writing a file so that whoever reads it finds the old or the new content, whole; and removing a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import stat
from pathlib import Path

from hptune import rights
from hptune.errors import StorageError
from hptune.failpoints import reach
from hptune.runs import sync

STREAMS = (Path("/dev"), Path("/dev/fd"))
"""Folders whose files, as /dev/stdout, stand for what is open, be it a regular file."""

OF_NAME = 50  # letters of a file's name that its draft begins with: both have room in 255 bytes


def replace_file(path: Path, content: str | bytes) -> None:
    """Write text (as UTF-8) or bytes into a file of a run, all or nothing, so that it survives a loss of power.

    Whatever had its name is replaced: a link is not followed, a pipe not opened. A file keeps its mode and, where root
    replaces it, its owner; a new one is of the owner of its folder.

    Raises:
        StorageError: it cannot be written.

    """
    try:
        _replace(path, content, heir=path.parent)
    except OSError as error:
        raise _failed(path, error) from error


def write_output(path: Path, content: str | bytes) -> None:
    """Write text or bytes into a file that a person has named, likewise.

    What is no regular file, such as a pipe or /dev/stdout, is written into; a link stays, and the file that it names is
    replaced.

    Raises:
        StorageError: it cannot be written.

    """
    try:
        if rights.exists(path) and not is_regular(path):
            with path.open("ab") as stream:
                stream.write(_bytes(content))
        else:
            _replace(path.resolve(), content, heir=None)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
        raise _failed(path, error) from error


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _replace(place: Path, content: str | bytes, heir: Path | None) -> None:
    if not rights.exists(place.parent):
        raise StorageError(f"{place}: cannot be written: there is no folder {place.parent}.")
    _sweep(place)
    draft, descriptor = _new_draft(place)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if rights.is_regular(place):
                os.fchmod(descriptor, stat.S_IMODE(place.lstat().st_mode) & 0o777)
                rights.hand_over(descriptor, place)
            elif heir is not None:
                rights.hand_over(descriptor, heir)
            reach("file.draft")
            file.write(_bytes(content))
            file.flush()
            reach("file.written")
            os.fsync(descriptor)
            reach("file.synced")
            draft.replace(place)  # while it is locked, so that nobody takes it for one that was left
        reach("file.replaced")
        sync(place.parent)
    finally:
        draft.unlink(missing_ok=True)


def _new_draft(place: Path) -> tuple[Path, int]:
    """A new file beside a place, open for writing, and locked where files can be: whoever sweeps up lets it be."""
    while True:
        draft = place.with_name(f"{_beginning(place)}{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | rights.AS_IT_IS, 0o666)
        if not _lock(descriptor, otherwise=True) or not rights.is_regular(draft):  # somebody was sweeping just then
            os.close(descriptor)
            draft.unlink(missing_ok=True)
            continue
        return draft, descriptor


def _sweep(place: Path) -> None:
    """Remove drafts of a file whose writers were killed: nobody has them locked, in whatever container."""
    pattern = re.compile(re.escape(_beginning(place)) + "[0-9a-f]{16}")
    with contextlib.suppress(OSError), os.scandir(place.parent) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _remove_if_left(Path(entry.path))


def _remove_if_left(draft: Path) -> None:
    descriptor = os.open(draft, os.O_RDWR | rights.AS_IT_IS)
    try:
        if _lock(descriptor, otherwise=False):
            draft.unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, otherwise: bool) -> bool:
    """Lock a file; whether nobody else has it locked, or otherwise where files cannot be locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return otherwise
    return True


def _beginning(place: Path) -> str:
    return f".{place.name[:OF_NAME]}."


def is_regular(path: Path) -> bool:
    """Whether a path names a regular file that is there, and not what somebody has opened already."""
    return rights.is_file(path) and path.parent not in STREAMS


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, or whatever has its place; of a link only the link.

    Raises:
        StorageError: it cannot be removed.

    """
    try:
        if not os.path.lexists(path):
            return
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
            return
        reach("folder.removing")
        shutil.rmtree(path)
        reach("folder.removed")
    except OSError as error:
        whose = rights.owner(path) if isinstance(error, PermissionError) else ""
        raise StorageError(f"{path}: cannot be removed: {why(error)}{whose}. Remove it, then go on.") from error


def _failed(path: Path, error: Exception) -> StorageError:
    whose = rights.owner(path.parent) if isinstance(error, PermissionError) else ""
    return StorageError(f"{path}: cannot be written: {why(error)}{whose}. Free space or rights, then try again.")


def why(error: Exception) -> str:
    """What an error of the file system says, also where NumPy says how much it could not write."""
    return getattr(error, "strerror", None) or f"{error} (is the disk full?)"
