"""Which files can be data files, checked before anything is opened.

Reading a FIFO would hang and reading a folder would fail with a traceback, so only what is known to be a
regular, readable file of a known kind goes on to a reader.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import zlib
from pathlib import Path

from hptune.data.kinds import GZIP, problem_of_kind
from hptune.data.problems import FileProblems
from hptune.errors import DataError, did_you_mean
from hptune.machine import memory_free
from hptune.places import absolute

SIZE_LIMIT = 8 * 2**30  # bytes, of a file and of an array in memory
SIZE_LIMIT_NAME = "8 GiB"
PIECE = 2**20  # bytes unpacked at once
LOADING = 2.5  # bytes at most that loading and splitting take for each byte of X in float64 (docs/study_file.md)


def excess(size: int) -> str:
    """Than what so many bytes of X are more, if they are more than can be loaded; else an empty text."""
    if size > SIZE_LIMIT:
        return f"more than the limit of {SIZE_LIMIT_NAME}"
    free = memory_free()
    if LOADING * size <= free:
        return ""
    needed = f"loading takes {LOADING:g} times as much, {LOADING * size / 2**30:.2g} GiB"
    return f"more than the {free / 2**30:.2g} GiB of memory that are free allow ({needed})"


def check_file(path: str) -> None:
    """Raise a DataError unless path is a readable, regular file of a known kind that is not empty."""
    problems = FileProblems(path)
    message = _problem_of_address(path) or problem_of_kind(path) or _problem_of_file(path)
    if message:
        problems.add(message)
    problems.raise_any()


def read_bytes(path: str) -> bytes:
    """The whole file, unpacked where it is compressed by gzip, though never more than there is room for."""
    content, size = io.BytesIO(), 0
    try:
        with Path(path).open("rb") as file:
            is_compressed = file.read(len(GZIP)) == GZIP
        if not is_compressed:
            return Path(path).read_bytes()
        with gzip.open(path) as unpacked:
            while piece := unpacked.read(PIECE):
                size += content.write(piece)
                if too_much := excess(size):
                    raise DataError(f"{path}: unpacks to more than {size:,} bytes, {too_much}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged or incomplete ({error}): copy or download it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return content.getvalue()


def _problem_of_address(path: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        return "local files only: download it and give the path of the copy"
    return ""


def _problem_of_file(path: str) -> str:
    try:
        status = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    may_read = os.access(path, os.R_OK)
    checks = (
        (
            not stat.S_ISREG(status.st_mode),
            "is not a regular file (but a pipe, a socket or a device): save it as a file",
        ),
        (not may_read, "no permission to read it: change it with chmod, or copy the file"),
        (status.st_size == 0, "the file is empty"),
        (status.st_size > SIZE_LIMIT, f"has {status.st_size:,} bytes, more than the limit of {SIZE_LIMIT_NAME}"),
        (status.st_size > memory_free(), f"has {status.st_size:,} bytes, more than the memory that is free"),
    )
    return next((message for applies, message in checks if applies), "")


def _missing(path: str) -> str:
    folder = Path(path).parent
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return f"no such file: the directory {folder} does not exist or cannot be read"
    return f"no such file (looked in {absolute(folder)}).{did_you_mean(Path(path).name, names)}"
