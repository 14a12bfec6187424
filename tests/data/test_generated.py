"""The generated sets: balanced, seeded, finite, and of the shape that their name promises."""

import numpy as np
import pytest

from hptune.data.generated import FUNCTIONS, RECIPES, generate
from hptune.data.settings import CLASSES, DataSettings
from hptune.errors import DataError


def make(source, **settings):
    return generate(DataSettings(source=source, **settings))


def radius(x):
    return np.hypot(x[:, 0], x[:, 1])


def test_there_is_a_recipe_for_every_generated_set():
    assert {*RECIPES, *FUNCTIONS} == set(CLASSES)
    assert all((CLASSES[source] == 0) == (source in FUNCTIONS) for source in CLASSES)


@pytest.mark.parametrize("source", RECIPES)
@pytest.mark.parametrize("examples", [9, 100, 1001])
def test_sets_are_balanced_finite_and_of_the_asked_size(source, examples):
    made = make(source, examples=examples)
    counts = np.bincount(made.y)
    assert made.x.shape == (examples, 2)
    assert made.features == ("x0", "x1")
    assert len(counts) == len(made.classes)
    assert np.ptp(counts) <= 1
    assert np.isfinite(made.x).all()
    assert len(np.unique(made.x, axis=0)) == examples


@pytest.mark.parametrize("source", CLASSES)
def test_seed_decides(source):
    first, again, other = (make(source, seed=seed).x for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("source", RECIPES)
def test_noise_moves_the_same_positions(source):
    still, once, twice = (make(source, noise=noise).x for noise in (0.0, 0.01, 0.02))
    np.testing.assert_allclose(twice - still, 2 * (once - still), atol=1e-12)  # rounding of numbers up to 5
    assert np.std(once - still) == pytest.approx(0.01, rel=0.1)  # 2000 values: 1.6 % is one deviation


def test_circles_without_noise_are_told_apart_by_radius():
    made = make("circles", noise=0.0)
    np.testing.assert_allclose(radius(made.x), np.where(made.y == 0, 1.0, 0.5))


def test_moons_without_noise_lie_on_two_half_circles():
    made = make("moons", noise=0.0)
    upper, lower = made.x[made.y == 0], made.x[made.y == 1]
    np.testing.assert_allclose(radius(upper), 1)
    np.testing.assert_allclose(radius(lower - [1, 0.5]), 1)
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_spirals_without_noise_are_told_apart_by_angle_and_radius(classes):
    made = make("spirals", noise=0.0, classes=classes)
    turns = np.arctan2(made.x[:, 1], made.x[:, 0]) / (2 * np.pi) - 1.5 * (radius(made.x) - 0.1) / 0.9
    np.testing.assert_allclose((turns - made.y / classes + 0.5) % 1, 0.5, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_blobs_have_centres_four_apart(classes):
    made = make("blobs", noise=0.0, classes=classes, examples=70)
    centres = np.array([made.x[made.y == k][0] for k in range(classes)])
    apart = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1)) + 100 * np.eye(classes)
    assert apart.min() == pytest.approx(4)


def nearest_neighbour_error(made):
    distance = np.hypot(*(made.x[:, None] - made.x[None]).transpose(2, 0, 1)) + 1e9 * np.eye(len(made.y))
    return (made.y[distance.argmin(axis=1)] != made.y).mean()


@pytest.mark.parametrize("source", RECIPES)
def test_default_noise_leaves_something_to_learn_and_something_to_miss(source):
    assert nearest_neighbour_error(make(source, noise=0.0)) < 0.01
    assert 0.0 < nearest_neighbour_error(make(source)) < 0.12


def smallest_error(x, y):
    """The RMSE of the least squares, in deviations of y."""
    a = np.c_[x, np.ones(len(x))]
    return np.std(y - a @ np.linalg.lstsq(a, y, rcond=None)[0]) / y.std()


def test_the_linear_set_is_linear_and_its_smallest_error_is_what_is_said():
    made = make("linear", noise=0.0)
    assert made.x.shape == (1000, 4)
    assert made.classes == ()
    assert made.y.dtype == np.float64
    np.testing.assert_allclose(made.y, 1 + 2 * made.x[:, 0] - made.x[:, 1] + 2 * made.x[:, 2])
    made = make("linear", examples=200_000)
    assert smallest_error(made.x, made.y) == pytest.approx(1 / np.sqrt(10), rel=0.01)


def test_the_sine_has_one_wave_and_no_line_follows_it():
    made = make("sine", noise=0.0)
    np.testing.assert_allclose(made.y, np.sin(np.pi * made.x[:, 0]))
    made = make("sine", examples=200_000)
    assert np.std(made.y - np.sin(np.pi * made.x[:, 0])) / made.y.std() == pytest.approx(0.140, rel=0.01)
    # the best line is 3/pi x, with x of variance 1/3: it explains 3 / pi^2 of 1/2
    line = np.sqrt((0.5 - 3 / np.pi**2 + 0.01) / 0.51)
    assert smallest_error(made.x, made.y) == pytest.approx(line, rel=0.01)


@pytest.mark.parametrize("source", FUNCTIONS)
def test_noise_moves_the_values_of_the_same_inputs(source):
    still, once, twice = (make(source, noise=noise) for noise in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(still.x, twice.x)
    np.testing.assert_allclose(twice.y - still.y, 2 * (once.y - still.y), atol=1e-12)
    assert np.std(once.y - still.y) == pytest.approx(0.5, rel=0.1)
    with pytest.raises(DataError, match=r"data\.noise"):
        make(source, noise=float("inf"))


@pytest.mark.parametrize(
    ("source", "wrong", "phrase"),
    [
        ("moons", {"classes": 3}, "data.classes: moons has 2 classes, found 3"),
        ("spirals", {"classes": 1}, "at least 2 classes, found 1"),
        ("blobs", {"classes": 5, "examples": 14}, "needs at least 15, found 14"),
        ("blobs", {"noise": -1.0}, "data.noise: expected a finite number from 0"),
        ("blobs", {"noise": float("nan")}, "data.noise"),
    ],
)
def test_settings_that_make_no_set_are_refused(source, wrong, phrase):
    with pytest.raises(DataError, match=phrase):
        make(source, **wrong)
