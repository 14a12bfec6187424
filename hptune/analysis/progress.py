"""How far a run has come: trials by status, failures by reason, stages, and one line for a list of runs."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hptune import store, stored_config
from hptune.analysis.closing_in import Part, parts, too_coarse
from hptune.breaker import FAILING
from hptune.config import study_file
from hptune.domains import Domain
from hptune.environment import changes
from hptune.errors import FormatError, HptuneError, RunDamagedError
from hptune.runs import RunFolder
from hptune.search.plan import REPLICATES, ConfirmPlan, Plan, SearchPlan
from hptune.search.ranking import leader
from hptune.store import Snapshot, Stage
from hptune.store.answer import CutShort, cut_short
from hptune.tables import Run
from hptune.trial import Status, TrialResult
from hptune.wording import without_numbers


@dataclass(frozen=True, slots=True)
class Failure:
    """Trials that ended in the same way for the same reason."""

    status: str
    reason: str  # with N for the numbers in which the trials' reasons differ
    trials: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Faults:
    """What has gone wrong in a run that is no finding of the search."""

    lost_attempts: Mapping[str, int]  # attempts whose worker died, by how it did, the most frequent first
    failed: Mapping[str, int]  # trials by status: failed, crashed, timed out
    taken_back: int  # results that were taken back, to train these trials again

    @property
    def n_lost_attempts(self) -> int:
        return sum(self.lost_attempts.values())


@dataclass(frozen=True, slots=True)
class Range:
    """A hyperparameter's domain in a stage, and in the stage that it grew from."""

    name: str
    old: Domain | None
    new: Domain


