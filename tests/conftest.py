from __future__ import annotations

import signal
from pathlib import Path

import pytest

# what started us may ignore them, as nohup and background jobs do, and all that we start would inherit that
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


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
