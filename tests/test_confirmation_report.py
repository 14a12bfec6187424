"""What fresh seeds say of a run, worked out by hand: spread, luck, the cheapest, whether a ranking holds."""

from __future__ import annotations

import io
import json
import math
import statistics

import numpy as np
import pytest
from made import DATA, FAILED, Made
from rich.console import Console

from hptune import tables
from hptune.analysis.confirmation import Order, confirmation, retests
from hptune.data.settings import DataSettings
from hptune.report.as_json import to_json
from hptune.report.confirmation import print_confirmation, print_retest
from hptune.search import student
from hptune.search.confirmation import Confirmed, paired
from hptune.search.plan import ConfirmPlan
from hptune.tables import Run
from hptune.trial import Kind, Origin

OTHER = {**DATA, "settings": DataSettings(source="moons").to_json(), "train": 600, "features": 2, "classes": 2}


def analysed(made):
    return confirmation(Run(made.snapshot, []))


def retested(made):
    return retests(Run(made.snapshot, []))


def shown(draw, found, width=100):
    out = io.StringIO()
    draw(Console(file=out, width=width, highlight=False), found)
    return " ".join(out.getvalue().split())


def four():
    """Found in the order 0, 1, 2, 3; confirmed with means 0.30, 0.25, 0.27, 0.40 from three seeds each."""
    return (
        Made()
        .search(0.1, 0.2, 0.24, 0.25)
        .confirm(
            (0, 1, 2),
            {0: [0.3, 0.3, 0.3], 1: [0.22, 0.25, 0.28], 2: [0.27, 0.27, 0.27], 3: [0.4, 0.4, 0.4]},
        )
    )


def test_the_candidates_are_in_order_of_their_means_with_their_spread():
    found = analysed(four())
    assert [one.trial for one in found.candidates] == [1, 2, 0, 3]
    assert [one.mean for one in found.candidates] == pytest.approx([0.25, 0.27, 0.3, 0.4])
    assert found.candidates[0].standard_error == pytest.approx(0.03 / math.sqrt(3))
    assert found.candidates[0].found_score == 0.2
    assert found.answer == 1


def test_the_score_of_the_search_was_too_good_by_the_mean_less_the_score():
    found = analysed(four()).optimism
    assert (found.trial, found.found_score, found.n_trials) == (0, 0.1, 4)
    assert found.gap == pytest.approx(0.2)
    text = shown(print_confirmation, analysed(four()))
    assert "Trial 0 led the search with dev_error 0.1; from fresh seeds it has 0.3 on average" in text
    assert "0.2 too good: the best of 4 completed trials is in part the luckiest" in text


def test_a_lead_that_fresh_seeds_bear_out_is_said_to_show_no_luck():
    made = Made().search(0.3, 0.4).confirm((0, 1), {0: [0.2, 0.2], 1: [0.5, 0.5]})
    assert analysed(made).optimism.gap == pytest.approx(-0.1)
    assert "fresh seeds show no luck in its lead" in shown(print_confirmation, analysed(made))


def test_no_word_of_luck_where_the_leader_is_not_among_the_confirmed():
    assert analysed(Made().search(0.1, 0.2).confirm((0, 1), {0: [0.1], 1: [0.3, 0.3]})).optimism is None
    assert analysed(Made().search(0.1, 0.2).confirm((0, 1), {0: [0.1, FAILED], 1: [0.3, 0.3]})).optimism is None


def test_luck_is_that_of_the_searches_whose_best_are_shown_not_of_those_since():
    made = four().search(0.05, 0.5)
    assert (analysed(made).optimism.trial, analysed(made).optimism.n_trials) == (0, 4)
    made.confirm((0, 1, 2), {16: [0.3, 0.3, 0.3]}, follows=2)  # the first trial of the zoom
    assert (analysed(made).optimism.trial, analysed(made).optimism.n_trials) == (16, 6)
    made.search(0.6).retest((3, 4), {1: [0.2, 0.2], 16: [0.3, 0.3]})  # which changes nothing
    assert analysed(made).optimism.n_trials == 6


