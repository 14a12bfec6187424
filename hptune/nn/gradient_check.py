"""Backpropagation against two-sided differences of the loss. Slow and sure; for networks in float64.

The relative difference of the gradient by backpropagation a and by differences n is ||a - n|| / (||a|| + ||n||),
with n_i = (J(p_i + step) - J(p_i - step)) / (2 step) for a parameter p_i, where J is the loss of a batch with its
penalties under the dropout masks as last drawn (Ng, Deep Learning Specialization, course 2, week 1).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hptune.nn.network import Network, TrainingBuffers
from hptune.trial import DivergedError

STEPS = (1e-5, 1e-6, 1e-7)
"""A block that is not great is looked at again with the next step: a bend or a kink matters less, a mistake as much.
The last is tried only where the first met kinks that the second did not, so that there are two to compare."""
NEARER = 10  # times: as much as that nearer to each other than to backpropagation, two steps say that it is wrong

MOST = 1000  # parameters tried one by one, shared out evenly among the blocks
WORK = 10**10  # most tried times parameters times rows: a large network, too, is done within seconds
FEWEST = 10  # of each block, however many blocks there are
DIRECTIONS = 10  # random ones, along which all parameters move at once
MOVED = 0.1  # standard deviation by which biases, gammas and betas are taken off 0 and 1


class Verdict(IntEnum):
    """What a relative difference says, by the bars of the course; WRONG only where differences can be relied on."""

    GREAT = 0
    NOT_CHECKED = 1  # every parameter was at a kink
    LOOK_AGAIN = 2
    CANNOT_TELL = 3  # by the bars doubtful or wrong, but no two steps agree on the difference
    WRONG = 4

    @classmethod
    def of(cls, difference: float) -> Verdict:
        """The verdict where two steps do not agree that there is a mistake."""
        return (cls.GREAT, cls.LOOK_AGAIN, cls.CANNOT_TELL)[bisect_right(BARS, difference)]

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", " ")


BARS = (1e-7, 1e-5)
"""Where look again begins, and what is wrong if it is no matter of the step."""


@dataclass(frozen=True, slots=True)
class BlockCheck:
    """One matrix or vector of parameters, or all of them along random directions."""

    name: str  # W1, b1, gamma1, beta1, ...; or ALL
    shape: tuple[int, ...]
    size: int  # what there is to be checked: parameters, or directions
    kinks: int  # left out, since a unit of relu or a weight under |w| changed its sign within the step
    checked: int
    difference: float  # relative
    is_rounding: bool  # not great, but no more than the rounding of the loss makes of a gradient so small
    is_zero: bool  # by both ways: nothing can be learned there
    is_mistake: bool = False  # two steps agree on it: neither a bend nor rounding does that

    @property
    def verdict(self) -> Verdict:
        if not self.checked:
            return Verdict.NOT_CHECKED
        if self.is_mistake:
            return Verdict.WRONG
        return Verdict.GREAT if self.is_rounding else Verdict.of(self.difference)


ALL = "all"
"""The name of the check along random directions."""


class _Slopes(NamedTuple):
    analytic: NDArray[Any]  # (slopes,)
    numeric: NDArray[Any]  # (slopes,)
    is_smooth: NDArray[np.bool_]  # (slopes,)
    rounding: float  # what the rounding of the loss makes of a numeric one, about three standard deviations

    def without_kinks(self) -> _Slopes:
        return self._replace(analytic=self.analytic[self.is_smooth], numeric=self.numeric[self.is_smooth])

    @property
    def distance(self) -> float:
        return float(np.linalg.norm(self.analytic - self.numeric))

    @property
    def difference(self) -> float:
        size = float(np.linalg.norm(self.analytic) + np.linalg.norm(self.numeric))
        return self.distance / size if size else 0.0


_Move = tuple[Any, Any]
"""Which parameters (an index of the flat vector), and how far for a step of 1."""


def relative_difference(
    network: Network, batch: TrainingBuffers, l2: float = 0.0, step: float = 1e-5, l1: float = 0.0
) -> float:
    """||a - n|| / (||a|| + ||n||) over every parameter.

    Below 1e-7 is right, above 1e-3 is wrong; a kink of relu or |w| within a step gives values between.
    """
    return _slopes(network, batch, l2, l1, [(i, 1.0) for i in range(network.parameters.size)], step).difference


@np.errstate(all="ignore")  # a number that overflows shows in the difference
def check(
    network: Network, batch: TrainingBuffers, l2: float, l1: float, rng: np.random.Generator
) -> tuple[BlockCheck, ...]:
    """Check every block of parameters by some of them or all, drawn by rng, and all together along random vectors.

    Raises:
        DivergedError: the loss is no finite number to begin with.

    """
    if not math.isfinite(loss := _cost(network, batch, l2, l1)):
        raise DivergedError(f"The loss with the first weights is {loss}")
    where = positions(network)
    most = min(MOST, WORK // (network.parameters.size * len(batch.inputs)))
    share = max(most // len(where), FEWEST)
    found = []
    for name, (shape, indices) in where.items():
        some = np.sort(rng.choice(indices, min(share, indices.size), replace=False))
        found.append(_check(network, batch, l2, l1, [(i, 1.0) for i in some], (name, shape, indices.size)))
    vectors = rng.standard_normal((DIRECTIONS, network.parameters.size))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = [(slice(None), v) for v in vectors]
    return (*found, _check(network, batch, l2, l1, directions, (ALL, network.parameters.shape, DIRECTIONS)))


def worst(blocks: Iterable[BlockCheck]) -> BlockCheck:
    """The block of the worst verdict with the largest difference; ALL only where no other block is as bad."""
    return max(blocks, key=lambda block: (block.verdict, block.name != ALL, not block.is_rounding, block.difference))


def unsettle(network: Network, rng: np.random.Generator) -> None:
    """Take biases, gammas and betas off 0 and 1, where mistakes may not show and relu may stand at its kink."""
    for parameters in (*network.biases, *network.gammas):
        np.add(parameters, MOVED * rng.standard_normal(parameters.shape), out=parameters)


def positions(network: Network) -> Mapping[str, tuple[tuple[int, ...], NDArray[np.int64]]]:
    """Shape and places in the flat vector of every block, by name, first layer first.

    Found by filling the parameters with their own places, so that it holds for any order of theirs.
    """
    before = network.parameters.copy()
    network.parameters[:] = np.arange(before.size)
    found = {name: (view.shape, view.ravel().astype(np.int64)) for name, view in _named(network)}
    network.parameters[:] = before
    return found


def _named(network: Network) -> Iterator[tuple[str, NDArray[Any]]]:
    for layer, weights in enumerate(network.weights):
        yield f"W{layer + 1}", weights
        if layer < len(network.gammas):
            yield f"gamma{layer + 1}", network.gammas[layer]
            yield f"beta{layer + 1}", network.biases[layer]
        else:
            yield f"b{layer + 1}", network.biases[layer]


def _check(
    network: Network,
    batch: TrainingBuffers,
    l2: float,
    l1: float,
    moves: list[_Move],
    block: tuple[str, tuple[int, ...], int],
) -> BlockCheck:
    found: list[BlockCheck] = []
    tried: list[_Slopes] = []
    for step in STEPS:
        tried.append(_slopes(network, batch, l2, l1, moves, step))
        slopes = tried[-1].without_kinks()
        checked = len(slopes.numeric)
        # with a smaller step rounding makes more, and is no excuse
        is_rounding = not found and BARS[0] <= slopes.difference and slopes.distance <= slopes.rounding * checked**0.5
        is_zero = checked > 0 and not slopes.analytic.any() and not slopes.numeric.any()
        found.append(BlockCheck(*block, len(moves) - checked, checked, slopes.difference, is_rounding, is_zero))
        best = min(found, key=lambda check: (not check.checked, check.verdict, check.difference))
        if best.verdict is Verdict.GREAT or (len(tried) > 1 and best.verdict is not Verdict.CANNOT_TELL):
            break
        if best.checked and len(tried) > 1:
            if _agree(*tried[-2:]):
                return replace(best, is_mistake=True)
            if (tried[-2].is_smooth >= tried[-1].is_smooth).all():
                break
    return best


def _agree(larger: _Slopes, smaller: _Slopes) -> bool:
    """Whether the slopes by both steps are NEARER to each other than to backpropagation.

    A bend moves a slope by about the square of the step, 100 times less with the smaller one, and rounding by the
    inverse of the step: in both cases one of them is far from the other. Where no more than the rounding of the smaller
    step is between them there is no bend, and then it is enough that they are far from backpropagation beside the
    rounding of the larger. A gradient that is no number is far from all.
    """
    both = larger.is_smooth & smaller.is_smooth
    apart = float(np.linalg.norm((larger.numeric - smaller.numeric)[both]))
    away, away_larger = (
        float(np.linalg.norm((slopes.analytic - slopes.numeric)[both])) for slopes in (smaller, larger)
    )
    root = math.sqrt(np.count_nonzero(both))
    is_rounding = apart <= smaller.rounding * root and away_larger > NEARER / 3 * larger.rounding * root
    return math.isfinite(apart) and (not away <= NEARER * apart or is_rounding)


def _slopes(network: Network, batch: TrainingBuffers, l2: float, l1: float, moves: list[_Move], step: float) -> _Slopes:
    """The slope of J along every move; the parameters are left as they were."""
    before = network.parameters.copy()
    height = _cost(network, batch, l2, l1)
    gradient, side = network.gradient.copy(), _Side.of(network, batch, l1)
    analytic, numeric, is_smooth = [], [], []
    for where, along in moves:
        costs, same = [], []
        for way in (step, -step):
            network.parameters[where] = before[where] + way * along
            costs.append(_cost(network, batch, l2, l1))
            same.append(side.holds(network, batch))
        network.parameters[where] = before[where]
        analytic.append(np.sum(gradient[where] * along))
        numeric.append((costs[0] - costs[1]) / (2 * step))
        is_smooth.append(all(same))
    # of the loss, and of probabilities near 1, which cost next to nothing
    rounding = float(np.finfo(network.dtype).eps) * (1 + abs(height)) / step
    return _Slopes(np.array(analytic), np.array(numeric), np.array(is_smooth, bool), rounding)


class _Side(NamedTuple):
    """On which side of their kinks the units and the weights are; without kinks nothing is kept."""

    active: tuple[NDArray[np.bool_], ...]  # (rows, units) each
    weights: tuple[NDArray[Any], ...]  # 0 is on no side: both slopes of |w| cancel there, as sign(0) = 0 says

    @classmethod
    def of(cls, network: Network, batch: TrainingBuffers, l1: float) -> _Side:
        hidden = batch.forward.hidden if network.activation.has_kink else ()
        return cls(tuple(a > 0 for a in hidden), tuple(w.copy() for w in network.weights) if l1 else ())

    def holds(self, network: Network, batch: TrainingBuffers) -> bool:
        units = zip(self.active, batch.forward.hidden, strict=False)
        weights = zip(self.weights, network.weights, strict=False)
        return all(np.array_equal(was, a > 0) for was, a in units) and not any(np.any(w * v < 0) for w, v in weights)


def _cost(network: Network, batch: TrainingBuffers, l2: float, l1: float) -> float:
    loss, _ = network.differentiate(batch, l2, l1)
    return loss + network.penalty(l2, len(batch.inputs), l1)
