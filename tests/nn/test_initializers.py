import numpy as np
import pytest
from nn.examples import BLOBS, run

from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.initializers import initialize
from hptune.randomness import Purpose, generator


def fill(init, activation, shapes, dtype=np.float64, seed=0, **options):
    weights = [np.empty(shape, dtype) for shape in shapes]
    initialize(weights, init, activation, generator(seed, Purpose.WEIGHTS), **options)
    return weights


@pytest.mark.parametrize(
    ("init", "activation", "gain"),
    [
        ("he", "tanh", 2),
        ("xavier", "relu", 1),
        ("auto", "relu", 2),
        ("auto", "leaky_relu", 2),
        ("auto", "tanh", 1),
        ("auto", "sigmoid", 1),
    ],
)
def test_variance_follows_the_number_of_inputs(init, activation, gain):
    for w in fill(init, activation, [(50, 400), (400, 50)]):
        # 20,000 draws: the variance's own deviation is sqrt(2 / 20,000) = 1 %, the mean's sigma / 141
        assert w.var() * len(w) == pytest.approx(gain, rel=0.05)
        assert abs(w.mean()) < 5 * w.std() / np.sqrt(w.size)


def test_variance_may_follow_outputs_too_or_nothing():
    for w in fill("xavier_average", "relu", [(50, 400), (400, 50)]):
        assert w.var() == pytest.approx(2 / 450, rel=0.05)
    for w in fill("large", "relu", [(50, 400), (400, 50)]):
        assert w.std() == pytest.approx(10, rel=0.025)
    for w in fill("zeros", "relu", [(5, 4), (4, 5)]):
        np.testing.assert_array_equal(w, 0)


def test_scale_is_a_factor_of_the_weights():
    for plain, scaled in zip(*(fill("he", "relu", [(3, 4), (4, 2)], scale=s) for s in (1.0, 0.3)), strict=True):
        np.testing.assert_allclose(scaled, 0.3 * plain, rtol=1e-14)


def test_the_scale_of_a_study_reaches_the_network():
    def first_loss(**changes):
        return run(BLOBS, Hyperparameters(epochs=1, batch_size=200, **changes))[0][0].train_loss

    assert first_loss(init="zeros") == pytest.approx(np.log(3))
    assert first_loss(init_scale=1e-3) == pytest.approx(np.log(3), abs=1e-3)
    assert abs(first_loss() - np.log(3)) > 0.01


def test_both_types_begin_with_the_same_numbers():
    for single, double in zip(*(fill("he", "relu", [(3, 4), (4, 2)], t) for t in (np.float32, float)), strict=True):
        np.testing.assert_array_equal(single, double.astype(np.float32))


def test_layers_and_seeds_differ():
    first, second = fill("he", "relu", [(3, 3), (3, 3)])
    assert not np.any(first == second)
    assert not np.any(first == fill("he", "relu", [(3, 3)], seed=1)[0])
