"""The command that uses what was found: predict. Heavy imports stand inside it."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hptune.cli.options import (
    overwrite_option,
    refuse_to_overwrite,
    runs_option,
    set_up_blas,
    tell,
    write_table,
)
from hptune.errors import DataError, HptuneError, RunDamagedError, UsageError
from hptune.rights import exists
from hptune.wording import amount, counted, defused, visible

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hptune.data.dataset import Unseen
    from hptune.data.table import TableSchema
    from hptune.nn.model_file import Model
    from hptune.nn.prediction import Predictions
    from hptune.runs import RunFolder
    from hptune.store import Snapshot

ROWS = 1000  # of a piece of output
SHOWN_CLASSES = 10


@click.command(short_help="Predict with the best trial's network.")
@click.argument("run_and_data", nargs=-1, required=True, metavar="[RUN] DATA")
@click.option("--labels", help="The file of y, where DATA is an NPY or IDX file of X.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write to this file (- for standard output).  [default: -]"
)
@overwrite_option
@runs_option
def predict(
    run_and_data: tuple[str, ...], labels: str | None, output: Path | None, overwrite: bool, runs: Path
) -> None:
    """Predict the examples of the file DATA with the best network of RUN (its name or path; the newest by default).

    Writes CSV, one row an example, in the order of the file: the class predicted and the probability of each class.
    Where DATA has labels, says on standard error how many predictions are wrong, beside always the same answer.
    """
    if len(run_and_data) > 2:
        raise UsageError(f"expected [RUN] DATA, found {len(run_and_data)} arguments")
    set_up_blas()
    from hptune.nn.prediction import predict as predicted
    from hptune.replacing import write_output
    from hptune.runs import find

    *run, data = run_and_data
    if not run and not exists(Path(data)) and exists(runs / data / "run.db"):
        raise UsageError(f"{data} is a run: which file is to be predicted? hptune predict {data} DATA")
    folder = find(runs, run[0] if run else None)
    model, snapshot = _model(folder), _known(folder)
    if snapshot is not None:
        _note_if_stale(model, snapshot)
    inputs = [Path(path) for path in (data, labels) if path]
    refuse_to_overwrite("--output", output, inputs, folder.path, overwrite=overwrite)
    examples = _read(data, labels, _schema(model, folder), model, None if run else folder)
    for note in examples.notes:
        tell(f"Note: {note}", err=True)
    found = predicted(model, examples.x, examples.y)
    if examples.y is not None:
        if snapshot is not None:
            _note_if_known(data, snapshot)
        for line in _scores(model, found, examples.y, snapshot):
            tell(line, err=True)
    if output is not None and str(output) != "-":
        write_output(output, "".join(_csv(model, found, examples)))
        return
    for piece in _csv(model, found, examples):
        write_table(piece)
    sys.stdout.flush()


def _model(folder: RunFolder) -> Model:
    """The best network of a run, or what to do where there is none."""
    from hptune.nn.model_file import load
    from hptune.store import read

    if exists(folder.best_npz):
        return load(folder.best_npz)
    if any(result.score is not None for result in read(folder).results):
        why = "the best trial was trained by an hptune that kept no weights, or the file was deleted"
        raise UsageError(f"{folder.best_npz}: not there: {why}. Train anew with: hptune search {folder.config}")
    raise UsageError(f"{folder.path}: no trial has completed, so there is no network to predict with")


def _schema(model: Model, folder: RunFolder) -> TableSchema:
    """How files become inputs of the network."""
    from hptune.data.table import TableSchema

    try:
        schema = TableSchema.from_json(model.schema, model.classes)
        if len(schema.features) == model.network.sizes[0]:
            return schema
        reason = f"columns that make {len(schema.features):,} of {model.network.sizes[0]:,} inputs"
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error)
    raise RunDamagedError(f"{folder.best_npz}: damaged: its description of tables makes no sense ({reason})")


def _known(folder: RunFolder) -> Snapshot | None:
    """What the run's database tells beside the network; None where it cannot be read."""
    from hptune.store import read

    with contextlib.suppress(HptuneError):  # whatever is wrong with the database, the network is there
        return read(folder)
    return None


