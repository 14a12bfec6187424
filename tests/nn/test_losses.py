import math

import numpy as np
import pytest

from hptune.nn.losses import LOGISTIC, SOFTMAX, SQUARED_ERROR, for_classes, to_gradient

LOGITS = np.array([[0.3, -1.2, 2.0], [1.5, 1.4, -0.2], [-3.0, 0.1, 0.0], [0.0, 0.5, 0.2]])
LABELS = np.array([2, 1, 0, 1])
EVERY = pytest.mark.parametrize(("loss", "classes"), [(SOFTMAX, 3), (LOGISTIC, 2), (SQUARED_ERROR, 0)])


def labels_for(classes):
    return LABELS % classes if classes else np.array([0.7, -1.5, 2.0, 0.0])


def measure(loss, logits, labels, classes):
    logits = np.asarray(logits)
    predictions = np.empty_like(logits)
    targets = loss.encode(np.asarray(labels), classes, logits.dtype.type)
    return (*loss.measure(logits, targets, predictions), predictions, targets)


def test_two_classes_have_one_output_more_have_one_each_and_none_has_one():
    assert for_classes(0) is SQUARED_ERROR
    assert SQUARED_ERROR.outputs(0) == 1
    assert for_classes(2) is LOGISTIC
    assert LOGISTIC.outputs(2) == 1
    assert for_classes(3) is SOFTMAX
    assert SOFTMAX.outputs(3) == 3


def test_softmax_equals_the_naive_formula():
    loss, errors, predictions, _ = measure(SOFTMAX, LOGITS, LABELS, 3)
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    assert loss == pytest.approx(np.mean([-math.log(p[y]) for p, y in zip(probabilities, LABELS, strict=True)]))
    assert errors == 2  # the largest logits are 2, 0, 1, 1
    np.testing.assert_allclose(predictions, probabilities, rtol=1e-13)


def test_logistic_equals_the_naive_formula():
    z, y = LOGITS[:, :1], np.array([1, 1, 1, 0])
    loss, errors, predictions, _ = measure(LOGISTIC, z, y, 2)
    p = 1 / (1 + np.exp(-z[:, 0]))
    assert loss == pytest.approx(np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p)))
    assert errors == 1  # the logits are 0.3, 1.5, -3 and 0, and 0 counts as class 0
    np.testing.assert_allclose(predictions[:, 0], p, rtol=1e-13)


def test_squared_error_worked_by_hand():
    # z = (2, -1, 0.5), y = (1.5, 1, 0.5), z - y = (0.5, -2, 0), squares (0.25, 4, 0) with sum 4.25
    loss, squares, predictions, targets = measure(SQUARED_ERROR, [[2.0], [-1.0], [0.5]], [1.5, 1.0, 0.5], 0)
    assert squares == 4.25
    assert loss == pytest.approx(4.25 / 6, rel=1e-15)  # half of the mean
    np.testing.assert_array_equal(predictions, [[2], [-1], [0.5]])  # a linear output
    np.testing.assert_allclose(to_gradient(predictions, targets), [[0.5 / 3], [-2 / 3], [0]], rtol=1e-15)
    assert SQUARED_ERROR.error(4.25, 3) == pytest.approx(math.sqrt(4.25 / 3))
    assert SOFTMAX.error(3, 4) == LOGISTIC.error(3, 4) == 0.75


def test_roots_are_taken_of_sums_and_not_summed():
    z, y = np.array([[0.0], [3.0], [4.0], [0.0]]), np.zeros(4)
    parts = [measure(SQUARED_ERROR, z[some], y[some], 0)[1] for some in (slice(0, 3), slice(3, 4))]
    assert SQUARED_ERROR.error(sum(parts), 4) == 2.5 == SQUARED_ERROR.error(measure(SQUARED_ERROR, z, y, 0)[1], 4)


@EVERY
def test_gradient_equals_differences_of_the_loss(loss, classes):
    logits = LOGITS[:, : loss.outputs(classes)].copy()
    labels = labels_for(classes)
    *_, predictions, targets = measure(loss, logits, labels, classes)
    gradient = to_gradient(predictions, targets)
    for i in np.ndindex(logits.shape):
        above, below = logits.copy(), logits.copy()
        above[i] += 1e-6
        below[i] -= 1e-6
        difference = measure(loss, above, labels, classes)[0] - measure(loss, below, labels, classes)[0]
        assert gradient[i] == pytest.approx(difference / 2e-6, abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_are_exact_at_logits_of_a_thousand(dtype):
    z = np.array([[1000.0], [-1000.0]], dtype)
    assert measure(LOGISTIC, z, [1, 0], 2)[:2] == (0.0, 0)
    assert measure(LOGISTIC, z, [0, 1], 2)[:2] == (1000.0, 2)
    z = np.array([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 0.0]], dtype)
    with np.errstate(under="ignore"):
        assert measure(SOFTMAX, z, [0, 1], 3)[:2] == (0.0, 0)
        loss, errors, predictions, _ = measure(SOFTMAX, z, [1, 0], 3)
    assert (loss, errors) == (2000.0, 2)
    np.testing.assert_array_equal(predictions, [[1, 0, 0], [0, 1, 0]])


def test_logistic_keeps_small_losses_that_a_clipped_probability_would_lose():
    assert measure(LOGISTIC, np.array([[40.0]]), [1], 2)[0] == pytest.approx(math.exp(-40), rel=1e-12)


def test_softmax_of_two_classes_is_logistic_of_the_difference():
    two = LOGITS[:, :2]
    difference = two[:, 1:] - two[:, :1]
    labels = np.array([0, 1, 0, 1])
    softmax_loss, softmax_errors, p2, t2 = measure(SOFTMAX, two, labels, 2)
    loss, errors, p1, t1 = measure(LOGISTIC, difference, labels, 2)
    assert softmax_loss == pytest.approx(loss, rel=1e-14)
    assert softmax_errors == errors
    np.testing.assert_allclose(p2, np.c_[1 - p1, p1], atol=1e-15)
    # dz = z1 - z0, so the gradient by z1 is that by the difference, and that by z0 its opposite
    gradient = to_gradient(p1, t1)
    np.testing.assert_allclose(to_gradient(p2, t2), np.c_[-gradient, gradient], atol=1e-16)


def test_equal_logits_go_to_the_first_class():
    assert measure(SOFTMAX, np.zeros((1, 3)), [0], 3)[1] == 0
    assert measure(SOFTMAX, np.zeros((1, 3)), [1], 3)[1] == 1
    assert measure(LOGISTIC, np.zeros((1, 1)), [0], 2)[1] == 0


@EVERY
def test_a_logit_that_is_no_number_shows_in_the_loss(loss, classes):
    logits = LOGITS[:, : loss.outputs(classes)].copy()
    logits[1, 0] = np.nan
    with np.errstate(all="ignore"):
        assert math.isnan(measure(loss, logits, labels_for(classes), classes)[0])
