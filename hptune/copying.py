"""A whole copy of a run, of one moment, whatever is at work on it.

What lies in its folder cannot be copied file by file while somebody writes to it: the database and its log change one
after the other. SQLite copies the database, and all other files are made from that copy, but for the weights.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from hptune import rights, runs, store, tables
from hptune.errors import RunDamagedError
from hptune.failpoints import reach
from hptune.nn import model_file
from hptune.replacing import replace_file
from hptune.runs import RunFolder
from hptune.store import database
from hptune.store.answer import answer_of
from hptune.store.best_weights import may_become_best
from hptune.tables import Run

ATTEMPTS = 5  # at weights of the same moment, before those of another are taken, which a resume brings up to date


def copy(folder: RunFolder, path: Path) -> Run:
    """Copy a run into a new folder, which appears when it is whole.

    Raises:
        UsageError: something is there.
        RunDamagedError: the run cannot be read.
        StorageError: the copy cannot be written.

    """

    def fill(draft: RunFolder) -> None:
        for _ in range(ATTEMPTS):
            database.copy(folder, draft)
            if _copy_weights(folder, draft):
                break
        copied = tables.load(draft.path)
        replace_file(draft.config, copied.snapshot.facts["config"])
        tables.write(copied, path.name)
        reach("copy.made")

    return tables.load(runs.create_at(path, fill).path)


def _copy_weights(folder: RunFolder, draft: RunFolder) -> bool:
    """Copy best.npz and what may yet become it; whether it is that of the answer, as far as there is one."""
    snapshot = store.read(draft)
    answer = answer_of(snapshot)
    for number in may_become_best(snapshot):
        rights.make_folder(draft.weights)
        _copy_file(folder.weights_of(number), draft.weights_of(number))
    if answer is not None and _copy_file(folder.weights_of(answer.weights), draft.best_npz):
        return True
    if not _copy_file(folder.best_npz, draft.best_npz) or answer is None:
        return True
    with contextlib.suppress(RunDamagedError):  # predict will say so
        return model_file.load(draft.best_npz).trial == answer.weights
    return True


def _copy_file(path: Path, copy: Path) -> bool:
    """Copy a file of weights; whether it is there."""
    try:
        with os.fdopen(rights.open_regular(path, os.O_RDONLY), "rb") as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return False
    replace_file(copy, content)
    return True
