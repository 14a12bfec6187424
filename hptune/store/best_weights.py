"""best.npz: the weights of the answer.

A worker writes weights into a file of their own, named by the trial's number, before it tells the result: those of a
trial that is better than what it has trained before, and those of every trial of a confirmation. Once the result is
stored, the file becomes best.npz if it is the answer's, and is deleted if it cannot become so. Which configuration of
a confirmation is best may show only at its end, so until then the best training of each is kept, also between
sittings. All steps are one rename or unlink, and a sitting begins by settling what the one before it left, so that
best.npz and the database agree whatever was killed, and whenever.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from hptune import rights
from hptune.errors import HptuneError, StorageError
from hptune.events import Event, StageStarted, TrialEnded, TrialStarted
from hptune.failpoints import reach
from hptune.replacing import remove_folder
from hptune.runs import RunFolder, sync
from hptune.search.ranking import ranked
from hptune.store.answer import Answer, answer_of
from hptune.store.snapshot import Snapshot
from hptune.store.writer import Store
from hptune.trial import TrialResult


class BestWeights:
    """Keeps best.npz that of the answer; a context manager for one sitting of training."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = store.folder
        self._leader: TrialResult | None = None  # of the searches, as long as nothing has been confirmed
        self._can_lead = True  # whether such a leader is the answer
        self._first_confirming: float = math.inf  # the number of the first trial of a confirmation, if that is on
        self._confirming: set[int] = set()  # trials of earlier ones that are trained again

    def __enter__(self) -> Self:
        self._settle()  # what an earlier sitting left
        with _errors(self._folder):
            rights.make_folder(self._folder.weights)
            reach("weights.folder")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(HptuneError, OSError):  # what ended the sitting matters more; the next one settles
            self._settle()
            sync(self._folder.path)

    def see(self, event: Event) -> None:
        """Something has been stored."""
        match event:
            case StageStarted():
                self._look(self._store.snapshot())
            case TrialStarted(spec) if spec.replicate is not None:
                self._confirming.add(spec.number)
            case TrialEnded(result) if result.number < self._first_confirming and result.number not in self._confirming:
                self._see_found(result)
            case TrialEnded():
                self._see_confirming()

    def _look(self, snapshot: Snapshot) -> Answer | None:
        """Who leads, and whether a confirmation is on, beside which the last trials of a search may be trained."""
        answer, last = answer_of(snapshot), snapshot.stages[-1]
        self._can_lead = answer is None or answer.confirmed is None
        self._leader = next(iter(ranked(snapshot.found)), None)
        self._first_confirming = math.inf if last.is_search else last.first_trial
        return answer

    def _see_found(self, result: TrialResult) -> None:
        """A trial of a search has ended."""
        contenders = [result] if self._leader is None else [self._leader, result]
        self._leader = next(iter(ranked(contenders)), None)
        if self._can_lead and self._leader is result:
            self._promote(result.number)
        else:
            self._delete(result.number)

    def _see_confirming(self) -> None:
        """A trial of a confirmation has ended."""
        snapshot = self._store.snapshot()
        if (answer := self._look(snapshot)) is not None:
            self._promote(answer.weights)
        needed = may_become_best(snapshot)
        for trial in snapshot.trials_of(snapshot.stages[-1]):
            if trial.result is not None and trial.number not in needed:
                self._delete(trial.number)

    def _promote(self, number: int) -> None:
        with _errors(self._folder), contextlib.suppress(FileNotFoundError):  # not every trainer keeps weights
            reach("weights.promoting")
            self._folder.weights_of(number).replace(self._folder.best_npz)
            reach("weights.promoted")

    def _delete(self, number: int) -> None:
        with _errors(self._folder):
            reach("weights.deleting")
            self._folder.weights_of(number).unlink(missing_ok=True)
            reach("weights.deleted")

    def _settle(self) -> None:
        """Bring best.npz up to what is stored, which may be more than has been seen."""
        snapshot = self._store.snapshot()
        answer = self._look(snapshot)
        if self._folder.weights.is_dir() and not self._folder.weights.is_symlink():
            if answer is not None:
                self._promote(answer.weights)
            if needed := may_become_best(snapshot):
                self._keep_only(needed)
                return
        remove_folder(self._folder.weights)

    def _keep_only(self, numbers: frozenset[int]) -> None:
        files = {self._folder.weights_of(number) for number in numbers}
        with _errors(self._folder):
            for path in self._folder.weights.iterdir():
                if path not in files:
                    remove_folder(path)


def may_become_best(snapshot: Snapshot) -> frozenset[int]:
    """The trials of an unfinished confirmation whose weights may yet be the answer's: of each configuration the best.

    That of the answer itself is best.npz already.
    """
    stage = snapshot.stages[-1]
    if stage.is_search or not stage.has_own_data or snapshot.has_ended(stage):
        return frozenset()
    best: dict[int | None, tuple[float, int]] = {}
    for trial in snapshot.trials_of(stage):
        if trial.result is not None and trial.result.score is not None:
            parent, one = trial.spec.origin.parent, (trial.result.score, trial.number)
            best[parent] = min(best.get(parent, one), one)
    return frozenset(number for _, number in best.values())


@contextlib.contextmanager
def _errors(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{folder.path}: cannot keep best.npz: {error.strerror}"
        raise StorageError(f"{what}. Free space or rights, then: hptune resume {folder.path}") from error
