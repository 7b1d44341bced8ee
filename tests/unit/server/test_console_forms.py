"""The console's forms: what they do, and how they show what is wrong and keep what was typed."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import quote, unquote

import pyotp
import pytest
import segno
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered

from holdfast.appetite import write_appetite
from holdfast.domain.act import Draft, Verb
from holdfast.domain.appetite import Appetite, Tier
from holdfast.domain.approval import Approval, Delegation, Waiver
from holdfast.domain.classification import Classification
from holdfast.domain.clearance import Breaker
from holdfast.domain.gate import Committee, Request
from holdfast.domain.person import Comment, Person, Proposal, Role, Sealer, Token
from holdfast.domain.release import Deployment
from holdfast.domain.system import System
from holdfast.domain.verdict import Outcome
from holdfast.flows.desk import APPETITE, COMMITTEE
from holdfast.flows.propose import enact, propose
from holdfast.flows.register import register_system
from holdfast.flows.sequence import sequence
from holdfast.ledger.note import Key
from holdfast.server.console.pages import SAID

from .conftest import PASSWORD, form_token

HERE = f"/systems/{quote(SYSTEM.name)}"
NEW = {"name": "Churn", "purpose": "Whom to call", "owner_data": "Ada", "decisions_per_year": "12,000"}


@pytest.fixture
def store(server):
    return server.platform.desk.store


def said(answer):
    assert answer.status_code == 303, answer.text
    return unquote(answer.cookies[SAID])


def wrong(answer, field: str) -> str:
    """The error that stands at a field."""
    assert answer.status_code == 422, answer.text
    return re.search(rf'id="{field}-wrong">([^<]+)<', answer.text)[1]


def test_registering_a_system_says_what_was_done_once(server, store):
    client = server.program("owner")
    answer = client.post("/new-system", data=NEW)
    assert answer.headers["location"] == "/systems/Churn"
    assert "Churn is registered" in said(answer)
    assert "Churn is registered" in client.get("/systems/Churn").text
    assert "Churn is registered" not in client.get("/systems/Churn").text
    made = store.get(System, "Churn").record
    assert (made.decisions_per_year, made.owners.data, made.tier) == (12_000, "Ada", Tier.HIGH)


def test_what_was_typed_survives_an_error_that_stands_at_its_field(server):
    client = server.program("owner")
    answer = client.post("/new-system", data={**NEW, "purpose": " ", "decisions_per_year": "many", "affected": "<b>"})
    assert wrong(answer, "purpose") == "The purpose is missing."
    assert wrong(answer, "decisions-per-year") == "Write a number from 0 to 1,000,000,000,000."
    assert 'value="&lt;b&gt;"' in answer.text
    assert 'value="Churn"' in answer.text
    assert "is no name" in wrong(client.post("/new-system", data={**NEW, "name": "a/b"}), "name")
    assert client.post("/new-system", data=NEW).status_code == 303
    assert "changed meanwhile" in client.post("/new-system", data=NEW).text


def test_a_browser_must_show_its_forms_token(server, store):
    client = server.browser("owner")
    assert client.post("/new-system", data=NEW).status_code == 403
    assert store.find(System, "Churn") is None
    token = form_token(client.get("/new-system").text)
    assert client.post("/new-system", data={**NEW, "csrf": token}).status_code == 303


def test_a_change_on_an_older_state_is_refused(server, store):
    client = server.program("owner")
    client.post("/new-system", data=NEW)
    form = {**NEW, "purpose": "Other", "status": "retired", "revision": "1"}
    assert client.post("/systems/Churn/change", data=form).status_code == 303
    assert store.get(System, "Churn").record.status == "retired"
    answer = client.post("/systems/Churn/change", data={**form, "purpose": "Mine"})
    assert (answer.status_code, "changed meanwhile" in answer.text, ">Mine<" in answer.text) == (422, True, True)


def test_without_a_questionnaire_the_page_says_so(server):
    server.app.state.platform = replace(server.platform, questionnaires={})
    server.program("owner").post("/new-system", data=NEW)
    client = server.program("owner")
    assert "No questionnaire is installed" in client.get("/systems/Churn/classification").text
    assert client.post("/systems/Churn/classification", data={"regime": "regime"}).status_code == 404


def test_answers_classify_and_a_named_role_overrides(server, store):
    owner, compliance = server.program("owner"), server.program("compliance")
    owner.post("/new-system", data=NEW)
    path = "/systems/Churn/classification"
    assert "1 question left" in said(owner.post(path, data={"regime": "regime", "q.listed": "yes"}))
    assert store.get(Classification, "Churn:regime").record.tier is None
    assert "high risk" in said(owner.post(path, data={"regime": "regime", "q.listed": "yes", "q.scores": "no"}))
    page = owner.get(path).text
    assert "It is listed." in page
    assert "Set the tier against" not in page
    lower = {"regime": "regime", "tier": "limited"}
    assert wrong(compliance.post(f"{path}/override", data=lower), "reason") == "The reason is missing."
    assert owner.post(f"{path}/override", data={**lower, "reason": "x"}).status_code == 403
    assert "limited risk" in said(compliance.post(f"{path}/override", data={**lower, "reason": "no people"}))
    assert store.get(System, "Churn").record.tier is Tier.LIMITED


def test_evidence_is_filed_by_upload(server, store):
    office = server.office
    registered(office)
    envelope, key = office.sealed(office.evidence("breach"))
    vkey = Key("ci", bytes.fromhex(key)).vkey
    client = server.program("developer")
    form = {"version": "3.1", "key": vkey}
    assert "The file is missing." in client.post(f"{HERE}/evidence", data=form).text
    cut = client.post(f"{HERE}/evidence", data={**form, "key": vkey[:-3]}, files={"envelope": ("e.json", envelope)})
    assert "vkey" in wrong(cut, "key")
    answer = client.post(f"{HERE}/evidence", data=form, files={"envelope": ("e.json", envelope)})
    assert "The verdict: breach." in said(answer)
    assert "Three of eleven limits are breached" in client.get(answer.headers["location"]).text
    page = client.get(HERE).text
    assert "Impact ratio by release: 3.1" in page


def test_a_release_is_asked_for_answered_and_put_into_production(server, store):
    office = server.office
    registered(office)
    release = filed(office).filed.record.release
    owner = server.program("owner")
    form = {"gate": "deployment", "environment": "production", "reason": ""}
    assert wrong(owner.post(f"/releases/{release}/ask", data=form), "reason") == "The reason is missing."
    path = owner.post(f"/releases/{release}/ask", data={**form, "reason": "ready"}).headers["location"]
    assert "Nobody has answered yet" in owner.get(path).text
    assert "once IT, business, compliance, legal and risk say yes" not in owner.get(path).text
    assert "business, compliance, IT, legal and risk say yes" in owner.get(path).text
    for who in ("it", "risk", "legal", "compliance"):
        answer = {"says": "yes", "discipline": who, "reason": "seen"}
        assert "Your yes is on record" in said(server.program(who).post(f"{path}/answer", data=answer))
    business = server.program("business")
    assert SYSTEM.name in business.get("/inbox").text
    answer = business.post(f"{path}/answer", data={"discipline": "business", "reason": "kept"})
    assert (answer.status_code, "Say yes or no." in answer.text, ">kept<" in answer.text) == (422, True, True)
    assert owner.post(f"{path}/deploy").status_code == 403
    business.post(f"{path}/answer", data={"says": "yes", "discipline": "business", "reason": "seen"})
    assert "Nothing waits for you" in business.get("/inbox").text
    assert "Put it into production" not in business.get(path).text
    assert "Put it into production" in owner.get(path).text
    assert "let in by 5 people" in said(owner.post(f"{path}/deploy"))
    assert "runs in production now" in owner.get(path).text
    key = store.list(Deployment).items[0].key
    end = owner.post(f"{HERE}/end-deployment", data={"deployment": key, "end_reason": "old"})
    assert "no longer" in said(end)
    assert "old" in owner.get(HERE).text


def test_dissent_and_answers_taken_back_stay_on_record(server, store):
    office = server.office
    registered(office)
    key = asked(office, filed(office).filed.record.release).request.key
    legal = server.program("legal")
    legal.post(f"/requests/{key}/answer", data={"says": "no", "discipline": "legal", "reason": "Not lawful."})
    legal.post(f"/requests/{key}/answer", data={"says": "yes", "discipline": "legal", "reason": "Now it is."})
    mine = next(k for k in store.list(Approval).items if k.record.says_yes)
    assert "stays on record" in said(legal.post(f"/requests/{key}/revoke", data={"answer": mine.key}))
    page = legal.get(f"/requests/{key}").text
    assert all(text in page for text in ("Not lawful.", "Now it is.", "lapsed"))
    owner = server.program("owner")
    assert "withdrawn" in said(owner.post(f"/requests/{key}/withdraw"))
    assert "was withdrawn" in owner.get(f"/requests/{key}").text
    assert store.get(Request, key).record.is_withdrawn


def test_answers_lapse_with_what_they_were_bound_to(server, store):
    office = server.office
    registered(office)
    key = asked(office, filed(office).filed.record.release).request.key
    answered_by_all(office, key)
    client = server.program("viewer")
    assert "lapsed" not in client.get(f"/requests/{key}").text
    now = store.get(Appetite, APPETITE).record
    proposal = propose(office.desk, office.caller("risk"), replace(now, version="next"), reason="r")
    enact(office.desk, office.caller("compliance"), proposal.key)
    page = client.get(f"/requests/{key}").text
    assert page.count(">lapsed<") == 5
    assert "may go into production once business, compliance, IT, legal and risk say yes" in page


def test_a_waiver_is_asked_at_its_row_and_answered(server, store):
    office = server.office
    registered(office)
    opened = asked(office, filed(office, "breach").filed.record.release)
    key = opened.request.key
    breaches = [r for r in opened.ruling.reasons if r.outcome is Outcome.BREACH]
    owner = server.program("owner")
    form = {"measure": breaches[0].limit.measure, "waiver_reason": "soon", "controls": "", "until": "2027-01-31"}
    answer = owner.post(f"/requests/{key}/waiver", data=form)
    id = form["measure"].replace(".", "-").replace("_", "-")
    assert wrong(answer, f"controls-{id}") == "The compensating control is missing."
    assert ">soon<" in answer.text
    past = owner.post(f"/requests/{key}/waiver", data={**form, "controls": "eyes", "until": "2020-01-01"})
    assert "ended already" in past.text
    for reason in breaches:
        answer = owner.post(f"/requests/{key}/waiver", data={**form, "measure": reason.limit.measure, "controls": "x"})
        assert "asked for the waiver" in said(answer)
    for who in ("risk", "legal"):
        client = server.program(who)
        assert "three waivers" in client.get("/inbox").text
        for kept in store.list(Waiver).items:
            data = {"says": "yes", "discipline": who, "reason": "fine"}
            assert "is on record" in said(client.post(f"/requests/{key}/waivers/{kept.key}", data=data))
    answered_by_all(office, key)
    page = owner.get(f"/requests/{key}").text
    assert "may go into production: nothing stands in the way" in page
    assert page.count('<span class="state waived">') >= 2 * len(breaches)
    blank = server.program("risk").post(
        f"/requests/{key}/waivers/{store.list(Waiver).items[0].key}", data={"says": "no"}
    )
    assert blank.status_code == 422


def test_an_appetite_is_previewed_proposed_and_enacted_by_another(server, store):
    office = server.office
    registered(office)
    filed(office, "breach")
    owner, risk = server.program("owner"), server.program("risk")
    now = store.get(Appetite, APPETITE).record
    loose = tuple(replace(limit, minimum=None, maximum=1e6) for limit in now.limits)
    document = {"by": "document", "document": write_appetite(replace(now, version="9", limits=loose))}
    would = owner.post("/appetite/propose", data={**document, "do": "preview"})
    assert "one answer would change" in would.text
    assert store.list(Proposal).items == ()
    broken = owner.post("/appetite/propose", data={**document, "document": "name: x\nlimit: []", "do": "propose"})
    assert "line 2" in wrong(broken, "document")
    no_reason = owner.post("/appetite/propose", data={**document, "do": "propose"})
    assert wrong(no_reason, "reason") == "The reason is missing."
    path = owner.post("/appetite/propose", data={**document, "do": "propose", "reason": "try"}).headers["location"]
    assert "You proposed it, so somebody else must enact it." in owner.get(path).text
    key = path.rpartition("/")[2]
    assert owner.post(f"/proposals/{key}/enact").status_code == 403
    assert "in force now" in said(risk.post(f"/proposals/{key}/enact"))
    assert store.get(Appetite, APPETITE).record.version == "9"


def test_limits_are_edited_in_a_form(server, store):
    owner = server.program("owner")
    page = owner.get("/appetite/propose").text
    form = {name: value for name, value in re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', page) if name}
    form |= {f"keep.{at}": "yes" for at in range(len(store.get(Appetite, APPETITE).record.limits))}
    form |= {"name": "Credit", "version": "3", "approved_by": "Board", "evidence_days": "30", "by": "form"}
    form |= {"reason": "r", "do": "propose"}
    bad = owner.post("/appetite/propose", data={**form, "maximum.0": "lots", "minimum.1": ""})
    assert (bad.status_code, "Write a number." in bad.text, "one end at least" in bad.text) == (422, True, True)
    assert 'value="lots"' in bad.text
    del form["keep.2"]
    answer = owner.post("/appetite/propose", data={**form, "maximum.0": "0.3"})
    proposed = json.loads(store.get(Proposal, answer.headers["location"].rpartition("/")[2]).record.body)
    before = store.get(Appetite, APPETITE).record
    assert (proposed["limits"][0]["maximum"], proposed["evidence_days"]) == (0.3, 30)
    assert len(proposed["limits"]) == len(before.limits) - 1
    assert "at most 0.3" in owner.get(answer.headers["location"]).text


def test_committee_rules_are_proposed_and_enacted(server, store):
    owner, compliance = server.program("owner"), server.program("compliance")
    form = {"name": "Board", "version": "2", "rows": "2", "gate.0": "deployment", "tiers.0": ["high"], "reason": "less"}
    assert "names a tier and a discipline" in owner.post("/committee/propose", data=form).text
    form |= {"quorum.0": ["risk", "legal"], "waiver.0": ["risk"], "days.0": "30"}
    assert "somebody else" in said(owner.post("/committee/propose", data=form))
    key = store.list(Proposal).items[0].key
    assert "Enact" in compliance.get("/committee").text
    compliance.post(f"/proposals/{key}/enact")
    rule = store.get(Committee, COMMITTEE).record.rules[0]
    assert (rule.quorum, rule.waiver_quorum, rule.approval_days) == (("risk", "legal"), ("risk",), 30)
    assert not rule.needs_lineage
    owner.post("/committee/propose", data={**form, "lineage.0": "yes"})
    compliance.post(f"/proposals/{store.list(Proposal, state='open').items[0].key}/enact")
    assert store.get(Committee, COMMITTEE).record.rules[0].needs_lineage
    assert "evidence and complete lineage" in compliance.get("/committee").text
    assert 'name="lineage.0" value="yes" checked' in owner.get("/committee/propose").text


@pytest.mark.parametrize("days", ["0", "99999999999999", "1e400", "1.5"])
def test_days_beyond_reason_are_refused_at_their_field(server, days):
    owner = server.program("owner")
    form = {"name": "B", "version": "2", "rows": "1", "gate.0": "change", "tiers.0": "high", "quorum.0": "it"}
    answer = owner.post("/committee/propose", data={**form, "days.0": days, "reason": "x"})
    assert (answer.status_code, "Write a " in answer.text) == (422, True)


def test_a_proposal_is_dropped(server, store):
    owner = server.program("owner")
    form = {"name": "B", "version": "2", "rows": "1", "gate.0": "change", "tiers.0": "high", "quorum.0": "it"}
    owner.post("/committee/propose", data={**form, "reason": "x"})
    kept = store.list(Proposal).items[0]
    assert "Dropped" in said(owner.post(f"/proposals/{kept.key}/drop"))
    assert store.get(Proposal, kept.key).record.state == "dropped"


def test_the_ledger_verifies_itself_and_names_what_was_edited(server, store):
    registered(server.office)
    sequence(store, server.platform.desk.ledger)
    client = server.program("viewer")
    sequence(store, server.platform.desk.ledger)
    assert "Every row is as recorded." in client.post("/ledger/verify").text
    kept = store.get(System, SYSTEM.name)
    assert "that was recorded" in client.get(f"/ledger/{kept.index}").text
    with store.begin(writes=True) as connection:
        body = "UPDATE acts SET body = replace(body, '120000', '130000') WHERE kind = 'system'"
        assert connection.exec_driver_sql(body).rowcount
    page = client.post("/ledger/verify").text
    assert "is not the one that was recorded" in page
    assert f"system {SYSTEM.name}" in page
    assert "not the one that was recorded" in client.get(f"/ledger/{kept.index}").text


def test_a_proof_downloads_and_verifies_elsewhere(server, store, tmp_path):
    from holdfast.ledger.verify import main

    sequence(store, server.platform.desk.ledger)
    client = server.program("viewer")
    (tmp_path / "entry").write_bytes(client.get("/ledger/3/entry.json").content)
    (tmp_path / "proof").write_bytes(client.get("/ledger/3/proof").content)
    vkey = re.search(r"test/ledger\+[0-9a-f]+\+[^<]+", client.get("/ledger").text)[0].replace("&#43;", "+")
    assert main([str(tmp_path / "proof"), "--entry", str(tmp_path / "entry"), "--key", vkey]) == 0


def test_a_sealer_is_trusted_and_revoked(server, store):
    client = server.program("it")
    assert "32 bytes" in wrong(client.post("/sealers", data={"name": "CI", "key": "abc"}), "key")
    assert "counts from now on" in said(client.post("/sealers", data={"name": "CI", "key": "ab" * 32}))
    kept = store.list(Sealer).items[0]
    assert "counts no longer" in said(client.post(f"/sealers/{quote(kept.key, safe='')}/revoke"))
    assert not store.get(Sealer, kept.key).record.is_trusted
    assert server.program("owner").post("/sealers", data={"name": "CI", "key": "ab" * 32}).status_code == 403


def test_people_are_invited_and_their_roles_changed_by_two(server, store):
    admin = server.program("admin")
    assert wrong(admin.post("/people/invite", data={"name": "Eve"}), "email") == "The address is missing."
    page = admin.post("/people/invite", data={"name": "Eve", "email": "eve@x.org", "roles": ["admin"]}).text
    assert re.search(r"http://h\.test/welcome/[\w-]{43}", page)
    eve = next(k for k in store.list(Person).items if k.key.startswith("p-"))
    assert "here already" in wrong(admin.post("/people/invite", data={"name": "E", "email": "eve@x.org"}), "email")
    assert "another administrator" in said(admin.post("/people/viewer", data={"roles": ["auditor"], "reason": "r"}))
    assert store.get(Person, "viewer").record.roles == (Role.VIEWER,)
    kept = next(k for k in store.list(Proposal, state="open").items if k.record.key == "viewer")
    assert "Auditor" in admin.get("/people/viewer").text
    enact(server.platform.desk, server.office.caller(eve.key), kept.key)
    assert store.get(Person, "viewer").record.roles == (Role.AUDITOR,)
    admin.post("/people/viewer", data={"roles": ["auditor"], "active": "no", "reason": "left"})
    assert "let in no longer" in admin.get("/people").text


def link_in(page):
    return re.search(r"http://h\.test(/welcome/[\w-]{43})", page)[1]


def test_who_never_came_gets_another_link(server, store):
    admin = server.program("admin")
    first = link_in(admin.post("/people/invite", data={"name": "Eve", "email": "eve@x.org"}).text)
    eve = next(k.key for k in store.list(Person).items if k.key.startswith("p-"))
    assert "never signed in" in admin.get(f"/people/{eve}").text
    assert wrong(admin.post(f"/people/{eve}/link"), "link-reason") == "The reason is missing."
    page = admin.post(f"/people/{eve}/link", data={"link_reason": "it went astray"}).text
    assert "A new link for Eve" in page
    stranger = server.stranger()
    password = {"password": PASSWORD}
    assert stranger.post(first, data=password).status_code == 404
    assert stranger.post(link_in(page), data=password).status_code == 303
    assert stranger.post("/sign-in", data={"email": "eve@x.org", **password}).status_code == 303
    assert "lost their password" in admin.get(f"/people/{eve}").text


def test_a_link_for_who_came_waits_for_a_second_administrator(server, store):
    browser, admin = server.browser("owner"), server.program("admin")
    page = admin.post("/people/owner/link", data={"link_reason": "lost the phone", "forgets_factor": "yes"}).text
    assert "once another administrator has enacted it" in page
    stranger = server.stranger()
    form = {"password": "another long phrase"}
    assert "second person" in stranger.post(link_in(page), data=form).text
    for path in ("/people", "/people/owner"):
        assert "a new link to set a password, and no second factor" in admin.get(path).text
    kept = store.list(Proposal, state="open").items[0]
    assert admin.post(f"/proposals/{kept.key}/enact").status_code == 403
    people_set(store, server, "admin2")
    other = server.program("admin2")
    assert "A new link for Owner" in other.get("/inbox").text
    assert "in force now" in said(other.post(f"/proposals/{kept.key}/enact"))
    assert browser.get("/settings").status_code == 200
    assert stranger.post(link_in(page), data=form).status_code == 303
    assert browser.get("/settings").status_code == 303


def people_set(store, server, name):
    person = Person(name, (Role.ADMIN,))
    store.commit([Draft(Verb.SET_PERSON, name, person)], actor="founder", at=server.office.desk.at, id=name)


def test_somebody_says_anew_who_they_are(server):
    client = server.browser("owner")
    form = {"csrf": form_token(client.get("/settings").text), "called": "Olga O.", "email": "Owner@example.org"}
    form["proof"] = ""
    assert "changed" in said(client.post("/settings/profile", data=form))
    assert 'value="Olga O."' in client.get("/settings").text
    server.browser("risk")
    assert wrong(client.post("/settings/profile", data={**form, "called": " "}), "called") == "Your name is missing."
    form["email"] = "risk@example.org"
    assert "not right" in wrong(client.post("/settings/profile", data=form), "profile-password")
    form["proof"] = PASSWORD
    assert "here already" in wrong(client.post("/settings/profile", data=form), "email")
    form["email"] = "olga@example.org"
    assert "changed" in said(client.post("/settings/profile", data=form))
    stranger = server.stranger()
    old, new = ({"email": email, "password": PASSWORD} for email in ("owner@example.org", "olga@example.org"))
    assert [stranger.post("/sign-in", data=one).status_code for one in (old, new)] == [401, 303]


def test_a_password_is_changed_by_who_knows_it(server):
    client = server.browser("owner")
    csrf = form_token(client.get("/settings").text)
    form = {"csrf": csrf, "current": "guess", "new": "a longer phrase", "again": "a longer phrase"}
    assert "not right" in wrong(client.post("/settings/password", data=form), "current")
    form |= {"current": PASSWORD}
    assert "not the same" in wrong(client.post("/settings/password", data={**form, "again": "x"}), "again")
    assert "12 characters" in wrong(client.post("/settings/password", data={**form, "new": "x", "again": "x"}), "new")
    assert client.post("/settings/password", data=form).headers["location"] == "/sign-in"
    assert client.get("/settings").status_code == 303


def test_who_has_no_password_here_is_asked_for_none(server):
    page = server.program("viewer").get("/settings").text
    assert "your organisation says who you are" in page
    assert "New password" not in page
    assert "New password" in server.browser("viewer").get("/settings").text


def test_a_second_factor_is_set_up(server):
    client = server.browser("owner")
    csrf = form_token(client.get("/settings").text)
    page = client.post("/settings/second-factor", data={"csrf": csrf}).text
    secret = re.search(r'name="secret" value="([A-Z2-7]+)"', page)[1]
    form = {"csrf": csrf, "secret": secret, "uri": "otpauth://x", "code": "000000", "password": "x"}
    assert "not right" in wrong(client.post("/settings/second-factor/confirm", data=form), "present-password")
    form["password"] = PASSWORD
    assert "not the one" in wrong(client.post("/settings/second-factor/confirm", data=form), "code")
    form["code"] = pyotp.TOTP(secret).at(server.office.clock.now)
    assert "asks for a code" in said(client.post("/settings/second-factor/confirm", data=form))
    assert server.platform.accounts.has_totp("owner")


def test_the_second_factor_can_be_scanned(server):
    """The picture's dark squares are those of the address that stands beside it as text."""
    client = server.browser("owner")
    csrf = form_token(client.get("/settings").text)
    page = unescape(client.post("/settings/second-factor", data={"csrf": csrf}).text)
    uri = re.search(r'name="uri" value="([^"]+)"', page)[1]
    assert uri.startswith("otpauth://totp/Holdfast:owner%40example.org?secret=")
    source, alt = re.search(
        r'<img class="qr" src="data:image/svg\+xml;charset=utf-8,([^"]+)"[^>]* alt="([^"]+)"', page
    ).groups()
    assert alt.startswith("QR code")
    path = re.search(r"<path [^>]*d='(M[^']+h[^']+)'/></g>", unquote(source))[1]
    dark, x, y = set(), 0.0, 0.0
    for step, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?:[ ,]?(-?[\d.]+))?", path):
        if step == "h":
            dark |= {(int(y), int(x) + n) for n in range(int(first))}
        x = float(first) if step == "M" else x + float(first)
        y = {"M": 0.0, "m": y, "h": y}[step] + float(second or 0)
    quiet = 4
    matrix = segno.make_qr(uri).matrix
    assert dark == {(r + quiet, c + quiet) for r, row in enumerate(matrix) for c, bit in enumerate(row) if bit}


