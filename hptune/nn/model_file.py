"""A trained network in a file: NumPy arrays and one JSON text, nothing pickled. docs/model_file.md describes it.

The same model gives the same bytes: what an .npz archive could say about the time and the machine is left out.
"""

from __future__ import annotations

import io
import json
import lzma
import math
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from hptune import rights
from hptune.data.dataset import ImageShape, Normalisation, TargetScale
from hptune.data.npy_header import DAMAGE, load_array
from hptune.data.problems import listed, quoted
from hptune.errors import RunDamagedError
from hptune.nn.activations import ACTIVATIONS
from hptune.nn.losses import LOSSES, for_classes
from hptune.nn.network import Network

FORMAT = 1
ABOUT = "about"  # the array that holds the JSON text
# and what a text that makes no sense leads to
_SENSELESS = (TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
_DAMAGE = (*DAMAGE, *_SENSELESS, MemoryError, lzma.LZMAError)


@dataclass(frozen=True, slots=True)
class Model:
    """A network with its trained weights, and what prediction needs besides."""

    network: Network
    activation: str  # of ACTIVATIONS
    classes: tuple[str, ...]  # names, by class number; none in regression
    normalisation: Normalisation | None  # of the inputs, None: as they are
    target: TargetScale | None  # of the targets of regression
    image: ImageShape | None  # where an example is an image
    schema: Mapping[str, Any]  # how files become inputs, from table.TableSchema
    trial: int
    metric: str
    score: float  # the metric of these weights


def to_bytes(model: Model) -> bytes:
    """The content of the file."""
    content = io.BytesIO()
    about = np.array(json.dumps(_about(model)))
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in ((ABOUT, about), *_arrays(model.network, model.normalisation)):
            # a ZipInfo of our own, since others bear the time
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                npy.write_array(file, array, allow_pickle=False)
    return content.getvalue()


def load(path: Path) -> Model:
    """The model in a file, checked.

    Raises:
        RunDamagedError: it cannot be read, or is not a model of hptune.

    """
    try:
        if not rights.is_file(path):
            raise ValueError("no regular file")
        arrays = _read_arrays(path.read_bytes())
        about = json.loads(str(arrays[ABOUT]))
        if about["format"] <= FORMAT:
            return _model(about, arrays)
    except PermissionError as error:
        raise RunDamagedError(f"{path}: no permission to read it: change it with chmod") from error
    except _DAMAGE as error:
        what = f"{path}: damaged, or not the weights of a network ({error or type(error).__name__})"
        raise RunDamagedError(f"{what}. Copy it again, or search again.") from error
    what = f"written by a newer hptune (format {about['format']}; this one reads up to {FORMAT})"
    raise RunDamagedError(f"{path}: {what}. Update hptune.")


def _about(model: Model) -> dict[str, Any]:
    network = model.network
    return {
        "format": FORMAT,
        "trial": model.trial,
        "metric": model.metric,
        "score": model.score,
        "sizes": network.sizes,
        "normalize_inputs": model.normalisation is not None,
        "activation": model.activation,
        "loss": next(name for name, loss in LOSSES.items() if loss is network.loss),
        "batch_norm_epsilon": network.statistics.epsilon if network.statistics else None,
        "classes": model.classes,
        "target": None if model.target is None else [model.target.mean, model.target.deviation],
        "image": model.image,
        "data": dict(model.schema),
    }


def _arrays(network: Network, normalisation: Normalisation | None) -> Iterator[tuple[str, NDArray[Any]]]:
    """All arrays by name; those of a network are its own, to be written or to be filled."""
    for layer, (weights, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        yield f"W{layer + 1}", weights
        if layer < len(network.gammas):  # the beta of a layer that is normalised stands where its bias would
            assert network.statistics is not None
            yield f"gamma{layer + 1}", network.gammas[layer]
            yield f"beta{layer + 1}", bias
            yield f"mean{layer + 1}", network.statistics.means[layer]
            yield f"variance{layer + 1}", network.statistics.variances[layer]
        else:
            yield f"b{layer + 1}", bias
    if normalisation is not None:
        yield "input_mean", normalisation.mean
        yield "input_scale", normalisation.scale


def _model(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Model:
    sizes, classes = tuple(map(int, about["sizes"])), tuple(map(str, about["classes"]))
    loss, epsilon = LOSSES[about["loss"]], about["batch_norm_epsilon"]
    for layer, shape in enumerate(pairwise(sizes), start=1):  # before a network of these sizes is made
        if arrays[f"W{layer}"].shape != shape:
            raise ValueError(f"W{layer} has shape {arrays[f'W{layer}'].shape}, expected {shape}")
    if (
        loss is not for_classes(len(classes))
        or sizes[-1] != loss.outputs(len(classes))
        or not 0 < (1.0 if epsilon is None else epsilon) < math.inf
    ):
        raise ValueError(f"{sizes[-1]} outputs for {len(classes)} classes, or an epsilon of {epsilon}")
    norm: dict[str, Any] = {} if epsilon is None else {"batch_norm": True, "batch_norm_epsilon": epsilon}
    network = Network(sizes, ACTIVATIONS[about["activation"]], loss, **norm)
    normalisation = Normalisation(np.empty(sizes[0]), np.empty(sizes[0])) if about["normalize_inputs"] else None
    needed = dict(_arrays(network, normalisation))
    if set(arrays) != {ABOUT, *needed}:
        raise ValueError(f"it holds {listed(arrays)}, expected {listed(needed)}")
    for name, array in needed.items():
        found = arrays[name]
        if found.shape != array.shape or found.dtype != array.dtype or not np.isfinite(found).all():
            expected = f"expected finite {array.dtype} of shape {array.shape}"
            raise ValueError(f"{name} is {found.dtype} of shape {found.shape}, {expected}")
        array[...] = found
    return Model(
        network=network,
        activation=about["activation"],
        classes=classes,
        normalisation=normalisation,
        target=None if classes else _target(about["target"]),
        image=None if about["image"] is None else _image(about["image"], sizes[0]),
        schema=dict(about["data"]),
        trial=int(about["trial"]),
        metric=str(about["metric"]),
        score=float(about["score"]),
    )


def _target(numbers: Any) -> TargetScale:
    mean, deviation = map(float, numbers)
    if not (math.isfinite(mean) and 0 < deviation < math.inf):
        raise ValueError(f"targets of mean {mean} and deviation {deviation}")
    return TargetScale(mean, deviation)


def _image(numbers: Any, features: int) -> ImageShape:
    height, width, channels = map(int, numbers)
    if min(height, width, channels) < 1 or height * width * channels != features:
        raise ValueError(f"images of {numbers} for {features} inputs")
    return height, width, channels


def _read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """All arrays of an archive, by name; none is loaded that promises more than there is."""
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            with archive.open(member) as file, warnings.catch_warnings(action="ignore"):  # that Python 2 wrote it
                is_first = npy.read_magic(file) == (1, 0)
                shape, _, dtype = (npy.read_array_header_1_0 if is_first else npy.read_array_header_2_0)(file)
                n_bytes = math.prod(map(int, shape)) * dtype.itemsize
                # a member that unpacks to more than its array is refused as well
                if n_bytes > len(content) or member.file_size != file.tell() + n_bytes:
                    raise ValueError(f"{quoted(member.filename)} promises an array of shape {shape}")
            with archive.open(member) as file:
                arrays[member.filename.removesuffix(".npy")] = load_array(file)
                file.read()  # to the end, where the checksum is compared
    return arrays
