"""A decision found and proved, a person's copy and erasure, from a terminal."""

from __future__ import annotations

import json

import pytest
from tests.unit.decisions.making import decision
from typer.testing import CliRunner

from holdfast import wiring
from holdfast.cli.main import app
from holdfast.domain.decision import Lane
from holdfast.ledger.decision_proof import verify_decision
from holdfast.ledger.verify import main as alone


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("HOLDFAST_HOME", "HOLDFAST_SEGMENTS", "HOLDFAST_MASTER_KEY", "HOLDFAST_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def made(home):
    """Two decisions about Ada and one about nobody, sealed and registered."""
    with wiring.open_archive(home) as archive, wiring.open_decision_log(archive, archive.registrar, "g1") as log:
        who = archive.subjects.pseudonym("ada")
        written = [
            archive.subjects.seal(decision(1, subject=who), {"age"}),
            archive.subjects.seal(decision(2, subject=who, inputs=(("age", float("inf")),)), {"age"}),
            decision(3),
        ]
        log.append(written)
    return written


def run(*words):
    done = CliRunner().invoke(app, [*map(str, words)])
    return done.exit_code, done.stdout


def test_releases_are_compared(home, made):
    with wiring.open_archive(home) as archive, wiring.open_decision_log(archive, archive.registrar, "g1") as log:
        log.append([decision(3, lane=Lane.SHADOW, follows=made[2].id, release="sha256:" + "b" * 64)])
    code, said = run("decision", "compare", "credit", "--day", made[0].at[:10], "--home", home)
    live, shadow, *told = said.splitlines()
    assert (code, live.split()[:2]) == (0, ["live", made[0].release[:19]])
    assert shadow.split()[:2] == ["shadow", "sha256:" + "b" * 12]
    assert "3 decisions: 3 answered" in live
    assert told[0].strip().startswith("approved: the same in 100.0% (20.7% to 100.0%) of 1 cases")
    code, said = run("decision", "compare", "credit", "--day", "2020-01-01", "--home", home, "--json")
    assert (code, json.loads(said)["live"]) == (0, None)
    assert run("decision", "compare", "credit", "--day", "soon", "--home", home)[0] == 2


def test_a_decision_is_shown_and_proved(home, made, tmp_path):
    code, said = run("decision", "show", made[2].id, "--home", home)
    assert code == 0
    assert json.loads(said)["inputs"]["age"] == 3
    out = tmp_path / "proof.json"
    code, said = run("decision", "prove", made[0].id, "--home", home, "--out", out, "--json")
    assert (code, json.loads(said)["row"]) == (0, 0)
    with wiring.open_archive(home) as archive:
        key = archive.ledger.key
    assert verify_decision(out.read_bytes(), key).record.id == made[0].id
    code, said = run("verify", out, "--key", key.vkey, "--json")
    assert (code, json.loads(said)["proof of"]) == (0, f"decision {made[0].id}")
    whole = out.read_bytes()
    for cut in (whole[: len(whole) // 2], whole[:30], b""):
        out.write_bytes(cut)
        assert run("verify", out, "--key", key.vkey)[0] in (1, 2)
        assert alone([str(out), "--key", key.vkey]) == 2
    out.write_bytes(whole)
    assert alone([str(out), "--key", key.vkey]) == 0
    out.write_bytes(whole.replace(b"production", b"test"))
    code, said = run("verify", out, "--key", key.vkey)
    assert (code, "does not lead to the root" in said) == (1, True)
    assert run("verify", out)[0] == 2, "a proof names no key"
    assert run("decision", "show", "7", "--home", home)[0] == 2


def test_a_person_gets_a_copy_and_is_forgotten(home, made, tmp_path):
    code, said = run("subject", "export", "ada", "--home", home)
    document = json.loads(said)
    assert (code, document["subject"]) == (0, made[0].subject)
    assert [one["inputs"]["age"] for one in document["decisions"]] == [1, "inf"]
    assert json.loads(run("subject", "erase", "ada", "--yes", "--home", home, "--json")[1])["had_key"]
    assert "nothing personal" in run("subject", "erase", "ada", "--yes", "--home", home)[1]
    out = tmp_path / "copy.json"
    code, said = run("subject", "export", "ada", "--home", home, "--out", out)
    assert "2 decisions" in said
    copies = json.loads(out.read_text())["decisions"]
    assert all("age" not in one["inputs"] and one["sealed"] for one in copies)
    assert run("decision", "verify", "--home", home)[0] == 0


def test_the_log_is_sealed_and_held_against_the_ledger(home, made):
    assert "1 processes" in run("decision", "seal", "--home", home)[1]
    assert "0 processes" in run("decision", "seal", "--home", home)[1]
    code, said = run("decision", "verify", "--home", home, "--json")
    assert (code, json.loads(said)["rows"]) == (0, 3)
    victim = next((home / "decisions/segments").rglob("*.parquet"))
    victim.unlink()
    code, said = run("decision", "verify", "--home", home)
    assert code == 1
    assert victim.name in said
    assert "missing" in said
