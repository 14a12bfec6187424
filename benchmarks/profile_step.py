"""Where a training step's time goes: python benchmarks/profile_step.py [--row N] [--seconds S]

Every line of hptune/nn that a step runs is timed, and its median over the steps printed, less what timing an empty line
takes. Medians, so that being interrupted does not show. Rows as in bench_trainer.py.
"""

from __future__ import annotations

import argparse
import linecache
import os
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from time import perf_counter_ns

import bench_trainer
from bench_trainer import ROWS, datasets, hptune_epoch

from hptune.nn import network

FOLDER = str(Path(network.__file__).parent)

_times: dict[tuple[str, int], list[int]] = defaultdict(list)
_open: list[tuple[tuple[str, int], int]] = []  # for each function that is running, its line and when that began


def trace(frame, event, _argument):
    """Follow the functions of hptune.nn; a line that calls one of them has the callee's time in it."""
    if event == "call":
        if not frame.f_code.co_filename.startswith((FOLDER, __file__)):
            return None
        _open.append((("", 0), perf_counter_ns()))
        return trace
    if event in {"line", "return"}:
        line, began = _open.pop()
        _times[line].append(perf_counter_ns() - began)
        if event == "line":
            _open.append(((frame.f_code.co_filename, frame.f_lineno), perf_counter_ns()))
    return trace


def nothing(x):
    x += 1
    x += 1
    return x


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", type=int, default=3, help="number in bench_trainer.ROWS")
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    row, dataset = ROWS[arguments.row], datasets()[ROWS[arguments.row].data]
    epoch = hptune_epoch(row, dataset)
    bench_trainer.rate(epoch, 0.3)
    sys.settrace(trace)
    for _ in range(2000):
        nothing(0)
    bench_trainer.rate(epoch, arguments.seconds)
    sys.settrace(None)
    empty = min(statistics.median(times) for (file, _), times in _times.items() if file == __file__)
    print(f"{bench_trainer.name(row, dataset)}: microseconds a call (median), calls a step")
    step = "loss, errors = network.differentiate"
    n_steps = max(len(t) for (file, n), t in _times.items() if linecache.getline(file, n).strip().startswith(step))
    for (file, number), times in sorted(_times.items()):
        micro, calls = (statistics.median(times) - empty) / 1000, len(times) / n_steps
        if file.startswith(FOLDER) and calls > 0.5:
            text = linecache.getline(file, number).strip()
            print(f"{Path(file).name:16}{number:4}{micro:9.2f}{calls:7.2f}  {text[:90]}")


if __name__ == "__main__":
    main()