def test_a_token_is_shown_once_and_revoked(server, store):
    client = server.program("developer")
    before = {kept.key for kept in store.list(Token).items}
    form = {"name": "CI", "token_until": "2027-01-31"}
    assert "Choose what it may do." in client.post("/settings/tokens", data=form).text
    beyond = client.post("/settings/tokens", data={**form, "allowed": ["approve"]})
    assert beyond.status_code == 403
    page = client.post("/settings/tokens", data={**form, "allowed": ["read"]}).text
    secret = re.search(r"<pre[^>]*><code>([\w-]{43})</code>", page)[1]
    program = server.stranger()
    program.headers["authorization"] = f"Bearer {secret}"
    assert program.get("/api/v1/systems").status_code == 200
    assert secret not in client.get("/settings").text
    (made,) = {kept.key for kept in store.list(Token).items} - before
    assert "revoked" in said(client.post(f"/settings/tokens/{made}/revoke"))
    assert program.get("/api/v1/systems").status_code == 401


def test_somebody_stands_in_and_stops(server, store):
    client = server.program("risk")
    form = {"delegate": "owner", "discipline": "risk", "until": "2026-12-31", "reason": "leave"}
    assert "change nothing" in wrong(
        client.post("/settings/delegations", data={**form, "until": "2020-01-01"}), "until"
    )
    assert "in your place" in said(client.post("/settings/delegations", data=form))
    assert "in risk's place" in server.program("owner").get("/settings").text
    kept = store.list(Delegation).items[0]
    server.office.clock.now += timedelta(hours=1)
    assert "ended" in said(client.post(f"/settings/delegations/{kept.key}/end"))
    assert "Nobody stands in for you" in client.get("/settings").text


