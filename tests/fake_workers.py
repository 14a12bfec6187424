"""Workers that train in this process in an order drawn at random: any timing, quickly and repeatably."""

from __future__ import annotations

import random

from hptune import trainers
from hptune.events import AttemptLost, EpochEnded, TrialEnded
from hptune.trial import EpochMetrics, TrialResult


class RandomWorkers:
    """n workers; which of them gets on next is drawn. Those that train a trial of `dying` die, at any epoch."""

    def __init__(self, job, n, seed=0, dying=()):
        self._job, self._n, self._dying = job, n, dying
        self._train = trainers.prepare(job)
        self._random = random.Random(seed)
        self._trainings = {}
        self.available_s = 0.0

    @property
    def n_busy(self):
        return len(self._trainings)

    @property
    def n_idle(self):
        return self._n - self.n_busy

    def submit(self, spec):
        assert self.n_idle
        self._trainings[spec.number] = spec, trainers.attempt(self._train, spec, self._job)

    def poll(self, timeout_s):
        number = self._random.choice(list(self._trainings))
        spec, training = self._trainings[number]
        item = next(training)
        if isinstance(item, EpochMetrics) and not (number in self._dying and self._random.random() < 0.5):
            return [EpochEnded(number, item)]
        del self._trainings[number]
        if number in self._dying:
            return [AttemptLost(spec, "its worker died")]
        assert isinstance(item, TrialResult)
        return [TrialEnded(item)]

    def stop(self):
        pass

    def close(self):
        self._trainings.clear()
