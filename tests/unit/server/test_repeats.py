"""A second click, without script: the same form sent twice is done once, and both are answered alike."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import quote, urlencode, urlsplit

import pyotp
import pytest
from tests.unit.flows.journey import SYSTEM, registered
from tests.unit.serving import serving

from holdfast.domain.kinds import Filed
from holdfast.domain.person import Proposal, Token
from holdfast.domain.system import System
from holdfast.flows.people import found
from holdfast.ledger.note import Key
from holdfast.server.callers import COOKIE
from holdfast.storage.answers import KEPT

from .conftest import PASSWORD

INVITE = {"name": "Eve", "email": "eve@example.org", "roles": "viewer"}


@pytest.fixture
def store(server):
    return server.platform.desk.store


def filled(client, page, **fields):
    """The hidden fields of the page's last form, with what somebody types."""
    hidden = dict(
        re.findall(r'<input type="hidden" name="(csrf|once|secret|uri)" value="([^"]*)"', client.get(page).text)
    )
    assert hidden["once"]
    return {**hidden, **fields}


def twice(client, path, form):
    first, second = client.post(path, data=form), client.post(path, data=form)
    assert (second.status_code, second.headers.get("location")) == (first.status_code, first.headers.get("location"))
    assert second.headers.get_list("set-cookie") == first.headers.get_list("set-cookie")
    assert second.text == first.text
    assert first.status_code in (200, 303), first.text
    assert "content-security-policy" in second.headers
    return first


def test_an_invitation_is_made_once_and_its_link_shown_again(server, store):
    client = server.browser("admin")
    page = twice(client, "/people/invite", filled(client, "/people/invite", **INVITE))
    assert "/welcome/" in page.text
    assert store.count(Proposal) == 1


def test_a_token_is_issued_once_and_shown_again(server, store):
    client = server.browser("owner")
    form = filled(client, "/settings", name="CI", token_until="2027-01-31", allowed="read")
    secret = re.search(r"<pre[^>]*><code>([\w-]{43})</code>", twice(client, "/settings/tokens", form).text)[1]
    assert store.count(Token) == 1
    with store.begin() as connection:
        kept = b"".join(bytes(row[0]) for row in connection.exec_driver_sql("SELECT sealed FROM answers") if row[0])
    assert len(kept) > 1000
    assert secret.encode() not in kept


def test_a_record_is_made_once_and_both_are_led_to_it(server, store):
    client = server.browser("owner")
    form = filled(client, "/new-system", name="Loans", purpose="decide", use_case="credit")
    assert twice(client, "/new-system", form).headers["location"].startswith("/systems/Loans")
    assert len(store.history(System, "Loans")) == 1


def test_a_file_is_filed_once(server, store):
    """Each time a browser sends a file, it puts other marks around the parts."""
    registered(server.office)
    path = f"/systems/{quote(SYSTEM.name)}"
    envelope, key = server.office.sealed(server.office.evidence())
    client = server.browser("developer")
    form = filled(client, path, version="3.1", key=Key("ci", bytes.fromhex(key)).vkey)
    sent = [client.post(f"{path}/evidence", data=form, files={"envelope": ("e.json", envelope)}) for _ in range(2)]
    assert [answer.status_code for answer in sent] == [303, 303], sent[0].text
    assert sent[0].headers["location"] == sent[1].headers["location"]
    assert store.count(Filed) == 1
    changed = client.post(f"{path}/evidence", data=form, files={"envelope": ("e.json", b"{}")})
    assert changed.status_code != 303


def test_the_door_takes_one_code_from_two_clicks(server):
    server.browser("owner")
    accounts, now = server.platform.accounts, server.office.clock.now
    secret, _ = accounts.new_totp("owner@example.org")
    accounts.confirm_totp("owner", secret, pyotp.TOTP(secret).at(now - timedelta(seconds=30)), now)
    client = server.stranger()
    code = pyotp.TOTP(secret).at(now)
    form = filled(client, "/sign-in", email="owner@example.org", password=PASSWORD, code=code)
    assert COOKIE in twice(client, "/sign-in", form).headers["set-cookie"]
    client.cookies.clear()
    anew = filled(client, "/sign-in", email="owner@example.org", password=PASSWORD, code=code)
    assert client.post("/sign-in", data=anew).status_code == 401, "another form with the same code"


