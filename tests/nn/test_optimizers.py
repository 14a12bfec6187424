import math

import numpy as np
import pytest

from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.optimizers import adam, build, clip, gradient_descent, momentum, rmsprop

START = np.array([1.0, -2.0, 0.5])
GRADIENTS = np.array([[0.1, -0.4, 2.0], [-0.3, 0.2, 1.0], [0.5, 0.0, -1.0]])


def after_steps(make, learning_rates, **options):
    parameters, gradient = START.copy(), np.empty(3)
    step = make(parameters, gradient, **options).step
    history = []
    for g, learning_rate in zip(GRADIENTS, learning_rates, strict=False):
        gradient[:] = g
        step(learning_rate)
        history.append(parameters.copy())
    return history


def test_gradient_descent_follows_its_formula():
    one, two = after_steps(gradient_descent, [0.1, 0.05])
    np.testing.assert_allclose(one, START - 0.1 * GRADIENTS[0])
    np.testing.assert_allclose(two, START - 0.1 * GRADIENTS[0] - 0.05 * GRADIENTS[1])


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_momentum_follows_its_formula(beta):
    p, v = START, 0
    for actual, g, alpha in zip(
        after_steps(momentum, [0.1, 0.05, 0.2], beta=beta), GRADIENTS, [0.1, 0.05, 0.2], strict=True
    ):
        v = beta * v + (1 - beta) * g
        p = p - alpha * v
        np.testing.assert_allclose(actual, p, rtol=1e-14)


@pytest.mark.parametrize(("beta2", "epsilon"), [(0.9, 1e-8), (0.0, 0.1), (0.5, 1.0), (0.9999999, 1e-3)])
def test_rmsprop_follows_its_formula(beta2, epsilon):
    rates = [0.1, 0.05, 0.2]
    p, s = START, 0
    for actual, g, alpha in zip(
        after_steps(rmsprop, rates, beta2=beta2, epsilon=epsilon), GRADIENTS, rates, strict=True
    ):
        s = beta2 * s + (1 - beta2) * g**2
        p = p - alpha * g / (np.sqrt(s) + epsilon)
        np.testing.assert_allclose(actual, p, rtol=1e-12)


def test_rmsprops_first_step_is_long_as_the_course_leaves_the_bias():
    (one,) = after_steps(rmsprop, [0.1], beta2=0.99, epsilon=1e-12)
    np.testing.assert_allclose(one, START - 0.1 * np.sign(GRADIENTS[0]) / 0.1, atol=1e-9)


@pytest.mark.parametrize(
    ("beta1", "beta2", "epsilon"), [(0.9, 0.999, 1e-8), (0.0, 0.0, 0.1), (0.99, 0.5, 1.0), (0.5, 0.9999999, 1e-3)]
)
def test_adam_follows_its_formula(beta1, beta2, epsilon):
    rates = [0.1, 0.05, 0.2]
    p, m, v = START, 0, 0
    for t, actual in enumerate(after_steps(adam, rates, beta1=beta1, beta2=beta2, epsilon=epsilon), start=1):
        g = GRADIENTS[t - 1]
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        p = p - rates[t - 1] * m_hat / (np.sqrt(v_hat) + epsilon)
        np.testing.assert_allclose(actual, p, rtol=1e-8)  # the textbook's 1 - beta2**t itself loses digits near 1


def test_adams_first_step_is_the_learning_rate_whatever_the_gradient():
    (one,) = after_steps(adam, [0.1], beta1=0.9, beta2=0.999, epsilon=1e-12)
    np.testing.assert_allclose(one, START - 0.1 * np.sign(GRADIENTS[0]))


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_a_parameter_without_gradient_is_left_alone_even_if_epsilon_rounds_to_zero(optimizer):
    parameters, gradient = np.ones(1, np.float32), np.zeros(1, np.float32)
    build(Hyperparameters(optimizer=optimizer, epsilon=1e-300), parameters, gradient).step(0.1)
    assert parameters[0] == 1


def test_rmsprop_takes_its_own_hyperparameters():
    steps = []
    for changes in ({}, {"beta2": 0.5}, {"epsilon": 1.0}, {"beta1": 0.1}):
        parameters, gradient = START.copy(), GRADIENTS[0].copy()
        build(Hyperparameters(optimizer="rmsprop", **changes), parameters, gradient).step(0.1)
        steps.append(parameters)
    plain, other_beta2, other_epsilon, other_beta1 = steps
    assert np.all(plain != other_beta2)
    assert np.all(plain != other_epsilon)
    np.testing.assert_array_equal(plain, other_beta1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_shortens_a_long_gradient_and_leaves_a_short_one_alone(dtype):
    gradient = np.array([3.0, -4.0], dtype)
    for largest in (5.5, 5.0):
        clip(gradient, largest)
        np.testing.assert_array_equal(gradient, [3, -4])
    clip(gradient, 2.0)
    np.testing.assert_allclose(gradient, [1.2, -1.6], rtol=1e-6)


@np.errstate(over="ignore")
def test_clipping_works_where_the_squares_overflow():
    gradient = np.array([3e30, -4e30], np.float32)
    clip(gradient, 2.0)
    np.testing.assert_allclose(gradient, [1.2, -1.6], rtol=1e-6)


def parabola(p):
    return p * [1.0, 10.0]


def rosenbrock(p):
    x, y = p
    return np.array([-2 * (1 - x) - 4 * x * (y - x**2), 2 * (y - x**2)])  # of (1 - x)^2 + (y - x^2)^2


@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "rmsprop", "adam"])
@pytest.mark.parametrize(("target", "minimum"), [(parabola, [0, 0]), (rosenbrock, [1, 1])])
def test_every_optimizer_reaches_the_minimum(optimizer, target, minimum):
    parameters, gradient = np.array([-1.0, 1.5]), np.empty(2)
    step = build(Hyperparameters(optimizer=optimizer), parameters, gradient).step
    for t in range(3000):
        gradient[:] = target(parameters)
        step(0.03 if optimizer != "rmsprop" else 0.03 * 0.998**t)  # at a rate that stays it circles the minimum
    assert math.dist(parameters, minimum) < 1e-3
