"""Scales: what each says of itself, and that a new one is one entry."""

from __future__ import annotations

import json
import math

import jsonschema
import pytest

from hptune.analysis.preview import histogram
from hptune.config import schema, yaml_tree
from hptune.config.study_file import parse, stage_space
from hptune.domains import Real
from hptune.errors import StudyFileError
from hptune.legal import Legal
from hptune.scales import LINEAR, LOG, ONE_MINUS, SCALES, Scale
from hptune.search.zoom import FACTOR, around, extended

SQRT = Scale(
    "sqrt",
    math.sqrt,
    lambda line: line * line,
    Legal("real", low=0),
    "a sqrt scale needs {end} of at least 0, found {found}",
)


@pytest.fixture
def with_sqrt(monkeypatch):
    monkeypatch.setitem(SCALES, SQRT.name, SQRT)


def study(l2="{scale: sqrt, low: 1, high: 9}"):
    text = f"data: {{source: moons}}\nspace: {{l2: {l2}}}\n"
    return parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None)


def problem(l2):
    with pytest.raises(StudyFileError) as caught:
        study(l2)
    return caught.value.problems[0].message


def accepts(l2):
    text = f"data: {{source: moons}}\nspace: {{l2: {l2}}}\n"
    return jsonschema.Draft202012Validator(schema.study_schema()).is_valid(
        yaml_tree.plain_tree(yaml_tree.parse(text, "s.yaml"))
    )


def test_what_can_be_computed_follows_from_the_rule():
    assert (LINEAR.lowest, LINEAR.highest) == (-LINEAR.largest, LINEAR.largest)
    assert (LOG.lowest, LOG.highest) == (5e-324, LOG.largest)
    assert (ONE_MINUS.lowest, ONE_MINUS.highest) == (0, math.nextafter(1, 0))


@pytest.mark.parametrize("scale", SCALES.values(), ids=lambda scale: scale.name)
def test_a_scale_with_a_rule_says_it_and_maps_its_ends_to_numbers(scale):
    assert bool(scale.needs) == (scale.rule != Legal("real"))
    lines = [scale.straighten(value) for value in (scale.lowest, scale.highest)]
    assert all(map(math.isfinite, lines))
    assert lines[0] < lines[1]


@pytest.mark.usefixtures("with_sqrt")
def test_a_new_scale_is_read_and_written_like_the_others():
    space = study().space
    (parameter,) = space.parameters
    assert parameter.domain == Real(1.0, 9.0, SQRT)
    assert parameter.domain.describe() == "1 .. 9 (sqrt)"
    assert stage_space(json.dumps(space.plain())) == space


@pytest.mark.usefixtures("with_sqrt")
@pytest.mark.parametrize(
    ("l2", "message"),
    [
        ("{scale: sqrt, low: -1, high: 9}", "a sqrt scale needs low of at least 0, found -1"),
        ("{scale: sqrt, low: 1, high: 9, step: 2}", "steps go with a linear scale, not with sqrt"),
        ("{type: int, scale: sqrt, low: 1, high: 9}", "sqrt is for real numbers, not for whole ones"),
        ("{scale: cube, low: 1, high: 9}", "expected linear or log or 1-beta or sqrt, found 'cube'"),
    ],
)
def test_reader_and_schema_refuse_what_a_new_scale_does_not_have(l2, message):
    assert problem(l2) == message
    assert not accepts(l2)
    assert accepts("{scale: sqrt, low: 0, high: 9}")


@pytest.mark.usefixtures("with_sqrt")
def test_draws_zooms_and_histograms_follow_a_new_scale():
    space = study().space
    domain = space.parameters[0].domain
    assert [domain.from_unit(unit) for unit in (0, 0.5, 1)] == [1, 4, 9]
    (change,) = around(space, {"l2": 4.0}, [], FACTOR).changes
    assert (change.new.low, change.new.high) == (2.25, 6.25)
    assert extended(domain, "low", 1.0, space.parameters[0].legal) == Real(0.0, 9.0, SQRT)
    assert histogram(domain, [domain.from_unit((i + 0.5) / 160) for i in range(160)]) == (10,) * 16