def test_what_ends_a_session_or_a_link_is_answered_alike(server):
    link = found(server.platform.desk, server.platform.accounts)
    client = server.stranger()
    who = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}
    twice(client, f"/welcome/{link}", filled(client, f"/welcome/{link}", **who))
    client = server.browser("owner")
    new = {"current": PASSWORD, "new": "a longer phrase", "again": "a longer phrase"}
    twice(client, "/settings/password", filled(client, "/settings", **new))


def test_two_at_the_same_moment_are_one(server, store):
    client = server.browser("admin")
    form = filled(client, "/people/invite", **INVITE)
    with ThreadPoolExecutor(4) as pool:
        answers = [
            future.result() for future in [pool.submit(client.post, "/people/invite", data=form) for _ in range(4)]
        ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert store.count(Proposal) == 1


def test_a_click_that_was_broken_off_counts_and_the_next_one_is_answered(server, store):
    """As a browser does: the second click closes the connection of the first."""
    client = server.browser("admin")
    form = urlencode(filled(client, "/people/invite", **INVITE))
    with serving(server.app) as url:
        at = urlsplit(url)
        head = (
            f"POST /people/invite HTTP/1.1\r\nhost: {at.netloc}\r\ncookie: {COOKIE}={client.cookies[COOKIE]}\r\n"
            f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(form)}\r\n"
            "connection: close\r\n\r\n"
        )
        with socket.create_connection((at.hostname, at.port)) as first:
            first.sendall((head + form).encode())
        with socket.create_connection((at.hostname, at.port)) as second:
            second.sendall((head + form).encode())
            answer = b"".join(iter(lambda: second.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 200"), answer[:300]
    assert "/welcome/" in answer
    assert store.count(Proposal) == 1


def test_a_form_that_failed_or_was_changed_is_done_anew(server, store):
    client = server.browser("admin")
    form = filled(client, "/people/invite", **INVITE) | {"email": "no address"}
    assert [client.post("/people/invite", data=form).status_code for _ in range(2)] == [422, 422]
    assert client.post("/people/invite", data=form | {"email": "eve@example.org"}).status_code == 200
    assert client.post("/people/invite", data=form | {"email": "bob@example.org"}).status_code == 200
    assert store.count(Proposal) == 2


def test_a_form_from_yesterday_makes_its_act_no_second_time(server, store):
    client = server.browser("owner")
    form = filled(client, "/new-system", name="Loans", purpose="decide", use_case="credit")
    assert client.post("/new-system", data=form).status_code == 303
    server.office.clock.now += KEPT + timedelta(seconds=1)
    client.post("/new-system", data=form)
    assert len(store.history(System, "Loans")) == 1
    with store.begin() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM answers").scalar()
    assert kept <= 1, "the old answer is forgotten"


def test_a_page_elsewhere_is_still_refused(server):
    client = server.browser("admin")
    form = filled(client, "/people/invite", **INVITE) | {"csrf": "x"}
    assert [client.post("/people/invite", data=form).status_code for _ in range(2)] == [403, 403]


def test_a_first_that_never_ends_does_not_hold_the_second_for_ever(server, store, monkeypatch):
    monkeypatch.setattr("holdfast.server.repeats.PATIENCE_S", 0.2)
    monkeypatch.setattr(server.platform.answers, "claim", lambda *_: False)
    client = server.browser("owner")
    form = filled(client, "/new-system", name="Loans", purpose="decide", use_case="credit")
    start = time.monotonic()
    assert client.post("/new-system", data=form).status_code == 303
    assert time.monotonic() - start < 10
    assert store.count(System) == 1
