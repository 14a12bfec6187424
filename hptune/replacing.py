"""Writing a file so that whoever reads it finds the old or the new content, whole; and removing a folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from hptune.errors import StorageError
from hptune.failpoints import reach
from hptune.runs import is_alive, sync

STREAMS = (Path("/dev"), Path("/dev/fd"))
"""Folders whose files, as /dev/stdout, stand for what is open, be it a regular file."""


def replace_file(path: Path, content: str | bytes) -> None:
    """Write text (as UTF-8) or bytes into a file, all or nothing, so that it survives a loss of power.

    What is no regular file, such as a pipe or /dev/stdout, is written into; a link stays, and the file that it names is
    replaced.

    Raises:
        StorageError: it cannot be written.

    """
    written = content.encode() if isinstance(content, str) else content
    try:
        if path.exists() and not is_regular(path):
            with path.open("ab") as stream:
                stream.write(written)
            return
        place = path.resolve()
        if not place.parent.exists():
            raise StorageError(f"{path}: cannot be written: there is no folder {place.parent}.")
        for stale in _stale_drafts(place):
            stale.unlink(missing_ok=True)
        draft = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            with draft.open("wb") as file:
                reach("file.draft")
                file.write(written)
                file.flush()
                reach("file.written")
                os.fsync(file.fileno())
            reach("file.synced")
            draft.replace(place)
            reach("file.replaced")
            sync(place.parent)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
        raise StorageError(f"{path}: cannot be written: {why(error)}. Free space or rights, then try again.") from error


def is_regular(path: Path) -> bool:
    """Whether a path names a regular file that is there, and not what somebody has opened already."""
    return path.is_file() and path.parent not in STREAMS


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, if it is there; of a link only the link.

    Raises:
        StorageError: it cannot be removed.

    """
    try:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.exists():
            reach("folder.removing")
            shutil.rmtree(path)
            reach("folder.removed")
    except OSError as error:
        raise StorageError(f"{path}: cannot be removed: {why(error)}. Remove it, then go on.") from error


def why(error: Exception) -> str:
    """What an error of the file system says, also where NumPy says how much it could not write."""
    return getattr(error, "strerror", None) or f"{error} (is the disk full?)"


def _stale_drafts(place: Path) -> Iterator[Path]:
    """Drafts of the file whose writers were killed: .NAME.PROCESS, and nothing else that begins alike."""
    for path in place.parent.iterdir():
        pid = re.fullmatch(re.escape(f".{place.name}.") + r"([0-9]{1,10})", path.name)
        if pid and path.is_file() and not is_alive(pid[1]):
            yield path
