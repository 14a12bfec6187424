"""How a sitting of training ends on the screen: the leaderboard, where everything lies, and what to type next."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hptune import rights
from hptune.analysis.advice import cut_text, is_unconfirmed, is_used_up, last_cut_short, limits_in
from hptune.analysis.breakage import Breakage, breakage
from hptune.analysis.confirmation import dev_error_of
from hptune.analysis.progress import faults
from hptune.breaker import FIRST, LATEST, retry_option
from hptune.domains import show
from hptune.errors import HptuneError
from hptune.places import absolute
from hptune.report.leaderboard import leaderboard
from hptune.report.overview import faults_text
from hptune.report.safe_text import say
from hptune.runs import RunFolder, find
from hptune.tables import Best, Run, over_seeds
from hptune.trial import Status
from hptune.wording import counted, without_numbers


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sitting of training ended."""

    signal: int | None  # the signal that ended it early
    run: Run  # as it was left
    failed: tuple[int, ...] = ()  # the trials that stopped it, where too many have failed
    notices: tuple[str, ...] = ()  # what was told on the way

    @property
    def n_completed(self) -> int:
        return sum(result.status is Status.COMPLETED for result in self.run.snapshot.results)

    @property
    def is_broken(self) -> bool:
        """Whether failing trials have ended it early."""
        return bool(self.failed) and not self.run.snapshot.is_finished


def print_outcome(console: Console, outcome: Outcome, runs: Path) -> None:
    """Print the leaderboard, where everything lies, and what to type next."""
    folder = outcome.run.snapshot.folder
    if outcome.n_completed:
        console.print()
        leaderboard(console, outcome.run, top=5)
    console.print()
    if outcome.run.best is not None and outcome.run.snapshot.is_finished:
        say(console, _answer_text(outcome.run, outcome.run.best))
        if cut := last_cut_short(outcome.run.snapshot):
            say(console, f"Its confirmation was {cut_text(cut)}.", "yellow")
    files = ["trials.csv", "curves.csv", *(["best.yaml"] if outcome.n_completed else [])]
    files += [folder.best_npz.name] if rights.exists(folder.best_npz) else []
    say(console, f"In {folder.path}{os.sep}: {', '.join(files)}, config.yaml, run.db")
    snapshot = outcome.run.snapshot
    if found := faults_text(faults(snapshot)):
        say(console, f"Faults: {found}", "yellow")
    for text, n in Counter(map(without_numbers, outcome.notices)).items():
        say(console, f"{counted(n, 'notice')}: {text}", "yellow")
    if outcome.is_broken:
        for line in breaker_lines(breakage(snapshot, outcome.failed)):
            say(console, line, "red")
    if outcome.signal is not None and not snapshot.is_finished:
        to_go = "a part of its budget" if snapshot.n_to_go is None else counted(snapshot.n_to_go, "trial")
        say(console, f"Interrupted with {to_go} to go.", "yellow")
    for command, purpose in _next_commands(folder, outcome, runs):
        say(console, f"  {command:<34}  {purpose}")


def breaker_lines(found: Breakage) -> Iterator[str]:
    """Why failing trials have stopped a run, and what they have in common."""
    first = f"the first {FIRST} trials failed the same way"
    yield f"Stopped: {first if found.n_failed == FIRST else f'{found.n_failed} of the last {LATEST} trials failed'}."
    for failure in found.failures:
        numbers = ", ".join(map(str, failure.trials))
        yield f"  {failure.status}: {failure.reason} (trial{'s' if len(failure.trials) > 1 else ''} {numbers})"
    if found.traits:
        others = "and no trial that has succeeded has" if found.n_successful else "and none has succeeded"
        yield f"What they have in common, {others}: {', '.join(map(str, found.traits))}."


def _answer_text(run: Run, best: Best) -> str:
    """The answer and how sure it is, in a line."""
    seeds = over_seeds(best.score, best.standard_error, best.n_seeds) if best.n_seeds else "not confirmed"
    of_dev = dev_error_of(run, run.snapshot.facts["data"])(best.score)
    error = "" if of_dev is None else f"; standard error of the dev set {show(of_dev)} (95 %: twice that)"
    test = "" if best.test_error is None else f"; test error {show(best.test_error)}"
    return f"Answer: trial {best.trial}, {best.metric} {show(best.score)} ({seeds}{error}){test}"


def _is_newest(folder: RunFolder, runs: Path) -> bool:
    """Whether a command without a name means this run; not where the folder of the runs may not be listed."""
    try:
        return find(runs) == folder
    except HptuneError:
        return False


def _next_commands(folder: RunFolder, outcome: Outcome, runs: Path) -> list[tuple[str, str]]:
    """What to type next, with what this run needs to be found."""
    where, name, snapshot = "", "", outcome.run.snapshot
    if absolute(folder.path).parent != absolute(runs):
        name = shlex.quote(str(folder.path))
    else:
        where = "" if str(runs) == "runs" else f" --runs {shlex.quote(str(runs))}"
        name = "" if _is_newest(folder, runs) else shlex.quote(folder.name)
    argument, option = (f" {name}", f" --run {name}") if name else ("", "")
    commands = [(f"hptune report{argument}{where}", "what was found, and what to do next")]
    is_over = snapshot.is_finished and is_used_up(snapshot)
    if outcome.n_completed and not is_over:
        commands.append((f"hptune zoom --around best{option}{where}", "search on near the best trial"))
    if outcome.n_completed and snapshot.is_finished and (is_over or is_unconfirmed(snapshot)):
        commands.append((f"hptune retest{argument}{where}", "train the best again, from fresh seeds"))
    if not snapshot.is_finished:
        then = "go on without them" if outcome.is_broken else "go on where this stopped"
        commands.insert(0, (f"hptune resume{argument}{where}", then))
    if outcome.is_broken:
        statuses = breakage(snapshot, outcome.failed).statuses
        options = " ".join(map(retry_option, statuses))
        limits = limits_in(result.reason for result in snapshot.results if result.number in outcome.failed)
        mended = f"once that is mended{f' ({limits})' if limits else ''}: train them again"
        commands.insert(0, (f"hptune retry{argument}{where} {options}", mended))
    return commands
