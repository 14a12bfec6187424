"""Whether a run folder can be written to, found out before anything is trained."""

from __future__ import annotations

import os
import shutil
import tempfile

from hptune import rights
from hptune.errors import StorageError
from hptune.runs import RunFolder
from hptune.wording import size

SAMPLE = bytes(1 << 16)  # what is written, and gone again: more than a file system keeps beside its blocks


def probe(folder: RunFolder, needed: int) -> None:
    """Write something into each place of a run that exists, and see whether so many bytes more have room.

    The database is not among them: a sitting begins by writing to it.

    Raises:
        StorageError: it cannot be written to, or there is too little room.

    """
    then = f"then: hptune resume {folder.path}"
    try:
        free = shutil.disk_usage(folder.path).free
        for place in (folder.path, *filter(rights.is_own_folder, (folder.weights,))):
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(SAMPLE)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        what = f"{folder.path}: cannot be written to: {error.strerror}"
        raise StorageError(f"{what}. Nothing was trained. Free space or rights, {then}") from error
    if free < needed:
        room = f"{size(needed)}, and {size(free)} are free"
        raise StorageError(f"{folder.path}: the data for the workers take {room}. Free space, {then}")
