from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from holdfast.domain.approval import Discipline, Waiver
from holdfast.domain.errors import FixInput
from holdfast.domain.verdict import Outcome
from holdfast.flows.approve import answer, answer_waiver, ask_waiver
from holdfast.flows.deploy import deploy
from holdfast.flows.gate import withdraw
from holdfast.flows.inbox import ageing, breached, count_breached, enactable, waiting
from holdfast.flows.preview import preview
from holdfast.flows.propose import drop, propose
from holdfast.testing.runs import sample_appetite

from .journey import answered_by_all, asked, filed, registered


def waits_for(office, who):
    return [one.opened.request.key for one in waiting(office.desk, office.caller(who))]


def test_a_request_waits_for_those_whose_answer_is_missing_and_no_others(office):
    registered(office)
    key = asked(office, filed(office).filed.record.release).request.key
    assert waits_for(office, "risk") == [key]
    assert waits_for(office, "owner") == waits_for(office, "viewer") == []
    answer(office.desk, office.caller("risk"), key, Discipline.RISK, reason="seen")
    assert waits_for(office, "risk") == []
    assert waits_for(office, "legal") == [key]
    withdraw(office.desk, office.caller("owner"), key)
    assert waits_for(office, "legal") == []


def test_the_request_behind_a_hundred_others_waits_too_until_it_is_decided(office):
    registered(office)
    release = filed(office).filed.record.release
    oldest = asked(office, release).request.key
    office.clock.pass_days(1)
    for _ in range(101):
        asked(office, release)
    found = waits_for(office, "legal")
    assert (len(found), found[-1]) == (102, oldest)
    beyond = waiting(office.desk, office.caller("legal"), found[99])
    assert [one.opened.request.key for one in beyond] == found[100:]
    answered_by_all(office, oldest)
    deploy(office.desk, office.caller("owner"), oldest)
    office.clock.pass_days(200)
    assert oldest not in waits_for(office, "legal")


def test_who_built_it_is_not_asked(office):
    from holdfast.domain.act import Draft, Verb
    from holdfast.domain.person import Person, Role

    registered(office)
    both = Person("developer", (Role.DEVELOPER, Role.APPROVER_RISK))
    office.desk.do(office.caller("admin"), Draft(Verb.SET_PERSON, "developer", both, 1))
    asked(office, filed(office).filed.record.release)
    assert waits_for(office, "developer") == []


def test_a_waiver_waits_until_it_is_answered_or_over(office):
    registered(office)
    opened = asked(office, filed(office, "breach").filed.record.release)
    key = opened.request.key
    measure = next(r.limit.measure for r in opened.ruling.reasons if r.outcome is Outcome.BREACH)
    until = office.clock.now + timedelta(days=2)
    ask_waiver(office.desk, office.caller("owner"), key, measure, reason="r", controls="c", until=until)
    answered_by_all(office, key)
    waiver = office.desk.store.list(Waiver).items[0].key
    assert waits_for(office, "it") == []
    assert next(waiting(office.desk, office.caller("risk"))).waivers == ((waiver, ("risk",)),)
    answer_waiver(office.desk, office.caller("risk"), key, waiver, Discipline.RISK, reason="no", says_yes=False)
    assert waits_for(office, "risk") == []
    assert waits_for(office, "legal") == [key]
    office.clock.pass_days(3)
    assert waits_for(office, "legal") == []


def test_a_proposal_waits_for_those_who_may_enact_it(office):
    kept = propose(office.desk, office.caller("risk"), sample_appetite(), reason="r")
    assert [k.key for k in enactable(office.desk, office.caller("compliance"))] == [kept.key]
    assert enactable(office.desk, office.caller("risk")) == enactable(office.desk, office.caller("admin")) == ()
    drop(office.desk, office.caller("risk"), kept.key)
    assert enactable(office.desk, office.caller("compliance")) == ()


def test_a_system_is_breached_while_its_newest_verdict_is(office):
    registered(office)
    filed(office, "breach", salt="a")
    assert [kept.record.system for kept in breached(office.desk, 9)] == ["Loan approval"]
    assert count_breached(office.desk) == 1
    office.clock.pass_days(1)
    filed(office, salt="b")
    assert breached(office.desk, 9) == ()
    assert count_breached(office.desk) == 0


def test_what_runs_on_evidence_about_to_lapse_is_named(office):
    registered(office)
    key = asked(office, filed(office).filed.record.release).request.key
    answered_by_all(office, key)
    deploy(office.desk, office.caller("owner"), key)
    assert ageing(office.desk, timedelta(days=21)) == ()
    office.clock.pass_days(70)
    (one,) = ageing(office.desk, timedelta(days=21))
    assert one.until == "2027-02-22T09:00:00Z"


def test_a_preview_says_what_would_change(office):
    registered(office)
    filed(office, "breach")
    now = sample_appetite()
    same = preview(office.desk, now)
    assert (same.answers, same.changes, same.count(Outcome.BREACH, after=True)) == (0, (), 1)
    loose = replace(now, limits=tuple(replace(limit, minimum=None, maximum=1e9) for limit in now.limits))
    would = preview(office.desk, loose)
    assert (would.answers, would.count(Outcome.PASS, after=True), would.is_partial) == (1, 1, False)
    assert would.changes[0].mended == ("evasion.flip_rate", "evasion.robust_accuracy", "fairness.impact_ratio")
    strict = replace(
        now, limits=tuple(replace(li, minimum=0.99) if li.measure == "performance.auc" else li for li in now.limits)
    )
    (change,) = preview(office.desk, strict).changes
    assert (change.is_answer, change.breached) == (False, ("performance.auc",))


def test_a_preview_counts_trusted_evidence_alone(office):
    filing = registered(office) and filed(office)
    from holdfast.flows.register import trust_sealer

    trust_sealer(office.desk, office.caller("it"), "CI", filing.filed.record.sealer, trusted=False)
    assert preview(office.desk, sample_appetite()).judged == ()


def test_without_an_appetite_nothing_can_be_said_of_age(office, tmp_path):
    from holdfast.testing.desk import office as open_office

    (tmp_path / "bare").mkdir()
    with open_office(tmp_path / "bare") as bare, pytest.raises(FixInput):
        ageing(bare.desk, timedelta(days=1))
