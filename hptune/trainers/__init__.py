"""How one trial is trained.

A trainer is named "module:function" in the run's Job; the function is called once in every worker with the job and
returns a Train: the function that trains one trial, epoch by epoch. attempt() runs a Train on a spec, stops it at the
spec's bars, and raises only what the person must mend: any other exception or a diverged loss is a result with its
reason.
"""

from __future__ import annotations

import importlib
import math
import time
import traceback
from collections.abc import Callable, Generator

from hptune.errors import HptuneError
from hptune.failpoints import reach
from hptune.trial import (
    METRICS,
    TIE_BREAKER,
    DivergedError,
    EpochMetrics,
    FinalCheck,
    Job,
    MetricName,
    Standing,
    Status,
    TrialResult,
    TrialSpec,
)

Train = Callable[[TrialSpec], Generator[EpochMetrics, None, FinalCheck]]
"""Trains one trial: yields its epochs, returns the final check of its best weights.

It may raise DivergedError, or anything else.
"""

MAX_REASON = 2000  # characters
OUT_OF_MEMORY = "out of memory"


def prepare(job: Job) -> Train:
    """The job's trainer, ready to train trials: its data loaded, its network library imported."""
    module, _, function = job.trainer.partition(":")
    train: Train = getattr(importlib.import_module(module), function)(job)
    return train


def attempt(train: Train, spec: TrialSpec, job: Job) -> Generator[EpochMetrics | TrialResult]:
    """Train one trial: its epochs, and as the last item its result."""
    start = time.perf_counter()
    epochs, best = 0, None  # its lowest standing, and after which epoch
    final, status, reason = FinalCheck(), Status.COMPLETED, ""
    training = train(spec)
    while True:
        try:
            metrics = _checked(next(training), epochs)
        except StopIteration as end:
            final, status, reason = _final(end.value)
            break
        except DivergedError as error:
            status, reason = Status.DIVERGED, str(error)
            break
        except HptuneError:  # for the person to mend, such as a full disk: it says nothing about the trial
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a training raises is that trial's result, not the run's end)
            status, reason = Status.FAILED, _explain(error)
            break
        if (name := _not_finite(metrics)) is not None:
            status, reason = Status.DIVERGED, f"{name} became {getattr(metrics, name)} in epoch {metrics.epoch}"
            break
        epochs = metrics.epoch
        standing = metrics.standing(job.metric)
        best = min(best or (standing, epochs), (standing, epochs))
        reach("trial.epoch")
        yield metrics
        if spec.is_above_bar(epochs, best[0]):
            status, reason = Status.STOPPED, _above_bar(spec, job.metric, epochs, best[0])
            training.close()
            break
    if status is Status.COMPLETED and best is None:
        status, reason = Status.FAILED, "the training ended without a single epoch"
    has_score = status in (Status.COMPLETED, Status.STOPPED)
    (score, tie), best_epoch = best if has_score and best else ((None, None), None)
    reach("trial.ended")
    yield TrialResult(
        number=spec.number,
        status=status,
        reason=reason,
        epochs=epochs,
        best_epoch=best_epoch,
        score=score,
        tie=tie if job.metric in TIE_BREAKER else None,
        final=final,
        seconds=time.perf_counter() - start,
    )


def _above_bar(spec: TrialSpec, metric: MetricName, epoch: int, standing: Standing) -> str:
    """Why a trial was stopped."""
    (score, tie), bar = standing, dict(spec.bars)[epoch]
    if score > bar:
        return f"{metric} {score:.4g} after epoch {epoch}, above the bar of {bar:.4g}"
    tie_bar = spec.bar_ties[[at for at, _ in spec.bars].index(epoch)]
    of_ties = f"{TIE_BREAKER[metric]} {tie:.4g} above its {tie_bar:.4g}"
    return f"{metric} {score:.4g} after epoch {epoch}, equal to the bar, with {of_ties}"


def lacked_memory(result: TrialResult) -> bool:
    """Whether a trial failed because there was no more memory."""
    return result.status is Status.FAILED and result.reason.startswith(OUT_OF_MEMORY)


def _checked(metrics: EpochMetrics, epochs: int) -> EpochMetrics:
    """An epoch of a trainer after so many others; a trainer that keeps no order or yields no numbers has failed."""
    if metrics.epoch != epochs + 1:
        raise ValueError(f"the training yields epoch {metrics.epoch} after epoch {epochs}")
    for name, value in zip(EpochMetrics.__slots__, metrics.to_json(), strict=True):
        if not _is_number(value):
            raise TypeError(f"the training yields {value!r} as {name}, which is no number of Python's")
        if name not in METRICS and not math.isfinite(value):
            raise ValueError(f"the training yields {value} as {name}")
    return metrics


def _final(check: FinalCheck | None) -> tuple[FinalCheck, Status, str]:
    """What a training returned, and how it has ended by that."""
    check = check or FinalCheck()
    error = check.train_error
    if error is None or (_is_number(error) and math.isfinite(error)):
        return check, Status.COMPLETED, ""
    return FinalCheck(), Status.FAILED, f"the training ends with {error!r} as train_error"


def _is_number(value: object) -> bool:
    """Whether JSON has it as a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _not_finite(metrics: EpochMetrics) -> str | None:
    return next((name for name in METRICS if not math.isfinite(getattr(metrics, name))), None)


def _explain(error: BaseException) -> str:
    """The exception and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  (an exception whose own text cannot be made)
        text = "its text cannot be shown"
    name = OUT_OF_MEMORY if isinstance(error, MemoryError) else type(error).__name__
    reason = (f"{name}: {text}" if text else name)[:MAX_REASON] + where
    return reason.encode("utf-8", "backslashreplace").decode()  # a lone surrogate cannot be stored
