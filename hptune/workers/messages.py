"""The lines that a worker process and its parent exchange: JSON, one message a line, ASCII only.

parent -> worker   the Job, once; then a TrialSpec for every trial; "stop" to have it end at its next epoch
worker -> parent   Hello and Ready, once each; then for every trial its epochs (a list each) and its result (an object);
                   a Failure where there is something for the person to mend
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from hptune.errors import DataError, HptuneError, RunDamagedError, StorageError
from hptune.trial import EpochMetrics, Status, TrialResult

STOP = "stop"
MAX_LINE = 1 << 20  # bytes; a longer line is garbage
SAID_BY_WORKERS = frozenset({Status.COMPLETED, Status.STOPPED, Status.DIVERGED, Status.FAILED})
SCORED = frozenset({Status.COMPLETED, Status.STOPPED})
RESULT = TrialResult(0, Status.FAILED).to_json().keys()
N_METRICS = len(EpochMetrics(1, *[0.0] * 6).to_json())


@dataclass(frozen=True, slots=True)
class Hello:
    """The first words of a worker."""

    version: str  # of hptune, as the worker's program is
    pid: int  # of the process that trains


@dataclass(frozen=True, slots=True)
class Ready:
    """It has loaded all it needs."""

    blas_threads: int  # the most of any library; 0 without one


@dataclass(frozen=True, slots=True)
class Failure:
    """What the person has to mend."""

    text: str
    kind: str  # the class of the error

    def error(self) -> HptuneError:
        kinds = {kind.__name__: kind for kind in (DataError, RunDamagedError, StorageError)}
        return kinds.get(self.kind, HptuneError)(self.text)


Message = Hello | Ready | Failure | EpochMetrics | TrialResult


def encode(message: Any) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def encode_hello(hello: Hello) -> bytes:
    return encode({"hello": hello.version, "pid": hello.pid})


def encode_ready(ready: Ready) -> bytes:
    return encode({"ready": ready.blas_threads})


def encode_training(item: EpochMetrics | TrialResult) -> bytes:
    return encode(item.to_json())


def encode_error(error: HptuneError) -> bytes:
    return encode({"error": str(error), "kind": type(error).__name__})


def decode(line: bytes) -> Message:
    """What a worker said, every field of it checked.

    Raises:
        ValueError: it is no message.

    """
    try:
        message = _JSON.decode(line.decode("ascii"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if isinstance(message, list):
        return _epoch(message)
    if isinstance(message, dict):
        if message.keys() == RESULT:
            return _result(message)
        if message.keys() == {"hello", "pid"}:
            return Hello(_text(message["hello"]), _whole(message["pid"], 1))
        if message.keys() == {"ready"}:
            return Ready(_whole(message["ready"]))
        if message.keys() == {"error", "kind"}:
            return Failure(_text(message["error"]), _text(message["kind"]))
    raise ValueError("unknown message")


def _epoch(numbers: list[Any]) -> EpochMetrics:
    if len(numbers) != N_METRICS:
        raise ValueError(f"{len(numbers)} numbers of an epoch")
    return EpochMetrics(_whole(numbers[0], 1), *map(_number, numbers[1:]))


def _result(record: Mapping[str, Any]) -> TrialResult:
    _whole(record["number"])
    _text(record["reason"])
    status = Status(_text(record["status"]))
    epochs, best_epoch, score = _whole(record["epochs"]), record["best_epoch"], record["score"]
    if status not in SAID_BY_WORKERS:
        raise ValueError(f"a worker does not say {status.value!r}")
    if status in SCORED:
        if _whole(best_epoch, 1) > epochs:
            raise ValueError("the best epoch is beyond the last")
        _number(score)
    elif (best_epoch, score, record["tie"]) != (None, None, None):
        raise ValueError(f"a score of a trial that is {status.value}")
    for name in ("train_error", "tie"):
        if record[name] is not None:
            _number(record[name])
    if _number(record["seconds"]) < 0:
        raise ValueError("a time below 0")
    return TrialResult.from_json(record)


def _whole(value: Any, low: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value < 2**63:
        raise ValueError(f"expected a whole number of at least {low}")
    return value


def _number(value: Any) -> float:
    """A finite number; whole ones stay whole."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number")  # noqa: TRY004  (bytes from outside: a wrong value, not our mistake)
    if not -(2**63) <= value < 2**63 if isinstance(value, int) else not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def _text(value: Any) -> str:
    """Text that can be stored: no lone surrogates (a UnicodeEncodeError is a ValueError)."""
    if not isinstance(value, str):
        raise ValueError("expected text")  # noqa: TRY004  (as above)
    value.encode()
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


_JSON = json.JSONDecoder(parse_constant=_refuse)
