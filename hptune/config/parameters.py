"""The train and space sections of a study file: fixed hyperparameters, and domains with their conditions."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from hptune import effects
from hptune.config.ranges import as_searched, domain, layer_by_layer, legal_value, names_a_range
from hptune.config.reader import Reader
from hptune.config.yaml_tree import Node
from hptune.data.settings import DataSettings
from hptune.domains import Domain, can_be, same, show
from hptune.effects import Condition, Possible
from hptune.nn.hyperparameters import DEFAULTS, IMAGES_ONLY, LEGAL
from hptune.space import Parameter, SearchSpace
from hptune.trial import Value

OTHER_HYPERPARAMETERS = {
    "lr": "learning_rate", "alpha": "learning_rate", "eta": "learning_rate", "decay_rate": "learning_rate_decay",
    "beta": "momentum", "beta_1": "beta1", "beta_2": "beta2", "eps": "epsilon", "lambda": "l2", "weight_decay": "l2",
    "layers": "widths or hidden_layers", "hidden_layer_sizes": "widths", "units": "hidden_units",
    "minibatch_size": "batch_size", "mini_batch_size": "batch_size", "manual_decay": "learning_rate_factors",
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
        is_structure = isinstance(value_node.value, dict | list)
        if is_structure and (LEGAL[name].notation is None or names_a_range(value_node)):
            form = f"space: {{{name}: {as_searched(value_node)}}}"
            layers = layer_by_layer(name, value_node)
            searched = "" if layers and name == "hidden_layers" else f"what is searched belongs under space, as {form}"
            what = "; ".join(part for part in ("expected one value", layers, searched) if part)
            reader.problem(value_node, f"train.{name}", what)
        elif (value := legal_value(reader, value_node, f"train.{name}", LEGAL[name])) is not None:
            values[name] = value
    return values


def space(
    reader: Reader, node: Node | None, train: Mapping[str, Value], root: Node, *, strict: bool = True
) -> SearchSpace:
    """The space section of a study file: read and, if strict, refused where a part of it can never have an effect."""
    if node is None or not node.value:
        reader.problem(node or root, "space", "nothing to search: name at least one hyperparameter with a range")
        return SearchSpace(())
    found = searched(reader, node)
    nodes, train_nodes = _known(node), _known(root.value.get("train") if isinstance(root.value, dict) else None)
    for name in nodes:
        if name in train:
            message = f"also fixed under train (to {show(train[name])}): keep one"
            reader.problem(nodes[name], f"space.{name}", message, at_key=True)
    if not strict:
        return found
    domains = {parameter.name: parameter.domain for parameter in found.parameters}
    refused = {name for name in nodes if name not in domains} | {name for name in train_nodes if name not in train}
    fixed = {name: value for name, value in {**DEFAULTS, **train}.items() if name not in refused}
    possible = Possible(domains, fixed)
    for parameter in found.parameters:
        _no_range_is_off(reader, parameter, nodes[parameter.name])
        _conditions_can_hold(reader, parameter, nodes[parameter.name], possible)
    for section, section_nodes in (("space", nodes), ("train", train_nodes)):
        for name, value_node in section_nodes.items():
            if why := possible.why_none(name):
                reader.problem(
                    value_node, f"{section}.{name}", f"has no effect: {why}. Change that, or remove {name}", at_key=True
                )
    _required_are_given(reader, nodes, train_nodes, refused, possible)
    return found


def _required_are_given(
    reader: Reader, nodes: Mapping[str, Node], train_nodes: Mapping[str, Node], refused: set[str], possible: Possible
) -> None:
    """Report what must be given and is not, at the value that makes it needed."""
    for name, legal in LEGAL.items():
        needs = [need.name for need in effects.all_needs(name)]
        is_open = legal.required and name not in {*nodes, *train_nodes} and not refused.intersection(needs)
        if is_open and possible.can_have_effect(name):
            section = "space" if needs[0] in nodes else "train"
            message = f"{effects.said_needs(name)} needs {name} beside it: {legal.describe()}"
            reader.problem({**train_nodes, **nodes}[needs[0]], f"{section}.{needs[0]}", message)


def searched(reader: Reader, node: Node) -> SearchSpace:
    """The space section alone: domains within the legal values, and conditions in no circle."""
    reader.mapping(node, "space", tuple(LEGAL), OTHER_HYPERPARAMETERS)
    found = []
    for name, value_node in _known(node).items():
        values = domain(reader, value_node, f"space.{name}", LEGAL[name])
        when = _when(reader, value_node, f"space.{name}.when")
        if values is not None:
            found.append(Parameter(name, values, LEGAL[name].in_ranges, when))
    _no_circles(reader, found, _known(node))
    return SearchSpace(tuple(found))


def _no_range_is_off(reader: Reader, parameter: Parameter, node: Node) -> None:
    """Report a range that begins at the value that switches its hyperparameter off."""
    low, legal = parameter.domain.from_unit(0), parameter.legal
    if parameter.domain.scale is not None and not legal.admits(low):
        begin = f"at {legal.low:g}" if legal.kind == "int" else f"above {legal.low:g}"
        message = f"{show(low)} switches {parameter.name} off, so a range must begin {begin}"
        reader.problem(
            _below(node, "low"), f"space.{parameter.name}.low", f"{message}; or give {{choices: [0, 5, 10]}}"
        )


def _below(node: Node, *path: str) -> Node:
    """What a path that is known to be there leads to."""
    for name in path:
        assert isinstance(node.value, dict)
        node = node.value[name]
    return node


def asked_of_images(train: Mapping[str, Value], space: SearchSpace) -> Iterator[tuple[str, str, Value]]:
    """The hyperparameters that only images can have: section, name and largest value; 0 and false move nothing."""
    for name in IMAGES_ONLY:
        if name in train:
            yield "train", name, train[name]
    for parameter in space.parameters:
        if parameter.name in IMAGES_ONLY:
            yield "space", parameter.name, parameter.largest


def why_no_images(data: DataSettings) -> str:
    """What is said of such a hyperparameter where the data are no images."""
    todo = "remove it" if data.source else "give [height, width] under data.image, or remove it"
    return f"goes only with images, and the data do not say that they are: {todo}"


def refuse_moves(
    reader: Reader, train: Mapping[str, Value], space: SearchSpace, data: DataSettings, root: Node
) -> None:
    """Report hyperparameters that only images can have, for data that are none."""
    for section, name, most in asked_of_images(train, space):
        if most:
            reader.problem(_below(root, section, name), f"{section}.{name}", why_no_images(data), at_key=True)


def _known(node: Node | None) -> dict[str, Node]:
    """The hyperparameters that a section names."""
    keys = node.value if node is not None and isinstance(node.value, dict) else {}
    return {name: value for name, value in keys.items() if name in LEGAL}


def _when(reader: Reader, node: Node, key: str) -> tuple[Condition, ...]:
    """The conditions of a parameter: legal values of other hyperparameters."""
    if not isinstance(node.value, dict) or "when" not in node.value:
        return ()
    conditions = []
    for other, value_node in reader.mapping(node.value["when"], key, tuple(LEGAL), OTHER_HYPERPARAMETERS).items():
        if other not in LEGAL:
            continue
        items = _alternatives(value_node)
        if not items:
            reader.problem(value_node, f"{key}.{other}", "expected at least one value, found an empty list")
        values = [legal_value(reader, item, f"{key}.{other}", LEGAL[other]) for item in items]
        conditions.append((other, tuple(value for value in values if value is not None)))
    return tuple(conditions)


def _conditions_can_hold(reader: Reader, parameter: Parameter, node: Node, possible: Possible) -> None:
    """Report conditions that never hold, each alone or where the parameter has an effect."""
    are_sound = [
        _condition_can_hold(reader, (other, values), node, f"space.{parameter.name}", possible)
        for other, values in parameter.when
    ]
    name = parameter.name
    if not (parameter.when and all(are_sound) and possible.can_have_effect(name)):
        return
    message = ""
    if not possible.can_have_effect(name, parameter.when):
        message = f"never holds where {name} has an effect: {name} goes with {effects.said_needs(name)}"
    elif LEGAL[name].required and possible.can_be_missed(name, parameter.when):
        message = f"leaves out trials that need {name}: it must be given for all with {effects.said_needs(name)}"
    if message:
        reader.problem(_below(node, "when"), f"space.{name}.when", message, at_key=True)


def _condition_can_hold(reader: Reader, condition: Condition, node: Node, key: str, possible: Possible) -> bool:
    other, values = condition
    value_node = _below(node, "when", other)
    key = f"{key}.when.{other}"
    if why := possible.why_none(other):
        reader.problem(value_node, key, f"has no effect here: {why}", at_key=True)
    elif other in possible.domains:
        return _values_occur(reader, value_node, key, values, possible.domains[other])
    elif values and other in possible.fixed and not any(same(possible.fixed[other], value) for value in values):
        value = possible.fixed[other]
        reader.problem(value_node, key, f"can never hold: {other} is {show(value)}{effects.origin(other, value)}")
    else:
        return True
    return False


def _values_occur(reader: Reader, node: Node, key: str, values: Sequence[Value], other: Domain) -> bool:
    """Whether all values of a condition are among those of the domain; what is not is reported."""
    items = _alternatives(node)
    if len(items) != len(values):
        return False  # one was refused already
    strange = [(item, value) for item, value in zip(items, values, strict=True) if not can_be(other, value)]
    for item, value in strange:
        why = f"its range is {other.describe()}"
        if math.isinf(other.size):
            why = f"its range {other.describe()} is of real numbers, and conditions need separate values"
        reader.problem(item, key, f"can never be {show(value)}: {why}")
    return not strange


def _alternatives(node: Node) -> Sequence[Node]:
    return node.value if isinstance(node.value, list) else [node]


def _no_circles(reader: Reader, parameters: Collection[Parameter], nodes: Mapping[str, Node]) -> None:
    """Report conditions that go in a circle, which no order of drawing can satisfy."""
    names = {parameter.name for parameter in parameters}
    parents = {parameter.name: names.intersection(parameter.parents) for parameter in parameters}
    for parameter in parameters:
        name = parameter.name
        if parameter.when and name in (circle := _ancestors(name, parents)):
            members = sorted(other for other in circle if name in _ancestors(other, parents))
            unsaid = [other for other in members if any(n.name in members for n in effects.all_needs(other))]
            needs = [f"; {other} goes with {effects.said_needs(other)}" for other in unsaid]
            message = f"conditions go in a circle ({', '.join(members)}{''.join(needs)})"
            reader.problem(_below(nodes[name], "when"), f"space.{name}.when", message, at_key=True)


def _ancestors(name: str, parents: Mapping[str, Collection[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(parents[name])
    while ahead:
        if (other := ahead.pop()) not in found:
            found.add(other)
            ahead.extend(parents[other])
    return found