def test_a_comment_is_kept_and_an_empty_one_is_not(server, store):
    client = server.program("legal")
    registered(server.office)
    assert wrong(client.post(f"{HERE}/comment", data={"text": " "}), "text") == "The comment is missing."
    assert "on record" in said(client.post(f"{HERE}/comment", data={"text": "Wait for June."}))
    assert store.list(Comment).items[0].record.text == "Wait for June."
    assert server.program("viewer").post(f"{HERE}/comment", data={"text": "x"}).status_code == 403


def test_a_system_asks_to_pass_an_early_gate(server):
    registered(server.office)
    client = server.program("owner")
    assert wrong(client.post(f"{HERE}/ask", data={"gate": "vendor"}), "ask-reason") == "The reason is missing."
    path = client.post(f"{HERE}/ask", data={"gate": "vendor", "ask_reason": "new vendor"}).headers["location"]
    assert "past the vendor gate once" in client.get(path).text


def test_lists_turn_pages_and_export_just_what_is_shown(server, store):
    office = server.office
    for name in ("Alpha", "=2+5", "Gamma"):
        register_system(office.desk, office.caller("owner"), System(name, purpose="p", use_case="fraud"))
    client = server.program("viewer")
    url = "/systems?sort=title&descending=false&limit=2&about=fraud"
    page = client.get(url).text
    assert re.findall(r'class="whole" href="/systems/([^"]+)"', page) == ["%3D2%2B5", "Alpha"]
    assert 'aria-sort="ascending"' in page
    after = re.search(r'href="([^"]+)" rel="next"', page)[1].replace("&amp;", "&")
    second = client.get(after).text
    assert re.findall(r'class="whole" href="/systems/([^"]+)"', second) == ["Gamma"]
    rows = list(csv.DictReader(io.StringIO(client.get(f"{url}&as=csv").text)))
    assert [row["name"] for row in rows] == ["'=2+5", "Alpha"]
    assert [row["name"] for row in client.get(f"{after}&as=json").json()] == ["Gamma"]
    assert client.get("/systems?about=nothing").text.count("No system fits") == 1
    assert client.get("/systems?sort=body").status_code == 422


