import numpy as np
import pytest

from hptune.nn.initializers import initialize
from hptune.randomness import Purpose, generator


def fill(init, activation, shapes, dtype=np.float64, seed=0):
    weights = [np.empty(shape, dtype) for shape in shapes]
    initialize(weights, init, activation, generator(seed, Purpose.WEIGHTS))
    return weights


@pytest.mark.parametrize(
    ("init", "activation", "gain"),
    [("he", "tanh", 2), ("xavier", "relu", 1), ("auto", "relu", 2), ("auto", "tanh", 1)],
)
def test_variance_follows_the_number_of_inputs(init, activation, gain):
    for w in fill(init, activation, [(50, 400), (400, 50)]):
        # 20,000 draws: the variance's own deviation is sqrt(2 / 20,000) = 1 %, the mean's sigma / 141
        assert w.var() * len(w) == pytest.approx(gain, rel=0.05)
        assert abs(w.mean()) < 5 * w.std() / np.sqrt(w.size)


def test_both_types_begin_with_the_same_numbers():
    for single, double in zip(*(fill("he", "relu", [(3, 4), (4, 2)], t) for t in (np.float32, float)), strict=True):
        np.testing.assert_array_equal(single, double.astype(np.float32))


def test_layers_and_seeds_differ():
    first, second = fill("he", "relu", [(3, 3), (3, 3)])
    assert not np.any(first == second)
    assert not np.any(first == fill("he", "relu", [(3, 3)], seed=1)[0])
