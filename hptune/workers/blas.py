"""One BLAS thread a process, which must be said in the environment before NumPy is loaded.

Several threads in several workers on the same cores are slower by an order of magnitude, and another number of
threads gives other last bits.
"""

from __future__ import annotations

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
