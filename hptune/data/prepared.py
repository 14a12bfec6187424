"""A data set as the network reads it, in a folder of plain .npy files that all workers of a machine map.

Whoever maps a file sees the same pages of memory as all others who do, so the data are in memory once, however many
workers there are, and a worker starts without reading, checking and normalising them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune import rights
from hptune.data.dataset import Dataset, Normalisation, Subset, TargetScale, normalise
from hptune.errors import DataError
from hptune.failpoints import reach
from hptune.trial import Value

DESCRIPTION = "dataset.json"
SUBSETS = ("train", "dev", "test")


def write(folder: Path, dataset: Dataset, *, normalized: bool) -> None:
    """Write a data set as load() gives it into a new folder, its inputs in float32, normalised or as they are."""
    ready = normalise(dataset, inputs=normalized)
    arrays = dict(_arrays(ready))
    description: dict[str, Any] = {
        "arrays": list(arrays),
        "classes": ready.classes,
        "features": ready.features,
        "image": ready.image,
        "schema": ready.schema,
    }
    if ready.target is not None:
        description["target"] = [ready.target.mean, ready.target.deviation]
    rights.make_folder(folder.parent)
    rights.make_folder(folder, new=True)
    reach("data.folder")
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
        reach("data.array")
    (folder / DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")
    reach("data.written")


def size(dataset: Dataset) -> int:
    """About how many bytes the files of one form of a data set take."""
    return sum(4 * subset.x.size + subset.y.nbytes for subset in dataset.subsets())


def forms(train: Mapping[str, Value]) -> tuple[bool, ...]:
    """Whether inputs are normalised, in each form that the trials of a study ask for; train holds what is fixed."""
    fixed = train.get("normalize_inputs")
    return (True, False) if fixed is None else (bool(fixed),)


def read(folder: Path) -> Dataset:
    """The data set that was written there, its arrays read-only and mapped from the files.

    Raises:
        DataError: something of it is not there, or damaged.

    """
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return _dataset(description, {name: _mapped(folder, name) for name in description["arrays"]})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: deleted or damaged while hptune was at work ({error})") from error


def _dataset(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Dataset:
    train, dev, *test = (Subset(arrays[f"{name}_x"], arrays[f"{name}_y"]) for name in SUBSETS if f"{name}_x" in arrays)
    return Dataset(
        train=train,
        dev=dev,
        test=test[0] if test else None,
        classes=tuple(description["classes"]),
        features=tuple(description["features"]),
        image=None if description["image"] is None else tuple(description["image"]),
        normalisation=Normalisation(arrays["mean"], arrays["scale"]) if "mean" in arrays else None,
        target=TargetScale(*description["target"]) if "target" in description else None,
        schema=description["schema"],
    )


def _arrays(dataset: Dataset) -> Iterator[tuple[str, NDArray[Any]]]:
    """The arrays of a data set by the names of their files."""
    for name, subset in zip(SUBSETS, dataset.subsets(), strict=False):
        yield f"{name}_x", subset.x
        yield f"{name}_y", subset.y
    if dataset.normalisation is not None:
        yield "mean", dataset.normalisation.mean
        yield "scale", dataset.normalisation.scale


def _mapped(folder: Path, name: str) -> NDArray[Any]:
    mapped: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return mapped.view(np.ndarray)  # a memmap costs more wherever a part of it is taken
