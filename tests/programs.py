"""The real commands by the hundred: each in a forked child of one interpreter that has loaded everything.

    python programs.py [settled]     reads requests, a JSON object a line, and answers each with the exit status

Where it is settled, what a search would leave to chance or to real time is: every event is written by itself, so that
with 0 workers the points that are reached are the same every time, and as small a search as this one confirms what it
finds. Otherwise the commands are as a person meets them, without the half second that Python takes to load them.
"""

from __future__ import annotations

import atexit
import contextlib
import csv
import functools
import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

from processes import ended_within

CONFIRM_SHARE = 0.45  # of the budget: 8 trials, and 2 of them confirmed
STUDY = """
name: toy
data: {source: blobs, examples: 60}
train: {epochs: 2}
space:
  learning_rate: {scale: log, low: 1e-5, high: 0.3}
  normalize_inputs: {choices: [true, false]}
  batch_norm: {choices: [true, false]}
search: {trials: 14, seed: 40, metric: dev_loss, parallel: 2}
"""
AT_REST = [".lock", "best.npz", "best.yaml", "config.yaml", "curves.csv", "run.db", "trials.csv"]
TAG = "HPTUNE_TEST_TAG"  # in the environment of a program and of all that it starts
TIMEOUT_S = 60
LATER = (  # what commands import as they go: who is another user there may not be able to read it
    *("email.parser", "encodings.ascii", "encodings.cp437", "encodings.unicode_escape", "encodings.utf_8_sig"),
    *("pandas.core.methods.to_dict", "pandas.io.formats.csvs", "pyarrow.pandas_compat", "pyarrow.vendored.version"),
)
STRIKE = "strike"  # among the points: a signal has come


@dataclass(frozen=True)
class Ended:
    code: int  # of the exit; of a signal its number, negative
    output: str
    points: list[str]  # that were reached, workers' included, in order

    def n_epochs(self):
        return self.points.count("trial.epoch")


