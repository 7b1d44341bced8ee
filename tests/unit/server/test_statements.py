"""How often a page asks the database: as often for much as for little, or pages slow down as an organisation grows."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered

from holdfast.domain.account import Profile
from holdfast.domain.act import Draft, Verb
from holdfast.domain.approval import Discipline
from holdfast.domain.person import Person, Role
from holdfast.domain.verdict import Outcome
from holdfast.flows.approve import answer, ask_waiver
from holdfast.flows.comment import write_comment
from holdfast.flows.deploy import deploy

PAGES = ["/", "/inbox", "/systems", "/systems/Loan%20approval", "/requests", "/search?q=1.0"]
ONE_OF_EACH = ["/releases/{release}", "/requests/{request}"]
ADMISSION = "/api/v1/admission?environment=production&digest={release}"


@contextmanager
def counted(engine):
    """The statements that are run while the block lasts."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def more(server, name: str) -> dict[str, str]:
    """Another owner, system and two releases: one runs, the other breaches and waits with a waiver and a comment."""
    office, desk = server.office, server.office.desk
    owner = Person(f"p-{name}", (Role.OWNER,))
    desk.store.commit([Draft(Verb.SET_PERSON, owner.id, owner)], actor="founder", at=desk.at, id=owner.id)
    server.platform.accounts.add(Profile(owner.id, f"Owner {name}", f"{name}@example.org"))
    other = replace(SYSTEM, name=f"System {name}", owners=replace(SYSTEM.owners, data=owner.id))
    desk.do(office.caller(owner.id), Draft(Verb.REGISTER_SYSTEM, other.name, other))
    runs = asked(office, filed(office, salt=f"{name} runs").filed.record.release, owner.id)
    answered_by_all(office, runs.request.key)
    deploy(desk, office.caller(owner.id), runs.request.key)
    office.clock.pass_days(1 / 86_400)  # or chance says which verdict is the system's newest
    waits = asked(office, filed(office, "breach", salt=f"{name} waits").filed.record.release, owner.id)
    measure = next(r.limit.measure for r in waits.ruling.reasons if r.outcome is Outcome.BREACH)
    until, said = office.clock.now.replace(year=2027), {"reason": "r", "controls": "c"}
    ask_waiver(desk, office.caller(owner.id), waits.request.key, measure, until=until, **said)
    answer(desk, office.caller("it"), waits.request.key, Discipline.IT, reason="seen")
    write_comment(desk, office.caller(owner.id), f"system {SYSTEM.name}", "hm")
    return {"release": runs.request.record.release, "request": waits.request.key}


@pytest.mark.slow
def test_pages_do_not_ask_more_often_where_there_is_more(server):
    registered(server.office)
    client, engine = server.browser("risk"), server.office.desk.store.engine

    def visits(keys) -> dict[str, int]:
        asked_for = {}
        for path in [*PAGES, *ONE_OF_EACH, ADMISSION]:
            client.get(path.format(**keys))  # what is kept from one visit to the next
            with counted(engine) as statements:
                assert client.get(path.format(**keys)).status_code == 200
            asked_for[path] = len(statements)
        return asked_for

    keys = [more(server, f"{number}") for number in range(2)]
    little = visits(keys[0])
    keys += [more(server, f"{number}") for number in range(2, 8)]
    assert {path: n for path, n in visits(keys[0]).items() if n > little[path]} == {}
    assert max(little.values()) <= 55
