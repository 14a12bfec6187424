"""Which configuration is the answer of a run: from trials and stages made up, as a pure function of them."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from made import FAILED, Made

from hptune import agenda
from hptune.search.confirmation import Confirmed
from hptune.search.plan import ConfirmPlan
from hptune.store.answer import Answer, answer_of, contenders
from hptune.trial import Kind, Origin, Status


def test_without_a_confirmation_it_is_the_leader():
    assert Made().search().answer is None
    assert Made().search(FAILED, FAILED).answer is None
    assert Made().search(0.3, 0.1, FAILED, 0.1).answer == Answer(1, 1)
    assert Made().search(0.3, status=Status.STOPPED).answer == Answer(0, 0)


def test_it_is_the_best_mean_and_the_weights_are_of_its_best_training():
    made = Made().search(0.2, 0.1).confirm((0, 1, 2), {1: [0.5, 0.1, 0.3], 0: [0.4, 0.2, 0.2]})
    best = Confirmed(0, (5, 6, 7), (0.4, 0.2, 0.2))
    assert made.answer == Answer(0, 6, best)
    assert best.mean == pytest.approx(0.8 / 3)
    assert best.standard_error == pytest.approx(math.sqrt(((4 / 30) ** 2 + 2 * (2 / 30) ** 2) / 2 / 3))
    assert [one.trial for one in contenders(made.snapshot)] == [0, 1]


def test_equal_means_go_to_the_earlier_trial():
    made = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.5, 0.25], 0: [0.25, 0.5]})
    assert made.answer.trial == 0
    assert made.answer.weights == 4


def test_a_configuration_that_has_not_ended_from_every_seed_is_not_compared():
    made = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.5, 0.4], 0: [0.1]})
    assert (made.answer.trial, made.answer.weights) == (1, 3)
    assert Made().search(0.2, 0.1).confirm((0, 1), {1: [0.5], 0: []}).answer == Answer(1, 1)


def test_a_training_that_failed_makes_its_configuration_the_last():
    made = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.01, FAILED], 0: [0.5, 0.6]})
    assert made.answer.trial == 0
    assert [one.mean for one in contenders(made.snapshot)] == [pytest.approx(0.55), math.inf]
    assert contenders(made.snapshot)[1].standard_error is None
    none_left = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.01, FAILED], 0: [FAILED, 0.6]})
    assert none_left.answer == Answer(1, 1)
    assert len(contenders(none_left.snapshot)) == 2


def test_confirmations_of_later_zooms_from_the_same_seeds_are_pooled():
    made = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.5, 0.3], 0: [0.6, 0.6]})
    made.search(0.05)  # a trial that leads and is not confirmed yet
    assert made.answer.trial == 1
    made.confirm((0, 1), {6: [0.5, 0.5]})
    assert made.answer.trial == 1
    assert [one.trial for one in contenders(made.snapshot)] == [1, 6, 0]
    better = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.5, 0.3], 0: [0.6, 0.6]})
    assert better.search(0.05).confirm((0, 1), {6: [0.2, 0.2]}).answer.trial == 6


def test_a_retest_from_other_seeds_compares_anew():
    """Trial 2 had a worse mean on the old seeds than trial 1 has on the new ones; it was not tested again."""
    made = Made().search(0.2, 0.1, 0.3).confirm((0, 1), {1: [0.2, 0.2], 0: [0.3, 0.3], 2: [0.4, 0.4]})
    made.confirm((2, 3), {1: [0.6, 0.6], 0: [0.5, 0.5]})
    assert [(one.trial, one.mean) for one in contenders(made.snapshot)] == [(0, 0.5), (1, 0.6)]
    assert made.answer.weights in {11, 12}


def test_the_answer_so_far_stays_in_the_comparison_until_it_has_been_tested_again():
    made = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.2, 0.2], 0: [0.3, 0.3]})
    assert made.answer.trial == 1
    assert made.confirm((2, 3), {1: [0.9], 0: [0.25, 0.25]}).answer.trial == 1
    assert made.confirm((2, 3), {0: [0.15, 0.15]}).answer.trial == 0


def test_seeds_of_a_zoom_after_a_retest_do_not_bring_back_what_the_retest_refuted():
    """Trial 1 had the best mean from seeds 0 and 1, was refuted by 2 and 3, and its weights are gone."""
    made = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.1, 0.1], 0: [0.3, 0.3]})
    made.confirm((2, 3), {1: [0.6, 0.6], 0: [0.3, 0.3]}).search(0.05)
    new = len(made.trials) - 1
    assert made.confirm((0, 1), {new: [0.5, 0.5]}).answer.trial == 0
    assert [one.trial for one in contenders(made.snapshot)] == [0, new]


def test_a_retest_in_which_all_failed_refutes_nobody():
    made = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.1, 0.1], 0: [0.3, 0.3]})
    before = made.answer
    assert made.confirm((2, 3), {1: [0.6, FAILED], 0: [FAILED, 0.3]}).answer == before


def test_other_data_change_no_answer():
    made = Made().search(0.2, 0.1)
    assert made.confirm((0, 1), {0: [0.01, 0.01]}, data={"fingerprint": "x"}).answer == Answer(1, 1)
    assert contenders(made.snapshot) == []


@pytest.mark.parametrize("seed", range(150))
def test_the_answer_never_needs_weights_that_were_given_up(seed):
    """In whatever order trainings end: it is the one before, or of the stage at hand, whose files are there."""
    chance = random.Random(seed)
    made = Made().search(*(chance.random() for _ in range(5)))
    kept = made.answer.weights
    for _ in range(6):
        stage = agenda.retest_stage(made.snapshot, chance.randint(1, 3), chance.randint(1, 3))
        if chance.random() < 0.4:
            made.search(*(chance.random() / 2 for _ in range(2)))
            kept = made.answer.weights if made.answer.confirmed is None else kept
            new = tuple(trial.number for trial in made.trials[-2:])
            plan = ConfirmPlan(new, (0, 1, 2), follows=len(made.stages) - 1)
            stage = replace(stage, number=len(made.stages), plan=plan)
        pairs = [(parent, replicate) for parent in stage.plan.trials for replicate in stage.plan.replicates]
        for parent, replicate in chance.sample(pairs, chance.choice([len(pairs), len(pairs) // 2])):
            score = FAILED if chance.random() < 0.1 else chance.random()
            made.trial(score, Origin(Kind.CONFIRMATION, parent), replicate)
            snapshot = replace(made.snapshot, stages=(*made.stages, stage))
            weights = answer_of(snapshot).weights
            assert weights == kept or snapshot.trials[weights].stage == stage.number
            kept = weights
        made.stages.append(stage)
    assert made.answer.weights == kept
