"""Run folders: where they lie, what is in them, which one is meant. The one place that builds their paths."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hptune import rights, wording
from hptune.errors import RunDamagedError, StorageError, UsageError, did_you_mean
from hptune.failpoints import reach

NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""What a study or run may be called: it becomes a folder."""

DRAFT = ".new-"
"""Prefix of a run folder that is still being made."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        """The resolved study file, for people; the database holds the same text."""
        return self.path / "config.yaml"

    @property
    def database(self) -> Path:
        return self.path / "run.db"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def trials_csv(self) -> Path:
        return self.path / "trials.csv"

    @property
    def curves_csv(self) -> Path:
        return self.path / "curves.csv"

    @property
    def best_yaml(self) -> Path:
        return self.path / "best.yaml"

    @property
    def best_npz(self) -> Path:
        """The weights of the answer; see nn.model_file."""
        return self.path / "best.npz"

    @property
    def weights(self) -> Path:
        """Where workers leave the weights of trials that may be the best, in a sitting or until all are confirmed."""
        return self.path / ".weights"

    def weights_of(self, number: int) -> Path:
        """Where a worker leaves those of one trial."""
        return self.weights / f"{number}.npz"

    @property
    def data(self) -> Path:
        """Where the data lie that workers map, during a sitting."""
        return self.path / ".data"

    def prepared(self, *, normalized: bool) -> Path:
        """Where they lie with their inputs normalised, or as they are."""
        return self.data / ("normalized" if normalized else "plain")


def is_name(text: str) -> bool:
    """Whether a study or run may be called so."""
    return re.fullmatch(NAME, text) is not None


def create(runs: Path, name: str, fill: Callable[[RunFolder], None]) -> RunFolder:
    """A new folder runs/NAME-001, or with the number after the highest there is; it appears when fill has filled it.

    Raises:
        StorageError: the folder cannot be made.

    """
    return _made(runs, "--runs", fill, lambda draft: _into_place(draft, name))


def create_at(path: Path, fill: Callable[[RunFolder], None]) -> RunFolder:
    """A new run folder of that path for a copy; it appears when fill has filled it.

    Raises:
        UsageError: something is there.
        StorageError: the folder cannot be made.

    """
    if os.path.lexists(path):
        raise UsageError(f"{path}: is there already: a copy goes into a new folder. Name another with --copy.")
    return _made(path.parent, "--copy", fill, lambda draft: draft.rename(path))


def _made(
    parent: Path, option: str, fill: Callable[[RunFolder], None], into_place: Callable[[Path], Path]
) -> RunFolder:
    """A draft below parent, which an option has named, filled and put into its place."""
    try:
        _require_room_for_runs(parent, option)
        parent.mkdir(parents=True, exist_ok=True)
        with _swept(parent):
            draft = parent / f"{DRAFT}{secrets.token_hex(8)}"
            draft.mkdir()
            return _filled(draft, fill, into_place)
    except OSError as error:
        whose = rights.owner(parent) if isinstance(error, PermissionError) else ""
        what = f"{parent}: cannot make a run folder here: {error.strerror}{whose}"
        raise StorageError(f"{what}. Choose another with {option}.") from error


def _filled(draft: Path, fill: Callable[[RunFolder], None], into_place: Callable[[Path], Path]) -> RunFolder:
    reach("run.draft")
    try:
        fill(RunFolder(draft))
        sync(draft)
        reach("run.filled")
        folder = RunFolder(into_place(draft))
        sync(draft.parent)
        sync(draft.absolute().parent.parent)
        reach("run.placed")
        return folder
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def _swept(runs: Path) -> Iterator[None]:
    """While a run is made in a folder nobody sweeps drafts up there; what nobody is making was left by a kill."""
    descriptor = os.open(runs, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # another is being made, or the file system has no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for draft in runs.glob(f"{DRAFT}*"):
                shutil.rmtree(draft, ignore_errors=True)
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _require_room_for_runs(runs: Path, option: str) -> None:
    if (run := _run_around(runs)) is not None:
        raise StorageError(f"{runs}: lies in the run {run}: a run cannot hold others. Choose another with {option}.")
    if other := _what_else(runs):
        raise StorageError(f"{runs}: cannot make a run folder here: it is {other}. Choose another with {option}.")


def _what_else(runs: Path) -> str:
    """What is there that is no folder; empty where there is one or nothing."""
    if not os.path.lexists(runs) or rights.is_folder(runs):
        return ""
    return "a link that leads nowhere" if runs.is_symlink() else "a file, not a folder"


def _run_around(runs: Path) -> Path | None:
    """The run in whose folder this one is or lies."""
    place = Path(os.path.abspath(runs))  # noqa: PTH100  (it raises nothing for links in a circle)
    return next((folder for folder in (place, *place.parents) if rights.exists(folder / "run.db")), None)


def _into_place(draft: Path, name: str) -> Path:
    """Rename a finished folder to the next free number."""
    number = 1 + max((_number(path, name) for path in draft.parent.iterdir()), default=0)
    while True:
        path = draft.with_name(f"{name}-{number:03d}")
        try:
            return draft.rename(path)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            number += 1  # another search was faster


def sync(folder: Path) -> None:
    """Have the names in a folder survive a loss of power: a file that is synced may yet lose its name."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # it may be written to and not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that syncs no folders
            raise
    finally:
        os.close(descriptor)


