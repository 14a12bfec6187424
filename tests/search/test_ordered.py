"""A list in order is the one that sorting would give, whether its items came one by one or many at a time."""

from __future__ import annotations

import random

from hptune.search.ordered import FEW, Ordered


def test_it_is_a_stable_sort_of_all_that_was_added():
    rng = random.Random(0)
    added: list[tuple[int, int]] = []
    found = Ordered(lambda item: item[0], ())
    for n_new in [0, 1, FEW, FEW + 1, 100, 1, 1, 0, 50]:
        for _ in range(n_new):
            item = rng.randrange(10), len(added)
            added.append(item)
            found.add(item)
        assert len(found) == len(added)
        assert list(found.items) == sorted(added, key=lambda item: item[0])


def test_it_begins_with_items():
    assert list(Ordered(abs, [-3, 1, -2]).items) == [1, -2, -3]
