"""A run's database: SQLite, one writer (writer), many readers (snapshot), one schema (formats) and one lock."""

from hptune.store.overview import Overview, read_overview
from hptune.store.snapshot import Lost, Sitting, Snapshot, Stage, StoredTrial, read, read_with_curves
from hptune.store.writer import Store

__all__ = [
    "Lost",
    "Overview",
    "Sitting",
    "Snapshot",
    "Stage",
    "Store",
    "StoredTrial",
    "read",
    "read_overview",
    "read_with_curves",
]
