"""Which configuration is the answer of a run: from trials and stages made up, as a pure function of them."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import pytest
from made import FAILED, Made

from hptune import agenda
from hptune.search.confirmation import Confirmed
from hptune.search.plan import ConfirmPlan
from hptune.store.answer import Answer, answer_of, contenders, means, standings, uncompared, whole
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


def test_an_exact_tie_of_a_later_zoom_changes_nothing_whatever_the_numbers():
    """Configurations are named by the trial that found them; the zoom's is confirmed as trial 9 or as trial 0."""
    made = Made().search(0.2, 0.1, 0.3).confirm((0, 1), {1: [0.5, 0.25], 2: [0.6, 0.6]})
    before = made.answer
    assert made.search(0.05).confirm((0, 1), {7: [0.25, 0.5], 0: [0.25, 0.5]}).answer == before
    assert [one.trial for one in contenders(made.snapshot)] == [1, 0, 7, 2]


def retested(scores, replicates=(3, 4, 5)):
    """Trial 1 is the answer with a mean of 0.20, before 0 with 0.30 and 2 with 0.40; then a retest."""
    made = Made().search(0.2, 0.1, 0.3)
    made.confirm((0, 1, 2), {1: [0.1, 0.2, 0.3], 0: [0.3] * 3, 2: [0.4] * 3})
    return made.answer, made.retest(replicates, scores)


@pytest.mark.parametrize(
    ("scores", "replicates"),
    [
        ({1: [0.5], 0: [0.1]}, (3,)),  # a single seed cannot tell
        ({1: [FAILED], 0: [0.1]}, (3,)),
        ({1: [0.25, 0.25, 0.25], 0: [0.25, 0.25, 0.25]}, (3, 4, 5)),  # an exact tie, though 0 is the lower number
        ({1: [0.3, 0.3, 0.3], 0: [0.1, 0.3, 0.45]}, (3, 4, 5)),  # ahead by 0.017, standard error 0.10
        ({1: [0.25, 0.5], 0: [0.25, 0.25]}, (3, 4)),  # ahead by 0.125, standard error 0.125: not more than one
        ({0: [0.01, 0.01, 0.01], 2: [0.4, 0.4, 0.4]}, (3, 4, 5)),  # the answer was not tested again
        ({0: [0.01, 0.01, 0.01], 1: [0.9, 0.9]}, (3, 4, 5)),  # nor here, where it was cut short
        ({1: [FAILED, 0.9], 0: [FAILED, 0.1]}, (3, 4)),  # all failed
    ],
)
def test_a_retest_that_does_not_refute_the_answer_changes_nothing_of_it(scores, replicates):
    before, made = retested(scores, replicates)
    assert made.answer == before
    assert [one.trial for one in contenders(made.snapshot)] == [1, 0, 2]


@pytest.mark.parametrize(
    ("scores", "answer"),
    [
        ({1: [0.9, 0.5, 0.11], 0: [0.8, 0.4, 0.0]}, 0),  # ahead by about 0.1 in every seed
        ({1: [0.3, 0.3, 0.3], 0: [0.29, 0.29, 0.29]}, 0),  # by 0.01 in every seed
        ({1: [0.3, FAILED, 0.3], 0: [0.5, 0.5, 0.5]}, 0),
        ({1: [0.3, 0.3, 0.3], 0: [0.0, 0.05, 0.5], 2: [0.2, 0.2, 0.2]}, 2),  # the best mean, 0, is not surely ahead
    ],
)
def test_a_retest_changes_the_answer_for_one_that_is_ahead_beyond_chance(scores, answer):
    _, made = retested(scores)
    assert made.answer.trial == answer
    assert made.answer.confirmed.scores == tuple(scores[answer])
    assert made.snapshot.trials[made.answer.weights].stage == 2
    compared = contenders(made.snapshot)
    assert compared[0].trial == answer
    assert {one.trial for one in compared} == set(scores)


def test_without_a_confirmed_answer_a_retest_confirms():
    assert Made().search(0.2, 0.1).retest((0,), {1: [0.5], 0: [0.4]}).answer.trial == 0
    none_left = Made().search(0.2, 0.1).confirm((0, 1, 2), {1: [FAILED] * 3, 0: [FAILED] * 3})
    assert none_left.retest((3,), {1: [0.5], 0: [0.6]}).answer.trial == 1


