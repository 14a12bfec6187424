"""Which files can be data files, checked before anything is opened.

Reading a FIFO would hang and reading a folder would fail with a traceback, so only what is known to be a
regular, readable file of a known kind goes on to a reader.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import zlib
from pathlib import Path

from hptune.data.problems import FileProblems
from hptune.errors import DataError, did_you_mean

# by suffix
KINDS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".npz": "npz", ".npy": "npy", ".parquet": "parquet"}
TABLES = ("csv", "tsv", "parquet")  # the kinds with a header and a column of labels
PAIRS = ("npy", "idx")  # the kinds with X in one file and y in another
IDX_ENDINGS = ("-ubyte", ".idx")  # of the name, perhaps with .gz after it
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}  # by the third byte
GZIP = b"\x1f\x8b"  # the first bytes of a compressed file
SIZE_LIMIT = 8 * 2**30  # bytes, of a file and of an array in memory
SIZE_LIMIT_NAME = "8 GiB"


def kind(path: str) -> str:
    """How to read the file: one of the values of KINDS or "idx", or "" where neither name nor content say."""
    by_suffix = KINDS.get(Path(path).suffix.lower(), "")
    if by_suffix:
        return by_suffix
    has_name_of_idx = Path(path).name.lower().removesuffix(".gz").endswith(IDX_ENDINGS)
    return "idx" if has_name_of_idx or _has_content_of_idx(path) else ""


def _has_content_of_idx(path: str) -> bool:
    """Whether it is a regular file with the first bytes of an IDX file, gzip-compressed or not."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return False
        with Path(path).open("rb") as file:
            is_compressed = file.read(len(GZIP)) == GZIP
        with gzip.open(path, "rb") if is_compressed else Path(path).open("rb") as file:
            start = file.read(4)
    except (OSError, EOFError, ValueError, zlib.error):
        return False
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in IDX_TYPES and 1 <= start[3] <= 8


def check_file(path: str) -> None:
    """Raise a DataError unless path is a readable, regular file of a known kind that is not empty."""
    problems = FileProblems(path)
    message = _problem_of_name(path) or _problem_of_file(path)
    if message:
        problems.add(message)
    problems.raise_any()


def read_bytes(path: str) -> bytes:
    """The whole file."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _problem_of_name(path: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        return "local files only: download it and give the path of the copy"
    suffix = Path(path).suffix.lower()
    if kind(path) or (not suffix and not Path(path).is_file()):
        return ""
    known = f"hptune reads {', '.join(KINDS)} and IDX files"
    return f"{known}, this one ends in {suffix or 'nothing'}"


def _problem_of_file(path: str) -> str:
    try:
        status = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    may_read = os.access(path, os.R_OK)
    checks = (
        (stat.S_ISDIR(status.st_mode), "is a directory: name a file in it"),
        (
            not stat.S_ISREG(status.st_mode),
            "is not a regular file (but a pipe, a socket or a device): save it as a file",
        ),
        (not may_read, "no permission to read it: change it with chmod, or copy the file"),
        (status.st_size == 0, "the file is empty"),
        (status.st_size > SIZE_LIMIT, f"has {status.st_size:,} bytes, more than the limit of {SIZE_LIMIT_NAME}"),
    )
    return next((message for applies, message in checks if applies), "")


def _missing(path: str) -> str:
    folder = Path(path).parent
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return f"no such file: the directory {folder} does not exist or cannot be read"
    return f"no such file (looked in {folder.resolve()}).{did_you_mean(Path(path).name, names)}"
