"""A row that a policy sends to a person: held at a real gateway, decided in the console, told to whoever asked."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from urllib.parse import urlsplit

import httpx
import pandas as pd
import pytest
from tests.trips.test_gateway import House
from tests.unit.flows.journey import SYSTEM
from tests.unit.server.conftest import form_token, server  # noqa: F401
from tests.unit.serving import serving

from holdfast.domain.review import HumanReview

pytestmark = pytest.mark.one_database

POLICY = """\
name: loans
version: "2"
guards:
  table.range: {mode: enforce, action: review}
subject: customer
personal: [age]
review: propose
review_hours: 8
"""
AGE = 4000


@pytest.fixture
def house(server, tmp_path):  # noqa: F811
    with serving(server.app) as plane:
        made = House(server, plane, tmp_path)
        (tmp_path / "policy.yaml").write_text(POLICY)
        yield made
        made.stop(signal.SIGKILL)


def odd(house):
    return house.rows[:1].assign(age=AGE, customer="C-17")


def outcome(house, decision, secret=None):
    headers = {"authorization": f"Bearer {secret or house.secret}"}
    return httpx.get(house.url(f"/decisions/{decision}/review"), headers=headers)


def arrived(house, decision, seconds=10.0):
    """The review, once the gateway has filed it."""
    store = house.house.office.desk.store
    until(lambda: store.find(HumanReview, decision), seconds)
    return store.get(HumanReview, decision).record


def until(holds, seconds=10.0):
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found


def test_a_held_row_is_decided_in_the_console_and_told_to_the_asker(house):
    another = house.issue()
    house.start()
    answer = house.ask(odd(house))
    decision = answer.headers["holdfast-decision"]
    assert (answer.status_code, answer.json()["code"]) == (403, "gateway.review")
    assert f"/decisions/{decision}/review" in answer.json()["hint"]
    assert outcome(house, decision).json()["state"] == "waiting"
    assert outcome(house, decision, another).status_code == 404
    assert outcome(house, decision, "nobody").status_code == 401
    assert arrived(house, decision).has_proposal

    reviewer = house.house.browser("reviewer")
    assert decision in reviewer.get("/inbox").text + reviewer.get("/").text
    page = reviewer.get(f"/reviews/{decision}").text
    proposed = house.model.predict(odd(house).drop(columns="customer"))[0]
    assert "4,000" not in re.sub(r"<[^>]+>", "", house.house.browser("owner").get(f"/reviews/{decision}").text)
    assert f"<td>{AGE}</td>" in page
    assert f"{proposed}, as the model proposes" in page
    other = next(str(name) for name in house.model.classes_ if name != proposed)
    sent = {"csrf": form_token(page), "answer": other, "reason": ""}
    assert reviewer.post(f"/reviews/{decision}", data=sent).status_code == 422
    assert reviewer.post(f"/reviews/{decision}", data=sent | {"reason": "A slip of the pen."}).status_code == 303
    told = outcome(house, decision).json()
    assert (told["state"], told["answer"], told["refused"]) == ("decided", other, False)
    assert str(AGE) not in reviewer.get(f"/reviews/{decision}").text

    together = house.ask(pd.concat([house.rows[:3].assign(customer="C-1"), odd(house)]))
    assert (together.status_code, together.json()["code"]) == (403, "gateway.review")
    (waiting,) = together.json()["decisions"]
    assert (together.json()["rows"], waiting) == ([3], together.headers["holdfast-decision"])
    assert not arrived(house, waiting).has_proposal


def test_a_person_looks_later_and_decides_alone_where_no_release_may(house):
    policy = POLICY.replace("review: propose", "review: answer") + "unreleased: review\n"
    (house.folder / "policy.yaml").write_text(policy)
    house.start()
    answer = house.ask(odd(house))
    assert answer.status_code == 200
    decision = answer.headers["holdfast-review"]
    assert arrived(house, decision).was_answered
    reviewer = house.house.browser("reviewer")
    assert "does not stand" in reviewer.get(f"/reviews/{decision}").text
    done = house.holdfast("subject", "erase", "C-17", "--yes", "--json", stdout=subprocess.PIPE)
    assert json.loads(done.communicate()[0])["had_key"]
    until(lambda: "erased at the person" in reviewer.get(f"/reviews/{decision}").text)

    with house.client("developer") as client:
        client.trip_breaker(SYSTEM.name, reason="It went astray.")
    until(lambda: house.ask(house.rows[:1].assign(customer="C-1")).status_code == 403)
    stopped = house.ask(house.rows[:1].assign(customer="C-1"))
    assert (stopped.status_code, stopped.json()["code"]) == (403, "gateway.review")
    review = arrived(house, stopped.headers["holdfast-decision"])
    assert (review.reasons, review.has_proposal, review.was_answered) == (("release-not-let-in",), False, False)
    assert "no release may decide" in reviewer.get("/reviews").text


def test_what_was_held_outlives_the_gateway_and_an_outage_of_the_control_plane(server, tmp_path):  # noqa: F811
    with serving(server.app) as plane:
        house = House(server, plane, tmp_path)
        (tmp_path / "policy.yaml").write_text(POLICY)
        house.start()
    decision = house.ask(odd(house)).headers["holdfast-decision"]
    assert outcome(house, decision).json()["state"] == "waiting"
    house.stop(signal.SIGKILL)
    waiting = list((tmp_path / "home" / "reviews").glob("*.json"))
    assert len(waiting) == 1
    assert str(AGE) not in waiting[0].read_text(), "personal fields are sealed there, too"
    with serving(server.app, urlsplit(plane).port):
        house.start()
        assert arrived(house, decision).state == "waiting"
        house.stop()
    assert list((tmp_path / "home" / "reviews").glob("*.json")) == []
