"""A request that is sent again with its key does nothing again, and is answered with what it made the first time."""

from __future__ import annotations

import pytest

from holdfast.domain.access import GRANTS
from holdfast.domain.act import Verb
from holdfast.testing.desk import PEOPLE

from .calls import operations, send, world

WHO = {
    "withdraw_request": "owner",
    "revoke_approval": "it",
    "end_delegation": "risk",
    "answer_request": "legal",
    "answer_waiver": "legal",
    "delegate": "legal",
    "enact_proposal": "compliance",
    "drop_proposal": "owner",
    "issue_token": "viewer",
    "revoke_token": "owner",
    "change_profile": "viewer",
}
ASK_ONLY = {"verify_ledger", "review_admission"}
"""What changes nothing, though it is no GET."""
MAKE_NO_ACT = {"erase_profile", "change_profile", "label_decisions", "forget_subject"}
"""What changes nothing in the ledger; done again, it comes to the same."""
SECRETS = {
    "issue_credential": "secret",
    "issue_token": "secret",
    "read_personal": "fields",
    "subscribe": "secret",
    "invite_person": "link",
    "renew_link": "link",
}


def changing() -> dict[str, str]:
    """Every operation that changes something, and somebody who may."""
    found = {}
    for id, (method, _, permission) in operations().items():
        if method != "GET" and id not in ASK_ONLY:
            may = [who for who, roles in PEOPLE.items() if GRANTS.get(permission, set()) & set(roles)]
            found[id] = WHO.get(id) or may[0]
    return found


@pytest.mark.parametrize("id", sorted(changing()))
@pytest.mark.one_database
def test_a_repeated_request_is_answered_with_what_it_made(server, id):
    call, who = world(server)[id], changing()[id]
    client = server.program(who)
    acts = server.platform.desk.store.acts
    again = {"headers": {"idempotency-key": "k-1"}}
    first = send(client, id, call, **again)
    assert first.status_code in (200, 201), first.text
    made = acts(limit=200)
    assert id in MAKE_NO_ACT or made.items[0].act.actor == who
    server.office.clock.now += server.office.clock.now.resolution * 3_000_000
    second = send(client, id, call, **again)
    assert second.status_code == first.status_code, second.text
    expected = first.json()
    if id in SECRETS:
        assert expected[SECRETS[id]]
        expected[SECRETS[id]] = type(expected[SECRETS[id]])()
    assert second.json() == expected
    assert acts(limit=200) == made


def test_another_body_or_another_person_is_another_request(server):
    calls = world(server)
    again = {"headers": {"idempotency-key": "k-1"}}
    owner = server.program("owner")
    first = send(owner, "write_comment", calls["write_comment"], **again).json()
    other = send(server.program("developer"), "write_comment", calls["write_comment"], **again).json()
    assert other["key"] != first["key"]
    changed = calls["write_comment"].json | {"text": "else"}
    body = owner.post("/api/v1/comments", json=changed, **again).json()
    assert body["key"] != first["key"]


def test_a_request_that_failed_can_be_sent_again(server):
    calls = world(server)
    again = {"headers": {"idempotency-key": "k-1"}}
    client = server.program("it")
    call = calls["answer_request"]
    assert send(client, "answer_request", call, **again).status_code == 403
    assert server.platform.desk.store.acts(actor="it").items[0].act.verb is not Verb.REFUSE
    legal = server.program("legal")
    assert send(legal, "answer_request", call, **again).status_code == 201


def test_who_lost_a_permission_is_not_shown_what_they_made(server):
    from holdfast.domain.act import Draft
    from holdfast.domain.person import Person, Role

    calls, desk = world(server), server.platform.desk
    again = {"headers": {"idempotency-key": "k-1"}}
    client = server.program("developer")
    assert send(client, "register_release", calls["register_release"], **again).status_code == 201
    demoted = Person("developer", (Role.VIEWER,))
    desk.store.commit([Draft(Verb.SET_PERSON, "developer", demoted, 1)], actor="x", at=desk.at, id="x")
    assert send(client, "register_release", calls["register_release"], **again).status_code == 403


@pytest.mark.parametrize("id", ["answer_request", "write_comment", "register_system", "issue_token", "ask_gate"])
def test_of_two_that_are_sent_at_once_both_are_told_what_was_made(server, id, monkeypatch):
    call, who = world(server)[id], changing()[id]
    client, store = server.program(who), server.platform.desk.store
    again = {"headers": {"idempotency-key": "k-1"}}
    first = send(client, id, call, **again).json()
    made, real = len(store.acts(limit=200).items), type(store).made_by
    looks = []

    def too_early(id):
        looks.append(id)
        return () if len(looks) == 1 else real(store, id)

    monkeypatch.setattr(store, "made_by", too_early)
    server.office.clock.now += server.office.clock.now.resolution * 3_000_000
    second = send(client, id, call, **again)
    assert second.json() == {**first, **{name: "" for name in SECRETS.values() if name in first}}, second.text
    assert len(store.acts(limit=200).items) == made
