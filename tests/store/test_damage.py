"""A database that was cut or changed is found out, or reads as it was: never another number, never a traceback."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from contextlib import closing

import driver
import pytest
from runs_to_damage import copy_of, edit, finished, go_on, seen

from hptune import store
from hptune.analysis.progress import run_line
from hptune.errors import FormatError, RunDamagedError
from hptune.events import AttemptLost, TrialStarted
from hptune.store import rows, writer
from hptune.store.repair import repair
from hptune.trial import TrialSpec


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("mistaken", ["store.lock.holder", "store.overview.answer_of"])
def test_a_mistake_of_our_own_is_no_damage(mistaken, undisturbed, monkeypatch):
    """Else whoever meets it would be sent to repair what is sound."""

    def mistake(*_):
        raise AttributeError("'NoneType' object has no attribute 'decode'")

    monkeypatch.setattr(f"hptune.{mistaken}", mistake)
    with pytest.raises(AttributeError):
        store.read_overview(undisturbed)


def remove_sidecars(folder):
    for ending in ("-wal", "-shm", "-journal"):
        folder.database.with_name("run.db" + ending).unlink(missing_ok=True)


def changed(content, step, first, rng):
    """A bit turned at every step-th byte, and the file cut at every third of these."""
    for place in range(first, len(content), step):
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.randrange(8)
        yield f"bit of byte {place}", bytes(flipped)
        if place % 3 == 0:
            yield f"cut at {place}", content[:place]


def sweep(undisturbed, path, step, first, *, resumes):
    copy = copy_of(undisturbed, path / undisturbed.name)
    original, line, content = seen(copy), run_line(copy), copy.database.read_bytes()
    outcomes = {"same": 0, "damaged": 0}
    for how, new in changed(content, step, first, random.Random(first)):
        copy.database.write_bytes(new)
        remove_sidecars(copy)
        try:
            assert seen(copy) == original, how
            outcomes["same"] += 1
        except RunDamagedError as error:
            outcomes["damaged"] += 1
            if not (isinstance(error, FormatError) or "hptune repair" in str(error) or "not a database" in str(error)):
                pytest.fail(f"{how}: {error}")
        in_list = run_line(copy)
        assert in_list == line or in_list.state in ("damaged", "older format", "newer format"), how
        if resumes:
            try:
                go_on(copy)
                assert seen(copy) == original, how
            except RunDamagedError:
                pass
    return outcomes


def test_no_byte_of_a_database_reads_as_another_number(undisturbed, tmp_path):
    outcomes = sweep(undisturbed, tmp_path, 1201, 17, resumes=True)
    assert min(outcomes.values()) > 5


@pytest.mark.sweep
@pytest.mark.parametrize("first", range(8))
def test_sweep_of_bytes(first, undisturbed, tmp_path):
    """Every 23rd byte from eight places on: about 25 s each."""
    sweep(undisturbed, tmp_path, 184, first * 23, resumes=True)


def open_and_close(folder):
    with store.Store(folder):
        pass


def only_says_what_is_wrong(undisturbed, place, changes):
    """Whatever is done with a file of which single bytes are others: it works, or ends with an error of ours."""
    copy = copy_of(undisturbed, place)
    content = copy.database.read_bytes()
    for at, value in changes:
        copy.database.write_bytes(content[:at] + bytes([value]) + content[at + 1 :])
        remove_sidecars(copy)
        for what in (seen, store.read_overview, run_line, open_and_close, repair):
            with contextlib.suppress(RunDamagedError):
                what(copy)


def test_a_schema_that_is_no_text_is_said(undisturbed, tmp_path):
    """SQLite then says what it has found there in messages that are no text either."""
    content = undisturbed.database.read_bytes()
    names = [b"seconds REAL, test", b"dev_error REAL", b"piece BLOB", b"number INT", b"elapsed_s", b"reason TEXT NOT"]
    places = [content.index(name) + offset for name in names for offset in (0, 2)]
    only_says_what_is_wrong(undisturbed, tmp_path / "copy", [(place, 0xB5) for place in places])


@pytest.mark.sweep
@pytest.mark.parametrize("part", range(4))
def test_sweep_of_the_first_page(part, undisturbed, tmp_path):
    """Of 150 bytes each, most of them in what SQLite reads of the schema; half a minute each."""
    rng = random.Random(part)
    changes = [(rng.choice([rng.randrange(100), rng.randrange(2000, 4096)]), rng.randrange(256)) for _ in range(150)]
    only_says_what_is_wrong(undisturbed, tmp_path / "copy", changes)


CHANGES = {
    "a score": ("UPDATE trials SET score = score / 2 WHERE number = 3", "table trials, number 3"),
    "a score in its last bit": (
        "UPDATE trials SET score = score * (1 + 2.3e-16) WHERE number = 3",
        "table trials, number 3",
    ),
    "a status": ("UPDATE trials SET status = 'failed' WHERE number = 4", "table trials, number 4"),
    "no status": ("UPDATE trials SET status = NULL WHERE number = 4", "table trials, number 4"),
    "a configuration": ("UPDATE trials SET spec = replace(spec, 'adam', 'ADAM') WHERE number < 9", "table trials, num"),
    "a curve": ("UPDATE curves SET piece = zeroblob(length(piece)) WHERE trial = 4", "table curves, trial 4"),
    "no curve": ("DELETE FROM curves WHERE trial = 4", "table curves, trial 4"),
    "a plan": ("UPDATE stages SET plan = replace(plan, 'true', 'false')", "table stages, stage 0"),
    "a space": ("UPDATE stages SET space = replace(space, '16', '8')", "table stages, stage 0"),
    "a fact": ("UPDATE facts SET value = '{}' WHERE name = 'data'", "table facts, name data"),
    "a sitting": ("UPDATE sittings SET elapsed_s = 1e9", "table sittings, sitting 0"),
    "no text": ("UPDATE trials SET reason = CAST(x'ff' AS TEXT) WHERE number = 0", "UTF-8"),
    "no trial": ("DELETE FROM trials WHERE number = 3", "trial 3 of search is missing before 4"),
    "no first trial": ("DELETE FROM trials WHERE number = 0", "trial 0 of search is missing before 1"),
    "no last trial": ("DELETE FROM trials WHERE number = 29", "trial 29 is missing, which has a curve"),
    "a curve of the search without its trial": ("DELETE FROM trials WHERE number = 23", "table curves: there are more"),
    "no trials": ("DELETE FROM trials", "trial 29 is missing"),
    "a curve of no trial": ("INSERT INTO curves VALUES (30, x'00')", "trial 30 is missing"),
    "no stage": ("DELETE FROM stages WHERE stage = 0", "stage 0 is missing"),
    "no last stage": ("DELETE FROM stages WHERE stage = 1", "trial 24: of stage 1, which is not there"),
    "no stages": ("DELETE FROM stages", "it is empty"),
    "no study file": ("DELETE FROM facts WHERE name = 'config'", '"config" is missing'),
    "no data": ("DELETE FROM facts WHERE name = 'data'", '"data" is missing'),
    "no table": ("DROP TABLE lost", "no such table: lost"),
    "an epoch": ("INSERT INTO epochs VALUES (9, 9, 0, 0, 0, 0, 0, 0, 0)", "table epochs, trial 9"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_edited_by_hand_is_said(change, undisturbed, tmp_path):
    statement, said = CHANGES[change]
    copy = copy_of(undisturbed, tmp_path / "copy")
    edit(copy, statement)
    with pytest.raises(RunDamagedError, match="hptune repair") as damage:
        store.read_with_curves(copy)
    assert said in str(damage.value)
    if "curve" not in change and change != "an epoch":  # nothing reads them where nothing is left to be trained
        assert run_line(copy).state == "damaged"
        with pytest.raises(RunDamagedError):
            go_on(copy)


MISSING = {
    "trials with their curves": (("DELETE FROM trials", "DELETE FROM curves"), "it is empty, although trials have"),
    "sittings": (("DELETE FROM sittings",), "table sittings: one is missing"),
}


@pytest.mark.parametrize("what", MISSING)
def test_rows_that_others_prove_are_missed(what, undisturbed, tmp_path):
    statements, said = MISSING[what]
    copy = copy_of(undisturbed, tmp_path / "copy")
    edit(copy, *statements)
    for attempt in (store.read, store.read_with_curves, go_on):
        with pytest.raises(RunDamagedError, match=said):
            attempt(copy)


def test_a_curve_of_a_trial_that_has_not_ended_with_one_is_said(undisturbed, tmp_path):
    copy = copy_of(undisturbed, tmp_path / "copy")
    rewrite(copy, "trials", 3, **dict.fromkeys(writer.OF_RESULT))
    with pytest.raises(RunDamagedError, match="table curves: there are more than trials"):
        store.read_with_curves(copy)


ATTEMPTS = {
    "DELETE FROM lost WHERE lost = 0": "attempt 0 is missing before 1",
    "DELETE FROM lost WHERE lost = 1": "trial 1: of 2 attempts 0 are known to be lost",
    "DELETE FROM lost": "trial 0: of 2 attempts 0 are known to be lost",
    "DELETE FROM trials": "trial 0 is missing, of which attempts were lost",
}


@pytest.mark.parametrize("statement", ATTEMPTS)
def test_attempts_that_trials_have_counted_are_missed_and_counted_again(statement, tmp_path):
    with driver.open_store(tmp_path) as opened:
        for number in range(2):
            spec = TrialSpec(number, 0, {"learning_rate": 0.1}, 0)
            opened.append([TrialStarted(spec, 1), AttemptLost(spec, "killed"), TrialStarted(spec, 2)])
    folder = opened.folder
    assert [len(trial.lost) for trial in store.read(folder).trials] == [1, 1]
    edit(folder, statement)
    with pytest.raises(RunDamagedError, match=ATTEMPTS[statement]):
        store.read(folder)
    done = repair(folder)
    assert [len(trial.lost) for trial in done.snapshot.trials] == ([] if "trials" in statement else [1, 1])
    assert len(done.losses) == (2 if "trials" in statement else 0)


def rewrite(folder, table, key, **changes):
    """Change a row and its checksum with it."""
    with closing(sqlite3.connect(folder.database)) as connection, connection:
        rows.change(connection, table, key, **changes)


SENSELESS = {
    "a stage that is not there": ("trials", 3, {"stage": 7}, "trial 3 of stage 7 is trial 3 of stage 0 inside"),
    "another number inside": ("trials", 3, {"spec": '{"number": 4}'}, "hptune has not written"),
    "no score": ("trials", 1, {"score": None}, "without a score"),
    "a best epoch that was not run": ("trials", 1, {"best_epoch": 9}, "the best epoch is 9 of 3"),
    "an unknown status": ("trials", 0, {"status": "fine"}, "'fine' is not a valid Status"),
    "a plan that is none": ("stages", 0, {"plan": "[]"}, "hptune has not written"),
    "a plan of unknown trials": (
        "stages",
        1,
        {"plan": '{"trials": [99], "replicates": [0], "follows": 0, "data": null}'},
        "grew from trial 99",
    ),
    "a plan that follows nothing": (
        "stages",
        1,
        {"plan": '{"trials": [1], "replicates": [0], "follows": 5, "data": null}'},
        "follows stage 5",
    ),
    "parents that are not there": ("stages", 1, {"parents": "[77]"}, "grew from trial 77"),
    "too many results": ("stages", 0, {"n_trials": 3}, "24 trials have ended of 3"),
    "a first trial that is another's": ("stages", 1, {"first_trial": 20}, "trial 20 of confirm-1 is missing before 24"),
    "a negative number of trials": ("stages", 0, {"n_trials": -1}, "no such numbers"),
    "a sitting of no stage": ("sittings", 0, {"stage": 4}, "sitting 0"),
    "epochs that are not there": ("trials", 1, {"epochs": 4}, "3 of 4 epochs are there"),
    "JSON that is cut": ("trials", 5, {"spec": '{"number"'}, "Expecting"),
    "JSON that is deep": ("stages", 0, {"parents": "[" * 100_000}, "RecursionError"),
}


@pytest.mark.parametrize("case", SENSELESS)
def test_what_makes_no_sense_is_said_even_where_its_checksum_is_right(case, undisturbed, tmp_path):
    table, key, changes, said = SENSELESS[case]
    copy = copy_of(undisturbed, tmp_path / "copy")
    rewrite(copy, table, key, **changes)
    with pytest.raises(RunDamagedError) as damage:
        store.read_with_curves(copy)
    assert said in str(damage.value)


def test_checksums_are_the_same_before_and_after_they_are_stored():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE lost (lost INTEGER PRIMARY KEY, a REAL, b, c TEXT, d INTEGER, checksum)")
        values = [(1, float("nan"), -0.0, "\x00é", True), (2, 3, 3.0, "", -5), (3, 0.1 + 0.2, None, "x", 2**40)]
        for row in values:
            rows.insert(connection, "lost", row)
        assert [row[0] for row in rows.read(connection, "lost")] == [1, 2, 3]
        connection.execute("UPDATE lost SET a = 0.3 WHERE lost = 3")  # the neighbour of 0.1 + 0.2
        with pytest.raises(rows.UnsoundError, match="lost 3"):
            list(rows.read(connection, "lost"))
        with pytest.raises(rows.UnsoundError, match="lost 3"):
            rows.change(connection, "lost", 3, d=1)


def test_a_row_that_was_damaged_gets_no_new_checksum(undisturbed, tmp_path):
    copy = copy_of(undisturbed, tmp_path / "copy")
    with store.Store(copy) as opened:
        opened.snapshot()
        edit(copy, "UPDATE trials SET score = 0 WHERE number = 3")
        with pytest.raises(RunDamagedError, match="table trials, number 3"):
            opened.set_test_error(3, 0.5)
