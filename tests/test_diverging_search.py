"""A search in which training goes wrong in every way: all trials end with a reason, nothing reaches the screen."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import hptune

STUDY = """
data: {source: blobs, examples: 200}
train: {epochs: 4, hidden_layers: 2, hidden_units: 8}
space:
  learning_rate: {choices: [0.01, 1e6, 1e38, 1e300]}
  optimizer: {choices: [gradient_descent, momentum, rmsprop, adam]}
  activation: {choices: [relu, leaky_relu, tanh, sigmoid]}
  batch_norm: {choices: [true, false]}
  init: {choices: [auto, large]}
  init_scale: {choices: [1, 1e300]}
  clip_norm: {choices: [0, 1]}
  l1: {choices: [0, 1, 1e300]}
search: {method: random, trials: 60, seed: 0, confirm: false}
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_diverging_trials_end_at_once_with_epoch_and_reason_and_without_a_warning(tmp_path, workers):
    (tmp_path / "wild.yaml").write_text(STUDY)
    # workers inherit the filter: there a warning would be an exception, and its trial would have failed
    ended = subprocess.run(
        [sys.executable, "-m", "hptune", "search", "wild.yaml", "--workers", str(workers)],
        cwd=tmp_path, env={**os.environ, "PYTHONWARNINGS": "error::RuntimeWarning"},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert ended.stderr == ""
    assert "Warning" not in ended.stdout
    trials = hptune.load(tmp_path / "runs" / "wild-001").trials
    assert set(trials["status"]) == {"completed", "diverged"}
    diverged = trials[trials["status"] == "diverged"]
    assert len(diverged) > 20
    for reason, epochs in zip(diverged["reason"], diverged["epochs"], strict=True):
        found = re.fullmatch(r"(train|dev)_loss became (nan|-?inf) in epoch (\d)", reason)
        assert int(found[3]) == epochs + 1  # of the epochs before, the curve is kept; there is none after
