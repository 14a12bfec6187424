"""The study file as a run keeps it, for both halves: the one that trains and the one that reads.

A run's database holds the resolved study file as text and the search space of every stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hptune.config import study_file, yaml_tree
from hptune.config.search_section import LIMITS
from hptune.config.study_file import Override, StudyConfig
from hptune.effects import effective, hyperparameters_of
from hptune.errors import RunDamagedError, StudyFileError, UsageError
from hptune.nn import cost
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


def with_limits(config: StudyConfig, overrides: Sequence[Override]) -> StudyConfig:
    """The study file of a run with other limits of time and memory, for one sitting.

    Raises:
        UsageError: something else is to be overruled.
        StudyFileError: a limit is none.

    """
    for override in overrides:
        if override.key not in LIMITS:
            what = "a run keeps the study file that it was started with; only limits may be set"
            raise UsageError(f"{override.place}: {what}: {', '.join(LIMITS)}")
    root = yaml_tree.parse(config.to_yaml(), "config.yaml")
    changed = study_file.parse(root, overrides, default_name="", folder=None, strict=False).search
    limits = {name: getattr(changed, name) for name in LIMITS.values()}
    return replace(config, search=replace(config.search, **limits))


def spaces_of(snapshot: Snapshot) -> tuple[SearchSpace, ...]:
    """The search spaces of a run's stages, by number."""
    return tuple(study_file.stage_space(stage.final_space) for stage in snapshot.stages)


def epoch_cost(config: StudyConfig, data: Mapping[str, Any]) -> Callable[[Mapping[str, Value]], float]:
    """The estimated cost of an epoch of a configuration, on data of which these are the facts."""
    sizes = {"n_train": data["train"], "n_dev": data["dev"], "features": data["features"], "classes": data["classes"]}
    return lambda configuration: cost.epoch_cost(hyperparameters_of(config.train, configuration), **sizes)


def complete(configuration: Mapping[str, Value], config: StudyConfig) -> dict[str, Value]:
    """All hyperparameters that had an effect on a trial: searched, fixed and default ones, as `train:` takes them."""
    return effective({**config.train, **configuration})
