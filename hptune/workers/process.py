"""One worker process as its parent sees it: an exec-ed interpreter with three pipes and a guardian of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass

from hptune import wording
from hptune.trial import EpochMetrics, Standing, TrialResult, TrialSpec
from hptune.workers import messages, orphans
from hptune.workers.blas import ONE_THREAD

MAX_WORDS = 1 << 16  # bytes of standard error that are kept
LAST_WORDS = 1500  # bytes of them that are said
END_S = 1.0  # what a guardian gets to kill what is below it


@dataclass(slots=True, eq=False)
class Process:
    """A worker, and the trial that it trains, if any. Times are seconds of the parent's observed clock."""

    popen: subprocess.Popen[bytes]  # the guardian; it ends as the worker does
    since: float  # when it was started, or began its trial
    tag: str = ""  # by which what its guardian has left can be found
    pid: int | None = None  # of the worker itself, once it has said hello
    ready_since: float | None = None  # time.monotonic()
    first_memory: int | None = None  # bytes of its own when it was ready
    memory: int | None = None  # when last seen
    seen: float = 0.0  # when that was
    spec: TrialSpec | None = None
    epochs: int = 0  # of its trial, that came through
    best: tuple[Standing, int] | None = None  # of them: the lowest, and its epoch
    last_epoch: float = 0.0  # when it came, or the trial began
    unread: bytes = b""  # the beginning of a line whose rest has not come yet
    words: bytes = b""  # the end of its standard error
    asked_to_end: float | None = None  # when it was sent SIGTERM
    verdict: TrialResult | None = None  # its trial has taken too long
    why: str = ""  # it was ended, if not for that
    is_over: bool = False  # what it still says does not count
    is_unguarded: bool = False  # its guardian has not ended by our doing, and may have left something

    @property
    def descriptors(self) -> tuple[int, int]:
        """Its standard output and standard error."""
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        return self.popen.stdout.fileno(), self.popen.stderr.fileno()

    def begin(self, spec: TrialSpec, now: float) -> None:
        """Send it a trial."""
        self.spec, self.epochs, self.best = spec, 0, None
        if self.ready_since is not None:
            self.since = self.last_epoch = now
        self.send(messages.encode(spec.to_json()))

    def see(self, metrics: EpochMetrics, standing: Standing, now: float) -> None:
        """Its trial has one more epoch."""
        self.epochs, self.last_epoch = metrics.epoch, now
        self.best = min(self.best or (standing, self.epochs), (standing, self.epochs))

    def send(self, line: bytes) -> None:
        """Write to it; one that has died is noticed by the end of its output."""
        assert self.popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.popen.stdin.write(line)

    def terminate(self, now: float) -> None:
        """Ask it to end, by SIGTERM; what it says from now on does not count."""
        self.is_over, self.asked_to_end = True, now
        self.popen.send_signal(signal.SIGTERM)  # the guardian passes it on to the worker's process group

    def kill(self, why: str = "") -> None:
        """SIGKILL for it and all that descends from it: its guardian sees to that when its input ends."""
        self.is_over, self.why = True, self.why or why
        assert self.popen.stdin is not None
        if not self.popen.stdin.closed:
            self.is_unguarded = self.popen.poll() is not None
            self.popen.stdin.close()
        self.popen.send_signal(signal.SIGCONT)

    def reap(self) -> int:
        """Wait for one that was killed or has died, leave nothing of it; its exit code, -N for signal N."""
        self.kill()
        try:
            code = self.popen.wait(END_S)
        except subprocess.TimeoutExpired:  # something below cannot be killed
            self.popen.kill()
            code = self.popen.wait()
            self.is_unguarded = True
        if self.is_unguarded and self.tag:
            orphans.kill(self.tag, session=self.popen.pid, group=self.pid)
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        if not self.popen.stderr.closed:
            os.set_blocking(self.popen.stderr.fileno(), False)
            while received := self.popen.stderr.read(MAX_WORDS):
                self.hear(received)
        self.popen.stdout.close()
        self.popen.stderr.close()
        return code

    def hear(self, received: bytes) -> None:
        """Keep the end of what it has written to standard error."""
        self.words = (self.words + received)[-MAX_WORDS:]

    @property
    def lacked_memory(self) -> bool:
        """Whether its last words speak of that: those of Python, the C library, and OpenBLAS."""
        return re.search(rb"MemoryError|annot allocate memory|emory allocation|new thread", self.words) is not None

    def how_it_ended(self, code: int) -> str:
        """In words, with its last ones."""
        last_words = self.words[-LAST_WORDS:].decode("utf-8", "replace").strip()
        return (self.why or _ended(code, self.memory)) + (f"; its last words:\n{last_words}" if last_words else "")


def start(memory: int | None, now: float) -> Process:
    """A new worker that may take so much memory.

    Raises:
        OSError: the system has no room for another process or its pipes.

    """
    tag = orphans.new_tag()
    popen = subprocess.Popen(  # noqa: S603  (our own program)
        [sys.executable, "-P", "-m", "hptune.workers.guardian", str(memory or 0)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **ONE_THREAD, orphans.TAG: tag},
        start_new_session=True,
    )
    return Process(popen, now, tag)


def _ended(code: int, memory: int | None) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    if -code == signal.SIGKILL:
        name += ", perhaps for lack of memory" + (f"; {wording.size(memory)} when last seen" if memory else "")
    return f"was killed by signal {-code} ({name})"