def is_alive(pid: str) -> bool:
    """Whether there is a process of that number; what is none of a process's stands for none."""
    if not re.fullmatch("[1-9][0-9]{0,9}", pid):  # 0 and numbers below mean groups of processes
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def _number(path: Path, name: str) -> int:
    found = re.fullmatch(re.escape(name) + r"-([0-9]{3,9})", path.name)
    return int(found[1]) if found else 0


def find_all(runs: Path) -> list[RunFolder]:
    """The runs below a folder, oldest first; none where there is no folder. What we may not enter is left out.

    Raises:
        UsageError: it is a file.
        StorageError: we may not look into it.

    """
    folders = [RunFolder(path) for path in _subfolders(runs) if rights.is_file(path / "run.db")]
    return sorted(folders, key=_age)


def closed(runs: Path) -> list[Path]:
    """The folders below a folder that we may not enter, and that may be runs."""
    return sorted(path for path in _subfolders(runs) if rights.is_closed(path))


def _subfolders(runs: Path) -> list[Path]:
    if other := _what_else(runs):
        raise UsageError(f"{runs}: is {other}: say where the runs are with --runs DIR")
    try:
        return [path for path in runs.iterdir() if rights.is_folder(path) and not path.name.startswith(".")]
    except PermissionError as error:
        raise StorageError(f"{runs}: no right to look into it{rights.owner(runs)}") from error
    except OSError:
        return []


def _age(folder: RunFolder) -> tuple[str, int, str]:
    """When a run was started: as it says itself, since its files may have been touched, edited or copied."""
    touched = 0
    for path in (folder.database, folder.config):
        with contextlib.suppress(OSError):
            touched = path.stat().st_mtime_ns
    return _created(folder) or wording.moment(touched // 10**9), touched, folder.name


def _created(folder: RunFolder) -> str:
    """What its database says, read past all locks, which leaves nothing there: it was written once, before all else."""
    import sqlite3  # noqa: PLC0415  (workers load this module)

    address = f"{folder.database.absolute().as_uri()}?immutable=1"
    with (
        contextlib.suppress(sqlite3.Error, ValueError, TypeError),
        contextlib.closing(sqlite3.connect(address, uri=True)) as connection,
    ):
        (value,) = connection.execute("SELECT value FROM facts WHERE name = 'created'").fetchone()
        return str(json.loads(value))
    return ""


def find(runs: Path, run: str | None = None) -> RunFolder:
    """The run of that name below runs, or at that path; without one, the newest that we may read.

    Raises:
        UsageError: there is no such run, or where runs should lie is a file.
        RunDamagedError: the folder has no database.
        StorageError: we may not look into it.

    """
    if run is None:
        folders = find_all(runs)
        folders = [folder for folder in folders if os.access(folder.database, os.R_OK)] or folders
        if not folders:
            raise UsageError(
                f"No runs in {runs}{os.sep}. Start one with: hptune search CONFIG (or say where with --runs DIR)"
            )
        return folders[-1]
    for path in (runs / run, Path(run)):
        if rights.is_file(path / "run.db"):
            return RunFolder(path)
        if rights.is_closed(path):
            raise StorageError(f"{path}: no right to look into it{rights.owner(path)}")
        if rights.is_file(path / "config.yaml"):
            raise RunDamagedError(
                f"{path}: has no run.db. The search was stopped while it was being set up, or the file was deleted. "
                f"Start anew with: hptune search {path / 'config.yaml'}"
            )
    names = [folder.name for folder in find_all(runs)]
    there = f" There are: {', '.join(names[-8:])}." if names else ""
    raise UsageError(
        f'No run "{run}" in {runs}{os.sep}, and no run folder of that path.{did_you_mean(run, names)}{there}'
    )
