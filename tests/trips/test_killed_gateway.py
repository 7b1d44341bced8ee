"""kill -9 under load: of two processes on one log and one ledger, and of whole gateways that answer over HTTP.

Every acknowledged decision is in a segment, once.

    HOLDFAST_KILLS=200 python -m pytest tests/trips/test_killed_gateway.py

kills as often as the number says; CI kills a few times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.trips.gateways import Clients, Gateway, Model, Plane, logged, prove_all, started
from tests.unit.decisions.making import ledger, segment_log
from tests.unit.decisions.test_proof import KEY, checked, proof_of

from holdfast.decisions.adopt import adopt_all
from holdfast.decisions.read import Reader
from holdfast.decisions.registrar import LedgerRegistrar
from holdfast.decisions.segments import FolderSegments
from holdfast.ledger.decision_proof import verify_decision
from holdfast.ledger.verify import verify_log

KILLS = int(os.environ.get("HOLDFAST_KILLS", "4"))
WHOLE_KILLS = int(os.environ.get("HOLDFAST_KILLS", "2"))
PROOFS = 20


def start(home: Path, gateway: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.trips.deciding", str(home), gateway]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def killed(home: Path, names: list[str], rng: random.Random) -> list[str]:
    """What was acknowledged by processes that all ended by kill -9."""
    running = [start(home, name) for name in names]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    time.sleep(rng.uniform(0.0, 0.6))
    for process in running:
        process.send_signal(signal.SIGKILL)
    told = [process.stdout.read() for process in running if process.stdout is not None]
    for process in running:
        process.wait()
    return [line.strip() for text in told for line in text.splitlines(keepends=True) if line.endswith("\n")]


def test_no_acknowledged_decision_is_lost(tmp_path):
    rng = random.Random(7)
    done: list[str] = []
    for round in range(KILLS):
        # one name that comes back after each crash, and one of its own for each life, as pods have
        done += killed(tmp_path, ["steady", f"pod-{round}"], rng)
    assert len(done) > KILLS
    with segment_log(tmp_path, "steady") as log:
        assert log.seal() == 0
        with ledger(tmp_path) as entries:
            adopt_all(tmp_path / "log", FolderSegments(tmp_path / "segments"), LedgerRegistrar(entries))
    assert not [path for path in (tmp_path / "log/wal").iterdir() if path.name.startswith("pod")]

    reader = Reader(tmp_path / "log", FolderSegments(tmp_path / "segments"))
    ids = [batch.column("id") for batch in reader.batches(columns=["id"])]
    total, distinct = sum(map(len, ids)), set().union(*(column.to_pylist() for column in ids))
    assert total == len(distinct)
    assert set(done) <= distinct
    found = checked(tmp_path)
    assert (found.rows, found.pending) == (total, ())
    verify_log(tmp_path / "ledger", KEY)
    for id in rng.sample(done, PROOFS):
        assert verify_decision(proof_of(tmp_path, id), KEY).record.id == id


def test_no_decision_that_a_client_heard_of_is_lost_with_the_whole_gateway(tmp_path):
    """Single rows and small tables over HTTP, from a gateway whose name comes back after each kill."""
    rng = random.Random(11)
    promised: list[str] = []
    with Model() as model, Plane("loans", "cards") as plane:
        gateway = Gateway(tmp_path, plane, {"loans": model.url, "cards": model.url})
        for _ in range(WHOLE_KILLS):
            gateway.start()
            with Clients(gateway, "loans", count=4) as single, Clients(gateway, "cards", count=2, rows=3) as tables:
                time.sleep(rng.uniform(0.1, 0.9))
                gateway.stop(signal.SIGKILL)
            assert set(single.statuses) | set(tables.statuses) <= {200}
            assert single.ids
            promised += single.ids + tables.ids
        assert set(promised) <= set(logged(gateway.home))
        with started(gateway):
            assert gateway.infer("loans")[0] == 200
        assert gateway.process.returncode == 0
    found = prove_all(plane, gateway.home, promised, rng.sample(promised, min(PROOFS, len(promised))))
    assert len(found) > len(promised)
    assert "Traceback" not in gateway.errors.read_text()
