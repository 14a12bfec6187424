"""The one loop: propose -> workers -> store -> tell, stage after stage, until a run is finished or stopped.

It is a generator of events; each has been stored before it is yielded. Who consumes them draws, or stops.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from hptune import agenda, wording
from hptune.agenda import EpochCost
from hptune.breaker import Breaker
from hptune.config.study_file import StudyConfig
from hptune.environment import environment
from hptune.events import (
    AttemptLost,
    ClockRead,
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
from hptune.failpoints import reach
from hptune.search.plan import SearchPlan
from hptune.stage_trials import Trials
from hptune.store import Sitting, Snapshot, Stage, Store
from hptune.trial import TIE_BREAKER, MetricName, Status, TrialResult, TrialSpec
from hptune.workers import Workers

ATTEMPTS = 3  # of a trial whose worker dies
GROUP_S = 0.05  # events are stored and told in groups of so long: one write to disk for all of them
POLL_S = 0.2  # the longest wait before a stop request is noticed
GRACE_S = 5.0  # what running trials get to end after a stop request


class StopNow(BaseException):
    """Raised by a signal handler, wherever the program is, when it is asked a second time to stop."""


@dataclass(slots=True)
class Stop:
    """That a sitting is to stop: a signal handler asks for it, or too many trials have failed."""

    signal: int | None = None
    breaker: Breaker = field(default_factory=Breaker)
    since: float = field(default=math.inf)
    is_now: bool = False  # it was asked for a second time
    _is_held: bool = False

    def request(self, signal: int) -> None:
        """What a signal handler does: ask the loop to stop, and the second time stop at once.

        Raises:
            StopNow: at the second time, unless something is being done that must be done whole.

        """
        if self.is_requested:
            self.is_now = True
            self.signal = self.signal or signal
            if not self._is_held:
                raise StopNow
        else:
            self.signal, self.since = signal, time.monotonic()

    def see(self, events: Iterable[Event]) -> None:
        """Trials have ended."""
        for event in events:
            if isinstance(event, TrialEnded):
                self.breaker.see(event.result)
        if self.breaker.is_open:
            self.since = min(self.since, time.monotonic())

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """What is done within is done whole: who asks to stop at once waits for its end."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self.is_now:
            raise StopNow

    @property
    def is_requested(self) -> bool:
        return self.signal is not None or self.breaker.is_open

    @property
    def is_overdue(self) -> bool:
        """Whether nobody waits any longer, also where what was raised for that has been lost in a destructor."""
        return self.is_now or time.monotonic() - self.since > GRACE_S


def run(
    store: Store, workers: Workers, config: StudyConfig, stop: Stop, epoch_cost: EpochCost = lambda _: 1.0
) -> Iterator[Event]:
    """Train what is left of a run and yield what happens.

    Ends when nothing is left or, where it is to stop, when the trials that run have ended or the grace is over.
    """
    while not stop.is_requested:
        snapshot = store.snapshot()
        stage = agenda.open_stage(snapshot)
        if stage is None:
            return
        metric = config.search.metric
        scores, ties = store.standings(metric)
        trials = agenda.trials_of(snapshot, stage, config, scores, epoch_cost, ties)
        reach("stage.opened")
        watch = _Watch(snapshot, stage)
        with stop.held():
            store.append((), watch.sitting(workers, ()))  # what cannot be written shows before anything is trained
        yield StageStarted(stage.number, stage.name, stage.origin, stage.n_trials)
        yield from _train(store, workers, _Queue(trials), watch, metric, stop)


@dataclass(slots=True)
class _Queue:
    """What is to be trained next: lost attempts again, then new trials."""

    trials: Trials
    lost: list[TrialSpec] = field(default_factory=list)
    ready: TrialSpec | None = None  # proposed while all workers were busy
    attempts: dict[int, int] = field(default_factory=dict)  # so far, by trial

    @property
    def is_over(self) -> bool:
        return not self.lost and self.ready is None and self.trials.is_over

    def prepare(self) -> None:
        """Propose the next trial if that is possible, so that no worker waits for a proposal."""
        if self.ready is None:
            self.ready = self.trials.next_spec()

    def start_next(self, workers: Workers) -> TrialStarted | None:
        if self.lost:
            spec = self.lost.pop()
        else:
            self.prepare()
            if self.ready is None:
                return None
            spec, self.ready = self.ready, None
        reach("trial.proposed")
        self.attempts[spec.number] = self.attempts.get(spec.number, 0) + 1
        workers.submit(spec)
        return TrialStarted(spec, self.attempts[spec.number])

    def see(self, event: Event, metric: MetricName) -> list[TrialEnded]:
        """Something has happened; what follows from it."""
        match event:
            case EpochEnded(number, metrics):
                score, tie = metrics.standing(metric)
                self.trials.see_epoch(number, metrics.epoch, score, tie if metric in TIE_BREAKER else None)
            case TrialEnded(result):
                self.trials.see_result(result)
            case AttemptLost(spec, reason):
                if self.attempts[spec.number] < ATTEMPTS:
                    self.lost.append(spec)
                else:
                    result = TrialResult(spec.number, Status.CRASHED, f"{reason} ({ATTEMPTS} attempts)")
                    self.trials.see_result(result)
                    return [TrialEnded(result)]
        return []


