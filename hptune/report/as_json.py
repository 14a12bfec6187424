"""A report as plain JSON values, for programs. What is not a finite number is null."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from hptune.analysis.summary import Report


def to_json(report: Report) -> dict[str, Any]:
    """Everything in a report: objects by field name, domains as they are written in a study file."""
    plain: dict[str, Any] = _plain(report)
    return plain


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value):
        if hasattr(value, "plain"):  # a domain
            return value.plain()
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
