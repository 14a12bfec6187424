import numpy as np
import pytest

from hptune.nn.activations import ACTIVATIONS

Z = np.array([[-2.0, -0.5, 0.0], [0.25, 1.0, 30.0]])
FORMULAS = {
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
    "tanh": lambda z: 1 - 2 / (np.exp(2 * z) + 1),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}
DERIVATIVES = {
    "relu": lambda z: np.where(z > 0, 1, 0),
    "leaky_relu": lambda z: np.where(z > 0, 1, 0.01),
    "tanh": lambda z: 1 / np.cosh(z) ** 2,
    "sigmoid": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_overwrites_its_argument_with_the_formula(name):
    z = Z.copy()
    ACTIVATIONS[name].apply(z)
    np.testing.assert_allclose(z, FORMULAS[name](Z), rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_derivative_is_taken_from_the_output(name, dtype):
    a, slope = Z.astype(dtype), np.full(Z.shape, np.nan, dtype)
    ACTIVATIONS[name].apply(a)
    ACTIVATIONS[name].derivative(a, slope)
    np.testing.assert_allclose(slope, DERIVATIVES[name](Z), atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_nothing_overflows_or_changes_its_type(name, dtype):
    z = np.array([-1e30, 1e30], dtype)
    ACTIVATIONS[name].apply(z)
    ends = {"relu": [0, 1e30], "leaky_relu": [-1e28, 1e30], "tanh": [-1, 1], "sigmoid": [0, 1]}
    np.testing.assert_allclose(z, ends[name], rtol=1e-6)
