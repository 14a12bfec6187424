"""Arrays that begin at a cache line, which NumPy's own need not.

The widest vector registers hold one line, and a load across two lines costs twice. The numbers are the same.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LINE = 64
"""Bytes of a cache line on x86 and most ARM processors."""


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array whose elements are not set, as numpy.empty."""
    dtype = np.dtype(dtype)
    n_bytes = math.prod(shape) * dtype.itemsize
    memory = np.empty(n_bytes + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + n_bytes].view(dtype).reshape(shape)


def zeros(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of zeros, as numpy.zeros."""
    array = empty(shape, dtype)
    array.fill(0)
    return array
