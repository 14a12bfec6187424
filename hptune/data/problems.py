"""What is wrong with one data file: collected while it is read, then raised together.

Each problem becomes one line of text that begins with the path and, where there is one, the line in the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hptune.errors import DataError

SHOWN = 20
KEPT = 10_000
LONGEST = 60  # characters of a cell or a list that a message repeats


@dataclass(slots=True)
class FileProblems:
    """The problems of one file so far: of very many only the first in the order of the file."""

    path: str
    unit: str = "line"  # of the places; "row" where a file has no lines
    found: list[tuple[int, str]] = field(default_factory=list)  # line (0: the file as a whole), message
    hidden: int = 0  # that have been dropped
    notes: list[str] = field(default_factory=list)  # what is no problem, but worth a word
    unseen: bool = False  # whether no study names the file, so that none can be changed for it

    def add(self, message: str, line: int = 0) -> None:
        self.found.append((line, message))
        if len(self.found) >= KEPT:  # a table may have millions of bad cells
            self.found.sort(key=lambda problem: problem[0])
            self.hidden += len(self.found) - SHOWN
            del self.found[SHOWN:]

    def note(self, message: str) -> None:
        """Keep what the owner of the file should know of how it was read."""
        self.notes.append(f"{self.path}: {message}")

    def raise_any(self) -> None:
        """A DataError of the first problems in the order of the file, if there are any."""
        if not self.found:
            return
        ordered = sorted(self.found, key=lambda problem: problem[0])
        text = [f"{self.path}{self._place(line)}: {message}" for line, message in ordered]
        hidden = len(text) - SHOWN + self.hidden
        raise DataError("\n".join(text[:SHOWN] + ([f"{self.path}: and {hidden} more"] if hidden > 0 else [])))

    def _place(self, line: int) -> str:
        if not line:
            return ""
        return f":{line}" if self.unit == "line" else f": {self.unit} {line}"


def raise_all(*files: FileProblems) -> None:
    """One DataError with the problems of all files that have any."""
    messages = []
    for problems in {id(problems): problems for problems in files}.values():  # each once
        try:
            problems.raise_any()
        except DataError as error:
            messages.append(str(error))
    if messages:
        raise DataError("\n".join(messages))


def quoted(text: str) -> str:
    """The text in double quotes, shortened, with nothing in it that a terminal would act on."""
    short = text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
    return f'"{repr(short)[1:-1]}"'


def listed(names: Iterable[str], most: int = 12) -> str:
    """'"a", "b", "c"', and how many there are if not all are shown."""
    names = tuple(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(quoted, names[:most])) + rest
