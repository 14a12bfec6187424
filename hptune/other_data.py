"""A study on other data than its own: another file that is read in the same way, or a built-in set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hptune import rights
from hptune.config import study_file, yaml_tree
from hptune.config.study_file import Override, StudyConfig, to_yaml
from hptune.data.settings import LABELS, SOURCES
from hptune.errors import Problem, StudyFileError, UsageError

# what is said of one file or one set, and goes with it
OF_FILES = ("path", "dev", "test", *LABELS.values())
OF_SETS = ("source", "examples", "noise", "classes")

UNSEEN = "--data"  # name of the study as it is made here


def config_on(config: StudyConfig, data: str, overrides: Sequence[Override]) -> StudyConfig:
    """The study with its data section on other data, a file or the name of a built-in set, as overrides change it.

    A file is read as the study's own is; what was a file of its own for dev or test is split off.

    Raises:
        StudyFileError: the section is not right.
        UsageError: the data are for another task.

    """
    plain: dict[str, Any] = config.plain()
    section = plain["data"]
    if data in SOURCES and not rights.exists(Path(data)):
        kept = {key: section[key] for key in ("split", "seed") if key in section}
        kept |= {key: section[key] for key in OF_SETS if key in section} if section.get("source") == data else {}
        plain["data"] = {**kept, "source": data}
        key = "data.source"
    else:
        plain["data"] = {key: value for key, value in section.items() if key not in (*OF_FILES, *OF_SETS)}
        key = "data.path"
    root = yaml_tree.parse(to_yaml(plain), UNSEEN)
    given = Override(key, json.dumps(data), f"--data {data}")
    try:
        found = study_file.parse(root, (given, *overrides), default_name=config.name, folder=Path())
    except StudyFileError as error:
        raise StudyFileError(_at_the_option(problem, given.place) for problem in error.problems) from error
    if found.data.task != config.data.task:
        what = f"a set for {found.data.task}, but the run is of {config.data.task}"
        raise UsageError(f"--data {data}: {what}: take data of the same task")
    return replace(config, data=found.data)


def _at_the_option(problem: Problem, place: str) -> Problem:
    """A problem of the study as it is made here, whose lines nobody sees, with what the command line has against it."""
    if not problem.place.startswith(f"{UNSEEN}:"):
        return problem
    if not problem.message.startswith("missing"):
        return replace(problem, place=place)
    value = "NAME" if problem.key == "data.target" else "FILE"
    return replace(problem, place=place, message=f"{problem.message} Say it with --set {problem.key}={value}")
