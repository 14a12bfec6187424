"""Units left out in training, by masks that are drawn for every mini-batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hptune.nn import aligned


@final
class Dropout:
    """Inverted dropout for a fixed number of rows: what is kept of a layer is scaled by 1 / (1 - its rate).

    The expectation of every activation stays the same (Srivastava et al. 2014), so that evaluation needs no
    change. A mask stays until the next draw.
    """

    def __init__(
        self, rows: int, units: tuple[int, ...], rates: Sequence[float], dtype: type[np.floating[Any]]
    ) -> None:
        self._rate, self._scale = _of_every_unit(rows, units, rates, dtype)
        self._uniform = aligned.empty((rows * sum(units),), np.float32)  # in [0, 1), of all layers in a row
        self._flat_masks = aligned.empty((rows * sum(units),), dtype)
        stops = rows * np.cumsum(units)
        self.masks = tuple(  # (rows, units) each: 0, or the scale
            mask.reshape(rows, -1) for mask in np.split(self._flat_masks, stops[:-1])
        )
        self.kept = tuple(aligned.empty((rows, n), dtype) for n in units)  # the layers after dropout

    def draw(self, rng: np.random.Generator) -> None:
        """New masks for all layers."""
        rng.random(out=self._uniform, dtype=np.float32)
        np.multiply(self._uniform >= self._rate, self._scale, out=self._flat_masks)

    def apply(self, layer: int, a: NDArray[Any]) -> NDArray[Any]:
        """What is kept of a (rows, units), in a buffer of its own."""
        kept = self.kept[layer]
        np.multiply(a, self.masks[layer], out=kept)
        return kept


def _of_every_unit(
    rows: int, units: Sequence[int], rates: Sequence[float], dtype: type[np.floating[Any]]
) -> tuple[Any, Any]:
    """Rate and scale, of all masks in a row; a single number where the layers have the same, which is faster."""
    if len(set(rates)) == 1:
        return rates[0], 1 / (1 - rates[0])
    spread = np.repeat(np.asarray(rates, np.float64), rows * np.asarray(units))
    return spread.astype(np.float32), (1 / (1 - spread)).astype(dtype)
