"""The Python client against a real HTTP server: every operation, and every kind of error."""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import get_type_hints

import httpx
import pytest
from tests.unit.flows.journey import SYSTEM
from tests.unit.server.calls import Call, operations, world
from tests.unit.server.test_repeated import changing
from tests.unit.serving import secret_of

from holdfast import Client, canonical
from holdfast.domain import errors
from holdfast.domain.act import Kept
from holdfast.domain.appetite import Appetite

pytestmark = pytest.mark.one_database

NOT_FOR_PEOPLE = {"review_admission"}
"""What the Kubernetes API server calls."""
READERS = {
    "list_people": "admin",
    "list_webhooks": "admin",
    "verify_ledger": "viewer",
    "read_rows": "auditor",
    "show_clearance": "owner",
    "read_prompt": "developer",
    **dict.fromkeys(("list_decisions", "compare_releases", "show_decision", "show_decision_proof"), "auditor"),
    "show_outcome": "owner",
    "show_content": "reviewer",
}


def given(method, call):
    """The arguments of a client's method that say what a call's path, query and body say."""
    hints = get_type_hints(method)
    said = {**call.at, **(call.json or {})}
    if method.__name__ == "register_system":
        said = {"system": call.json}
    if method.__name__ == "set_watch":
        said = {"watch": {**call.at, **call.json}}
    return {
        **{name: value(hints[name], item) for name, item in said.items()},
        **(call.query or {}),
    }


def value(hint, item):
    if hint is datetime:
        return datetime.fromisoformat(item)
    if hint is bytes:
        return item.encode()
    return item if isinstance(item, dict) and "Mapping" in str(hint) else canonical.rebuild(hint, item)


def test_every_operation_has_a_method(server):
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    assert methods - {"close", "every"} == operations().keys() - NOT_FOR_PEOPLE


def test_every_operation_can_be_called(server, clients):
    calls = world(server)
    appetite = calls["propose_appetite"].json["appetite"]
    dropped = clients("owner").propose_appetite(canonical.rebuild(Appetite, appetite), reason="to be dropped")
    calls["drop_proposal"] = Call({"key": dropped.key})
    who = {**changing(), **READERS}
    by = {name: clients(name) for name in {*who.values(), "viewer"}}
    last = ("withdraw_request", "revoke_sealer", "propose_deactivation", "revoke_approval", "end_webhook")
    first = ("end_deployment", "start_deployment")  # before an appetite is enacted, which makes approvals lapse
    order = sorted(operations().keys() - NOT_FOR_PEOPLE, key=lambda id: (id in last, id not in first, id))
    for id in order:
        method = getattr(by[who.get(id, "viewer")], id)
        assert method(**given(method, calls[id])) is not None, id


def test_records_come_back_as_they_are(server, clients):
    request = world(server)["show_request"].at["key"]
    kept = clients("viewer").show_system(SYSTEM.name)
    assert kept == server.platform.desk.store.get(type(SYSTEM), SYSTEM.name)
    assert isinstance(kept, Kept)
    asked = clients("viewer").show_request(request)
    assert asked.ruling.outcome.value == "breach"
    assert asked.ruling.waiting_for == ("business", "compliance", "legal", "risk")


def test_a_list_goes_on_page_after_page(server, clients):
    owner = clients("owner")
    for number in range(5):
        owner.register_system(type(SYSTEM)(f"system {number}", purpose="p"))
    found = [kept.key for kept in owner.every(owner.list_systems, limit=2, sort="title", descending=False)]
    assert found == [f"system {number}" for number in range(5)]
    assert len(list(owner.every(owner.list_acts, kind="system", limit=2))) == 5


def test_errors_are_those_of_the_house(server, clients):
    owner, viewer = clients("owner"), clients("viewer")
    with pytest.raises(errors.Absent):
        owner.show_system("no / such")
    with pytest.raises(errors.Forbidden, match="These roles can: owner"):
        viewer.register_system(SYSTEM)
    owner.register_system(SYSTEM)
    with pytest.raises(errors.Conflict):
        owner.register_system(SYSTEM)
    with pytest.raises(errors.FixInput):
        owner.register_system(type(SYSTEM)("a/b", purpose="p"))
    with pytest.raises(errors.Tampered):
        clients("developer").submit_evidence(b"{}", "ab" * 32, "1")
    with pytest.raises(errors.SignInFirst):
        Client(str(owner._url), "no token").list_systems()
    with pytest.raises(errors.Unavailable):
        Client("http://127.0.0.1:1", "t").list_systems()
    with pytest.raises(errors.FixInput):
        Client("no url", "t").list_systems()


def test_what_got_no_answer_is_sent_again_and_done_once(server):
    from fastapi.testclient import TestClient

    class Broken(httpx.BaseTransport):
        """Loses the first answer, after the server has done what it was asked."""

        def __init__(self):
            self.requests = 0

        def handle_request(self, request):
            self.requests += 1
            content = request.read()
            answer = inner.request(request.method, str(request.url), content=content, headers=dict(request.headers))
            if self.requests == 1:
                raise httpx.ReadError("the connection was lost")
            return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)

    inner, broken = TestClient(server.app), Broken()
    client = Client(
        "http://h.test", secret_of(server.office, server.platform, "owner"), http=httpx.Client(transport=broken)
    )
    assert client.register_system(SYSTEM).revision == 1
    assert broken.requests == 2
    assert len(server.platform.desk.store.acts(kind="system").items) == 1


def test_another_server_is_not_taken_for_a_control_plane():
    http = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(502, text="<html>")))
    with pytest.raises(errors.Unavailable, match="answered 502"):
        Client("http://h.test", "t", http=http).list_systems()
