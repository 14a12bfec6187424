"""The train and space sections of a study file: fixed hyperparameters, and domains with their conditions."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hptune.config.ranges import domain, legal_value
from hptune.config.reader import Reader
from hptune.config.yaml_tree import Node
from hptune.domains import Domain, can_be, same, show
from hptune.legal import Legal
from hptune.nn.hyperparameters import DEFAULTS, LEGAL
from hptune.space import Condition, Parameter, SearchSpace
from hptune.trial import Value

OTHER_HYPERPARAMETERS = {
    "lr": "learning_rate", "alpha": "learning_rate", "eta": "learning_rate", "decay_rate": "learning_rate_decay",
    "beta": "momentum", "beta_1": "beta1", "beta_2": "beta2", "eps": "epsilon", "lambda": "l2", "weight_decay": "l2",
    "layers": "hidden_layers", "units": "hidden_units", "minibatch_size": "batch_size", "mini_batch_size": "batch_size",
    "keep_prob": "dropout, the share dropped: 1 - keep_prob", "initialization": "init", "num_epochs": "epochs",
    "early_stopping": "patience", "lr_schedule": "schedule", "decay_steps": "decay_epochs", "rho": "beta2",
    "clipnorm": "clip_norm", "max_grad_norm": "clip_norm", "batch_normalization": "batch_norm",
    "horizontal_flip": "flip", "degrees": "rotation", "gaussian_noise": "input_noise",
}  # fmt: skip


def fixed(reader: Reader, node: Node | None) -> dict[str, Value]:
    """The train section: hyperparameters with one value each."""
    values = {}
    for name, value_node in reader.mapping(node, "train", tuple(LEGAL), OTHER_HYPERPARAMETERS).items():
        if name not in LEGAL:
            continue
        if isinstance(value_node.value, dict | list):
            reader.problem(value_node, f"train.{name}", "expected one value; what is searched belongs under space:")
        elif (value := legal_value(reader, value_node, f"train.{name}", LEGAL[name])) is not None:
            values[name] = value
    return values


def space(reader: Reader, node: Node | None, train: Mapping[str, Value], root: Node) -> SearchSpace:
    """The space section of a study file: read, and refused where a part of it can never have an effect."""
    if node is None or not node.value:
        reader.problem(node or root, "space", "nothing to search: name at least one hyperparameter with a range")
        return SearchSpace(())
    found = searched(reader, node)
    nodes, train_nodes = _known(node), _known(root.value.get("train") if isinstance(root.value, dict) else None)
    for name in nodes:
        if name in train:
            message = f"also fixed under train (to {show(train[name])}): keep one"
            reader.problem(nodes[name], f"space.{name}", message, at_key=True)
    domains = {parameter.name: parameter.domain for parameter in found.parameters}
    refused = {name for name in nodes if name not in domains} | {name for name in train_nodes if name not in train}
    sense = _Sense(domains, train, refused)
    for parameter in found.parameters:
        _conditions_can_hold(reader, parameter, nodes[parameter.name], sense)
    for section, section_nodes in (("space", nodes), ("train", train_nodes)):
        for name, value_node in section_nodes.items():
            if legal := _without_effect(name, sense):
                other, values = legal
                wanted = " or ".join(show(value) for value in values)
                message = f"has no effect: {name} goes with {other}: {wanted}, and {other} is never that"
                reader.problem(value_node, f"{section}.{name}", f"{message} here", at_key=True)
    return found


def searched(reader: Reader, node: Node) -> SearchSpace:
    """The space section alone: domains within the legal values, and conditions in no circle."""
    reader.mapping(node, "space", tuple(LEGAL), OTHER_HYPERPARAMETERS)
    found = []
    for name, value_node in _known(node).items():
        values = domain(reader, value_node, f"space.{name}", LEGAL[name])
        when = _when(reader, value_node, f"space.{name}.when")
        if values is not None:
            found.append(Parameter(name, values, LEGAL[name], when))
    _no_circles(reader, found, _known(node))
    return SearchSpace(tuple(found))


def can_matter(legal: Legal, train: Mapping[str, Value], searched: SearchSpace) -> bool:
    """Whether a hyperparameter can have an effect: whether the one it goes with can have the value it needs."""
    domains = {parameter.name: parameter.domain for parameter in searched.parameters}
    return legal.only_with is None or _Sense(domains, train, ()).can_hold(*legal.only_with)


@dataclass(frozen=True, slots=True)
class _Sense:
    """What values hyperparameters can have in a study."""

    domains: Mapping[str, Domain]
    train: Mapping[str, Value]
    refused: Collection[str]  # their values are problems of their own: anything may be meant

    def can_hold(self, name: str, values: Collection[Value]) -> bool:
        if name in self.refused:
            return True
        if name in self.domains:
            return any(can_be(self.domains[name], value) for value in values)
        return any(same(self.train.get(name, DEFAULTS[name]), value) for value in values)


def _below(node: Node, *path: str) -> Node:
    """What a path that is known to be there leads to."""
    for name in path:
        assert isinstance(node.value, dict)
        node = node.value[name]
    return node


def _known(node: Node | None) -> dict[str, Node]:
    """The hyperparameters that a section names."""
    keys = node.value if node is not None and isinstance(node.value, dict) else {}
    return {name: value for name, value in keys.items() if name in LEGAL}


def _without_effect(name: str, sense: _Sense) -> tuple[str, tuple[Value, ...]] | None:
    """The hyperparameter that this one goes with, where that has never a value this one needs."""
    other = LEGAL[name].only_with
    return None if other is None or sense.can_hold(*other) else other


def _when(reader: Reader, node: Node, key: str) -> tuple[Condition, ...]:
    """The conditions of a parameter: legal values of other hyperparameters."""
    if not isinstance(node.value, dict) or "when" not in node.value:
        return ()
    conditions = []
    for other, value_node in reader.mapping(node.value["when"], key, tuple(LEGAL), OTHER_HYPERPARAMETERS).items():
        if other not in LEGAL:
            continue
        items = value_node.value if isinstance(value_node.value, list) else [value_node]
        if not items:
            reader.problem(value_node, f"{key}.{other}", "expected at least one value, found an empty list")
        values = [legal_value(reader, item, f"{key}.{other}", LEGAL[other]) for item in items]
        conditions.append((other, tuple(value for value in values if value is not None)))
    return tuple(conditions)


def _conditions_can_hold(reader: Reader, parameter: Parameter, node: Node, sense: _Sense) -> None:
    for other, values in parameter.when:
        value_node = _below(node, "when", other)
        key = f"space.{parameter.name}.when.{other}"
        if needed := _without_effect(other, sense):
            wanted = " or ".join(show(value) for value in needed[1])
            message = f"{other} has no effect here: it goes with {needed[0]}: {wanted}"
            reader.problem(value_node, key, message, at_key=True)
        elif other in sense.domains:
            _values_occur(reader, value_node, key, values, sense.domains[other])
        elif values and not sense.can_hold(other, values):
            held = show(sense.train.get(other, DEFAULTS[other]))
            origin = "" if other in sense.train else " (its default)"
            reader.problem(value_node, key, f"can never hold: {other} is {held}{origin}")


def _values_occur(reader: Reader, node: Node, key: str, values: Sequence[Value], other: Domain) -> None:
    items = node.value if isinstance(node.value, list) else [node]
    if len(items) != len(values):
        return  # one was refused already
    for item, value in zip(items, values, strict=True):
        if math.isinf(other.size):
            why = f"its range {other.describe()} is of real numbers, and conditions need separate values"
            reader.problem(item, key, f"can never be {show(value)}: {why}")
        elif not can_be(other, value):
            reader.problem(item, key, f"can never be {show(value)}: its range is {other.describe()}")


def _no_circles(reader: Reader, parameters: Collection[Parameter], nodes: Mapping[str, Node]) -> None:
    """Report conditions that go in a circle, which no order of drawing can satisfy."""
    names = {parameter.name for parameter in parameters}
    parents = {p.name: {other for other, _ in p.when} & names for p in parameters}
    for name in parents:
        if name in (circle := _ancestors(name, parents)):
            members = sorted(other for other in circle if name in _ancestors(other, parents))
            when = _below(nodes[name], "when")
            reader.problem(when, f"space.{name}.when", f"conditions go in a circle ({', '.join(members)})", at_key=True)


def _ancestors(name: str, parents: Mapping[str, Collection[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(parents[name])
    while ahead:
        if (other := ahead.pop()) not in found:
            found.add(other)
            ahead.extend(parents[other])
    return found
