"""Problems whose answer is known, from the study file to the score, as a person would run them.

A score is the dev error at the best epoch, as a search ranks by it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

import hptune

# a plain configuration each; trials differ in their first weights and the order of the examples
SPIRALS = """
data: {source: spirals, examples: 2000}   # 1200 train, 400 dev
train: {epochs: 60, batch_size: 32, hidden_layers: 3, hidden_units: 32, schedule: exponential, decay_factor: 0.92}
space: {learning_rate: 0.01}
"""
DIGITS = """
data: {source: digits}   # 1079 train, 359 dev
train: {epochs: 40, batch_size: 32, hidden_layers: 2, hidden_units: 128, batch_norm: true, dropout: 0.3}
space: {learning_rate: 0.003}
"""


def scores(folder, study, *settings):
    (folder / "known.yaml").write_text(f"{study}search: {{method: random, trials: 2, confirm: false}}\n")
    options = [part for text in settings for part in ("--set", text)]
    command = [sys.executable, "-m", "hptune", "search", "known.yaml", "--workers", "2", *options]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return hptune.load(folder / "runs" / "known-001").trials["dev_error"].tolist()


@pytest.mark.parametrize(("study", "bar"), [(SPIRALS, 0.02), (DIGITS, 0.025)], ids=["spirals", "digits"])
def test_a_plain_configuration_solves_it(tmp_path, study, bar):
    found = scores(tmp_path, study)
    assert len(found) == 2
    assert max(found) < bar


@pytest.mark.parametrize(
    ("study", "bad", "bar"),
    [
        (SPIRALS, ["train.hidden_units=1", "train.epochs=10"], 0.3),  # no straight line parts them
        (DIGITS, ["space.learning_rate=1e-6", "train.epochs=5"], 0.3),  # too slow to get anywhere
    ],
    ids=["spirals", "digits"],
)
def test_a_bad_configuration_does_not(tmp_path, study, bad, bar):
    assert min(scores(tmp_path, study, *bad)) > bar
