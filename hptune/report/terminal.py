"""The report on a terminal: one section after the other, each drawn by its own module."""

from __future__ import annotations

from rich.console import Console

from hptune.analysis.summary import Report
from hptune.report.answer import print_best, print_failures, print_next_steps
from hptune.report.confirmation import print_confirmation, print_retest
from hptune.report.leaderboard import print_leaderboard
from hptune.report.overview import print_closing_in, print_overview, print_ranges


def print_report(console: Console, report: Report) -> None:
    """Print everything about a run."""
    print_overview(console, report)
    print_ranges(console, report.stages)
    print_closing_in(console, report.stages, None if report.best is None else report.best.trial)
    print_leaderboard(console, report.leaderboard)
    if report.confirmation is not None:
        print_confirmation(console, report.confirmation)
    if report.best is not None:
        print_best(console, report.best)
    for retest in report.retests:
        print_retest(console, retest)
    print_failures(console, report.failures, report.divergence)
    print_next_steps(console, report.next_steps)
