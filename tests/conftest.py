from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _fake_trainers_are_found(monkeypatch):
    """Worker processes import fake_trainers from here."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
