"""The program starts here, as `hptune` and as `python -m hptune`."""

from __future__ import annotations

import signal


def main() -> None:
    """Until there is something that could be left half done, Ctrl-C ends the program without a word from Python."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as by nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from hptune import cli  # noqa: PLC0415  (that takes its time)

    cli.main()


if __name__ == "__main__":
    main()
