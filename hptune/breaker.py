"""The circuit breaker: a run whose trials fail one after the other is stopped before it has spent its budget on that.

It looks at one sitting. Failing is to end without a result through no finding of the search: a training that raised an
error, a worker that died, a limit of time. A loss that diverges is such a finding, and counts as a success here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hptune.trial import BY_CHANCE, Status, TrialResult
from hptune.wording import without_numbers

FIRST = 3  # trials to end in a sitting: so many that fail the same way are enough
LATEST = 20  # trials to have ended last: more than half of so many that fail, in whatever way
FAILING = BY_CHANCE | {Status.FAILED}

Way = tuple[Status, str]
"""How a trial failed: its status, and its reason but for the numbers in it."""


def way_of(result: TrialResult) -> Way:
    """How a trial failed, so that others that failed the same way are known by it."""
    return result.status, without_numbers(result.reason)


def retry_option(status: Status) -> str:
    """The option of hptune retry that trains trials again that have ended so."""
    return f"--{status.value.replace(' ', '-')}"


@dataclass(slots=True)
class Breaker:
    """Watches how trials end, in the order in which they do."""

    failed: list[int] = field(default_factory=list)  # once it is open: the trials that opened it
    _first: list[TrialResult] = field(default_factory=list)
    _latest: list[TrialResult] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return bool(self.failed)

    def see(self, result: TrialResult) -> None:
        """A trial has ended."""
        if self.is_open:
            return
        self._latest = [*self._latest, result][-LATEST:]
        failing = [one.number for one in self._latest if one.status in FAILING]
        if len(self._first) < FIRST:
            self._first.append(result)
            is_same = len(failing) == FIRST and len(set(map(way_of, self._first))) == 1
            self.failed = failing if is_same else []
        elif 2 * len(failing) > LATEST:
            self.failed = failing
