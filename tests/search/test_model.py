"""The model of scores against a Gaussian process written down plainly, and the steps that it chooses among."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hptune.domains import Choice, Real
from hptune.levels import Grid
from hptune.nn.hyperparameters import LEGAL
from hptune.search import model
from hptune.search.coordinates import points_of
from hptune.search.known import Known
from hptune.search.promising import most_promising, reflected
from hptune.space import Parameter, SearchSpace
from hptune.trial import Kind, Status


def plain_promises(points, scores, under_way, steps, length, noise):
    """Rasmussen and Williams, equations 2.25 and 2.26, with inverses."""

    def kernel(first, second):
        scaled = math.sqrt(5) * np.linalg.norm(first[:, None] - second[None], axis=2) / length
        return (1 + scaled + scaled**2 / 3) * np.exp(-scaled)

    known = kernel(points, points) + noise * np.eye(len(points))
    weights = np.linalg.inv(known) @ scores
    amplitude = scores @ weights / len(points)
    both = np.concatenate([points, under_way])
    inverse = np.linalg.inv(kernel(both, both) + noise * np.eye(len(both)))
    cross = kernel(steps, both)
    deviations = np.sqrt(amplitude * (1 - np.einsum("ij,jk,ik->i", cross, inverse, cross)))
    best = (kernel(points[:1], points) @ weights)[0]
    by = (best - kernel(steps, points) @ weights) / deviations
    normal = np.array([0.5 * math.erfc(-one / math.sqrt(2)) for one in by])
    return deviations * (by * normal + np.exp(-(by**2) / 2) / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("n_under_way", [0, 3])
@pytest.mark.parametrize(("length", "noise"), [(0.25, 1e-2), (0.6, 0.2)])
def test_promises_are_those_of_a_gaussian_process(n_under_way, length, noise, monkeypatch):
    monkeypatch.setattr(model, "LENGTHS", (length,))
    monkeypatch.setattr(model, "NOISES", (noise,))
    rng = np.random.default_rng(0)
    points, steps, under_way = rng.random((20, 3)), rng.random((7, 3)), rng.random((n_under_way, 3))
    scores = np.sort(rng.random(20))
    values = model.eased(scores)
    expected = plain_promises(points, values - values.mean(), under_way, steps, length, noise)
    assert model.promises(points, scores, under_way, steps) == pytest.approx(expected, rel=1e-9)


def test_what_is_under_way_promises_less():
    rng = np.random.default_rng(1)
    points, steps = rng.random((15, 2)), rng.random((1, 2))
    scores = np.sort(rng.random(15))
    alone = model.promises(points, scores, np.empty((0, 2)), steps)
    assert model.promises(points, scores, steps, steps) < alone


def test_of_more_trials_the_best_stand_by_their_scores_among_all(monkeypatch):
    monkeypatch.setattr(model, "LENGTHS", (0.25,))
    monkeypatch.setattr(model, "NOISES", (1e-2,))
    rng = np.random.default_rng(3)
    points, steps, none = rng.random((model.MOST + 60, 3)), rng.random((7, 3)), np.empty((0, 3))
    scores = np.sort(rng.random(model.MOST + 60))
    values = model.eased(scores)[: model.MOST]
    assert values.mean() < -0.3
    expected = plain_promises(points[: model.MOST], values, none, steps, 0.25, 1e-2)
    assert model.promises(points, scores, none, steps) == pytest.approx(expected, rel=1e-9)


def test_length_and_noise_are_those_that_make_the_scores_likeliest():
    rng = np.random.default_rng(2)
    points = rng.random((40, 2))
    smooth, noise = np.sin(3 * points[:, 0]) + points[:, 1], rng.standard_normal(40)
    assert model._likeliest(points, (smooth - smooth.mean()) / smooth.std())[1] == min(model.NOISES)
    assert model._likeliest(points, noise)[1] == max(model.NOISES) or model._likeliest(points, noise)[0] == min(
        model.LENGTHS
    )


def test_eased_scores_by_hand():
    scores = np.array(
        [1.0, 2.0, 3.0, 4.0, math.inf]
    )  # above the best: 0, 1, 2, 3 and, as the worst, 3; the median is 2
    by_hand = np.log1p(np.array([0, 1, 2, 3, 3]) / 0.2)
    assert model.eased(scores) == pytest.approx((by_hand - by_hand.mean()) / by_hand.std())
    assert list(model.eased(np.full(3, 0.5))) == [0, 0, 0]
    assert list(model.eased(np.full(2, math.inf))) == [0, 0]
    assert np.all(np.isfinite(model.eased(np.array([0.0, 1e308, 1e-308]))))


@pytest.mark.parametrize(("unit", "ends"), [(0.3, 0.3), (-0.2, 0.2), (1.25, 0.75), (-1.25, 0.75), (2.1, 0.1)])
def test_a_border_reflects(unit, ends):
    assert reflected(unit) == pytest.approx(ends)


SPACE = SearchSpace(
    (
        Parameter("dropout", Real(0.0, 1.0), LEGAL["dropout"]),
        Parameter("input_dropout", Real(0.0, 1.0), LEGAL["input_dropout"]),
        Parameter("activation", Choice(("relu", "tanh")), LEGAL["activation"]),
        Parameter("hidden_layers", Grid(1, 1, 4), LEGAL["hidden_layers"]),
    )
)


def known(number, configuration, score):
    return Known(number, configuration, Status.COMPLETED, [score])


def test_coordinates_are_in_the_order_of_names():
    found = points_of(SPACE, [{"dropout": 0.2, "activation": "tanh", "hidden_layers": 1}])
    assert found.tolist() == [[0.0, 0.5, 0.2, 0.125, 0.5]]  # what is missing lies in the middle
    assert points_of(SPACE, []).shape == (0, 5)


def test_steps_close_in_on_a_valley():
    rng = np.random.default_rng(3)
    trials = []
    for number in range(60):
        if number < 12:
            configuration = SPACE.draw(rng.random(4).tolist(), {})
        else:
            configuration, origin = most_promising(SPACE, {}, sorted(trials, key=lambda one: one.lowest), (), (), rng)
            assert origin.kind in (Kind.ZOOM, Kind.GLOBAL)
        score = (configuration["dropout"] - 0.3) ** 2 + (configuration["input_dropout"] - 0.8) ** 2
        trials.append(known(number, configuration, score + 0.1 * (configuration["activation"] == "relu")))
    assert min(trial.lowest[-1] for trial in trials) < 1e-3  # 60 random ones: 2e-2 in the median
    late = [trial.configuration["activation"] for trial in trials[40:]]
    assert late.count("tanh") >= 13
