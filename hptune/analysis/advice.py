"""What to do next with a run: where its best trial lies in its space, and which command follows from that."""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hptune import stored_config, zooming
from hptune.breaker import FAILING, retry_option
from hptune.config.search_section import LIMITS
from hptune.domains import Domain, show
from hptune.search import borders as search_borders
from hptune.search import zoom
from hptune.search.borders import End
from hptune.search.known import Known, known_of
from hptune.search.ranking import ranked
from hptune.space import SearchSpace
from hptune.store import Snapshot, Stage
from hptune.store.answer import CutShort, answer_of, cut_short, standings, uncompared
from hptune.trial import Status, Value
from hptune.wording import counted

PATIENCE = 2  # zooms in a row without a better trial, after which more are not worth it
ADVICE_FOR = {
    Status.DIVERGED.value: "The learning rates are probably too high: lower space.learning_rate.high.",
    Status.FAILED.value: "The training raises an error; its message above says where.",
    Status.TIMED_OUT.value: "Raise the limit: hptune retry --timed-out --set search.trial_timeout=2h.",
    Status.CRASHED.value: "Worker processes die; where memory is short, use fewer --workers or smaller networks.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do, and the command for it where there is one."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class BorderHit:
    """A hyperparameter whose best value lies at an end of its range."""

    name: str
    side: zoom.Border
    value: Value
    domain: Domain
    can_extend: bool  # whether values beyond that end are legal
    is_crowded: bool  # whether the winner and two others of the best five lie there: the range was too small


def borders(snapshot: Snapshot, space: SearchSpace, configuration: Mapping[str, Value]) -> tuple[BorderHit, ...]:
    """Where the best trial, of that configuration, lies on the border of the space that it was drawn from."""
    crowded = search_borders.crowded(space, _best_in(snapshot, space))
    hits = []
    for change in zoom.around(space, configuration, [], zoom.FACTOR).changes:
        if change.name in configuration and change.old.size > 1:
            value = configuration[change.name]
            if (side := zoom.border(change.old, value)) is not None:
                can_extend = getattr(change.new, side) != getattr(change.old, side)
                is_crowded = End(change.name, side) in crowded
                hits.append(BorderHit(change.name, side, value, change.old, can_extend, is_crowded))
    return tuple(hits)


def _best_in(snapshot: Snapshot, space: SearchSpace) -> list[Known]:
    """The best trials in a space that searches have found, as many as tell whether an end is crowded."""
    configurations = {trial.number: trial.hyperparameters for trial in snapshot.trials}
    inside = (result for result in ranked(snapshot.found) if space.contains(configurations[result.number]))
    return [
        known_of(configurations[result.number], result, () if result.score is None else (result.score,))
        for result in itertools.islice(inside, search_borders.REST_ON)
    ]


def next_steps(
    snapshot: Snapshot, hits: Sequence[BorderHit], failures: Sequence[tuple[str, str]], *, is_useless: bool = False
) -> tuple[Step, ...]:
    """What to do now.

    failures holds (status, reason) of the groups of failed trials, the largest first; is_useless says that the answer
    has learned nothing of use.
    """
    run = shlex.quote(str(snapshot.folder.path))
    if not snapshot.is_finished:
        return (_unfinished(snapshot, run), *(() if snapshot.writer else _retry(snapshot, run)))
    if not any(result.status is Status.COMPLETED for result in snapshot.found):
        has_stopped = any(result.status is Status.STOPPED for result in snapshot.found)
        return (*_all_failed(failures, has_stopped=has_stopped), *_retry(snapshot, run))
    if uncompared(snapshot) and _zooms_without_gain(snapshot) >= PATIENCE:
        return (*_confirm(snapshot, run), *_retry(snapshot, run))
    found = _ends(snapshot, run, is_useless=is_useless)
    return (*(found or (_search_on(snapshot, hits, run), *_confirm(snapshot, run))), *_retry(snapshot, run))


def _ends(snapshot: Snapshot, run: str, *, is_useless: bool) -> tuple[Step, ...]:
    """What to do where searching on near the answer leads nowhere; empty where it may lead on."""
    if is_useless:
        look = "nothing near the best trial is worth a search: see what hptune check says of the data and the space"
        return (Step(f"Nothing of use has been learned, so {look}.", f"hptune check {snapshot.folder.config}"),)
    answer = answer_of(snapshot)
    if answer is not None and answer.confirmed is not None and answer.confirmed.mean == 0:
        text = "Nothing can be better than 0 from every seed: the answer is in"
        return (Step(f"{text} {snapshot.folder.best_yaml}"),)
    if not is_used_up(snapshot):
        return ()
    tried = "All configurations near the answer have been tried. For more, search a wider space"
    return (Step(f"{tried}; to be surer of the answer, train the best again.", f"hptune retest {run}"),)


def is_used_up(snapshot: Snapshot) -> bool:
    """Whether a zoom around the answer would find nothing new."""
    return zooming.is_used_up(snapshot, stored_config.config_of(snapshot))


def _unfinished(snapshot: Snapshot, run: str) -> Step:
    to_go = f"{counted(len(snapshot.results), 'trial')} so far, more to go."
    if snapshot.n_planned is not None:
        to_go = f"{snapshot.n_to_go} of {counted(snapshot.n_planned, 'trial')} to go."
    if snapshot.writer:
        return Step(f"{to_go} Being searched by {snapshot.writer}.")
    return Step(to_go, f"hptune resume {run}")


def _retry(snapshot: Snapshot, run: str) -> Iterator[Step]:
    """To train trials again that ended through no finding of the search."""
    own = [trial for trial in snapshot.trials if snapshot.stages[trial.stage].has_own_data]
    found = Counter(trial.result.status for trial in own if trial.result is not None)
    failing = [status for status in Status if status in FAILING and found[status]]
    if failing:
        which = ", ".join(f"{found[status]} {status.value}" for status in failing)
        options = " ".join(map(retry_option, failing))
        limits = limits_in(trial.result.reason for trial in own if trial.result is not None)
        raised = f" ({limits})" if limits else ""
        yield Step(f"{which}: once that is mended{raised}, train these trials again.", f"hptune retry {run} {options}")


def limits_in(reasons: Iterable[str]) -> str:
    """How a limit is raised for trials that ended for it; empty where none did."""
    texts = set(reasons)
    named = [key for key in LIMITS if any(key in text for text in texts)]
    return "a limit is raised with " + " or ".join(f"--set {key}=..." for key in named) if named else ""


def _confirm(snapshot: Snapshot, run: str) -> Iterator[Step]:
    """To train the best trials again, where nothing has since they were found, or not all of them."""
    if not is_unconfirmed(snapshot):
        return
    again = "train the best again, from fresh seeds."
    if cut := last_cut_short(snapshot):
        text = f"The confirmation was {cut_text(cut)}. Before you rely on the answer: {again}"
    elif better := uncompared(snapshot):
        text = f"Trial {better[0]} scored better than the answer had before it was confirmed: {again}"
    else:
        text = f"Before you rely on the best score, which is partly luck: {again}"
    yield Step(text, f"hptune retest {run}")


def _search_on(snapshot: Snapshot, hits: Sequence[BorderHit], run: str) -> Step:
    if _zooms_without_gain(snapshot) >= PATIENCE:
        text = f"The last {_zooms_without_gain(snapshot)} zooms found nothing better: train the answer in"
        return Step(f"{text} {snapshot.folder.best_yaml}")
    zooming = f"hptune zoom --around best --run {run}"
    extendable = [hit for hit in hits if hit.can_extend]
    if crowded := [hit for hit in extendable if hit.is_crowded]:
        ends = ", ".join(f"{hit.name} at its {_end(hit)} end ({show(hit.value)})" for hit in crowded)
        text = f"The best trials crowd at a border: {ends}. Such a range was probably too small: a zoom extends it, and"
        return Step(f"{text} search.extend: true in the study file lets a search do so by itself.", zooming)
    if extendable:
        ends = ", ".join(f"the {_end(hit)} end of {hit.name} ({show(hit.value)})" for hit in extendable)
        return Step(f"The best trial lies at {ends}: a zoom extends the space there and narrows it elsewhere.", zooming)
    if is_unconfirmed(snapshot):
        return Step("Narrow the space around the best trial and search it again.", zooming)
    return Step(f"The answer is in {snapshot.folder.best_yaml}. To search on near it:", zooming)


def is_unconfirmed(snapshot: Snapshot) -> bool:
    """Whether the best of the last search have not all been trained again, on the run's own data."""
    return _last_own(snapshot).is_search or last_cut_short(snapshot) is not None or bool(uncompared(snapshot))


def last_cut_short(snapshot: Snapshot) -> CutShort | None:
    """How far a confirmation has come that was cut short and after which nothing else was trained."""
    return cut_short(snapshot, _last_own(snapshot))


def cut_text(cut: CutShort) -> str:
    """That a confirmation was cut short, in words."""
    by_time = " by its time" if cut.by_time else ""
    return f"cut short{by_time}: {cut.n_confirmed} of {counted(cut.n_planned, 'configuration')} confirmed"


def _last_own(snapshot: Snapshot) -> Stage:
    return [stage for stage in snapshot.stages if stage.has_own_data][-1]


def _end(hit: BorderHit) -> str:
    return "lower" if hit.side == "low" else "upper"


def _zooms_without_gain(snapshot: Snapshot) -> int:
    """How many searches have passed since the one that found the answer."""
    best = standings(snapshot)[0].number
    found_in = next(trial.stage for trial in snapshot.trials if trial.number == best)
    return sum(stage.is_search for stage in snapshot.stages[found_in + 1 :])


def _all_failed(failures: Sequence[tuple[str, str]], *, has_stopped: bool) -> tuple[Step, ...]:
    """Say what trials have in common of which none has completed, and whether some were stopped at a bar."""
    if not failures:
        return ()
    statuses = list(dict.fromkeys(status for status, _ in failures))
    all_of_them = "All that were not stopped early" if has_stopped else "All of them"
    common = f"{all_of_them} {statuses[0]}" if len(statuses) == 1 else f"They {' or '.join(statuses)}"
    what = f"{common}: {failures[0][1]}." if len(failures) == 1 else f"{common}, for {len(failures)} reasons."
    return (Step(f"No trial has completed. {what}"), *(Step(ADVICE_FOR[status]) for status in statuses))
