"""A release through the whole house, over real HTTP, each step by who may: from a breach to production and back."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest
from tests.apps import app_of
from tests.unit.flows.journey import REGIME, SYSTEM
from tests.unit.serving import secret_of, serving

from holdfast import Client
from holdfast.domain.approval import Discipline
from holdfast.domain.errors import Forbidden
from holdfast.domain.gate import Gate
from holdfast.domain.verdict import Outcome
from holdfast.flows.sequence import Sequencer
from holdfast.server.platform import Platform
from holdfast.storage.accounts import SqlAccounts
from holdfast.testing.desk import PEOPLE
from holdfast.testing.desk import office as open_office

PRODUCTION = "production"


class House:
    """Clients of everybody by role, and a developer's workstation that seals evidence."""

    def __init__(self, stack, folder, store):
        self.office = stack.enter_context(open_office(folder, store)).founded()
        desk = self.office.desk
        sequencer = stack.enter_context(Sequencer(desk.store, desk.ledger, every=0.01))
        platform = Platform(
            desk, SqlAccounts(desk.store, b"s"), sequencer, "http://h.test", questionnaires={REGIME.regime: REGIME}
        )
        url = stack.enter_context(serving(app_of(platform)))
        self.url, self.platform = url, platform
        self.people = {who: self.client(who) for who in PEOPLE}

    def client(self, who):
        return Client(self.url, secret_of(self.office, self.platform, who))

    def submit(self, outcome, version):
        envelope, sealer = self.office.sealed(self.office.evidence(outcome, salt=version))
        return self.people["developer"].submit_evidence(envelope, sealer, version).record

    def ask(self, release, reason):
        said = {"release": release, "environment": PRODUCTION, "reason": reason}
        return self.people["owner"].ask_gate(Gate.DEPLOYMENT, SYSTEM.name, **said).key

    def approve(self, request, *disciplines):
        for discipline in disciplines or tuple(Discipline):
            self.people[discipline].answer_request(request, discipline, reason="looked at")

    def gate(self, request):
        return self.people["viewer"].show_request(request).ruling


@pytest.fixture
def house(tmp_path, governed):
    with ExitStack() as stack:
        yield House(stack, tmp_path, governed)


def test_from_a_breach_to_production_and_back(house):
    people = house.people
    people["owner"].register_system(SYSTEM)
    people["owner"].classify(SYSTEM.name, "regime", {"listed": True, "scores": False})
    people["it"].trust_sealer("workstation", house.office.desk.signer.public_bytes().hex())

    # A breach shuts the gate whoever approves, and the waiver that is asked for is refused.
    first = house.submit("breach", "1.0")
    request = house.ask(first.release, "the first release")
    house.approve(request)
    assert house.gate(request).outcome is Outcome.BREACH
    measure = first.breaches[0].limit.measure
    until = house.office.clock.now + timedelta(days=30)
    waiver = people["owner"].ask_waiver(request, measure, reason="late", controls="a person looks", until=until)
    people["risk"].answer_waiver(request, waiver.key, Discipline.RISK, reason="too much", yes=False)
    assert house.gate(request).outcome is Outcome.BREACH
    with pytest.raises(Forbidden, match="The gate is shut"):
        people["owner"].start_deployment(request)

    # Mitigated, the next release passes once every discipline has said yes.
    second = house.submit("pass", "1.1")
    assert second.outcome is Outcome.PASS
    request = house.ask(second.release, "mitigated")
    house.approve(request, Discipline.IT, Discipline.RISK, Discipline.LEGAL, Discipline.COMPLIANCE)
    assert house.gate(request).waiting_for == ("business",)
    house.approve(request, Discipline.BUSINESS)
    assert house.gate(request).outcome is Outcome.PASS
    deployment = people["owner"].start_deployment(request).record
    assert set(deployment.let_in_by) == {"it", "risk", "legal", "compliance", "business"}
    assert people["viewer"].show_admission(second.release, PRODUCTION).admitted

    # Newer evidence on the same release, with another answer, lapses every approval at once.
    house.office.clock.now += timedelta(hours=1)
    evidence = house.office.evidence("breach", salt="1.1")
    envelope, sealer = house.office.sealed(evidence)
    people["developer"].submit_evidence(envelope, sealer, "1.1")
    ruling = house.gate(request)
    assert (ruling.outcome, len(ruling.waiting_for)) == (Outcome.BREACH, 5)
    assert not people["viewer"].show_admission(second.release, PRODUCTION).admitted

    # All of it can be shown afterwards.
    running = people["auditor"].list_deployments(state="running").items[0]
    people["owner"].end_deployment(running.key, reason="the evidence has changed")
    assert [kept.record.until != "" for kept in people["auditor"].deployment_history(running.key)] == [False, True]
    held = people["auditor"].verify_ledger()
    acts = list(people["auditor"].every(people["auditor"].list_acts, limit=200))
    assert held.acts + held.pending == len(acts)
    assert sum(entry.act.verb == "approval.give" for entry in acts) == 10
