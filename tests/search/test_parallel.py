"""How many trials at a time `search.parallel: auto` is, by the workers and the budget."""

from __future__ import annotations

import pytest

from hptune.config import study_file, yaml_tree
from hptune.search.plan import Budget, most_parallel, most_without_bars
from hptune.workers.cores import with_parallel

STUDY = """
data: {source: moons}
train: {epochs: 10}
space: {learning_rate: {scale: log, low: 1e-3, high: 1}}
search: {SEARCH}
"""


def study(search):
    text = STUDY.replace("{SEARCH}", "{" + search + "}")
    return study_file.parse(yaml_tree.parse(text, "s.yaml"), (), default_name="s", folder=None)


@pytest.mark.parametrize(
    ("budget", "most", "without_bars"),
    [
        (Budget(trials=20), 2, 3),
        (Budget(trials=100), 12, 16),
        (Budget(trials=3), 2, 2),
        (Budget(epochs=200), 2, 3),  # 20 trainings
        (Budget(trials=600, epochs=200), 2, 3),
        (Budget(time_s=60.0), None, None),
    ],
)
def test_there_are_eight_rounds_and_a_sixth_begins_before_there_is_a_bar(budget, most, without_bars):
    assert (most_parallel(budget, 10), most_without_bars(budget, 10)) == (most, without_bars)


@pytest.mark.parametrize(
    ("search", "workers", "parallel"),
    [
        ("trials: 20", 8, 2),
        ("trials: 20", 1, 2),
        ("trials: 100", 2, 4),
        ("trials: 100", 8, 12),
        ("time: 1m", 8, 16),
        ("trials: 20, parallel: 16", 8, 16),
        ("trials: 20, method: random", 8, 16),
    ],
)
def test_auto_is_twice_the_workers_where_the_budget_can_bear_it(search, workers, parallel):
    assert with_parallel(study(search), workers).search.parallel == parallel
