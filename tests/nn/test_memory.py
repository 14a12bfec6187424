"""A worker trains one network after the other, and nothing of them stays behind."""

import dataclasses
import gc
import tracemalloc

from nn.examples import BLOBS, MOONS, SMALL, run

from hptune.nn import training

CYCLE = [  # more shapes than any cache of the network holds
    (dataset, dataclasses.replace(SMALL, epochs=1, hidden_units=units, batch_size=150 - units, **changes))
    for units in range(4, 28)
    for dataset, changes in ((BLOBS, {"batch_norm": True}), (MOONS, {"activation": "sigmoid", "clip_norm": 0.1}))
]


def bytes_after_each_cycle(cycles):
    """What is allocated after each pass through all shapes, NumPy's arrays included."""
    sizes = []
    tracemalloc.start()
    try:
        for _ in range(cycles):
            for number, (dataset, h) in enumerate(CYCLE):
                run(dataset, h, number=number)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return sizes


def test_networks_of_many_shapes_leave_nothing_behind():
    sizes = bytes_after_each_cycle(6)  # the first cycles fill the caches
    # NumPy's own cache of small blocks grows by 30 to 80 bytes a network, which keeps some 4,000 when it stays.
    assert (max(sizes[3:]) - sizes[2]) / (3 * len(CYCLE)) < 200


def test_what_stays_behind_would_be_seen(monkeypatch):
    kept, build = [], training._network
    monkeypatch.setattr(training, "_network", lambda *arguments: kept.append(build(*arguments)) or kept[-1])
    sizes = bytes_after_each_cycle(3)
    assert (sizes[2] - sizes[1]) / len(CYCLE) > 2_000
