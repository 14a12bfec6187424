"""Backpropagation against differences of the loss. Slow and sure; for networks in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.nn.network import Network, TrainingBuffers


def relative_difference(
    network: Network, batch: TrainingBuffers, l2: float = 0.0, step: float = 1e-5, l1: float = 0.0
) -> float:
    """||a - n|| / (||a|| + ||n||) of the gradient by backpropagation a and by differences n.

    n_i = (J(p_i + step) - J(p_i - step)) / (2 step) for every parameter p_i, where J is the loss of the
    batch with its penalties, under the dropout masks as last drawn. Below 1e-7 is right, above 1e-3 is
    wrong; a kink of relu or |w| within a step gives values between (Ng, Deep Learning
    Specialization, course 2, week 1).
    """
    network.differentiate(batch, l2, l1)
    analytic = network.gradient.copy()
    numeric = _differences(network, lambda: _cost(network, batch, l2, l1), step)
    size = float(np.linalg.norm(analytic) + np.linalg.norm(numeric))
    return float(np.linalg.norm(analytic - numeric)) / size if size else 0.0


def _differences(network: Network, cost: Callable[[], float], step: float) -> NDArray[Any]:
    """n, one element for each parameter; the parameters are left as they were."""
    numeric = np.empty_like(network.parameters)
    for i, value in enumerate(network.parameters.copy()):
        network.parameters[i] = value + step
        above = cost()
        network.parameters[i] = value - step
        below = cost()
        network.parameters[i] = value
        numeric[i] = (above - below) / (2 * step)
    return numeric


def _cost(network: Network, batch: TrainingBuffers, l2: float, l1: float) -> float:
    loss, _ = network.differentiate(batch, l2, l1)
    return loss + network.penalty(l2, len(batch.inputs), l1)
