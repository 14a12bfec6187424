"""Waiting for processes to end, without polling."""

from __future__ import annotations

import os
import select


def ended_within(pid, seconds):
    """Whether a process that need not be our child ends in time; waits for it without polling."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)
