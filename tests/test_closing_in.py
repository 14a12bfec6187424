"""What closing in was worth: trials made up, a coarse part of two and a closing-in part after it."""

from __future__ import annotations

import pytest

from hptune.analysis.closing_in import gain_text, parts, too_coarse
from hptune.trial import Kind, Origin, Status, TrialResult, TrialSpec


def trials(*scores, n_coarse=2, stopped=()):
    found = []
    for number, score in enumerate(scores):
        origin = Origin(Kind.COARSE) if number < n_coarse else Origin(Kind.ZOOM, 0, 0.5)
        status = Status.STOPPED if number in stopped else Status.COMPLETED
        result = TrialResult(number, status, epochs=3, best_epoch=1, score=score)
        found.append((TrialSpec(number, 0, {}, 0, origin), result))
    return found


def test_the_lowest_metric_of_a_part_counts_trials_that_a_bar_stopped():
    coarse, *closing = parts(trials(0.2, 0.3, 0.25, 0.1, 0.15, 0.4, stopped=(3,)))
    assert (coarse.lowest, coarse.lowest_trial, coarse.best_trial) == (0.2, 0, 0)
    assert [(part.lowest, part.lowest_trial, part.best_trial) for part in closing] == [
        (0.25, 2, 0), (0.1, 3, 0), (0.15, 4, 4), (0.4, 5, 4),
    ]  # fmt: skip


NO_GAIN = "No trial that ran to its end has a better score than the best coarse one"


@pytest.mark.parametrize(
    ("scores", "answer", "text"),
    [
        ((0.2, 0.3, 0.25, 0.25), None, f"{NO_GAIN}."),
        ((0.2, 0.3, 0.25, 0.25), 1, f"{NO_GAIN}; the answer, trial 1, is a coarse trial."),
        ((0.2, 0.3, 0.25, 0.25), 3, f"{NO_GAIN}, but the answer, trial 3, was found by closing in (trials 3-3)."),
        ((0.2, 0.3, 0.1, 0.25), 2, "The answer, trial 2, was found by closing in (trials 2-2)."),
        ((0.2, 0.3, 0.1, 0.25), 0, "Closing in found better scores; the answer, trial 0, is a coarse trial."),
        ((0.2, 0.3, 0.1, 0.25), 99, ""),  # of another stage
    ],
)
def test_it_is_said_whether_closing_in_found_anything_better(scores, answer, text):
    assert gain_text(parts(trials(*scores)), answer) == text


def test_a_search_most_of_whose_trials_are_coarse_has_hardly_closed_in():
    assert too_coarse(trials(*[0.5] * 20, n_coarse=20)) == 20
    assert too_coarse(trials(*[0.5] * 20, n_coarse=11)) == 11
    assert too_coarse(trials(*[0.5] * 20, n_coarse=10)) == 0
    assert too_coarse(trials(0.5, 0.5, n_coarse=2)) == 0  # of two, both are coarse
