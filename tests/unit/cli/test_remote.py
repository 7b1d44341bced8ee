"""The commands that speak to a control plane, against a real HTTP server."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.unit.flows.holding import held
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.server.deciding import decided
from tests.unit.server.watching import seen
from tests.unit.serving import secret_of, serving
from typer.testing import CliRunner

from holdfast import canonical
from holdfast.cli.main import app
from holdfast.domain.rounds import Failure, Round
from holdfast.domain.system import System
from holdfast.flows.register import register_system
from holdfast.flows.review import file_held
from holdfast.flows.seal import seal_run
from holdfast.flows.sequence import sequence
from holdfast.flows.watcher import ROUND
from holdfast.ledger.note import Key
from holdfast.storage.places import SqlPlaces
from holdfast.testing.runs import sample_run

pytestmark = pytest.mark.one_database


class Terminal:
    """Somebody at a terminal: `type(who, words)` gives the exit code and the document that was printed."""

    def __init__(self, url, house):
        self.url, self.server = url, house

    def run(self, who, *words):
        secret = secret_of(self.server.office, self.server.platform, who) if who else ""
        environment = {"HOLDFAST_URL": self.url, "HOLDFAST_TOKEN": secret}
        return CliRunner().invoke(app, list(words), env=environment)

    def type(self, who, *words):
        done = self.run(who, *words, "--json")
        return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def terminal(server):  # noqa: F811
    with serving(server.app) as url:
        yield Terminal(url, server)


def test_a_system_is_registered_classified_listed_and_shown(terminal):
    code, kept = terminal.type("owner", "system", "register", "credit", "--purpose", "loans", "--data-owner", "Ann")
    assert (code, kept["record"]["owners"]["data"]) == (0, "Ann")
    assert terminal.type("owner", "system", "classify", "credit", "regime", "--yes", "listed")[0] == 3
    code, kept = terminal.type("owner", "system", "classify", "credit", "regime", "--yes", "listed", "--others-no")
    assert (code, kept["record"]["computed"]) == (0, "high")
    assert terminal.type("viewer", "system", "list")[1]["items"][0]["key"] == "credit"
    table = terminal.run("viewer", "system", "list").stdout
    assert "model, deployment, monitoring" in table
    assert "purpose: loans" in terminal.run("viewer", "system", "show", "credit").stdout
    assert "There is none." in terminal.run("viewer", "system", "list", "--tier", "minimal").stdout


def test_a_run_is_submitted_and_its_release_shown(terminal, tmp_path):
    office = terminal.server.office
    registered(office)
    evidence = office.evidence("pass")
    for name, data in seal_run(replace(sample_run(), evidence=evidence), office.desk.signer).items():
        (tmp_path / name).write_bytes(data)
    code, verdict = terminal.type("developer", "release", "submit", str(tmp_path), "--version", "1.4")
    assert (code, verdict["record"]["release"]) == (0, evidence.release)
    assert terminal.type("viewer", "release", "show", evidence.release)[1]["record"]["version"] == "1.4"
    assert terminal.type("viewer", "release", "list", "--system", SYSTEM.name)[1]["items"][0]["key"] == evidence.release
    code, said = terminal.type("developer", "release", "submit", str(tmp_path / "none"), "--version", "1")
    assert (code, said["error"]["code"]) == (2, "release.run")


def test_a_gate_is_asked_answered_and_checked(terminal):
    office = terminal.server.office
    registered(office)
    digest = filed(office).verdict.record.release
    check = ("gate", "check", digest, "--environment", "production")
    assert terminal.type("viewer", *check)[0] == 3
    words = ("gate", "ask", "deployment", SYSTEM.name, "--release", digest, "--environment", "production")
    code, opened = terminal.type("owner", *words, "--reason", "ready")
    key = opened["request"]["key"]
    assert (code, opened["ruling"]["outcome"]) == (3, "inconclusive")
    assert "Waiting for" in terminal.run("viewer", "gate", "show", key).stdout
    assert terminal.type("risk", "refuse", key, "--as", "risk", "--reason", "small")[1]["record"]["says_yes"] is False
    assert terminal.type("legal", "approve", key, "--as", "legal", "--reason", "seen")[0] == 0
    answered_by_all(office, key, ("it", "risk", "compliance", "business"))
    assert terminal.type("viewer", "gate", "show", key)[0] == 0
    assert terminal.type("viewer", *check)[0] == 0
    assert terminal.type("viewer", "gate", "list")[1]["items"][0]["key"] == key
    assert terminal.type("viewer", "gate", "check", "sha256:" + "0" * 64, "--environment", "production")[0] == 3


def test_a_breach_keeps_the_gate_shut(terminal):
    office = terminal.server.office
    registered(office)
    key = asked(office, filed(office, "breach").verdict.record.release).request.key
    assert terminal.type("viewer", "gate", "show", key)[0] == 1
    breached = terminal.run("viewer", "gate", "show", key).stdout
    assert "breach: " in breached


def test_a_waiver_is_asked_answered_and_listed(terminal):
    office = terminal.server.office
    registered(office)
    filing = filed(office, "breach")
    measure = filing.verdict.record.breaches[0].limit.measure
    key = asked(office, filing.verdict.record.release).request.key
    office.clock.now = datetime.now(UTC)
    words = ("waiver", "ask", key, measure, "--reason", "mended in May", "--controls", "looked at by hand")
    code, waiver = terminal.type("owner", *words)
    assert (code, waiver["record"]["measure"]) == (0, measure)
    answered = ("approve", key, "--waiver", waiver["key"], "--as", "legal", "--reason", "seen")
    assert terminal.type("legal", *answered)[0] == 0
    assert measure in terminal.run("viewer", "waiver", "list").stdout


def test_what_passed_goes_live_and_out_again(terminal):
    office = terminal.server.office
    registered(office)
    key = asked(office, filed(office).verdict.record.release).request.key
    code, said = terminal.type("owner", "deployment", "start", key)
    assert (code, said["error"]["code"]) == (2, "deploy.shut")
    answered_by_all(office, key)
    code, started = terminal.type("owner", "deployment", "start", key)
    assert (code, started["record"]["environment"]) == (0, "production")
    assert started["key"] in terminal.run("viewer", "deployment", "list").stdout
    assert terminal.type("owner", "deployment", "end", started["key"], "--reason", "old")[0] == 0
    assert terminal.type("viewer", "deployment", "list", "--state", "ended")[1]["items"][0]["key"] == started["key"]


def test_a_sealer_is_trusted_by_its_vkey_and_revoked(terminal, tmp_path):
    vkey = tmp_path / "ledger.vkey"
    vkey.write_text(Key("ci", bytes(range(32))).vkey + "\n")
    code, kept = terminal.type("it", "sealer", "trust", str(vkey), "--name", "CI")
    assert (code, kept["record"]["key"]) == (0, bytes(range(32)).hex())
    assert terminal.type("it", "sealer", "revoke", kept["key"])[1]["record"]["is_trusted"] is False
    assert "CI" in terminal.run("viewer", "sealer", "list").stdout


def test_an_appetite_needs_two_people(terminal, tmp_path):
    document = tmp_path / "appetite.yaml"
    document.write_text("name: ours\nversion: '2'\napproved_by: board\nlimits: []\n")
    code, proposal = terminal.type("owner", "appetite", "propose", str(document), "--reason", "decided")
    assert code == 0
    assert terminal.type("owner", "appetite", "enact", proposal["key"])[0] == 2
    assert terminal.type("risk", "appetite", "enact", proposal["key"])[1]["record"]["state"] == "enacted"


def test_people_and_tokens(terminal):
    code, made = terminal.type("admin", "people", "invite", "eve@example.org", "--name", "Eve", "--role", "viewer")
    assert (code, made["link"].startswith("http://h.test/welcome/")) == (0, True)
    assert "eve@example.org" in terminal.run("admin", "people", "list").stdout
    eve = made["proposal"]["record"]["key"]
    code, again = terminal.type("admin", "people", "link", eve, "--reason", "it went astray")
    assert (code, again["proposal"]["record"]["state"]) == (0, "enacted")
    assert again["link"] not in ("", made["link"])
    assert terminal.type("admin", "people", "invite", "x@example.org", "--name", "X", "--role", "king")[0] == 2


def test_tokens_are_issued_listed_and_revoked(terminal):
    terminal.server.office.clock.now = datetime.now(UTC)
    code, issued = terminal.type("developer", "token", "issue", "ci", "--allow", "read", "--days", "30")
    assert (code, bool(issued["secret"])) == (0, True)
    assert issued["token"]["key"] in terminal.run("developer", "token", "list").stdout
    assert terminal.type("developer", "token", "revoke", issued["token"]["key"])[1]["record"]["is_revoked"]


def test_without_a_token_or_a_server_it_says_what_to_do(terminal):
    code, said = terminal.type("", "system", "list")
    assert (code, said["error"]["code"]) == (2, "client.token")
    done = CliRunner().invoke(app, ["system", "list", "--url", "http://127.0.0.1:1", "--token", "t", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["error"]["code"]) == (2, "client.unreachable")
    assert terminal.type("viewer", "approve", "x", "--as", "king", "--reason", "r")[1]["error"]["code"] == (
        "option.unknown"
    )


def test_a_check_registers_its_release(terminal, project):
    office = terminal.server.office
    register_system(office.desk, office.caller("owner"), System("credit", purpose="loans"))
    words = ("check", str(project.folder), "--effort", "quick", "--only", "performance", "--submit", "1.0")
    done = terminal.run("developer", *words, "--json")
    assert "Registered as 1.0" in done.stderr, done.output
    release = json.loads(done.stdout)["evidence"]["release"]
    assert terminal.type("viewer", "release", "show", release)[1]["record"]["source"] == "check"


def test_a_system_is_stopped_and_let_go_on(terminal):
    registered(terminal.server.office)
    code, kept = terminal.type("legal", "breaker", "trip", SYSTEM.name, "--reason", "odd answers")
    assert (code, kept["record"]["is_tripped"]) == (0, True)
    assert "odd answers" in terminal.run("viewer", "breaker", "list").stdout
    assert terminal.type("legal", "breaker", "reset", kept["key"], "--reason", "fine")[0] == 2
    assert terminal.type("risk", "breaker", "reset", kept["key"], "--reason", "mended")[0] == 0
    assert "There is none." in terminal.run("viewer", "breaker", "list").stdout


def test_a_review_is_listed_shown_and_decided(terminal):
    office = terminal.server.office
    registered(office)
    first, second = (file_held(office.desk, office.caller("developer"), held()).key for _ in range(2))
    assert first in terminal.run("viewer", "review", "list").stdout
    seen = terminal.run("reviewer", "review", "show", first)
    assert "input name: Ada Lovelace" in seen.stdout
    unseen = terminal.run("viewer", "review", "show", first)
    assert (unseen.exit_code, "Ada" in unseen.stdout) == (0, False)
    decided = ("review", "decide", first, "--reason", "Her income is proven.")
    assert terminal.type("reviewer", *decided)[0] == 2
    assert terminal.type("owner", *decided, "--answer", "yes")[0] == 2
    code, kept = terminal.type("reviewer", *decided, "--answer", "yes")
    assert (code, kept["record"]["resolution"]["overruled"]) == (0, True)
    assert terminal.type("reviewer", "review", "decide", second, "--refuse", "--reason", "Unclear.")[0] == 0
    assert "refused" in terminal.run("viewer", "review", "list", "--state", "decided").stdout
    assert terminal.type("reviewer", "review", "forget", "5b2c") == (0, {"subject": "5b2c"})


def test_a_program_is_let_in_and_shut_out(terminal):
    registered(terminal.server.office)
    words = ("credential", "issue", "branch", "--system", SYSTEM.name, "--route", "predict", "--rows", "1000")
    code, made = terminal.type("owner", *words)
    assert code == 0
    assert made["secret"].startswith("hf-")
    assert made["credential"]["record"]["budget"]["rows"] == 1000
    assert made["secret"] not in terminal.run("viewer", "credential", "list").stdout
    assert terminal.type("owner", *words, "--certificate", "a", "--subject", "b")[0] == 2
    assert terminal.type("owner", *words, "--route", "fly")[0] == 2
    assert terminal.type("owner", "credential", "revoke", made["credential"]["key"])[0] == 0
    assert "There is none." in terminal.run("viewer", "credential", "list").stdout


def test_decisions_are_labelled_held_and_let_go(terminal, tmp_path):
    house = terminal.server
    registered(house.office)
    made = decided(house.folder, house.office, 2)
    sequence(house.office.desk.store, house.office.desk.ledger)
    table = tmp_path / "labels.csv"
    table.write_text(f"decision,outcome,observed_at\n{made[0].id},1,2026-12-01T00:00:00Z\n{made[1].id},,\n")
    about = ("--system", SYSTEM.name, "--source", "collections")
    for _ in range(2):
        assert terminal.type("owner", "decision", "label", str(table), *about) == (0, {"taken": 1})
    assert terminal.type("owner", "decision", "label", made[0].id, "0", *about)[0] == 0
    found = json.loads(terminal.run("auditor", "decision", "show", made[0].id).stdout)
    assert [label["outcome"] for label in found["labels"]] == [1, 0]

    place = ("--segments", str(house.folder / "decisions/segments"))
    assert terminal.type("legal", "decision", "retention", SYSTEM.name, "--days", "100")[0] == 2
    assert terminal.type("legal", "decision", "retention", SYSTEM.name, "--days", "184")[0] == 0
    assert terminal.type("owner", "decision", "retain", *place)[1]["removed"] == []
    house.office.clock.pass_days(300)
    hold = terminal.type("legal", "decision", "hold", SYSTEM.name, "--because", "case 7")[1]["key"]
    assert len(terminal.type("owner", "decision", "retain", "--remove", *place)[1]["held"]) == 1
    assert "case 7" in terminal.run("viewer", "decision", "holds").stdout
    assert terminal.type("legal", "decision", "lift", hold, "--reason", "closed")[0] == 0
    (file,) = (house.folder / "decisions/segments").rglob("decisions/**/*.parquet")
    copy = file.read_bytes()
    assert "would go" in terminal.run("owner", "decision", "retain", *place).stdout
    assert file.exists()
    code, told = terminal.type("owner", "decision", "retain", "--remove", *place)
    assert (code, len(told["removed"]), file.exists()) == (0, 1, False)
    file.write_bytes(copy)  # as a crash between the ledger and the file leaves it
    hold = terminal.type("legal", "decision", "hold", SYSTEM.name, "--because", "case 8")[1]["key"]
    assert len(terminal.type("owner", "decision", "retain", "--remove", *place)[1]["held"]) == 1
    assert file.exists(), "a hold that came late keeps what is left"
    assert terminal.type("legal", "decision", "lift", hold, "--reason", "closed")[0] == 0
    told = terminal.type("owner", "decision", "retain", "--remove", *place)[1]
    assert (len(told["left_over"]), told["removed"], file.exists()) == (1, [], False)


def test_why_nobody_looks_is_said_before_what_was_last_seen(terminal):
    office = terminal.server.office
    registered(office)
    release = filed(office).filed.record.release
    seen(office, terminal.server.folder, release)
    assert "failed since" not in terminal.run("viewer", "watch", "show", release).stderr
    failure = Failure("segment.changed", "A file is another.", "Keep a copy.", "2026-11-24T02:00:00Z", release=release)
    SqlPlaces(office.desk.store).put(ROUND, canonical.encode(Round(office.desk.at, failures=(failure,))))
    said = terminal.run("viewer", "watch", "show", release)
    assert said.exit_code == 1
    assert "Looking has failed since 2026-11-24T02:00:00Z: A file is another. Keep a copy." in said.stderr
    assert "drift.location" in said.stdout or "Where values lie" in said.stdout or "changed" in said.stdout
    assert terminal.type("viewer", "watch", "show", release)[1]["release"] == release
