"""Learning curves against PyTorch's, stored in reference/curves.json by reference/make_curves.py.

Same first weights and mini-batches, float64. The stored numbers are the whole of PyTorch here.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from nn.examples import run
from nn.reference.cases import CASES, NUMBER, SEED, start

from hptune.nn.hyperparameters import LEGAL
from hptune.nn.losses import LOGISTIC, SOFTMAX, SQUARED_ERROR, for_classes

STORED = json.loads((Path(__file__).parent / "reference" / "curves.json").read_text())
RTOL = 1e-10  # the largest was 9e-14 on the machine where it was made


def distance(name, **changes):
    """The largest relative difference between our curve, with changes, and the stored one."""
    dataset, h = CASES[name]
    curve, _ = run(dataset, dataclasses.replace(h, **changes), seed=SEED, number=NUMBER, dtype=np.float64)
    ours = np.array([[getattr(m, column) for column in STORED["columns"]] for m in curve])
    theirs = np.array(STORED["curves"][name])
    assert ours.shape == theirs.shape
    return np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-300), initial=0.0)


def test_every_case_is_stored_and_the_cases_leave_nothing_out():
    assert STORED["curves"].keys() == CASES.keys()
    assert STORED["torch"]
    for name in ("optimizer", "activation", "init", "schedule", "batch_norm"):
        used = {getattr(h, name) for _, h in CASES.values()}
        assert used >= set(LEGAL[name].choices or (False, True))
    assert {for_classes(len(dataset.classes)) for dataset, _ in CASES.values()} == {SOFTMAX, LOGISTIC, SQUARED_ERROR}


@pytest.mark.parametrize("name", CASES)
def test_both_begin_alike(name):
    """If not, the data or what a seed means have changed, or NumPy's normal numbers: make the curves anew."""
    np.testing.assert_allclose(start(*CASES[name]), STORED["starts"][name], rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_learning_curve_is_that_of_pytorch(name):
    assert distance(name) < RTOL


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("adam, plain", {"beta2": 0.991}),
        ("adam, plain", {"beta1": 0.801}),
        ("adam, plain", {"epsilon": 1e-7}),
        ("rmsprop, plain", {"beta2": 0.901}),
        ("momentum, plain", {"momentum": 0.801}),
        ("adam, batch_norm", {"batch_norm_momentum": 0.701}),
        ("adam, l2", {"l2": 0.501}),
        ("adam, l1", {"l1": 0.301}),
        ("gradient_descent, clip_norm", {"clip_norm": 0.201}),
        ("schedule exponential", {"decay_factor": 0.801}),
    ],
    ids=str,
)
def test_a_small_change_would_be_noticed(name, changes):
    assert distance(name, **changes) > 100 * RTOL


def test_the_curves_differ_from_each_other_where_the_cases_do():
    """No case is without effect; auto is xavier for tanh, and a rate that does not fall is constant."""
    ends = {}
    for name, curve in STORED["curves"].items():
        ends.setdefault(tuple(curve[-1]), []).append(name)
    alike = [names for names in ends.values() if len(names) > 1]
    assert alike == [["momentum, plain", "schedule constant"], ["tanh, plain", "init auto", "init xavier"]]


def test_clipping_clips_in_most_steps_and_curves_learn():
    for optimizer in ("gradient_descent", "momentum"):
        clipped, plain = (STORED["curves"][f"{optimizer}, {extra}"] for extra in ("clip_norm", "plain"))
        assert clipped[2][0] > 1.1 * plain[2][0]
    for name, curve in STORED["curves"].items():
        assert curve[-1][0] < curve[0][0] or name in {"init zeros", "init large"}, name
