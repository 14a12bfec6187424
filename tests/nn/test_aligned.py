import numpy as np
import pytest

from hptune.nn import aligned
from hptune.nn.activations import ACTIVATIONS
from hptune.nn.losses import SOFTMAX
from hptune.nn.network import Network, TrainingBuffers


def offset(array):
    return array.ctypes.data % aligned.LINE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5,), (3, 7), (64, 10)])
def test_arrays_begin_at_a_cache_line(shape, dtype):
    for allocate in (aligned.empty, aligned.zeros):
        arrays = [allocate(shape, dtype) for _ in range(20)]  # NumPy's own would begin there one time in four
        assert {(a.shape, a.dtype.type, a.flags.c_contiguous, offset(a)) for a in arrays} == {(shape, dtype, True, 0)}


def test_arrays_share_no_memory():
    arrays = [aligned.zeros((3, 5), np.float32) for _ in range(20)]
    for i, array in enumerate(arrays):
        array[...] = i
    assert [set(a.ravel()) for a in arrays] == [{i} for i in range(20)]


def test_what_a_step_runs_through_begins_at_a_cache_line():
    network = Network((3, 5, 7, 2), ACTIVATIONS["relu"], SOFTMAX)
    batch = TrainingBuffers.allocate(network, 9, dropout=0.5)
    forward = batch.forward
    arrays = [network.parameters, network.gradient, batch.inputs, batch.targets, *batch.deltas, *batch.slopes]
    arrays += [*forward.hidden, forward.logits, forward.predictions, *batch.dropout.kept]
    assert [offset(a) for a in arrays] == [0] * len(arrays)
