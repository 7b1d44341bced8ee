"""Every route of the API against every role, from the document that the routes declare and the one permission table."""

from __future__ import annotations

import pytest

from holdfast.domain.access import GRANTS, Permission
from holdfast.testing.desk import PEOPLE

from .calls import operations, send, world

SIGNED_IN = "signed-in"
OPEN_READS = {"show_me", "list_tokens"}
"""What everybody may see of themselves, whatever they are."""


def test_every_route_declares_a_permission_and_has_a_call_here(server):
    found = operations()
    declared = {permission for _, _, permission in found.values()}
    assert declared <= {*Permission, SIGNED_IN}
    assert set(Permission) - declared == {Permission.ENACT_APPETITE}, "a permission that no route asks for"
    assert sum(map(len, server.app.openapi()["paths"].values())) == len(found), "two routes share an operation id"
    assert world(server).keys() == found.keys()


def test_what_depends_on_whose_it_is_changes_something(server):
    """A route that declares no permission leaves the decision to its trip; a read has no such excuse."""
    loose = {id for id, (method, _, permission) in operations().items() if permission == SIGNED_IN}
    reads = {id for id in loose if operations()[id][0] == "GET"}
    assert reads == OPEN_READS


@pytest.mark.one_database
def test_every_role_may_what_the_table_says_and_nothing_else(server):
    """With valid input, so that neither the edge nor the trip behind it forbids what the table grants."""
    calls = world(server)
    wrong = []
    for who, roles in PEOPLE.items():
        client = server.program(who)
        for id, (_, _, permission) in operations().items():
            granted = permission == SIGNED_IN or bool(GRANTS[Permission(permission)] & set(roles))
            answer = send(client, id, calls[id])
            forbidden = answer.status_code == 403 and answer.json()["code"] == "access.forbidden"
            own = permission == SIGNED_IN and forbidden
            if not own and (forbidden == granted or _is_no_call(answer)):
                wrong.append((who, id, answer.status_code, answer.text[:200]))
    assert not wrong


def test_without_a_token_every_route_is_shut(server):
    client = server.stranger()
    for id, (method, path, _) in operations().items():
        filled = path.replace("{", "").replace("}", "").replace("index", "0")
        answer = client.request(method, filled, json={})
        assert (answer.status_code, answer.json()["code"]) == (401, "access.nobody"), id
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_narrows_what_its_person_may(server):
    from datetime import timedelta

    from holdfast.flows.people import issue_token

    platform, caller = server.platform, server.office.caller("owner")
    until = server.office.clock.now + timedelta(days=1)
    _, secret = issue_token(
        platform.desk, platform.accounts, caller, name="reads", allowed=(Permission.READ,), until=until
    )
    client = server.stranger()
    client.headers["authorization"] = f"Bearer {secret}"
    calls = world(server)
    assert send(client, "list_systems", calls["list_systems"]).status_code == 200
    assert send(client, "register_system", calls["register_system"]).status_code == 403


def _is_no_call(answer) -> bool:
    """Whether the call never reached its trip; a trip may still refuse what an earlier call has settled."""
    return answer.status_code in (401, 500) or (
        answer.status_code == 422 and answer.json()["code"] == "request.invalid"
    )
