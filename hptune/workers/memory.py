"""How much memory a worker has for itself, and the most that it may have."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes


def own(pid: int) -> int | None:
    """Bytes of a process that no other shares (resident minus shared, proc(5)); None where nothing tells."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_bytes().split())
        return (resident - shared) * PAGE
    return None


def limit(most: int) -> None:
    """Let this process have so many bytes of its own; beyond them Python raises MemoryError.

    RLIMIT_DATA counts what is private and can be written, also what is only reserved: not the data that workers share
    and not libraries, which RLIMIT_AS would count (getrlimit(2), Linux; macOS takes no notice of it).
    """
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
