"""Two workers against one, and a worker's memory over a thousand trials.

    python benchmarks/bench_workers.py [--rounds N] [--trials N] [--memory N]

Throughput is that of `hptune search configs/digits.yaml` with 1 and with 2 workers in turn: epochs a second from the
first epochs to the last result, storing them and drawing on the screen included; the seconds before that (starting
workers, loading NumPy and the data) are shown apart. The ratio is taken of neighbours in time. It means something on an
idle machine with two cores or more and nowhere else; on a machine that others use, look at the processor time: W1 and
W2 of one and of two workers, and P of the program that stores and draws, for the same trials. Two idle cores cannot
give more than 2 W1 / (W2 + P).

Memory is the resident set of one worker after every tenth of --memory trials with one epoch each, drawn from the
space of the digits study: networks of as many shapes as a search has.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from hptune.workers import blas

os.environ.update(blas.environment())  # before NumPy is loaded, as the command does

from rich.console import Console

from hptune import loop, session, study, study_data
from hptune.config import study_file
from hptune.events import EpochEnded, Event, TrialEnded

DIGITS = Path(__file__).parents[1] / "configs" / "digits.yaml"
BAR = 1.85
TICKS = os.sysconf("SC_CLK_TCK")  # a second


@dataclass
class Watch:
    """Stands in for loop.run and notes when its events come."""

    on_trial: Callable[[], object]
    began: float = field(default_factory=time.perf_counter)
    first: float = 0.0  # when the first epochs had come
    last: float = 0.0  # when the last result had come
    epochs: int = 0  # after those that came first
    parent_s: float = 0.0  # processor time between the two
    workers_s: float = 0.0

    def events(self, run: Callable[..., Iterator[Event]], *arguments) -> Iterator[Event]:
        parent = workers = 0.0
        for event in run(*arguments):
            now = time.perf_counter()
            if isinstance(event, EpochEnded):
                if not self.first:
                    self.first, parent, workers = now, time.process_time(), sum(map(processor_s, children()))
                self.epochs += now - self.first > loop.GROUP_S / 2  # the first group tells of the time before it
            elif isinstance(event, TrialEnded):
                self.last, self.parent_s = now, time.process_time() - parent
                self.workers_s = sum(map(processor_s, children())) - workers
                self.on_trial()
            yield event


def children() -> list[int]:
    """The workers: below every child of this process, a guardian, there is one."""
    return [worker for guardian in below(os.getpid()) for worker in below(guardian)]


def below(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS  # utime and stime


def resident_mb(pid: int) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def search(workers: int, settings: dict[str, int], on_trial: Callable[[], object] = lambda: None) -> Watch:
    """One search as the command does it, on a screen that nobody sees."""
    overrides = [study_file.Override(key, str(value), "bench") for key, value in settings.items()]
    config = study_file.load(DIGITS, overrides)
    watch, run, dataset = Watch(on_trial), loop.run, study_data.load(config)
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(loop, "run", lambda *arguments: watch.events(run, *arguments)),
        study.create(config, Path(folder), study.data_facts(dataset)) as store,
        study.data_for_workers(store.folder, config, dataset),
    ):
        session.train(store, config, Console(file=io.StringIO(), force_terminal=True, width=100), n_workers=workers)
    return watch


def show(name: str, values: list[float], form: str) -> str:
    return f"{name} {statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def throughput(rounds: int, trials: int) -> None:
    seen: dict[int, list[Watch]] = {1: [], 2: []}
    ratios, ceilings = [], []
    for number in range(rounds):
        for workers in (1, 2) if number % 2 else (2, 1):
            seen[workers].append(search(workers, {"search.trials": trials}))
        one, two = seen[1][-1], seen[2][-1]
        ratios.append(two.epochs / (two.last - two.first) / (one.epochs / (one.last - one.first)))
        ceilings.append(2 * one.workers_s / (two.workers_s + two.parent_s))
    for workers, found in seen.items():
        print(f"{workers} worker{'s' * (workers - 1)}")
        print(show("  epochs/s", [w.epochs / (w.last - w.first) for w in found], ".0f"))
        print(show("  s before the first epochs", [w.first - w.began for w in found], ".2f"))
        print(show("  processor s of workers", [w.workers_s for w in found], ".2f"))
        print(show("  processor s of the program", [w.parent_s for w in found], ".2f"))
    print(show("two workers over one", ratios, ".3f"), f"bar {BAR}")
    print(show("no more on two idle cores than", ceilings, ".3f"))


def memory(trials: int) -> None:
    ended = 0

    def look() -> None:
        nonlocal ended
        ended += 1
        if ended == 1 or ended % max(1, trials // 10) == 0:
            (pid,) = children()
            # the display takes sys.stdout for itself
            print(f"{ended:9,} trials {resident_mb(pid):8.1f} MB", file=sys.__stdout__, flush=True)

    print("resident memory of a worker")
    search(1, {"search.trials": trials, "train.epochs": 1}, look)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="0 leaves the throughput out")
    parser.add_argument("--trials", type=int, default=60, help="of each search")
    parser.add_argument("--memory", type=int, default=1000, help="trials of the look at the memory; 0 leaves it out")
    arguments = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("needs /proc: Linux only")
    if arguments.rounds:
        throughput(arguments.rounds, arguments.trials)
    if arguments.memory:
        memory(arguments.memory)


if __name__ == "__main__":
    main()
