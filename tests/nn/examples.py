"""Small generated data sets, and a trial run to its end."""

import numpy as np

from hptune.data.dataset import Dataset, Subset, normalise
from hptune.nn import training
from hptune.nn.hyperparameters import Hyperparameters


def moons(n, seed, noise=0.1):
    """Two interleaved half circles."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    angle = rng.uniform(0, np.pi, n)
    x = np.where(y, [1 - np.cos(angle), 0.5 - np.sin(angle)], [np.cos(angle), np.sin(angle)]).T
    return Subset(x + rng.normal(scale=noise, size=x.shape), y)


def blobs(n, seed, classes=3):
    """Gaussian clouds around the corners of a triangle, overlapping."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    angle = 2 * np.pi * y / classes
    return Subset(2 * np.c_[np.cos(angle), np.sin(angle)] + rng.normal(size=(n, 2)), y)


def plane(n, seed, noise=0.5):
    """A linear function of two inputs of different size that depend on each other, far from 0, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) @ [[3, 0.5], [0, 0.2]] + [10, -1]
    return Subset(x, 500 + 20 * x[:, 0] - 90 * x[:, 1] + 40 * noise * rng.normal(size=n))


def split(make, names, n=(200, 101, 103)):
    train, dev, test = (make(size, seed) for seed, size in enumerate(n))
    return normalise(Dataset(train, dev, test, names, ("x", "y")), np.float64)


MOONS = split(moons, ("lower", "upper"))
BLOBS = split(blobs, ("a", "b", "c"))
PLANE = split(plane, ())
SMALL = Hyperparameters(epochs=5, batch_size=32, hidden_units=8, dropout=0.2, l2=0.1)


def run(dataset, h, **options):
    """All epochs, and the final check."""
    curve, trained = run_to_network(dataset, h, **options)
    return curve, trained.final


def error_of(network, subset, dataset):
    """Of a trained network on a part of its data set, dropout off."""
    return training._error(network, training._examples(subset, dataset, network))


def run_to_network(dataset, h, *, metric="dev_error", seed=0, number=0, **options):
    """All epochs, and what is left of the training: the network of the best one and its final check."""
    epochs = training.train(dataset, h, metric=metric, seed=seed, number=number, **options)
    curve = []
    while True:
        try:
            curve.append(next(epochs))
        except StopIteration as end:
            return curve, end.value