def _note_if_stale(model: Model, snapshot: Snapshot) -> None:
    """Say so where the weights are not those of the answer by now."""
    from hptune.store.answer import answer_of

    answer = answer_of(snapshot)
    if answer is not None and answer.weights != model.trial:
        path = snapshot.folder.path
        text = f"best.npz is of trial {model.trial}, but trial {answer.weights} leads: hptune resume {path}"
        tell(f"Note: {text} brings it up to date", err=True)


def _note_if_known(data: str, snapshot: Snapshot) -> None:
    """Say so where the network has been trained or chosen on the file."""
    from hptune.stored_config import config_of

    with contextlib.suppress(HptuneError, OSError):
        settings = config_of(snapshot).data
        if settings.path is not None and Path(data).samefile(settings.path):
            known = "trained on examples of this file"
        elif settings.dev is not None and Path(data).samefile(settings.dev):
            known = "chosen by this file, the dev set"
        else:
            return
        tell(f"Note: the network was {known}, so the error says little about others.", err=True)


def _read(data: str, labels: str | None, schema: TableSchema, model: Model, newest: RunFolder | None) -> Unseen:
    """The examples; of a file that is not like the training data, which run that was, where nobody has named it."""
    from hptune.data import unseen

    try:
        return unseen.read(data, labels, schema, model.image)
    except DataError as error:
        if newest is None or "of the training file" not in str(error):
            raise
        meant = f"The network is that of the newest run, {newest.path}; for another: hptune predict RUN {data}"
        raise DataError(f"{error}\n{meant}") from error


def _scores(model: Model, found: Predictions, y: NDArray[Any], snapshot: Snapshot | None) -> Iterator[str]:
    """How good the predictions are, beside always the same answer, and by class."""
    from hptune.measured import baseline_of

    assert found.errors is not None
    error, examples = model.network.loss.error(found.errors, len(found.values)), counted(len(found.values), "example")
    if model.target is not None:
        deviation = model.target.deviation
        rms = float((model.target.apply(y) ** 2).mean()) ** 0.5
        deviations = f"{error:.4g} deviations of the training targets"
        yield f"{examples}: RMSE {amount(error * deviation)} ({deviations}), loss {found.loss:.4g}"
        yield f"Always the mean of the training targets: RMSE {amount(rms * deviation)} ({rms:.4g} deviations)"
        return
    yield f"{examples}: {100 * error:.3g} % wrong ({found.errors:,.0f}), loss {found.loss:.4g}"
    baseline = None if snapshot is None else baseline_of(snapshot.facts["data"])
    if baseline is not None and baseline.answer in model.classes:
        n_wrong = int((y != model.classes.index(baseline.answer)).sum())
        share = f"{100 * n_wrong / len(y):.3g} % wrong ({n_wrong:,})"
        yield f'Always "{visible(baseline.answer)}", the commonest class of train: {share}'
    if len(model.classes) <= SHOWN_CLASSES:
        for name, one in zip(model.classes, found.by_class(y, len(model.classes)), strict=True):
            recall = "" if one.recall is None else f" ({100 * one.recall:.3g} %)"
            precision = "" if one.precision is None else f", right in {100 * one.precision:.3g} % of {one.n_answered:,}"
            yield f"  {visible(name)}: {one.n_right:,} of {one.n_true:,} found{recall}{precision}"


def _csv(model: Model, found: Predictions, examples: Unseen) -> Iterator[str]:
    """The predictions as CSV, in pieces; numbers with the fewest digits that read back as they were computed.

    A row of the file that is no example, since a cell is missing, has a line of empty fields.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header := ["prediction", *(f"p({name})" for name in model.classes)])
    answers = zip(found.values, found.probabilities, strict=True)
    has_answer = [True] * len(found.values) if examples.is_complete is None else examples.is_complete.tolist()
    for start in range(0, len(has_answer), ROWS):
        for is_answered in has_answer[start : start + ROWS]:
            if is_answered:
                value, probabilities = next(answers)
                shown = defused(model.classes[value]) if model.classes else str(value)
                writer.writerow([shown, *map(str, probabilities)])
            else:
                writer.writerow([""] * len(header))
        yield text.getvalue()
        text.seek(0)
        text.truncate()
