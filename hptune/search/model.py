"""A model of the scores: which of several steps promises most, by what is known of all trials.

A Gaussian process with a Matern kernel of one length in all directions of the unit cube (Rasmussen and Williams 2006,
Gaussian Processes for Machine Learning, algorithm 2.1), and as promise the expected improvement (Jones et al. 1998).
Length and noise are those of a few that make the scores most likely. Trials under way are taken to bring what the model
expects of them (Ginsbourger et al. 2010, the kriging believer), so that several at a time do not all go to one place.

Matrices are factored column by column without BLAS, whose last bits depend on its threads and on the processor.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LENGTHS = (0.1, 0.25, 0.6, 1.5)  # of the kernel; the side of the cube is 1
NOISES = (1e-4, 1e-2, 0.2)  # variances, as shares of the kernel's
MOST = 100  # points that the model rests on, the best ones
MOST_TO_FIT = 40  # by which its length and noise are chosen
SMALLEST = 1e-300  # that can be divided by
NEAR = 0.1  # of the way from the best score to the median: above it, scores count by their logarithm


def promises(points: Array, scores: Array, under_way: Array, steps: Array) -> Array:
    """The expected improvement at each of the steps (steps, dimensions), on the scale of eased scores.

    points (trials, dimensions) have scores, the best first; infinite ones count as the worst finite one. under_way
    (trials, dimensions) have none yet. Far from all points the model expects the mean of all scores, not of
    those that it rests on: else all that lies far away would be as promising as they are.
    """
    known, values = points[:MOST], eased(scores)[:MOST]
    length, noise = _likeliest(known[:MOST_TO_FIT], values[:MOST_TO_FIT])
    rows = np.concatenate([known, under_way, steps, known[:1]])
    pivots = rows[: len(known) + len(under_way)]
    matrix = _kernel(_distances(rows, pivots) / length)
    matrix[np.arange(len(pivots)), np.arange(len(pivots))] += noise
    last = np.zeros(len(pivots))
    last[: len(known)] = values
    factor = _factored(np.concatenate([matrix, last[np.newaxis]]))
    of_known, of_steps = slice(0, len(known)), factor[len(pivots) : -1]
    weights = factor[-1, of_known]
    means = np.sum(of_steps[:, of_known] * weights, axis=1)
    scale = math.sqrt(float(np.sum(weights * weights)) / len(known)) or 1.0  # all scores are equal: what is far away
    deviations = scale * np.sqrt(np.maximum(1 - np.sum(of_steps * of_steps, axis=1), 1e-12))
    return _expected_improvement(means[-1], means[:-1], deviations[:-1])


def eased(scores: Array) -> Array:
    """Scores with a mean of 0 and a deviation of 1, on a scale that opens up what is near the best one.

    log(1 + (score - best) / (NEAR * (median - best))): a few terrible scores must not flatten the differences of good
    ones, and the nearer a search has come, the smaller are the differences that count.
    """
    finite = scores[np.isfinite(scores)]
    largest = float(np.max(np.abs(finite), initial=0.0))
    if largest == 0:
        return np.zeros(len(scores))
    above = np.minimum(scores, finite.max()) / largest - finite.min() / largest
    near = max(NEAR * float(np.median(above)) or float(above.mean()), SMALLEST)
    found: Array = np.log1p(above / near)
    deviation = float(found.std())
    return (found - found.mean()) / deviation if deviation > 0 else np.zeros(len(scores))


def _likeliest(points: Array, values: Array) -> tuple[float, float]:
    """Length and noise that make the values most likely, each with the amplitude that fits it best."""
    n, distances = len(points), _distances(points, points)
    kernels = np.stack([_kernel(distances / length) for length in LENGTHS])
    noises = np.array(NOISES)
    matrices = kernels[:, np.newaxis] + noises[:, np.newaxis, np.newaxis] * np.eye(n)
    last = np.broadcast_to(values, (*matrices.shape[:2], 1, n))
    factors = _factored(np.concatenate([matrices, last], axis=2))
    amplitudes = np.sum(factors[..., -1, :] ** 2, axis=-1) / n
    logarithms = np.sum(np.log(np.diagonal(factors, axis1=2, axis2=3)), axis=-1)
    unlikely = n / 2 * np.log(np.maximum(amplitudes, 1e-300)) + logarithms
    length, noise = np.unravel_index(int(np.argmin(unlikely)), unlikely.shape)
    return LENGTHS[int(length)], NOISES[int(noise)]


def _distances(first: Array, second: Array) -> Array:
    """(first, second)."""
    squares = np.zeros((len(first), len(second)))
    for one, other in zip(first.T, second.T, strict=True):
        squares += (one[:, np.newaxis] - other) ** 2
    return np.sqrt(squares)


def _kernel(distances: Array) -> Array:
    """Matern 5/2 (Rasmussen and Williams, equation 4.17)."""
    scaled = math.sqrt(5) * distances
    found: Array = (1 + scaled + scaled * scaled / 3) * np.exp(-scaled)
    return found


def _factored(matrix: Array) -> Array:
    """The Cholesky factor L of the square at the top of (..., n + rows, n), and the rows R below it as R L^-T."""
    found = matrix.copy()
    for column in range(found.shape[-1]):
        found[..., column:, column] /= np.sqrt(found[..., column, column])[..., np.newaxis]
        below = found[..., column + 1 :, column]
        right = below[..., : found.shape[-1] - column - 1]
        found[..., column + 1 :, column + 1 :] -= below[..., :, np.newaxis] * right[..., np.newaxis, :]
    return found


def _expected_improvement(best: float, means: Array, deviations: Array) -> Array:
    """By how much each falls below best in the mean, where it does (Jones et al. 1998, equation 15)."""
    by = (best - means) / deviations
    density = np.exp(-by * by / 2) / math.sqrt(2 * math.pi)
    below = np.array([math.erfc(-one / math.sqrt(2)) / 2 for one in by.tolist()])
    found: Array = deviations * (by * below + density)
    return found
