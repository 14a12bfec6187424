"""Training inputs changed at random, anew in every mini-batch: images shifted, mirrored and turned, and noise.

More data, of a kind, for nothing (Ng, Deep Learning Specialization, course 2, week 1: other regularisation methods);
noise on the inputs acts like a penalty on slopes (Bishop 1995, Training with Noise is Equivalent to Tikhonov
Regularization). Only the trainer's mini-batches are changed, never what an error is measured on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hptune.data.dataset import Dataset, ImageShape, Normalisation, mean_and_deviation
from hptune.nn.hyperparameters import Hyperparameters

Change = Callable[[NDArray[Any]], None]
"""Changes normalised inputs (rows, features) in place."""

BLOCK = 2**15
"""Values that are moved at a time, or a row. In blocks of 2**18, memory was asked for and given back in every step,
which made a rotation three times as slow; and float32 must count the pixels of a block exactly, as far as 2**24."""


def build(h: Hyperparameters, dataset: Dataset, x: NDArray[Any], rng: np.random.Generator) -> tuple[Change, ...]:
    """What the hyperparameters ask for, in order; x is the normalised training set (examples, features)."""
    changes: list[Change] = []
    if h.shift or h.flip or h.rotation:
        if dataset.image is None:
            message = "shift, flip and rotation need images"  # study_data has refused it before, in more words
            raise ValueError(message)
        changes.append(ImageMoves(h, dataset.image, dataset.normalisation, x, rng))
    if h.input_noise:
        changes.append(InputNoise(h.input_noise, dataset.normalisation, x, rng))
    return tuple(changes)


def shifted(
    x: NDArray[Any],
    image: ImageShape,
    down: NDArray[np.integer[Any]],
    right: NDArray[np.integer[Any]],
    mirrored: NDArray[np.bool_],
) -> NDArray[Any]:
    """Images x (rows, features), each mirrored left to right or not, then moved by whole pixels (rows,).

    What comes from outside is the nearest pixel of the border: the one value there that needs no knowledge of what
    the background is, and an edge of it is none that the image did not have.
    """
    height, width, channels = image
    rows = len(x)
    line = _inside(np.arange(height) - down[:, None], height)  # (rows, height), where each comes from
    column = _inside(np.arange(width) - right[:, None], width)  # (rows, width)
    np.subtract(width - 1, column, out=column, where=mirrored[:, None])
    line += height * np.arange(rows)[:, None]
    line *= width
    source = line[:, :, None] + column[:, None, :]  # pixels counted through all images
    moved: NDArray[Any] = x.reshape(-1, channels).take(source.reshape(rows, -1), axis=0, mode="clip")
    return moved.reshape(rows, -1)


def _inside(places: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """The nearest of 0 .. length - 1; for small arrays these two calls cost less than np.clip."""
    np.maximum(places, 0, out=places)
    np.minimum(places, length - 1, out=places)
    return places


def turned(
    x: NDArray[Any],
    image: ImageShape,
    degrees: NDArray[np.floating[Any]],
    down: NDArray[np.integer[Any]],
    right: NDArray[np.integer[Any]],
    mirrored: NDArray[np.bool_],
) -> NDArray[Any]:
    """Images x (rows, features), each mirrored or not, turned about its centre, then moved by whole pixels (rows,).

    An angle above 0 is anticlockwise, as in np.rot90. Values between pixels are bilinear, those outside as in
    `shifted`. With angle 0 it is `shifted`, bit for bit.
    """
    height, width, channels = image
    top, left = (height - 1) / 2, (width - 1) / 2  # the centre
    angle = np.deg2rad(degrees)
    cos, sin, side = np.cos(angle), np.sin(angle), np.where(mirrored, -1.0, 1.0)
    rows = len(x)
    # where each pixel comes from, its line and its column, as sums of 1, line and column from the centre
    weights = np.empty((2, rows, 3), x.dtype)
    weights[0, :, 0] = top - cos * down - sin * right
    weights[0, :, 1] = cos
    weights[0, :, 2] = sin
    weights[1, :, 0] = left + side * (sin * down - cos * right)
    weights[1, :, 1] = -side * sin
    weights[1, :, 2] = side * cos
    place = weights.reshape(-1, 3).dot(_grid(height, width, x.dtype)).reshape(2, rows, -1)  # (2 rows, 3) x (3, pixels)
    np.clip(place[0], 0, height - 1, out=place[0])
    np.clip(place[1], 0, width - 1, out=place[1])
    whole = np.floor(place)
    place -= whole
    y, z = place[:, :, :, None]  # (rows, pixels, 1) each, the share of the pixel below and of that to the right
    first, second = whole
    first *= width
    first += second
    first += (height * width * np.arange(rows, dtype=x.dtype))[:, None]
    source = first.astype(np.intp)
    pixels = x.reshape(-1, channels)

    def corner(offset: int) -> NDArray[Any]:
        """The pixels so much farther on; beyond the border any, since there the weight is 0."""
        found: NDArray[Any] = pixels[min(offset, len(pixels) - 1) :].take(source, axis=0, mode="clip")
        return found  # (rows, pixels, channels)

    upper, lower = (_between(corner(offset), corner(offset + 1), z) for offset in (0, width))
    return _between(upper, lower, y).reshape(rows, -1)


@cache
def _grid(height: int, width: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """For each pixel (3, pixels): 1, and its line and column from the centre."""
    lines, columns = np.mgrid[:height, :width].reshape(2, -1)
    return np.array([np.ones(height * width), lines - (height - 1) / 2, columns - (width - 1) / 2], dtype)


def _between(one: NDArray[Any], other: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
    """One + share * (other - one), written over both."""
    other -= one
    other *= share
    one += other
    return one


@final
class ImageMoves:
    """Normalised images -> the same, moved as their pixels were before the normalisation.

    A pixel that is nearly always dark has a large scale, so that what is moved there can be far off: in the built-in
    digits, where training has no value beyond 31 deviations, up to 153. So no value leaves the range that its column
    has in the training set (docs/augmentation.md has the figures), and columns that are constant there stay 0.
    """

    def __init__(
        self,
        h: Hyperparameters,
        image: ImageShape,
        normalisation: Normalisation | None,
        x: NDArray[Any],  # (examples, features), the normalised training set
        rng: np.random.Generator,
    ) -> None:
        self._shift, self._flip, self._rotation = h.shift, h.flip, h.rotation
        self._image, self._rng = image, rng
        self._rows = max(1, BLOCK // x.shape[1])
        features = x.shape[1]
        mean = np.zeros(features) if normalisation is None else normalisation.mean
        scale = np.ones(features) if normalisation is None else normalisation.scale
        # Pixels are counted from the mean of all columns in the largest of their units: a move mixes pixels with
        # weights that add up to 1, so it is the same in any unit, and in this one float32 has digits enough.
        units = np.ones(features) if normalisation is None else normalisation.unit
        unit = units.max() or 1.0
        self._unit = (units / unit).astype(x.dtype)
        self._mean = ((mean - mean.mean()) / unit).astype(x.dtype)
        self._scale = np.minimum(scale * unit, np.finfo(x.dtype).max).astype(x.dtype)
        self._low, self._high = x.min(axis=0), x.max(axis=0)

    def __call__(self, x: NDArray[Any]) -> None:
        """Change the rows of a mini-batch; each takes four numbers from the stream, whatever is used of them."""
        uniform = self._rng.random((len(x), 4))
        for start in range(0, len(x), self._rows):
            self._change(x[start : start + self._rows], uniform[start : start + self._rows])

    def _change(self, x: NDArray[Any], uniform: NDArray[np.float64]) -> None:
        """The same for some rows and their numbers (rows, 4) in [0, 1)."""
        down, right = ((2 * self._shift + 1) * uniform[:, :2]).astype(np.intp).T - self._shift
        mirrored = uniform[:, 2] < 0.5 if self._flip else np.zeros(len(x), np.bool_)
        np.multiply(x, self._unit, out=x)
        np.add(x, self._mean, out=x)
        if self._rotation:
            moved = turned(x, self._image, self._rotation * (2 * uniform[:, 3] - 1), down, right, mirrored)
        else:
            moved = shifted(x, self._image, down, right, mirrored)
        np.subtract(moved, self._mean, out=x)
        np.multiply(x, self._scale, out=x)
        np.maximum(x, self._low, out=x)
        np.minimum(x, self._high, out=x)


@final
class InputNoise:
    """Gaussian noise of so many deviations of each column, as it is in training: none where it is constant there."""

    def __init__(
        self, deviations: float, normalisation: Normalisation | None, x: NDArray[Any], rng: np.random.Generator
    ) -> None:
        if normalisation is None:
            deviation = mean_and_deviation(x)[1]
        else:
            deviation = (normalisation.scale != 0).astype(np.float64)
            left = normalisation.as_they_are
            deviation[left] = mean_and_deviation(x[:, left])[1]
        with np.errstate(over="ignore"):  # an infinity shows in the loss
            self._deviation = (deviations * deviation).astype(np.float32)
        self._rng = rng

    def __call__(self, x: NDArray[Any]) -> None:
        """Add it to the rows of a mini-batch: drawn in float32, so that it is the same for every dtype."""
        noise = self._rng.standard_normal(x.shape, dtype=np.float32)
        np.multiply(noise, self._deviation, out=noise)
        np.add(x, noise, out=x)
