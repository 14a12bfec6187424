"""Draws docs/search.svg, a search closing in, from a run: python docs/search_picture.py runs/two-001

Above, the trials in the plane of two hyperparameters, each on its own scale; below, their scores one after the other.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import hptune
from hptune.domains import Domain, show
from hptune.tables import Run

WIDTH, LEFT, RIGHT = 880, 84, 24
PLANE = (64, 330)  # top and height of the upper picture
SCORES = (462, 190)
STEPS = (1, 2, 5)  # ticks are these times a power of ten
COARSE, NEAR, FAR, GLOBAL, CONFIRMING = "#8b929c", "#b9d3ee", "#0b3c78", "#d97706", "#15803d"
INK, FAINT = "#1f2933", "#d8dde3"
WIDEST, NARROWEST = 0.3, 0.0  # sides of chosen steps, drawn in FAR's and NEAR's colours


def picture(run: Run, across: str, up: str) -> str:
    """The whole picture as SVG."""
    height = SCORES[0] + SCORES[1] + 54
    lines = [*_title(run), *_plane(run, across, up), *_scores(run), *_legend()]
    style = f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}"'
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    background = f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', background, *lines, "</svg>", ""])


def _title(run: Run) -> Iterator[str]:
    n_stopped = int((run.trials["status"] == "stopped").sum())
    epochs = int(run.trials["epochs"].sum())
    most = len(run.trials) * int(run.config.train.get("epochs", 0))
    what = f"{len(run.trials)} trials, {epochs:,} epochs"
    if n_stopped:
        what = f"{len(run.trials)} trials, {n_stopped} of them stopped at a bar: {epochs:,} epochs instead of {most:,}"
    yield _text(LEFT, 30, what, size=15, weight="600")


def _plane(run: Run, across: str, up: str) -> Iterator[str]:
    top, height = PLANE
    domains = {parameter.name: parameter.domain for parameter in run.spaces[0].parameters}
    x = _axis(domains[across], LEFT + 12, WIDTH - RIGHT - 12)
    y = _axis(domains[up], top + height - 12, top + 12)
    yield _frame(top, height)
    for value in _ticks(domains[across]):
        yield _line(x(value), top, x(value), top + height)
        yield _text(x(value), top + height + 18, show(value), anchor="middle")
    for value in _ticks(domains[up]):
        yield _line(LEFT, y(value), WIDTH - RIGHT, y(value))
        yield _text(LEFT - 8, y(value) + 4, show(value), anchor="end")
    yield _text((LEFT + WIDTH - RIGHT) / 2, top + height + 38, across, anchor="middle", weight="600")
    yield _upright(top + height / 2, up)
    searched = run.trials[run.trials["origin"].map(_phase) != "confirmation"]
    for row in searched[searched[across].notna() & searched[up].notna()].to_dict("records"):
        yield _mark(x(row[across]), y(row[up]), row)
    best = run.best
    if best is not None:
        at = x(float(best.hyperparameters[across])), y(float(best.hyperparameters[up]))
        yield f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="11" fill="none" stroke="#b91c1c" stroke-width="2.5"/>'
        yield _halo(at[0], at[1] - 16, f"trial {best.trial}, the answer")


def _scores(run: Run) -> Iterator[str]:
    top, height = SCORES
    metric = run.config.search.metric
    table = run.trials[run.trials[metric].notna()]
    # the worst tenth is drawn at the upper edge
    low, high = _tick(table[metric].min(), math.floor), _tick(table[metric].quantile(0.9), math.ceil)
    last = int(run.trials["trial"].max())

    def x(number: float) -> float:
        return LEFT + 12 + (WIDTH - RIGHT - LEFT - 24) * number / max(last, 1)

    def y(score: float) -> float:
        return top + height - 8 - (height - 16) * math.log(min(max(score, low), high) / low) / math.log(high / low)

    yield _frame(top, height)
    for value in _tick_values(low, high):
        yield _line(LEFT, y(value), WIDTH - RIGHT, y(value))
        yield _text(LEFT - 8, y(value) + 4, show(value), anchor="end")
    phases = table["origin"].map(_phase)
    for phase in ("zoom", "confirmation"):
        if (begin := table["trial"][phases == phase].min()) > 0:
            yield _line(x(begin - 0.5), top, x(begin - 0.5), top + height, INK, dash=True)
    searched = table[phases != "confirmation"]
    best = searched[metric].where(searched["status"] == "completed").cummin().dropna()
    steps = " ".join(f"H{x(searched['trial'][i]):.1f}V{y(score):.1f}" for i, score in best.items())
    start = f"M{x(searched['trial'][best.index[0]]):.1f} {y(best.iloc[0]):.1f}"
    yield f'<path d="{start}{steps}" fill="none" stroke="#b91c1c" stroke-width="1.5"/>'
    for row in table.to_dict("records"):
        yield _mark(x(row["trial"]), y(row[metric]), row)
    for number in range(0, last + 1, max(10, 10 * round(last / 100))):
        yield _text(x(number), top + height + 18, str(number), anchor="middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, top + height + 38, "trial", anchor="middle", weight="600")
    yield _upright(top + height / 2, metric)


def _legend() -> Iterator[str]:
    top = SCORES[0] - 14
    middle = {"trial": 0, "side": 0.6, "status": "completed"}
    kinds = [
        ({**middle, "origin": "coarse", "side": None}, "coarse"),
        ({**middle, "origin": "zoom", "side": WIDEST}, "near the best,"),
        ({**middle, "origin": "zoom", "side": NARROWEST}, "ever nearer"),
        ({**middle, "origin": "global", "side": None}, "from anywhere"),
        ({**middle, "origin": "coarse", "side": None, "status": "stopped"}, "stopped at a bar"),
        ({**middle, "origin": "confirmation", "side": None}, "confirmation"),
    ]
    x = LEFT + 6
    for row, text in kinds:
        yield _mark(x, top - 4, row)
        yield _text(x + 11, top, text)
        x += 26 + 7 * len(text)
    yield f'<line x1="{x - 4}" y1="{top - 4}" x2="{x + 12}" y2="{top - 4}" stroke="#b91c1c" stroke-width="1.5"/>'
    yield _text(x + 18, top, "best so far")


def _phase(origin: str) -> str:
    return origin.partition(" ")[0]


def _mark(x: float, y: float, row: dict[str, Any]) -> str:
    """A trial: its colour says where it comes from, and it is hollow where it was stopped."""
    phase = _phase(row["origin"])
    near = (
        _between(FAR, NEAR, min((float(row["side"] or 0) - NARROWEST) / (WIDEST - NARROWEST), 1.0))
        if phase == "zoom"
        else ""
    )
    colour = {"zoom": near, "global": GLOBAL, "confirmation": CONFIRMING}.get(phase, COARSE)
    fill = colour if row["status"] == "completed" else "#ffffff"
    paint = f'fill="{fill}" stroke="{colour}" stroke-width="1.6"'
    if phase == "confirmation":
        return f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" {paint}/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" {paint}/>'


def _between(one: str, other: str, share: float) -> str:
    share = min(max(share, 0.0), 1.0)
    pairs = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _axis(domain: Domain, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * domain.to_unit(value)


def _ticks(domain: Domain) -> Sequence[float]:
    plain = domain.plain()
    low, high = float(plain["low"]), float(plain["high"])
    if plain.get("scale") == "log":
        found = _tick_values(low, high)
        return [value for value in found if math.log10(value) % 1 == 0] if high / low >= 1000 else found
    return [low + (high - low) * i / 4 for i in range(5)]


def _tick_values(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [value for power in powers for step in STEPS if low <= (value := float(f"{step}e{power}")) <= high]


def _tick(value: float, rounded: Callable[[float], int]) -> float:
    """The power of ten below or above a value."""
    return float(10.0 ** rounded(math.log10(max(value, 1e-6))))


def _frame(top: float, height: float) -> str:
    box = f'x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{height}"'
    return f'<rect {box} fill="none" stroke="{INK}" stroke-opacity="0.35"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = FAINT, *, dash: bool = False) -> str:
    dashes = ' stroke-dasharray="4 3"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashes}/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13, weight: str = "400") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} font-size="{size}" font-weight="{weight}">{escape(text)}</text>'


def _halo(x: float, y: float, text: str) -> str:
    """A text that is readable above marks."""
    found = _text(x, y, text, anchor="middle", weight="600")
    return found.replace("<text ", '<text stroke="#ffffff" stroke-width="4" paint-order="stroke" ')


def _upright(y: float, text: str) -> str:
    turned = f'transform="rotate(-90 22 {y:.1f})"'
    return _text(22, y, text, anchor="middle", weight="600").replace("<text ", f"<text {turned} ")


if __name__ == "__main__":
    run = hptune.load(sys.argv[1])
    names = sys.argv[2:] or ["learning_rate", "hidden_units"]
    Path(__file__).with_name("search.svg").write_text(picture(run, *names), encoding="utf-8")
