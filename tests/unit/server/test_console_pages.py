"""Every page of the console by every role: shown where the permission table says so, refused with who can where not."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from tests.unit.flows.holding import WHO, held
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered
from tests.unit.server.deciding import decided

from holdfast.domain.access import GRANTS, Permission
from holdfast.domain.appetite import Appetite
from holdfast.domain.verdict import Outcome
from holdfast.flows.approve import ask_waiver
from holdfast.flows.comment import write_comment
from holdfast.flows.deploy import deploy
from holdfast.flows.desk import APPETITE
from holdfast.flows.propose import propose
from holdfast.flows.review import decide, file_held
from holdfast.flows.sequence import sequence
from holdfast.testing.desk import PEOPLE

NAME = quote(SYSTEM.name)
PAGES = {
    "/": Permission.READ,
    "/inbox": Permission.READ,
    "/systems": Permission.READ,
    "/systems?sort=title&descending=false&state=high&text=loan&limit=1": Permission.READ,
    "/systems?as=csv": Permission.READ,
    "/systems?as=json": Permission.READ,
    "/new-system": Permission.MANAGE_SYSTEMS,
    f"/systems/{NAME}": Permission.READ,
    f"/systems/{NAME}/change": Permission.MANAGE_SYSTEMS,
    f"/systems/{NAME}/classification": Permission.READ,
    f"/systems/{NAME}/decisions": Permission.READ,
    "/decisions/{decision}": Permission.READ_DECISIONS,
    "/decisions/{decision}/proof": Permission.READ_DECISIONS,
    "/releases/{release}": Permission.READ,
    "/requests": Permission.READ,
    "/requests?as=csv": Permission.READ,
    "/requests/{request}": Permission.READ,
    "/requests/{breach}": Permission.READ,
    "/appetite": Permission.READ,
    "/appetite?as=csv": Permission.READ,
    "/appetite/propose": Permission.PROPOSE_APPETITE,
    "/appetite/proposals/{proposal}": Permission.READ,
    "/committee": Permission.READ,
    "/committee/propose": Permission.PROPOSE_APPETITE,
    "/ledger": Permission.READ,
    "/ledger?before=2": Permission.READ,
    "/ledger?as=json": Permission.READ,
    "/ledger/0": Permission.READ,
    "/ledger/0/proof": Permission.READ,
    "/ledger/0/entry.json": Permission.READ,
    "/data": Permission.READ,
    "/data?state=pass&sort=title&text=app": Permission.READ,
    "/data?as=csv": Permission.READ,
    "/sealers": Permission.READ,
    "/people": Permission.READ_PEOPLE,
    "/people/owner": Permission.READ_PEOPLE,
    "/people/invite": Permission.PROPOSE_PEOPLE,
    "/settings": Permission.READ,
    "/search?q=loan": Permission.READ,
    "/search?q={release}": Permission.READ,
    "/reviews": Permission.READ,
    "/reviews?state=any&as=csv": Permission.READ,
    "/reviews/{waits}": Permission.READ,
    "/reviews/{ended}": Permission.READ,
}


@pytest.fixture
def lived_in(server):
    """A control plane in which everything has happened once."""
    office, desk = server.office, server.office.desk
    registered(office)
    good, bad = filed(office, salt="a").filed.record.release, filed(office, "breach", salt="b").filed.record.release
    passing, breach = asked(office, good), asked(office, bad)
    answered_by_all(office, passing.request.key)
    deploy(desk, office.caller("owner"), passing.request.key)
    measure = next(r.limit.measure for r in breach.ruling.reasons if r.outcome is Outcome.BREACH)
    until = office.clock.now.replace(year=2027)
    ask_waiver(desk, office.caller("owner"), breach.request.key, measure, reason="soon", controls="eyes", until=until)
    write_comment(desk, office.caller("owner"), f"system {SYSTEM.name}", "<script>alert(1)</script>")
    appetite = desk.store.get(Appetite, APPETITE).record
    proposed = propose(desk, office.caller("owner"), Appetite("Looser", "9", "Board", appetite.limits[:2]), reason="x")
    decision = decided(server.folder, office, release=good)[0]
    waits, ended = (file_held(desk, office.caller("developer"), held()).key for _ in range(2))
    decide(desk, office.caller("reviewer"), ended, answer="yes", reason="Her income is proven.")
    sequence(desk.store, desk.ledger)
    keys = {
        "decision": decision.id,
        "waits": waits,
        "ended": ended,
        "release": good,
        "request": passing.request.key,
        "breach": breach.request.key,
        "proposal": proposed.key,
    }
    return server, keys


@pytest.mark.one_database
@pytest.mark.parametrize("who", PEOPLE)
def test_every_page_by_every_role(lived_in, who):
    server, keys = lived_in
    client = server.program(who)
    found = {}
    for path in PAGES:
        answer = client.get(path.format(**keys))
        found[path] = answer.status_code
        assert "<script>alert" not in answer.text
        assert " style=" not in answer.text, path
        if answer.status_code == 403:
            hint = ", ".join(sorted(GRANTS[PAGES[path]]))
            assert f"These roles can: {hint}." in answer.text
            assert 'aria-label="Rooms"' not in answer.text or who in answer.text
    roles = set(PEOPLE[who])
    assert found == {path: 200 if roles & GRANTS[permission] else 403 for path, permission in PAGES.items()}


def test_only_reviewers_see_whom_a_review_is_about(lived_in):
    server, keys = lived_in
    for who in PEOPLE:
        page = server.program(who).get(f"/reviews/{keys['waits']}").text
        assert (WHO in page, 'name="answer"' in page) == ((True, True) if who == "reviewer" else (False, False)), who
        assert WHO not in server.program(who).get(f"/reviews/{keys['ended']}").text
    home = server.browser("reviewer").get("/").text
    assert "One thing waits for you" in home
    assert f"/reviews/{keys['waits']}" in home


def test_nobody_signed_in_sees_no_page(lived_in):
    server, keys = lived_in
    stranger = server.stranger()
    for path in PAGES:
        answer = stranger.get(path.format(**keys))
        assert (answer.status_code, answer.headers["location"][:9]) == (303, "/sign-in?"), path


def test_pages_of_an_empty_house_say_what_will_be_there(server):
    client = server.browser("owner")
    assert "No system is registered yet" in client.get("/systems").text
    assert "Nothing waits for you" in client.get("/inbox").text
    assert "No request yet" in client.get("/requests").text
    assert "No act is in the ledger yet" in client.get("/ledger").text
    assert "No key is trusted yet" in client.get("/sealers").text
    assert "Nothing goes by that name" in client.get("/search?q=zzz").text


def test_what_does_not_exist_is_said_inside_the_frame(server):
    client = server.browser("owner")
    for path in ("/nowhere", "/systems/none", "/releases/sha256:0", "/requests/none", "/people/none", "/ledger/99"):
        answer = client.get(path)
        assert answer.status_code in (403, 404, 422), path
        assert 'aria-label="Rooms"' in answer.text, path


def test_first_steps_follow_the_records(server):
    client = server.browser("owner")
    page = client.get("/").text
    assert "First steps" in page
    assert "3 of 7 done" in page
    registered(server.office)
    filed(server.office)
    assert "First steps" not in client.get("/").text


@pytest.mark.parametrize("sheet", ["tokens", "atoms", "charts", "console"])
def test_style_sheets_are_served_and_load_nothing(server, sheet):
    answer = server.stranger().get(f"/static/{sheet}.css")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    assert server.stranger().get("/static/other.css").status_code == 404


def test_answers_and_waivers_in_the_history_lead_to_their_request(lived_in):
    server, keys = lived_in
    page = server.browser("viewer").get(f"/systems/{NAME}").text
    history = page[page.index('id="history"') :]
    for act, key in (("said yes for", keys["request"]), ("asked to waive", keys["breach"])):
        assert re.search(rf'{act} <a href="/requests/{key}">', history)
