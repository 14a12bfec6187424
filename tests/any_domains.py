"""Domains of every kind, for tests of what holds for all of them."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import assume
from hypothesis import strategies as st

from hptune.domains import Choice, Real
from hptune.levels import FAR, Grid, LogInteger
from hptune.scales import SCALES


@st.composite
def reals(draw):
    scale = draw(st.sampled_from(list(SCALES.values())))
    bounds = st.floats(scale.lowest, scale.highest, allow_nan=False)
    low, high = sorted((draw(bounds), draw(bounds)))
    assume(low < high and scale.tells_apart(low, high))
    return Real(low, high, scale)


@st.composite
def grids(draw):
    if draw(st.booleans()):
        low = draw(st.integers(-1000, 10**6))
        return Grid(low, draw(st.integers(1, 1000)), draw(st.integers(2, 10**6)))
    step = float(f"{draw(st.integers(1, 999))}e{draw(st.integers(-12, 3))}")  # as it is written in a study file
    low = float(draw(st.integers(-1000, 1000)) * Decimal(str(step)))  # without the noise of a product of floats
    return Grid(low, step, draw(st.integers(2, 10**6)))


@st.composite
def log_integers(draw):
    low = draw(st.integers(1, FAR - 1))
    return LogInteger(low, draw(st.integers(low + 1, FAR)))


choices = st.lists(
    st.one_of(st.integers(-3, 3), st.sampled_from(["1", "0", "true", "a"]), st.booleans(), st.floats(-2, 2)),
    min_size=1,
    max_size=9,
    unique_by=lambda value: (isinstance(value, bool), value),
).map(lambda values: Choice(tuple(values)))
levels = st.one_of(grids(), log_integers())
ranges = st.one_of(reals(), levels)
discrete = st.one_of(levels, choices)
