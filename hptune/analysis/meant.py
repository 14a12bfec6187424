"""What a study says in a notation that means something else here, or the opposite: what was probably meant instead.

Courses and other tools give 1 - beta for beta, the share of units kept for the share dropped, a factor an epoch for a
rate of decay, and exponents for learning rates. All of these are legal values, and nothing is refused for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hptune.analysis.written import one_of, parameter_of, rewritten, values_of
from hptune.config.study_file import StudyConfig
from hptune.domains import is_number, show
from hptune.levels import exact
from hptune.notations import RATES
from hptune.scales import LINEAR, LOG, ONE_MINUS
from hptune.space import Parameter
from hptune.wording import counted

AVERAGES = ("momentum", "beta1", "beta2", "batch_norm_momentum")
"""Those whose distance from 1 says over how many steps they average."""

LARGEST_COMPLEMENT = 0.5  # of a range of 1 - beta on a scale for it: an average over two steps is hardly one
LARGEST_LINEAR_COMPLEMENT = 0.2
MOST_DROPPED = 0.6  # share of units, above which dropout is seldom meant
LEAST_KEPT = 0.5  # of a keep_prob, as a rule
LEAST_FACTOR = 0.8  # by which a learning rate falls from epoch to epoch, as a rule
FAST = 2.0  # a learning rate that is tried on purpose at most
MOST_EXPONENT = 9
CLOSE_TO_1 = 0.9999  # what stands for an end at 1, which is not legal


def meant_otherwise(config: StudyConfig) -> Iterator[str]:
    """What was probably meant by values that are legal: a sentence for each, with what to write."""
    for name in AVERAGES:
        yield from _about_an_average(config, name)
    for name, units in (("dropout", "hidden units"), ("input_dropout", "inputs")):
        yield from _about_dropout(config, name, units)
    yield from _about_dropout_by_layer(config)
    yield from _about_decay(config)
    yield from _about_decay_factor(config)
    yield from _about_the_learning_rate(config)


@dataclass(frozen=True, slots=True)
class _Said:
    """The numbers that a hyperparameter can have in a study."""

    name: str
    text: str  # its key and what it says
    numbers: tuple[float, ...]  # one, choices or the ends of a range; none where it has no effect
    parameter: Parameter | None  # None: fixed under train
    scale: str  # of a range; empty where it is none

    @property
    def most(self) -> float:
        return max(self.numbers)

    @property
    def least(self) -> float:
        return min(self.numbers)

    @property
    def is_single(self) -> bool:
        return len(self.numbers) == 1

    def mirrored(self, scale: str) -> str:
        """What to write so that its values are 1 minus what they are."""
        if self.scale:
            low, high = self.numbers
            return self.written((_complement(high), _complement(low) if low else CLOSE_TO_1), scale)
        return self.written(tuple(map(_complement, self.numbers)))

    def written(self, numbers: tuple[float, ...], scale: str = LINEAR.name) -> str:
        """What to write so that it has other numbers, in the form that it has."""
        if self.scale and self.parameter is not None:
            low, high = numbers
            return rewritten(self.parameter, scale, (low, high))
        return f"{self.name}: {show(numbers[0])}" if self.is_single else f"{{choices: {one_of(numbers)}}}"


def _said(config: StudyConfig, name: str) -> _Said:
    key, values = values_of(config, name)
    parameter = parameter_of(config, name)
    numbers = tuple(float(value) for value in values if is_number(value))
    if parameter is None or parameter.domain.scale is None:
        return _Said(name, f"{key}: {one_of(values) if values else ''}", numbers, parameter, "")
    scale = parameter.domain.scale.name
    return _Said(name, f"{key}: {scale} from {show(values[0])} to {show(values[1])}", numbers, parameter, scale)


def _complement(number: float) -> float:
    """1 - number, in decimals: that of 0.1 is 0.9."""
    return float(1 - exact(number))


def _about_an_average(config: StudyConfig, name: str) -> Iterator[str]:
    """Advise where 1 - beta is given for beta."""
    said = _said(config, name)
    is_curved = said.scale not in ("", LINEAR.name)
    if not any(said.numbers) or said.most > (LARGEST_COMPLEMENT if is_curved else LARGEST_LINEAR_COMPLEMENT):
        return
    yield (
        f"{said.text} averages over {counted(round(1 / (1 - said.most)), 'step')} at most, which is as good as none. "
        f"These look like values of 1 - {name}, and here they are those of {name} itself: "
        f"write {said.mirrored(ONE_MINUS.name)}."
    )


def _about_dropout(config: StudyConfig, name: str, units: str) -> Iterator[str]:
    """Advise where keep_prob is given for the share dropped."""
    said = _said(config, name)
    if not said.numbers or said.least < LEAST_KEPT or said.most <= MOST_DROPPED:
        return
    yield (
        f"{said.text} drops {'' if said.is_single else 'up to '}{said.most:.0%} of the {units}, for {name} is the "
        f"share dropped, 1 - keep_prob. If keep_prob was meant, write {said.mirrored(LINEAR.name)}."
    )


def _about_dropout_by_layer(config: StudyConfig) -> Iterator[str]:
    key, texts = values_of(config, "dropout_by_layer")
    given = [RATES.parse(text) for text in texts if text != "same"]
    rates = [rate for layers in given for rate in layers]
    if not rates or min(rates) < LEAST_KEPT or max(rates) <= MOST_DROPPED:
        return
    kept = [f"[{', '.join(show(_complement(rate)) for rate in layers)}]" for layers in given]
    write = kept[0] if len(kept) == 1 else f"{{choices: [{', '.join(kept)}]}}"
    yield (
        f"{key}: drops up to {max(rates):.0%} of the units of a layer, for these are the shares dropped, 1 - "
        f"keep_prob. If keep_prob was meant, write {write}."
    )


def _about_decay(config: StudyConfig) -> Iterator[str]:
    """Advise where a factor an epoch is given for the decay of inverse time."""
    said = _said(config, "learning_rate_decay")
    if not said.numbers or said.least < LEAST_FACTOR or said.most >= 1:
        return
    write = said.written(said.numbers, ONE_MINUS.name).removeprefix("learning_rate_decay: ")
    yield (
        f"{said.text} leaves {1 / (1 + said.most):.0%} of the learning rate in the second epoch, for it is "
        "learning_rate / (1 + decay * epoch). If decay^epoch was meant, write schedule: exponential and "
        f"decay_factor: {write}."
    )


def _about_decay_factor(config: StudyConfig) -> Iterator[str]:
    """Advise where what is lost in an epoch is given for the factor that is left."""
    said = _said(config, "decay_factor")
    if not said.numbers or said.most > (LARGEST_COMPLEMENT if said.scale else LARGEST_LINEAR_COMPLEMENT):
        return
    yield (
        f"{said.text} leaves {said.most:.0%} of the learning rate at most from one epoch to the next. If 1 - factor "
        f"was meant, write {said.mirrored(ONE_MINUS.name)}."
    )


def _about_the_learning_rate(config: StudyConfig) -> Iterator[str]:
    """Advise where exponents are given for learning rates."""
    said = _said(config, "learning_rate")
    if not said.numbers or said.least < 1 or said.most <= FAST:
        return
    numbers: tuple[float, ...] = (1e-4, 1.0)
    if all(number.is_integer() and number <= MOST_EXPONENT for number in said.numbers):
        numbers = tuple(sorted(float(f"1e-{number:.0f}") for number in said.numbers))
    elif not said.scale:
        numbers = (0.01,) if said.is_single else (0.001, 0.01, 0.1)
    yield (
        f"{said.text} is far above what can be learned with, as a rule. Values are never exponents (10^-4 is written "
        f"1e-4): write {said.written(numbers, LOG.name)}, or what was meant."
    )
