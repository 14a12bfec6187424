"""The study file: YAML text -> a frozen StudyConfig, or all of its errors at once. The only reader of raw keys.

It knows which sections and keys exist and what each may hold; what the values mean is known elsewhere:
hyperparameters in hptune.nn.hyperparameters, scales in hptune.domains, data sets in hptune.data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hptune.config import parameters, yaml_tree
from hptune.config.reader import Reader
from hptune.config.yaml_scalars import reads_as_text
from hptune.config.yaml_tree import Node
from hptune.data.settings import GENERATED, SOURCES, DataSettings
from hptune.errors import StudyFileError
from hptune.nn.hyperparameters import DEFAULTS, LEGAL
from hptune.space import SearchSpace
from hptune.trial import METRICS, MetricName, Value

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a study or run may be called: it becomes a folder."""

SECTIONS = ("name", "data", "train", "space", "search")


class _Dumper(yaml.SafeDumper):
    """Quotes every text that hptune, but not PyYAML, would read back as something else, such as 1e5 or 08."""

    def text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if reads_as_text(text) else '"')


_Dumper.add_representer(str, _Dumper.text)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The search section."""

    method: str = "random"
    mode: str = "caviar"  # many models in parallel
    trials: int = 60
    seed: int = 0
    metric: MetricName = "dev_error"
    goal: str = "minimize"
    workers: int | None = None  # None: as many as there are cores; changes nothing but the time


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
        if self.data.source not in GENERATED:
            del data["examples"]
        search = {
            "method": self.search.method,
            "mode": self.search.mode,
            "trials": self.search.trials,
            "seed": self.search.seed,
            "metric": self.search.metric,
            "goal": self.search.goal,
            "workers": "auto" if self.search.workers is None else self.search.workers,
        }
        return {
            "name": self.name,
            "data": data,
            "train": dict(self.train),
            "space": self.space.plain(),
            "search": search,
        }

    def to_yaml(self) -> str:
        """The study file that hptune search accepts as it is."""
        return yaml.dump(self.plain(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


@dataclass(frozen=True, slots=True)
class Override:
    """One value set outside the study file: `--set train.epochs=5`."""

    key: str  # dotted path
    text: str  # as YAML
    place: str  # where it was given, for messages


def load(path: Path, overrides: Sequence[Override] = ()) -> StudyConfig:
    """The study file at path with overrides laid over it; StudyFileError with everything that is wrong."""
    return parse(yaml_tree.read(path), overrides, default_name=path.stem, folder=path.parent)


def parse(root: Node, overrides: Sequence[Override], *, default_name: str, folder: Path) -> StudyConfig:
    """A study file's tree as a StudyConfig. Relative data paths are looked up in folder, then here."""
    reader = Reader()
    for override in overrides:
        root = _overridden(reader, root, override)
    sections = reader.mapping(root, "", SECTIONS)
    name = _name(reader, sections.get("name"), default_name)
    data = _data(reader, sections.get("data"), folder, root)
    space_node, train_node = sections.get("space"), sections.get("train")
    fixed = parameters.fixed(reader, train_node)
    space = parameters.space(reader, space_node, fixed, root)
    search = _search(reader, sections.get("search"))
    reader.finish()
    searched = {parameter.name for parameter in space.parameters}
    train = {key: fixed.get(key, default) for key, default in DEFAULTS.items() if key not in searched}
    relevant = {key: value for key, value in train.items() if parameters.can_matter(LEGAL[key], train, space)}
    return StudyConfig(name, data, relevant, space, search)


def stage_space(text: str) -> SearchSpace:
    """A search space read back from its JSON form, as a run folder keeps it for every stage.

    A zoom may have narrowed away the optimizer that momentum goes with, or the value of a condition. That is no
    mistake of anyone, and a later stage may have them back, so here nothing needs to have an effect.
    """
    reader = Reader()
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
    if name is not None and not NAME.fullmatch(name):
        reader.problem(
            node, "name", f"{name!r} cannot name a folder: use letters, digits, '.', '_' and '-', at most 64"
        )
    return name or ""


