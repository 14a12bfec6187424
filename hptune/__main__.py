"""The program starts here, as `hptune` and as `python -m hptune`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Until there is something that could be left half done, Ctrl-C ends the program without a word from Python."""
    _forget_current_folder()
    import signal  # noqa: PLC0415  (not from the current folder)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as by nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from hptune import cli  # noqa: PLC0415  (that takes its time)

    cli.main()


def _forget_current_folder() -> None:
    """Import nothing from where we happen to be, as statistics.py of homework: an empty part of PYTHONPATH means it."""
    parts = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    named = [part for part in parts if part]
    if len(parts) > 1 and len(named) < len(parts):
        os.environ["PYTHONPATH"] = os.pathsep.join(named)  # for the workers
        try:
            here = os.getcwd()  # noqa: PTH109  (pathlib is not loaded yet)
        except OSError:  # it was deleted
            return
        if here in sys.path and here not in map(os.path.abspath, named):
            sys.path.remove(here)


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the current folder
    main()
