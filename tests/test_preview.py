"""The histograms of what a study would draw: flat for what is uniform on its scale, and not for what is not."""

from __future__ import annotations

import random

import pytest

from hptune.analysis.preview import BINS, draws, histogram, previews
from hptune.config import yaml_tree
from hptune.config.study_file import parse
from hptune.domains import Choice, Real
from hptune.levels import Grid, LogInteger
from hptune.report.sparkline import bars
from hptune.scales import LINEAR, LOG, ONE_MINUS

DOMAINS = [
    Real(0.0, 0.5),
    Real(1e-4, 1.0, LOG),
    Real(0.9, 0.999, ONE_MINUS),
    Grid(1, 1, 7),
    Grid(0.0, 0.1, 6),
    Grid(3, 2, 101),
    LogInteger(16, 256),
    LogInteger(1, 1000),
    Choice(("adam", "momentum", "rmsprop")),
]


def flatness(heights):
    """Chi-square of equal heights over its degrees of freedom: about 1 where draws are uniform."""
    mean = sum(heights) / len(heights)
    return sum((height - mean) ** 2 / mean for height in heights) / (len(heights) - 1)


def drawn(domain, n=2000):
    rng = random.Random(0)
    return [domain.from_unit(rng.random()) for _ in range(n)]


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.describe())
def test_what_is_uniform_on_its_scale_is_flat(domain):
    heights = histogram(domain, drawn(domain))
    assert len(heights) == min(domain.size, BINS)
    assert sum(heights) == pytest.approx(2000)
    assert flatness(heights) < 2.2


@pytest.mark.parametrize("domain", [Real(1e-4, 1.0, LOG), Real(0.9, 0.999, ONE_MINUS)], ids=lambda d: d.scale.name)
def test_a_linear_draw_on_another_scale_is_not(domain):
    linear = Real(domain.low, domain.high, LINEAR)
    assert flatness(histogram(domain, drawn(linear))) > 50
    assert flatness(histogram(linear, drawn(domain))) > 50


def test_few_whole_numbers_are_counted_as_they_are():
    assert histogram(Grid(1, 1, 3), [1, 1, 3, 2, 1]) == (3, 1, 1)
    assert histogram(LogInteger(2, 4), [2, 2, 4]) == (2, 0, 1)
    assert histogram(Grid(0.0, 0.1, 4), [0.3, 0.1, 0.1]) == (0, 2, 0, 1)


def test_choices_that_python_takes_for_the_same_are_told_apart():
    assert histogram(Choice((True, False)), [True, True, False]) == (2, 1)
    assert histogram(Choice((1, "full")), [1, 1, "full"]) == (2, 1)


def study(text):
    return parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None)


CONDITIONAL = """\
data: {source: moons}
space:
  optimizer: {choices: [adam, momentum]}
  beta1: {scale: 1-beta, low: 0.9, high: 0.999, when: {optimizer: adam}}
  dropout: 0.5
search: {seed: 3}
"""


def test_it_counts_how_often_a_conditional_one_is_drawn_and_leaves_out_constants():
    config = study(CONDITIONAL)
    optimizer, beta1 = previews(config, draws(config))
    assert (optimizer.name, beta1.name) == ("optimizer", "beta1")
    assert optimizer.share == 1
    assert beta1.n_active == optimizer.heights[0] == sum(beta1.heights)
    assert 0.45 < beta1.share < 0.55


def test_it_depends_on_the_seed_alone():
    one, same, other = study(CONDITIONAL), study(CONDITIONAL), study(CONDITIONAL.replace("seed: 3", "seed: 4"))
    assert previews(one, draws(one)) == previews(same, draws(same))
    assert previews(one, draws(one)) != previews(other, draws(other))


def test_a_random_search_begins_with_what_is_shown():
    from hptune.agenda import certain_specs, first_stage

    config = study(CONDITIONAL.replace("seed: 3", "seed: 3, method: random"))
    specs = certain_specs(first_stage(config), config)
    assert [spec.hyperparameters for spec in specs[:20]] == draws(config, 20)


def test_bars_begin_at_0_and_end_at_the_largest():
    assert bars([0, 1, 4, 8], unicode=True) == " ▂▅█"
    assert bars([5, 5], unicode=True) == "██"
    assert bars([0, 1, 4, 8], unicode=False) == " :=#"
    assert bars([0, 0], unicode=True) == "  "
    assert bars([1, 1000], unicode=True)[0] != " "  # a little is not nothing