@dataclass(frozen=True, slots=True)
class StageSummary:
    """How far a stage has come and what it found."""

    name: str
    origin: str
    plan: Plan
    n_planned: int | None
    n_done: int
    counts: Mapping[str, int]  # trials by status, in the order of Status
    epochs: int  # in all trials that have ended
    cut_short: CutShort | None  # where a confirmation ended before its end
    elapsed_s: float | None  # of all sittings together; None of a confirmation: counted with the search that it follows
    busy_s: float | None  # likewise; of all workers together: training, also trials that were interrupted
    available_s: float | None  # likewise; of all workers together: ready for it
    best_score: float | None  # of the leader of a search
    best_trial: int | None
    ranges: tuple[Range, ...]
    extended: tuple[Range, ...]  # what the search has extended, from what to what
    closing_in: tuple[Part, ...]
    too_coarse: int  # coarse trials, where it has ended with more of them than others, though it was to close in
    n_unused: int  # trainings held back for a confirmation that had too few configurations to confirm


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in a list of runs."""

    name: str
    state: str  # running, finished, unfinished; damaged, unreadable, older or newer format where it cannot be read
    created: str = ""
    n_done: int = 0
    n_planned: int | None = None
    metric: str = ""
    best_score: float | None = None
    problem: str = ""  # why it cannot be read


def counts(snapshot: Snapshot) -> dict[str, int | None]:
    """Trials by status, in the order of Status, then those to go: None as long as that is not known."""
    return {**_by_status(snapshot.results), "to_go": snapshot.n_to_go}


def _by_status(results: Iterable[TrialResult]) -> dict[str, int]:
    found = Counter(result.status.value for result in results)
    return {status.value: found[status.value] for status in Status}


def faults(snapshot: Snapshot) -> Faults:
    """What has gone wrong so far."""
    lost = [lost for trial in snapshot.trials for lost in trial.lost]
    died = Counter(_how_it_died(one.reason) for one in lost if one.status is None)
    ended = Counter(result.status.value for result in snapshot.results if result.status in FAILING)
    return Faults(
        lost_attempts=dict(sorted(died.items(), key=lambda one: (-one[1], one[0]))),
        failed={status.value: ended[status.value] for status in Status if ended[status.value]},
        taken_back=sum(one.status is not None for one in lost),
    )


def environments(snapshot: Snapshot) -> tuple[str, ...]:
    """When and in what sittings differ from the environment that the run was started in; a text for each change."""
    started = snapshot.facts.get("environment", {})
    found: list[str] = []
    before = ""
    for sitting in snapshot.sittings:
        differences = changes(started, json.loads(sitting.environment))
        if differences != before:
            since = f"since {sitting.started} ({snapshot.stages[sitting.stage].name})"
            found.append(f"{since}: {differences or 'as at the start again'}")
        before = differences
    return tuple(found)


def _how_it_died(reason: str) -> str:
    """The beginning of the reason of a lost attempt, without what was found out beside it."""
    return re.split(r"[;(\n]", reason.removeprefix("its worker process "), maxsplit=1)[0].strip()


def failures(results: Sequence[TrialResult]) -> tuple[Failure, ...]:
    """The trials that did not complete, grouped by reason, the largest group first."""
    groups: dict[tuple[str, str], list[TrialResult]] = {}
    for result in results:
        if result.score is None:
            groups.setdefault((result.status.value, without_numbers(result.reason)), []).append(result)
    found = []
    for (status, pattern), members in groups.items():
        is_same = len({member.reason for member in members}) == 1
        reason = members[0].reason if is_same else pattern
        found.append(Failure(status, reason, tuple(member.number for member in members)))
    return tuple(sorted(found, key=lambda group: (-len(group.trials), group.trials)))


def stage_summary(run: Run, stage: Stage) -> StageSummary:
    snapshot = run.snapshot
    ended = [(trial.spec, trial.result) for trial in snapshot.trials_of(stage) if trial.result is not None]
    results = [result for _, result in ended]
    best = leader(results) if stage.is_search else None  # a confirmation finds nothing new
    old: dict[str, Domain] = {}
    if stage.parents and stage.is_search:
        grew_from = replace(snapshot, stages=snapshot.stages[: stage.number]).stage_to_narrow(stage.parents)
        old = {parameter.name: parameter.domain for parameter in run.spaces[grew_from.number].parameters}
    follows = isinstance(stage.plan, ConfirmPlan) and stage.plan.follows is not None
    sittings = [sitting for sitting in snapshot.sittings if sitting.stage == stage.number]
    return StageSummary(
        name=stage.name,
        origin=stage.origin,
        plan=stage.plan,
        n_planned=stage.n_trials,
        n_done=len(results),
        counts=_by_status(results),
        epochs=sum(result.epochs for result in results),
        cut_short=cut_short(snapshot, stage),
        elapsed_s=None if follows else math.fsum(sitting.elapsed_s for sitting in sittings),
        busy_s=None if follows else math.fsum(sitting.busy_s for sitting in sittings),
        available_s=None if follows else math.fsum(sitting.available_s for sitting in sittings),
        best_score=best.score if best else None,
        best_trial=best.number if best else None,
        ranges=tuple(Range(p.name, old.get(p.name), p.domain) for p in run.spaces[stage.number].parameters),
        extended=tuple(Range(*change) for change in extensions(stage.space, stage.final_space)),
        closing_in=parts(ended),
        too_coarse=too_coarse(ended) if snapshot.has_ended(stage) else 0,
        n_unused=_n_unused(snapshot, stage),
    )


def _n_unused(snapshot: Snapshot, stage: Stage) -> int:
    """The trainings that were held back for the confirmation of a search, and that it had no configurations for."""
    if not isinstance(stage.plan, ConfirmPlan) or stage.plan.follows is None or not snapshot.has_ended(stage):
        return 0
    searched = snapshot.stages[stage.plan.follows].plan
    assert isinstance(searched, SearchPlan)
    return max(searched.confirm - len(stage.plan.trials), 0) * REPLICATES


def extensions(old: str, new: str) -> tuple[tuple[str, Domain, Domain], ...]:
    """What differs between two spaces of the same hyperparameters, both JSON: name, old domain, new domain."""
    before = {parameter.name: parameter.domain for parameter in study_file.stage_space(old).parameters}
    return tuple(
        (parameter.name, before[parameter.name], parameter.domain)
        for parameter in study_file.stage_space(new).parameters
        if parameter.domain != before[parameter.name]
    )


def run_line(folder: RunFolder) -> RunLine:
    """A run for a list; one that cannot be read is a line as well, not an error."""
    try:
        found = store.read_overview(folder)
        metric = stored_config.config_in(folder, found.facts).search.metric
    except HptuneError as error:
        return RunLine(folder.name, _state(error), problem=str(error).partition("\n")[0])
    return RunLine(
        name=folder.name,
        state="running" if found.writer else "finished" if found.n_done == found.n_planned else "unfinished",
        created=found.facts.get("created", ""),
        n_done=found.n_done,
        n_planned=found.n_planned,
        metric=metric,
        best_score=found.best_score,
    )


def _state(error: HptuneError) -> str:
    """That of a run that cannot be read."""
    if isinstance(error, FormatError):
        return error.state
    return "damaged" if isinstance(error, RunDamagedError) else "unreadable"
