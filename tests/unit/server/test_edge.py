"""What the edge does for every route: strict JSON, limits, health, and a description that says the truth."""

from __future__ import annotations

import pytest
from tests.apps import app_of
from tests.unit.flows.journey import SYSTEM

from holdfast import canonical
from holdfast.domain.errors import TooMany, Unavailable
from holdfast.server.limits import DOOR, PERSON, Limits, Rate

from .calls import Call, send, world

RECORD = canonical.plain(SYSTEM)


class Seconds:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "x", "purpose": "p", "value_at_stake": NaN}',
        '{"name": "x", "purpose": "p", "value_at_stake": -Infinity}',
        '{"name": "x", "purpose": "p", "value_at_stake": 1e999}',
        '{"name": "x", "purpose": "p", "decisions_per_year": 9007199254740993}',
        '{"name": "x", "purpose": "p\\u0000"}',
        '{"name": "x", "purpose": "\\ud800"}',
        '{"name": "x", "purpose": ' + "[" * 100_000 + "}",
        b'{"name": "\xff"}',
        b'{"name": "x", "purpose": "\xed\xa0\x80"}',
        "{",
    ],
)
def test_json_that_cannot_be_kept_is_refused(server, body):
    answer = server.program("owner").post("/api/v1/systems", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["kind"]) == (422, "FixInput"), answer.text


def test_a_bucket_runs_dry_and_fills_again():
    clock = Seconds()
    limits = Limits(clock)
    for _ in range(3):
        limits.take("a", Rate(3, 0.5))
    with pytest.raises(TooMany) as error:
        limits.take("a", Rate(3, 0.5))
    assert error.value.seconds == 2
    limits.take("b", Rate(3, 0.5))
    clock.now += 2
    limits.take("a", Rate(3, 0.5))
    with pytest.raises(TooMany):
        limits.take("a", Rate(3, 0.5))


def test_buckets_are_forgotten_before_they_fill_the_memory(monkeypatch):
    monkeypatch.setattr("holdfast.server.limits.MOST_BUCKETS", 10)
    limits = Limits(Seconds())
    for number in range(100):
        limits.take(str(number), Rate(1, 1))
    assert len(limits._buckets) == 10


@pytest.mark.one_database
def test_a_person_who_asks_too_much_is_told_how_long_to_wait(server):
    clock = Seconds()
    server.app = app_of(server.platform, Limits(clock))
    viewer, owner = server.program("viewer"), server.program("owner")
    answers = [viewer.get("/api/v1/people/me").status_code for _ in range(PERSON.burst + 1)]
    assert set(answers[:-1]) == {200}
    last = viewer.get("/api/v1/people/me")
    assert (last.status_code, last.json()["kind"], last.headers["retry-after"]) == (429, "TooMany", "1")
    assert owner.get("/api/v1/people/me").status_code == 200
    clock.now += 1
    assert viewer.get("/api/v1/people/me").status_code == 200


@pytest.mark.one_database
def test_the_door_is_narrow(server):
    server.app = app_of(server.platform, Limits(Seconds()))
    client = server.stranger()
    form = {"email": "nobody@example.org", "password": "guess"}
    answers = [client.post("/sign-in", data=form).status_code for _ in range(DOOR.burst + 1)]
    assert (set(answers[:-1]), answers[-1]) == ({401}, 429)
    assert client.post("/welcome/guess", data={"password": "x"}).status_code == 429
    assert client.get("/sign-in").status_code == 200


def test_health_and_readiness_say_nothing_secret(server):
    client = server.stranger()
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    server.platform.sequencer.failure = Unavailable("ledger.disk", "The ledger /srv/holdfast cannot be written.")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "code": "ledger.disk"})


def test_not_ready_while_the_database_does_not_answer(server, monkeypatch):
    def gone():
        raise Unavailable("store.unreachable", "The database did not answer.")

    monkeypatch.setattr(server.platform.desk.store, "last_index", gone)
    assert server.stranger().get("/readyz").json()["code"] == "store.unreachable"


def test_the_description_is_complete_and_open(server):
    document = server.stranger().get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert {"401", "403", "404", "409", "422", "429", "503"} <= operation["responses"].keys(), path
            assert operation["summary"]
            assert operation["description"]
            if method in ("post", "put"):
                assert "Idempotency-Key" in {parameter["name"] for parameter in operation["parameters"]}
    assert "Problem" in document["components"]["schemas"]


def test_every_error_is_a_problem_document(server):
    client = server.program("viewer")
    for path in ("/api/v1/systems/none", "/api/v1/none", "/api/v1/systems?limit=0"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "code", "hint", "kind"} == answer.json().keys()
    wrong = client.request("PATCH", "/api/v1/systems")
    assert (wrong.status_code, wrong.json()["kind"]) == (405, "FixInput")


def test_a_person_is_erased_only_once_inactive(server):
    calls = world(server)
    admin = server.program("admin")
    erasing = Call({"id": "spare"})
    refused = send(admin, "erase_profile", erasing)
    assert refused.json()["code"] == "person.active"
    assert send(admin, "propose_deactivation", calls["propose_deactivation"]).status_code == 201
    listed = {k["person"]["key"]: k["profile"] for k in admin.get("/api/v1/people").json()["items"]}
    assert listed["spare"]["name"] == "Spare"
    assert send(admin, "erase_profile", erasing).status_code == 200
    listed = {k["person"]["key"]: k["profile"] for k in admin.get("/api/v1/people").json()["items"]}
    assert listed["spare"] is None


def test_nobody_sees_anothers_tokens(server):
    owner, viewer = server.program("owner"), server.program("viewer")
    keys = {kept["record"]["person"] for kept in viewer.get("/api/v1/tokens?about=owner").json()["items"]}
    assert keys == {"viewer"}
    theirs = owner.get("/api/v1/tokens").json()["items"][0]["key"]
    assert viewer.post(f"/api/v1/tokens/{theirs}/revoke").status_code == 403
    assert server.program("admin").post(f"/api/v1/tokens/{theirs}/revoke").json()["record"]["is_revoked"]


def test_an_appetite_that_no_calendar_can_hold_is_refused(server):
    calls = world(server)
    call = calls["propose_appetite"]
    call.json["appetite"]["evidence_days"] = 10**9
    answer = send(server.program("owner"), "propose_appetite", call)
    assert (answer.status_code, "3660" in answer.json()["title"]) == (422, True)


def test_a_comment_is_about_something_that_exists(server):
    calls, owner = world(server), server.program("owner")
    assert send(owner, "write_comment", calls["write_comment"]).status_code == 201
    unknown = owner.post("/api/v1/comments", json={"about": "release none", "text": "t"})
    assert unknown.status_code == 404
    assert owner.post("/api/v1/comments", json={"about": "king x", "text": "t"}).json()["code"] == "comment.about"
    about = {"about": calls["write_comment"].json["about"]}
    assert len(owner.get("/api/v1/comments", params=about).json()["items"]) == 2