def test_repeated_retests_change_an_answer_by_chance_less_often_than_the_best_mean_would():
    """Five equal configurations, noise alone, 20 retests of three seeds: 8 changes instead of 14."""
    chance = random.Random(7)
    made = Made().search(*(0.1 + i / 100 for i in range(5)))
    made.confirm((0, 1, 2), {i: [chance.gauss(0.3, 0.05) for _ in range(3)] for i in range(5)})
    answers, leaders = [made.answer.trial], []
    for first in range(3, 63, 3):
        made.retest(range(first, first + 3), {i: [chance.gauss(0.3, 0.05) for _ in range(3)] for i in range(5)})
        answers.append(made.answer.trial)
        leaders.append(whole(made.snapshot, made.stages[-1])[0].trial)
    by_mean = sum(one != other for one, other in itertools.pairwise([answers[0], *leaders]))
    changes = sum(one != other for one, other in itertools.pairwise(answers))
    assert (changes, by_mean) == (8, 14)


def test_seeds_of_a_zoom_after_a_retest_do_not_bring_back_what_the_retest_refuted():
    """Trial 1 had the best mean from seeds 0 and 1, was refuted by 2 and 3, and its weights are gone."""
    made = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.1, 0.1], 0: [0.3, 0.3]})
    made.retest((2, 3), {1: [0.6, 0.6], 0: [0.3, 0.3]}).search(0.05)
    new = len(made.trials) - 1
    assert made.confirm((0, 1), {new: [0.5, 0.5]}).answer.trial == 0
    assert [one.trial for one in contenders(made.snapshot)] == [0, new]


def test_better_scores_of_later_searches_that_nothing_has_confirmed_are_told():
    assert uncompared(Made().search(0.2, 0.1).snapshot) == []
    made = Made().search(0.2, 0.1).confirm((0, 1), {0: [0.3, 0.3], 1: [0.4, 0.4]})
    assert uncompared(made.snapshot) == []  # trial 1 had the better score, and fresh seeds have refuted it
    made.search(0.15, 0.05, 0.25)
    assert uncompared(made.snapshot) == [7, 6]
    made.confirm((0, 1), {7: [0.3, 0.3], 6: [0.2]})
    assert uncompared(made.snapshot) == [6]
    made.retest((2, 3), {6: [0.9, 0.9], 0: [0.5, 0.5]})
    assert made.answer.trial == 0
    assert uncompared(made.snapshot) == []


def test_a_confirmed_configuration_competes_with_its_mean_everywhere():
    """Trial 1 leads with 0.1, and fresh seeds give it 0.4; trial 2 has not been confirmed."""
    made = Made().search(0.2, 0.1, 0.35, FAILED).confirm((0, 1), {1: [0.3, 0.5], 0: [0.25, 0.35]})
    assert means(made.snapshot) == pytest.approx({0: 0.3, 1: 0.4, 4: 0.4, 5: 0.4, 6: 0.3, 7: 0.3})
    assert [result.number for result in standings(made.snapshot)] == [0, 2, 1]
    made.search(0.29)  # a better score than the mean of the answer, which fresh seeds may refute
    assert [result.number for result in standings(made.snapshot)] == [0, 8, 2, 1]
    made.confirm((0, 1), {8: [0.5, FAILED]})
    assert [result.number for result in standings(made.snapshot)] == [0, 2, 1, 8]


def test_equal_means_stand_in_one_order_everywhere():
    """Both have three times 0.05 or its like: 0 without a spread, and 1, found with the lower score, with one."""
    made = Made().search(0.04, 0.01, 0.05, 0.02).confirm((0, 1, 2), {1: [0.04, 0.05, 0.06], 0: [0.05] * 3})
    made.confirm((0, 1, 2), {3: [0.01, 0.01, 0.02]})
    assert [one.trial for one in contenders(made.snapshot)] == [3, 0, 1]
    assert [result.number for result in standings(made.snapshot)] == [3, 0, 1, 2]  # 2 has 0.05 from one seed alone


def test_seeds_of_a_retest_count_for_those_that_are_compared_no_more():
    made = Made().search(0.2, 0.1).confirm((0, 1), {1: [0.3, 0.5], 0: [0.6, 0.6]})
    made.retest((2, 3), {1: [0.9, 0.9], 0: [0.2, 0.2]})  # which makes 0 the answer, and 1 is compared with it
    assert means(made.snapshot)[0] == pytest.approx(0.2)
    assert means(made.snapshot)[1] == pytest.approx(0.9)
    made.retest((4,), {0: [0.3]})
    assert means(made.snapshot)[0] == pytest.approx(0.2)  # as the answer is compared


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
