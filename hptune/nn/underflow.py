"""Numbers so near to 0 that they may be taken for it, taken for it before they make a processor slow.

A number below the smallest normal one (`tiny`, 1.2e-38 in float32) is subnormal, and many processors multiply, divide
and take roots of those some hundred times more slowly. They are ordinary in training: a penalty pulls the weights of
inputs and units that carry nothing to 0, averages of gradients that have ended decay, probabilities and deep gradients
vanish. No switch of the processor is used, so that the numbers are the same everywhere.

Whatever is multiplied is therefore 0 or at least `floor`, 2^26 tiny (7.9e-31 in float32). Squares underflow long before
their roots: they are taken of what is at least `root` (8.7e-19), and averages of them are at least `least` (7.7e-34).
Parameters and averages change little in a step and are seen to every few steps. What every step makes anew
(activations, deltas, the gradient) is seen to at a look, every MOST_STEPS steps, and between two looks where the last
one found something.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hptune.nn import aligned

MOST_STEPS = 100
"""From one look to the next: a look costs a step and a half where steps are short, so 1.5 % of all."""

FLOOR, LEAST, FAINT = 26, 16, 8
"""Halvings from the floor, from the least average of squares, and from the least gradient, to tiny."""

BLOCK = 2**14
"""Numbers that are seen to at a time, which stay in the cache meanwhile."""


@final
class Underflow:
    """What is next to 0 in a network's arrays. Until the first `begin_step` nothing is touched."""

    def __init__(self, hidden_layers: int, dtype: type[np.floating[Any]]) -> None:
        tiny = float(np.finfo(dtype).tiny)
        self.floor = 2.0**FLOOR * tiny
        self.least = 2.0**LEAST * tiny
        self.faint = 2.0**FAINT * tiny  # of a gradient: that of a weight at the floor is not much below it
        self.root = least_root(np.dtype(dtype))
        self.is_look = False
        # where there is something to be seen to in this step
        self.activations = [False] * hidden_layers
        self.deltas = [False] * (hidden_layers + 1)  # the last is that of the logits
        self.gradient = self.squares = False  # of the gradient: something below `faint`, below `root`
        self._left = 0  # steps until the next look
        self._magnitudes = aligned.empty((BLOCK,), dtype)
        self._is_below = np.empty(BLOCK, np.bool_)

    def begin_step(self, every: int) -> bool:
        """Make this step a look if it is time for one. True where what lasts is to be seen to, in every `every`-th."""
        self._left -= 1
        if self._left < 0:
            self._left = MOST_STEPS - 1
            self.is_look = True
            for found in (self.activations, self.deltas):
                found[:] = [True] * len(found)
        return (MOST_STEPS - 1 - self._left) % every == 0

    def clear_lasting(self, totals: Iterable[NDArray[Any]], squares: Iterable[NDArray[Any]]) -> None:
        """See to what stays from step to step: parameters and averages, and averages of squares."""
        for total in totals:
            self.clear(total, self.floor)
        for square in squares:
            np.maximum(square, self.least, out=square)

    def clear_gradient(self, gradient: NDArray[Any]) -> None:
        """See to the gradient, the last thing that a step makes, and end the look."""
        if self.is_look:
            self.squares = self.has_below(gradient, self.root)
            self.gradient = self.squares and self.has_below(gradient, self.faint)
            self.is_look = False
        if self.gradient:
            self.clear(gradient, self.floor)

    def clear_again(self, x: NDArray[Any], bound: float, found: list[bool], place: int, before: int) -> None:
        """Clear x, which a step has just made; a look notes in found[place] whether to do so until the next one.

        That is so, too, where all of x is 0 after something was found in the layer `before`: the place where signals
        vanish moves from layer to layer.
        """
        if not self.is_look or self.has_below(x, bound):
            self.clear(x, bound)
        else:
            found[place] = 0 <= before < len(found) and found[before] and not x.any()

    def clear(self, x: NDArray[Any], bound: float) -> None:
        """Put to 0, in place, what is below the bound in x (C-contiguous); nothing else changes."""
        for part, is_below, _ in self._blocks(x, bound):
            np.copyto(part, 0, where=is_below)

    def has_below(self, x: NDArray[Any], bound: float) -> bool:
        """Whether something in x (C-contiguous) is below the bound and not 0."""
        for part, is_not_0, n_below in self._blocks(x, bound):
            np.not_equal(part, 0, out=is_not_0)
            if n_below > part.size - np.count_nonzero(is_not_0):
                return True
        return False

    def _blocks(self, x: NDArray[Any], bound: float) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_], int]]:
        """Those blocks of x of which something is below the bound, 0 included: the numbers, where and how many.

        Where: in a buffer, which the next block overwrites.
        """
        flat = x.reshape(-1)
        for start in range(0, flat.size, BLOCK):
            part = flat[start : start + BLOCK]
            magnitudes, is_below = self._magnitudes[: part.size], self._is_below[: part.size]
            np.abs(part, out=magnitudes)
            np.less(magnitudes, bound, out=is_below)
            if n_below := int(np.count_nonzero(is_below)):
                yield part, is_below, n_below


def least_root(dtype: np.dtype[Any]) -> float:
    """The least number whose square is well above subnormal, 64 tiny."""
    return 8 * math.sqrt(np.finfo(dtype).tiny)


def steps_between_clearings(total_beta: float, square_beta: float) -> int:
    """So many that no average falls from its bound to subnormal in between, decaying by its beta in a step."""
    return min(_steps(FLOOR, total_beta), _steps(LEAST, square_beta), MOST_STEPS)


def _steps(halvings: int, beta: float) -> int:
    return max(1, int(-halvings / math.log2(beta))) if 0 < beta < 1 else MOST_STEPS
