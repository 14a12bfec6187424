"""What fresh seeds say, in tables and in words: the confirmed candidates, and whether an old ranking holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console

from hptune.analysis.confirmation import Candidate, Confirmation, Optimism, Retest, Standing
from hptune.domains import show
from hptune.report.columns import MISSING, Column, Group, print_columns
from hptune.report.safe_text import heading, say
from hptune.wording import counted

DIVERGED = "none"  # in place of a score, where a training did not complete


def print_confirmation(console: Console, found: Confirmation) -> None:
    """The candidates, the answer, a cheaper one that is as good, and how lucky the search was."""
    n_seeds = len(found.candidates[0].scores)
    n = len(found.candidates)
    heading(console, f"Confirmed: {counted(n, 'configuration')} trained again from {counted(n_seeds, 'fresh seed')}")
    trial = Column("trial", tuple(str(one.trial) for one in found.candidates))
    searched = Column("in the search", tuple(show(one.found_score) for one in found.candidates))
    print_columns(console, (trial, searched), trial, _score_columns(found.candidates))
    _explain_failures(console, found.candidates)
    by_trial = {one.trial: one for one in found.candidates}
    best = by_trial.get(found.answer)
    if best is None or math.isinf(best.mean):
        say(console, f"No configuration completed from every seed, so trial {found.answer} is the answer unconfirmed.")
        return
    if found.cheapest is not None:
        say(console, _cheapest_text(by_trial[found.cheapest], best))
    if found.optimism is not None:
        say(console, _optimism_text(found.optimism, found.metric))


def _score_columns(rows: Sequence[Candidate | Standing]) -> list[Group]:
    """A column a seed, then mean and standard error."""
    n = max(len(row.scores) for row in rows)
    seeds = [
        (
            Column(
                f"seed {seed}",
                tuple(_score(row.scores[seed - 1]) if seed <= len(row.scores) else MISSING for row in rows),
            ),
        )
        for seed in range(1, n + 1)
    ]
    mean = Column("mean", tuple(_score(row.mean) for row in rows), always=True)
    error = Column("std. error", tuple(_optional(row.standard_error) for row in rows), always=True)
    return [*(seeds if n > 1 else []), (mean, error) if n > 1 else (mean,)]


def _score(score: float) -> str:
    return show(score) if math.isfinite(score) else DIVERGED


def _optional(value: float | None) -> str:
    return MISSING if value is None else show(value)


def _explain_failures(console: Console, rows: Sequence[Candidate | Standing]) -> None:
    failed = [str(row.trial) for row in rows if math.isinf(row.mean)]
    if failed:
        which = f"trial {failed[0]}" if len(failed) == 1 else f"trials {', '.join(failed)}"
        text = f"{which}: a training did not complete, so there is no mean and it ranks last: not safe to use"
        say(console, text[0].upper() + text[1:], "yellow")


def _cheapest_text(cheapest: Candidate, best: Candidate) -> str:
    assert best.standard_error is not None
    limit = f"{show(best.mean)} + {show(best.standard_error)}"
    if cheapest.trial == best.trial:
        return f"Trial {best.trial} is also the cheapest to train of all within one standard error of it (to {limit})."
    share = f"{100 * cheapest.cost / best.cost:.0f} %"
    return (
        f"Trial {cheapest.trial} is as good within one standard error (up to {limit}) and the cheapest of those: "
        f"by estimate, a training takes about {share} of the time."
    )


def _optimism_text(found: Optimism, metric: str) -> str:
    start = f"Trial {found.trial} led the search with {metric} {show(found.found_score)}; from fresh seeds it has"
    if found.gap <= 0:
        return f"{start} {show(found.mean)} on average, so its lead owed nothing to luck."
    return (
        f"{start} {show(found.mean)} on average. The search's score was {show(found.gap)} too good: the best of "
        f"{counted(found.n_trials, 'trial')} is in part the luckiest."
    )


def print_retest(console: Console, found: Retest) -> None:
    """Old and new ranking side by side, and whether the old one holds."""
    where = "" if found.data is None else f" on {found.data}"
    heading(console, f"{found.stage}: does the ranking hold{where}?")
    if found.differences:
        say(console, f"The data differ: {', '.join(found.differences)}.")
    rows = found.standings
    rank = Column("new rank", tuple(str(row.rank) for row in rows))
    old = Column("old rank", tuple(str(row.old_rank) for row in rows))
    trial = Column("trial", tuple(str(row.trial) for row in rows))
    before = Column("old score", tuple(_old_score(row) for row in rows))
    print_columns(console, (rank, old, trial, before), trial, _score_columns(rows))
    _explain_failures(console, rows)
    if found.n_to_go:
        say(console, f"{counted(found.n_to_go, 'configuration')} not trained from every seed.", "yellow")
    for line in _verdict(found):
        say(console, line)


def _old_score(row: Standing) -> str:
    return _score(row.found_score if row.old_mean is None else row.old_mean)


def _verdict(found: Retest) -> list[str]:
    lines = []
    if found.tau is not None:
        pairs = f"{found.n_pairs_kept} of {counted(found.n_pairs, 'pair')} of configurations"
        tau = f"Kendall's tau {found.tau:.2g}; 1 is the same order, 0 none, -1 the reverse"
        lines.append(f"{pairs} are in the same order as before ({tau}).")
    if found.data is None and found.old_answer not in (None, found.old_best.trial):
        lines.append(f"Trial {found.old_answer}, the answer, has not ended from every seed, so it stays the answer.")
        return lines
    if found.is_useless:
        baseline = f"always the same answer has {show(found.baseline or 0.0)} on {found.data}"
        lines.append(f"None of them has learned anything: {baseline}. Start a new search there.")
        return lines
    if found.old_best is found.new_best:
        lines.append(f"Trial {found.old_best.trial}, the best before, is the best again. Nothing to do.")
        return lines
    lines.append(f"Trial {found.old_best.trial}, the best before, {_gap_text(found)}")
    if found.data is None:
        lines.append(_answer_text(found))
    elif found.holds:
        lines.append("The old answer is still as good: nothing to do.")
    elif found.holds is False:
        lines.append(
            f"Hyperparameters get stale when data change: start a new search on {found.data}, and until then train "
            f"trial {found.rival}'s hyperparameters there."
        )
    return lines


def _gap_text(found: Retest) -> str:
    """By how much the old best is behind, and whether that is chance."""
    if found.gap is None:
        gap = "did not complete from every seed"
    else:
        error = "" if found.gap_standard_error is None else f", standard error {show(found.gap_standard_error)}"
        gap = f"is {show(found.gap)} behind trial {found.rival} (seed by seed{error})"
    if found.holds is None:
        return f"{gap}: a single seed cannot tell whether that is luck. Try --seeds 3."
    if found.holds:
        return f"{gap}: no more than chance explains."
    return f"{gap}." if found.gap is None else f"{gap}: more than one standard error."


def _answer_text(found: Retest) -> str:
    """What follows for the answer of the run."""
    if found.answer is None:
        return "No configuration completed from every seed, so nothing is confirmed."
    if found.old_answer is None:
        return f"Nothing had been confirmed before, so the best mean is the answer: trial {found.answer}."
    if found.answer == found.old_answer:
        return f"Trial {found.answer} stays the answer, with the mean and the weights that it had."
    return f"The answer is trial {found.answer} now."
