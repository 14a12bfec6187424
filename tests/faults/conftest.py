"""One interpreter for all commands of these tests, and what they leave when nothing befalls them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import programs as kit
import pytest


@dataclass(frozen=True)
class Step:
    """One of the commands of a scenario: where it starts from, and what it comes to when nothing befalls it."""

    number: int  # of stages that the run has before, at least
    command: tuple
    before: Path
    ended: kit.Ended
    left: tuple

    def start(self, place):
        """A place that is as it was before the command."""
        return shutil.copytree(self.before, place)

    def points(self, name):
        """The places of a name among the points that are reached, from 1."""
        return [n for n, point in enumerate(self.ended.points, 1) if point == name]


@pytest.fixture(scope="session")
def programs():
    found = kit.Programs("settled")
    yield found
    found.close()


@pytest.fixture(scope="session")
def undisturbed(programs, tmp_path_factory):
    """A search, a retest, a zoom and another retest with 0 workers, by name; the answer changes hands twice."""
    folder = tmp_path_factory.mktemp("undisturbed")
    place, steps = kit.new_place(folder / "place"), {}
    for name, command in kit.COMMANDS.items():
        number = kit.n_stages(place)
        before = shutil.copytree(place, folder / name)
        ended = programs.run(place, *command, "--workers", 0)
        assert ended.code == 0, ended.output
        steps[name] = Step(number, command, before, ended, kit.left_by(place))
    trials = steps["search"].left[0]
    assert [row["stage"] for row in trials] == ["search"] * 8 + ["confirm-1"] * 6
    assert "stopped" in {row["status"] for row in trials}
    assert len({number for step in steps.values() for number, error in step.left[-1] if error is not None}) == 3
    return steps


@pytest.fixture
def finish(programs):
    """Types what a person would after an interruption, until all is done; what was typed and how it ended."""

    def finish(place, step, *options, orders="", least=1):
        ended = []
        while True:
            command = kit.next_command(place, step.command, step.number)
            ended.append(programs.run(place, *command, *options, orders=orders))
            if ended[-1].code == 0:
                assert len(ended) >= least
                return ended
            assert ended[-1].code == -9, ended[-1].output
            assert len(ended) < 60

    return finish
