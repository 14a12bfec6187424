"""The command that trains what was found again: retest. Heavy imports stand inside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hptune.cli.options import Whole, lasting_console, runs_option, set_up_blas, workers_option
from hptune.cli.overrides import overrides
from hptune.cli.training import say_if_elsewhere, to_go, train
from hptune.errors import UsageError

if TYPE_CHECKING:
    from hptune.config.study_file import StudyConfig
    from hptune.data.dataset import Dataset
    from hptune.store import Snapshot

MOST_SEEDS, MOST_CONFIGURATIONS = 100, 1000
SET = "With --data: overrule a key of the data section, as --set data.target=label."


@click.command(short_help="Train the best configurations again, from fresh seeds or on other data.")
@click.argument("run", required=False)
@click.option(
    "--top",
    type=Whole(1, MOST_CONFIGURATIONS),
    default=5,
    show_default=True,
    help="So many of the best distinct configurations.",
)
@click.option("--seeds", type=Whole(1, MOST_SEEDS), default=3, show_default=True, help="Trainings of each.")
@click.option("--data", metavar="FILE|NAME", help="Other data: a file as data.path, or a built-in set.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET)
@workers_option
@runs_option
def retest(
    run: str | None,
    top: int,
    seeds: int,
    data: str | None,
    settings: Sequence[str],
    workers: int | Literal["auto"] | None,
    runs: Path,
) -> None:
    """Train the best configurations of RUN (its name or path; the newest by default) again from fresh seeds.

    Says whether the old ranking still holds. With --data it does so on other data and changes nothing else: the
    answer of the run stays that of its own data.
    """
    set_up_blas()
    from hptune import agenda, session, study, tables
    from hptune.analysis import confirmation
    from hptune.report.confirmation import print_retest
    from hptune.report.safe_text import say
    from hptune.runs import find
    from hptune.store import Store
    from hptune.stored_config import config_of
    from hptune.wording import counted

    console = lasting_console()
    with Store(find(runs, run)) as store:
        folder, snapshot = store.folder, store.snapshot()
        loaded = config_of(snapshot)
        agenda.retest_stage(snapshot, top, seeds)  # before the data are read, which may take a while
        dataset, facts = _data(loaded, snapshot, data, settings)
        for note in () if data is None else dataset.notes:
            say(console, f"Note: {note}", "yellow")
        say_if_elsewhere(console, snapshot)
        stage = agenda.retest_stage(snapshot, top, seeds, facts)
        with session.sitting(folder, loaded, dataset):
            del dataset  # memory that is needed no more
            if left := to_go(snapshot):
                say(console, f"{folder.path}: {left}, which the retest replaces.")
            study.add_stage(store, stage)
            say(console, f"{folder.path}: {stage.name}, {stage.origin}: {counted(stage.n_trials or 0, 'training')}")
            if len(stage.parents) < top:
                say(console, f"Note: no more than {counted(len(stage.parents), 'distinct configuration')} completed.")
            train(store, loaded, console, workers, runs)
    if (found := confirmation.retest(tables.load(folder.path), stage)) is not None:
        print_retest(console, found)


def _data(
    config: StudyConfig, snapshot: Snapshot, data: str | None, settings: Sequence[str]
) -> tuple[Dataset, dict[str, Any] | None]:
    """What is trained on and, where that is not what the run was started with, its facts."""
    from hptune import other_data, study, study_data

    changes = overrides(settings)
    if wrong := [override.place for override in changes if not override.key.startswith("data.")]:
        raise UsageError(f"{', '.join(wrong)}: only keys of the data section can be set here, as data.target")
    if data is None:
        if changes:
            raise UsageError("--set goes with --data: the run's own data stay as they are")
        return study.same_data(config, snapshot), None
    config = other_data.config_on(config, data, changes)
    dataset = study.normalised_as(snapshot.facts["data"], study_data.load(config))
    facts = {"settings": config.data.to_json(), **study.data_facts(dataset)}
    is_own = facts["fingerprint"] == snapshot.facts["data"]["fingerprint"]
    return dataset, None if is_own else facts
