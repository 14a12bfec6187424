"""Paths where the current folder may have been deleted under us."""

from __future__ import annotations

from pathlib import Path


def absolute(path: Path) -> Path:
    """The path from the root; as it is where it goes out from a current folder that was deleted, so leads nowhere."""
    try:
        return path.absolute()
    except FileNotFoundError:
        return path