def test_the_cheapest_within_one_standard_error():
    """Of seeds 0.0173 above 0.25, of 400 dev examples sqrt(p (1 - p) / 404) = 0.0216 with p = 102 / 404: 0.2716.

    Trials have one more hidden unit than their number, so a lower number is cheaper by the epoch.
    """
    found = analysed(four())
    assert found.limit == pytest.approx(0.25 + math.sqrt(102 / 404 * 302 / 404 / 404))
    assert found.cheapest == 1
    larger = "of the dev set, the larger one: up to 0.2716"
    assert f"whose means are within one standard error of the answer's ({larger})" in shown(print_confirmation, found)
    scores = {2: [0.2, 0.25, 0.3], 1: [0.27, 0.27, 0.27], 0: [0.3, 0.3, 0.3]}  # 0.25 + 0.0289 = 0.2789
    found = analysed(Made().search(0.1, 0.1, 0.1).confirm((0, 1, 2), scores))
    assert (found.answer, found.cheapest) == (2, 1)
    text = shown(print_confirmation, found)
    of_those = "of those whose means are within one standard error of the answer's (over seeds: up to 0.2789)"
    assert f"Trial 1 is the cheapest to train {of_those}" in text
    assert "by estimate, a training takes about" in text
    assert analysed(Made().search(0.1, 0.2).confirm((0,), {0: [0.3], 1: [0.4]})).cheapest is None


def test_seeds_that_come_out_equal_are_no_certainty():
    made = Made().search(0.1, 0.1).confirm((0, 1, 2), {1: [0.2, 0.2, 0.2], 0: [0.21, 0.21, 0.21]})
    found = analysed(made)
    assert found.candidates[0].standard_error == 0
    assert found.cheapest == 0  # within the 0.02 of 400 dev examples
    text = shown(print_confirmation, found)
    assert "one of 0 says that the seeds came out equal, not that the mean is certain" in text
    assert "through the choice of dev examples the answer's has one of 0.02" in text


def test_cost_is_that_of_the_epochs_which_the_trainings_ran():
    made = Made().search(0.1, 0.1).confirm((0, 1), {0: [0.3, 0.3], 1: [0.3, 0.3]})
    cheap, dear = (one.cost for one in analysed(made).candidates)
    assert cheap < dear
    for trial in made.trials[2:4]:  # patience was longer with trial 0
        object.__setattr__(trial.result, "epochs", 30)
    assert analysed(made).candidates[0].cost == pytest.approx(10 * cheap)


def test_a_training_that_failed_is_said_and_is_null_in_json():
    made = Made().search(0.1, 0.2).confirm((0, 1), {0: [0.1, FAILED], 1: [0.3, 0.3]})
    found = analysed(made)
    assert (found.answer, found.optimism) == (1, None)
    text = shown(print_confirmation, found)
    assert "Trial 0: a training did not complete" in text
    plain = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert plain["candidates"][1]["scores"] == [0.1, None]
    assert plain["candidates"][1]["mean"] is None
    all_failed = analysed(Made().search(0.1, 0.2).confirm((0,), {0: [FAILED], 1: [FAILED]}))
    assert all_failed.cheapest is None
    assert "trial 0 is the answer unconfirmed" in shown(print_confirmation, all_failed)


def test_nothing_confirmed_nothing_said():
    assert analysed(Made()) is None
    assert analysed(Made().search(0.1)) is None
    assert retested(Made().search(0.1)) == ()


def test_a_retest_counts_the_pairs_that_kept_their_order():
    """Old order 1, 2, 0, 3; the new means bring 2, 1, 3, 0: of 6 pairs (1, 2) and (0, 3) have changed places."""
    scores = {1: [0.3, 0.2], 2: [0.2, 0.2], 0: [0.5, 0.5], 3: [0.4, 0.4]}
    (found,) = retested(four().retest((3, 4), scores))
    assert [(one.trial, one.old_rank, one.rank) for one in found.standings] == [
        (2, 2, 1),
        (1, 1, 2),
        (3, 4, 3),
        (0, 3, 4),
    ]
    assert (found.order.n_pairs, found.order.n_kept, found.order.n_reversed) == (6, 4, 2)
    assert found.order.tau == pytest.approx(2 / 6)
    assert [one.old_mean for one in found.standings] == pytest.approx([0.27, 0.25, 0.4, 0.3])
    assert found.gap == pytest.approx(0.05)  # of 1 above 2: 0.1 and 0
    assert found.gap_standard_error == pytest.approx(0.05)  # deviation 0.0707, by the root of 2
    assert found.holds is True
    text = shown(print_retest, found)
    assert "4 of 6 pairs" in text
    assert (found.rival, found.old_answer, found.answer) == (2, 1, 1)
    assert "behind trial 2 (seed by seed; standard error over seeds 0.05, through the choice" in text
    assert "0.02945): no more than chance explains." in text
    assert "Trial 1 stays the answer, with the mean and the weights that it had." in text


