"""A curve or a histogram as one line of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = " .:-=+*#"
WIDTH = 16


def sparklines(curves: Sequence[Sequence[float]], *, unicode: bool, width: int = WIDTH) -> list[str]:
    """The values of each curve from left to right, between the lowest and the highest of all, so that lines compare.

    More values than fit are averaged in groups; what is not a number leaves a gap. Where all are alike, they lie in the
    middle.
    """
    ramp = BLOCKS if unicode else ASCII
    lines = [_shortened(values, width) for values in curves]
    finite = [point for points in lines for point in points if math.isfinite(point)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)

    def character(point: float) -> str:
        if not math.isfinite(point):
            return " "
        return ramp[round((point - low) / (high - low) * (len(ramp) - 1)) if high > low else len(ramp) // 2]

    return ["".join(map(character, points)) if any(map(math.isfinite, points)) else "" for points in lines]


def bars(heights: Sequence[float], *, unicode: bool) -> str:
    """Heights from left to right, each between 0 and the largest of them; what is 0 leaves a gap."""
    ramp = BLOCKS if unicode else ASCII[1:]
    most = max(heights, default=0.0)
    return "".join(ramp[round(height / most * (len(ramp) - 1))] if height > 0 else " " for height in heights)


def _shortened(values: Sequence[float], width: int) -> list[float]:
    n = min(len(values), width)
    groups = [values[i * len(values) // n : (i + 1) * len(values) // n] for i in range(n)]
    return [math.fsum(group) / len(group) if all(map(math.isfinite, group)) else math.nan for group in groups]
