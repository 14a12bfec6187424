"""Strict YAML text to a tree in which every value knows where it stands.

What YAML 1.1 would read differently from what a person meant (`no`, `010`, `12:30`, a repeated key) and what makes it
dangerous (tags, anchors, merge keys, depth) is refused with its place. It knows nothing of what a study file means.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from hptune.config.other_words import glued
from hptune.config.yaml_scalars import NUMBER, Scalar, reads_as_text, resolve
from hptune.config.yaml_syntax import SYNTAX, TOKENS
from hptune.errors import Problem, StudyFileError
from hptune.wording import visible

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 50_000  # PyYAML needs some 50 microseconds for each
MAX_PROBLEMS = 100

EXAMPLE = "  data: {source: digits}\n  space: {learning_rate: {scale: log, low: 1e-4, high: 1}}"

WHOLE = re.compile("0|[1-9][0-9]{0,17}")  # a name that means itself, as the epochs of {10: 0.1}
LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # as PyYAML counts lines


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, mapping or list with its place, such as "study.yaml:7:3" (line and column from 1)."""

    place: str
    value: Scalar | dict[str, Node] | list[Node]
    key_place: str  # where its key stands, for a value of a mapping; else the same as place
    plain: bool  # a scalar written without quotes
    refused: bool = False  # its notation is a problem already, so that nothing more is to be said about its value


class NotationError(StudyFileError):
    """What is wrong with the notation of a file whose structure is sound; root is its tree all the same."""

    def __init__(self, problems: Sequence[Problem], root: Node) -> None:
        super().__init__(problems)
        self.root = root


