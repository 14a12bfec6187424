"""What fresh seeds say of a run, worked out by hand: spread, luck, the cheapest, whether a ranking holds."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from made import DATA, FAILED, Made
from rich.console import Console

from hptune import tables
from hptune.analysis.confirmation import confirmation, retests
from hptune.data.settings import DataSettings
from hptune.report.as_json import to_json
from hptune.report.confirmation import print_confirmation, print_retest
from hptune.tables import Run

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
    assert "0.2 too good: the best of 4 trials is in part the luckiest" in text


def test_a_lead_that_fresh_seeds_bear_out_owes_nothing_to_luck():
    made = Made().search(0.3, 0.4).confirm((0, 1), {0: [0.2, 0.2], 1: [0.5, 0.5]})
    assert analysed(made).optimism.gap == pytest.approx(-0.1)
    assert "owed nothing to luck" in shown(print_confirmation, analysed(made))


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
    """0.25 + 0.0173 leaves 1 alone; with a seed more apart trial 2 comes in, and 0 (fewest units) stays out at 0.3.

    Trials have one more hidden unit than their number, so a lower number is cheaper by the epoch.
    """
    assert analysed(four()).cheapest == 1
    scores = {2: [0.2, 0.25, 0.3], 1: [0.27, 0.27, 0.27], 0: [0.3, 0.3, 0.3]}  # 0.25 + 0.0289 = 0.2789
    found = analysed(Made().search(0.1, 0.1, 0.1).confirm((0, 1, 2), scores))
    assert (found.answer, found.cheapest) == (2, 1)
    text = shown(print_confirmation, found)
    assert "Trial 1 is as good within one standard error" in text
    assert "by estimate, a training takes about" in text
    assert analysed(Made().search(0.1, 0.2).confirm((0,), {0: [0.3], 1: [0.4]})).cheapest is None


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
    assert (found.n_pairs, found.n_pairs_kept) == (6, 4)
    assert found.tau == pytest.approx(2 / 6)
    assert [one.old_mean for one in found.standings] == pytest.approx([0.27, 0.25, 0.4, 0.3])
    assert found.gap == pytest.approx(0.05)  # of 1 above 2: 0.1 and 0
    assert found.gap_standard_error == pytest.approx(0.05)  # deviation 0.0707, by the root of 2
    assert found.holds is True
    text = shown(print_retest, found)
    assert "4 of 6 pairs" in text
    assert (found.rival, found.old_answer, found.answer) == (2, 1, 1)
    assert "behind trial 2 (seed by seed, standard error 0.05): no more than chance explains." in text
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


def test_a_retest_says_what_the_answer_is_now():
    def text(scores, made=None):
        (found,) = retested((made or four()).retest((3, 4, 5), scores))
        assert found.answer == (made or four().retest((3, 4, 5), scores)).answer.trial
        return shown(print_retest, found)

    ahead = text({1: [0.9, 0.5, 0.11], 2: [0.8, 0.4, 0.0]})
    assert "behind trial 2 (seed by seed, standard error 0.003333): more than one standard error." in ahead
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
    assert alone.tau is None


def test_a_retest_that_goes_on_says_so():
    (found,) = retested(four().retest((3, 4), {1: [0.2, 0.2], 2: [0.3], 0: []}))
    assert found.n_to_go == 2
    assert "2 configurations not trained from every seed" in shown(print_retest, found)
    assert retested(four().retest((3, 4), {1: [0.2], 2: []})) == ()


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
    text = tables._best_yaml(best, made.snapshot.folder)
    first, second, _ = text.split("\n", 2)
    assert first == (
        "# run, trial 1: dev_error 0.25, mean of 3 fresh seeds, standard error over seeds 0.01732 (0.2 in the search)"
    )
    assert second == "# best.npz is of trial 7: dev error 0.22 at epoch 1 of 3"
