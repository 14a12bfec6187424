from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptune.notations import FACTORS, RATES, WIDTHS


@pytest.mark.parametrize(
    ("notation", "written", "text", "structure"),
    [
        (WIDTHS, [256, 128], "256-128", (256, 128)),
        (WIDTHS, [64], "64", (64,)),
        (WIDTHS, [64.0, 1e5], "64-100000", (64, 100_000)),
        (WIDTHS, "256-128", "256-128", (256, 128)),
        (WIDTHS, "064-1", "64-1", (64, 1)),
        (WIDTHS, [1] * 100, "-".join("1" * 100), (1,) * 100),
        (RATES, [0.5, 0.2], "0.5 0.2", (0.5, 0.2)),
        (RATES, [0, -0.0, 1e-3], "0 0 0.001", (0.0, 0.0, 0.001)),
        (RATES, "0.50 1e-5", "0.5 1e-05", (0.5, 1e-5)),
        (FACTORS, {"0": 1}, "0:1", ((0, 1.0),)),
        (FACTORS, {"20": 0.01, "10": 0.1}, "10:0.1 20:0.01", ((10, 0.1), (20, 0.01))),
        (FACTORS, "20:1e-2 10:.1", "10:0.1 20:0.01", ((10, 0.1), (20, 0.01))),
        (FACTORS, {"1000000000": 5e-324}, "1000000000:5e-324", ((10**9, 5e-324),)),
        (FACTORS, {"3": 1e300, "2": 100.0}, "2:100 3:1e+300", ((2, 100.0), (3, 1e300))),
    ],
)
def test_a_structure_has_one_text_however_it_is_written(notation, written, text, structure):
    assert notation.parse(written) == structure
    assert notation.canonical(written) == text
    assert notation.parse(text) == structure
    assert notation.admits(text)
    assert notation.admits(written) is (written == text)


@pytest.mark.parametrize(
    ("notation", "written", "words"),
    [
        (WIDTHS, [], "an empty list: for no hidden layers write hidden_layers: 0"),
        (WIDTHS, 64, "found 64: one layer is written [64]"),
        (WIDTHS, [64, 0], "found 0"),
        (WIDTHS, [100_001], "found 100001"),
        (WIDTHS, [1.5], "found 1.5"),
        (WIDTHS, [float("nan")], "found nan"),
        (WIDTHS, [True], "found true"),
        (WIDTHS, ["64"], "found '64'"),
        (WIDTHS, [[64]], "found a list"),
        (WIDTHS, [1] * 101, "found 101 layers"),
        (WIDTHS, {"64": 1}, "found a mapping"),
        (WIDTHS, None, "found nothing"),
        (WIDTHS, False, "found false"),
        (WIDTHS, "64-", "found '64-'"),
        (WIDTHS, "٣", "found '٣'"),
        (WIDTHS, "9" * 5000, "found '999"),
        (WIDTHS, "", "found ''"),
        (RATES, [], "found 0 rates"),
        (RATES, 0.5, "found 0.5: one layer is written [0.5]"),
        (RATES, [0.5, 1], "found 1"),
        (RATES, [-0.1], "found -0.1"),
        (RATES, [float("nan")], "found nan"),
        (RATES, [True], "found true"),
        (RATES, ["0.5"], "found '0.5'"),
        (RATES, "0.5  0.2", "found '0.5  0.2'"),
        (RATES, "0.5 x", "found 'x'"),
        (RATES, [0.1] * 101, "found 101 rates"),
        (FACTORS, {}, "found 0 factors"),
        (FACTORS, {str(epoch): 1 for epoch in range(101)}, "found 101 factors"),
        (FACTORS, {"10": 0}, "found 0"),
        (FACTORS, {"10": -0.1}, "found -0.1"),
        (FACTORS, {"10": float("inf")}, "found inf"),
        (FACTORS, {"10": float("nan")}, "found nan"),
        (FACTORS, {"10": True}, "found true"),
        (FACTORS, {"10": "0.1"}, "found '0.1'"),
        (FACTORS, {"10": [0.1]}, "found a list"),
        (FACTORS, {"ten": 0.1}, "found 'ten'"),
        (FACTORS, {"-1": 0.1}, "found -1"),
        (FACTORS, {"1000000001": 0.1}, "found 1000000001"),
        (FACTORS, {"10": 0.1, "010": 0.2}, "an epoch twice"),
        (FACTORS, "10:0.1 10:0.2", "an epoch twice"),
        (FACTORS, "10:0.1:2", "found '10:0.1:2'"),
        (FACTORS, "10:nan", "found nan"),
        (FACTORS, "10:x", "found 'x'"),
        (FACTORS, "10:0.1  20:0.01", "found '10:0.1  20"),
        (FACTORS, "", "found ''"),
        (FACTORS, [0.1], "found a list"),
        (FACTORS, 0.1, "found 0.1"),
    ],
)
def test_what_is_no_such_structure_is_said_in_words(notation, written, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        notation.parse(written)


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=100))
def test_widths_survive_their_text(units):
    assert WIDTHS.parse(WIDTHS.canonical(units)) == tuple(units)


@given(st.dictionaries(st.integers(0, 10**9), st.floats(5e-324, 1.7e308), min_size=1, max_size=100))
def test_factors_survive_their_text(factors):
    text = FACTORS.canonical({str(epoch): factor for epoch, factor in factors.items()})
    assert dict(FACTORS.parse(text)) == factors
    assert FACTORS.admits(text)


@given(st.text("0123456789-: .exn", max_size=12))
def test_whatever_text_comes_is_read_or_refused(text):
    for notation in (WIDTHS, RATES, FACTORS):
        assert not notation.admits(text) or notation.canonical(notation.canonical(text)) == text
