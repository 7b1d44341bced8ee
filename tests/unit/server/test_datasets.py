from __future__ import annotations

import json

from holdfast import canonical
from holdfast.domain.dataset import Admission
from holdfast.domain.provenance import Source
from holdfast.domain.verdict import Outcome
from holdfast.flows.register import trust_sealer
from holdfast.ledger.envelope import seal

DIGEST = canonical.digest_bytes(b"rows")
AT = "2026-11-24T09:00:00Z"
ADMISSION = Admission(
    "applicants",
    DIGEST,
    DIGEST,
    "",
    Source("applicants", DIGEST, "CRM", "internal", "m", AT),
    Outcome.PASS,
    (),
    9,
    0,
    AT,
)


def test_a_sealed_admission_is_registered_and_found_by_digest(server):
    desk = server.platform.desk
    sealer = desk.signer.public_bytes().hex()
    body = {"envelope": seal(ADMISSION, desk.signer).decode(), "sealer": sealer, "version": "1"}
    developer = server.program("developer")
    assert developer.post("/api/v1/datasets", json=body).status_code == 422
    trust_sealer(desk, server.office.caller("it"), "CI", sealer)
    made = developer.post("/api/v1/datasets", json=body)
    assert (made.status_code, made.json()["record"]["source"]["where"]) == (201, "CRM")
    viewer = server.program("viewer")
    assert viewer.get("/api/v1/datasets", params={"about": DIGEST}).json()["items"] == [made.json()]
    assert viewer.get("/api/v1/datasets/applicants/1").json() == made.json()
    assert viewer.get("/api/v1/datasets/applicants/2").status_code == 404
    assert viewer.post("/api/v1/datasets", json=body).status_code == 403
    changed = {**body, "envelope": body["envelope"].replace('"sig":"', '"sig":"AAAA')}
    assert developer.post("/api/v1/datasets", json=changed).status_code == 409


def test_a_committee_can_ask_for_lineage_over_http(server):
    owner, risk = server.program("owner"), server.program("risk")
    committee = owner.get("/api/v1/committee").json()["record"]
    assert not any(rule["needs_lineage"] for rule in committee["rules"])
    committee["rules"] = [{**rule, "needs_lineage": rule["gate"] == "change"} for rule in committee["rules"]]
    made = owner.post("/api/v1/committee/proposals", json={"committee": committee, "reason": "provenance"}).json()
    assert risk.post(f"/api/v1/proposals/{made['key']}/enact").status_code == 200
    rules = owner.get("/api/v1/committee").json()["record"]["rules"]
    assert [rule["gate"] for rule in rules if rule["needs_lineage"]] == ["change"]


def test_a_prompt_is_registered_and_read(server):
    developer, viewer = server.program("developer"), server.program("viewer")
    body = {"name": "triage", "version": "1", "text": "Sei höflich."}
    made = developer.post("/api/v1/prompts", json=body)
    assert made.status_code == 201
    assert viewer.get("/api/v1/prompts").json()["items"] == [made.json()]
    assert viewer.get("/api/v1/prompts/triage/1").json() == made.json()
    assert developer.get("/api/v1/prompts/triage/1/text").text == "Sei höflich."
    assert viewer.get("/api/v1/prompts/triage/1/text").status_code == 403
    assert "höflich".encode() not in b"".join(f.read_bytes() for f in server.folder.rglob("*") if f.is_file())
    assert developer.post("/api/v1/prompts", json={**body, "text": "Sei kurz."}).status_code == 422
    assert viewer.post("/api/v1/prompts", json={**body, "version": "2"}).status_code == 403
    assert server.stranger().get("/api/v1/prompts/triage/1/text").status_code == 401


def test_text_that_is_none_is_refused(server):
    developer = server.program("developer")
    for wrong in ({"text": "\ud800"}, {"name": "\ud800"}, {"version": "\ud800"}, {"parent": "\ud800"}, {"text": ""}):
        content = json.dumps({"name": "a", "version": "1", "text": "x", **wrong})
        answer = developer.post("/api/v1/prompts", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 422, wrong
