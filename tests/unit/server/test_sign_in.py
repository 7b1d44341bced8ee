from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest

from holdfast.flows.people import found, invite
from holdfast.server.callers import COOKIE

from .conftest import PASSWORD, form_token


def sign_in(client, email, password=PASSWORD, **more):
    return client.post("/sign-in", data={"email": email, "password": password, **more})


def test_nobody_signed_in_is_sent_to_the_door(server):
    answer = server.stranger().get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/")
    answer = server.stranger().get("/api/v1/systems")
    assert (answer.status_code, answer.json()["code"]) == (401, "access.nobody")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_signed_in_browser_sees_its_page_and_leaves(server):
    client = server.browser("owner")
    page = client.get("/")
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert client.post("/sign-out").status_code == 403
    assert client.post("/sign-out", data={"csrf": form_token(page.text)}).status_code == 303
    assert client.get("/").status_code == 303


def test_wrong_words_do_not_say_what_was_wrong_and_lock_after_a_while(server):
    server.browser("owner")
    client = server.stranger()
    unknown = sign_in(client, "nobody@example.org")
    wrong = [sign_in(client, "owner@example.org", "not the password") for _ in range(6)]
    assert {a.status_code for a in (unknown, *wrong)} == {401}
    shown = [re.sub(r'name="once" value="[^"]+"', "", answer.text) for answer in (unknown, wrong[0])]
    assert shown[0].replace("nobody@", "owner@") == shown[1]
    assert sign_in(client, "owner@example.org").status_code == 401
    server.office.clock.now += timedelta(minutes=3)
    assert sign_in(client, "owner@example.org").status_code == 303


def test_a_session_ends_when_idle_or_old(server):
    client = server.browser("owner")
    server.office.clock.now += timedelta(hours=2, minutes=1)
    assert client.get("/").status_code == 303
    client = server.browser("owner")
    for _ in range(13):
        server.office.clock.now += timedelta(hours=1)
        last = client.get("/").status_code
    assert last == 303


def test_a_form_from_elsewhere_is_refused(server):
    client = server.stranger()
    answer = client.post("/sign-in", data={"email": "a@b", "password": "x"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize("next", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_the_door_leads_nowhere_else(server, next):
    server.browser("owner")
    client = server.stranger()
    assert sign_in(client, "owner@example.org", next=next).headers["location"] == "/"


def test_the_second_factor_is_asked_for_once_it_is_set(server):
    server.browser("owner")
    accounts, now = server.platform.accounts, server.office.clock.now
    secret, uri = accounts.new_totp("owner@example.org")
    assert "Holdfast" in uri
    accounts.confirm_totp("owner", secret, pyotp.TOTP(secret).at(now), now)
    assert accounts.has_totp("owner")
    client = server.stranger()
    assert sign_in(client, "owner@example.org").status_code == 401
    assert sign_in(client, "owner@example.org", code=pyotp.TOTP(secret).at(now)).status_code == 401
    now = server.office.clock.now = now + timedelta(seconds=30)
    assert sign_in(client, "owner@example.org", code=pyotp.TOTP(secret).at(now)).status_code == 303
    assert sign_in(client, "owner@example.org", code=pyotp.TOTP(secret).at(now)).status_code == 401


def test_the_founder_sets_a_password_once(server):
    link = found(server.platform.desk, server.platform.accounts)
    client = server.stranger()
    assert client.get(f"/welcome/{link}").status_code == 200
    form = {"name": "Ada", "email": "Ada@Example.org", "password": "short"}
    weak = client.post(f"/welcome/{link}", data=form)
    assert (weak.status_code, "12 characters" in weak.text) == (422, True)
    form["password"] = PASSWORD
    assert client.post(f"/welcome/{link}", data=form).status_code == 303
    assert client.post(f"/welcome/{link}", data=form).status_code == 404
    assert found(server.platform.desk, server.platform.accounts) is None
    assert sign_in(client, "ada@example.org").status_code == 303
    assert client.cookies[COOKIE]


def test_an_invitation_works_once_somebody_else_agreed(server):
    from holdfast.domain.person import Person, Role
    from holdfast.flows.propose import enact, propose

    desk, accounts = server.platform.desk, server.platform.accounts
    propose(desk, server.office.caller("admin"), Person("p-2", (Role.ADMIN,)), reason="a second one")
    proposal, link = invite(
        desk, accounts, server.office.caller("admin"), name="Eve", email="eve@example.org", roles=(Role.VIEWER,)
    )
    client = server.stranger()
    form = {"password": PASSWORD}
    assert client.post(f"/welcome/{link}", data=form).status_code == 403
    enact(desk, server.office.caller("p-2"), proposal.key)
    assert client.post(f"/welcome/{link}", data=form).status_code == 303
    assert sign_in(client, "eve@example.org").status_code == 303


def test_erasing_a_person_leaves_their_acts(server):
    client = server.browser("owner")
    server.platform.accounts.erase("owner")
    assert client.get("/").status_code == 303
    assert server.platform.accounts.profiles({"owner"}) == {}
    assert sign_in(server.stranger(), "owner@example.org").status_code == 401