def test_search_finds_by_name_version_and_any_digest(server):
    office = server.office
    registered(office)
    filing = filed(office)
    release = filing.filed.record.release
    client = server.program("viewer")
    for text in ("loan", "1.0", release, release.removeprefix("sha256:")[:12], filing.filed.key):
        assert SYSTEM.name in client.get("/search", params={"q": text}).text, text
    model = next(m for m in office.evidence().materials if m.role == "model")
    assert "the digest of its model" in client.get("/search", params={"q": model.digest}).text
    assert "Nothing goes by that name" in client.get("/search", params={"q": "%"}).text


def test_a_system_is_stopped_and_somebody_else_lets_it_go_on(server, store):
    registered(server.office)
    owner, risk = server.program("owner"), server.program("risk")
    assert wrong(owner.post(f"{HERE}/stop", data={"stop_reason": " "}), "stop-reason") == "The reason is missing."
    assert "Stopped." in said(owner.post(f"{HERE}/stop", data={"stop_reason": "odd answers"}))
    (kept,) = store.list(Breaker, state="tripped").items
    page = owner.get(HERE).text
    assert "odd answers" in page
    assert "Let it go on" not in page
    assert "Let it go on" in risk.get(HERE).text
    assert owner.post(f"{HERE}/go-on", data={"breaker": kept.key, "go_on_reason": "fine"}).status_code == 403
    assert "may decide again" in said(risk.post(f"{HERE}/go-on", data={"breaker": kept.key, "go_on_reason": "mended"}))
    assert store.list(Breaker, state="tripped").items == ()
    assert "Stop it" in owner.get(HERE).text
    assert "Stop it" not in server.program("viewer").get(HERE).text
