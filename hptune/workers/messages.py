"""The lines that a worker process and its parent exchange: JSON, one message a line, ASCII only.

parent -> worker   the Job, once; then a TrialSpec for every trial
worker -> parent   "ready", once; then for every trial its epochs (a list each) and its result (an object);
                   {"error": text, "kind": class} where there is something for the person to mend
"""

from __future__ import annotations

import json
from typing import Any

from hptune.errors import DataError, HptuneError, RunDamagedError, StorageError
from hptune.trial import EpochMetrics, TrialResult

READY = "ready"
MAX_LINE = 1 << 20  # bytes; a longer line is garbage


def encode(message: Any) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def encode_training(item: EpochMetrics | TrialResult) -> bytes:
    return encode(item.to_json())


def encode_error(error: HptuneError) -> bytes:
    return encode({"error": str(error), "kind": type(error).__name__})


def decode_error(message: dict[str, str]) -> HptuneError:
    """The error that a worker told of."""
    kinds = {kind.__name__: kind for kind in (DataError, RunDamagedError, StorageError)}
    return kinds.get(message.get("kind", ""), HptuneError)(message["error"])


def decode(line: bytes) -> str | EpochMetrics | TrialResult | dict[str, str]:
    """What a worker said.

    Raises:
        ValueError: it is no message.
    """
    message = json.loads(line)
    try:
        if isinstance(message, list) and all(isinstance(number, int | float) for number in message):
            return EpochMetrics(*message)
        if isinstance(message, dict) and "number" in message:
            return TrialResult.from_json(message)
    except (TypeError, KeyError) as error:
        raise ValueError(str(error)) from error
    if message == READY or (isinstance(message, dict) and "error" in message):
        return message  # type: ignore[no-any-return]
    raise ValueError("unknown message")
