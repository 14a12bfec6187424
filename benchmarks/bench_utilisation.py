"""How busy workers are kept by the simulated clock, with the durations that a run has recorded.

Repeats a run on so many workers as if every epoch took as long as it did in the run: the same search hands out the same
trials, and what is counted is how long workers wait for it to know enough. Processes and pipes are left out; what they
cost is in `hptune report`, which shows the share of time that workers of the run itself were busy.

    python benchmarks/bench_utilisation.py RUN [--workers 2 --workers 4]
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hptune import agenda, store, stored_config
from hptune.runs import RunFolder
from hptune.search.plan import SearchPlan
from hptune.store import Snapshot, Stage
from hptune.trial import METRICS

CURVE = ("trial", "epoch", *METRICS, "learning_rate", "seconds")


Row = tuple[Any, ...]  # of a curve, as the store keeps it


def utilisation(snapshot: Snapshot, curves: Sequence[Row], workers: int) -> float:
    """The share of time that workers train, from the first trial of a run to its last."""
    rows: dict[int, list[Row]] = {trial.number: [] for trial in snapshot.trials}
    for row in curves:
        rows[row[0]].append(row)
    now = 0.0
    for stage in snapshot.stages:
        if isinstance(stage.plan, SearchPlan) or stage.plan.follows is None:
            now = _end_of(snapshot, stage, rows, workers, now)
    return sum(result.seconds for result in snapshot.results) / (workers * now)


def _end_of(snapshot: Snapshot, stage: Stage, rows: Mapping[int, Sequence[Row]], workers: int, start: float) -> float:
    """When a stage ends that begins at a time, its confirmation included."""
    config = stored_config.config_of(snapshot)
    score = CURVE.index(config.search.metric)
    results = {result.number: result for result in snapshot.results}
    before = tuple(trial for trial in snapshot.trials if trial.stage < stage.number)
    scores = {number: [row[score] for row in found] for number, found in rows.items()}
    cost = stored_config.epoch_cost(config, snapshot.facts["data"])
    stages = snapshot.stages[: stage.number + 1]
    trials = agenda.trials_of(replace(snapshot, stages=stages, trials=before), stage, config, scores, cost)
    events: list[tuple[float, int, int]] = []  # time, trial, epoch; one epoch too many is the end
    now, idle = start, workers
    while True:
        while idle and (spec := trials.next_spec()) is not None:
            idle -= 1
            number, end = spec.number, results[spec.number].seconds
            for row in rows[number]:
                heapq.heappush(events, (now + row[CURVE.index("seconds")], number, int(row[CURVE.index("epoch")])))
            heapq.heappush(events, (now + end, number, len(rows[number]) + 1))
        if not events:
            return now
        now, number, epoch = heapq.heappop(events)
        if epoch <= len(rows[number]):
            trials.see_epoch(number, epoch, rows[number][epoch - 1][score])
        else:
            trials.see_result(results[number])
            idle += 1


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
