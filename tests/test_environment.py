"""What the last bits of results depend on is recorded with every sitting, and a difference is said."""

from __future__ import annotations

import io
import json
from contextlib import closing

import driver
import numpy as np
from fake_workers import RandomWorkers
from rich.console import Console

from hptune import environment, loop, study, tables
from hptune.analysis.summary import summarize
from hptune.report.terminal import print_report
from hptune.trial import Job


def test_it_names_versions_blas_and_the_processor():
    found = environment.environment()
    assert found["numpy"] == np.__version__
    assert found["blas threads"].replace(", ", "").isdigit()
    assert set(found["processor"].split()) <= set(np._core._multiarray_umath.__cpu_dispatch__)
    assert found == environment.environment()
    assert json.loads(json.dumps(found)) == found


def test_only_what_is_known_of_both_can_differ():
    assert environment.changes({}, {"numpy": "2"}) == ""
    assert environment.changes({"numpy": "1", "python": "3"}, {"numpy": "2", "python": "3"}) == "numpy 1 -> 2"
    assert environment.changes({"numpy": "1", "blas": "x"}, {"numpy": "1"}) == ""


def test_every_sitting_has_its_own_and_the_report_says_from_when_on_it_was_another(tmp_path, monkeypatch):
    config, there = driver.config(), {**environment.environment(), "numpy": "9.9"}

    def sitting(opened, most):
        workers = RandomWorkers(Job("fake_trainers:steady", "dev_error"), 1)
        with closing(workers), closing(loop.run(opened, workers, config, loop.Stop())) as events:
            for _ in range(most):
                next(events, None)

    monkeypatch.setattr(loop, "GROUP_S", 0.0)
    with driver.open_store(tmp_path, config) as opened:
        sitting(opened, 8)
        assert study.environment_changes(opened.snapshot()) == ""
        monkeypatch.setattr(loop, "environment", lambda: there)
        sitting(opened, 8)
        monkeypatch.undo()
        sitting(opened, 100)
        first, second, third = opened.snapshot().sittings
    assert json.loads(first.environment) == environment.environment() == json.loads(third.environment)
    assert json.loads(second.environment)["numpy"] == "9.9"
    run = tables.load(opened.folder.path)
    assert summarize(run).environments == (
        f"since {second.started} (search): numpy {np.__version__} -> 9.9",
        f"since {third.started} (search): as at the start again",
    )
    console = Console(file=io.StringIO(), width=200)
    print_report(console, summarize(run))
    assert f"(search): numpy {np.__version__} -> 9.9\n" in console.file.getvalue()
