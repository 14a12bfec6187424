"""A .npy array: its header, with shape, type and size, is checked before the array is loaded."""

from __future__ import annotations

import struct
import tokenize
import warnings
import zipfile
import zlib
from typing import IO, Any

from numpy.lib import format as npy
from numpy.typing import NDArray

from hptune.data.array_rules import check_shape, check_size, check_type
from hptune.data.problems import FileProblems

# what zipfile, zlib and numpy raise on a file that is damaged, encrypted or was made to harm
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError),
    *(EOFError, OSError, ValueError, RuntimeError),
)


def check_header(file: IO[bytes], stored: int, name: str, problems: FileProblems) -> tuple[int, ...]:
    """The shape of the array at the start of a file of so many bytes, or (0,) and a problem."""
    found = len(problems.found)
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):  # 3.0 exists only for records with names beyond Latin-1
        problems.add(f"{name} is stored as .npy version {version[0]}.{version[1]}, expected 1.0 or 2.0")
        return (0,)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    with warnings.catch_warnings(action="ignore"):  # that Python 2 wrote it
        shape, _, dtype = read(file)
    check_type(name, dtype, problems)
    check_shape(name, shape, problems)
    if len(problems.found) == found:
        check_size(name, shape, dtype, stored - file.tell(), problems)
    return shape if len(problems.found) == found else (0,)


def load_array(file: IO[bytes]) -> NDArray[Any]:
    """The array whose header has been found good."""
    with warnings.catch_warnings(action="ignore"):
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array
