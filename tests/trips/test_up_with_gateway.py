"""`holdfast up --gateway`: console and gateway on one machine, from one command, stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tests.trips.test_gateway import DOCUMENT, fitted, free_port
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered

from holdfast.datasets.encode import decode
from holdfast.domain.credential import Route
from holdfast.domain.decision import Segment
from holdfast.flows.credentials import issue_key
from holdfast.flows.deploy import deploy
from holdfast.flows.people import issue_token
from holdfast.ledger.note import Key
from holdfast.testing.desk import Clock, Office
from holdfast.testing.tables import credit_rows, credit_schema
from holdfast.wiring import open_platform, open_store

COMMAND = [sys.executable, "-c", "from holdfast.cli.main import run; run()", "up", "--json"]


@pytest.fixture
def lived_in(tmp_path):
    """A home in which a release was let in, and what a gateway and its caller need; `start` runs both."""
    port, plane = free_port(), free_port()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with open_platform(tmp_path / "home", database="", url=f"http://127.0.0.1:{plane}") as platform:
        office = Office(platform.desk, Clock(datetime.now(UTC))).founded()
        registered(office)
        release = filed(office).verdict.record.release
        request = asked(office, release).request.key
        answered_by_all(office, request)
        deploy(office.desk, office.caller("owner"), request)
        reach = {"systems": (SYSTEM.name,), "routes": (Route.PREDICT,), "until": tomorrow}
        secret = issue_key(office.desk, office.caller("owner"), "branch", **reach)[1]
        owner = office.caller("owner")
        allowed = tuple(owner.permissions)
        token = issue_token(office.desk, platform.accounts, owner, name="g", allowed=allowed, until=tomorrow)[1]
        key = Key(office.desk.signer.name, office.desk.signer.public_bytes()).vkey
    fitted(tmp_path)
    where = {"port": port, "plane": f"http://127.0.0.1:{plane}", "key": key, "system": SYSTEM.name, "release": release}
    (tmp_path / "gateway.yaml").write_text(DOCUMENT.format(**where))
    started = []

    def start(**environment):
        words = ["--home", str(tmp_path / "home"), "--port", str(plane), "--gateway", str(tmp_path / "gateway.yaml")]
        given = {**os.environ, "HOLDFAST_TOKEN": token, **environment}
        started.append(subprocess.Popen([*COMMAND, *words], env=given, stderr=subprocess.PIPE, stdout=subprocess.PIPE))
        return started[-1], f"http://127.0.0.1:{port}", secret

    yield start
    for process in started:
        process.kill()
        process.wait()


def answered(process, gateway):
    """Whether the gateway answers, once it does."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{gateway}/health/ready").status_code == 200:
                return True
        except httpx.TransportError:
            time.sleep(0.1)
    return False


def gone(gateway):
    """Whether nobody answers there any more, once that is so."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(gateway)
        except httpx.TransportError:
            return True
        time.sleep(0.1)
    return False


def test_both_run_and_the_gateway_stops_first(lived_in, tmp_path):
    process, gateway, secret = lived_in()
    assert answered(process, gateway)
    rows = decode(credit_rows(1, 2).X, credit_schema()).to_dict("records")
    answer = httpx.post(f"{gateway}/loans/invocations", json={"dataframe_records": rows}, auth=("", secret))
    assert answer.status_code == 200, answer.text
    process.send_signal(signal.SIGTERM)
    assert (process.wait(60), process.stderr.read()) == (0, b"")
    with open_store(tmp_path / "home", "") as store:
        assert [kept.record.rows for kept in store.list(Segment).items] == [1], "what it decided reached the ledger"
    assert gone(gateway)


def test_neither_outlives_the_other(lived_in):
    process, gateway, _ = lived_in()
    assert answered(process, gateway)
    process.kill()
    process.wait()
    assert gone(gateway)
    process, _, _ = lived_in(HOLDFAST_TOKEN="")
    assert process.wait(60) == 2
    said = process.stderr.read() + process.stdout.read()
    assert b"No token says who runs this gateway" in said
    assert b"gateway.ended" in said
