"""No test leaves a process, also where it fails."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import pytest
from processes import ended_within
from programs import TAG, processes_with


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch, request):
    """All that a test has started is gone a second after it; what is not is killed."""
    monkeypatch.setenv(TAG, request.node.nodeid)
    yield
    left = []
    if sys.platform == "linux":
        for pid in processes_with(request.node.nodeid):
            if not ended_within(pid, 1.0):
                left.append(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    assert not left
