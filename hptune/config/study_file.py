"""The study file: YAML text -> a frozen StudyConfig, or all of its errors at once. The only reader of raw keys.

It knows which sections and keys exist and what each may hold; what the values mean is known elsewhere:
hyperparameters in hptune.nn.hyperparameters, scales in hptune.domains, data sets in hptune.data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hptune.config import data_section, parameters, search_section, yaml_tree
from hptune.config.other_words import Places
from hptune.config.reader import Reader
from hptune.config.search_section import SearchSettings
from hptune.config.yaml_scalars import reads_as_text
from hptune.config.yaml_tree import Node, NotationError
from hptune.data.settings import CLASSES, DataSettings
from hptune.effects import Possible
from hptune.errors import StudyFileError
from hptune.nn.hyperparameters import DEFAULTS, LEGAL
from hptune.runs import is_name
from hptune.space import SearchSpace
from hptune.trial import Value

SECTIONS = ("name", "data", "train", "space", "search")
PLACES = Places({"train": LEGAL, "space": LEGAL, "data": data_section.KEYS, "search": search_section.KEYS})
OTHER_HYPERPARAMETERS = {word: f"train.{name}" for word, name in parameters.OTHER_HYPERPARAMETERS.items()}
WITH_DEFAULTS = ("train", "search")  # those that may as well be empty


class _Dumper(yaml.SafeDumper):
    """Quotes every text that hptune, but not PyYAML, would read back as something else, such as 1e5 or 08."""

    def text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if reads_as_text(text) else '"')


_Dumper.add_representer(str, _Dumper.text)


def to_yaml(tree: Mapping[str, Any]) -> str:
    """Plain values as YAML that hptune reads back as the same ones."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


@dataclass(frozen=True, slots=True)
class StudyConfig:
    """A study file, checked."""

    name: str
    data: DataSettings
    train: Mapping[str, Value]  # every hyperparameter outside the space that matters, defaults included
    space: SearchSpace
    search: SearchSettings = field(default_factory=SearchSettings)

    def plain(self) -> dict[str, Any]:
        """As written in a study file, every default written out."""
        data = {
            k: list(v) if isinstance(v, tuple) else v for k, v in self.data.to_json().items() if v not in (None, ())
        }
        if self.data.source not in CLASSES:
            del data["examples"]
        if self.data.path is None:
            del data["missing"]
        return {
            "name": self.name,
            "data": data,
            "train": dict(self.train),
            "space": self.space.plain(),
            "search": self.search.plain(),
        }

    def to_yaml(self) -> str:
        """The study file that hptune search accepts as it is."""
        return to_yaml(self.plain())


@dataclass(frozen=True, slots=True)
class Override:
    """One value set outside the study file: `--set train.epochs=5`."""

    key: str  # dotted path
    text: str  # as YAML
    place: str  # where it was given, for messages


def load(path: Path, overrides: Sequence[Override] = ()) -> StudyConfig:
    """The study file at path with overrides laid over it; StudyFileError with everything that is wrong."""
    reader = Reader(PLACES)
    try:
        root = yaml_tree.read(path)
    except NotationError as error:  # what is wrong with the notation does not hide what else is wrong
        reader.include(error)
        root = error.root
    return parse(root, overrides, default_name=path.stem, folder=path.parent, reader=reader)


def sound_data(path: Path, overrides: Sequence[Override] = ()) -> DataSettings | None:
    """The data section alone of a study file that is wrong elsewhere; None where it is wrong itself."""
    reader = Reader(PLACES)
    try:
        root = yaml_tree.read(path)
    except NotationError as error:
        reader.include(error)
        root = error.root
    except StudyFileError:
        return None
    for override in overrides:
        root = _overridden(reader, root, override)
    node = root.value.get("data") if isinstance(root.value, dict) else None
    settings = data_section.read(reader, node, root, path.parent)
    return None if any(key.split(".")[0] == "data" for key in reader.keys) else settings


def parse(
    root: Node,
    overrides: Sequence[Override],
    *,
    default_name: str,
    folder: Path | None,
    reader: Reader | None = None,
    strict: bool = True,
) -> StudyConfig:
    """A study file's tree as a StudyConfig.

    Data files are looked up in folder, then in the current one, and must be there; with folder None, as for the
    study file that a run keeps, paths are taken as they are. reader brings the problems found so far. What has no
    effect is refused if strict, and else left out: a run may have been started under other rules.
    """
    reader = reader or Reader(PLACES)
    for override in overrides:
        root = _overridden(reader, root, override)
    sections = {
        name: node
        for name, node in reader.mapping(root, "", SECTIONS, OTHER_HYPERPARAMETERS).items()
        if node.value is not None or name not in WITH_DEFAULTS
    }
    name = _name(reader, sections.get("name"), default_name)
    data = data_section.read(reader, sections.get("data"), root, folder)
    space_node, train_node = sections.get("space"), sections.get("train")
    fixed = parameters.fixed(reader, train_node)
    space = parameters.space(reader, space_node, fixed, root, strict=strict)
    if strict and data_section.says_no_images(sections.get("data"), data):
        parameters.refuse_moves(reader, fixed, space, data, root)
    search_node = sections.get("search")
    search = search_section.read(reader, search_node)
    search_section.require_an_epoch_budget(reader, search, search_node, space.most_epochs(fixed))
    reader.finish()
    searched = {parameter.name for parameter in space.parameters}
    train = {key: fixed.get(key, default) for key, default in DEFAULTS.items() if key not in searched}
    possible = Possible({parameter.name: parameter.domain for parameter in space.parameters}, train)
    relevant = {key: value for key, value in train.items() if possible.can_have_effect(key)}
    return StudyConfig(name, data, relevant, space, search)


def stage_space(text: str) -> SearchSpace:
    """A search space read back from its JSON form, as a run folder keeps it for every stage.

    A zoom may have narrowed away the optimizer that momentum goes with, or the value of a condition. That is no
    mistake of anyone, and a later stage may have them back, so here nothing needs to have an effect.
    """
    reader = Reader(PLACES)
    found = parameters.searched(reader, yaml_tree.parse(text, "stage"))
    reader.finish()
    return found


def _overridden(reader: Reader, root: Node, override: Override) -> Node:
    try:
        value = yaml_tree.parse_value(override.text, override.place)
    except StudyFileError as error:
        reader.include(error)
        return root
    return reader.override(root, override.key, value)


def _name(reader: Reader, node: Node | None, default: str) -> str:
    if node is None:
        return re.sub(r"[^A-Za-z0-9._-]+", "-", default).strip("-._")[:64] or "study"
    name = reader.text(node, "name")
    if name is not None and not is_name(name):
        reader.problem(
            node, "name", f"{name!r} cannot name a folder: use letters, digits, '.', '_' and '-', at most 64"
        )
    return name or ""
