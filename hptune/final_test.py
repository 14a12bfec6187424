"""The test set, which is touched once: by the network of the answer, when nothing is left to be trained."""

from __future__ import annotations

from dataclasses import replace

from hptune import rights
from hptune.data import prepared
from hptune.failpoints import reach
from hptune.nn import model_file
from hptune.nn.prediction import predict
from hptune.store import Snapshot, Store
from hptune.store.answer import answer_of


def is_due(snapshot: Snapshot) -> bool:
    """Whether the run is finished and the network of its answer has not met the test set."""
    answer = answer_of(snapshot)
    if answer is None or not snapshot.is_finished or not snapshot.facts["data"].get("test"):
        return False
    is_tested = any(t.number == answer.weights and t.test_error is not None for t in snapshot.trials)
    return not is_tested and rights.exists(snapshot.folder.best_npz)


def measure(store: Store) -> None:
    """Store the test error of best.npz, within a sitting on the run's own data.

    It is the share of examples misclassified; in regression the RMSE in deviations of the training targets.

    Raises:
        DataError: the data for the workers are not there.
        RunDamagedError: best.npz cannot be read.

    """
    model, answer = model_file.load(store.folder.best_npz), answer_of(store.snapshot())
    if answer is None or model.trial != answer.weights:  # the answer's were not kept, or were deleted
        return
    data = prepared.read(store.folder.prepared(normalized=model.normalisation is not None))
    assert data.test is not None
    ready = replace(model, normalisation=None, target=None)  # inputs and targets are as the network reads them
    found = predict(ready, data.test.x, data.test.y)
    assert found.errors is not None
    reach("test.measured")
    store.set_test_error(model.trial, model.network.loss.error(found.errors, len(data.test)))
