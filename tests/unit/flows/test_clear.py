"""Clearances: what may run, until when, and everything that ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered

from holdfast.domain.approval import Approval, Discipline
from holdfast.domain.clearance import Clearance
from holdfast.domain.credential import Credential, Route, Way
from holdfast.domain.errors import Conflict, FixInput, Forbidden
from holdfast.domain.verdict import parse_time
from holdfast.flows import breakers, credentials
from holdfast.flows.approve import answer_waiver, ask_waiver, revoke
from holdfast.flows.clear import Clearances, clearance
from holdfast.flows.comment import write_comment
from holdfast.flows.deploy import deploy
from holdfast.flows.gate import admit
from holdfast.ledger.envelope import open_sealed, seal


@pytest.fixture
def cleared(office):
    """An office in which one release may go into production."""
    registered(office)
    release = filed(office).verdict.record.release
    request = asked(office, release).request.key
    answered_by_all(office, request)
    return office, release, request


def now_in(office, environment="production", who="owner") -> Clearance:
    return clearance(office.desk, office.caller(who), environment, (SYSTEM.name,))


def test_what_passed_its_gate_is_cleared_where_it_asked_and_until_its_evidence_is_old(cleared):
    office, release, request = cleared
    (one,) = now_in(office).cleared
    assert (one.release, one.request, one.is_running) == (release, request, False)
    assert one.model.startswith("sha256:")
    days = parse_time(one.until) - office.clock.now
    assert days == timedelta(days=90)
    assert now_in(office, "test").cleared == ()
    deploy(office.desk, office.caller("owner"), request)
    assert now_in(office).cleared[0].is_running
    office.clock.pass_days(90)
    assert now_in(office).cleared == ()


def test_it_ends_when_the_first_approval_or_waiver_ends(office):
    registered(office)
    filing = filed(office, "breach")
    request = asked(office, filing.verdict.record.release).request.key
    until = office.clock.now + timedelta(days=7)
    for reason in filing.verdict.record.breaches:
        measure = reason.limit.measure
        kept = ask_waiver(office.desk, office.caller("owner"), request, measure, reason="r", controls="c", until=until)
        for discipline in (Discipline.RISK, Discipline.LEGAL):
            answer_waiver(office.desk, office.caller(discipline), request, kept.key, discipline, reason="ok")
    answered_by_all(office, request)
    (one,) = now_in(office).cleared
    assert parse_time(one.until) == until
    office.clock.now = until - timedelta(seconds=1)
    assert now_in(office).cleared != ()
    office.clock.now = until
    assert now_in(office).cleared == ()


def test_a_clearance_ends_by_itself_in_whoever_holds_it(cleared):
    office, release, _ = cleared
    held = open_sealed(seal(now_in(office), office.desk.signer), office.desk.signer.public_bytes(), Clearance)
    last = parse_time(held.cleared[0].until)
    for digest in (release, held.cleared[0].model):
        assert held.admits(digest, "production", last - timedelta(microseconds=1))
        assert not held.admits(digest, "production", last)
    assert not held.admits("sha256:unknown", "production", office.clock.now)
    assert held.of(SYSTEM.name, office.clock.now) == held.cleared
    assert held.of("another", office.clock.now) == ()


def test_a_revoked_answer_shuts_it_at_once(cleared):
    office, _, _ = cleared
    known = Clearances()

    def ask():
        return known.find(office.desk, office.caller("owner"), "production", (SYSTEM.name,))

    first = ask()
    assert first.cleared != ()
    assert ask() is first
    write_comment(office.desk, office.caller("owner"), f"system {SYSTEM.name}", "what gateways do not wait for")
    assert ask() is first
    approval = office.desk.store.list(Approval, limit=1).items[0]
    revoke(office.desk, office.caller(approval.actor), approval.key)
    assert ask().cleared == ()


def test_what_is_remembered_ends_in_time(cleared):
    office, _, _ = cleared
    known = Clearances()
    assert known.find(office.desk, office.caller("owner"), "production", (SYSTEM.name,)).cleared
    office.clock.pass_days(91)
    assert not known.find(office.desk, office.caller("owner"), "production", (SYSTEM.name,)).cleared


@pytest.mark.parametrize("of_release", [True, False])
def test_a_tripped_breaker_stops_it_everywhere_until_somebody_else_resets_it(cleared, of_release):
    office, release, _ = cleared
    kept = breakers.trip(
        office.desk, office.caller("risk"), SYSTEM.name, release=release if of_release else "", reason="odd answers"
    )
    assert now_in(office).cleared == ()
    admission = admit(office.desk, release, "production")
    assert not admission.admitted
    assert "odd answers" in admission.reason
    again = breakers.trip(office.desk, office.caller("it"), SYSTEM.name, release=kept.record.release, reason="me too")
    assert again == kept
    with pytest.raises(Forbidden):
        breakers.reset(office.desk, office.caller("risk"), kept.key, reason="fine")
    with pytest.raises(Forbidden):
        breakers.reset(office.desk, office.caller("owner"), kept.key, reason="fine")
    breakers.reset(office.desk, office.caller("it"), kept.key, reason="mended")
    assert now_in(office).cleared != ()
    assert admit(office.desk, release, "production").admitted
    with pytest.raises(Conflict):
        breakers.reset(office.desk, office.caller("it"), kept.key, reason="again")


def test_a_breaker_of_another_release_stops_nothing_else(cleared):
    office, _, _ = cleared
    other = filed(office, salt="other").verdict.record.release
    breakers.trip(office.desk, office.caller("owner"), SYSTEM.name, release=other, reason="odd")
    assert now_in(office).cleared != ()


def issued(office, **more):
    reach = {"systems": (SYSTEM.name,), "routes": (Route.PREDICT,), "until": office.clock.now + timedelta(days=30)}
    return credentials.issue_key(office.desk, office.caller("owner"), "branch", **reach | more)


def test_keys_reach_gateways_as_hashes_and_end(cleared):
    office, _, _ = cleared
    kept, secret = issued(office)
    assert secret.startswith("hf-")
    assert now_in(office).credentials == (kept.record,)
    assert secret not in str(kept)
    credentials.revoke(office.desk, office.caller("owner"), kept.key)
    assert now_in(office).credentials == ()
    issued(office)
    office.clock.pass_days(31)
    assert now_in(office).credentials == ()


@pytest.mark.parametrize(
    "more",
    [{"systems": ()}, {"routes": ()}, {"until": timedelta(days=400)}, {"until": timedelta(0)}],
)
def test_credentials_that_are_none(cleared, more):
    office, _, _ = cleared
    more = {name: office.clock.now + value if name == "until" else value for name, value in more.items()}
    with pytest.raises(FixInput):
        issued(office, **more)


def test_a_name_lets_one_in_at_a_time(cleared):
    office, _, _ = cleared
    ends = (office.clock.now + timedelta(days=1)).isoformat()
    one = Credential("c", "batch", Way.CERTIFICATE, "spiffe://bank/batch", (SYSTEM.name,), (Route.PREDICT,), ends)
    kept = credentials.grant(office.desk, office.caller("owner"), one)
    with pytest.raises(Conflict):
        credentials.grant(office.desk, office.caller("owner"), replace(one, id="d"))
    credentials.revoke(office.desk, office.caller("owner"), kept.key)
    assert credentials.grant(office.desk, office.caller("owner"), replace(one, id="d")).key == "d"


@pytest.mark.parametrize("who", ["viewer", "auditor", "admin", "risk"])
def test_only_who_runs_gateways_is_told(cleared, who):
    with pytest.raises(Forbidden):
        now_in(cleared[0], who=who)
