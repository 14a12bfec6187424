"""hptune export --copy: a whole run of one moment, whatever is at work on it, or nothing."""

from __future__ import annotations

import signal
import threading

import programs as kit
import pytest
from runs_to_damage import copy_of, finished, go_on, trained

from hptune import copying, store, tables
from hptune.errors import StorageError, UsageError
from hptune.events import EpochEnded, TrialEnded, TrialStarted
from hptune.runs import RunFolder
from hptune.trial import EpochMetrics, Status, TrialResult, TrialSpec

N_ADDED, EPOCHS = 250, 40


def events_of(number):
    spec = TrialSpec(number, 2, {"learning_rate": 0.1}, 0)
    epochs = [EpochEnded(number, EpochMetrics(epoch + 1, *[0.5] * 6)) for epoch in range(EPOCHS)]
    return [TrialStarted(spec, 1), *epochs, TrialEnded(TrialResult(number, Status.COMPLETED, "", EPOCHS, 1, 0.5))]


@pytest.fixture(scope="module")
def undisturbed_run(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.usefixtures("no_disk_is_waited_for")
def test_copies_of_a_run_that_is_written_to_are_whole_and_of_one_moment(undisturbed_run, tmp_path):
    """Across checkpoints, at which SQLite moves the log into the database: megabytes are written meanwhile."""
    folder = copy_of(undisturbed_run, tmp_path / "run")
    with store.Store(folder) as opened:
        first = opened.snapshot().stages[0]
        opened.add_stage(store.Stage(2, "more", "", first.space, 30, N_ADDED, first.plan))
    over, began = threading.Event(), threading.Event()

    def write():
        with store.Store(folder) as writing:
            for number in range(30, 30 + N_ADDED):
                writing.append(events_of(number))
                began.set()
        over.set()

    thread = threading.Thread(target=write)
    thread.start()
    began.wait()
    n_ended = []
    while not over.is_set():
        seen = store.read_overview(folder).n_done
        run = copying.copy(folder, tmp_path / f"copy-{len(n_ended)}")
        n_ended.append(len(run.snapshot.results))
        assert n_ended[-1] >= seen
        assert [trial.number for trial in run.snapshot.trials] == list(range(n_ended[-1]))
        assert (run.path / "trials.csv").read_text() == tables.to_csv(run.trials)
        assert "run.db-wal" not in {path.name for path in run.path.iterdir()}
    thread.join()
    assert n_ended == sorted(n_ended)
    assert n_ended[0] < 30 + N_ADDED
    assert trained(RunFolder(copying.copy(folder, tmp_path / "last").path)) == trained(folder)


@pytest.mark.parametrize("n", [40, 250, 330, 360])
def test_a_copy_of_what_was_killed_goes_on_to_the_same(n, programs, undisturbed, finish, tmp_path):
    """With the weights that may yet become best.npz."""
    step = undisturbed["search"]
    place = step.start(tmp_path / "place")
    assert programs.run(place, *step.command, "--workers", 0, orders=f"{n}:kill").code == -signal.SIGKILL
    other = kit.new_place(tmp_path / "other")
    copied = programs.run(place, "export", "--copy", kit.run_folder(other))
    assert copied.code == 0, copied.output
    finish(other, step, "--workers", 0)
    assert kit.left_by(other) == step.left


def test_killed_at_any_moment_no_half_copy_has_the_name(programs, undisturbed, tmp_path):
    place = undisturbed["retest"].start(tmp_path / "place")
    copy = place / "copies" / "one"
    points = programs.run(place, "export", "--copy", place / "first").points
    assert points[-1] == "run.placed"
    for n in range(1, len(points) + 1):
        ended = programs.run(place, "export", "--copy", copy, orders=f"{n}:kill")
        assert ended.code == -signal.SIGKILL
        assert copy.exists() == (n == len(points))
    assert [path.name for path in copy.parent.iterdir()] == ["one"]  # drafts were swept up by those after them
    assert sorted(path.name for path in copy.iterdir()) == [name for name in kit.AT_REST if name != ".lock"]
    for name in ("trials.csv", "curves.csv", "best.npz", "config.yaml"):
        assert (copy / name).read_bytes() == (kit.run_folder(place) / name).read_bytes()
    assert "# one, trial" in (copy / "best.yaml").read_text()


def test_a_copy_goes_into_a_new_folder_and_not_into_a_run(undisturbed_run, tmp_path):
    folder = copy_of(undisturbed_run, tmp_path / "run")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nothing")
    for name in ("file", "folder", "link", "run"):
        with pytest.raises(UsageError, match="is there already"):
            copying.copy(folder, tmp_path / name)
    with pytest.raises(StorageError, match="a run cannot hold others"):
        copying.copy(folder, folder.path / "copy")
    assert not (tmp_path / "nothing").exists()


def test_a_copy_is_a_run_of_its_own(undisturbed_run, tmp_path):
    folder = copy_of(undisturbed_run, tmp_path / "run")
    copied = RunFolder(copying.copy(folder, tmp_path / "new" / "copy").path)
    go_on(copied, retest=True)
    assert len(store.read(copied).stages) == 3
    assert len(store.read(folder).stages) == 2