def test_the_old_best_is_compared_seed_by_seed():
    """Seeds differ a lot, and in every one the other is better by about 0.1: paired, that is beyond chance."""
    scores = {1: [0.9, 0.5, 0.11], 2: [0.8, 0.4, 0.0]}
    (found,) = retested(four().retest((3, 4, 5), scores, data=OTHER))
    assert found.gap == pytest.approx(0.31 / 3)
    assert found.gap_standard_error == pytest.approx(0.01 / 3)
    assert found.holds is False
    assert found.data == "moons"
    assert found.differences == (
        "600 training examples instead of 800",
        "2 features instead of 64",
        "2 classes instead of 10",
    )
    text = shown(print_retest, found)
    assert "get stale when data change: start a new search on moons" in text
    assert "The data differ: 600 training examples instead of 800" in text


def test_on_other_data_chance_explains_as_much_of_the_choice_of_examples_as_over_seeds():
    """A gap of 0.02 from ten seeds; each error is of 400 examples, sqrt(p (1 - p) / 404) with p = (errors + 2) / 404.

    0.02175 and 0.02111, together 0.0303; of four rivals scipy.stats.t.ppf(1 - 0.05 / 4, 399) = 2.2499: 0.0682.
    """
    scores = {1: [0.25 + i / 1e4 for i in range(10)], 2: [0.23] * 10, 0: [0.3] * 10, 3: [0.4] * 10, 16: [0.5] * 10}
    plan = ConfirmPlan(tuple(scores), tuple(range(3, 13)), data=OTHER, margin=student.margin(4, 10))

    def told(gap):
        made = four().search(0.6, 0.7)
        for parent, found in scores.items():
            for replicate, score in zip(plan.replicates, found, strict=True):
                made.trial(score - gap * (parent == 2), Origin(Kind.CONFIRMATION, parent), replicate)
        made._stage(plan, 50, "retest")
        return retested(made)[0]

    near, far = told(0.0), told(0.1)
    assert near.dev_margin == pytest.approx(2.2498934210577, rel=1e-9)
    assert near.is_of_dev_set
    assert near.chance == pytest.approx(2.2498934 * near.gap_dev_error)
    assert (near.holds, far.holds) == (True, False)
    assert near.gap > near.gap_dev_error / 2 > near.margin * near.gap_standard_error
    text = shown(print_retest, near)
    assert "2.7 standard errors over seeds and 2.2 of the dev set with 10 seeds; only more dev examples tell" in text
    assert "2.7 standard errors over seeds and 2.2 of the dev set in 95 of 100 retests" in shown(print_retest, far)


def test_a_retest_says_what_the_answer_is_now():
    def text(scores, made=None):
        (found,) = retested((made or four()).retest((3, 4, 5), scores))
        assert found.answer == (made or four().retest((3, 4, 5), scores)).answer.trial
        return shown(print_retest, found)

    ahead = text({1: [0.9, 0.5, 0.11], 2: [0.8, 0.4, 0.0]})
    assert "behind trial 2 (seed by seed; standard error over seeds 0.003333," in ahead
    assert "): more than one standard error over seeds." in ahead
    assert "The answer is trial 2 now." in ahead
    # the best mean, of trial 0, is not surely ahead, and that of trial 2 is
    another = text({1: [0.3, 0.3, 0.3], 2: [0.2, 0.2, 0.2], 0: [0.0, 0.05, 0.5]})
    assert "Trial 1, the best before, is 0.1 behind trial 2" in another
    assert "The answer is trial 2 now." in another
    first = text({0: [0.3, 0.3, 0.3], 1: [0.2, 0.3, 0.31]}, Made().search(0.1, 0.2))
    assert "Nothing had been confirmed before, so the best mean is the answer: trial 1." in first


