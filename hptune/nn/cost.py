"""What an epoch of the network costs, estimated beforehand: a pure function of the hyperparameters and the data's size.

A simulated clock runs on it and decides which results a proposal may see, so it must be the same number on every
machine: it counts what an epoch does, and each count has a fixed price. Prices are seconds of one core of the
processor of docs/trainer_speed.md, where it says how good the estimate is; only ratios of costs mean anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from hptune.nn.hyperparameters import Hyperparameters

CALL = 0.7e-6
"""Seconds of a NumPy call before it does any work, and of the Python around it."""

MULTIPLY_ADD = 0.024e-9
"""Seconds of a multiplication and an addition in a product of matrices."""

PASS = 0.18e-9
"""Seconds of one number in one element-wise call."""

UNIFORM, NORMAL = 3.2e-9, 9.4e-9
"""Seconds to draw a number for dropout and make a mask of it, and one of input noise and add it."""

SHIFTED, TURNED = 4.3e-9, 9.8e-9
"""Seconds of one value of an image that is moved by whole pixels or mirrored, and of one that is turned."""

STEP_CALLS, LOSS_CALLS, EPOCH_CALLS = 2, 12, 34
"""For a step beside what is counted below, more of them with a cross-entropy; for the order of an epoch and dev."""

MOVE_CALLS = 40
"""For moving the images of a mini-batch."""

INPUT_PASSES, OUTPUT_PASSES = 4, 20
"""Gathering reads here and there; a softmax has exponentials and, row by row, a largest value."""

NORM_CALLS, NORM_PASSES = 20, 10
"""Batch normalisation of a hidden layer, forward and backward together."""

ACTIVATION_CALLS: Mapping[str, tuple[int, int]] = {
    "relu": (1, 1),
    "leaky_relu": (2, 2),
    "tanh": (1, 2),
    "sigmoid": (4, 2),
}
"""Of each activation and of its derivative."""

OPTIMIZER_CALLS: Mapping[str, int] = {"gradient_descent": 2, "momentum": 4, "rmsprop": 8, "adam": 10}
"""Of a step, each over all parameters."""


def epoch_cost(hyperparameters: Hyperparameters, *, n_train: int, n_dev: int, features: int, classes: int) -> float:
    """The estimated seconds of one epoch on one core, dev evaluation included; classes is 0 in regression."""
    h = hyperparameters
    hidden = h.hidden_widths
    outputs = classes if classes > 2 else 1  # as in losses.for_classes
    sizes = (features, *hidden, outputs)
    units, layers = sum(hidden), len(hidden)
    weights = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
    parameters = weights + units + outputs + (units if h.batch_norm else 0)
    steps = -(-n_train // h.batch_rows(n_train))
    forward, backward = ACTIVATION_CALLS[h.activation]
    update = OPTIMIZER_CALLS[h.optimizer]

    # forward a product and the biases; backward two sums; and below the top a product and the slopes
    step_calls = (
        STEP_CALLS + (LOSS_CALLS if classes else 0) + 4 * (layers + 1) + layers * (forward + backward + 2) + update
    )
    row_passes = INPUT_PASSES * features + OUTPUT_PASSES * outputs + units * (forward + backward + 2)
    step_passes = parameters * update
    row_seconds = 0.0
    dev_calls = EPOCH_CALLS + 2 * (layers + 1) + layers * forward
    dev_passes = OUTPUT_PASSES * outputs + units * (1 + forward)
    if h.batch_norm:
        step_calls += NORM_CALLS * layers + 4
        row_passes += NORM_PASSES * units
        dev_passes += 2 * units
    if h.dropout or h.dropout_by_layer != "same":
        step_calls += 2 * layers + 4
        row_passes += 2 * units
        row_seconds += units * UNIFORM
    if h.input_dropout:
        step_calls += 4
        row_seconds += features * UNIFORM
    if h.input_noise:
        step_calls += 4
        row_seconds += features * NORMAL
    if h.shift or h.flip or h.rotation:
        step_calls += MOVE_CALLS
        row_seconds += features * (TURNED if h.rotation else SHIFTED)
    if h.l2:
        step_calls += 2
        step_passes += 2 * weights
    if h.l1:
        step_calls += 3
        step_passes += 3 * weights
    if h.clip_norm:
        step_calls += 2
        step_passes += parameters

    # three products of each layer in training, but no gradient by the inputs; one in evaluation
    multiply_adds = n_train * (3 * weights - features * sizes[1]) + n_dev * weights
    calls = steps * step_calls + dev_calls
    passes = steps * step_passes + n_train * row_passes + n_dev * dev_passes
    return calls * CALL + multiply_adds * MULTIPLY_ADD + passes * PASS + n_train * row_seconds
