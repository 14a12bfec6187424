"""What is left of an error that hptune did not foresee: a file to be sent to those who can mend it."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import sys
import tempfile
import time
import traceback
from importlib import metadata
from pathlib import Path

from hptune import __version__

PACKAGES = ("numpy", "pandas", "click", "rich", "pyyaml", "threadpoolctl", "pyarrow")


def write(error: BaseException) -> str:
    """Write a report about an error into the current folder, else into the temporary one; what is to be said."""
    what = f"{type(error).__name__}: {_text(error)}".partition("\n")[0]
    beginning = f"Error: hptune made a mistake ({what}). What is stored stays."
    name = f"hptune-bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    content = _content(error).encode("utf-8", "backslashreplace")
    for folder in ("", tempfile.gettempdir):
        with contextlib.suppress(OSError):
            path = Path(folder if isinstance(folder, str) else folder(), name)
            with path.open("xb") as file:
                file.write(content)
            return f"{beginning} Please send the file {path} to its makers."
    return f"{beginning} No report could be written: there is no folder to write to."


def _content(error: BaseException) -> str:
    lines = [
        f"hptune {__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()}), {platform.platform()}",
        *(f"{name} {_version(name)}" for name in PACKAGES),
        f"command: {shlex.join(sys.argv)}",
        "",
        "".join(traceback.format_exception(error)),
    ]
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (an exception whose own text cannot be made)
        return "its text cannot be shown"
