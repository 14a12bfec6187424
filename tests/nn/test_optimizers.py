import math

import numpy as np
import pytest

from hptune.nn.hyperparameters import Hyperparameters
from hptune.nn.optimizers import adam, build, gradient_descent, momentum

START = np.array([1.0, -2.0, 0.5])
GRADIENTS = np.array([[0.1, -0.4, 2.0], [-0.3, 0.2, 1.0], [0.5, 0.0, -1.0]])


def after_steps(make, learning_rates, **options):
    parameters, gradient = START.copy(), np.empty(3)
    step = make(parameters, gradient, **options)
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


def test_adam_leaves_a_parameter_without_gradient_alone_even_if_epsilon_rounds_to_zero():
    parameters, gradient = np.ones(1, np.float32), np.zeros(1, np.float32)
    adam(parameters, gradient, beta1=0.9, beta2=0.999, epsilon=1e-300)(0.1)
    assert parameters[0] == 1


def parabola(p):
    return p * [1.0, 10.0]


def rosenbrock(p):
    x, y = p
    return np.array([-2 * (1 - x) - 4 * x * (y - x**2), 2 * (y - x**2)])  # of (1 - x)^2 + (y - x^2)^2


@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "adam"])
@pytest.mark.parametrize(("target", "minimum"), [(parabola, [0, 0]), (rosenbrock, [1, 1])])
def test_every_optimizer_reaches_the_minimum(optimizer, target, minimum):
    parameters, gradient = np.array([-1.0, 1.5]), np.empty(2)
    step = build(Hyperparameters(optimizer=optimizer), parameters, gradient)
    for _ in range(3000):
        gradient[:] = target(parameters)
        step(0.03)
    assert math.dist(parameters, minimum) < 1e-3
