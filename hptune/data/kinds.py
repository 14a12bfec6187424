"""Which kind of data file a path names, by its suffix or else by its first bytes. Standard library only."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Mapping
from pathlib import Path

KINDS: Mapping[str, str] = {  # by suffix
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".npz": "npz",
    ".npy": "npy",
    ".parquet": "parquet",
}
COMPRESSED = {f"{suffix}.gz": kind for suffix, kind in KINDS.items() if kind in {"csv", "tsv"}}
TABLES = ("csv", "tsv", "parquet")  # the kinds with a header and a column of labels
PAIRS = ("npy", "idx")  # the kinds with X in one file and y in another
CONVERSIONS = {  # by suffix: how a file of another kind becomes one that can be read
    ".h5 .hdf5": 'save its arrays with np.savez("train.npz", X=file["..."][:], y=file["..."][:]) of h5py.File(...)',
    ".mat": 'save its arrays with np.savez("train.npz", X=file["..."], y=file["..."]) of scipy.io.loadmat(...)',
    ".xls .xlsx .ods": "save the sheet as CSV",
    ".json .jsonl .feather .pkl .pickle .sas7bdat .dta .sav": "read it with pandas, save it with to_csv(index=False)",
    ".gz .bz2 .xz .zst .zip .tar .7z": "unpack it first (only .csv.gz, .tsv.gz and IDX files are read as they are)",
}
IDX_ENDINGS = ("-ubyte", ".idx")  # of the name, perhaps with .gz after it
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}  # by the third byte
GZIP = b"\x1f\x8b"  # the first bytes of a compressed file


def kind(path: str) -> str:
    """How to read the file: one of the values of KINDS or "idx", or "" where neither name nor content say."""
    name = Path(path).name.lower()
    by_suffix = KINDS.get(Path(name).suffix) or COMPRESSED.get("".join(Path(name).suffixes[-2:]))
    if by_suffix:
        return by_suffix
    has_name_of_idx = name.removesuffix(".gz").endswith(IDX_ENDINGS)
    return "idx" if has_name_of_idx or _has_content_of_idx(path) else ""


def problem_of_kind(path: str) -> str:
    """Why a path cannot be that of a data file: a directory, or a file of no known kind; empty where it can."""
    if os.path.isdir(path):  # noqa: PTH112  (never raises, as that of Path does)
        return "is a directory: name a file in it"
    suffix = Path(path).suffix.lower()
    if kind(path) or (not suffix and not os.path.isfile(path)):  # noqa: PTH113
        return ""
    known = f"hptune reads {', '.join(KINDS)} and IDX files"
    todo = next((f": {todo}" for suffixes, todo in CONVERSIONS.items() if suffix in suffixes.split()), "")
    return f"{known}, this one ends in {suffix or 'nothing'}{todo}"


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