def test_a_retest_that_has_not_come_to_the_answer_or_in_which_all_failed():
    (cut,) = retested(four().retest((3, 4), {1: [0.9], 2: [0.1, 0.1], 0: [0.2, 0.2]}))
    assert "Trial 1, the answer, has not ended from every seed, so it stays the answer." in shown(print_retest, cut)
    (failed,) = retested(four().retest((3, 4), {1: [0.9, FAILED], 0: [FAILED, 0.2]}))
    assert "Trial 1 stays the answer" in shown(print_retest, failed)
    (nothing,) = retested(Made().search(0.2, 0.1).retest((0, 1), {1: [0.9, FAILED], 0: [FAILED, 0.2]}))
    assert nothing.answer is None
    assert "so nothing is confirmed." in shown(print_retest, nothing)


def test_the_best_again_and_a_single_seed_and_a_failure():
    (again,) = retested(four().retest((3,), {1: [0.2], 2: [0.3]}))
    assert again.holds is True
    assert "the best again. Nothing to do" in shown(print_retest, again)
    (single,) = retested(four().retest((3,), {1: [0.3], 2: [0.2]}))
    assert single.holds is None
    assert "a single seed cannot tell" in shown(print_retest, single)
    assert "Trial 1 stays the answer" in shown(print_retest, single)
    (failed,) = retested(four().retest((3, 4), {1: [0.3, FAILED], 2: [0.9, 0.9]}))
    assert failed.holds is False
    assert failed.gap is None
    assert "Trial 1, the best before, did not complete from every seed" in shown(print_retest, failed)
    (alone,) = retested(four().retest((3,), {1: [0.2]}))
    assert alone.order.tau is None


def test_a_retest_that_goes_on_says_so():
    (found,) = retested(four().retest((3, 4), {1: [0.2, 0.2], 2: [0.3], 0: []}))
    assert found.n_to_go == 2
    assert "2 configurations not trained from every seed" in shown(print_retest, found)
    assert retested(four().retest((3, 4), {1: [0.2], 2: []})) == ()


def test_ties_are_no_order():
    """Found X3: all old scores are equal, so that SciPy's kendalltau gives nan."""
    (found,) = retested(Made().search(0.0, 0.0, 0.0).retest((0, 1), {0: [0.1, 0.1], 1: [0.0, 0.0], 2: [0.2, 0.2]}))
    assert [(one.trial, one.old_rank, one.rank) for one in found.standings] == [(1, 1, 1), (0, 1, 2), (2, 1, 3)]
    assert (found.order.n_tied_before, found.order.tau) == (3, None)
    text = shown(print_retest, found)
    assert "All were equal before: there is no ranking that could hold." in text
    assert "Trial 0, the first of 3 equals before, is 0.1 behind trial 1" in text
    (found,) = retested(Made().search(0.1, 0.2, 0.2).retest((0, 1), {0: [0.3, 0.3], 1: [0.3, 0.3], 2: [0.4, 0.4]}))
    # scipy.stats.kendalltau([1, 2, 2], [0.3, 0.3, 0.4]) = 0.5
    assert found.order.tau == pytest.approx(0.5)
    assert [one.rank for one in found.standings] == [1, 1, 3]
    text = shown(print_retest, found)
    assert "1 of 1 pair of configurations are in the same order as before of 3 pairs in all" in text
    assert "(1 was equal before, 1 was equal now)" in text


def test_equal_sums_of_errors_are_ties_whatever_their_last_digits():
    """Of 359 examples: old 21, 21 and 24 of three seeds, new 4, 4 and 5 of two; 10 / 359 was found, and has no mean.

    scipy.stats.kendalltau([7, 7, 8, 10], [4, 4, 5, 5]) = 0.8944271909999159
    """
    n = 359
    made = Made().search(5 / n, 6 / n, 4 / n, 10 / n)
    made.confirm((0, 1, 2), {0: [7 / n, 7 / n, 7 / n], 1: [1 / n, 3 / n, 17 / n], 2: [8 / n, 8 / n, 8 / n]})
    new = {0: [1 / n, 3 / n], 1: [2 / n, 2 / n], 2: [3 / n, 2 / n], 3: [4 / n, 1 / n]}
    (found,) = retested(made.retest((3, 4), new))
    assert {one.trial: one.old_rank for one in found.standings} == {0: 1, 1: 1, 2: 3, 3: 4}
    assert {one.trial: one.rank for one in found.standings} == {0: 1, 1: 1, 2: 3, 3: 3}
    assert found.order.tau == pytest.approx(0.8944271909999159)
    assert found.gap == 0
    assert "has the same mean as trial" in shown(print_retest, found)


