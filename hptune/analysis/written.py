"""What a study says of one hyperparameter, and how another range of it would be written."""

from __future__ import annotations

from collections.abc import Sequence

from hptune.config.study_file import StudyConfig
from hptune.domains import show
from hptune.scales import LINEAR
from hptune.space import Parameter
from hptune.trial import Value


def parameter_of(config: StudyConfig, name: str) -> Parameter | None:
    """The hyperparameter as the space has it, where it does."""
    return next((parameter for parameter in config.space.parameters if parameter.name == name), None)


def values_of(config: StudyConfig, name: str) -> tuple[str, tuple[Value, ...]]:
    """The key of a hyperparameter and the values that it can have, of a range its ends; none where it has no effect."""
    if (parameter := parameter_of(config, name)) is not None:
        domain = parameter.domain
        ends = (domain.from_unit(0), domain.from_unit(1))
        return f"space.{name}", domain.values if domain.scale is None else ends
    return f"train.{name}", (config.train[name],) if name in config.train else ()


def rewritten(parameter: Parameter, scale: str, ends: tuple[float, float] | None = None) -> str:
    """A range with another scale or other ends, as it is written in a study file; steps go with a linear scale only."""
    domain = parameter.domain
    assert domain.scale is not None
    low, high = ends or (domain.low, domain.high)
    kind = "type: int, " if isinstance(domain.low, int) else ""
    named = f"scale: {scale}, " if scale != LINEAR.name else ""
    step = f", step: {show(domain.step)}" if domain.step and not kind and scale == LINEAR.name else ""
    conditions = ", ".join(f"{name}: {one_of(values)}" for name, values in parameter.when)
    when = f", when: {{{conditions}}}" if conditions else ""
    return f"{{{kind}{named}low: {show(low)}, high: {show(high)}{step}{when}}}"


def one_of(values: Sequence[Value]) -> str:
    """A value, or a list of several, as it is written in a study file."""
    return show(values[0]) if len(values) == 1 else f"[{', '.join(map(show, values))}]"