class _Watch:
    """How long a stage has been trained, in this sitting and in those before."""

    def __init__(self, snapshot: Snapshot, stage: Stage) -> None:
        self.stage = stage
        self.is_limited = isinstance(stage.plan, SearchPlan) and stage.plan.budget.time_s is not None
        self._before_s = sum(sitting.elapsed_s for sitting in snapshot.sittings if sitting.stage == stage.number)
        self._since = time.monotonic()
        machine = json.dumps(environment())
        self._sitting = Sitting(len(snapshot.sittings), stage.number, wording.moment(), 0.0, 0.0, 0.0, machine)
        self._available_s: float | None = None  # of the workers before this stage
        self._ended_s = 0.0  # of trainings in this sitting
        self._running_s: dict[int, float] = {}  # of those that are on, by trial

    @property
    def elapsed_s(self) -> float:
        """Seconds that the stage has had."""
        return self._before_s + time.monotonic() - self._since

    def sitting(self, workers: Workers, events: Iterable[Event]) -> Sitting:
        """The sitting so far, with events that have not been counted yet."""
        if self._available_s is None:
            self._available_s = workers.available_s
        for event in events:
            self._count(event)
        self._sitting = replace(
            self._sitting,
            elapsed_s=time.monotonic() - self._since,
            busy_s=self._ended_s + sum(self._running_s.values()),
            available_s=workers.available_s - self._available_s,
        )
        return self._sitting

    def _count(self, event: Event) -> None:
        """Count the seconds of trainings, those included that are still on, were interrupted or came to nothing."""
        match event:
            case EpochEnded(number, metrics):
                self._running_s[number] = metrics.seconds
            case AttemptLost(spec, _):
                self._ended_s += self._running_s.pop(spec.number, 0.0)
            case TrialEnded(result):
                self._ended_s += max(self._running_s.pop(result.number, 0.0), result.seconds)


class _Notices:
    """What is to be told once in a stage."""

    def __init__(self, stage: Stage, trials: Trials) -> None:
        self._number, self._trials = stage.number, trials
        self.planned: Stage | None = None  # a confirmation, to be stored with what it was chosen from
        self._space, self._confirmation = trials.space, trials.confirmation
        self._readings, self._notice = trials.readings, trials.notice
        self._ended: Mapping[int, int] = {}
        self._is_stopping = False

    def new(self, workers: Workers, stop: Stop) -> Iterator[Event]:
        """What has become true since the last time."""
        space, confirmation, ended = self._trials.space, self._trials.confirmation, self._trials.ended
        if space is not None and space != self._space:
            self._space = space
            yield SpaceExtended(self._number, json.dumps(space.plain()))
        if self._trials.readings != self._readings:
            self._readings = self._trials.readings
            yield ClockRead(self._number, self._readings)
        if self._trials.notice != self._notice:
            self._notice = self._trials.notice
            yield Notice(self._notice)
        if confirmation is not None and confirmation != self._confirmation:
            self.planned = confirmation
            if self._confirmation is None:
                yield StageStarted(confirmation.number, confirmation.name, confirmation.origin, confirmation.n_trials)
            self._confirmation = confirmation
        yield from (StageEnded(*stage) for stage in ended.items() if stage[0] not in self._ended)
        self._ended = ended
        if stop.is_requested and not self._is_stopping:
            self._is_stopping = True
            n_running = workers.n_busy
            workers.stop()
            yield Stopping(n_running, GRACE_S)


def _train(
    store: Store, workers: Workers, queue: _Queue, watch: _Watch, metric: MetricName, stop: Stop
) -> Iterator[Event]:
    """Train what is left of a stage."""
    trials = queue.trials
    notices = _Notices(watch.stage, trials)
    group: list[Event] = []  # what has happened and is not stored yet
    group_since = time.monotonic()
    while True:
        trials.see_time(watch.elapsed_s)
        while workers.n_idle and not stop.is_requested and (started := queue.start_next(workers)):
            group.append(started)
        if not (stop.is_requested or watch.is_limited):
            queue.prepare()
        group.extend(notices.new(workers, stop))
        is_over = not workers.n_busy or stop.is_overdue
        assert not is_over or queue.is_over or stop.is_requested, "nothing is trained, and nothing is proposed"
        if (group or notices.planned) and (is_over or stop.is_requested or time.monotonic() - group_since >= GROUP_S):
            with stop.held():
                store.append(group, watch.sitting(workers, group), notices.planned)
            notices.planned = None
            yield from group
            group.clear()
            reach("events.told")
        if is_over:
            return
        if not group:
            group_since = time.monotonic()
        for event in workers.poll(GROUP_S if group else POLL_S):
            happened = [event, *queue.see(event, metric)]
            group.extend(happened)
            stop.see(happened)
