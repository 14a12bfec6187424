"""Reading a positioned YAML tree key by key, collecting problems instead of stopping at the first.

Every method returns the value, or None where it is absent or wrong; wrong values are remembered, and
finish() raises them all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from hptune.config.other_words import Places, glued, hint_of_number
from hptune.config.yaml_tree import Node
from hptune.errors import Problem, StudyFileError, did_you_mean


def found(node: Node) -> str:
    """What stands there, for a message."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "nothing"
    text = repr(node.value) if not isinstance(node.value, bool) else str(node.value).lower()
    return text if len(text) <= 60 else text[:57] + "..."


class Reader:
    """A collector of problems with readers for the kinds of values a study file has."""

    def __init__(self, places: Places | None = None) -> None:
        """A reader that has found nothing yet; places says in which section a key stands that is missed in another."""
        self._problems: list[Problem] = []
        self._places = places or Places({})

    def problem(self, node: Node, key: str, message: str, *, at_key: bool = False) -> None:
        """Remember a problem; about a value whose notation is one already there is nothing more to say."""
        if node.refused and not at_key:
            return
        self._problems.append(Problem(node.key_place if at_key else node.place, key, message))

    def include(self, error: StudyFileError) -> None:
        """Remember the problems of a part that could not be read."""
        self._problems.extend(error.problems)

    @property
    def keys(self) -> tuple[str, ...]:
        """Those that problems were found with so far."""
        return tuple(problem.key for problem in self._problems)

    def finish(self) -> None:
        """Raise StudyFileError with all problems, if there are any."""
        if self._problems:
            raise StudyFileError(sorted(self._problems, key=_reading_order))

    def mapping(
        self, node: Node | None, key: str, known: Sequence[str], elsewhere: Mapping[str, str] | None = None
    ) -> Mapping[str, Node]:
        """The keys of a mapping; unknown ones are problems. elsewhere translates the names of other tools."""
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            name = glued(node.value) if isinstance(node.value, str) and node.plain else ""
            hint = f": write a space after {name!r}" if name else ""
            self.problem(node, key, f"expected keys ({', '.join(known)}), found {found(node)}{hint}")
            return {}
        is_listed = False
        for name, value in node.value.items():
            if name in known:
                continue
            here = (elsewhere or {}).get(name) or self._places.of(name, apart_from=(key,))
            advice = f" Write {here}." if here else did_you_mean(name, known)
            if joined := glued(name):
                advice = f" Write a space after {joined!r}."
            if not advice and not is_listed:  # once is enough
                advice, is_listed = f" Allowed: {', '.join(known)}.", True
            self.problem(value, f"{key}.{name}" if key else name, "unknown key." + advice, at_key=True)
        return node.value

    def items(self, node: Node, key: str) -> Sequence[Node]:
        if isinstance(node.value, list):
            return node.value
        self.problem(node, key, f"expected a list, as [a, b], found {found(node)}")
        return ()

    def text(self, node: Node | None, key: str, *, or_empty: bool = False) -> str | None:
        if node is None:
            return None
        if isinstance(node.value, str) and (node.value or or_empty):
            return node.value
        hint = "; put it in quotes" if isinstance(node.value, int | float) else ""
        self.problem(node, key, f"expected text, found {found(node) if node.value != '' else 'an empty text'}{hint}")
        return None

    def texts(self, node: Node | None, key: str, *, or_empty: bool = False) -> list[str]:
        """A list of texts, or a single one."""
        if node is None:
            return []
        items = [node] if isinstance(node.value, str) else self.items(node, key)
        return [text for item in items if (text := self.text(item, key, or_empty=or_empty)) is not None]

    def one_of(
        self,
        node: Node | None,
        key: str,
        allowed: Sequence[str],
        why: str = "",
        elsewhere: Mapping[str, str] | None = None,
    ) -> str | None:
        """One of several words; elsewhere translates those of other tools, in small letters."""
        if node is None:
            return None
        if isinstance(node.value, str) and node.value in allowed:
            return node.value
        word = node.value.casefold() if isinstance(node.value, str) else ""
        translated = (elsewhere or {}).get(word, "")
        near = f" Write {translated}" if translated else did_you_mean(word, allowed) if word else ""
        reason = f" ({why})" if why else ""
        message = f"expected {' or '.join(allowed)}{reason}, found {found(node)}"
        self.problem(node, key, f"{message}.{near}" if near else message)
        return None

    def number(self, node: Node | None, key: str, low: float = -math.inf, high: float = math.inf) -> float | int | None:
        """A finite number; what was written as a whole number stays one."""
        if node is None:
            return None
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.problem(node, key, f"expected a number, found {found(node)}{_hint(node)}")
        elif not math.isfinite(value):
            self.problem(node, key, f"expected a finite number, found {value}")
        elif not low <= value <= high:
            self.problem(node, key, f"expected a number{_range(low, high)}, found {value}")
        else:
            return value
        return None

    def real(self, node: Node | None, key: str) -> float | None:
        """A finite number as a float; -0.0 becomes 0.0."""
        value = self.number(node, key)
        return None if value is None else float(value) + 0.0

    def whole(
        self, node: Node | None, key: str, low: float = -math.inf, high: float = math.inf, also: str = ""
    ) -> int | None:
        """A whole number; 1e3 is one, 1.5 is not."""
        if node is None:
            return None
        value = node.value
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            other = f" or {also}" if also else ""
            message = f"expected a whole number{_range(low, high)}{other}, found {found(node)}{_hint(node)}"
            self.problem(node, key, message)
            return None
        return value

    def truth(self, node: Node | None, key: str, *, default: bool) -> bool:
        if node is None:
            return default
        if isinstance(node.value, bool):
            return node.value
        self.problem(node, key, f"expected true or false, found {found(node)}")
        return default

    def override(self, root: Node, path: str, value: Node) -> Node:
        """The tree with value put at a dotted path; mappings on the way are made where they are missing."""
        names = path.split(".")
        if not all(names):
            self.problem(value, path, "expected the dotted path of a key, such as train.epochs or space.dropout.high")
            return root
        return self._put(root, names, value, "")

    def _put(self, node: Node, path: Sequence[str], value: Node, above: str) -> Node:
        if not path:
            return value
        if node.value is None:
            node = Node(node.place, {}, node.key_place, plain=True)
        if not isinstance(node.value, dict):
            if above:
                message = f"{above} is {found(node)}, not a mapping: set {above} as a whole"
                self.problem(value, f"{above}.{path[0]}", message)
            return node
        empty = Node(value.place, {}, value.place, plain=True)
        below = self._put(node.value.get(path[0], empty), path[1:], value, f"{above}.{path[0]}" if above else path[0])
        return Node(node.place, {**node.value, path[0]: below}, node.key_place, node.plain)


def _hint(node: Node) -> str:
    """What to write instead of a text where a number is expected, as the end of a message."""
    if isinstance(node.value, str) and not node.plain and is_number(node.value):
        return "; remove the quotes"
    return hint_of_number(node.value)


def _reading_order(problem: Problem) -> tuple[int, ...]:
    """Line and column, from "study.yaml:7:3"; what was given outside the file comes first."""
    numbers = re.search(r":(\d+):(\d+)$", problem.place)
    return tuple(int(number) for number in numbers.groups()) if numbers else (0,)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _range(low: float, high: float) -> str:
    """A closed range in words; ends beyond 2^53 only keep numbers exact and go unsaid."""
    if abs(low) >= 2**53:
        return ""
    return f" of at least {low:,.15g}" if abs(high) >= 2**53 else f" from {low:,.15g} to {high:,.15g}"
