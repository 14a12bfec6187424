"""Whether anything has been learned: by errors, by losses where a class is rare, on dev and on test."""

from dataclasses import replace

import pytest

from hptune.analysis.diagnosis import Errors, diagnose
from hptune.analysis.usefulness import Usefulness, is_useless, notes
from hptune.measured import Baseline, ClassCount, Measured, baseline_of
from hptune.report import answer

EVEN = Baseline({"train": 0.5, "dev": 0.5, "test": 0.5}, {"train": 0.69, "dev": 0.69, "test": 0.69}, "no", "yes", 0.5)
RARE = Baseline(
    {"train": 0.02, "dev": 0.02, "test": 0.02}, {"train": 0.098, "dev": 0.098, "test": 0.098}, "no", "yes", 0.02
)


def of(dev, dev_loss, baseline, metric="dev_error", test=None, measured=None, **more):
    errors = Errors(dev, dev, test, n_train=1800, n_dev=600, n_test=600, **more)
    return Usefulness(metric, errors, dev_loss, baseline, measured, ("no", "yes"))


def test_a_network_that_is_no_better_than_one_answer_is_named():
    assert notes(of(0.1, 0.3, EVEN)) == ()
    (note,) = notes(of(0.5, 0.3, EVEN))
    start = 'No better than always answering the commonest class of train ("no"), whose dev error is 0.5: nothing of'
    assert note.startswith(start)
    found = of(1.2, None, Baseline({"dev": 1.1}, {"dev": 0.6}), is_regression=True)
    assert "the mean of the training targets, whose dev error is 1.1" in notes(found)[0]
    assert notes(of(0.8, 3.0, Baseline({"dev": 0.8}, {})))[0].startswith("No better than")  # of an older hptune


def test_where_a_class_is_rare_or_the_loss_was_searched_the_loss_decides():
    """Practice 3: dev loss 0.0668 where the shares have 0.098, and an error of 0.02 as that of always "no"."""
    found = of(0.02, 0.0668, RARE)
    assert found.by_loss
    assert not is_useless(found)
    (note,) = notes(found)
    assert note.startswith("Its dev loss is better than that of always answering with the shares")
    assert "its error is not, or by no more than chance explains, better than always answering" in note
    assert "dev 0.02 against 0.02" in note
    (note,) = notes(of(0.02, 0.099, RARE))
    assert "whose dev loss is 0.098: nothing of use has been learned" in note
    assert is_useless(of(0.4, 0.7, EVEN, metric="dev_loss"))
    assert not is_useless(of(0.4, 0.7, EVEN))


def test_an_advantage_on_dev_that_chance_explains_is_not_certain():
    # 300 of 600 have a standard error of 0.0204: 0.47 is nearer than two of them
    (note,) = notes(of(0.47, 0.6, EVEN))
    assert "better than always answering" in note
    assert "less than 2 standard errors (0.47 against 0.5, standard error 0.02031)" in note
    assert notes(of(0.45, 0.6, EVEN)) == ()


@pytest.mark.parametrize(("n_found", "is_said"), [(2, True), (11, False)])
def test_no_better_on_test_is_said_by_the_examples_that_differ(n_found, is_said):
    """Found X2: of 600, 13 are rare; 2 found and 2 lost are as good as always "no"."""
    baseline = replace(RARE, error={**RARE.error, "test": 13 / 600})
    by_class = (ClassCount(587, 589 - n_found, 585), ClassCount(13, 2 + n_found, n_found))
    measured = Measured(0.08, 0.02, 0.004, by_class)
    test = (2 + 13 - n_found) / 600
    found = notes(of(0.0167, 0.082, baseline, test=test, measured=measured))
    assert any("test 0.02167 against 0.02167, standard error of the difference 0.003333" in n for n in found) is is_said
    assert len(found) == is_said


def test_no_better_on_test_by_the_loss():
    measured = Measured(0.0984, 0.006, 0.016, (ClassCount(587, 589, 587), ClassCount(13, 11, 11)))
    (note,) = notes(of(0.0167, 0.082, RARE, test=0.0033, measured=measured))
    assert "On the test set it is no better" in note
    assert "loss 0.0984 against 0.1044, standard error of the difference 0.016" in note
    sure = replace(measured, loss_gain=0.06)
    assert notes(of(0.0167, 0.082, RARE, test=0.0033, measured=sure)) == ()


def test_no_better_on_test_by_the_error_where_classes_are_even():
    measured = Measured(0.6, 0.05, 0.01, (ClassCount(300, 310, 160), ClassCount(300, 290, 150)))
    (note,) = notes(of(0.1, 0.3, EVEN, test=290 / 600, measured=measured))
    assert "On the test set it is no better than always answering the commonest class" in note
    (old,) = notes(of(0.1, 0.3, EVEN, test=0.48))  # of an older hptune: by the test error's own standard error
    assert "0.48 against 0.5, standard error of the difference 0.0203" in old


def test_bias_cannot_be_told_from_the_errors_where_a_class_is_rare():
    errors = Errors(0.05, 0.05, n_train=10_000, n_dev=10_000, is_rare=True)
    found = diagnose(errors)
    assert (found.bias.level, found.verdict, found.remedies) == ("cannot tell", "cannot tell", ())
    assert any(note.startswith("A class is rare") for note in found.notes)
    assert diagnose(replace(errors, bayes=0.01)).verdict == "high bias"


def test_a_loss_on_dev_that_chance_may_have_lowered_is_not_certain():
    """A loss of 0.5845 where the shares have 0.5904; the difference has a standard error of 0.03 on 300 examples."""
    measured = Measured(0.5845, 0.0059, 0.03, (ClassCount(240, 240, 240), ClassCount(60, 60, 60)))
    baseline = replace(RARE, loss={**RARE.loss, "dev": 0.5904})
    found = replace(of(0.01, 0.5845, baseline), measured_dev=measured)
    (note,) = notes(found)
    assert "by less than 2 standard errors (loss 0.5845 against 0.5904, standard error of the difference 0.03)" in note
    assert notes(replace(found, measured_dev=replace(measured, loss_gain_error=0.0029))) == ()
    assert notes(replace(found, metric="dev_loss", baseline=replace(EVEN, loss=baseline.loss))) != ()


@pytest.mark.parametrize(("is_regression", "name"), [(True, "always the mean"), (False, "always the commonest class")])
def test_a_run_of_an_older_hptune_knows_the_dev_error_of_its_baseline_alone(is_regression, name):
    row = answer._baseline_row(baseline_of({"baseline_error": 1.088}), is_regression=is_regression)
    assert (row.name, row.dev, row.train, row.test, row.dev_loss) == (name, 1.088, None, None, None)
