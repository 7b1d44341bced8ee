"""A gateway as a process between real clients and a real control plane: what was let in decides, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import httpx
import joblib
import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.serving import secret_of, serving

from holdfast import Client, canonical
from holdfast.datasets.encode import decode
from holdfast.domain.credential import Budget, Route
from holdfast.domain.decision import Segment
from holdfast.flows.deploy import deploy
from holdfast.flows.sequence import sequence
from holdfast.guards.learn import learn_reference
from holdfast.ledger.note import Key
from holdfast.policy import read_policy
from holdfast.testing.tables import credit_rows, credit_schema

DOCUMENT = """\
holdfast: 1
environment: production
gateway: g1
listen: {{port: {port}}}
control_plane: {{url: "{plane}", key: "{key}"}}
systems:
  - system: {system}
    name: loans
    reference: reference.json
    policy: policy.yaml
    releases:
      - {{release: "{release}", model: model.joblib}}
"""
POLICY = """\
name: loans
version: "1"
guards:
  table.schema: {mode: enforce, action: block}
  table.range: {mode: enforce, action: block}
disclosure: {digits: 2}
subject: customer
personal: [purpose]
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def fitted(folder):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    data = credit_rows(600, 1)
    train = decode(data.X, credit_schema())
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["housing", "purpose"]), remainder="passthrough"
    )
    model = make_pipeline(encode, RandomForestClassifier(5, random_state=0))
    model.fit(train, np.array(credit_schema().classes)[data.y])
    joblib.dump(model, folder / "model.joblib")
    (folder / "reference.json").write_bytes(canonical.encode(learn_reference(train, credit_schema())))
    (folder / "policy.yaml").write_text(POLICY)
    return model


