"""The data of a study, and whether what the study asks of them can be done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hptune.config.study_file import StudyConfig
from hptune.data.dataset import Dataset, ImageShape
from hptune.data.loading import load as load_data
from hptune.domains import Choice, Domain
from hptune.errors import DataError
from hptune.nn.hyperparameters import IMAGES_ONLY
from hptune.trial import Value


def load(config: StudyConfig) -> Dataset:
    """The data set, split, not yet normalised.

    Raises:
        DataError: it cannot be used, or not for all that the study asks.

    """
    dataset = load_data(config.data)
    if problems := list(_problems(config, dataset.image)):
        name = Path(config.data.path).name if config.data.path else config.data.source
        raise DataError("\n".join(f"{name}: {problem}" for problem in problems))
    return dataset


def _problems(config: StudyConfig, image: ImageShape | None) -> Iterator[str]:
    """Hyperparameters of images where there are none, or too small ones."""
    for key, most in _asked(config):
        if image is None and most:
            give = "" if config.data.source else "give [height, width] under data.image, or "
            todo = f"{give}remove it"
            yield f"{key}: goes only with images, and the data do not say that they are: {todo}"
        elif image is not None and key.endswith(".shift") and int(most) >= min(image[:2]):
            size = f"{image[0]:,} x {image[1]:,} pixels"
            yield f"{key}: images of {size} can be shifted by {min(image[:2]) - 1} at most, found {most}: lower it"


def _asked(config: StudyConfig) -> Iterator[tuple[str, Value]]:
    """The hyperparameters that only images can have: where each stands, and its largest value."""
    for name in IMAGES_ONLY:
        if name in config.train:
            yield f"train.{name}", config.train[name]
    for parameter in config.space.parameters:
        if parameter.name in IMAGES_ONLY:
            yield f"space.{parameter.name}", _largest(parameter.domain)


def _largest(domain: Domain) -> Value:
    """The last value of a range, or the largest of choices (numbers or switches)."""
    return max(domain.values, key=float) if isinstance(domain, Choice) else domain.from_unit(1)
