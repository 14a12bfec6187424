"""The train and space sections of a study file: fixed hyperparameters, and domains with their conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from hptune.config.reader import Reader, found
from hptune.config.yaml_tree import Node
from hptune.domains import SCALES, Choice, Domain, Grid, LogInteger, Real, Scale, same
from hptune.errors import did_you_mean
from hptune.legal import Legal
from hptune.nn.hyperparameters import DEFAULTS, LEGAL
from hptune.space import Parameter, SearchSpace
from hptune.trial import Value

KEYS = ("type", "scale", "low", "high", "step", "choices", "when")
OTHER_NAMES = {
    "min": "low", "max": "high", "lower": "low", "upper": "high", "minval": "low", "maxval": "high",
    "values": "choices", "categories": "choices", "vals": "choices",
    "distribution": "scale", "sampling": "scale", "q": "step", "condition": "when", "if": "when",
}  # fmt: skip
OTHER_HYPERPARAMETERS = {
    "lr": "learning_rate", "alpha": "learning_rate", "eta": "learning_rate", "decay_rate": "learning_rate_decay",
    "beta": "momentum", "beta_1": "beta1", "beta_2": "beta2", "eps": "epsilon", "lambda": "l2", "weight_decay": "l2",
    "layers": "hidden_layers", "units": "hidden_units", "minibatch_size": "batch_size", "mini_batch_size": "batch_size",
    "keep_prob": "dropout, the share dropped: 1 - keep_prob", "initialization": "init", "num_epochs": "epochs",
}  # fmt: skip
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
MAX_CHOICES = 1000


def fixed(reader: Reader, node: Node | None) -> dict[str, Value]:
    """The train section: hyperparameters with one value each."""
    values = {}
    for name, value_node in reader.mapping(node, "train", tuple(LEGAL), OTHER_HYPERPARAMETERS).items():
        if name not in LEGAL:
            continue
        if isinstance(value_node.value, dict | list):
            reader.problem(value_node, f"train.{name}", "expected one value; what is searched belongs under space:")
        elif (value := _value(reader, value_node, f"train.{name}", LEGAL[name])) is not None:
            values[name] = value
    return values


def space(reader: Reader, node: Node | None, train: Mapping[str, Value], root: Node) -> SearchSpace:
    """The space section, checked against the legal values, against train, and in its conditions."""
    if node is None or not node.value:
        reader.problem(node or root, "space", "nothing to search: name at least one hyperparameter with a range")
        return SearchSpace(())
    nodes = {k: v for k, v in reader.mapping(node, "space", tuple(LEGAL), OTHER_HYPERPARAMETERS).items() if k in LEGAL}
    drafts: list[Parameter] = []
    for name, value_node in nodes.items():
        domain = _domain(reader, value_node, f"space.{name}", LEGAL[name])
        if name in train:
            reader.problem(
                value_node, f"space.{name}", f"also fixed under train (to {train[name]}): keep one", at_key=True
            )
        if domain is not None:
            drafts.append(Parameter(name, domain, LEGAL[name]))
    draft = SearchSpace(tuple(drafts))
    known = {**DEFAULTS, **train}
    finished = SearchSpace(
        tuple(Parameter(p.name, p.domain, p.legal, _when(reader, nodes[p.name], p.name, draft, known)) for p in drafts)
    )
    _no_cycles(reader, finished, nodes)
    for name, value_node in [*nodes.items(), *_train_nodes(root)]:
        legal = LEGAL[name]
        if legal.only_with and not can_matter(legal, known, draft):
            other, values = legal.only_with
            section = "space" if name in nodes else "train"
            message = f"has no effect: {name} goes with {other}: {' or '.join(values)}, and {other} is never that here"
            reader.problem(value_node, f"{section}.{name}", message, at_key=True)
    return finished


def can_matter(legal: Legal, train: Mapping[str, Value], searched: SearchSpace) -> bool:
    """Whether a hyperparameter can have an effect: whether the one it goes with can have the value it needs."""
    if legal.only_with is None:
        return True
    other, values = legal.only_with
    for parameter in searched.parameters:
        if parameter.name == other:
            return any(_can_be(parameter.domain, value) for value in values)
    return train.get(other, DEFAULTS[other]) in values


def _train_nodes(root: Node) -> list[tuple[str, Node]]:
    sections = root.value if isinstance(root.value, dict) else {}
    train = sections["train"].value if "train" in sections else {}
    return [(name, node) for name, node in train.items() if name in LEGAL] if isinstance(train, dict) else []


def _value(reader: Reader, node: Node, key: str, legal: Legal) -> Value | None:
    """One legal value; whole numbers in any notation where a whole number is due."""
    value = node.value
    if legal.kind == "int" and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, dict | list) or value is None or not legal.admits(value):
        near = did_you_mean(value, legal.choices) if isinstance(value, str) and legal.choices else ""
        quoted = legal.kind != "choice" and isinstance(value, str) and not node.plain
        reader.problem(
            node,
            key,
            f"expected {legal.describe()}, found {found(node)}{'; remove the quotes' if quoted else ''}.{near}",
        )
        return None
    return value


def _domain(reader: Reader, node: Node, key: str, legal: Legal) -> Domain | None:
    if isinstance(node.value, list):
        reader.problem(node, key, "a list of values is written {choices: [...]}")
        return None
    if not isinstance(node.value, dict):
        value = _value(reader, node, key, legal)
        return None if value is None else Choice((value,), constant=True)
    keys = reader.mapping(node, key, KEYS, OTHER_NAMES)
    if "choices" in keys:
        for other in ("type", "scale", "low", "high", "step"):
            if other in keys:
                reader.problem(keys[other], f"{key}.{other}", "does not go with choices", at_key=True)
        return _choices(reader, keys["choices"], f"{key}.choices", legal)
    if legal.kind == "choice":
        reader.problem(node, key, f"expected {{choices: [...]}} with {legal.describe()}")
        return None
    return _range(reader, node, key, keys, legal)


def _choices(reader: Reader, node: Node, key: str, legal: Legal) -> Domain | None:
    items = reader.items(node, key)
    if not items or len(items) > MAX_CHOICES:
        if isinstance(node.value, list):
            reader.problem(node, key, f"expected 1 to {MAX_CHOICES} values, found {len(items)}")
        return None
    values: list[Value] = []
    for item in items:
        value = _value(reader, item, key, legal)
        if value is not None and any(same(value, other) for other in values):
            reader.problem(item, key, f"{found(item)} is there twice")
        elif value is not None:
            values.append(value)
    return Choice(tuple(values)) if len(values) == len(items) else None


def _range(reader: Reader, node: Node, key: str, keys: Mapping[str, Node], legal: Legal) -> Domain | None:
    """A range from low to high: real or whole numbers, on a scale, perhaps in steps."""
    kind = reader.one_of(keys.get("type"), f"{key}.type", ("int", "real")) or legal.kind
    if kind == "real" and legal.kind == "int":
        reader.problem(keys["type"], f"{key}.type", f"expected int: it is {legal.describe()}")
        return None
    scale = _scale(reader, keys.get("scale"), f"{key}.scale")
    low, high = [_bound(reader, node, keys.get(end), f"{key}.{end}", kind) for end in ("low", "high")]
    step_node = keys.get("step")
    step = reader.number(step_node, f"{key}.step")
    if scale is None or low is None or high is None or (step_node is not None and step is None):
        return None
    if not _bounds_fit(reader, node, key, (low, high), scale, legal):
        return None
    if step_node is not None and step is not None:
        return _grid(reader, step_node, f"{key}.step", (low, high, step), scale, kind)
    if kind == "int":
        return _whole_range(reader, keys, key, (int(low), int(high)), scale)
    return Real(float(low), float(high), scale)


def _whole_range(
    reader: Reader, keys: Mapping[str, Node], key: str, bounds: tuple[int, int], scale: Scale
) -> Domain | None:
    low, high = bounds
    if scale.name == "1-beta":
        reader.problem(keys["scale"], f"{key}.scale", "1-beta is for real numbers below 1, not for whole ones")
        return None
    return LogInteger(low, high) if scale.name == "log" else Grid(low, 1, high - low + 1)


def _scale(reader: Reader, node: Node | None, key: str) -> Scale | None:
    if node is not None and isinstance(node.value, str) and node.value.removesuffix("_values") in OTHER_SCALES:
        advice = OTHER_SCALES[node.value.removesuffix("_values")]
        reader.problem(node, key, f"expected {', '.join(SCALES)}, found {found(node)}: {advice}")
        return None
    name = "linear" if node is None else reader.one_of(node, key, tuple(SCALES))
    return None if name is None else SCALES[name]


def _bound(reader: Reader, node: Node, bound: Node | None, key: str, kind: str) -> float | int | None:
    if bound is None:
        reader.problem(node, key, "missing: a range needs low and high (several values are written {choices: [...]})")
        return None
    return reader.whole(bound, key, low=-(2**53), high=2**53) if kind == "int" else reader.number(bound, key)


def _bounds_fit(reader: Reader, node: Node, key: str, bounds: tuple[float, float], scale: Scale, legal: Legal) -> bool:
    """Whether low < high, both are on the scale, and both are legal; the first rule an end breaks is its problem."""
    low, high = bounds
    assert isinstance(node.value, dict)
    rules = [
        ("high", low < high, f"low must be below high, found low {low} and high {high}"
         + (f"; a single value is written {key.removeprefix('space.')}: {low}" if low == high else "")),
        ("high", math.isfinite(high - low), f"the range {low} .. {high} is too wide to be computed with"),
        ("low", scale.name != "log" or low > 0, f"a log scale needs low above 0, found {low}"),
        ("low", scale.name != "1-beta" or low >= 0, f"1-beta needs 0 <= low < high < 1, found low {low}"),
        ("high", scale.name != "1-beta" or high < 1, f"1-beta needs 0 <= low < high < 1, found high {high}"),
    ]  # fmt: skip
    for end, value in (("low", low), ("high", high)):
        rules.append((end, legal.admits(value), f"expected {legal.describe()}, found {value}"))
    broken: dict[str, str] = {}
    for end, holds, message in rules:
        if not holds:
            broken.setdefault(end, message)
    for end, message in broken.items():
        reader.problem(node.value[end], f"{key}.{end}", message)
    return not broken


def _grid(
    reader: Reader, node: Node, key: str, numbers: tuple[float, float, float], scale: Scale, kind: str
) -> Domain | None:
    low, high, step = numbers
    if scale.name != "linear":
        reader.problem(node, key, f"steps go with a linear scale, not with {scale.name}")
    elif step <= 0 or step > high - low:
        reader.problem(node, key, f"expected a step above 0 and at most high - low = {high - low:g}, found {step}")
    elif kind == "int" and not isinstance(step, int):
        reader.problem(node, key, f"expected a whole number, found {step}")
    else:
        exact = (Decimal(repr(high)) - Decimal(repr(low))) / Decimal(repr(step))
        if exact == exact.to_integral_value():
            return Grid(low, step, int(exact) + 1)
        reached = float(Decimal(repr(low)) + int(exact) * Decimal(repr(step)))
        reader.problem(
            node, key, f"{step} does not divide {low} .. {high}: the last value would be {reached:g}; set high to it"
        )
    return None


def _when(
    reader: Reader, node: Node, name: str, draft: SearchSpace, train: Mapping[str, Value]
) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    """The conditions of a parameter, each checked to be one that can hold."""
    if not isinstance(node.value, dict) or "when" not in node.value:
        return ()
    key = f"space.{name}.when"
    conditions = []
    domains = {p.name: p.domain for p in draft.parameters}
    for other, value_node in reader.mapping(node.value["when"], key, tuple(LEGAL)).items():
        if other not in LEGAL:
            continue
        items = value_node.value if isinstance(value_node.value, list) else [value_node]
        values = [v for item in items if (v := _value(reader, item, f"{key}.{other}", LEGAL[other])) is not None]
        if len(values) != len(items) or not values:
            continue
        for value in values:
            if other in domains and not _can_be(domains[other], value):
                reader.problem(
                    value_node, f"{key}.{other}", f"can never be {value}: its range is {domains[other].describe()}"
                )
        if other not in domains and not any(same(train[other], value) for value in values):
            reader.problem(value_node, f"{key}.{other}", f"can never hold: train.{other} is {train[other]}")
        conditions.append((other, tuple(values)))
    return tuple(conditions)


def _can_be(domain: Domain, value: Value) -> bool:
    """Whether one of a domain's discrete values is value; real ranges never hit a value."""
    if not math.isfinite(domain.size):
        return False
    try:
        return same(domain.from_unit(domain.to_unit(value)), value)
    except (StopIteration, TypeError, ValueError):
        return False


def _no_cycles(reader: Reader, searched: SearchSpace, nodes: Mapping[str, Node]) -> None:
    """Report conditions that go in a circle, which no order of drawing can satisfy."""
    parents = {p.name: {other for other, _ in p.when} for p in searched.parameters}
    left = dict(parents)
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    for name in left:
        circle = ", ".join(sorted(left))
        reader.problem(nodes[name], f"space.{name}.when", f"conditions go in a circle ({circle})")
