"""The study file as a run keeps it, for both halves: the one that trains and the one that reads.

A run's database holds the resolved study file as text and the search space of every stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hptune.config import study_file, yaml_tree
from hptune.config.study_file import StudyConfig
from hptune.effects import effective
from hptune.errors import RunDamagedError, StudyFileError
from hptune.runs import RunFolder
from hptune.space import SearchSpace
from hptune.store import Snapshot
from hptune.trial import Value


def config_of(snapshot: Snapshot) -> StudyConfig:
    """The study file that a run was started with.

    Raises:
        RunDamagedError: it cannot be read.

    """
    return config_in(snapshot.folder, snapshot.facts)


def config_in(folder: RunFolder, facts: Mapping[str, Any]) -> StudyConfig:
    """The same from the run's facts alone."""
    try:
        root = yaml_tree.parse(facts.get("config", ""), str(folder.config))
        return study_file.parse(root, (), default_name="", folder=None, strict=False)
    except StudyFileError as error:
        raise RunDamagedError(f"{folder.path}: its study file cannot be read:\n{error}") from error


def spaces_of(snapshot: Snapshot) -> tuple[SearchSpace, ...]:
    """The search spaces of a run's stages, by number."""
    return tuple(study_file.stage_space(stage.final_space) for stage in snapshot.stages)


def complete(configuration: Mapping[str, Value], config: StudyConfig) -> dict[str, Value]:
    """All hyperparameters that had an effect on a trial: searched, fixed and default ones, as `train:` takes them."""
    return effective({**config.train, **configuration})
