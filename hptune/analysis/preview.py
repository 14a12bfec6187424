"""What a study would draw: the values of each hyperparameter in a thousand configurations, as a histogram."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hptune.config.study_file import StudyConfig
from hptune.domains import Domain, same
from hptune.search import random_search
from hptune.trial import Value

DRAWS = 1000
BINS = 16


@dataclass(frozen=True, slots=True)
class Preview:
    """How the values of one hyperparameter are spread over its domain."""

    name: str
    domain: Domain
    heights: tuple[float, ...]  # how many values lie in each bin, of choices how many are each
    n_active: int  # configurations that have the hyperparameter
    n_drawn: int  # configurations in all

    @property
    def share(self) -> float:
        """Of the configurations, how many have it."""
        return self.n_active / self.n_drawn


def draws(config: StudyConfig, n: int = DRAWS) -> list[dict[str, Value]]:
    """The first n configurations of a random search of the study's space."""
    return [
        random_search.anywhere(config.space, config.train, seed=config.search.seed, number=number)
        for number in range(n)
    ]


def previews(config: StudyConfig, drawn: Sequence[Mapping[str, Value]]) -> tuple[Preview, ...]:
    """The spread of every hyperparameter that is searched, in configurations drawn."""
    found = []
    for parameter in config.space.parameters:
        if parameter.is_searched:
            values = [configuration[parameter.name] for configuration in drawn if parameter.name in configuration]
            heights = histogram(parameter.domain, values)
            found.append(Preview(parameter.name, parameter.domain, heights, len(values), len(drawn)))
    return tuple(found)


def histogram(domain: Domain, values: Iterable[Value]) -> tuple[float, ...]:
    """How many values lie in each bin: bins are equally wide on the domain's own scale, or one for each value.

    There is one for each where these are few. A whole number among many is spread over its share of the scale, so
    that a scale gives the same height everywhere to what is uniform on it.
    """
    if domain.scale is None or domain.size <= BINS:
        found = list(values)
        return tuple(float(sum(same(value, known) for value in found)) for known in domain.values)
    bins = [0.0] * BINS
    for value in values:
        start, stop = (min(max(end, 0.0), 1.0) * BINS for end in domain.share(value))
        first, last = min(int(start), BINS - 1), min(int(stop), BINS - 1)
        for number in range(first, last + 1):
            width = min(stop, number + 1) - max(start, number)
            bins[number] += width / (stop - start) if stop > start else 1.0
    return tuple(bins)
