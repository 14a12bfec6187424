"""What fresh seeds say, in tables and in words: the confirmed candidates, and whether an old ranking holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from rich.console import Console

from hptune.analysis.confirmation import Candidate, Confirmation, Optimism, Order, Retest, Standing
from hptune.analysis.diagnosis import FEW_EXAMPLES
from hptune.domains import show
from hptune.report.columns import MISSING, Column, Group, print_columns
from hptune.report.safe_text import heading, say
from hptune.search.student import covered, half_width, interval
from hptune.wording import counted

MANY_SEEDS = 10  # that can tell a gap of about one standard deviation
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
    _explain_errors(console, found)
    by_trial = {one.trial: one for one in found.candidates}
    best = by_trial.get(found.answer)
    if best is None or math.isinf(best.mean):
        say(console, f"No configuration completed from every seed, so trial {found.answer} is the answer unconfirmed.")
        return
    if found.cheapest is not None and found.limit is not None:
        say(console, _cheapest_text(by_trial[found.cheapest], best, found.limit))
    if found.optimism is not None:
        say(console, _optimism_text(found.optimism, found.metric))


def _score_columns(rows: Sequence[Candidate | Standing]) -> list[Group]:
    """A column a seed, then mean, standard error and 95 % interval."""
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
    of_seeds = Column("95 %", tuple(_interval(row) for row in rows), always=True)
    return [*(seeds if n > 1 else []), (mean, error, of_seeds) if n > 1 else (mean,)]


def _interval(row: Candidate | Standing) -> str:
    """The 95 % interval about a mean over seeds; that of equal scores is not known."""
    if not row.standard_error:
        return MISSING
    return " to ".join(map(show, interval(row.mean, row.standard_error, len(row.scores))))


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


def _explain_errors(console: Console, found: Confirmation) -> None:
    """What the standard errors in the table are of, and what they are not."""
    n_seeds = len(found.candidates[0].scores)
    best = next((one for one in found.candidates if one.trial == found.answer), None)
    if n_seeds < 2 or best is None or best.standard_error is None:
        return
    share, least = 100 * covered(n_seeds), half_width(1.0, n_seeds)
    text = f"The standard errors are over {counted(n_seeds, 'seed')}, so they are rough: "
    text += f"one covers {share:.0f} % and {least:.1f} cover 95 %"
    if any(one.standard_error == 0 for one in found.candidates):
        text += "; one of 0 says that the seeds came out equal, not that the mean is certain"
    if best.dev_standard_error is not None:
        of_dev = f"through the choice of dev examples the answer's has one of {show(best.dev_standard_error)} besides"
        text += f"; {of_dev}, most of it common to all that are compared here"
    say(console, f"{text}.")
    if (n := len(found.candidates)) > 1 and best.standard_error > 0:
        luck = NormalDist().inv_cdf((n - 0.375) / (n + 0.25))  # of the best of n, in the mean (Blom 1958)
        text = f"The answer's mean is the best of {n}, so that it is too good itself"
        say(
            console,
            f"{text}: by up to some {luck:.1f} standard errors, if all are equally good; less if it stands out.",
        )


def _cheapest_text(cheapest: Candidate, best: Candidate, limit: float) -> str:
    is_of_seeds = (best.dev_standard_error or 0.0) <= (best.standard_error or 0.0)
    larger = "over seeds" if is_of_seeds else "of the dev set, the larger one"
    within = f"within one standard error of the answer's ({larger}: up to {show(limit)})"
    if cheapest.trial == best.trial:
        return f"Trial {best.trial} is also the cheapest to train of all whose means are {within}."
    share = f"{100 * cheapest.cost / best.cost:.0f} %"
    return (
        f"Trial {cheapest.trial} is the cheapest to train of those whose means are {within}: "
        f"by estimate, a training takes about {share} of the answer's time."
    )


def _optimism_text(found: Optimism, metric: str) -> str:
    start = f"Trial {found.trial} led the search with {metric} {show(found.found_score)}; from fresh seeds it has"
    if found.gap <= 0:
        return f"{start} {show(found.mean)} on average: fresh seeds show no luck in its lead."
    return (
        f"{start} {show(found.mean)} on average. The search's score was {show(found.gap)} too good: the best of "
        f"{counted(found.n_trials, 'completed trial')} is in part the luckiest."
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
    if 0 < found.n_dev < FEW_EXAMPLES:
        whose = "The dev set" if found.data is None else f"The dev set of {found.data}"
        say(console, f"{whose} has only {counted(found.n_dev, 'example')}: close ranks mean little.", "yellow")


def _old_score(row: Standing) -> str:
    return _score(row.found_score if row.old_mean is None else row.old_mean)


def _verdict(found: Retest) -> list[str]:
    lines = [_order_text(found.order)] if found.order.n_pairs else []
    if found.data is None and found.old_answer not in (None, found.old_best):
        lines.append(f"Trial {found.old_answer}, the answer, has not ended from every seed, so it stays the answer.")
        return lines
    if found.is_useless:
        baseline = f"always the same answer has {show(found.baseline or 0.0)} on {found.data}"
        lines.append(f"None of them has learned anything: {baseline}. Start a new search there.")
        return lines
    before = _before(found)
    if found.old_best == found.new_best.trial:
        lines.append(f"Trial {found.old_best}, {before}, is the best again. Nothing to do.")
        return lines
    lines.append(f"Trial {found.old_best}, {before}, {_gap_text(found)}")
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


def _order_text(order: Order) -> str:
    """How many pairs have kept their order."""
    n = order.n_kept + order.n_reversed
    ties = [
        f"{n_tied} {'was' if n_tied == 1 else 'were'} equal {when}"
        for n_tied, when in ((order.n_tied_before, "before"), (order.n_tied_now, "now"))
        if n_tied
    ]
    left_out = f" ({', '.join(ties)})" if ties else ""
    if not n:
        whole = "All were equal before" if order.n_tied_before == order.n_pairs else "All are equal now"
        told = whole if order.n_pairs in (order.n_tied_before, order.n_tied_now) else "No pair has an order in both"
        return f"{told}{left_out if told.startswith('No') else ''}: there is no ranking that could hold."
    tau = "" if order.tau is None else f" Kendall's tau-b {order.tau:.2g}; 1 is the same order, 0 none, -1 the reverse."
    beside = f" of {counted(order.n_pairs, 'pair')} in all{left_out}" if ties else ""
    return f"{order.n_kept} of {counted(n, 'pair')} of configurations are in the same order as before{beside}.{tau}"


def _before(found: Retest) -> str:
    """What the old best was."""
    rank = next(one.old_rank for one in found.standings if one.trial == found.old_best)
    n_equal = sum(one.old_rank == rank for one in found.standings)
    if n_equal == 1:
        return "the best before"
    return (
        f"the answer before, with {n_equal - 1} as good"
        if found.old_answer is not None
        else f"the first of {n_equal} equals before"
    )


def _gap_text(found: Retest) -> str:
    """By how much the old best is behind, and whether that is chance."""
    if found.gap is None:
        gap = "did not complete from every seed"
    elif found.gap == 0:
        return f"has the same mean as trial {found.rival}."
    else:
        gap = f"is {show(found.gap)} behind trial {found.rival} (seed by seed{_gap_errors(found)})"
    if found.holds is None:
        return f"{gap}: a single seed cannot tell whether that is luck. Try --seeds 3."
    if found.holds:
        return f"{gap}: no more than chance explains{_more_seeds(found)}."
    if found.gap is None:
        return f"{gap}."
    if not found.gap_standard_error:
        return f"{gap}: all seeds agree, which so few can do by chance."
    one = f"more than one standard error{'' if found.data else ' over seeds'}"
    more = f"more than chance explains, up to {_margins(found)} in 95 of 100 retests"
    return f"{gap}: {more if found.margin > 1 else one}."


def _margins(found: Retest) -> str:
    """How many standard errors chance explains."""
    if found.data is None or found.gap_dev_error is None:
        return f"{found.margin:.1f} standard errors"
    return f"{found.margin:.1f} standard errors over seeds and {found.dev_margin:.1f} of the dev set"


def _more_seeds(found: Retest) -> str:
    """What chance explains with so many seeds, and how more of them would tell."""
    if found.margin <= 1:  # of an older retest
        return ""
    up_to = f", up to {_margins(found)} with {counted(found.n_seeds, 'seed')}"
    if found.is_of_dev_set:
        return f"{up_to}; only more dev examples tell so small a gap"
    if not found.gap_standard_error:
        up_to += ", and seeds that agree to the last step of the scores are no proof"
    return up_to if found.n_seeds >= MANY_SEEDS else f"{up_to}. More seeds tell smaller gaps: --seeds {MANY_SEEDS}"


def _gap_errors(found: Retest) -> str:
    """The standard errors of the gap."""
    errors = []
    if found.gap_standard_error is not None:
        errors.append(f"over seeds {show(found.gap_standard_error)}")
    if found.gap_dev_error is not None:
        errors.append(f"through the choice of dev examples at most some {show(found.gap_dev_error)}")
    return f"; standard error {', '.join(errors)}" if errors else ""


def _answer_text(found: Retest) -> str:
    """What follows for the answer of the run."""
    if found.answer is None:
        return "No configuration completed from every seed, so nothing is confirmed."
    if found.old_answer is None:
        return f"Nothing had been confirmed before, so the best mean is the answer: trial {found.answer}."
    if found.answer == found.old_answer:
        return f"Trial {found.answer} stays the answer, with the mean and the weights that it had."
    return f"The answer is trial {found.answer} now."
