"""What the API's description does not name is refused: a caller who misspells a key must hear of it."""

from __future__ import annotations

import copy

import pytest
from tests.unit.flows.journey import SYSTEM

from holdfast import canonical
from holdfast.domain.access import GRANTS
from holdfast.domain.system import System
from holdfast.testing.desk import PEOPLE

from .calls import Call, operations, send, world

OPEN = {"review_admission"}
"""What others call, who send more than this reads."""


def test_every_operation_refuses_a_key_and_a_parameter_that_it_does_not_name(server):
    calls, clients = world(server), {name: server.program(name) for name in PEOPLE}
    for id, (method, _, permission) in operations().items():
        client = clients[next(who for who, roles in PEOPLE.items() if GRANTS.get(permission, set(roles)) & set(roles))]
        call = calls[id]
        wrong = [Call(call.at, call.json, {**(call.query or {}), "expires_": "1"})]
        if method != "GET":
            wrong.append(Call(call.at, {**(call.json or {}), "expires_": "1"}, call.query))
        for one in wrong:
            if id in OPEN:
                continue
            answer = send(client, id, one)
            assert (answer.status_code, answer.json()["code"]) == (422, "request.unknown"), (id, answer.text)
            assert "`expires_`" in answer.json()["title"]
    assert server.platform.desk.store.find(System, "another") is None


def test_a_kubernetes_server_may_say_more(server):
    call = Call({}, {"kind": "AdmissionReview", "request": {"uid": "1"}, "more": 1}, {"timeout": "10s"})
    assert send(server.program("viewer"), "review_admission", call).status_code == 200


@pytest.mark.parametrize(
    ("id", "path", "said"),
    [
        ("propose_appetite", ("appetite", "limits", 0), "body.appetite.limits.0: there is no `maximun`."),
        ("propose_committee", ("committee", "rules", 1), "body.committee.rules.1: there is no `maximun`."),
        ("register_release", ("materials", 0), "body.materials.0: there is no `maximun`."),
        ("register_system", ("owners",), "body.owners: there is no `maximun`."),
    ],
)
def test_a_key_is_looked_for_as_deep_as_it_stands(server, id, path, said):
    call = copy.deepcopy(world(server)[id])
    inner = call.json
    for step in path:
        inner = inner[step]
    inner["maximun"] = 1
    problem = send(server.program("owner"), id, call).json()
    assert (problem["code"], problem["title"]) == ("request.unknown", said)
    assert problem["hint"] == "Did you mean `maximum`?" or problem["hint"].startswith("Allowed here: ")


def test_the_likely_key_is_named(server):
    owner = server.program("owner")
    body = {"purpos": "p", **{k: v for k, v in canonical.plain(SYSTEM).items() if k != "purpose"}}
    assert owner.post("/api/v1/systems", json=body).json()["hint"] == "Did you mean `purpose`?"
    assert owner.get("/api/v1/systems?limt=5").json()["hint"] == "Did you mean `limit`?"


def test_who_may_not_is_told_that_first(server):
    assert server.program("viewer").post("/api/v1/systems", json={"x": 1}).status_code == 403


def test_the_description_says_so(server):
    document = server.app.openapi()
    for methods in document["paths"].values():
        for operation in methods.values():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if schema and operation["operationId"] not in OPEN:
                name = schema["$ref"].rpartition("/")[2]
                assert document["components"]["schemas"][name]["additionalProperties"] is False, name
    assert document["components"]["schemas"]["Material"]["additionalProperties"] is False
