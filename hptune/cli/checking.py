"""The commands that look and touch nothing: check and schema. Heavy imports stand inside them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hptune.cli.options import new_console, runs_option, set_up_blas, workers_option
from hptune.cli.overrides import overrides, set_option
from hptune.errors import UsageError

if TYPE_CHECKING:
    from hptune.config.study_file import StudyConfig
    from hptune.data.dataset import Dataset
    from hptune.trial import TrialSpec

MOST_ROWS = 64  # of a mini-batch whose gradient is checked
WRONG_GRADIENT = 1  # exit code


@click.command(short_help="Look at a study and its data; train and write nothing.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--gradients", is_flag=True, help="Check the gradient of the first trial's network instead.")
@set_option
@workers_option
@runs_option
def check(
    config: Path, gradients: bool, settings: Sequence[str], workers: int | Literal["auto"] | None, runs: Path
) -> None:
    """Look at the study file CONFIG and its data; train and write nothing.

    Says what was found, what a search would draw, how long it would take and how much disk, and whether train, dev and
    test look as if they came from different distributions; then what could be better. With --gradients, compares
    backpropagation with two-sided differences on the network and the first mini-batch of trial 0.
    """
    set_up_blas()
    from hptune import agenda, machine, study, study_data
    from hptune.analysis.study_check import study_check
    from hptune.data.review import review
    from hptune.report.data_review import print_check
    from hptune.workers.cores import n_workers, usable_cores, with_parallel

    loaded, dataset = study_data.load_study(config, overrides(settings))
    loaded = with_parallel(loaded, workers)
    if gradients:
        _check_gradients(loaded, dataset, agenda.certain_specs(agenda.first_stage(loaded), loaded)[0])
        return
    here = machine.look(runs, cores=usable_cores())
    data = study.data_facts(dataset)
    found = study_check(loaded, review(dataset, loaded.data), data, here, n_workers(loaded, workers))
    print_check(new_console(), found)


def _check_gradients(config: StudyConfig, loaded: Dataset, spec: TrialSpec) -> None:
    import numpy as np

    from hptune.data.dataset import normalise
    from hptune.effects import hyperparameters_of
    from hptune.nn import gradient_check, training
    from hptune.randomness import Purpose, generator
    from hptune.report.gradients import print_gradients
    from hptune.trial import DivergedError

    h = hyperparameters_of(config.train, spec.hyperparameters)
    dataset = normalise(loaded, np.float64, inputs=h.normalize_inputs)
    rng = generator(spec.seed, Purpose.GRADIENT_CHECK, spec.number)
    try:
        network, batch = training.first_batch(dataset, h, seed=spec.seed, number=spec.number, most=MOST_ROWS)
        gradient_check.unsettle(network, rng)
        blocks = gradient_check.check(network, batch, h.l2, h.l1, rng)
    except MemoryError as error:
        raise UsageError(f"The network of trial 0 needs more memory than there is: {error}") from error
    except DivergedError as error:
        raise UsageError(f"{error}: there is nothing to compare. Lower init_scale, l2 or l1, or the inputs") from error
    worst = gradient_check.worst(blocks)
    print_gradients(new_console(), network, len(batch.inputs), MOST_ROWS, spec.hyperparameters, blocks, worst)
    if worst.verdict is gradient_check.Verdict.WRONG:
        sys.exit(WRONG_GRADIENT)


SCHEMA_HELP = """Print the JSON Schema of the study file, with which editors complete and check keys.

\b
hptune schema > hptune.schema.json
and as the first line of the study file, for editors with a YAML language server:
# yaml-language-server: $schema=hptune.schema.json
"""


@click.command(short_help="Print the JSON Schema of the study file, for editors.", help=SCHEMA_HELP)
def schema() -> None:
    import json

    from hptune.config.schema import study_schema

    click.echo(json.dumps(study_schema(), indent=2))
