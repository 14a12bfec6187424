"""Runs of every format since the second are read as they are, and brought up to date when they are gone on with."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from runs_to_damage import go_on, trained

from hptune import store, tables
from hptune.analysis.progress import run_line
from hptune.errors import FormatError, RunDamagedError
from hptune.report.run_list import runs_table
from hptune.runs import RunFolder
from hptune.store import formats
from hptune.store.repair import repair

STORED = Path(__file__).parent  # runs that were stopped after 21 of 24 trials; format_2 by the hptune of its time


def copied(number, path):
    shutil.copytree(STORED / f"format_{number}", path)
    return RunFolder(path)


def without_places(found):
    """The stored runs failed in a file of that name in no folder."""
    return re.sub(r"[^ (]*fake_trainers.py:\d+", "fake_trainers.py", repr(found))


def version(folder):
    with contextlib.closing(sqlite3.connect(folder.database)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


@pytest.mark.parametrize("number", [2, 3])
def test_it_is_read_and_nothing_is_written(number, tmp_path):
    folder = copied(number, tmp_path / "run")
    before = folder.database.read_bytes()
    run = tables.load(folder.path)
    assert len(run.snapshot.results) == 21
    assert run.snapshot.sittings[0].busy_s > 0
    assert len(run.curves) == sum(result.epochs for result in run.snapshot.results) + len(
        run.curves[run.curves["trial"] == 21]
    )
    line = run_line(folder)
    assert (line.state, line.n_done, line.n_planned) == ("unfinished", 21, 30)
    assert (version(folder), folder.database.read_bytes()) == (number, before)


def test_it_is_gone_on_with_to_its_end(tmp_path):
    """What was handed out stays as it was; what is proposed then depends on the policy, but not on the format."""
    went_on = []
    for number in (2, 3):
        folder = copied(number, tmp_path / str(number) / "study-001")
        before = tables.load(folder.path).trials.head(21)
        go_on(folder)
        assert version(folder) == formats.VERSION
        run = tables.load(folder.path)
        assert run.snapshot.is_finished
        assert len(run.trials) == 30
        assert run.trials.head(21)[list(before.columns)].equals(before)
        went_on.append(without_places(trained(folder)))
    assert went_on[0] == went_on[1]


def test_the_two_read_the_same():
    old, new = (store.read_with_curves(RunFolder(STORED / f"format_{number}")) for number in (2, 3))
    results = [[(r.number, r.status, r.epochs, r.score) for r in found[0].results] for found in (old, new)]
    assert results[0] == results[1]
    assert old[1][:, :7].tobytes() == new[1][:, :7].tobytes()  # all but the seconds


def test_an_upgrade_that_is_cut_off_leaves_the_old_format(tmp_path, monkeypatch):
    folder = copied(2, tmp_path / "run")
    collect, n = formats.curves.collect, 0

    def full(*arguments):
        nonlocal n
        n += 1
        if n == 5:
            raise sqlite3.OperationalError("database or disk is full")
        return collect(*arguments)

    before = tables.load(folder.path).curves
    with monkeypatch.context() as patch:
        patch.setattr(formats.curves, "collect", full)
        with pytest.raises(store.database.StorageError, match="disk is full"):
            store.Store(folder)
    assert version(folder) == 2
    assert tables.load(folder.path).curves.equals(before)


def test_lost_attempts_of_format_2_are_counted(tmp_path):
    folder = copied(2, tmp_path / "run")
    with contextlib.closing(sqlite3.connect(folder.database)) as connection, connection:
        connection.execute("UPDATE trials SET attempts = 3 WHERE number = 4")
        connection.execute("UPDATE trials SET attempts = 3, status = 'crashed', reason = 'x' WHERE number = 7")
        connection.execute("DELETE FROM epochs WHERE trial = 7")
        connection.execute("UPDATE trials SET epochs = 0 WHERE number = 7")
    trials = store.read(folder).trials
    assert [lost.reason for lost in trials[4].lost] == ["its worker died"] * 2
    assert [lost.reason for lost in trials[7].lost] == ["its worker died"] * 3  # the last one, too


@pytest.mark.parametrize("page", [7, 8, 9])
def test_pages_of_format_2_that_do_not_fit_together_are_not_brought_up_to_date(page, tmp_path):
    """It has no checksums, so a whole look at the file is all there is."""
    folder = copied(2, tmp_path / "run")
    content = bytearray(folder.database.read_bytes())
    content[(page - 1) * 4096 : (page - 1) * 4096 + 8] = b"\r\0\0\0\3\0\0\0"  # of so many rows, at no place
    folder.database.write_bytes(content)
    for attempt in (store.read, store.Store):
        with pytest.raises(RunDamagedError):
            attempt(folder)
    assert version(folder) == 2


@pytest.mark.parametrize(("number", "state"), [(5, "newer format"), (1, "older format")])
def test_others_are_refused_and_left_alone(number, state, tmp_path):
    folder = copied(3, tmp_path / "run")
    with contextlib.closing(sqlite3.connect(folder.database)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {number}")
    before = folder.database.read_bytes()
    for attempt in (store.read, store.Store, repair):
        with pytest.raises(FormatError, match=rf"format {number}; this one reads .*{formats.VERSION}") as refused:
            attempt(folder)
        assert refused.value.exit_code == 6
    assert run_line(folder).state == state
    assert folder.database.read_bytes() == before


def test_a_list_goes_on_whatever_is_wrong_with_a_run(tmp_path, capsys):
    from rich.console import Console

    folders = [copied(3, tmp_path / name) for name in ("sound-001", "newer-001", "broken-001", "gone-001")]
    with contextlib.closing(sqlite3.connect(folders[1].database)) as connection, connection:
        connection.execute("PRAGMA user_version = 9")
    with contextlib.closing(sqlite3.connect(folders[2].database)) as connection, connection:
        connection.execute("DELETE FROM stages")
    shutil.rmtree(folders[3].path)
    runs_table(Console(width=120), folders)
    states = [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()[1:5]]
    assert states[0].endswith("unfinished")
    assert states[1].endswith("newer format")
    assert states[2].endswith("damaged")
    assert states[3].endswith("damaged")
