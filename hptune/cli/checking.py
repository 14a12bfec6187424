"""The command that looks and touches nothing: check. Heavy imports stand inside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from hptune.cli.options import new_console, one_blas_thread
from hptune.cli.overrides import set_option, setting

DRAWS = 3  # trials shown


@click.command(short_help="Look at a study and its data; train and write nothing.")
@click.argument("config", type=click.Path(path_type=Path))
@set_option
def check(config: Path, settings: Sequence[str]) -> None:
    """Look at the study file CONFIG and its data; train and write nothing.

    Says what was found, and whether train, dev and test look as if they came from different distributions.
    """
    one_blas_thread()
    from hptune import study, study_data
    from hptune.config import study_file
    from hptune.data.review import review
    from hptune.report.data_review import print_check

    loaded = study_file.load(config, [setting(text) for text in settings])
    found = review(study_data.load(loaded))
    draws = tuple(islice(study.stage_specs(study.coarse_stage(loaded), loaded), DRAWS))
    print_check(new_console(), loaded, found, draws)
