"""How busy workers are kept by the simulated clock, with the durations that a run has recorded.

Repeats a run on so many workers as if every epoch took as long as it did in the run: the same search hands out the same
trials, and what is counted is how long workers wait for it to know enough. Processes and pipes are left out; what they
cost is in `hptune report`, which shows the share of time that workers of the run itself were busy.

    python benchmarks/bench_utilisation.py RUN [--workers 2 --workers 4]
"""

from __future__ import annotations

import heapq
from pathlib import Path

import click

from hptune import agenda, store, study
from hptune.runs import RunFolder
from hptune.store import Snapshot, Stage
from hptune.stored_config import config_of
from hptune.trial import TrialResult


def utilisation(snapshot: Snapshot, curves: list[tuple], workers: int) -> float:
    """The share of time that workers train, from the first trial of a run to its last."""
    busy = sum(result.seconds for result in snapshot.results)
    now = 0.0
    for stage in snapshot.stages:
        now = _end_of(snapshot, stage, curves, workers, now)
    return busy / (workers * now)


def _end_of(snapshot: Snapshot, stage: Stage, curves: list[tuple], workers: int, start: float) -> float:
    """When a stage ends that begins at a time."""
    config = config_of(snapshot)
    metric = ("train_loss", "train_error", "dev_loss", "dev_error").index(config.search.metric) + 2
    before = Snapshot(snapshot.folder, snapshot.facts, snapshot.stages[: stage.number + 1], snapshot.trials, (), None)
    trials = agenda.trials_of(
        _without(before, stage),
        stage,
        config,
        _scores(curves, metric),
        study.epoch_cost(config, snapshot.facts["data"]),
    )
    results = {trial.number: trial.result for trial in snapshot.trials_of(stage)}
    rows = {number: [row for row in curves if row[0] == number] for number in results}
    events: list[tuple[float, int, int, TrialResult | None]] = []  # time, trial, epoch, result
    now, idle = start, workers
    while True:
        while idle and (spec := trials.next_spec()) is not None:
            idle -= 1
            result = results[spec.number]
            for row in rows[spec.number]:
                heapq.heappush(events, (now + row[-1], spec.number, row[1], None))
            heapq.heappush(events, (now + result.seconds, spec.number, result.epochs + 1, result))
        if not events:
            return now
        now, number, epoch, result = heapq.heappop(events)
        if result is None:
            trials.see_epoch(number, epoch, rows[number][epoch - 1][metric])
        else:
            trials.see_result(result)
            idle += 1


def _without(snapshot: Snapshot, stage: Stage) -> Snapshot:
    """A run as it was when a stage began."""
    trials = tuple(trial for trial in snapshot.trials if trial.stage < stage.number)
    return Snapshot(snapshot.folder, snapshot.facts, snapshot.stages, trials, (), None)


def _scores(curves: list[tuple], metric: int) -> dict[int, list[float]]:
    scores: dict[int, list[float]] = {}
    for row in curves:
        scores.setdefault(row[0], []).append(row[metric])
    return scores


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--workers", type=int, multiple=True, default=(1, 2, 4), show_default=True)
def main(run: Path, workers: tuple[int, ...]) -> None:
    """Print the share of time that workers would be busy in RUN."""
    snapshot, curves = store.read_with_curves(RunFolder(run))
    parallel = snapshot.stages[0].plan.parallel
    for n in workers:
        click.echo(f"{n} workers, parallel {parallel}: {utilisation(snapshot, curves, n):.3f}")


if __name__ == "__main__":
    main()
