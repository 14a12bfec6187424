"""What a search leaves in its process, and what a wall clock that jumps leaves of a search."""

from __future__ import annotations

import time
from pathlib import Path

import driver
import pytest

import hptune
from hptune import runs, study


def test_a_wall_clock_that_steps_back_changes_nothing_but_labels(tmp_path, monkeypatch):
    """By an hour at every look, from 1970 on; and ten thousand years ahead."""
    driver.train(tmp_path / "undisturbed", 0, "closing in")
    looks, gmtime = [], time.gmtime

    def jumping(seconds):
        if seconds is not None:
            return gmtime(seconds)
        looks.append(1)
        return gmtime(10_000 * 365.25 * 86_400 if len(looks) % 2 else -3600.0 * len(looks))

    monkeypatch.setattr(time, "gmtime", jumping)
    monkeypatch.setattr(time, "time", lambda: -3600.0 * len(looks))
    driver.train(tmp_path / "jumping", 0, "closing in")
    assert len(looks) > 1
    found, expected = (hptune.load(runs.find_all(tmp_path / name)[0].path) for name in ("jumping", "undisturbed"))
    assert found.trials.drop(columns="seconds").equals(expected.trials.drop(columns="seconds"))
    assert found.curves.equals(expected.curves)
    assert all(sitting.elapsed_s >= 0 for sitting in found.snapshot.sittings)


def open_descriptors():
    return list(Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("n_workers", [0, 2])
def test_no_descriptor_is_left_open_by_runs_one_after_the_other(n_workers, tmp_path):
    """Searches, their tables and reports in one process, as a notebook has them."""
    counts = []
    for number in range(3):
        driver.train(tmp_path / str(number), n_workers)
        assert len(hptune.load(runs.find_all(tmp_path / str(number))[0].path).trials) == 6
        counts.append(len(open_descriptors()))
    assert counts[1] == counts[2]


@pytest.mark.sweep
def test_no_descriptor_is_left_open_by_a_thousand_trials(tmp_path, monkeypatch):
    """Counted after every hundredth. Ten seconds."""
    text = driver.RANDOM.replace("trials: 6", "trials: 1000")
    monkeypatch.setitem(driver.STUDIES, "many", (text, "steady"))
    counts = []
    append = study.Store.append

    def counted(store, *arguments):
        append(store, *arguments)
        counts.append(len(open_descriptors()))

    monkeypatch.setattr(study.Store, "append", counted)
    driver.train(tmp_path, 2, "many")
    assert len(hptune.load(runs.find_all(tmp_path)[0].path).trials) == 1000
    assert max(counts[len(counts) // 2 :]) <= max(counts[: len(counts) // 2])
