"""Every random stream of hptune, derived from a seed, a purpose and a number, and from nothing else.

No stream depends on a worker, a clock, an attempt or the order of calls, so a trial trained again,
elsewhere or later gives the same numbers. The bit generator is named (NumPy keeps its integer stream
stable across versions), and streams of different keys are independent (NumPy's SeedSequence).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for. The values are part of what a seed means: never change or reuse one."""

    SAMPLE = 0  # a trial's hyperparameters, where they depend on nothing else
    WEIGHTS = 1  # its initial weights
    SHUFFLE = 2  # the order of its examples, epoch by epoch
    DROPOUT = 3  # its dropped units
    EXAMPLES = 4  # a generated data set
    SPLIT = 5  # which examples are train, dev and test
    AUGMENTATION = 6  # how its training examples are changed
    GRADIENT_CHECK = 7  # which parameters are tried, and along which vectors
    PROPOSAL = 8  # a trial's hyperparameters, where they depend on the trials before it
    # 9 moved the lattice that coarse trials once were
    EVEN_POINTS = 10  # where a stage's coarse trials lie


def generator(seed: int, purpose: Purpose, number: int = 0) -> np.random.Generator:
    """The generator of one purpose of one trial (or of the data set, with number 0)."""
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=(purpose, number))))
