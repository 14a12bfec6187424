"""What tables and screens say of a search from coarse to fine: where trials come from, what stages spent and found."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pandas as pd
import pytest
from fabricate import DATA, parsed
from rich.cells import cell_len
from rich.console import Console

from hptune import tables
from hptune.analysis.closing_in import parts
from hptune.analysis.progress import run_line
from hptune.analysis.summary import summarize
from hptune.events import EpochEnded, SpaceExtended, StageEnded, TrialEnded, TrialStarted
from hptune.report.as_json import to_json
from hptune.report.live import Progress
from hptune.report.outcome import Outcome, print_outcome
from hptune.report.run_list import runs_table
from hptune.report.spaces import plan_text
from hptune.report.terminal import print_report
from hptune.runs import RunFolder
from hptune.search.plan import Budget, ConfirmPlan, SearchPlan
from hptune.store import Sitting, Stage, Store
from hptune.store.writer import set_up
from hptune.trial import EpochMetrics, Kind, Origin, Status, TrialResult, TrialSpec
from hptune.wording import span

STUDY = """
name: fine
data: {source: digits}
train: {epochs: 9}
space:
  learning_rate: {scale: log, low: 1e-4, high: 1}
  l2: {low: 0, high: 1}
search: {epochs: 200, parallel: 2}
"""
PLAN = SearchPlan("coarse-to-fine", bars=True, parallel=2, budget=Budget(epochs=173), confirm=2)
COARSE, GLOBAL = Origin(Kind.COARSE), Origin(Kind.GLOBAL)
# number, origin, learning rate, status, dev errors by epoch
TRIALS = [
    (0, COARSE, 0.01, "completed", [0.4] * 9),
    (1, COARSE, 0.9, "stopped", [0.6, 0.1]),
    (2, COARSE, 0.5, "diverged", [0.9]),
    (3, Origin(Kind.ZOOM, 0, 0.9), 0.02, "completed", [0.3] * 9),
    (4, GLOBAL, 0.001, "stopped", [0.7]),
    (5, Origin(Kind.ZOOM, 3, 0.625), 0.03, "completed", [0.2] * 9),
    (6, Origin(Kind.ZOOM, 5, 0.4), 0.025, "completed", [0.25] * 9),
]


class Fine:
    """A run folder with a search from coarse to fine, made up."""

    def __init__(self, path, plan=PLAN, n_trials=None):
        path.mkdir(parents=True)
        self.folder = RunFolder(path)
        study = parsed(STUDY)
        facts = {"data": DATA, "created": "2026-03-04T05:06:07+00:00", "environment": {"hptune": "0.1.0"}}
        stage = Stage(0, "search", "whole space", json.dumps(study.space.plain()), 0, n_trials, plan)
        set_up(self.folder, study.to_yaml(), facts, stage)

    def append(self, *events, sitting=None):
        with Store(self.folder) as store:
            store.append(events, sitting)

    def train(self, *trials, **more):
        self.append(*(event for trial in trials for event in self._training(*trial, **more)))

    def _training(self, number, origin, rate, status, errors, *, stage=0, l2=0.5, replicate=None):
        spec = TrialSpec(number, stage, {"learning_rate": rate, "l2": l2}, 0, origin, (), replicate)
        epochs = [EpochMetrics(e, error, error, error, error, rate, 0.1 * e) for e, error in enumerate(errors, 1)]
        result = TrialResult(number, Status(status), "" if status == "completed" else f"{status}: why", len(errors))
        if status in ("completed", "stopped"):
            best = min(errors)
            result = TrialResult(number, result.status, result.reason, len(errors), errors.index(best) + 1, best)
        return TrialStarted(spec, 1), *(EpochEnded(number, epoch) for epoch in epochs), TrialEnded(result)

    def load(self):
        return tables.load(self.folder.path)


def searched(path):
    run = Fine(path)
    run.train(*TRIALS)
    return run


def confirmed(path):
    """The same, ended and with a confirmation whose scores are lower than all of the search."""
    run = searched(path)
    with Store(run.folder) as store:
        space = store.snapshot().stages[0].space
        store.append((), stage=Stage(0, "search", "whole space", space, 0, 7, PLAN))
        plan = ConfirmPlan((5, 6), (0,), follows=0)
        store.add_stage(Stage(1, "confirm-1", "the best 2, 1 fresh seeds each", space, 7, 2, plan, (5, 6)))
    origins = [(7, Origin(Kind.CONFIRMATION, 5)), (8, Origin(Kind.CONFIRMATION, 6))]
    run.train(*((number, origin, 0.03, "completed", [0.05] * 9) for number, origin in origins), stage=1)
    return run


def printed(show, *arguments, width=120, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(Console(file=file, width=width, highlight=False), *arguments)
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def test_the_table_says_where_each_trial_comes_from(tmp_path):
    run = confirmed(tmp_path / "run").load()
    table = run.trials.set_index("trial")
    assert list(table["stage"]) == ["search"] * 7 + ["confirm-1"] * 2
    assert list(table["origin"][[0, 3, 4, 7]]) == [
        "coarse", "zoom around trial 0, side 0.9", "global", "confirmation of trial 5",
    ]  # fmt: skip
    assert [None if pd.isna(parent) else parent for parent in table["parent"]] == [
        None, None, None, 0, None, 3, 5, 5, 6,
    ]  # fmt: skip
    assert list(table["side"].dropna()) == [0.9, 0.625, 0.4]
    assert (str(table["parent"].dtype), str(table["side"].dtype)) == ("Int64", "float64")


def test_a_stopped_trial_has_a_reason_and_its_metrics_so_far(tmp_path):
    row = searched(tmp_path / "run").load().trials.set_index("trial").loc[1]
    assert (row["status"], row["reason"], row["best_epoch"], row["epochs"]) == ("stopped", "stopped: why", 2, 2)
    assert row["dev_error"] == 0.1


def test_stopped_trials_never_stand_above_completed_ones_and_have_no_rank(tmp_path):
    run = searched(tmp_path / "run").load()
    board = summarize(run).leaderboard
    assert [(row.rank, row.trial) for row in board.rows] == [(1, 5), (2, 6), (3, 3), (4, 0), (None, 1), (None, 4)]
    text = printed(print_report, summarize(run))
    assert "Leaderboard: the 6 best by dev_error of 4 completed and 2 stopped trials" in text
    only = summarize(run, top=4).leaderboard
    assert {row.status for row in only.rows} == {"completed"}


def test_parts_of_a_search(tmp_path):
    run = searched(tmp_path / "run").load()
    (stage,) = summarize(run).stages
    assert [(part.phase, part.first, part.last, part.n_stopped) for part in stage.closing_in] == [
        ("coarse", 0, 2, 1),
        ("closing in", 3, 3, 0),
        ("global", 4, 4, 1),
        ("closing in", 5, 5, 0),
        ("closing in", 6, 6, 0),
    ]
    # the stopped trial 1 reached 0.1, but nobody knows what it would have become
    assert [(part.best_trial, part.best_score) for part in stage.closing_in] == [
        (0, 0.4), (3, 0.3), (3, 0.3), (5, 0.2), (5, 0.2),
    ]  # fmt: skip
    assert [part.side for part in stage.closing_in] == [None, 0.9, None, 0.625, 0.4]


def test_parts_are_quarters_of_what_follows_the_coarse_trials():
    origins = [COARSE] * 10 + [Origin(Kind.ZOOM, 0, side / 100) for side in range(90, 50, -1)]
    trials = [
        (TrialSpec(i, 0, {}, 0, origin), TrialResult(i, Status.COMPLETED, score=1 / (i + 1), best_epoch=1, epochs=1))
        for i, origin in enumerate(origins)
    ]
    assert [(part.first, part.last) for part in parts(trials)] == [(0, 9), (10, 19), (20, 29), (30, 39), (40, 49)]
    assert [part.side for part in parts(trials)[1:]] == pytest.approx([0.855, 0.755, 0.655, 0.555])
    assert parts(trials[:10]) == ()
    assert parts([]) == ()


def test_stages_with_what_they_spent(tmp_path):
    run = confirmed(tmp_path / "run")
    run.append(sitting=Sitting(0, 0, "2026-03-04T05:06:07+00:00", 10.0, 12.0, 20.0))
    run.append(sitting=Sitting(1, 0, "2026-03-04T05:07:07+00:00", 50.0, 84.0, 100.0))
    report = summarize(run.load())
    search, confirmation = report.stages
    assert (search.epochs, search.counts["stopped"], search.counts["diverged"]) == (40, 2, 1)
    assert (search.best_score, confirmation.best_score) == (0.2, None)
    lines = printed(print_report, report).splitlines()
    assert "workers  80 % busy, 1:00 in all" in [line.rstrip() for line in lines]
    rows = [line.split() for line in lines if line.startswith(("search ", "confirm-1 "))]
    # of 9 trials and 58 epochs: confirming takes 22 % of the ones and 31 % of the others
    assert " ".join(rows[0]).startswith("search 7/7 78 % 2 1 40/173 69 % 0.2 (trial 5)")
    assert " ".join(rows[1]).startswith("confirm-1 2/2 22 % 0 0 18 31 % -")
    assert "coarse-to-fine, whole space" in " ".join(lines)


def test_workers_are_never_busier_than_all_the_time(tmp_path):
    """A worker begins before it is seen to be ready: of a run of a single trial they were 102 % busy."""
    run = confirmed(tmp_path / "run")
    run.append(sitting=Sitting(0, 0, "2026-03-04T05:06:07+00:00", 1.0, 1.02, 1.0))
    assert "workers  100 % busy, 0:01 in all" in printed(print_report, summarize(run.load()))


def test_without_a_known_number_of_trials(tmp_path):
    run = searched(tmp_path / "fine-001")
    report = summarize(run.load())
    text = printed(print_report, report)
    assert "trials   7 so far: 4 completed, 2 stopped, 1 diverged" in text
    assert "7 trials so far, more to go." in text
    assert report.next_steps[0].command.startswith("hptune resume")
    assert to_json(report)["counts"]["to_go"] is None
    line = printed(runs_table, [run.folder]).splitlines()[1]
    assert "7 so far" in line
    assert "unfinished" in line


def test_a_limit_of_time_stands_beside_the_time_that_was_spent(tmp_path):
    plan = SearchPlan("coarse-to-fine", bars=True, parallel=2, budget=Budget(time_s=850.0), confirm=2)
    run = Fine(tmp_path / "run", plan)
    run.train(TRIALS[0])
    run.append(sitting=Sitting(0, 0, "2026-03-04T05:06:07+00:00", 125.0, 0.0, 0.0))
    text = printed(print_report, summarize(run.load()))
    assert "2:05/16:40" in text  # 850 s and what is held back for confirmation: 1000 s
    assert "busy" not in text  # nothing to divide by
    short = Fine(tmp_path / "short", replace(plan, budget=Budget(time_s=0.34)))
    short.append(sitting=Sitting(0, 0, "2026-03-04T05:06:07+00:00", 2.0, 0.0, 0.0))
    assert "0:02/0.4 s" in printed(print_report, summarize(short.load()))


def test_an_extended_space_is_told(tmp_path):
    run = searched(tmp_path / "run")
    space = parsed(STUDY).space.plain()
    run.append(SpaceExtended(0, json.dumps({**space, "l2": {"low": 0, "high": 1.5}})))
    report = summarize(run.load())
    assert [found.name for found in report.stages[0].extended] == ["l2"]
    text = printed(print_report, report)
    assert "search: l2 extended from 0 .. 1 to 0 .. 1.5, for the best trials lay at an end" in text


def test_best_trials_that_crowd_at_a_border_are_told(tmp_path):
    run = Fine(tmp_path / "run", n_trials=4, plan=SearchPlan("random", False, 2, Budget(trials=4)))
    origin = Origin(Kind.RANDOM)
    run.train((0, origin, 0.9, "completed", [0.1]), l2=0.001)
    run.train(*((n, origin, rate, "completed", [n / 5]) for n, rate in ((1, 0.95), (2, 1.0), (3, 0.001))))
    report = summarize(run.load())
    crowded = {hit.name: hit.is_crowded for hit in report.best.borders}
    assert crowded == {"learning_rate": True, "l2": False}  # l2: the winner alone
    step = report.next_steps[0]
    assert "The best trials crowd at a border: learning_rate at its upper end (0.9)." in step.text
    assert "search.extend: true" in step.text
    assert step.command.startswith("hptune zoom")


def test_what_nothing_has_confirmed_is_to_be_trained_again(tmp_path):
    plan = SearchPlan("coarse-to-fine", bars=True, parallel=2, budget=Budget(trials=7))
    run = Fine(tmp_path / "run", plan, n_trials=7)
    run.train(*TRIALS)
    steps = summarize(run.load()).next_steps
    assert [step.command.split()[1] for step in steps] == ["zoom", "retest"]
    other = confirmed(tmp_path / "other")
    (step,) = summarize(other.load()).next_steps
    assert step.text.startswith(f"The answer is in {other.folder.best_yaml}.")
    assert step.command.split()[1] == "zoom"


def cut_by_time(path, scores):
    """A search of ten seconds, 2 configurations to be confirmed from 3 seeds; so many trainings had the time."""
    plan = SearchPlan("coarse-to-fine", bars=True, parallel=2, budget=Budget(time_s=8.5), confirm=2)
    run = Fine(path, plan, n_trials=7)
    run.train(*TRIALS)
    with Store(run.folder) as store:
        space = store.snapshot().stages[0].space
        plan = ConfirmPlan((5, 6), (0, 1, 2), follows=0)
        store.add_stage(Stage(1, "confirm-1", "the best 2, 3 fresh seeds each", space, 7, len(scores), plan, (5, 6)))
    for number, score in enumerate(scores, 7):
        origin = Origin(Kind.CONFIRMATION, 5 if number < 10 else 6)
        run.train((number, origin, 0.03, "completed", [score] * 9), stage=1, replicate=(number - 7) % 3)
    run.append(sitting=Sitting(0, 0, "2026-03-04T05:06:07+00:00", 12.0, 9.0, 20.0))
    return run


@pytest.mark.parametrize(
    ("scores", "text"),
    [
        ([0.2, 0.3], "cut short by its time: 0 of 2 configurations confirmed"),
        ([0.2, 0.3, 0.1, 0.2], "cut short by its time: 1 of 2 configurations confirmed"),
    ],
)
def test_a_confirmation_that_its_time_cut_short_is_told_and_a_retest_advised(tmp_path, scores, text):
    run = cut_by_time(tmp_path / "run", scores)
    report = summarize(run.load())
    assert report.stages[1].cut_short.n_planned == 2
    step = report.next_steps[-1]
    assert step.text.startswith(f"The confirmation was {text}.")
    assert step.command == f"hptune retest {run.folder.path}"
    shown = " ".join(printed(print_report, report, width=200).split())
    assert f"the best 2, 3 fresh seeds each; {text}" in shown
    outcome = " ".join(printed(print_outcome, Outcome(None, run.load()), tmp_path, width=200).split())
    assert f"Its confirmation was {text}." in outcome
    assert "hptune retest" in outcome
    assert to_json(report)["stages"][1]["cut_short"]["by_time"] is True


def test_a_confirmation_that_came_to_its_end_was_not_cut_short(tmp_path):
    report = summarize(cut_by_time(tmp_path / "run", [0.2, 0.3, 0.1, 0.2, 0.3, 0.2]).load())
    assert report.stages[1].cut_short is None
    assert [step.command.split()[1] for step in report.next_steps] == ["zoom"]
    assert "cut short" not in printed(print_report, report)


def test_the_time_of_a_confirmation_is_its_searches(tmp_path):
    stages = to_json(summarize(cut_by_time(tmp_path / "run", [0.2, 0.3]).load()))["stages"]
    assert [(stage["elapsed_s"], stage["busy_s"], stage["available_s"]) for stage in stages] == [
        (12.0, 9.0, 20.0),
        (None, None, None),
    ]


def test_a_search_that_goes_on_begins_with_what_is_stored(tmp_path):
    run = searched(tmp_path / "run")
    run.append(sitting=Sitting(0, 0, "2026-03-04T05:06:07+00:00", 30.0, 0.0, 0.0))
    loaded = run.load()
    state = Progress.of(loaded.config, loaded.snapshot)
    assert (state.done, state.stopped, state.diverged, state.failed, state.best.number) == (7, 2, 1, 0, 5)
    assert state.share == pytest.approx(40 / 173 * 0.85)
    assert state.spent_s == 30.0
    assert state.planned is None
    state.update(StageEnded(0, 10))
    assert state.planned == 10 + 2 * 3


def test_a_confirmation_that_goes_on_is_counted_once(tmp_path):
    loaded = confirmed(tmp_path / "run").load()
    state = Progress.of(loaded.config, loaded.snapshot)
    assert (state.done, state.planned, state.best.number) == (9, 9, 5)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_nothing_is_wider_than_the_terminal(tmp_path, width, encoding):
    report = summarize(confirmed(tmp_path / "run").load())
    text = printed(print_report, report, width=width, encoding=encoding)
    assert max(map(cell_len, text.splitlines())) <= width
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    for expected in ("closing in", "0.62", "confirm-1", "near 3"):
        assert expected in text


def test_json_has_origins_plans_and_no_nan(tmp_path):
    report = to_json(summarize(confirmed(tmp_path / "run").load(), sort="side"))
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["leaderboard"]["rows"][0]["origin"] == {"kind": "zoom", "parent": 5, "side": 0.4}
    assert report["stages"][0]["plan"]["budget"] == {"trials": None, "epochs": 173, "time_s": None}
    assert report["stages"][1]["plan"]["trials"] == [5, 6]
    assert report["stages"][0]["closing_in"][0]["side"] is None


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (PLAN, "coarse-to-fine search of 173 epochs, then 6 trainings to confirm the best 2"),
        (SearchPlan("random", False, 1, Budget(trials=1)), "random search of 1 trial"),
        (SearchPlan("random", True, 1, Budget(3, 1000)), "random search with bars of 3 trials or 1,000 epochs"),
        (SearchPlan("coarse-to-fine", False, 1, Budget(time_s=90)), "coarse-to-fine search without bars of 1.5 min"),
        (ConfirmPlan((1, 2), (0, 1, 2)), "2 configurations, 3 fresh seeds each"),
    ],
)
def test_plans_in_words(plan, text):
    assert plan_text(plan) == text


def test_spans_of_time_in_words():
    assert [span(s) for s in (45, 2.55, 60, 5400, 1e5, 3061)] == [
        "45 s",
        "2.55 s",
        "1 min",
        "1.5 h",
        "1.16 d",
        "51 min",
    ]


def test_the_list_the_stages_and_the_answer_agree_on_the_best_of_stopped_trials(tmp_path):
    """The best of those that went farthest."""
    run = Fine(tmp_path / "run", n_trials=3, plan=replace(PLAN, confirm=0))
    run.train(
        (0, COARSE, 0.01, "stopped", [0.4, 0.3]), (1, COARSE, 0.02, "stopped", [0.2]), (2, COARSE, 0.03, "failed", [])
    )
    report = summarize(run.load())
    (stage,) = report.stages
    assert (stage.best_score, stage.best_trial) == (0.3, 0)
    assert report.best is not None
    assert (report.best.trial, report.best.score) == (0, 0.3)
    assert run_line(run.folder).best_score == 0.3
    assert report.next_steps[0].text == "No trial has completed. All that were not stopped early failed: failed: why."
