"""How BLAS computes, which must be said in the environment before NumPy is loaded.

One thread a process: several threads in several workers on the same cores are slower by an order of magnitude, and
another number of threads gives other last bits. And kernels that use what the processor has: OpenBLAS 0.3.31 takes
AMD's Zen 5 for a Haswell, with 126 GFLOP/s where its AVX-512 kernels do 237. Other kernels give other last bits, too,
so what is set here reaches the program and its workers alike, and a run records what was chosen.
"""

from __future__ import annotations

import os
from pathlib import Path

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)
KERNELS, AVX512 = "OPENBLAS_CORETYPE", "SkylakeX"
NEEDED = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}  # by those kernels


def environment(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """What the program is to set for itself and its workers, who inherit it; kernels that the user has named stay."""
    kernels = {KERNELS: os.environ.get(KERNELS, AVX512)} if is_amd_with_avx512(cpuinfo) else {}
    return {**ONE_THREAD, **kernels}


def is_amd_with_avx512(cpuinfo: Path) -> bool:
    """Whether the first processor that Linux names is AMD's and has AVX-512, on which OpenBLAS may be mistaken.

    Where it is not (Zen 4), it chooses the same kernels itself.
    """
    try:
        first = cpuinfo.read_text(encoding="ascii", errors="replace").partition("\n\n")[0]
    except OSError:
        return False  # not Linux
    fields = {name.strip(): value.split() for name, _, value in (line.partition(":") for line in first.splitlines())}
    return fields.get("vendor_id") == ["AuthenticAMD"] and set(fields.get("flags", ())) >= NEEDED
