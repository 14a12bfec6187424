from __future__ import annotations

import itertools

import numpy as np
import pytest

from hptune.randomness import Purpose, generator


def draws(*key):
    return generator(*key).random(1000)


def test_a_stream_depends_on_seed_purpose_and_number_and_on_nothing_else():
    generator(0, Purpose.SAMPLE, 1).random(10)  # another stream in between changes nothing
    np.testing.assert_array_equal(draws(5, Purpose.SAMPLE, 3), draws(5, Purpose.SAMPLE, 3))


def test_streams_differ_in_each_part_of_their_key_and_are_uncorrelated():
    keys = [(5, Purpose.SAMPLE, 3), (6, Purpose.SAMPLE, 3), (5, Purpose.WEIGHTS, 3), (5, Purpose.SAMPLE, 4)]
    for one, other in itertools.combinations(keys, 2):
        assert abs(np.corrcoef(draws(*one), draws(*other))[0, 1]) < 4 / np.sqrt(1000)


def test_neither_a_zero_at_the_end_of_the_key_nor_a_large_number_falls_together_with_another():
    firsts = {
        generator(seed, purpose, number).random()
        for seed in (0, 1, 2**32, 2**63 - 1)
        for purpose in Purpose
        for number in (0, 1, 2**32, 2**40)
    }
    assert len(firsts) == 4 * len(Purpose) * 4


def test_the_meaning_of_a_seed_never_changes():
    """PCG64DXSM of SeedSequence(0, spawn_key=(0, 0)): the first three doubles, as every version must give them."""
    expected = [0.09452309503998779, 0.5898825331225036, 0.3083662291322947]
    assert generator(0, Purpose.SAMPLE).random(3).tolist() == expected
    assert generator(5, Purpose.WEIGHTS, 3).random() == 0.09564703238383032  # spawn_key=(1, 3)
    assert [purpose.value for purpose in Purpose] == [*range(9), 10]


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="non-negative"):
        generator(-1, Purpose.SAMPLE)
