"""A control plane behind a real ASGI client, with people of every role who can sign in or hold a token."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from tests.apps import app_of
from tests.unit.flows.journey import REGIME
from tests.unit.server.watching import watcher_of

from holdfast.domain.account import Profile
from holdfast.flows.courier import Courier
from holdfast.flows.people import issue_token
from holdfast.flows.sequence import Sequencer
from holdfast.server.platform import Platform
from holdfast.storage.accounts import SqlAccounts
from holdfast.storage.answers import SqlAnswers
from holdfast.storage.places import SqlPlaces
from holdfast.testing.desk import PEOPLE
from holdfast.testing.desk import office as open_office
from holdfast.wiring import open_decision_room

PASSWORD = "correct horse battery"


class Server:
    """Clients of one control plane: `browser(who)` is signed in, `program(who)` holds a token for all that they may."""

    def __init__(self, office, platform, folder=None):
        self.office, self.platform, self.folder = office, platform, folder
        self.app = app_of(platform)

    def stranger(self) -> TestClient:
        return TestClient(self.app, base_url="http://holdfast.test", follow_redirects=False)

    def program(self, who: str) -> TestClient:
        caller = self.office.caller(who)
        until = self.office.clock.now + timedelta(days=1)
        allowed = tuple(caller.permissions)
        _, secret = issue_token(
            self.platform.desk, self.platform.accounts, caller, name="test", allowed=allowed, until=until
        )
        client = self.stranger()
        client.headers["authorization"] = f"Bearer {secret}"
        return client

    def browser(self, who: str) -> TestClient:
        if not self.platform.accounts.can_sign_in(who):
            self.platform.accounts.add(Profile(who, who.title(), f"{who}@example.org"))
            self.platform.accounts.set_password(who, PASSWORD)
        client = self.stranger()
        answer = client.post("/sign-in", data={"email": f"{who}@example.org", "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return client


def form_token(page: str) -> str:
    """The token in a page's forms."""
    return re.search(r'name="csrf" value="([^"]+)"', page)[1]


@pytest.fixture
def server(tmp_path, governed):
    with open_office(tmp_path, governed) as office, open_decision_room(tmp_path, office.desk) as room:
        office.founded()
        desk = office.desk
        accounts, sequencer = SqlAccounts(desk.store, b"secret"), Sequencer(desk.store, desk.ledger)
        courier = Courier(desk.store, desk.ledger, SqlPlaces(desk.store), b"secret", office.clock)
        yield Server(
            office,
            Platform(
                desk,
                accounts,
                sequencer,
                "http://h.test",
                questionnaires={REGIME.regime: REGIME},
                courier=courier,
                answers=SqlAnswers(desk.store),
                room=room,
                watcher=watcher_of(office, accounts, tmp_path),
            ),
            tmp_path,
        )


@pytest.fixture
def people():
    return tuple(PEOPLE)
