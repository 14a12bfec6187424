"""The limits of memory that Linux sets to groups of processes, as containers and systemd use them (cgroups(7)).

A process is in one group, and each of that group's parents limits it as well: the narrowest of them counts. Both
versions of the files are read; where they lie stands in mountinfo (proc(5)), since containers see them elsewhere.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CACHE = ("active_file", "inactive_file")  # of memory.stat: what the system gives up for whoever needs it


@dataclass(frozen=True, slots=True)
class Group:
    """A group that this process is in, and what it may have."""

    limit: float  # bytes; infinite where there is none
    used: float  # bytes, without what can be given up at once

    @property
    def free(self) -> float:
        return max(0.0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class _Version:
    """The names of one version."""

    file_system: str
    limits: tuple[str, ...]
    usage: str
    prefix: str  # in memory.stat, of numbers that hold for a group and all below it


_VERSION_1 = _Version("cgroup", ("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_")
_VERSION_2 = _Version("cgroup2", ("memory.max", "memory.high"), "memory.current", "")  # beyond "high" it crawls


def groups(root: Path = Path("/")) -> Iterator[Group]:
    """Those with a limit of memory that this process is in, of either version; none where there is no such thing."""
    for version, folder, mount in _folders(root):
        for place in (folder, *folder.parents):
            limit = min(_number(place / name) for name in version.limits)
            if limit < math.inf:
                yield Group(limit, _used(place, version))
            if place == mount:
                break


def _folders(root: Path) -> Iterator[tuple[_Version, Path, Path]]:
    """For each version in use the folder of this process's group, and that under which all groups lie."""
    own = {}
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            own[_VERSION_2.file_system] = path
        elif "memory" in controllers.split(","):
            own[_VERSION_1.file_system] = path
    for line in _lines(root / "proc/self/mountinfo"):
        fields, _, rest = line.partition(" - ")
        file_system, _, options = rest.split(" ")[:3]
        version = next((one for one in (_VERSION_1, _VERSION_2) if one.file_system == file_system), None)
        if version is None or file_system not in own or (version is _VERSION_1 and "memory" not in options.split(",")):
            continue
        top, place = (PurePosixPath(_unescaped(field)) for field in fields.split(" ")[3:5])
        mount, group = root / place.relative_to("/"), PurePosixPath(own[file_system])
        inside = group.relative_to(top) if group.is_relative_to(top) and ".." not in group.parts else PurePosixPath()
        yield version, mount / inside, mount


def _used(place: Path, version: _Version) -> float:
    """Bytes that are not given up for the asking; 0 where nothing tells."""
    used = _number(place / version.usage)
    stat = dict(line.split(" ", 1) for line in _lines(place / "memory.stat") if " " in line)
    cache = sum(float(stat.get(version.prefix + name, 0)) for name in CACHE)
    return max(0.0, used - cache) if used < math.inf else 0.0


def _number(path: Path) -> float:
    """What a file says, infinite where it is not there or says "max"."""
    with contextlib.suppress(OSError, ValueError):
        return float(path.read_text(encoding="ascii").replace("max", "inf"))
    return math.inf


def _lines(path: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return []


def _unescaped(text: str) -> str:
    """A path as mountinfo has it, blanks and the like as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
