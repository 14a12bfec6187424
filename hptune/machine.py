"""What this machine has room for: memory, and the disk where runs would lie. Looks, and writes nothing."""

from __future__ import annotations

import contextlib
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from hptune import cgroups
from hptune.places import absolute


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to work with."""

    cores: int
    memory: float  # bytes; infinite where the system does not tell, and likewise below
    runs: Path  # the folder of the runs, which may not be there yet
    free: float  # bytes of disk there
    obstacle: str = ""  # why nothing can be written there


def look(runs: Path, *, cores: int) -> Machine:
    """What there is here, the disk at the folder of the runs or, where that is not there yet, at its nearest parent."""
    place = _nearest(absolute(runs))
    free, obstacle = math.inf, ""
    with contextlib.suppress(OSError):
        system = os.statvfs(place)
        free = system.f_bavail * system.f_frsize
        if system.f_flag & os.ST_RDONLY:
            obstacle = "the file system is read-only"
    if not place.is_absolute():
        obstacle = "the current folder was deleted"
    elif not os.path.isdir(place):  # noqa: PTH112  (it raises nothing where we may not look)
        obstacle = f"{place} is no folder"
    elif not obstacle and not os.access(place, os.W_OK | os.X_OK):
        obstacle = f"no right to write into {place}"
    return Machine(cores, _memory(), runs, free, obstacle)


def _nearest(path: Path) -> Path:
    """The path, or the nearest of its parents that is there."""
    return next((place for place in (path, *path.parents) if os.path.lexists(place)), Path(path.anchor))


def _memory() -> float:
    """Bytes of memory of the machine or, where that is less, of a container or another group of processes."""
    memory = math.inf
    with contextlib.suppress(OSError, ValueError):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min((memory, *(group.limit for group in cgroups.groups())))


def memory_free() -> float:
    """Bytes of memory that this machine, or the container that it is, has to give; infinite where it does not say."""
    free = math.inf
    with contextlib.suppress(OSError, AttributeError):  # not on Linux
        said = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
        free = 1024.0 * int(said[1]) if said else free
    return min((free, *(group.free for group in cgroups.groups())))
