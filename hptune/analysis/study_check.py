"""All that can be said about a study, its data and this machine before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hptune import agenda
from hptune.analysis.expectation import Expectation, expectation
from hptune.analysis.preview import Preview, draws, previews
from hptune.analysis.study_advice import limited_parallel, limits_advice, machine_advice, metric_advice, study_advice
from hptune.config.study_file import StudyConfig
from hptune.data import review, texts
from hptune.data.review import Review
from hptune.machine import Machine
from hptune.search.plan import SearchPlan
from hptune.trial import TrialSpec

FIRST = 3  # trials shown


@dataclass(frozen=True, slots=True)
class StudyCheck:
    """A study that has been looked at."""

    config: StudyConfig
    plan: SearchPlan
    found: Review
    machine: Machine
    expected: Expectation
    first: tuple[TrialSpec, ...]  # trials, as they will be
    previews: tuple[Preview, ...]
    advice: tuple[str, ...]


def study_check(
    config: StudyConfig, found: Review, data: Mapping[str, Any], machine: Machine, n_workers: int
) -> StudyCheck:
    """Look at a study whose data have been reviewed, and of which `data` are the facts."""
    stage = agenda.first_stage(config)
    assert isinstance(stage.plan, SearchPlan)
    drawn = draws(config)
    shown = previews(config, drawn)
    expected = expectation(config, stage.plan, data, drawn, n_workers=n_workers, cores=machine.cores)
    advice = (
        *review.advice(found),
        *texts.advice(found.dataset, config.data.categorical),
        *metric_advice(config, found.dataset.classes, found.counts[0].tolist()),
        *study_advice(config, stage.plan, shown, expected, data["train"]),
        *machine_advice(expected, machine, limited_parallel(config)),
        *limits_advice(config, expected, machine),
    )
    first = tuple(agenda.certain_specs(stage, config)[:FIRST])
    return StudyCheck(config, stage.plan, found, machine, expected, first, shown, advice)
