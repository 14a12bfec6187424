"""The command that uses what was found: predict. Heavy imports stand inside it."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hptune.cli.options import (
    overwrite_option,
    refuse_to_overwrite,
    runs_option,
    set_up_blas,
    tell,
    write_table,
)
from hptune.errors import HptuneError, RunDamagedError, UsageError
from hptune.rights import exists
from hptune.wording import amount, counted, defused

if TYPE_CHECKING:
    from hptune.data.table import TableSchema
    from hptune.nn.model_file import Model
    from hptune.nn.prediction import Predictions
    from hptune.runs import RunFolder

ROWS = 1000  # of a piece of output


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
    Where DATA has labels, says on standard error how many predictions are wrong.
    """
    if len(run_and_data) > 2:
        raise UsageError(f"expected [RUN] DATA, found {len(run_and_data)} arguments")
    set_up_blas()
    from hptune.data import unseen
    from hptune.nn.prediction import predict as predicted
    from hptune.replacing import write_output
    from hptune.runs import find

    *run, data = run_and_data
    if not run and not exists(Path(data)) and exists(runs / data / "run.db"):
        raise UsageError(f"{data} is a run: which file is to be predicted? hptune predict {data} DATA")
    folder = find(runs, run[0] if run else None)
    model = _model(folder)
    _note_if_stale(model, folder)
    inputs = [Path(path) for path in (data, labels) if path]
    refuse_to_overwrite("--output", output, inputs, folder.path, overwrite=overwrite)
    examples = unseen.read(data, labels, _schema(model, folder), model.image)
    for note in examples.notes:
        tell(f"Note: {note}", err=True)
    found = predicted(model, examples.x, examples.y)
    if found.errors is not None:
        tell(_score(model, found), err=True)
    if output is not None and str(output) != "-":
        write_output(output, "".join(_csv(model, found)))
        return
    for piece in _csv(model, found):
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


def _note_if_stale(model: Model, folder: RunFolder) -> None:
    """Say so where the weights are not those of the answer by now."""
    from hptune.store import read
    from hptune.store.answer import answer_of

    answer = None
    with contextlib.suppress(HptuneError):  # whatever is wrong with the database, the network is there
        answer = answer_of(read(folder))
    if answer is not None and answer.weights != model.trial:
        text = f"best.npz is of trial {model.trial}, but trial {answer.weights} leads: hptune resume {folder.path}"
        tell(f"Note: {text} brings it up to date", err=True)


def _score(model: Model, found: Predictions) -> str:
    """How good the predictions are, in a line."""
    assert found.errors is not None
    error, examples = model.network.loss.error(found.errors, len(found.values)), counted(len(found.values), "example")
    if model.target is not None:
        own = amount(error * model.target.deviation)
        return f"Error {error:.4g} deviations of the training targets (RMSE {own}; {examples}), loss {found.loss:.4g}"
    return f"Error {100 * error:.3g} % ({found.errors:,.0f} of {examples}), loss {found.loss:.4g}"


def _csv(model: Model, found: Predictions) -> Iterator[str]:
    """The predictions as CSV, in pieces; numbers with the fewest digits that read back as they were computed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["prediction", *(f"p({name})" for name in model.classes)])
    for start in range(0, len(found.values), ROWS):
        rows = slice(start, start + ROWS)
        for value, probabilities in zip(found.values[rows], found.probabilities[rows], strict=True):
            writer.writerow([defused(model.classes[value]) if model.classes else str(value), *map(str, probabilities)])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
