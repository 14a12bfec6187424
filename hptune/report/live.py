"""A search as it runs: a few lines that move on a terminal, a few that stay where output is piped.

It is fed the events of a run and knows nothing of how they come about.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hptune import agenda
from hptune.analysis.progress import extensions
from hptune.config.study_file import StudyConfig
from hptune.domains import show
from hptune.events import (
    AttemptLost,
    EpochEnded,
    Event,
    Notice,
    SpaceExtended,
    StageEnded,
    StageStarted,
    Stopping,
    TrialEnded,
    TrialStarted,
)
from hptune.report.safe_text import say
from hptune.search.plan import CONFIRM_SHARE, REPLICATES, Budget, SearchPlan
from hptune.search.ranking import ranked
from hptune.store import Snapshot
from hptune.store.answer import means, standings
from hptune.trial import EpochMetrics, Kind, Origin, Status, TrialResult, TrialSpec
from hptune.wording import counted, duration

SHOWN_RUNNING = 8  # running trials with a line of their own
SHOWN_REASONS = 3  # failures told one by one; the report counts the rest
PLAIN_LINES = 10  # progress lines of a whole run where output is piped, beside those that bring a new best trial


@dataclass(slots=True)
class Progress:
    """Where a run stands."""

    metric: str
    epochs: int | None  # of a trial, where all have the same number
    n_trials: dict[int, int | None]  # of the stages so far; None as long as the budget has not shown how many
    to_come: int = 0  # in a stage that has not begun
    done: int = 0
    stopped: int = 0
    diverged: int = 0  # a finding of the search, no failure
    failed: int = 0
    best: TrialResult | None = None  # of the searches
    running: dict[int, EpochMetrics | None] = field(default_factory=dict)
    is_stopping: bool = False
    clock: Callable[[], float] = time.monotonic
    confirming: set[int] = field(default_factory=set)  # trials that confirm others
    budget: Budget = field(default_factory=Budget)  # of the search, without its confirmation
    confirms: bool = False  # whether a part of the budget is held back for that
    spent_epochs: int = 0  # of it, by trials that have ended
    spent_trials: int = 0
    spent_s: float = 0.0  # in earlier sittings
    space: str = ""  # of the search, JSON
    newest: Origin | None = None  # of the trial started last that was not from all over a space in between
    started: float = 0.0
    pace_from: tuple[float, float] = (0.0, 0.0)  # time and share from which on the pace is measured

    def __post_init__(self) -> None:
        self.started = self.clock()
        self.pace_from = self.started, self.share

    @classmethod
    def of(cls, config: StudyConfig, snapshot: Snapshot) -> Self:
        """That of a run which goes on."""
        results = snapshot.results
        stage = agenda.open_stage(snapshot) or snapshot.stages[-1]
        plan = stage.plan if isinstance(stage.plan, SearchPlan) else None
        ended = [trial.result for trial in snapshot.trials_of(stage) if trial.result is not None]
        epochs = config.train.get("epochs")
        has_begun = plan is None or stage is not snapshot.stages[-1]
        return cls(
            metric=config.search.metric,
            epochs=epochs if isinstance(epochs, int) else None,
            n_trials={stage.number: stage.n_trials for stage in snapshot.stages},
            to_come=0 if plan is None or has_begun else plan.confirm * REPLICATES,
            done=len(results),
            stopped=sum(result.status is Status.STOPPED for result in results),
            diverged=sum(result.status is Status.DIVERGED for result in results),
            failed=sum(_has_failed(result) for result in results),
            best=_best(snapshot),
            budget=plan.budget if plan else Budget(),
            confirms=bool(plan and plan.confirm),
            spent_epochs=sum(result.epochs for result in ended),
            spent_trials=len(ended),
            spent_s=sum(sitting.elapsed_s for sitting in snapshot.sittings if sitting.stage == stage.number),
            space=stage.final_space,
        )

    @property
    def planned(self) -> int | None:
        """Trials of all stages; None as long as that is not known."""
        known = [n for n in self.n_trials.values() if n is not None]
        return self.to_come + sum(known) if len(known) == len(self.n_trials) else None

    def update(self, event: Event) -> bool:
        """Take an event in; True where it brings a new best trial."""
        match event:
            case StageStarted(number, _, _, n_trials):
                self._see_stage(number, n_trials)
            case StageEnded(number, n_trials):
                self._see_stage(number, n_trials)
            case SpaceExtended(_, space):
                self.space = space
            case TrialStarted(spec, _):
                self._start(spec)
            case EpochEnded(number, metrics):
                self.running[number] = metrics
            case AttemptLost(spec, _):
                self.running.pop(spec.number, None)
            case Stopping():
                self.is_stopping = True
            case TrialEnded(result):
                return self._end(result)
        return False

    def _see_stage(self, number: int, n_trials: int | None) -> None:
        was_known = self.planned is not None
        if number not in self.n_trials:
            self.to_come = 0
        self.n_trials[number] = n_trials
        if not was_known:  # from now on trials are counted
            self.pace_from = self.clock(), self.share

    def _start(self, spec: TrialSpec) -> None:
        self.running[spec.number] = None
        if spec.origin.kind is Kind.CONFIRMATION:
            self.confirming.add(spec.number)
        if spec.origin.kind is not Kind.GLOBAL:
            self.newest = spec.origin

    def _end(self, result: TrialResult) -> bool:
        self.running.pop(result.number, None)
        self.done += 1
        self.stopped += result.status is Status.STOPPED
        self.diverged += result.status is Status.DIVERGED
        self.failed += _has_failed(result)
        if result.number in self.confirming:
            return False
        self.spent_epochs += result.epochs
        self.spent_trials += 1
        if result.status is not Status.COMPLETED:
            return False
        before, self.best = self.best, ranked([result] if self.best is None else [self.best, result])[0]
        return self.best is not before

    @property
    def share(self) -> float:
        """How much of the run is done: of its trials or, as long as that is not known, of its budget."""
        if self.planned is not None:
            return self.done / max(self.planned, 1)
        budget = self.budget
        searching = [metrics for number, metrics in self.running.items() if metrics and number not in self.confirming]
        epochs = self.spent_epochs + sum(metrics.epoch for metrics in searching)
        elapsed_s = self.spent_s + self.clock() - self.started
        spent = ((self.spent_trials, budget.trials), (epochs, budget.epochs), (elapsed_s, budget.time_s))
        share = max((one / limit for one, limit in spent if limit), default=0.0)
        return min(share, 1.0) * (1 - CONFIRM_SHARE * self.confirms)

    def time_left_s(self) -> float | None:
        """Seconds to go at the pace so far; None before there is a pace."""
        since, share = self.pace_from
        gained = self.share - share
        return (self.clock() - since) / gained * (1 - self.share) if gained > 0 else None

    @property
    def phase(self) -> str:
        """What the newest trials are for, in a few words; empty in random search, where all are for the same."""
        match self.newest:
            case None | Origin(Kind.RANDOM):
                return ""
            case Origin(Kind.ZOOM, parent):
                return f"closing in on trial {parent}"
            case Origin(Kind.CONFIRMATION, parent):
                return f"confirming trial {parent}"
            case Origin(Kind.GLOBAL):
                return "from the whole space"
            case Origin(kind):
                return kind.value

    def summary(self) -> str:
        """The state in one line."""
        return ", ".join(filter(None, [self._trials(), self.phase, *self._counts(), *self._times()]))

    def _trials(self) -> str:
        if self.planned is not None:
            return f"{self.done}/{self.planned} trials"
        return f"{counted(self.done, 'trial')}, {self.share * 100:.0f} % of the budget"

    def _counts(self) -> list[str]:
        ends = ((self.stopped, "stopped"), (self.diverged, "diverged"), (self.failed, "failed"))
        parts = [f"{n} {what}" for n, what in ends if n]
        if self.best is not None:
            parts.append(f"best {self.metric} {show(self.best.score or 0.0)} (trial {self.best.number})")
        return parts

    def _times(self) -> tuple[str, str]:
        left = self.time_left_s()
        to_go = "stopping" if self.is_stopping else "" if left is None else f"{duration(left)} left"
        return f"{duration(self.clock() - self.started)} elapsed", to_go

    def __rich__(self) -> Group:
        bar = Table.grid(expand=True)  # a bar alone does not end its line
        bar.add_row(ProgressBar(total=1.0, completed=self.share))
        counts = ", ".join([self._trials(), f"{len(self.running)} running", *self._counts()])
        times = ", ".join(filter(None, [self.phase, *self._times()]))
        return Group(bar, Text(counts), Text(times), *self._running_lines())

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


def _has_failed(result: TrialResult) -> bool:
    return result.score is None and result.status is not Status.DIVERGED


def _best(snapshot: Snapshot) -> TrialResult | None:
    """The best trial so far; where it was confirmed, with its mean, which others have to beat."""
    best = next(iter(standings(snapshot)), None)
    if best is None or best.status is not Status.COMPLETED:
        return None
    return replace(best, score=means(snapshot).get(best.number, best.score))


class _Careful(Live):
    """A Live whose own thread keeps what goes wrong in it, for the thread that feeds it."""

    fault: Exception | None = None

    def refresh(self) -> None:
        if self.fault is None:
            try:
                super().refresh()
            except Exception as error:  # noqa: BLE001  (whatever a drawing raises must not end a search)
                self.fault = error


class Display:
    """Shows a Progress while a search runs; a context manager. show() takes the run's events.

    Whatever goes wrong with it, it says so in a line, shows nothing more, and the search goes on.
    """

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._is_moving = console.is_terminal and not console.is_dumb_terminal
        self._is_off = False
        self._live = _Careful(progress, console=console, refresh_per_second=5, transient=True)
        self._before: Any = None  # what a stop from the terminal did before we minded it
        self._told = 0  # failures
        self._tenths = int(progress.share * PLAIN_LINES)  # of the run, told

    def __enter__(self) -> Self:
        with self._carefully():
            if self._is_moving:
                self._live.start()
                self._mind_ctrl_z()
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTSTP, self._before)
        with self._carefully():
            self._live.stop()

    def _mind_ctrl_z(self) -> None:
        """Give the terminal back whole when it stops us, and draw anew when we go on."""
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            self._before = signal.signal(signal.SIGTSTP, self._pause)

    def _pause(self, number: int, _frame: FrameType | None) -> None:
        with self._carefully():
            self._live.stop()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # here we stop, until we are told to go on
        signal.signal(number, self._pause)
        if not self._is_off:
            with self._carefully():
                self._live.start()

    def show(self, event: Event) -> None:
        """Take an event in, and tell of it."""
        if not self._is_off:
            with self._carefully():
                self._show(event)
                if self._live.fault is not None:
                    raise self._live.fault

    @contextlib.contextmanager
    def _carefully(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  (likewise)
            self._is_off = True
            with contextlib.suppress(Exception):
                self._live.fault = error
                self._live.stop()
            with contextlib.suppress(Exception):
                what = f"{type(error).__name__}: {error}".partition("\n")[0]
                self.say(f"The display has failed ({what}) and is off; the search goes on.", "yellow")

    def _show(self, event: Event) -> None:
        stages, space = set(self._progress.n_trials), self._progress.space
        is_best = self._progress.update(event)
        match event:
            case AttemptLost(spec, reason):
                self.say(f"trial {spec.number}: {reason}; the trial is tried again", "yellow")
            case Notice(text):
                self.say(f"Note: {text}", "yellow")
            case Stopping(n_running, grace_s):
                running = f"{counted(n_running, 'running trial')} may come to an end, or to that of an epoch"
                text = (
                    f"Stopping: nothing new is started; {running}, within {grace_s:.0f} s. Ctrl-C again stops at once."
                )
                self.say(text, "yellow")
            case StageStarted(number, name, origin) if number not in stages:
                self.say(f"{name}: {origin}")
            case StageEnded(_, 0):
                self.say("Nothing to train: no configuration is new, or none has completed.", "yellow")
            case SpaceExtended(_, new):
                for name, before, after in extensions(space, new):
                    what = f"{before.describe()}, which is extended to {after.describe()}"
                    self.say(f"{name}: the best trials lie at an end of {what}")
            case TrialEnded(result):
                self._tell(result, is_best=is_best)

    def say(self, text: str, style: str = "") -> None:
        """A line that stays."""
        say(self._console, text, style)

    def _tell(self, result: TrialResult, *, is_best: bool) -> None:
        progress = self._progress
        if result.score is None and self._told < SHOWN_REASONS:
            self._told += 1
            more = " (further ones are counted in the report)" if self._told == SHOWN_REASONS else ""
            first_line = result.reason.partition("\n")[0]
            self.say(f"trial {result.number} {result.status.value}: {first_line}{more}", "yellow")
        tenths = int(progress.share * PLAIN_LINES)
        if not self._is_moving and (is_best or tenths > self._tenths):
            self._tenths = tenths
            self.say(progress.summary())
