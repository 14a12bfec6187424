"""Small sets that are easy to draw: moons, circles, spirals and blobs in the plane, and two functions to be learned.

They are generated here and not by a library, so that a seed means the same examples for ever. The positions
are drawn before the noise: another noise moves the same examples by another amount.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hptune.data.dataset import Examples
from hptune.data.settings import CLASSES, FEWEST_PER_CLASS, DataSettings
from hptune.errors import DataError
from hptune.randomness import Purpose, generator

Points = NDArray[np.float64]  # (examples, 2); of a function (examples, features)
# class numbers (examples,), positions along the shape in [0, 1) (examples,), number of classes -> points
Shape = Callable[[NDArray[np.int64], NDArray[np.float64], int], Points]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one set is drawn, and what it is like unless the study file says otherwise."""

    shape: Shape
    noise: float  # standard deviation of the normal noise on both features
    classes_can_change: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function of random inputs, with normal noise on its values."""

    draw: Callable[[np.random.Generator, int], Points]  # random numbers, examples -> inputs
    value: Callable[[Points], NDArray[np.float64]]  # inputs -> (examples,)
    noise: float  # standard deviation of the noise


def generate(settings: DataSettings) -> Examples:
    """The generated set that settings.source names, sorted by class where it has classes."""
    if (function := FUNCTIONS.get(settings.source or "")) is not None:
        return _function(settings, function)
    recipe = RECIPES[settings.source or ""]
    classes = CLASSES[settings.source or ""] if settings.classes is None else settings.classes
    noise = recipe.noise if settings.noise is None else settings.noise
    _check(settings, recipe, classes, noise)
    random = generator(settings.seed, Purpose.EXAMPLES)
    y = np.sort(np.arange(settings.examples, dtype=np.int64) % classes)
    along = random.random(len(y))
    x = recipe.shape(y, along, classes) + noise * random.standard_normal((len(y), 2))
    return Examples(x, y, tuple(map(str, range(classes))), ("x0", "x1"))


def _function(settings: DataSettings, function: Function) -> Examples:
    noise = function.noise if settings.noise is None else settings.noise
    _check_noise(noise)
    random = generator(settings.seed, Purpose.EXAMPLES)
    x = function.draw(random, settings.examples)
    y = function.value(x) + noise * random.standard_normal(len(x))
    return Examples(x, y, (), tuple(f"x{column}" for column in range(x.shape[1])))


def _check(settings: DataSettings, recipe: Recipe, classes: int, noise: float) -> None:
    name = settings.source
    if classes != CLASSES[name or ""] and not recipe.classes_can_change:
        raise DataError(f"data.classes: {name} has {CLASSES[name or '']} classes, found {classes}")
    if classes < 2:
        raise DataError(f"data.classes: {name} needs at least 2 classes, found {classes}")
    if settings.examples < FEWEST_PER_CLASS * classes:
        least = FEWEST_PER_CLASS * classes
        raise DataError(
            f"data.examples: {name} with {classes} classes needs at least {least}, found {settings.examples}"
        )
    _check_noise(noise)


def _check_noise(noise: float) -> None:
    if not 0 <= noise < np.inf:
        raise DataError(f"data.noise: expected a finite number from 0, found {noise}")


def _moons(y: NDArray[np.int64], along: NDArray[np.float64], _classes: int) -> Points:
    """Two half circles of radius 1, the second upside down and pushed into the first."""
    angle = np.pi * along
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return np.where(y[:, None] == 0, upper, lower)


def _circles(y: NDArray[np.int64], along: NDArray[np.float64], _classes: int) -> Points:
    """A circle of radius 1 and one of radius 0.5 in it."""
    return _polar(np.where(y == 0, 1.0, 0.5), 2 * np.pi * along)


def _spirals(y: NDArray[np.int64], along: NDArray[np.float64], classes: int) -> Points:
    """One arm a class, one turn and a half each, from radius 0.1 (where arms are still apart) to 1."""
    turns = 1.5 * along + y / classes
    return _polar(0.1 + 0.9 * along, 2 * np.pi * turns)


def _blobs(y: NDArray[np.int64], _along: NDArray[np.float64], classes: int) -> Points:
    """Centres on a circle, neighbours 4 apart: 4 standard deviations at the default noise."""
    return _polar(np.full(len(y), 2 / np.sin(np.pi / classes)), 2 * np.pi * y / classes)


def _polar(radius: NDArray[np.float64], angle: NDArray[np.float64]) -> Points:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


RECIPES: Mapping[str, Recipe] = {
    "moons": Recipe(_moons, noise=0.2),
    "circles": Recipe(_circles, noise=0.1),
    "spirals": Recipe(_spirals, noise=0.06, classes_can_change=True),
    "blobs": Recipe(_blobs, noise=1.0, classes_can_change=True),
}


def _linear(x: Points) -> NDArray[np.float64]:
    """1 + 2 x0 - x1 + 2 x2; x3 has no effect. Its standard deviation is 3, for normal x.

    So no error is below noise / sqrt(9 + noise^2) deviations of the target: 0.316 at the default noise.
    """
    value: NDArray[np.float64] = 1 + x @ np.array([2.0, -1.0, 2.0, 0.0])
    return value


def _sine(x: Points) -> NDArray[np.float64]:
    """One full wave, which no straight line can follow. Its variance is 1/2, for x uniform in [-1, 1).

    So no error is below noise / sqrt(1/2 + noise^2) deviations of the target: 0.14 at the default noise.
    """
    value: NDArray[np.float64] = np.sin(np.pi * x[:, 0])
    return value


FUNCTIONS: Mapping[str, Function] = {
    "linear": Function(lambda random, n: random.standard_normal((n, 4)), _linear, noise=1.0),
    "sine": Function(lambda random, n: random.uniform(-1, 1, (n, 1)), _sine, noise=0.1),
}