class House:
    """A control plane that let one release in, and a gateway that serves it."""

    document, routes = DOCUMENT, (Route.PREDICT,)

    def __init__(self, house, plane, folder, **more):
        self.house, self.folder, self.plane = house, folder, plane
        office = house.office
        registered(office)
        self.release = self.file(office)
        request = asked(office, self.release).request.key
        answered_by_all(office, request)
        deploy(office.desk, office.caller("owner"), request)
        self.furnish()
        self.port = free_port()
        self.token = secret_of(office, house.platform, "owner")
        self.key = Key(office.desk.signer.name, office.desk.signer.public_bytes()).vkey
        fields = {"port": self.port, "plane": plane, "key": self.key, "system": SYSTEM.name, "release": self.release}
        (folder / "gateway.yaml").write_text(self.document.format(**fields, **more))
        self.secret = self.issue()
        self.process = None

    def file(self, office):
        return filed(office).verdict.record.release

    def furnish(self):
        self.model = fitted(self.folder)
        self.rows = decode(credit_rows(50, 2).X, credit_schema())

    def client(self, who):
        return Client(self.plane, secret_of(self.house.office, self.house.platform, who))

    def issue(self, **budget) -> str:
        until = datetime.now(UTC) + timedelta(days=30)
        with self.client("owner") as client:
            made = client.issue_credential(
                "branch", systems=(SYSTEM.name,), routes=self.routes, until=until, budget=Budget(**budget)
            )
        return made.secret

    def done(self, *words):
        """A command's exit code and what it printed."""
        process = self.holdfast(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = process.communicate(timeout=60)[0]
        return process.returncode, said

    command = (sys.executable, "-c", "from holdfast.cli.main import run; run()")

    @property
    def environment(self):
        return {
            **os.environ,
            "HOLDFAST_TOKEN": self.token,
            "HOLDFAST_HOME": str(self.folder / "home"),
            "HOLDFAST_SEGMENTS": str(self.folder / "decisions/segments"),  # where the control plane looks, too
        }

    def holdfast(self, *words, **more):
        return subprocess.Popen([*self.command, *words], cwd=self.folder, env=self.environment, text=True, **more)

    def start(self):
        self.process = self.holdfast("gateway", "gateway.yaml", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(self.url("/health/ready")).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(self.process.communicate()[1] if self.process.poll() is not None else "never ready")

    def stop(self, how=signal.SIGTERM):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.communicate(timeout=60)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def ask(self, rows, secret=None, **more):
        frame = {"columns": list(rows.columns), "data": rows.astype(object).where(rows.notna(), None).values.tolist()}
        headers = {"authorization": f"Bearer {secret or self.secret}"}
        return httpx.post(self.url("/loans/invocations"), json={"dataframe_split": frame}, headers=headers, **more)

    def until(self, status, seconds=2.0, **how):
        """The answer, once its status is this: within the promised two seconds."""
        deadline = time.monotonic() + seconds + 1.0  # a loaded machine has one second more than the promise
        while (answer := self.ask(self.rows[:1], **how)).status_code != status and time.monotonic() < deadline:
            time.sleep(0.05)
        assert answer.status_code == status, answer.text
        return answer


@pytest.fixture
def house(server, tmp_path):  # noqa: F811
    with serving(server.app) as plane:
        made = House(server, plane, tmp_path)
        yield made.start()
        made.stop()


def test_a_gateway_from_its_first_answer_to_its_proof(house):
    answer = house.ask(house.rows)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == house.model.predict(house.rows).tolist()
    one = house.ask(house.rows[:1].assign(customer="C-17"))
    decision = one.headers["holdfast-decision"]
    assert house.ask(house.rows[:1], secret="wrong").status_code == 401

    spoilt = house.ask(house.rows[:1].assign(age=4000))
    assert (spoilt.status_code, spoilt.json()["code"]) == (403, "gateway.blocked")
    assert "4000" not in spoilt.text
    together = house.ask(pd.concat([house.rows[:3], house.rows[:1].assign(age=4000)]))
    assert together.status_code == 403
    assert house.ask(house.rows[:1].drop(columns="age")).status_code == 403
    assert httpx.post(house.url("/loans/invocations"), content=b"{", headers=house_key(house)).status_code == 422
    assert httpx.get(house.url("/nowhere")).status_code == 404

    _, errors = house.stop()
    assert errors == ""
    shown = house.done("decision", "show", decision)[1]
    assert '"ended": "answered"' in shown
    assert "C-17" not in shown
    assert canonical.digest(read_policy(house.folder / "policy.yaml")) in shown
    house.start()


def test_a_decision_is_proved_by_the_control_planes_ledger_from_files_alone(house):
    """Decided by one process, registered with another, proved offline; and what was changed since is found."""
    decision = house.ask(house.rows[:1].assign(customer="C-17")).headers["holdfast-decision"]
    house.stop()
    plane = ("--url", house.plane, "--token", secret_of(house.house.office, house.house.platform, "auditor"))
    store, ledger = house.house.office.desk.store, house.house.office.desk.ledger
    sequence(store, ledger)
    (kept,) = store.list(Segment).items
    assert (kept.record.gateway, kept.actor) == ("g1", "owner")
    assert not list((house.folder / "home/decisions/wal").rglob("queue/*.json"))

    code, said = house.done("decision", "prove", decision, "--out", "p.json", *plane)
    assert code == 0, said
    proof = house.folder / "p.json"
    code, said = house.done("verify", "p.json", "--key", house.key)
    assert (code, f"proof of: decision {decision}" in said, "Verified." in said) == (0, True, True), said
    data = proof.read_bytes()
    for part in (b'"answered"', b'"path"', b'"root"', b"revision", b"c2sp.org"):
        at = data.index(part) + len(part) + 8
        at += next(n for n, byte in enumerate(data[at:]) if chr(byte).isalnum())
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        proof.write_bytes(flipped)
        assert house.done("verify", "p.json", "--key", house.key)[0] != 0, part
    proof.write_bytes(data)

    code, said = house.done("decision", "show", decision, *plane)
    explained = json.loads(said)
    assert (code, explained["release"]["key"], len(explained["approvals"])) == (0, house.release, 5)
    assert "purpose" not in dict(explained["decision"]["inputs"])
    assert house.done("subject", "erase", "C-17", "--yes")[0] == 0
    assert house.done("decision", "prove", decision, "--out", "q.json", *plane)[0] == 0
    assert house.done("verify", "q.json", "--key", house.key)[0] == 0

    held = ("decision", "verify", *plane, "--key", house.key)
    code, said = house.done(*held)
    assert (code, "1 rows in 1 segments" in said) == (0, True), said
    (file,) = (house.folder / "decisions/segments").rglob("*.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
    code, said = house.done(*held)
    assert (code, file.name in said) == (1, True), said
    house.start()


def house_key(house):
    return {"authorization": f"Bearer {house.secret}", "content-type": "application/json"}


@pytest.mark.one_database
def test_tritonclient_in_both_forms(house):
    with triton.InferenceServerClient(f"127.0.0.1:{house.port}") as client:
        assert client.is_server_ready()
        for is_binary in (True, False):
            inputs = []
            for name in house.rows.columns:
                column = house.rows[name][:3]
                is_text = column.dtype == object or str(column.dtype) == "str"
                values = np.array([[str(v)] for v in column], object) if is_text else column.to_numpy(float)[:, None]
                given = triton.InferInput(name, [3, 1], "BYTES" if is_text else "FP64")
                given.set_data_from_numpy(values, binary_data=is_binary)
                inputs.append(given)
            wanted = [triton.InferRequestedOutput(n, binary_data=is_binary) for n in ("predict", "predict_proba")]
            result = client.infer("loans", inputs, outputs=wanted, headers={"authorization": f"Bearer {house.secret}"})
            scores = result.as_numpy("predict_proba")
            assert scores.shape == (3, 2)
            np.testing.assert_allclose(scores, np.round(house.model.predict_proba(house.rows[:3]), 2), atol=1e-9)


@pytest.mark.one_database
def test_what_ends_an_approval_ends_decisions_within_two_seconds(house):
    assert house.until(200)
    with house.client("legal") as client:
        breaker = client.trip_breaker(SYSTEM.name, reason="odd answers")
    refused = house.until(403)
    assert refused.json()["code"] == "gateway.not-released"
    with house.client("risk") as client:
        client.reset_breaker(breaker.key, reason="mended")
    house.until(200)
    with house.client("owner") as client:
        credential = client.list_credentials(state="live").items[0].key
        client.revoke_credential(credential)
    house.until(401)


@pytest.mark.one_database
def test_budgets_hold(house):
    secret = house.issue(rows=3)
    house.until(200, secret=secret)
    assert [house.ask(house.rows[:1], secret=secret).status_code for _ in range(3)] == [200, 200, 429]
    assert house.ask(house.rows[:1]).status_code == 200


@pytest.mark.one_database
def test_without_a_control_plane_a_gateway_goes_on_even_after_a_restart(server, tmp_path):  # noqa: F811
    with serving(server.app) as plane:
        house = House(server, plane, tmp_path).start()
        assert house.ask(house.rows[:1]).status_code == 200
        house.stop()
    try:
        house.start()
        assert house.ask(house.rows[:1]).status_code == 200
    finally:
        house.stop()


def test_no_acknowledged_decision_is_lost_to_kill_9(house):
    ids = [house.ask(house.rows[n : n + 1]).headers["holdfast-decision"] for n in range(20)]
    house.stop(signal.SIGKILL)
    for id in (ids[0], ids[-1]):
        shown = house.holdfast("decision", "show", id, stdout=subprocess.PIPE)
        assert id in shown.communicate()[0]
    house.start()
