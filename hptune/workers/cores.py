"""How many cores there are to work with, and how many workers are wanted on them."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from dataclasses import replace
from pathlib import Path

from hptune.config.study_file import StudyConfig
from hptune.search.plan import PARALLEL_PER_WORKER, most_parallel


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and the quota of its container (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # no such file, or "max": no quota
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        cores = min(cores, max(1, math.ceil(int(quota) / int(period))))
    return cores


def n_workers(config: StudyConfig, wanted: int | str | None) -> int:
    """How many workers there are to be: wanted (on the command line), or as in the study file; auto is one a core."""
    n = config.search.workers if wanted is None else wanted
    return n if isinstance(n, int) else usable_cores()


def with_parallel(config: StudyConfig, wanted: int | str | None) -> StudyConfig:
    """The study file with search.parallel as a number: where it says auto, twice the workers there are to be.

    A search from coarse to fine that has a small budget gets fewer, so that it can learn from what it has tried: with
    16 at a time, 20 trainings are little better than random ones (docs/search.md, The simulated clock).
    """
    search = config.search
    if search.parallel:
        return config
    parallel = PARALLEL_PER_WORKER * max(n_workers(config, wanted), 1)
    if search.method == "coarse-to-fine":
        parallel = min(parallel, most_parallel(search.budget, config.space.most_epochs(config.train)) or parallel)
    return replace(config, search=replace(search, parallel=parallel))
