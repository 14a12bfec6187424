"""best.npz: the weights of the trial that leads.

A worker writes the weights of a trial that is better than what it has trained before into a file of their own, named
by the trial's number, before it tells the result. Once the result is stored, the file becomes best.npz if the trial
leads, and is deleted otherwise. Both steps are one rename or unlink, and a sitting begins by settling what the one
before it left, so that best.npz and the database agree whatever was killed, and whenever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from hptune.errors import HptuneError, StorageError
from hptune.events import Event, TrialEnded
from hptune.replacing import remove_folder
from hptune.runs import RunFolder
from hptune.search.ranking import ranked
from hptune.store.writer import Store
from hptune.trial import TrialResult


class BestWeights:
    """Keeps best.npz that of the leading trial; a context manager for one sitting of training."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = store.folder
        self._best: TrialResult | None = None

    def __enter__(self) -> Self:
        self._settle()  # what an earlier sitting left
        with _errors(self._folder):
            self._folder.weights.mkdir(exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(HptuneError):  # what ended the sitting matters more, and the next one settles
            self._settle()

    def see(self, event: Event) -> None:
        """Something has been stored."""
        if not isinstance(event, TrialEnded):
            return
        contenders = [event.result] if self._best is None else [self._best, event.result]
        self._best = next(iter(ranked(contenders)), None)
        if self._best is event.result:
            self._promote(event.result)
        else:
            with _errors(self._folder):
                self._folder.weights_of(event.result.number).unlink(missing_ok=True)

    def _promote(self, result: TrialResult) -> None:
        with _errors(self._folder), contextlib.suppress(FileNotFoundError):  # not every trainer keeps weights
            self._folder.weights_of(result.number).replace(self._folder.best_npz)

    def _settle(self) -> None:
        """Bring best.npz up to what is stored, which may be more than has been seen."""
        self._best = next(iter(ranked(self._store.snapshot().found)), None)
        if self._best is not None and not self._folder.weights.is_symlink():
            self._promote(self._best)
        remove_folder(self._folder.weights)


@contextlib.contextmanager
def _errors(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{folder.path}: cannot keep best.npz: {error.strerror}"
        raise StorageError(f"{what}. Free space or rights, then: hptune resume {folder.path}") from error
