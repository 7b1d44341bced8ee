"""Drift begins → alert → the breaker falls back → incident → the decisions behind it → a new check → released again.

A real gateway, a real control plane and, where it is installed, a real Chromium.
"""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from tests.trips.chromium import CHROMIUM
from tests.trips.test_gateway import House
from tests.trips.test_review import until
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked
from tests.unit.flows.test_watch import AFTER, CALM, lived
from tests.unit.flows.watching import Bank, file_usual, open_log, post_of
from tests.unit.server.conftest import PASSWORD, server  # noqa: F401
from tests.unit.serving import serving

from holdfast.domain.account import Profile
from holdfast.domain.alert import Alert, Incident, Settled
from holdfast.domain.clearance import Breaker
from holdfast.domain.watch import Consequence, Rule, Watch
from holdfast.flows.deploy import deploy
from holdfast.flows.register import file_evidence

pytestmark = [pytest.mark.one_database, pytest.mark.slow]
POLICY = """\
name: loans
version: "3"
guards: {}
fallback: refer
"""
STOPS = Watch(
    SYSTEM.name, rules=(Rule("drift.place", Consequence.RELEASE, "The model knows only what it was made for."),)
)


@pytest.fixture
def house(server, tmp_path):  # noqa: F811
    with serving(server.app) as plane:
        made = House(server, plane, tmp_path)
        (tmp_path / "policy.yaml").write_text(POLICY)
        yield made.start()
        made.stop(signal.SIGKILL)


def answered(house) -> str:
    """What the gateway answers one row with."""
    answer = house.ask(house.rows[:1])
    return answer.json()["predictions"][0] if answer.status_code == 200 else answer.text


def test_from_drift_to_release_again(house, browser):
    office, platform = house.house.office, house.house.platform
    file_usual(office, house.release)
    with house.client("owner") as owner:
        owner.set_watch(STOPS)
    assert answered(house) in ("yes", "no")

    first = office.clock.now.date() - timedelta(days=AFTER)
    bank = Bank(
        office, house.folder, house.release, open_log(office, house.folder), post_of(office, house.folder), first
    )
    lived(bank, AFTER, changed=CALM)
    bank.drain()
    bank.log.close()
    platform.watching.watch()
    assert platform.watching.failure is None

    until(lambda: answered(house) == "refer", seconds=3.0)
    desk = office.desk
    incident = desk.store.list(Incident, state="open").items[0]
    alerts = [kept for kept in desk.store.list(Alert, system=SYSTEM.name, limit=200).items]
    income = next(kept for kept in alerts if kept.record.scope == "feature income")
    assert desk.store.get(Breaker, incident.record.breaker).record.is_tripped

    look_around(house, browser, income, incident)

    with house.client("owner") as owner:
        for kept in alerts:
            owner.settle_alert(kept.key, Settled.NORMAL, reason="Wages rose; the model was checked on them")
        owner.close_incident(incident.key, reason="Checked again, and released again")
    evidence = office.evidence()
    assert evidence.release == house.release
    file_evidence(desk, office.caller("developer"), *office.sealed(evidence), version="1.0")
    again = asked(office, house.release).request.key
    answered_by_all(office, again)
    assert answered(house) == "refer", "the breaker still stands"
    with house.client("risk") as risk:
        risk.reset_breaker(incident.record.breaker, reason="The new check shows that it copes")
    deploy(desk, office.caller("owner"), again)
    until(lambda: answered(house) in ("yes", "no"), seconds=3.0)


def look_around(house, browser, income, incident):
    """What the owner sees, in the browser and without script."""
    page = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()
    sign_in(house, page)
    page.goto(f"{house.plane}/watch")
    assert "Loan approval" in page.inner_text("main")
    page.goto(f"{house.plane}/alerts/{income.key}")
    said = page.inner_text("main")
    assert "income" in said
    assert income.record.since in said
    assert page.locator("svg.chart").count() >= 1
    page.get_by_role("link", name=income.record.since).first.click()
    assert f"day={income.record.since}" in page.url
    assert page.locator("table tbody tr").count() > 10, "the decisions behind it"
    page.goto(f"{house.plane}/incidents/{incident.key}")
    assert incident.record.title in page.inner_text("main")
    page.context.close()


def sign_in(house, page):
    accounts = house.house.platform.accounts
    if not accounts.can_sign_in("owner"):
        accounts.add(Profile("owner", "Olivia Owner", "owner@example.org"))
        accounts.set_password("owner", PASSWORD)
    page.goto(f"{house.plane}/sign-in")
    page.get_by_label("E-mail").fill("owner@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


if CHROMIUM is None:
    pytestmark.append(pytest.mark.skip(reason="Chromium is not installed"))
