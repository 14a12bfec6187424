"""What can go wrong, by who has to act. Each error carries the exit code of the program.

HptuneError (1)          something hptune did not foresee, or a worker that cannot start
├── UsageError (2)       the command line
├── StudyFileError (3)   the study file; all of its problems at once
├── DataError (3)        the data named in the study file
├── RunInUseError (5)    another hptune is writing to the run
├── RunDamagedError (6)  a run folder that cannot be read
│   └── FormatError      one that another hptune can
├── StorageError (7)     a folder or disk that cannot be written
└── StoppedError (128 + the signal)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 50  # problems of a study file


class HptuneError(Exception):
    """Base of every error that is shown as a message instead of a traceback."""

    exit_code = 1


class UsageError(HptuneError):
    """The command line asks for something that does not exist or cannot be."""

    exit_code = 2


class DataError(HptuneError):
    """The data cannot be used: a missing file, a bad cell, a single class."""

    exit_code = 3


class RunInUseError(HptuneError):
    """Another process holds the run's lock."""

    exit_code = 5


class RunDamagedError(HptuneError):
    """A run folder lacks its database, or the database cannot be read."""

    exit_code = 6


class FormatError(RunDamagedError):
    """The database has the format of another version of hptune."""

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state  # for a list of runs: newer format, older format


class StorageError(HptuneError):
    """The run folder cannot be created or written."""

    exit_code = 7


class StoppedError(HptuneError):
    """A signal ended the program."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a study file: where it stands, which key, what to do about it."""

    place: str  # "study.yaml:7:3" (line and column from 1) or "--set space.x=1"
    key: str  # dotted path, "" for the file as a whole
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"


class StudyFileError(HptuneError):
    """Everything that is wrong with a study file; its text has the first of very many problems."""

    exit_code = 3

    def __init__(self, problems: Iterable[Problem], data: str = "") -> None:
        """Its problems and, in words of their own, those of its data where these have been looked at."""
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        if hidden := len(self.problems) - len(lines):
            lines.append(f"{self.problems[SHOWN].place}: and {hidden:,} more from here on")
        super().__init__("\n".join([*lines, *([data] if data else [])]))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' Did you mean "low"?' for the nearest known name, or an empty text where none is near; case counts nothing."""
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return f' Did you mean "{folded[near[0]]}"?' if near else ""
