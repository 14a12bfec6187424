from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

# what started us may ignore them, as nohup and background jobs do, and all that we start would inherit that
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)
USUAL = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)}


def pytest_terminal_summary(terminalreporter, config):
    """Say how long each sweep has taken."""
    if not config.option.markexpr.startswith("sweep"):
        return
    seconds = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        seconds[getattr(report, "nodeid", "").partition("[")[0]] += getattr(report, "duration", 0.0)
    terminalreporter.write_sep("=", "minutes of each sweep")
    for name, duration in seconds.most_common():
        terminalreporter.write_line(f"{duration / 60:6.1f}  {name}")


@pytest.fixture(autouse=True)
def _signals_are_as_usual():
    """The program at its end ignores signals, and what is started after it, even in fixtures, would inherit that."""
    _restore_signals()
    yield
    _restore_signals()


def _restore_signals():
    for number, handler in USUAL.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _fake_trainers_are_found(monkeypatch):
    """Worker processes import fake_trainers from here."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture
def no_disk_is_waited_for(monkeypatch):
    """For what is not about the loss of power: writes to the disk are most of the time."""
    from hptune.store import database

    connect = database.connect

    def quick(folder):
        connection = connect(folder)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(database, "connect", quick)
