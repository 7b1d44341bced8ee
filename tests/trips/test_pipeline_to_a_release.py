"""A pipeline over real HTTP: recorded, admitted and filed from a terminal, until a release traces back and passes."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import pytest
from tests.unit.flows.journey import SYSTEM, registered
from tests.unit.flows.test_steps import demand_lineage
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.serving import secret_of, serving
from typer.testing import CliRunner

from holdfast.cli.main import app
from holdfast.datasets.read import digest_file
from holdfast.domain.approval import Discipline
from holdfast.domain.evidence import Material
from holdfast.domain.gate import Gate
from holdfast.domain.release import Release
from holdfast.flows.approve import answer
from holdfast.flows.gate import ask, look
from holdfast.flows.register import register_release, release_digest, trust_sealer
from holdfast.ledger.note import Key

CONTRACT = """\
name: raw
version: "1"
columns: {a: {kind: text}}
no_baseline_because: The first of its kind.
"""
TRAIN = "open('model.bin', 'w').write(open('raw.csv').read() * 2)\n"


class Project:
    """A developer's folder with a pipeline, and a control plane that it files with."""

    def __init__(self, folder, url, house):
        self.folder, self.url, self.server = folder, url, house
        self.office = house.office
        (folder / "raw.csv").write_text("a\nx\n")
        (folder / "train.py").write_text(TRAIN)
        (folder / "contract.yaml").write_text(CONTRACT)

    def type(self, *words, who="developer"):
        secret = secret_of(self.office, self.server.platform, who)
        return CliRunner().invoke(app, list(words), env={"HOLDFAST_URL": self.url, "HOLDFAST_TOKEN": secret})

    def admit(self, *more):
        words = ("data", "admit", "raw.csv", "--as", "raw", "--contract", "contract.yaml")
        return self.type(*words, "--from", "CRM", "--licence", "x", *more)

    def trust(self):
        key = Key.from_vkey((self.folder / ".holdfast/ledger.vkey").read_text())
        trust_sealer(self.office.desk, self.office.caller("it"), "workstation", key.public.hex())

    def release(self):
        model = Material("model", "model.bin", digest_file(self.folder / "model.bin"), 8)
        release = Release(release_digest(SYSTEM.name, (model,)), SYSTEM.name, "1.0", (model,), ("developer",))
        return register_release(self.office.desk, self.office.caller("developer"), release).key


@pytest.fixture
def project(server, tmp_path, monkeypatch):  # noqa: F811
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    server.office.clock.now = datetime.now(UTC)
    registered(server.office)
    with serving(server.app) as url:
        yield Project(folder, url, server)


def test_from_a_recorded_step_to_a_release_that_traces_back(project):
    done = project.type("record", "--submit", "--", sys.executable, "train.py")
    assert (done.exit_code, "Nobody here trusts" in done.stderr) == (2, True), "kept here, and not taken over there"
    project.trust()
    record = next((project.folder / ".holdfast/provenance").glob("*.json"))
    assert project.type("data", "submit", str(record)).exit_code == 0
    digest = project.release()
    shown = project.type("release", "lineage", digest, who="viewer")
    assert (shown.exit_code, "BROKEN: No recorded step made it" in shown.stdout) == (1, True), shown.output
    done = project.admit("--submit", "1")
    assert (done.exit_code, "Registered as raw:1" in done.stderr) == (0, True), done.output
    shown = project.type("release", "lineage", digest, "--json", who="viewer")
    traced = json.loads(shown.stdout)
    assert (shown.exit_code, traced["is_complete"]) == (0, True)
    assert [link["names"] for link in traced["lineage"]["links"]][1:] == [["model.bin"], ["raw", "raw.csv"]]
    assert project.type("data", "list", who="viewer").stdout.count("raw:1") == 1
    desk, owner = project.office.desk, project.office.caller("owner")
    demand_lineage(project.office)
    key = ask(desk, owner, Gate.DEPLOYMENT, SYSTEM.name, reason="r", release=digest, environment="p").request.key
    said = {reason.sentence for reason in look(desk, key).ruling.reasons}
    assert "Every file of this release traces back to an attested source." in said


def test_the_data_gate_is_asked_from_a_terminal(project):
    assert project.admit().exit_code == 0
    project.trust()
    sealed = next((project.folder / ".holdfast/admissions").glob("*.json"))
    wanting = project.type("data", "submit", str(sealed))
    assert (wanting.exit_code, "Name it with --version" in wanting.stderr) == (2, True)
    assert project.type("data", "submit", str(sealed), "--version", "1").exit_code == 0
    words = ("gate", "ask", "data", SYSTEM.name, "--data", "raw.csv", "--reason", "to train on", "--json")
    done = project.type(*words, who="owner")
    assert done.exit_code == 3, done.output
    asked = json.loads(done.stdout)
    assert asked["request"]["record"]["datasets"] == [digest_file(project.folder / "raw.csv")]
    assert [(one["name"], one["outcome"], one["has_passed"]) for one in asked["data"]] == [("raw 1", "pass", False)]
    for discipline in Discipline:
        answer(
            project.office.desk,
            project.office.caller(discipline),
            asked["request"]["key"],
            discipline,
            reason="seen",
        )
    assert project.type("gate", "show", asked["request"]["key"], who="viewer").exit_code == 0


def test_sealed_files_are_verified_and_named(project):
    project.type("record", "--", sys.executable, "train.py")
    project.admit()
    attest = ("data", "attest", "raw.csv", "--from", "a friend", "--licence", "CC0")
    assert project.type(*attest).exit_code == 0
    home = project.folder / ".holdfast"
    project.trust()
    filed = project.type(*attest, "--as", "again", "--submit")
    assert (filed.exit_code, "Filed as sha256:" in filed.stderr) == (0, True), filed.output
    for folder, what in (("provenance", "pipeline's step"), ("sources", "of a source"), ("admissions", "a data gate")):
        file = next((home / folder).glob("*.json"))
        done = project.type("verify", str(file), "--key", str(home / "ledger.vkey"), "--json")
        assert (done.exit_code, what in json.loads(done.stdout)["sealed"]) == (0, True), done.output
        assert "was read beside" in project.type("verify", str(file)).stdout
        other = Key("else", bytes(range(32))).vkey
        assert project.type("verify", str(file), "--key", other).exit_code == 1
        file.write_text(file.read_text().replace('"payload":"', '"payload":"AAAA', 1))
        assert project.type("verify", str(file)).exit_code == 1
    moved = project.folder / "alone.json"
    moved.write_bytes(file.read_bytes())
    assert project.type("verify", str(moved)).exit_code == 2
    assert project.type("verify", str(project.folder / "none")).exit_code == 2