class Programs:
    """Runs commands of hptune one after the other."""

    def __init__(self, *how):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "300"}
        self._zygote = subprocess.Popen(
            [sys.executable, __file__, *how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._running = set()
        self._own = tempfile.TemporaryDirectory()
        self._count = 0

    def close(self):
        for pid in self._running:  # of a test that has failed
            os.kill(pid, signal.SIGKILL)
        self._zygote.communicate()
        self._own.cleanup()

    def start(
        self,
        place,
        *arguments,
        orders="",
        file_size=None,
        deleted=False,
        strike=None,
        left=False,
        user=None,
        **variables,
    ):
        """Begin a command in a folder, which may be deleted then.

        No file may grow beyond file_size bytes; strike, a number and a signal, sends it at the call of a function of
        that number; left: whoever was to read its output has left; for user see _become.
        """
        self._count += 1
        tag = f"{os.getpid()}-{self._count}"
        files = {kind: f"{self._own.name}/{kind}-{self._count}" for kind in ("output", "trace")}
        if file_size is None:
            Path(files["output"]).touch()
        else:
            os.mkfifo(files["output"])  # no limit of the size of files holds for a pipe
        reader = os.open(files["output"], os.O_RDONLY | os.O_NONBLOCK)
        trace = "" if file_size is not None or user is not None else f"trace@{files['trace']}"
        variables = {"HPTUNE_FAILPOINT": f"{trace} {orders}", TAG: tag, **variables}
        request = {"arguments": list(map(str, arguments)), "place": str(place), "variables": variables}
        request |= {"output": files["output"], "file_size": file_size, "deleted": deleted, "left": left}
        request |= {"strike": strike and (*strike, files["trace"]), "user": user}
        self._ask(request)
        pid = self._answer()
        self._running.add(pid)
        return pid, tag, reader, Path(files["trace"])

    def stops(self, started):
        """Wait until a command has stopped itself, or ended; whether it has stopped."""
        self._ask({"wait": started[0], "stops": True})
        return self._answer()

    def end(self, started):
        """Wait for a command; nothing that it started may outlive it by a second."""
        pid, tag, reader, trace = started
        self._ask({"wait": pid, "stops": False})
        code = os.waitstatus_to_exitcode(self._answer())
        self._running.remove(pid)
        assert all(ended_within(pid, 1.0) for pid in processes_with(tag)), "a process was left"
        with os.fdopen(reader, "rb") as output:
            text = (output.read() or b"").decode(errors="replace")
        points = [line.split()[1] for line in trace.read_text().splitlines()] if trace.exists() else []
        return Ended(code, text, points)

    def run(self, place, *arguments, **options):
        return self.end(self.start(place, *arguments, **options))

    def _ask(self, request):
        self._zygote.stdin.write(json.dumps(request).encode() + b"\n")
        self._zygote.stdin.flush()

    def _answer(self):
        ready, _, _ = select.select([self._zygote.stdout], [], [], TIMEOUT_S)
        assert ready, "the program hangs"
        return json.loads(self._zygote.stdout.readline())


@functools.cache
def _unsettled():
    found = Programs()
    atexit.register(found.close)
    return found


def hptune(place, *arguments, code=0, **variables):
    """Run a command in a folder, as a person does; what it has printed."""
    ended = _unsettled().run(place, *arguments, **{"HPTUNE_FAILPOINT": "", "COLUMNS": "100", **variables})
    assert ended.code == code, ended.output
    assert "Traceback" not in ended.output
    return ended.output


def processes_with(tag):
    """The living processes that have a tag in their environment."""
    mark = f"{TAG}={tag}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes().split(b"\0"):
                yield int(path.parent.name)
        except OSError:
            continue


SEARCH = ("search", "toy.yaml")
ZOOM = ("zoom", "--trials", 4, "--method", "random")
RETEST = ("retest", "--top", 3, "--seeds", 2)
COMMANDS = {"search": SEARCH, "retest": RETEST, "zoom": ZOOM, "retest again": RETEST}


def new_place(place, text=STUDY):
    place.mkdir(parents=True, exist_ok=True)
    (place / "toy.yaml").write_text(text)
    return place


def run_folder(place):
    return place / "runs" / "toy-001"


def n_stages(place):
    """How many stages the run in a place has, as a reader sees it; 0 where there is no run."""
    from hptune import runs, store

    folders = runs.find_all(place / "runs")
    return len(store.read(folders[-1]).stages) if folders else 0


def next_command(place, command, n_before):
    """What a person types after an interruption: resume, or the same again where it has left no stage of its own."""
    return ("resume",) if n_stages(place) > n_before else command


def left_by(place):
    """All that a run leaves and that must not depend on what befell it; nothing else may lie there."""
    assert sorted(path.name for path in place.iterdir()) == ["runs", "toy.yaml"]
    assert [path.name for path in (place / "runs").iterdir()] == ["toy-001"]
    folder = run_folder(place)
    assert sorted(path.name for path in folder.iterdir()) == AT_REST
    assert not list(locked_by(folder)), "the lock is not free"
    tables = [without_times(folder / name) for name in ("trials.csv", "curves.csv")]
    return *tables, (folder / "best.yaml").read_text(), (folder / "best.npz").read_bytes(), test_errors(place)


def locked_by(folder):
    from hptune import runs
    from hptune.store import lock

    if (who := lock.holder(runs.RunFolder(folder))) is not None:
        yield who


def without_times(path):
    with path.open(newline="") as file:
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    keys = [(row["trial"], row.get("epoch") if path.name == "curves.csv" else None) for row in rows]
    assert len(set(keys)) == len(keys), "a row comes twice"
    return rows


def test_errors(place):
    from hptune import runs, store

    return [(trial.number, trial.test_error) for trial in store.read(runs.RunFolder(run_folder(place))).trials]


def _child(request):
    """The program, in this process."""
    os.chdir(request["place"])
    if request["deleted"]:
        Path(request["place"]).rmdir()
    os.environ.update(request["variables"])
    output = os.open(request["output"], os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    if request["left"]:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
    sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", closefd=False) for descriptor in (1, 2))
    if request["file_size"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"], resource.RLIM_INFINITY))
    if request["user"] is not None:
        _become(*request["user"])
    sys.argv = ["hptune", *request["arguments"]]
    from hptune.cli import main

    if request["strike"]:
        _strike(*request["strike"])
    main()


def _strike(n, number, trace):
    """Send this process a signal at the n-th call of a Python function, and note it among the points."""
    calls = 0

    def see(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"
        if calls == n:
            sys.setprofile(None)
            with open(trace, "a") as file:  # noqa: PTH123  (as few calls as can be)
                file.write(f"{os.getpid()} {STRIKE}\n")
            signal.raise_signal(number)

    sys.setprofile(see)


def _become(user, group, umask):
    """Somebody, of a group of that number and one more, whose new files have modes by umask."""
    os.umask(umask)
    if user != 0:
        os.setgroups([group])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def _fork(request, answers):
    if (pid := os.fork()) != 0:
        return pid
    code = 1
    try:
        answers.close()
        _child(request)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # noqa: BLE001  (shown, as an interpreter does at its end)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(request):
    """Its status; where stops count, too, one that has ended can be waited for again."""
    if not request["stops"]:
        return os.waitpid(request["wait"], 0)[1]
    found = os.waitid(os.P_PID, request["wait"], os.WEXITED | os.WSTOPPED | os.WNOWAIT)
    if found.si_code == os.CLD_STOPPED:
        os.waitpid(request["wait"], os.WUNTRACED)  # so that this stop is not seen again
    return found.si_code == os.CLD_STOPPED


def _serve():
    import hptune
    from hptune import loop
    from hptune.search import plan, student

    for module in pkgutil.walk_packages(hptune.__path__, "hptune."):
        if module.name not in ("hptune.__main__", "hptune.workers.child"):
            importlib.import_module(module.name)
    for name in LATER:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if "settled" in sys.argv[1:]:
        loop.GROUP_S = 0.0
        plan.CONFIRM_SHARE = CONFIRM_SHARE
        student.margin = lambda *_: 1.0  # two seeds could not change an answer otherwise
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.set_inheritable(answers.fileno(), False)
    requests = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for line in requests:
        request = json.loads(line)
        answer = _wait(request) if "wait" in request else _fork(request, answers)
        answers.write(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    _serve()
