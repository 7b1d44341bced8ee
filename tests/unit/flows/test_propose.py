from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.domain.act import Draft, Verb
from holdfast.domain.appetite import Appetite
from holdfast.domain.errors import Conflict, FixInput, Forbidden
from holdfast.domain.gate import Committee
from holdfast.domain.person import Person, Role
from holdfast.flows.desk import APPETITE, COMMITTEE
from holdfast.flows.propose import drop, enact, propose
from holdfast.testing.runs import sample_appetite

STRICTER = replace(sample_appetite(), version="2027.1")


def test_a_second_person_puts_an_appetite_in_force(office):
    proposal = propose(office.desk, office.caller("risk"), STRICTER, reason="yearly review")
    assert office.desk.store.get(Appetite, APPETITE).record == sample_appetite()
    with pytest.raises(Forbidden, match="Somebody else"):
        enact(office.desk, office.caller("risk"), proposal.key)
    with pytest.raises(Forbidden):
        enact(office.desk, office.caller("owner"), proposal.key)
    assert enact(office.desk, office.caller("compliance"), proposal.key).record == STRICTER
    assert [k.record.version for k in office.desk.store.history(Appetite, APPETITE)] == ["2026.2", "2027.1"]
    with pytest.raises(FixInput, match="enacted"):
        enact(office.desk, office.caller("compliance"), proposal.key)


def test_a_proposal_is_void_when_what_it_was_made_on_changed(office):
    first = propose(office.desk, office.caller("owner"), STRICTER, reason="a")
    second = propose(office.desk, office.caller("owner"), replace(STRICTER, version="2027.2"), reason="b")
    enact(office.desk, office.caller("risk"), first.key)
    with pytest.raises(Conflict, match="changed"):
        enact(office.desk, office.caller("risk"), second.key)
    drop(office.desk, office.caller("owner"), second.key)
    with pytest.raises(FixInput, match="dropped"):
        enact(office.desk, office.caller("risk"), second.key)


def test_the_committee_is_changed_like_the_appetite(office):
    kept = office.desk.store.get(Committee, COMMITTEE)
    proposal = propose(office.desk, office.caller("legal"), replace(kept.record, version="2"), reason="new member")
    with pytest.raises(Forbidden):
        drop(office.desk, office.caller("viewer"), proposal.key)
    assert enact(office.desk, office.caller("risk"), proposal.key).record.version == "2"


def test_the_only_administrator_acts_alone_until_there_is_a_second(office):
    second = Person("p-2", (Role.ADMIN,))
    assert propose(office.desk, office.caller("admin"), second, reason="a second one").record.state == "enacted"
    third = propose(office.desk, office.caller("admin"), Person("p-3", (Role.VIEWER,)), reason="a viewer")
    assert third.record.state == "open"
    assert office.desk.store.find(Person, "p-3") is None
    with pytest.raises(Forbidden):
        enact(office.desk, office.caller("admin"), third.key)
    enact(office.desk, office.caller("p-2"), third.key)
    assert office.desk.store.get(Person, "p-3").record.roles == (Role.VIEWER,)


@pytest.mark.parametrize("who", ["viewer", "auditor", "developer", "admin"])
def test_who_has_no_right_proposes_no_appetite(office, who):
    with pytest.raises(Forbidden):
        propose(office.desk, office.caller(who), STRICTER, reason="r")


def test_a_second_administrator_counts_however_many_people_there_are(office, monkeypatch):
    monkeypatch.setattr("holdfast.flows.desk.MOST", 2)
    propose(office.desk, office.caller("admin"), Person("p-2", (Role.ADMIN,)), reason="a second one")
    office.clock.pass_days(1)
    later = [Draft(Verb.SET_PERSON, f"p-late{n}", Person(f"p-late{n}", (Role.VIEWER,))) for n in range(5)]
    office.desk.store.commit(later, actor="founder", at=office.desk.at, id="later")
    third = propose(office.desk, office.caller("admin"), Person("p-3", (Role.ADMIN,)), reason="a third one")
    assert third.record.state == "open"
