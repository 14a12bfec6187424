"""hptune: hyperparameter tuning from one YAML file.

hptune.load("runs/digits-001") gives the tables of a run. It is loaded when it is first asked for, since it brings
pandas along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hptune.tables import load

__all__ = ["__version__", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name == "load":
        from hptune.tables import load  # noqa: PLC0415  (pandas only for those who read tables)

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
