"""A curve or a histogram as one line of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = " .:-=+*#"
WIDTH = 16


def sparkline(values: Sequence[float], *, unicode: bool, width: int = WIDTH) -> str:
    """The values from left to right, each between the lowest and the highest of them.

    More values than fit are averaged in groups; what is not a number leaves a gap.
    """
    ramp = BLOCKS if unicode else ASCII
    points = _shortened(values, width)
    finite = [point for point in points if math.isfinite(point)]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite)

    def character(point: float) -> str:
        if not math.isfinite(point):
            return " "
        return ramp[round((point - low) / span * (len(ramp) - 1))] if span else ramp[0]

    return "".join(character(point) for point in points)


def bars(heights: Sequence[float], *, unicode: bool) -> str:
    """Heights from left to right, each between 0 and the largest of them; what is 0 leaves a gap."""
    ramp = BLOCKS if unicode else ASCII[1:]
    most = max(heights, default=0.0)
    return "".join(ramp[round(height / most * (len(ramp) - 1))] if height > 0 else " " for height in heights)


def _shortened(values: Sequence[float], width: int) -> list[float]:
    n = min(len(values), width)
    groups = [values[i * len(values) // n : (i + 1) * len(values) // n] for i in range(n)]
    return [math.fsum(group) / len(group) if all(map(math.isfinite, group)) else math.nan for group in groups]
