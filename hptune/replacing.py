"""Writing a file so that whoever reads it finds the old or the new content, whole."""

from __future__ import annotations

import os
from pathlib import Path

from hptune.errors import StorageError
from hptune.runs import is_alive


def replace_file(path: Path, content: str | bytes) -> None:
    """Write text (as UTF-8) or bytes into a file, all or nothing, so that it survives a loss of power.

    What is no regular file, such as a pipe, is written into; a link stays, and the file that it names is replaced.

    Raises:
        StorageError: it cannot be written.

    """
    written = content.encode() if isinstance(content, str) else content
    try:
        place = path.resolve()
        if place.exists() and not place.is_file():
            place.write_bytes(written)
            return
        for stale in place.parent.glob(f".{place.name}.*"):
            if not is_alive(stale.name.rpartition(".")[2]):  # its writer was killed
                stale.unlink(missing_ok=True)
        draft = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            with draft.open("wb") as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error
