"""One hyperparameter of a study file: a legal value, or a domain to search."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from hptune.config.other_words import BY_LAYER, number_meant
from hptune.config.reader import Reader, found, is_number
from hptune.config.yaml_tree import Node, plain_tree
from hptune.domains import Choice, Domain, Real, same
from hptune.errors import did_you_mean
from hptune.legal import Legal
from hptune.levels import FAR, Grid, exact, whole_numbers
from hptune.notations import Notation
from hptune.scales import LINEAR, SCALES, Scale
from hptune.trial import Value

KEYS = ("type", "scale", "low", "high", "step", "choices", "when")
OTHER_NAMES = {
    "min": "low", "max": "high", "lower": "low", "upper": "high", "minval": "low", "maxval": "high",
    "values": "choices", "categories": "choices", "vals": "choices",
    "distribution": "scale", "sampling": "scale", "q": "step", "condition": "when", "if": "when",
}  # fmt: skip
OTHER_TYPES = {"integer": "int", "float": "real", "double": "real", "number": "real"}
OTHER_SCALES = {
    "uniform": "write linear (or leave scale out)",
    "log_uniform": "write log; bounds are values here, never exponents",
    "loguniform": "write log; bounds are values here, never exponents",
    "one_minus_log": "write 1-beta",
    "reverse_log": "elsewhere that mirrors a log scale inside its range, which is nearly linear on [0.9, 0.999]; "
    "write 1-beta for values near 1",
    "inv_log_uniform": "that is the same as log; write 1-beta for values near 1",
    "logit": "write 1-beta for values near 1",
}
OTHER_CHOICES = {
    "sgd": "gradient_descent", "gd": "gradient_descent", "batch_gradient_descent": "gradient_descent",
    "sgd_momentum": "momentum", "sgdm": "momentum", "heavy_ball": "momentum", "rms_prop": "rmsprop",
    "glorot": "xavier_average", "glorot_uniform": "xavier_average", "glorot_normal": "xavier_average",
    "kaiming": "he", "kaiming_normal": "he", "kaiming_uniform": "he", "he_normal": "he", "he_uniform": "he",
    "lecun": "xavier", "lecun_normal": "xavier", "zero": "zeros",
    "logistic": "sigmoid", "leakyrelu": "leaky_relu", "rectifier": "relu",
    "fixed": "constant", "time": "inverse_time", "inverse": "inverse_time", "invscaling": "inverse_time",
    "1/t": "inverse_time", "exp": "exponential", "step": "staircase", "steps": "staircase", "discrete": "staircase",
    "square_root": "sqrt", "piecewise": "manual", "piecewise_constant": "manual", "multi_step": "manual",
    "all": "full", "batch": "full",
}  # fmt: skip
"""Words of other tools and books, in small letters."""
MAX_CHOICES = 1000


def legal_value(reader: Reader, node: Node, key: str, legal: Legal) -> Value | None:
    """One legal value: whole numbers in any notation where a whole number is due, reals always as floats.

    A value with a structure is the text of its notation.
    """
    value = node.value
    if legal.notation is not None and not (isinstance(value, str) and value in legal.choices):
        return _structured(reader, node, key, legal, legal.notation)
    if legal.kind == "int" and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    elif legal.kind == "real" and isinstance(value, int | float) and not isinstance(value, bool):
        value = float(value) + 0.0  # -0.0 becomes 0.0
    if not isinstance(value, dict | list) and value is not None and legal.admits(value):
        return value
    advice = ""
    if isinstance(value, str):
        advice = _right_word(value, legal)
        if legal.kind != "choice" and not node.plain and is_number(value):
            advice = " Remove the quotes"
        elif legal.kind in {"int", "real"} and (meant := number_meant(value)):
            advice = f" Write {meant}"
    elif isinstance(value, list) and (layers := layer_by_layer(key.removeprefix("space.").partition(".")[0], node)):
        advice = f" {layers[0].upper()}{layers[1:]}"
    message = f"expected {legal.describe()}, found {found(node)}"
    reader.problem(node, key, f"{message}.{advice}" if advice else message)
    return None


def _structured(reader: Reader, node: Node, key: str, legal: Legal, notation: Notation[Any]) -> str | None:
    if _is_refused(node):
        return None
    try:
        return notation.canonical(plain_tree(node))
    except ValueError as error:
        advice = _right_word(node.value, legal) if isinstance(node.value, str) else ""
        reader.problem(node, key, f"expected {legal.describe()}; {error}" + (f".{advice}" if advice else ""))
        return None


def _right_word(written: str, legal: Legal) -> str:
    """Which word to write instead of one that is none of the choices."""
    word = re.sub(r"[-\s]", "_", written.lower())
    word = OTHER_CHOICES.get(word, word)
    return f" Write {word}" if word in legal.choices else did_you_mean(written, legal.choices)


def _is_refused(node: Node) -> bool:
    """Whether the notation of a part is a problem already."""
    value = node.value
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return node.refused or any(_is_refused(part) for part in below)


def domain(reader: Reader, node: Node, key: str, legal: Legal) -> Domain | None:
    """A constant, choices or a range."""
    if legal.notation is not None and isinstance(node.value, list | dict) and not names_a_range(node):
        reader.problem(node, key, "what is searched is written {choices: [...]}, and one value belongs under train")
        return None
    if isinstance(node.value, list):
        layers = layer_by_layer(key.removeprefix("space."), node)
        message = "a list of values is written {choices: [...]}"
        reader.problem(node, key, f"{message}; {layers} under train" if layers else message)
        return None
    if not isinstance(node.value, dict):
        value = legal_value(reader, node, key, legal)
        return None if value is None else Choice((value,), constant=True)
    return _choices_or_range(reader, node, key, reader.mapping(node, key, KEYS, OTHER_NAMES), legal)


def _choices_or_range(reader: Reader, node: Node, key: str, keys: Mapping[str, Node], legal: Legal) -> Domain | None:
    if "choices" in keys:
        for other in ("type", "scale", "low", "high", "step"):
            if other in keys:
                reader.problem(keys[other], f"{key}.{other}", "does not go with choices", at_key=True)
        return _choices(reader, keys["choices"], f"{key}.choices", legal)
    if any(OTHER_NAMES.get(name) in ("low", "high", "choices") for name in keys):
        return None  # what they are called here has been said, and is not missing
    if legal.kind in {"choice", "bool"}:
        reader.problem(node, key, f"expected {{choices: [...]}} with {legal.describe()}")
        return None
    return _range(reader, node, key, keys, legal)


def layer_by_layer(name: str, node: Node) -> str:
    """How a list is written that has a value for each layer, where a hyperparameter has the same one for all."""
    if name not in BY_LAYER or not isinstance(node.value, list):
        return ""
    other, what = BY_LAYER[name]
    numbers = [item.value for item in node.value]
    if not numbers or not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        return ""
    return f"{what} layer by layer are written {other}: [{', '.join(map(str, numbers))}]"


def names_a_range(node: Node) -> bool:
    """Whether a mapping has a key of a range or of choices, and is not itself a value."""
    return isinstance(node.value, dict) and any(name in KEYS or name in OTHER_NAMES for name in node.value)


def as_searched(node: Node) -> str:
    """The form in space of a list or a mapping; short items are written out."""
    if not isinstance(node.value, list):
        return "{...}"
    items = [item.value if isinstance(item.value, str) and item.plain else found(item) for item in node.value]
    are_short = items and not any(isinstance(item.value, dict | list) for item in node.value)
    text = ", ".join(map(str, items))
    return f"{{choices: [{text if are_short and len(text) <= 60 else '...'}]}}"


def _choices(reader: Reader, node: Node, key: str, legal: Legal) -> Domain | None:
    items = reader.items(node, key)
    if not items or len(items) > MAX_CHOICES:
        if isinstance(node.value, list):
            reader.problem(node, key, f"expected 1 to {MAX_CHOICES} values, found {len(items)}")
        return None
    values: list[Value] = []
    for item in items:
        value = legal_value(reader, item, key, legal)
        if value is not None and any(same(value, other) for other in values):
            said = value if isinstance(item.value, list | dict) else found(item)
            reader.problem(item, key, f"{said} is there twice")
        elif value is not None:
            values.append(value)
    return Choice(tuple(values)) if len(values) == len(items) else None


def _range(reader: Reader, node: Node, key: str, keys: Mapping[str, Node], legal: Legal) -> Domain | None:
    """A range from low to high: real or whole numbers, on a scale, perhaps in steps."""
    kind = _kind(reader, keys.get("type"), f"{key}.type", legal)
    scale = _scale(reader, keys.get("scale"), f"{key}.scale", kind)
    low, high = [_bound(reader, node, keys.get(end), f"{key}.{end}", kind, legal) for end in ("low", "high")]
    step_node = keys.get("step")
    step = _step(reader, step_node, f"{key}.step", kind, scale)
    if scale is None or not _bounds_fit(reader, node, key, (low, high), scale, legal):
        return None
    if low is None or high is None or (step_node is not None and step is None):
        return None
    if step_node is not None and step is not None:
        return _grid(reader, step_node, f"{key}.step", (low, high, step))
    if kind == "int":
        return whole_numbers(int(low), int(high), scale)
    return Real(low, high, scale)


def _kind(reader: Reader, node: Node | None, key: str, legal: Legal) -> str:
    if node is None:
        return legal.kind
    if isinstance(node.value, str) and node.value in OTHER_TYPES:
        reader.problem(node, key, f"expected int or real, found {found(node)}. Write {OTHER_TYPES[node.value]}")
        return legal.kind
    kind = reader.one_of(node, key, ("int", "real")) or legal.kind
    if kind == "real" and legal.kind == "int":
        reader.problem(node, key, f"expected int: it is {legal.describe()}")
        return legal.kind
    return kind


def _scale(reader: Reader, node: Node | None, key: str, kind: str) -> Scale | None:
    if node is None:
        return LINEAR
    if isinstance(node.value, str) and node.value.removesuffix("_values") in OTHER_SCALES:
        advice = OTHER_SCALES[node.value.removesuffix("_values")]
        reader.problem(node, key, f"expected {', '.join(SCALES)}, found {found(node)}: {advice}")
        return None
    name = reader.one_of(node, key, tuple(SCALES))
    if name is None:
        return None
    scale = SCALES[name]
    if kind == "int" and not scale.integers:
        below = f" below {scale.rule.high:g}" if scale.rule.high < math.inf else ""
        reader.problem(node, key, f"{name} is for real numbers{below}, not for whole ones")
        return None
    return scale


def _bound(reader: Reader, node: Node, bound: Node | None, key: str, kind: str, legal: Legal) -> float | int | None:
    if bound is None:
        reader.problem(node, key, "missing: a range needs low and high (several values are written {choices: [...]})")
        return None
    if isinstance(bound.value, str) and bound.value in legal.choices:
        word = bound.value
        reader.problem(bound, key, f"{word} is no end of a range: write {{choices: [32, {word}]}}")
        return None
    if kind == "real":
        return reader.real(bound, key)
    return reader.whole(bound, key, low=max(legal.low, -FAR), high=min(legal.high, FAR))


def _step(reader: Reader, node: Node | None, key: str, kind: str, scale: Scale | None) -> float | int | None:
    step = reader.whole(node, key) if kind == "int" else reader.real(node, key)
    if node is not None and scale is not None and scale is not LINEAR:
        reader.problem(node, key, f"steps go with a linear scale, not with {scale.name}", at_key=True)
        return None
    return step


def _bounds_fit(
    reader: Reader, node: Node, key: str, bounds: tuple[float | None, float | None], scale: Scale, legal: Legal
) -> bool:
    """Whether the ends that are known are on the scale and legal, and in order; the first rule broken is said."""
    low, high = bounds
    broken = {end: why for end, value in (("low", low), ("high", high)) if (why := _misfit(end, value, scale, legal))}
    if low is not None and high is not None and not broken:
        ends = f"low {_said(low)} and high {_said(high)}"
        if low >= high:
            single = f"; a single value is written {key.removeprefix('space.')}: {_said(low)}" if low == high else ""
            broken["high"] = f"low must be below high, found {ends}{single}"
        elif not scale.tells_apart(low, high):
            broken["high"] = f"{ends} are too close to be told apart on a {scale.name} scale"
    assert isinstance(node.value, dict)
    for end, message in broken.items():
        reader.problem(node.value[end], f"{key}.{end}", message)
    return not broken


def _misfit(end: str, value: float | None, scale: Scale, legal: Legal) -> str:
    """Why a value cannot be an end of a range on a scale; empty where it can."""
    if value is None:
        return ""
    if not scale.rule.admits(float(value)):
        return scale.needs.format(end=end, found=_said(value))
    if not legal.admits(value):
        return f"expected {legal.describe()}, found {_said(value)}"
    return "" if scale.lowest <= value <= scale.highest else f"{_said(value)} is too large to be computed with"


def _grid(reader: Reader, node: Node, key: str, numbers: tuple[float, float, float]) -> Domain | None:
    low, high, step = numbers
    width = exact(high) - exact(low)
    said, bounds = _said(step), f"{_said(low)} .. {_said(high)}"
    if step <= 0 or exact(step) > width:
        reader.problem(node, key, f"expected a step above 0 and at most high - low = {float(width):.12g}, found {said}")
    elif max(abs(low), abs(high)) / step > FAR:
        reader.problem(node, key, f"{said} is too small beside {bounds}: at most {FAR:,} steps from 0")
    elif width % exact(step) != 0:
        reached = Grid(low, step, math.floor(width / exact(step)) + 1).high
        message = f"{said} does not divide {bounds}: the last value would be {_said(reached)}; set high to it"
        reader.problem(node, key, message)
    else:
        return Grid(low, step, int(width / exact(step)) + 1)
    return None


def _said(number: float) -> str:
    """A number with all of its digits, and as it would be written: 2 and not 2.0."""
    return repr(number).removesuffix(".0")