def read(path: Path) -> Node:
    """Parse a file of at most 1 MiB of UTF-8."""
    name = visible(str(path))
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _error(name, "cannot read it: it is a directory, expected a YAML file")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for its writer
            raise _error(name, "cannot read it: it is not a regular file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _error(name, "cannot read it: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _error(name, f"cannot read it: {reason}") from None
    if len(data) > MAX_BYTES:
        raise _error(name, f"the file is too large: the limit is {MAX_BYTES:,} bytes (1 MiB)")
    return parse(_decode(data, name), name)


def parse(text: str, name: str) -> Node:
    """Parse one YAML document; `name` stands before line and column in every place."""
    root = _Builder(text, name, is_file=True).build()
    if root is None or (root.plain and root.value is None and _only_comments(text)):
        raise _error(f"{name}:1:1", f"the file is empty; a small study is\n{EXAMPLE}")
    return root


def parse_value(text: str, place: str) -> Node:
    """Parse one value as written after "=" in `--set a.b=VALUE`; every place in it is `place`."""
    root = _Builder(text, place, is_file=False).build()
    if root is None and text.strip():
        raise _error(place, f"{_shown(text)} is only a comment: quote the value")
    return root or Node(place, None, place, plain=True)


def plain_tree(node: Node) -> Any:
    """The values alone, as dict, list and scalars."""
    if isinstance(node.value, dict):
        return {name: plain_tree(child) for name, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain_tree(child) for child in node.value]
    return node.value


@dataclass(slots=True)
class _Open:
    """A collection that is being read, with the key whose value comes next."""

    node: Node
    is_flow: bool
    path: str
    name: str | None = None
    key: Node | None = None
    lines: dict[str, int] = field(default_factory=dict)  # of the keys so far


class _Builder:
    """Builds the tree from PyYAML's events, so that nothing is composed, constructed or recursive."""

    def __init__(self, text: str, name: str, *, is_file: bool) -> None:
        self.text, self.name, self.is_file = text, name, is_file
        self.problems: list[Problem] = []
        self.stack: list[_Open] = []
        self.root: Node | None = None
        self.values = 0
        self.documents = 0
        self.halted = False  # what follows would only repeat the problem, or take long
        self.is_sound = True  # the tree has the shape that was meant, whatever some of its values are

    def build(self) -> Node | None:
        for event in self._events():
            self._take(event)
            if self.halted or len(self.problems) >= MAX_PROBLEMS:
                self.is_sound = False
                break
        if self.problems and self.root is not None and self.is_sound:
            raise NotationError(self.problems, self.root)
        if self.problems:
            raise StudyFileError(self.problems)
        return self.root

    def _events(self) -> Iterator[yaml.Event]:
        loader = None
        try:
            loader = yaml.SafeLoader(self.text)
            while loader.check_event():
                yield loader.get_event()  # type: ignore[no-untyped-call]
        except yaml.reader.ReaderError as error:
            breaks = LINE_BREAK.split(self.text[: error.position])
            character = ascii(self.text[error.position])
            message = f"character {character} cannot stand in a study file: remove it, and save the file as UTF-8 text"
            self._report((len(breaks) - 1, len(breaks[-1])), message, path="", is_sound=False)
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
        except (ValueError, OverflowError):  # "\UFFFFFFFF" and a %YAML of 5,000 digits
            mark = loader.get_mark() if loader else None
            self._report(
                _spot(mark),
                "not valid YAML: the number in this escape or directive is too large",
                path="",
                is_sound=False,
            )

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._document(event)
            case yaml.AliasEvent():
                self._report(
                    _spot(event.start_mark),
                    f"aliases (*{_cut(event.anchor or '')}) are not supported: write the value out",
                )
                self._attach(replace(self._node(event, None, plain=False), refused=True), event)
            case yaml.ScalarEvent():
                self._refuse_properties(event)
                self._attach(self._node(event, event.value, plain=event.style is None), event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._refuse_properties(event)
                self._open(event)
            case yaml.CollectionEndEvent():
                self.stack.pop()

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            self._halt(event, "only one document is allowed: remove the second part, from '---' on")
        elif event.explicit and not self.is_file:
            self._halt(event, "expected one value, found a document ('---'): quote the value if it is text")

    def _open(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self._halt(event, f"nested too deeply: at most {MAX_DEPTH} levels")
        elif not (self.is_file or event.flow_style):
            self._halt(event, "expected one value: write a list as [1, 2], a mapping as {a: 1}, or quote the text")
        else:
            node = self._node(event, [] if isinstance(event, yaml.SequenceStartEvent) else {}, plain=False)
            path = self._path()
            self._attach(node, event)
            self.stack.append(_Open(node, bool(event.flow_style), path))

    def _refuse_properties(self, event: yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        if event.tag is not None:
            self._report(_spot(event.start_mark), f"tags ({_shown(event.tag)}) are not supported: remove the tag")
        if event.anchor is not None:
            self._report(
                _spot(event.start_mark), f"anchors (&{_cut(event.anchor)}) are not supported: remove the anchor"
            )

    def _node(self, event: yaml.Event, value: Any, *, plain: bool) -> Node:
        place = self._place(_spot(event.start_mark))
        key = self.stack[-1].key if self.stack else None
        return Node(place, value, key.place if key else place, plain)

    def _attach(self, node: Node, event: yaml.Event) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            self._halt(event, f"too many values: at most {MAX_VALUES:,} in a study file")
            return
        parent = self.stack[-1] if self.stack else None
        if parent and isinstance(parent.node.value, dict) and parent.key is None:
            parent.key = node
            parent.name = self._key(node, event, parent)
            return
        self._glued_colon(node, event, parent)
        node = self._scalar(node, event)
        if parent and parent.key and parent.key.refused:
            node = replace(node, refused=True)
        if parent is None:
            self.root = node
        elif isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif isinstance(parent.node.value, dict):
            if parent.name is not None:
                parent.node.value.setdefault(parent.name, node)
            parent.key = parent.name = None

    def _scalar(self, node: Node, event: yaml.Event) -> Node:
        if not isinstance(event, yaml.ScalarEvent):
            return node
        value: Scalar = event.value
        if node.plain and event.tag is None:
            try:
                value = resolve(event.value)
            except ValueError as reason:
                self._report(_spot(event.start_mark), f"{_shown(event.value)} {reason}")
                return replace(node, refused=True)
        is_refused = isinstance(value, str) and self._refuse_unwritable(value, event)
        return replace(node, value=value, refused=is_refused or event.tag is not None)

    def _key(self, node: Node, event: yaml.Event, parent: _Open) -> str | None:
        """The name a key gives, or None where it gives none and its value is only looked through."""
        spot = _spot(event.start_mark)
        if not isinstance(event, yaml.ScalarEvent):
            if not isinstance(event, yaml.AliasEvent):
                self._report(spot, "names must be text, found a list or a mapping", is_sound=False)
            return None
        name: str = event.value
        if node.plain and name.isdigit() and self._decimal_comma(node, event, parent):
            return None
        if node.plain and name == "<<":
            self._report(spot, "merge keys (<<) are not supported: write the values out", is_sound=False)
        elif not name.strip():
            self._report(spot, 'expected a name before ":", found none')
        elif node.plain and not (reads_as_text(name) or WHOLE.fullmatch(name)):
            is_number = NUMBER.fullmatch(name) is not None
            todo = "an epoch is a whole number, as 10; if it is text, quote it" if is_number else "quote it"
            self._report(spot, f"names must be text, and YAML reads {_shown(name)} as something else: {todo}")
            if is_number:  # so that the factors of a schedule are refused, and not missing
                parent.key = replace(node, refused=True)
                return name
        elif name in parent.lines:
            first = f" (first on line {parent.lines[name]})" if self.is_file else ""
            self._report(spot, f"{_shown(name)} is given twice{first}: keep one of them")
        else:
            parent.lines[name] = spot[0] + 1
            self._refuse_unwritable(name, event)
            return name
        return None

    def _decimal_comma(self, node: Node, event: yaml.ScalarEvent, parent: _Open) -> bool:
        """`{low: 0,01}` is YAML for low: 0 and a name 01, which nobody means; the value before it is refused, too."""
        assert event.start_mark is not None
        assert event.end_mark is not None
        at, after = event.start_mark.index, self.text[event.end_mark.index :].lstrip()[:1]
        whole = re.search(r"(-?[0-9]+),$", self.text[max(0, at - 30) : at])
        if not (parent.is_flow and whole and after in (",", "}")):
            return False
        spot = (event.start_mark.line, event.start_mark.column - len(whole[0]))
        self._report(spot, f"a decimal comma in '{whole[0]}{event.value}': write {whole[1]}.{event.value}")
        above = parent.node.value
        if isinstance(above, dict) and above:
            last = next(reversed(above))
            above[last] = replace(above[last], refused=True)
        parent.key = replace(node, refused=True)
        return True

    def _glued_colon(self, node: Node, event: yaml.Event, parent: _Open | None) -> None:
        """`{low:1}` is YAML for a name "low:1" without a value, which nobody means."""
        if not (parent and parent.is_flow and parent.key and parent.key.plain and node.plain):
            return
        if node.value == "" and ":" in (parent.name or ""):
            what = f'write a space after ":" in {_shown(parent.name or "")}'
            self._report(_spot(event.start_mark), what, is_sound=False)

    def _refuse_unwritable(self, text: str, event: yaml.Event) -> bool:
        """Escapes in double quotes can make characters that no terminal or file should get."""
        found = re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)
        if found:
            self._report(_spot(event.start_mark), f"{_shown(text)} holds the control character {found[0]!a}")
        return found is not None

    def _syntax(self, error: yaml.MarkedYAMLError) -> None:
        said = f"{error.context or ''} {error.problem or ''}"
        spot = _spot(error.problem_mark or error.context_mark)
        start = _spot(error.context_mark or error.problem_mark)
        if "mapping values are not allowed" in said:
            self._report(spot, self._second_colon(spot), path="", is_sound=False)
            return
        for pattern, message, at_start in SYNTAX:
            if found := re.search(pattern, said):
                words = [TOKENS.get(word, f'"{word}"') for word in found.groups()]
                at = f" before line {spot[0] + 1}, column {spot[1] + 1}" if self.is_file else ""
                self._report(start if at_start else spot, message.format(*words, at=at), path="", is_sound=False)
                return
        self._report(spot, f"not valid YAML: {visible(_cut(said.strip(), 200))}", path="", is_sound=False)

    def _second_colon(self, spot: tuple[int, int]) -> str:
        lines = LINE_BREAK.split(self.text)
        before = lines[spot[0]][: spot[1]] if spot[0] < len(lines) else ""
        if self.is_file and (name := glued(before)):
            return f"write a space after {name!r}"
        if not self.is_file or re.search(r":\s", before):
            return 'a value without quotes cannot hold ": ": quote the value'
        return (
            'a name is not expected here: check the indentation, and for a missing space after ":" in the line before'
        )

    def _place(self, spot: tuple[int, int]) -> str:
        return f"{self.name}:{spot[0] + 1}:{spot[1] + 1}" if self.is_file else self.name

    def _halt(self, event: yaml.Event, message: str) -> None:
        self._report(_spot(event.start_mark), message)
        self.halted = True

    def _report(self, spot: tuple[int, int], message: str, *, path: str | None = None, is_sound: bool = True) -> None:
        self.is_sound = self.is_sound and is_sound
        self.problems.append(Problem(self._place(spot), self._path() if path is None else path, message))

    def _path(self) -> str:
        """The dotted path of the value that comes next."""
        if not self.stack:
            return ""
        names = (self.stack[-1].path, visible(_cut(self.stack[-1].name or "")))
        return ".".join(name for name in names if name)


def _decode(data: bytes, name: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _error(f"{name}:1:1", "the file is UTF-16: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # error.start counts from after the byte order mark, so the offset is measured in what was decoded
        skipped = len(data) - len(error.object)
        before = error.object[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        line = before.count(b"\n") + 1
        byte = error.object[error.start]
        message = f"byte 0x{byte:02x} at offset {error.start + skipped} is not UTF-8: save the file as UTF-8"
        raise _error(f"{name}:{line}:{column}", message) from None


def _error(place: str, message: str) -> StudyFileError:
    return StudyFileError([Problem(place, "", message)])


def _spot(mark: Any) -> tuple[int, int]:
    """Line and column from 0."""
    return (mark.line, mark.column) if mark else (0, 0)


def _only_comments(text: str) -> bool:
    return all(line.strip() in ("", "---", "...") or line.lstrip().startswith("#") for line in text.splitlines())


def _shown(text: str) -> str:
    return repr(_cut(text))


def _cut(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
