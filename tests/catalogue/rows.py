"""What the rows of the catalogue share: the program run in this process, and what is in a folder before and after."""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from hptune.cli import main


@dataclass(frozen=True, slots=True)
class Ended:
    """How the program has ended, and what it has said."""

    code: int
    output: str
    errors: str

    @property
    def words(self) -> str:
        """All that was said, the lines made one, so that where a text was folded does not matter."""
        return " ".join(f"{self.output} {self.errors}".split())


class _Stream(io.TextIOWrapper):
    """A standard stream that ends in memory."""

    def __init__(self, encoding: str) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding, write_through=True)

    def text(self) -> str:
        return self.bytes.getvalue().decode(self.encoding)


def hptune(*arguments: object, encoding: str = "utf-8", **variables: str) -> Ended:
    """Run the program in this process, as its script does, in the current folder."""
    output, errors = _Stream(encoding), _Stream(encoding)
    environment = {"COLUMNS": "200", **variables}
    argv = ["hptune", *map(str, arguments)]
    with mock.patch.dict(os.environ, environment), mock.patch.object(sys, "argv", argv):
        with redirect_stdout(output), redirect_stderr(errors):
            try:
                main()
            except SystemExit as ended:
                code = ended.code or 0
        assert isinstance(code, int)
    return Ended(code, output.text(), errors.text())


def contents(folder: Path) -> dict[str, tuple[int, object]]:
    """Everything in a folder, by path: what kind it is of, and what is in regular files."""
    return {str(path.relative_to(folder)): (path.lstat().st_mode, _content(path)) for path in sorted(folder.rglob("*"))}


def _content(path: Path) -> object:
    """The bytes of a file, and of a database what it says: each opening for writing counts up in its header.

    Who has held a lock, and since when, is nothing that was created.
    """
    if path.name == ".lock" or not path.is_file() or not os.access(path, os.R_OK) or path.stat().st_size > 2**24:
        return None
    content = path.read_bytes()
    if not content.startswith(b"SQLite format 3\0"):
        return content
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        return list(database.iterdump())


def assert_refused(
    folder: Path, arguments: Sequence[object], code: int, phrases: Sequence[str], **variables: str
) -> Ended:
    """Run it in this folder: the exit code, each phrase, no traceback, and nothing created or changed."""
    before = contents(folder)
    ended = hptune(*arguments, **variables)
    assert ended.code == code, ended
    missing = [phrase for phrase in phrases if phrase not in ended.words]
    assert not missing, (missing, ended.words)
    assert "Traceback" not in ended.errors
    assert contents(folder) == before, "something was created or changed"
    return ended


def is_complete(letter: str, last: int, *found: Sequence[str]) -> None:
    """Every number of the catalogue from 1 to the last is in one of the lists; "Y6 quote" is one of Y6."""
    numbers = {int(name.split()[0].removeprefix(letter)) for names in found for name in names}
    assert numbers == set(range(1, last + 1)), f"{letter}: {sorted(set(range(1, last + 1)) ^ numbers)}"


Make = Callable[[Path], object]
"""What writes the file of a row into a path, where text does not do."""


def write(path: Path, content: str | bytes | Make) -> None:
    """The file of a row."""
    if callable(content):
        content(path)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
