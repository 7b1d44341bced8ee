"""kill -9 at any moment, one process or several on one database: nothing acknowledged is lost, the verifier is green.

    HOLDFAST_KILLS=200 python -m pytest tests/trips/test_killed_platform.py

kills as often as the number says; CI kills a few times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from holdfast.domain.system import System
from holdfast.flows.sequence import catch_up, sequence
from holdfast.ledger.acts import act_in, reconcile
from holdfast.ledger.log import Log
from holdfast.ledger.verify import verify_log
from holdfast.wiring import ORIGIN, open_key, open_store

KILLS = int(os.environ.get("HOLDFAST_KILLS", "4"))


def start(home: Path, database: str, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.trips.acting", str(home), database, name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def acknowledged(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return [line.strip() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]


def killed(home: Path, database: str, round: int, processes: int, rng: random.Random) -> list[str]:
    """What was acknowledged by processes that all ended by kill -9."""
    running = [start(home, database, f"r{round}w{number}") for number in range(processes)]
    time.sleep(rng.uniform(0.05, 1.0))
    for process in running:
        process.send_signal(signal.SIGKILL)
    done = [name for process in running for name in acknowledged(process)]
    for process in running:
        process.wait()
    return done


def check(home: Path, database: str, expected: list[str]) -> None:
    signer, _ = open_key(home)
    with open_store(home, database) as store, Log(home / "ledger", signer, ORIGIN) as log:
        missing = [name for name in expected if store.find(System, name) is None]
        assert not missing
        with store.sequencer_lock() as is_mine:
            assert is_mine()
            catch_up(store, log)
            sequence(store, log)
        size, _ = log.head()
        verify_log(home / "ledger", log.key, origin=ORIGIN)
        with store.snapshot() as rows:
            found = reconcile(log.read(0, size), rows.acts, rows.heads, now=datetime.now(UTC))
        assert (found.pending, found.others) == (0, 0)
        placed = {act.key for entry in log.read(0, size) if (act := act_in(entry))}
        assert set(expected) <= placed


def test_nothing_acknowledged_is_lost(database_url, tmp_path):
    rng = random.Random(7)
    processes = 2 if database_url.startswith("postgresql") else 1
    done: list[str] = []
    for round in range(KILLS):
        done += killed(tmp_path / "home", database_url, round, processes, rng)
    assert done
    check(tmp_path / "home", database_url, done)
