"""The data section of a study file: which data, and whether its files are there. What is in them is read elsewhere."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from hptune.config.reader import Reader, found
from hptune.config.yaml_tree import Node
from hptune.data.kinds import PAIRS, TABLES, kind, problem_of_kind
from hptune.data.settings import CLASSES, FEWEST_PER_CLASS, LABELS, MISSING, SOURCES, TASKS, DataSettings
from hptune.places import absolute

_NAMES = {"csv": "CSV", "tsv": "TSV", "parquet": "Parquet file"}  # of tables
KEYS = tuple(DataSettings().to_json())
CHANGEABLE_CLASSES = ("spirals", "blobs")


def read(reader: Reader, node: Node | None, root: Node, folder: Path | None) -> DataSettings:
    """The section, checked; root is where it is missed. folder is as in study_file.parse."""
    if node is None:
        what = "name a built-in set ({source: digits}) or a file ({path: train.csv, target: label})"
        reader.problem(root, "data", f"missing: {what}")
        return DataSettings()
    keys = reader.mapping(node, "data", KEYS)

    def of(key: str) -> tuple[Node | None, str]:
        return keys.get(key), f"data.{key}"

    settings = DataSettings(
        source=(source := reader.one_of(*of("source"), SOURCES)),
        task=_task(reader, *of("task"), source),
        path=_path(reader, *of("path"), folder),
        labels=_path(reader, *of("labels"), folder),
        dev_labels=_path(reader, *of("dev_labels"), folder),
        test_labels=_path(reader, *of("test_labels"), folder),
        target=reader.text(*of("target")),
        dev=_path(reader, *of("dev"), folder),
        test=_path(reader, *of("test"), folder),
        ignore=tuple(reader.texts(*of("ignore"), or_empty=True)),
        categorical=tuple(reader.texts(*of("categorical"))),
        missing=reader.one_of(*of("missing"), MISSING) or MISSING[0],
        missing_values=_missing_values(reader, *of("missing_values")),
        image=_image(reader, *of("image")),
        split=_split(reader, *of("split")),
        examples=reader.whole(*of("examples"), low=10, high=10_000_000) or DataSettings().examples,
        noise=reader.number(*of("noise"), low=0, high=1e6),
        classes=reader.whole(*of("classes"), low=2, high=100),
        seed=reader.whole(*of("seed"), low=0, high=2**63 - 1) or 0,
        bayes_error=reader.number(*of("bayes_error"), low=0, high=1) or 0.0,
    )
    _check_together(reader, node, keys, settings)
    return settings


def says_no_images(node: Node | None, settings: DataSettings) -> bool:
    """Whether the section alone tells that the examples are no images, without a look into a file."""
    is_table = settings.path is not None and kind(settings.path) in TABLES
    has_image = node is not None and isinstance(node.value, dict) and "image" in node.value
    return not has_image and (is_table or settings.source in CLASSES) and not (settings.path and settings.source)


def _task(reader: Reader, node: Node | None, key: str, source: str | None) -> str:
    """That of the built-in set; of files classification unless told otherwise."""
    task = reader.one_of(node, key, TASKS)
    own = None if source is None else TASKS[CLASSES.get(source) == 0]
    if node is not None and task is not None and own is not None and task != own:
        reader.problem(node, key, f"source: {source} is for {own}: remove it, or take another source")
    return own or task or TASKS[0]


def _check_together(reader: Reader, node: Node, keys: Mapping[str, Node], settings: DataSettings) -> None:
    """Which keys go with which."""
    source, path = settings.source, settings.path
    if ("source" in keys) == ("path" in keys):
        found = "both source and path" if "source" in keys else "neither source nor path"
        reader.problem(node, "data", f"{found}: give one of them (sources: {', '.join(SOURCES)})")
    is_table = path is not None and kind(path) in TABLES
    if path is not None and is_table and "target" not in keys:
        reader.problem(node, "data.target", f"missing: which column of the {_NAMES[kind(path)]} holds the labels?")
    is_pair = path is not None and kind(path) in PAIRS
    if is_pair:
        _check_labels(reader, node, keys)
    # a source or path that is wrong itself says nothing about its companions
    is_file, is_generated = "path" in keys, source is None or source in CLASSES
    is_any_file = is_file and not (path and kind(path))
    can_have_classes = source is None or source in CHANGEABLE_CLASSES
    for names, holds, what in (
        (("target", "ignore", "categorical"), is_table or is_any_file, "a CSV, TSV or Parquet file"),
        (tuple(LABELS.values()), is_pair or is_any_file, "an NPY or IDX file"),
        (("dev", "test", "missing", "missing_values", "image"), is_file, "path"),
        (("examples", "noise"), is_generated and not is_file, f"a generated set ({', '.join(CLASSES)})"),
        (("classes",), can_have_classes and not is_file, f"source: {' or '.join(CHANGEABLE_CLASSES)}"),
    ):
        for name in names:
            if name in keys and not holds:
                reader.problem(keys[name], f"data.{name}", f"goes only with {what}", at_key=True)
    if source is not None and source in CLASSES:
        classes = (settings.classes if can_have_classes else None) or CLASSES[source]
        if settings.examples < FEWEST_PER_CLASS * classes:
            least = f"{FEWEST_PER_CLASS * classes} for {classes} classes"
            reader.problem(keys.get("examples", node), "data.examples", f"too few: expected at least {least}")


def _check_labels(reader: Reader, node: Node, keys: Mapping[str, Node]) -> None:
    """Whether every file of X has one of y, and the other way round."""
    for x, y in LABELS.items():
        if x in keys and y not in keys:
            reader.problem(node, f"data.{y}", f"missing: which file holds y, the labels of the examples in {x}?")
        elif y in keys and x not in keys:
            reader.problem(keys[y], f"data.{y}", f"goes only with data.{x}", at_key=True)


def _path(reader: Reader, node: Node | None, key: str, folder: Path | None) -> str | None:
    """An absolute path: of a file beside the study file or, failing that, in the current folder."""
    text = reader.text(node, key)
    if node is None or text is None or folder is None:
        return text
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        reader.problem(node, key, "an address; only files of this machine can be read: download it first")
        return None
    # these never raise, as those of Path do: for the home of nobody, a name too long, a folder kept shut
    written = os.path.expanduser(text)  # noqa: PTH111
    beside, here = absolute(folder / written), absolute(Path(written))
    found = next((place for place in (beside, here) if os.path.exists(place)), None)  # noqa: PTH110
    if found is None:
        places = f"{beside}" if beside == here else f"{beside} and {here}"
        reader.problem(node, key, _broken_link(beside) or _broken_link(here) or f"no such file: looked for {places}")
        return None
    if why := problem_of_kind(str(found)):
        reader.problem(node, key, why)
        return None
    return str(found)


def _broken_link(place: Path) -> str:
    """What is wrong with a path at which there is no file, but a link; empty where there is none either."""
    try:
        place.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if getattr(error, "errno", None) == errno.ELOOP:
            return f"{place} leads in a circle of symbolic links: name the file itself"
    if not os.path.islink(place):  # noqa: PTH114  (it raises nothing)
        return ""
    return f"{place} is a symbolic link to {os.readlink(place)}, which is not there"  # noqa: PTH115


def _missing_values(reader: Reader, node: Node | None, key: str) -> tuple[str, ...] | None:
    """Texts, or numbers as they are written."""
    if node is None:
        return None
    items = node.value if isinstance(node.value, list) else [node]
    wrong = [item for item in items if isinstance(item.value, bool) or not isinstance(item.value, str | int | float)]
    for item in wrong or ([] if items else [node]):
        what = "texts or numbers that stand for a missing value, as [NA, -999]; with [''] only an empty cell does"
        reader.problem(item, key, f"expected {what}, found {found(item)}")
    return tuple(dict.fromkeys(str(item.value).strip() for item in items if item not in wrong))


def _image(reader: Reader, node: Node | None, key: str) -> tuple[int, int, int] | None:
    """Height, width and channels, of which there is one where they are not given."""
    if node is None:
        return None
    parts = node.value if isinstance(node.value, list) else []
    lengths = [reader.whole(part, key, low=1, high=1_000_000) for part in parts]
    known = [length for length in lengths if length is not None]
    if len(parts) not in (2, 3):
        reader.problem(node, key, "expected [height, width] or [height, width, channels] of images, as [28, 28]")
    if len(known) != len(parts) or len(known) not in (2, 3):
        return None
    return known[0], known[1], known[2] if len(known) == 3 else 1


def _split(reader: Reader, node: Node | None, key: str) -> tuple[float, ...] | None:
    what = "shares of train, dev and (if wanted) test, each above 0, adding up to 1, as [0.6, 0.2, 0.2]"
    if node is None:
        return None
    if not isinstance(node.value, list):
        reader.problem(node, key, f"expected {what}")
        return None
    parts = [reader.number(part, key, low=0, high=1) for part in node.value]
    shares = tuple(part for part in parts if part is not None)
    if len(shares) != len(parts):
        return None
    if len(shares) not in (2, 3) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        reader.problem(node, key, f"expected {what}")
        return None
    return shares
