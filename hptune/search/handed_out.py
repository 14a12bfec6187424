"""Trials that a search has handed out: as an earlier sitting stored them, and as far as they have come."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from hptune.search.known import Known, known_of
from hptune.trial import TrialResult, TrialSpec


@dataclass(frozen=True, slots=True)
class Past:
    """A trial as an earlier sitting stored it."""

    spec: TrialSpec
    result: TrialResult | None = None  # None: it was being trained
    scores: Sequence[float] = ()  # the metric, epoch by epoch
    ties: Sequence[float] = ()  # what breaks ties of it, likewise; empty where nothing does


@dataclass(slots=True)
class HandedOut:
    """A trial handed out."""

    spec: TrialSpec
    epochs: int  # that it may run
    patience: int  # epochs without a lower score after which it ends; 0 is never
    cost: float  # of an epoch, as estimated; 0 where nothing depends on it
    scores: array[float] = field(default_factory=lambda: array("d"))
    ties: array[float] = field(default_factory=lambda: array("d"))  # empty where nothing breaks them
    result: TrialResult | None = None

    def known(self) -> Known:
        assert self.result is not None
        return known_of(self.spec.hyperparameters, self.result, self.scores, self.ties)

    def has_met_bar(self, epoch: int) -> bool:
        """Whether its metrics up to an epoch are above its bar there."""
        ties = self.ties or itertools.repeat(0.0)
        lowest = min(itertools.islice(zip(self.scores, ties, strict=False), epoch), default=(math.inf, math.inf))
        return self.spec.is_above_bar(epoch, lowest)

    def least_epochs(self, seen: int) -> int:
        """After how many epochs it can end as planned, those seen or more: at a bar, by its patience, or at its end."""
        ends = [epoch for epoch, _ in self.spec.bars if epoch > seen or (epoch == seen and self.has_met_bar(epoch))]
        if self.patience:
            scores = self.scores[:seen]
            best = scores.index(min(scores)) if scores else 0
            ends.append(max(best + 1 + self.patience, seen))
        return min([*ends, self.epochs])