def test_the_old_score_of_what_was_ever_confirmed_is_its_mean():
    """Trial 1 was found with 0.1 and has 0.4 and 0.6 from four seeds; the answer is another by now."""
    made = Made().search(0.3, 0.1, 0.35).confirm((0, 1), {1: [0.4, 0.4]}).retest((2, 3), {1: [0.6, 0.6], 0: [0.2, 0.2]})
    made.search(0.25).confirm((0, 1), {9: [0.1, 0.1]})
    found = retested(made.retest((4, 5), {9: [0.1, 0.1], 0: [0.2, 0.2], 1: [0.5, 0.5], 2: [0.3, 0.3]}))[-1]
    old = [(one.trial, one.old_rank, one.old_mean, one.found_score) for one in found.standings]
    assert old == [(9, 1, 0.1, 0.25), (0, 2, 0.2, 0.3), (2, 3, None, 0.35), (1, 4, 0.5, 0.1)]


def test_seeds_that_agree_but_for_their_last_digits_have_no_standard_error():
    first, other = Confirmed(0, (2, 3), (0.06, 0.05)), Confirmed(1, (4, 5), (0.05, 0.04))
    assert statistics.stdev([0.06 - 0.05, 0.05 - 0.04]) > 0
    assert paired(first, other) == (pytest.approx(0.01), 0)


@pytest.mark.parametrize(
    ("old", "new", "tau"),
    [  # scipy.stats.kendalltau(old, new).statistic, variant b
        ([1, 2, 3, 4, 4], [3, 1, 2, 5, 4], 0.5270462766947299),
        ([1, 1, 3, 3, 5, 6], [1, 2, 2, 2, 9, 0], 0.08006407690254358),
        ([1, 2, 3], [3, 2, 1], -1.0),
    ],
)
def test_tau_is_that_of_scipy(old, new, tau):
    assert Order.of(old, new).tau == pytest.approx(tau)


def test_on_other_data_the_larger_standard_error_decides():
    """Found F6: two of 24 dev examples, seeds all alike, are no reason to start anew."""
    small = {**OTHER, "dev": 24}
    scores = {1: [2 / 24, 2 / 24, 2 / 24], 2: [0.0, 0.0, 0.0]}
    (found,) = retested(four().retest((3, 4, 5), scores, data=small))
    assert (found.gap_standard_error, found.gap) == (0, pytest.approx(2 / 24))
    # by hand: p = 4/28 and 2/28, sqrt((p1 (1 - p1) + p2 (1 - p2)) / 28) = 0.0821
    assert found.gap_dev_error == pytest.approx(
        math.hypot(math.sqrt(4 / 28 * 24 / 28 / 28), math.sqrt(2 / 28 * 26 / 28 / 28))
    )
    text = shown(print_retest, found)
    assert "The dev set of moons has only 24 examples" in text
    (same,) = retested(four().retest((3, 4, 5), scores))
    assert "all seeds agree, which so few can do by chance" in shown(print_retest, same)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_is_wider_than_the_terminal(width):
    made = four().retest(range(3, 15), {1: [0.123456789] * 12, 2: [0.2] * 12, 0: [FAILED] * 12}, data=OTHER)
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    print_confirmation(console, analysed(made))
    print_retest(console, retested(made)[0])
    assert max(map(len, out.getvalue().splitlines())) <= width


def test_best_of_tables_is_the_answer():
    made = four()
    rows = [(trial.number, 1, 1, 0.5, 1, trial.result.score, 0.1, 0.0) for trial in made.trials]
    best = Run(made.snapshot, np.array(rows)).best
    assert (best.trial, best.found_score, best.n_seeds, best.weights) == (1, 0.2, 3, 7)
    assert best.score == pytest.approx(0.25)
    assert best.standard_error == pytest.approx(0.03 / math.sqrt(3))
    assert best.dev_error == 0.22  # of the weights
    text = tables._best_yaml(best, made.snapshot.folder.name)
    first, second, third, _ = text.split("\n", 3)
    over_seeds = "standard error over seeds 0.01732 (95 %: 0.1755 to 0.3245)"  # 4.3027 of 0.03 / sqrt(3)
    assert first == f"# run, trial 1: dev_error 0.25, mean of 3 fresh seeds, {over_seeds} (0.2 in the search)"
    assert second == "# It is the best mean of 4 configurations, and so in part luck itself."
    assert third == "# best.npz is of trial 7: dev error 0.22 at epoch 1 of 3"
