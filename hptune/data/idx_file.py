"""IDX files, as MNIST has them, gzip-compressed or not -> arrays. http://yann.lecun.com/exdb/mnist/ describes them.

An IDX file is two zero bytes, a byte for the type, one for the number of dimensions, each dimension in four bytes and
then the values, big-endian. The header decides how much is read: what a compressed file unpacks to beyond it is never
unpacked.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.array_pair import Waiting
from hptune.data.array_rules import check_limit, check_shape, check_size
from hptune.data.kinds import GZIP, IDX_TYPES
from hptune.data.npy_header import DAMAGE
from hptune.data.problems import FileProblems

COPY_AGAIN = "copy or download it again"


def inspect_idx(path: str, name: str, problems: FileProblems) -> Waiting | None:
    """The file of X or of y, its header checked."""
    try:
        with _opened(path) as file:
            header = _read_header(file, problems)
            start = file.tell()
    except DAMAGE as error:
        problems.add(f"damaged or incomplete ({error}): {COPY_AGAIN}")
        return None
    if header is None:
        return None
    dtype, shape = header
    flat = _flat_shape(name, shape, problems)
    if not problems.found and _is_compressed(path):
        check_limit(name, flat, dtype, problems)
    elif not problems.found:
        check_size(name, flat, dtype, Path(path).stat().st_size - start, problems)
    if problems.found:
        return None
    return Waiting(shape, lambda: _load(path, start, dtype, shape))


def _is_compressed(path: str) -> bool:
    with Path(path).open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def _opened(path: str) -> IO[bytes]:
    return gzip.open(path, "rb") if _is_compressed(path) else Path(path).open("rb")  # type: ignore[return-value]


def _read_header(file: IO[bytes], problems: FileProblems) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
    """The type of the values and the dimensions."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not magic[3]:
        expected = "two zero bytes, a type (08, 09 or 0b to 0e) and the number of dimensions"
        problems.add(f"not an IDX file: it begins with the bytes {magic.hex(' ') or 'none'}, expected {expected}")
        return None
    dimensions = file.read(4 * magic[3])
    if len(dimensions) < 4 * magic[3]:
        what = f"the header ends after {len(dimensions)} of {4 * magic[3]} bytes for {magic[3]} dimensions"
        problems.add(f"{what}: damaged or incomplete, {COPY_AGAIN}")
        return None
    return np.dtype(IDX_TYPES[magic[2]]), tuple(np.frombuffer(dimensions, ">u4").tolist())


def _flat_shape(name: str, shape: tuple[int, ...], problems: FileProblems) -> tuple[int, ...]:
    """The shape with images made flat; what it cannot be is a problem."""
    if name == "X" and len(shape) == 1:
        problems.add("one dimension, expected images or rows: this looks like labels, which go under data.labels")
    elif name == "y" and len(shape) > 1:
        dimensions = " x ".join(f"{length:,}" for length in shape)
        problems.add(
            f"{dimensions} values, expected one dimension of labels: this looks like what goes under data.path"
        )
    else:
        flat = (shape[0], math.prod(shape[1:])) if name == "X" else shape
        check_shape(name, flat, problems)
        return flat
    return shape


def _load(path: str, start: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The values; one byte more is asked for, so that too many are noticed and gzip compares its checksum."""
    size = math.prod(shape) * dtype.itemsize
    with _opened(path) as file:
        file.seek(start)
        content = file.read(size + 1)
    if len(content) != size:
        found = "more" if len(content) > size else f"{len(content):,}"
        message = f"its header promises {size:,} bytes of values, it holds {found}"
        raise ValueError(message)
    return np.frombuffer(content, dtype).reshape(shape)
