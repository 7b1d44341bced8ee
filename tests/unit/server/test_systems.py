from __future__ import annotations

from tests.unit.flows.journey import SYSTEM

from holdfast import canonical

RECORD = canonical.plain(SYSTEM)


def test_a_system_is_registered_listed_and_changed(server):
    owner = server.program("owner")
    made = owner.post("/api/v1/systems", json=RECORD)
    assert (made.status_code, made.json()["revision"]) == (201, 1)
    assert [k["key"] for k in server.program("viewer").get("/api/v1/systems?sort=title").json()["items"]] == [
        SYSTEM.name
    ]
    changed = {"system": {**RECORD, "purpose": "other"}, "revision": 1}
    path = f"/api/v1/systems/{SYSTEM.name}"
    assert owner.put(path, json=changed).json()["record"]["purpose"] == "other"
    stale = owner.put(path, json=changed)
    assert (stale.status_code, stale.json()["code"]) == (409, "store.conflict")
    assert owner.get("/api/v1/systems/nothing").status_code == 404


def test_who_may_not_is_told_who_can(server):
    answer = server.program("auditor").post("/api/v1/systems", json=RECORD)
    assert (answer.status_code, "owner" in answer.json()["hint"]) == (403, True)


def test_the_same_request_is_done_once(server):
    owner = server.program("owner")
    first = owner.post("/api/v1/systems", json=RECORD, headers={"idempotency-key": "k1"})
    again = owner.post("/api/v1/systems", json=RECORD, headers={"idempotency-key": "k1"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert owner.post("/api/v1/systems", json=RECORD).status_code == 409


def test_what_is_wrong_or_too_long_is_said(server):
    owner = server.program("owner")
    wrong = owner.post("/api/v1/systems", json={**RECORD, "tier": "huge"})
    assert (wrong.status_code, "tier" in wrong.json()["title"]) == (422, True)
    long = owner.post("/api/v1/systems", content=b"x", headers={"content-length": str(10**9)})
    assert long.status_code == 413


def test_a_revoked_or_expired_token_opens_nothing(server):
    from datetime import timedelta

    from holdfast.domain.person import Token
    from holdfast.flows.people import revoke_token

    owner = server.program("owner")
    token = server.platform.desk.store.list(Token).items[0].key
    revoke_token(server.platform.desk, server.platform.accounts, server.office.caller("owner"), token)
    assert owner.get("/api/v1/systems").status_code == 401
    owner = server.program("owner")
    server.office.clock.now += timedelta(days=2)
    assert owner.get("/api/v1/systems").status_code == 401
