"""The data of a study, and whether what the study asks of them can be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hptune.config import study_file
from hptune.config.parameters import asked_of_images, why_no_images
from hptune.config.study_file import Override, StudyConfig
from hptune.data.dataset import Dataset, ImageShape
from hptune.data.loading import load as load_data
from hptune.errors import DataError, StudyFileError


def load_study(path: Path, overrides: Sequence[Override] = ()) -> tuple[StudyConfig, Dataset]:
    """A study file and its data.

    Raises:
        StudyFileError: what is wrong with it and, where its data section is sound, with the data as well.
        DataError: as for load.

    """
    try:
        config = study_file.load(path, overrides)
    except StudyFileError as error:
        settings = study_file.sound_data(path, overrides)
        if settings is not None:
            try:
                load_data(settings)
            except DataError as other:
                raise StudyFileError(error.problems, str(other)) from error
        raise
    return config, load(config)


def load(config: StudyConfig, *, by_target: bool = True) -> Dataset:
    """The data set, split, not yet normalised; by_target as in hptune.data.loading.

    Raises:
        DataError: it cannot be used, or not for all that the study asks.

    """
    name = Path(config.data.path).name if config.data.path else config.data.source
    try:
        dataset = load_data(config.data, by_target=by_target)
    except MemoryError as error:  # what an estimate could not know, as a limit of the shell's
        raise DataError(f"{name}: needs more memory than there is ({error}): use fewer rows or columns") from error
    if problems := list(_problems(config, dataset.image)):
        raise DataError("\n".join(f"{name}: {problem}" for problem in problems))
    return dataset


def _problems(config: StudyConfig, image: ImageShape | None) -> Iterator[str]:
    """Hyperparameters of images where there are none, or too small ones."""
    for section, name, most in asked_of_images(config.train, config.space):
        if image is None and most:
            yield f"{section}.{name}: {why_no_images(config.data)}"
        elif image is not None and name == "shift" and int(most) >= min(image[:2]):
            limit = f"images of {image[0]:,} x {image[1]:,} pixels can be shifted by {min(image[:2]) - 1} at most"
            yield f"{section}.{name}: {limit}, found {most}: lower it"
