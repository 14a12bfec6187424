"""`hptune check --gradients`: the gradient of a study's own network, by backpropagation and by differences."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

STUDY = """
data: {source: blobs, examples: 200}
train: {activation: tanh, dropout: 0.5, hidden_layers: 2}
space:
  hidden_units: {low: 3, high: 9}
  l2: {scale: log, low: 0.01, high: 1}
search: {trials: 3}
"""
BREAK = """
import numpy as np
from hptune.nn.network import Network
right = Network.differentiate
def wrong(network, batch, l2, l1=0.0):
    found = right(network, batch, l2, l1)
    network._bias_gradients[1][:] *= -1
    return found
Network.differentiate = wrong
"""


def run(home, *arguments, before="", code=0, columns=80):
    program = f"{before}\nimport sys\nsys.argv = ['hptune', 'check', *{list(arguments)!r}]\n"
    program += "from hptune.cli import main\nmain()"
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=home, env={**os.environ, "COLUMNS": str(columns)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == code, (ended.stdout, ended.stderr)
    assert ended.stderr == ("" if code in {0, 1} else ended.stderr)
    return ended.stdout + ended.stderr


@pytest.fixture
def home(tmp_path):
    (tmp_path / "mine.yaml").write_text(STUDY)
    return tmp_path


def test_it_shows_every_block_of_the_first_trials_network_and_writes_nothing(home):
    text = run(home, "mine.yaml", "--gradients")
    assert [path.name for path in home.iterdir()] == ["mine.yaml"]
    first = run(home, "mine.yaml").split("The first trials\n")[1].split()  # trial hidden_units l2 0 ...
    units = first[first.index("0") + 1]
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert lines["network"][1] == f"2-{units}-{units}-3,"
    assert [name for name in lines if name[1:].isdigit()] == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert lines["W2"][1:4] == [units, "x", units]
    assert {line[-1] for name, line in lines.items() if name[1:].isdigit() or name == "all"} == {"great"}
    assert "\nGreat\nBelow 1e-7. " in text
    assert max(map(len, text.splitlines())) <= 80
    assert text == run(home, "mine.yaml", "--gradients")


def test_set_overrules_the_study_file(home):
    text = run(home, "mine.yaml", "--gradients", "--set", "train.batch_norm=true", "--set", "space.hidden_units=4")
    assert "network  2-4-4-3, " in text
    assert "gamma2" in text
    assert "beta2" in text


def test_a_wrong_gradient_ends_with_1_and_names_the_block(home):
    text = run(home, "mine.yaml", "--gradients", before=BREAK, code=1)
    assert "\nWrong\n1e-5 or more, and two steps agree on it" in text
    assert "The largest difference is that of b2: " in text


def test_wrong_files_end_as_without_it(home):
    assert "space.oops" in run(home, "mine.yaml", "--gradients", "--set", "space.oops=1", code=3)
    assert "examples" in run(home, "mine.yaml", "--gradients", "--set", "data.examples=2", code=3)
