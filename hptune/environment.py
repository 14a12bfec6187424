"""What the last bits of a result may depend on, beside the study and its data."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import hptune


def environment() -> dict[str, str]:
    """The versions, the machine, how BLAS computes, and the features of the processor that NumPy makes use of."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "hptune": hptune.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "blas": ", ".join(
            " ".join(str(pool.get(key)) for key in ("internal_api", "version", "architecture")) for pool in pools
        ),
        "blas threads": ", ".join(str(pool.get("num_threads")) for pool in pools),
        "processor": " ".join(sorted(_features())),
    }


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """In what one environment differs from another, of what is known of both; empty where in nothing."""
    return ", ".join(
        f"{name} {before[name]} -> {now[name]}" for name in before if name in now and before[name] != now[name]
    )


def _features() -> Iterator[str]:
    """Those for which NumPy has loops of their own, and which this processor has."""
    core: Any = getattr(np, "_core", None)  # NumPy tells it nowhere else, but to print
    umath = getattr(core, "_multiarray_umath", None)
    has = getattr(umath, "__cpu_features__", {})
    yield from (name for name in getattr(umath, "__cpu_dispatch__", ()) if has.get(name))
