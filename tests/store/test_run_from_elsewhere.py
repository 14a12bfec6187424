"""A run folder from elsewhere, with something else under every name that hptune uses: nothing outside is touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
from pathlib import Path

import programs as kit
import pytest
import weights_driver

from hptune import agenda, study, tables
from hptune.analysis.progress import run_line
from hptune.errors import HptuneError
from hptune.nn import model_file
from hptune.runs import RunFolder
from hptune.store import Store
from hptune.store.repair import repair

NAMES = [
    *(".lock", "run.db", "run.db-wal", "run.db-shm", "run.db-journal"),
    *("trials.csv", "curves.csv", "best.yaml", "best.npz", "config.yaml"),
    *(".weights", ".data", ".repair", "run.db.damaged-1", "run.db.damaged-1-wal"),
]
WEIGHTS = [f".weights/{number}.npz" for number in (0, 14)]
PRECIOUS = "years of work\n"
LONGEST_S = 20  # of waiting for a pipe


def put(kind, path, outside):
    """Something else in a place."""
    match kind:
        case "link":
            path.symlink_to(outside / "file")
        case "link to a folder":
            path.symlink_to(outside / "folder")
        case "link to nothing":
            path.symlink_to(outside / "nothing")
        case "hard link":
            os.link(outside / "file", path)
        case "pipe":
            os.mkfifo(path)
        case "device":
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero: as long as one reads
        case "folder":
            path.mkdir()
            (path / "file").write_text(PRECIOUS)


KINDS = ["link", "link to a folder", "link to nothing", "hard link", "pipe", "device", "folder"]


def look(outside):
    return {
        str(path.relative_to(outside)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(outside.rglob("*"))
    }


def work_with(folder):
    """What the commands do, those that train last; each may be refused, with an error of ours."""

    def write_tables():
        tables.write(tables.load(folder.path))

    def go_on():
        with Store(folder) as store:
            study.add_stage(store, agenda.retest_stage(store.snapshot(), 1, 1))
            weights_driver.sitting(store, 0)

    for act in (
        lambda: run_line(folder),
        lambda: model_file.load(folder.best_npz),
        write_tables,
        go_on,
        write_tables,
        lambda: repair(folder),
    ):
        with contextlib.suppress(HptuneError):
            act()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = weights_driver.search(tmp_path_factory.mktemp("finished"), 0)
    tables.write(tables.load(folder.path))
    return folder


@pytest.fixture
def _soon():
    """No test waits for a pipe that nobody writes to."""

    def give_up(*_):
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def made(finished, tmp_path, name, kind, *, damaged=False):
    """A copy of a run with something else under a name, and what lies outside of it."""
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    for path in ("file", "folder/train_x.npy", "folder/20.npz", "folder/old"):
        (outside / path).write_text(PRECIOUS)
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(finished.path, folder.path)
    if damaged:
        content = folder.database.read_bytes()
        folder.database.write_bytes(content[:-4096] + bytes(4096))
    place = folder.path / name
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    put(kind, place, outside)
    return folder, outside


@pytest.mark.usefixtures("_soon", "no_disk_is_waited_for")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damaged", [False, True])
def test_nothing_outside_of_a_run_is_touched(kind, damaged, finished, tmp_path):
    if kind == "device" and os.geteuid() != 0:
        pytest.skip("only root makes devices")
    for number, name in enumerate([*NAMES, *WEIGHTS]):
        folder, outside = made(finished, tmp_path / str(number), name, kind, damaged=damaged)
        before = look(outside)
        work_with(folder)
        assert look(outside) == before, name


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        (".lock", "link", "a link to "),
        (".lock", "hard link", "a second name elsewhere"),
        (".lock", "pipe", "a pipe"),
        ("run.db", "link", "a link to "),
        ("run.db-wal", "pipe", "a pipe"),
        ("run.db-shm", "hard link", "a second name elsewhere"),
    ],
)
def test_what_is_in_the_way_is_said_with_what_to_do(name, kind, said, finished, tmp_path):
    folder, outside = made(finished, tmp_path, name, kind)
    output = kit.hptune(tmp_path, "resume", folder.path, code=7)
    assert f"{name}: is not opened" in output
    assert said in output
    assert (outside / "file").read_text() == PRECIOUS


def test_tables_take_the_place_of_links_and_pipes(finished, tmp_path):
    folder, _ = made(finished, tmp_path, "trials.csv", "link")
    folder.curves_csv.unlink()
    os.mkfifo(folder.curves_csv)
    kit.hptune(tmp_path, "export", folder.path)
    for name in ("trials.csv", "curves.csv"):
        assert not (folder.path / name).is_symlink()
        assert (folder.path / name).read_text() == (finished.path / name).read_text()


def test_the_folder_of_a_run_may_be_a_link(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    (tmp_path / "link").symlink_to("run")
    work_with(RunFolder(tmp_path / "link"))
    assert len(tables.load(tmp_path / "run").snapshot.stages) == 3


def test_a_backup_of_hard_links_is_read_and_not_written_to(finished, tmp_path):
    """As cp -al makes it: writing to the one would change the other."""
    shutil.copytree(finished.path, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "backup", copy_function=os.link)
    before = {path.name: path.read_bytes() for path in Path(tmp_path / "backup").iterdir()}
    assert len(tables.load(tmp_path / "backup").trials) == len(tables.load(finished.path).trials)
    work_with(RunFolder(tmp_path / "run"))
    assert {path.name: path.read_bytes() for path in Path(tmp_path / "backup").iterdir()} == before
