"""The points themselves: named once, all of them reached, and nothing happens at them unless it is ordered."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
from runs_to_damage import cut_off

import hptune
from hptune import failpoints
from hptune.errors import UsageError
from hptune.runs import RunFolder

PACKAGE = Path(hptune.__file__).parent
FORMAT_3 = Path(__file__).parents[1] / "store" / "format_3"
NAME = re.compile(r"reach\(\"([^\"]+)\"\)")


def names_in_the_source():
    return [name for path in sorted(PACKAGE.rglob("*.py")) for name in NAME.findall(path.read_text())]


@pytest.fixture
def armed(monkeypatch):
    """Arms this process, for one test."""

    def arm(orders, **options):
        monkeypatch.setenv(failpoints.VARIABLE, orders)
        failpoints.arm(**options)

    monkeypatch.setattr(failpoints, "_armed", None)
    return arm


def test_every_point_has_a_name_of_its_own_and_is_reached(programs, undisturbed, tmp_path):
    names = names_in_the_source()
    assert len(names) == len(set(names)) > 40
    reached = {name for step in undisturbed.values() for name in step.ended.points}
    step = undisturbed["retest"]
    orders = f"worker:worker.told:1:kill@{tmp_path / 'struck'}"
    ended = programs.run(step.start(tmp_path / "place"), *step.command, "--workers", 2, orders=orders)
    place = cut_off(RunFolder(FORMAT_3), tmp_path / "runs" / "damaged-001", "DELETE FROM curves WHERE trial = 3").path
    repaired = programs.run(tmp_path, "repair", place)
    copied = programs.run(tmp_path, "export", place, "--copy", tmp_path / "copy")
    assert set(names) == reached | set(ended.points) | set(repaired.points) | set(copied.points)


def test_a_point_does_nothing_unless_it_is_ordered(armed, tmp_path):
    failpoints.reach("store.commit")
    armed("2:EIO store.commit:3:ENOSPC")
    failpoints.reach("store.begun")
    with pytest.raises(OSError, match="Input/output") as raised:
        failpoints.reach("store.commit")
    assert raised.value.errno == errno.EIO
    failpoints.reach("store.commit")
    with pytest.raises(OSError, match="No space"):
        failpoints.reach("store.commit")
    failpoints.reach("store.commit")
    armed("")
    for _ in range(3):
        failpoints.reach("store.commit")


def test_only_the_process_that_makes_the_file_obeys(armed, tmp_path):
    armed(f"1:EIO@{tmp_path / 'struck'}")
    with pytest.raises(OSError, match="Input/output"):
        failpoints.reach("store.commit")
    armed(f"1:EIO@{tmp_path / 'struck'}")
    failpoints.reach("store.commit")


def test_orders_for_workers_are_for_workers(armed):
    armed("worker:1:EIO")
    failpoints.reach("store.commit")
    armed("1:EIO", worker=True)
    failpoints.reach("worker.told")
    armed("worker:1:EIO", worker=True)
    with pytest.raises(OSError, match="Input/output"):
        failpoints.reach("worker.told")


MALFORMED = ["x", "0:kill", "1:", ":kill", "1:kil", "store:1:kill", "1:kill@", "worker:kill", "1:kill x", "-1:kill"]


@pytest.mark.parametrize("orders", MALFORMED)
def test_what_is_no_order_is_said_before_anything_happens(orders, armed):
    with pytest.raises(UsageError, match=r"HPTUNE_FAILPOINT: .*expected"):
        armed(orders)


def test_the_program_refuses_what_is_no_order(programs, undisturbed, tmp_path):
    place = undisturbed["search"].start(tmp_path / "place")
    ended = programs.run(place, "search", "toy.yaml", orders="1:kil")
    assert ended.code == 2
    assert "HPTUNE_FAILPOINT" in ended.output
    assert "Traceback" not in ended.output
    assert not (place / "runs").exists()