def _search(reader: Reader, node: Node | None) -> SearchSettings:
    defaults = SearchSettings()
    known = ("method", "mode", "trials", "seed", "metric", "goal", "workers")
    keys = reader.mapping(node, "search", known)

    def of(key: str) -> tuple[Node | None, str]:
        return keys.get(key), f"search.{key}"

    reader.one_of(*of("method"), ("random",))
    if (mode := keys.get("mode")) is not None and mode.value == "panda":
        reader.problem(mode, "search.mode", "panda (babysitting one model) is not there yet: use caviar")
    else:
        reader.one_of(*of("mode"), ("caviar",))
    reader.one_of(*of("goal"), ("minimize",), "losses and errors are better when lower")
    workers = keys.get("workers")
    return SearchSettings(
        trials=reader.whole(*of("trials"), low=1, high=1_000_000) or defaults.trials,
        seed=reader.whole(*of("seed"), low=0, high=2**63 - 1) or 0,
        metric=reader.one_of(*of("metric"), METRICS) or defaults.metric,  # type: ignore[arg-type]
        workers=None
        if workers is None or workers.value == "auto"
        else reader.whole(workers, "search.workers", low=0, high=10_000, also="auto"),
    )


def _data(reader: Reader, node: Node | None, folder: Path, root: Node) -> DataSettings:
    known = tuple(DataSettings().to_json())
    if node is None:
        reader.problem(
            root, "data", "missing: name a built-in set ({source: digits}) or a file ({path: train.csv, target: label})"
        )
        return DataSettings()
    keys = reader.mapping(node, "data", known)

    def of(key: str) -> tuple[Node | None, str]:
        return keys.get(key), f"data.{key}"

    source = reader.one_of(*of("source"), SOURCES)
    path = _path(reader, *of("path"), folder)
    if ("source" in keys) == ("path" in keys):
        found = "both source and path" if "source" in keys else "neither source nor path"
        reader.problem(node, "data", f"{found}: give one of them (sources: {', '.join(SOURCES)})")
    target = reader.text(*of("target"))
    if path is not None and path.lower().endswith(".csv") and "target" not in keys:
        reader.problem(node, "data.target", "missing: which column of the CSV holds the labels?")
    _only(
        reader, keys, ("target", "ignore", "categorical"), path is None or path.lower().endswith(".csv"), "a CSV file"
    )
    _only(reader, keys, ("dev", "test"), "path" in keys, "path")
    _only(
        reader,
        keys,
        ("examples", "noise"),
        source is None or source in GENERATED,
        f"a generated set ({', '.join(GENERATED)})",
    )
    _only(reader, keys, ("classes",), source is None or source in ("spirals", "blobs"), "source: spirals or blobs")
    return DataSettings(
        source=source,
        path=path,
        target=target,
        dev=_path(reader, *of("dev"), folder),
        test=_path(reader, *of("test"), folder),
        ignore=tuple(reader.texts(*of("ignore"))),
        categorical=tuple(reader.texts(*of("categorical"))),
        split=_split(reader, *of("split")),
        examples=reader.whole(*of("examples"), low=10, high=10_000_000) or DataSettings().examples,
        noise=reader.number(*of("noise"), low=0, high=1e6),
        classes=reader.whole(*of("classes"), low=2, high=100),
        seed=reader.whole(*of("seed"), low=0, high=2**63 - 1) or 0,
        bayes_error=reader.number(*of("bayes_error"), low=0, high=1) or 0.0,
    )


def _only(reader: Reader, keys: Mapping[str, Node], names: Sequence[str], holds: bool, what: str) -> None:
    for name in names:
        if name in keys and not holds:
            reader.problem(keys[name], f"data.{name}", f"goes only with {what}", at_key=True)


def _path(reader: Reader, node: Node | None, key: str, folder: Path) -> str | None:
    """An absolute path: of a file beside the study file or, failing that, in the current folder."""
    text = reader.text(node, key)
    if text is None or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        return text  # an address is refused by the loader of data, which knows why
    # these two never raise, as those of Path do: for the home of nobody, a name too long, a folder kept shut
    written = os.path.expanduser(text)  # noqa: PTH111
    beside, here = (folder / written).absolute(), Path(written).absolute()
    return str(here if os.path.exists(here) and not os.path.exists(beside) else beside)  # noqa: PTH110


def _split(reader: Reader, node: Node | None, key: str) -> tuple[float, ...] | None:
    if node is None:
        return None
    parts = [reader.number(part, key, low=0, high=1) for part in reader.items(node, key)]
    shares = tuple(part for part in parts if part is not None)
    if len(shares) != len(parts):
        return None
    if len(shares) not in (2, 3) or min(shares, default=0) <= 0 or abs(sum(shares) - 1) > 1e-9:
        reader.problem(
            node,
            key,
            "expected shares of train, dev and (if wanted) test, each above 0, adding up to 1, as [0.6, 0.2, 0.2]",
        )
        return None
    return shares
