"""A search as it runs: a few lines that move on a terminal, a few that stay where output is piped.

It is fed the events of a run and knows nothing of how they come about.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hptune.domains import show
from hptune.events import AttemptLost, EpochEnded, Event, Stopping, TrialEnded, TrialStarted
from hptune.report.safe_text import plain
from hptune.trial import EpochMetrics, TrialResult
from hptune.wording import duration

SHOWN_RUNNING = 8  # running trials with a line of their own
SHOWN_REASONS = 3  # failures told one by one; the report counts the rest
PLAIN_LINES = 10  # progress lines of a whole search where output is piped


@dataclass(slots=True)
class Progress:
    """Where a search stands."""

    metric: str
    epochs: int | None  # of a trial, where all have the same number
    planned: int | None
    done: int = 0
    failed: int = 0
    best: TrialResult | None = None
    running: dict[int, EpochMetrics | None] = field(default_factory=dict)
    is_stopping: bool = False
    clock: Callable[[], float] = time.monotonic
    started: float = 0.0
    done_before: int = 0

    def __post_init__(self) -> None:
        self.started, self.done_before = self.clock(), self.done

    def update(self, event: Event) -> bool:
        """Take an event in; True where it brings a new best trial."""
        match event:
            case TrialStarted(spec, _):
                self.running[spec.number] = None
            case EpochEnded(number, metrics):
                self.running[number] = metrics
            case AttemptLost(spec, _):
                self.running.pop(spec.number, None)
            case Stopping():
                self.is_stopping = True
            case TrialEnded(result):
                self.running.pop(result.number, None)
                self.done += 1
                self.failed += result.score is None
                if result.score is not None and (self.best is None or result.score < (self.best.score or 0.0)):
                    self.best = result
                    return True
        return False

    def time_left_s(self) -> float | None:
        """Seconds to go at the pace so far; None before there is a pace."""
        done = self.done - self.done_before
        if self.planned is None:
            return None
        return (self.clock() - self.started) / done * (self.planned - self.done) if done else None

    def summary(self) -> str:
        """The state in one line."""
        parts = [f"{self.done}/{self.planned or '?'} trials", f"{len(self.running)} running"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.best is not None:
            parts.append(f"best {self.metric} {show(self.best.score or 0.0)} (trial {self.best.number})")
        parts.append(f"{duration(self.clock() - self.started)} elapsed")
        left = self.time_left_s()
        if self.is_stopping:
            parts.append("stopping")
        elif left is not None:
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)

    def __rich__(self) -> Group:
        bar = Table.grid(expand=True)  # a bar alone does not end its line
        bar.add_row(ProgressBar(total=max(self.planned or 0, 1), completed=self.done))
        return Group(bar, Text(self.summary()), *self._running_lines())

    def _running_lines(self) -> list[Table]:
        if not self.running:
            return []
        table = Table.grid(padding=(0, 2))
        for number, metrics in sorted(self.running.items())[:SHOWN_RUNNING]:
            if metrics is None:
                table.add_row(Text(f"  trial {number}", style="dim"), Text("starting", style="dim"))
            else:
                of_all = f"/{self.epochs}" if self.epochs else ""
                value = show(float(getattr(metrics, self.metric)))
                epoch = Text(f"epoch {metrics.epoch}{of_all}", style="dim")
                table.add_row(
                    Text(f"  trial {number}", style="dim"), epoch, Text(f"{self.metric} {value}", style="dim")
                )
        return [table]


class Display:
    """Shows a Progress while a search runs; a context manager. show() takes the run's events."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._is_moving = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(progress, console=console, refresh_per_second=5, transient=True)
        self._told = 0

    def __enter__(self) -> Self:
        if self._is_moving:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_moving:
            self._live.stop()

    def show(self, event: Event) -> None:
        is_best = self._progress.update(event)
        if isinstance(event, AttemptLost):
            self.say(f"trial {event.spec.number}: {event.reason}; the trial is tried again", "yellow")
        elif isinstance(event, Stopping):
            grace = f"the {event.n_running} running trials get {event.grace_s:.0f} s to end"
            self.say(f"Stopping: nothing new is started, {grace}. Ctrl-C again stops at once.", "yellow")
        elif isinstance(event, TrialEnded):
            self._tell(event.result, is_best=is_best)

    def say(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self._console.print(plain(self._console, text, style), soft_wrap=True)

    def _tell(self, result: TrialResult, *, is_best: bool) -> None:
        progress = self._progress
        if result.score is None and self._told < SHOWN_REASONS:
            self._told += 1
            more = " (further ones are counted in the report)" if self._told == SHOWN_REASONS else ""
            first_line = result.reason.partition("\n")[0]
            self.say(f"trial {result.number} {result.status.value}: {first_line}{more}", "yellow")
        every = max(1, (progress.planned or 100) // PLAIN_LINES)
        if not self._is_moving and (is_best or progress.done % every == 0 or progress.done == progress.planned):
            self.say(progress.summary())
