"""Generated requests against every operation of the API: no server error, and every answer as OpenAPI declares it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from itertools import count

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.apps import app_of
from tests.postgresql import database
from tests.unit.flows.journey import REGIME
from tests.unit.server.calls import operations, world
from tests.unit.server.watching import watcher_of

from holdfast.domain.act import Draft, Verb
from holdfast.domain.person import Person, Role
from holdfast.flows.courier import Courier
from holdfast.flows.people import issue_token
from holdfast.flows.sequence import Sequencer
from holdfast.server.limits import Limits
from holdfast.server.platform import Platform
from holdfast.storage.accounts import SqlAccounts
from holdfast.storage.engine import open_engine
from holdfast.storage.places import SqlPlaces
from holdfast.storage.schema import upgrade
from holdfast.storage.sql import SqlStore
from holdfast.testing.desk import office as open_office
from holdfast.wiring import open_decision_room

EXAMPLES = 15
CHECKS = (
    schemathesis.checks.not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)


class Everybody:
    """A control plane, and the token of somebody who is everything at once, so that nothing stops at the door."""

    def __init__(self, office, room, folder):
        self.office, self.folder = office, folder
        desk = office.desk
        accounts, sequencer = SqlAccounts(desk.store, b"secret"), Sequencer(desk.store, desk.ledger)
        courier = Courier(desk.store, desk.ledger, SqlPlaces(desk.store), b"secret", office.clock)
        self.platform = Platform(
            desk,
            accounts,
            sequencer,
            "http://h.test",
            questionnaires={"regime": REGIME},
            courier=courier,
            room=room,
            watcher=watcher_of(office, accounts, folder),
        )
        ticks = count(step=1000.0)
        self.app = app_of(self.platform, Limits(lambda: next(ticks)))
        self.calls = world(self)
        self.answers: Counter[int] = Counter()
        anyone = Person("anyone", tuple(Role))
        desk.store.commit([Draft(Verb.SET_PERSON, "anyone", anyone)], actor="founder", at=desk.at, id="anyone")
        caller, until = office.caller("anyone"), office.clock.now + timedelta(days=1)
        allowed = tuple(caller.permissions)
        _, self.secret = issue_token(desk, accounts, caller, name="t", allowed=allowed, until=until)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def everybody(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    with ExitStack() as stack:
        store = None
        if request.param == "postgresql":
            url = stack.enter_context(database(request.getfixturevalue("postgresql_server")))
            engine = open_engine(url)
            stack.callback(engine.dispose)
            upgrade(engine)
            store = SqlStore(engine)
        office = stack.enter_context(open_office(folder, store))
        room = stack.enter_context(open_decision_room(folder, office.desk))
        yield Everybody(office.founded(), room, folder)


@pytest.fixture(scope="module")
def api(everybody):
    return schemathesis.openapi.from_asgi("/api/openapi.json", everybody.app)


@pytest.mark.parametrize("id", sorted(operations()))
def test_no_request_breaks_the_server(id, api, everybody):
    method, path, _ = operations()[id]
    valid, broken = (api[path][method].as_strategy(generation_mode=mode) for mode in GenerationMode)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=valid | broken, is_known=strategies.booleans())
    def ask(case, is_known):
        if is_known:
            case.path_parameters = dict(everybody.calls[id].at)
        others = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
        case.headers = {**others, "Authorization": f"Bearer {everybody.secret}"}
        response = case.call()
        case.validate_response(response, checks=CHECKS)
        everybody.answers[response.status_code] += 1

    ask()


def test_the_requests_got_past_the_door(everybody):
    """What was generated above, where it ran: some of it was done, and none was refused for who asked."""
    if not everybody.answers:
        pytest.skip("runs after the generated requests")
    assert everybody.answers[401] == 0
    assert sum(n for status, n in everybody.answers.items() if status < 300) > sum(everybody.answers.values()) / 5
