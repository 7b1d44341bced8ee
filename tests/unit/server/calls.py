"""One valid call of every operation of the API, on a control plane where something has happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from tests.apps import app_of
from tests.unit.flows.holding import held
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered
from tests.unit.server.deciding import decided
from tests.unit.server.test_datasets import ADMISSION
from tests.unit.server.watching import baseline, seen

from holdfast import canonical
from holdfast.domain.account import Profile
from holdfast.domain.act import Draft, Verb
from holdfast.domain.appetite import Appetite
from holdfast.domain.approval import Discipline
from holdfast.domain.credential import Route
from holdfast.domain.decision import Segment
from holdfast.domain.gate import Committee
from holdfast.domain.person import Person, Role
from holdfast.domain.provenance import Source
from holdfast.domain.verdict import timestamp
from holdfast.flows.approve import answer, ask_waiver, delegate
from holdfast.flows.breakers import trip
from holdfast.flows.comment import write_comment
from holdfast.flows.credentials import issue_key
from holdfast.flows.deploy import deploy
from holdfast.flows.desk import APPETITE, COMMITTEE
from holdfast.flows.people import issue_token
from holdfast.flows.propose import propose
from holdfast.flows.register_data import register_dataset, register_prompt
from holdfast.flows.register_segments import register_segment
from holdfast.flows.retention import place_hold, set_retention
from holdfast.flows.review import file_held
from holdfast.flows.sequence import sequence
from holdfast.flows.steps import file_step
from holdfast.flows.webhooks import subscribe
from holdfast.ledger.decided import DECISIONS, folder_of
from holdfast.ledger.envelope import keyid, seal
from holdfast.testing.pipelines import sample_provenance

SEGMENT = Segment(
    SYSTEM.name, "2026-11-24", "g1", f"{folder_of(DECISIONS, SYSTEM.name, '2026-11-24')}/g1-0.parquet", 3, "0" * 64,
    "sha256:" + "1" * 64, "sha256:" + "3" * 64, "2026-11-24T09:00:00.000000Z", "2026-11-24T09:01:00.000000Z",
)  # fmt: skip
OLD = replace(
    SEGMENT, day="2025-01-01", place=SEGMENT.place.replace("2026-11-24", "2025-01-01"), file="sha256:" + "4" * 64,
    first="2025-01-01T09:00:00.000000Z", last="2025-01-01T09:01:00.000000Z",
)  # fmt: skip
ADMITTED = {"name": "applicants", "version": "1"}
PROMPT = {"name": "greeting", "version": "1"}


@dataclass(frozen=True)
class Call:
    """A call: `at` fills the path, `query` follows it, `json` is the body."""

    at: dict[str, Any]
    json: Any = None
    query: dict[str, Any] | None = None


@cache
def operations() -> dict[str, tuple[str, str, str]]:
    """(method, path, permission) by operation id, from the document that programs read."""
    return {
        operation["operationId"]: (method.upper(), path, operation.get("x-permission", ""))
        for path, methods in app_of(None).openapi()["paths"].items()
        for method, operation in methods.items()
    }


def send(client, id: str, call: Call, **more):
    """Make a call by its operation id."""
    method, path, _ = operations()[id]
    return client.request(method, path.format(**call.at), json=call.json, params=call.query, **more)


def world(server) -> dict[str, Call]:
    """A breached release on which a gate was asked, with a waiver, an answer, a delegation and proposals; the calls."""
    office = server.office
    desk, caller = office.desk, office.caller
    registered(office)
    filing = filed(office, "breach")
    digest = filing.verdict.record.release
    request = asked(office, digest).request.key
    until = office.clock.now + timedelta(days=20)
    breach = filing.verdict.record.breaches[0].limit.measure
    waiver = ask_waiver(desk, caller("owner"), request, breach, reason="r", controls="c", until=until).key
    approval = answer(desk, caller("it"), request, Discipline.IT, reason="seen").key
    delegation = delegate(desk, caller("risk"), "viewer", Discipline.RISK, until=until, reason="away").key
    write_comment(desk, caller("owner"), f"system {SYSTEM.name}", "look")
    others = (Person("spare", (Role.VIEWER,)), Person("gone", (), is_active=False))
    drafts = [Draft(Verb.SET_PERSON, person.id, person) for person in others]
    desk.store.commit(drafts, actor="founder", at=desk.at, id="others")
    for person in ("spare", "gone", "viewer"):
        server.platform.accounts.add(Profile(person, person.title(), f"{person}@example.org"))
    passed = asked(office, filed(office, salt="passed").verdict.record.release).request.key
    answered_by_all(office, passed)
    running = deploy(desk, caller("owner"), passed).key
    token, _ = issue_token(desk, server.platform.accounts, caller("owner"), name="ci", allowed=(), until=until)
    appetite = desk.store.get(Appetite, APPETITE).record
    committee = desk.store.get(Committee, COMMITTEE).record
    proposal = propose(desk, caller("owner"), appetite, reason="again").key
    table = seal(ADMISSION, desk.signer)
    register_dataset(desk, caller("developer"), table, sealer=desk.signer.public_bytes().hex(), version="1")
    register_prompt(desk, caller("developer"), "greeting", "1", b"Hello")
    key_of_ci = desk.signer.public_bytes().hex()
    step = file_step(desk, caller("developer"), seal(sample_provenance(), desk.signer), key_of_ci).key
    another = seal(replace(sample_provenance(), id="another"), desk.signer).decode()
    source = seal(Source("pictures", digest, "a photographer", "CC0", "m", desk.at), desk.signer).decode()
    stopped = trip(desk, caller("owner"), SYSTEM.name, release=digest, reason="odd answers").key
    reach: dict[str, Any] = {"systems": (SYSTEM.name,), "routes": (Route.PREDICT,), "until": until}
    credential = issue_key(desk, caller("owner"), "batch", **reach)[0].key
    for segment in (SEGMENT, OLD):
        register_segment(desk, caller("developer"), segment)
    id = decided(server.folder, office)[0].id
    set_retention(desk, caller("legal"), SYSTEM.name, 200)
    hold = place_hold(desk, caller("legal"), SYSTEM.name, because="case 7", first="2026-01-01").key
    review = file_held(desk, caller("developer"), held(principal=credential)).key
    webhook = subscribe(desk, caller("admin"), "audit", "https://audit.example/").key
    alert, incident = seen(office, server.folder, digest)
    sequence(desk.store, desk.ledger)
    envelope, sealer = office.sealed(office.evidence("pass", salt="other"))
    ends = timestamp(until)
    plain = canonical.plain
    named, key = {"name": SYSTEM.name}, {"key": request}
    named_system = {"system": SYSTEM.name}
    outcome = {**named_system, "decision": id, "outcome": True, "observed_at": ends, "source": "collections"}
    regime = {**named, "regime": "regime"}
    materials = plain(office.evidence().materials)
    return {
        "list_systems": Call({}, query={"sort": "title"}),
        "register_system": Call({}, {**plain(SYSTEM), "name": "another"}),
        "show_system": Call(named),
        "system_history": Call(named),
        "change_system": Call(named, {"system": plain(SYSTEM), "revision": 1}),
        "list_questionnaires": Call({}),
        "show_questionnaire": Call({"regime": "regime"}),
        "list_classifications": Call({}),
        "show_classification": Call(regime),
        "classify": Call(regime, {"answers": {"listed": True, "scores": False}}),
        "override": Call(regime, {"tier": "limited", "reason": "small"}),
        "list_releases": Call({}),
        "register_release": Call({}, {"system": SYSTEM.name, "version": "2", "materials": materials}),
        "show_release": Call({"digest": digest}),
        "show_lineage": Call({"digest": digest}),
        "release_history": Call({"digest": digest}),
        "list_evidence": Call({}, query={"about": digest}),
        "submit_evidence": Call({}, {"envelope": envelope.decode(), "sealer": sealer, "version": "1.1"}),
        "show_evidence": Call({"digest": filing.filed.key}),
        "show_envelope": Call({"digest": filing.filed.key}),
        "list_verdicts": Call({}),
        "show_verdict": Call({"digest": filing.verdict.key}),
        "list_datasets": Call({}),
        "register_dataset": Call({}, {"envelope": table.decode(), "sealer": sealer, "version": "2"}),
        "show_dataset": Call(ADMITTED),
        "list_steps": Call({}),
        "file_step": Call({}, {"envelope": another, "sealer": key_of_ci}),
        "show_step": Call({"key": step}),
        "show_step_envelope": Call({"key": step}),
        "list_outputs": Call({}),
        "list_sources": Call({}),
        "file_source": Call({}, {"envelope": source, "sealer": key_of_ci}),
        "list_prompts": Call({}),
        "register_prompt": Call({}, {"name": "greeting", "version": "2", "text": "Good day"}),
        "show_prompt": Call(PROMPT),
        "read_prompt": Call(PROMPT),
        "list_requests": Call({}, query={"state": "open"}),
        "ask_gate": Call(
            {},
            {"gate": "deployment", "system": SYSTEM.name, "reason": "r", "release": digest, "environment": "test"},
        ),
        "show_request": Call(key),
        "withdraw_request": Call(key),
        "list_approvals": Call({}),
        "request_approvals": Call(key),
        "answer_request": Call(key, {"discipline": "legal", "reason": "seen"}),
        "revoke_approval": Call({"key": approval}),
        "list_waivers": Call({}),
        "show_waiver": Call({"key": waiver}),
        "ask_waiver": Call(key, {"measure": breach, "reason": "r", "controls": "c", "until": ends}),
        "answer_waiver": Call({**key, "waiver": waiver}, {"discipline": "legal", "reason": "seen"}),
        "list_delegations": Call({}),
        "delegate": Call({}, {"to": "viewer", "discipline": "legal", "until": ends, "reason": "away"}),
        "end_delegation": Call({"key": delegation}),
        "list_deployments": Call({}),
        "start_deployment": Call({}, {"request": passed}),
        "show_deployment": Call({"key": running}),
        "deployment_history": Call({"key": running}),
        "end_deployment": Call({"key": running}, {"reason": "r"}),
        "show_appetite": Call({}),
        "appetite_history": Call({}),
        "propose_appetite": Call({}, {"appetite": plain(appetite), "reason": "r"}),
        "show_committee": Call({}),
        "committee_history": Call({}),
        "propose_committee": Call({}, {"committee": plain(committee), "reason": "r"}),
        "list_proposals": Call({}),
        "show_proposal": Call({"key": proposal}),
        "enact_proposal": Call({"key": proposal}),
        "drop_proposal": Call({"key": proposal}),
        "list_people": Call({}),
        "show_me": Call({}),
        "invite_person": Call({}, {"name": "Eve", "email": "eve@example.org", "roles": ["viewer"]}),
        "propose_roles": Call({"id": "spare"}, {"roles": ["auditor"], "reason": "r"}),
        "propose_deactivation": Call({"id": "spare"}, {"reason": "left"}),
        "renew_link": Call({"id": "spare"}, {"reason": "never came"}),
        "change_profile": Call({}, {"name": "Vi", "email": "viewer@example.org"}),
        "erase_profile": Call({"id": "gone"}),
        "list_tokens": Call({}),
        "issue_token": Call({}, {"name": "ci", "permissions": [], "until": ends}),
        "revoke_token": Call({"id": token.key}),
        "show_clearance": Call({}, query={"environment": "production", "system": (SYSTEM.name,)}),
        "list_breakers": Call({}),
        "trip_breaker": Call({}, {"system": SYSTEM.name, "reason": "odd answers"}),
        "reset_breaker": Call({"key": stopped}, {"reason": "seen to"}),
        "list_credentials": Call({}),
        "issue_credential": Call(
            {}, {"name": "branch", "systems": [SYSTEM.name], "routes": ["predict"], "until": ends, "way": "key"}
        ),
        "revoke_credential": Call({"id": credential}),
        "list_segments": Call({}),
        "register_segment": Call({}, {"segment": plain(replace(SEGMENT, file="sha256:" + "2" * 64))}),
        "show_segment": Call({"file": SEGMENT.file}),
        "list_decisions": Call({}, query={**named_system, "day": desk.at[:10]}),
        "compare_releases": Call({}, query={**named_system, "day": desk.at[:10]}),
        "show_decision": Call({"id": id}),
        "show_decision_proof": Call({"id": id}),
        "read_personal": Call({"id": id}, {"reason": "a complaint"}),
        "label_decisions": Call({}, {"labels": [outcome]}),
        "list_retention": Call({}),
        "set_retention": Call(named_system, {"days": 365}),
        "list_due": Call(named_system, query={"limit": 10}),
        "remove_segment": Call({"file": OLD.file}),
        "list_removals": Call({}),
        "list_holds": Call({}, query={"state": "placed"}),
        "place_hold": Call({}, {**named_system, "because": "case 8", "first": "2026-01-01"}),
        "lift_hold": Call({"key": hold}, {"reason": "closed"}),
        "list_reviews": Call({}, query={"state": "waiting", "descending": False}),
        "file_review": Call({}, {"held": plain(held(principal=credential))}),
        "show_review": Call({"decision": review}),
        "show_outcome": Call({"decision": review}),
        "show_content": Call({"decision": review}),
        "show_figures": Call({"system": SYSTEM.name}),
        "decide_review": Call({"decision": review}, {"answer": "yes", "reason": "seen"}),
        "forget_subject": Call({}, {"subject": "5b2c"}),
        "list_baselines": Call({}),
        "submit_baseline": Call({}, dict(zip(("envelope", "sealer"), baseline(office, digest), strict=True))),
        "show_watch": Call(named_system),
        "set_watch": Call(
            named_system, {"span": "day", "rules": [], "skip": [], "mail": [], "score": "", "decision": ""}
        ),
        "list_watched": Call({}),
        "show_look": Call({"digest": digest}),
        "show_round": Call({}),
        "list_alerts": Call({}),
        "show_alert": Call({"key": alert}),
        "settle_alert": Call({"key": alert}, {"how": "mended", "reason": "the feed is mended"}),
        "list_incidents": Call({}),
        "close_incident": Call({"key": incident}, {"reason": "over"}),
        "show_metrics": Call({}),
        "backtest": Call({}, {"appetite": plain(appetite)}),
        "list_sealers": Call({}),
        "trust_sealer": Call({}, {"name": "CI 2", "key": "ab" * 32}),
        "revoke_sealer": Call({"id": keyid(bytes.fromhex(sealer))}),
        "list_comments": Call({}),
        "write_comment": Call({}, {"about": f"system {SYSTEM.name}", "text": "look"}),
        "list_webhooks": Call({}),
        "subscribe": Call({}, {"name": "chat", "url": "https://chat.example/in", "verbs": ["deployment.start"]}),
        "end_webhook": Call({"key": webhook}),
        "list_acts": Call({}, query={"kind": "system"}),
        "show_checkpoint": Call({}),
        "show_vkey": Call({}),
        "read_entries": Call({}, query={"start": 0, "limit": 3}),
        "read_rows": Call({}),
        "show_entry": Call({"index": 0}),
        "show_proof": Call({"index": 0}),
        "verify_ledger": Call({}),
        "show_admission": Call({}, query={"digest": digest, "environment": "production"}),
        "review_admission": Call({}, {"kind": "AdmissionReview", "request": {"uid": "1"}}),
    }
