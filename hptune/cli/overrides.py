"""Options that overrule the study file: --set KEY=VALUE, and those that stand for a key of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from hptune.errors import UsageError

if TYPE_CHECKING:
    from hptune.config.study_file import Override


def set_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Overrule the study file: --set train.epochs=5."
    return click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=text)(command)


def limits_option(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "Overrule a limit of the run this time: --set search.trial_timeout=2h."
    return click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=text)(command)


def overrides(settings: Sequence[str], options: Mapping[str, float | str | None] | None = None) -> list[Override]:
    """Every --set option, then the options that stand for a key of the study file and were given (not None).

    Raises:
        UsageError: one is not right, or two are of one key, of which the first would be forgotten without a word.

    """
    found = [setting(text) for text in settings]
    found += [option(key, value) for key, value in (options or {}).items() if value is not None]
    first: dict[str, Override] = {}
    for override in found:
        other = first.setdefault(override.key, override)
        if other is not override:
            raise UsageError(f"{other.place} and {override.place} both set {override.key}: keep one of them")
    return found


def setting(text: str) -> Override:
    """A --set option."""
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[^.\s]+(\.[^.\s]+)*", key.strip()):
        raise UsageError(f"--set {text}: expected KEY=VALUE with a dotted key, as --set train.epochs=5")
    return _override(f"--set {text}", key.strip(), value)


def option(key: str, value: float | str) -> Override:
    """An option that stands for a key of the study file: --trials is search.trials."""
    return _override(f"--{key.rpartition('.')[2]}", key, json.dumps(value))


def _override(place: str, key: str, text: str) -> Override:
    from hptune.config.study_file import Override

    return Override(key, text, place)
