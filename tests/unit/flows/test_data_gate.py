"""The data and training gates: on admissions that count now, bound to the digests of the tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.flows.journey import SYSTEM, answered_by_all
from tests.unit.flows.journey import registered as with_system
from tests.unit.flows.test_register_data import admission, registered
from tests.unit.flows.test_steps import trust

from holdfast import canonical
from holdfast.domain.dataset import DatasetVersion
from holdfast.domain.errors import FixInput
from holdfast.domain.gate import Gate
from holdfast.domain.verdict import Outcome, timestamp
from holdfast.flows.gate import ask, look, withdraw

TABLE, OTHER = canonical.digest_bytes(b"rows"), canonical.digest_bytes(b"other rows")


@pytest.fixture
def office(office):
    with_system(office)
    registered(office, admission())
    return office


def wants(office, *datasets, gate=Gate.DATA, who="owner"):
    return ask(office.desk, office.caller(who), gate, SYSTEM.name, reason="for training", datasets=datasets).request.key


def answer_of(office, key):
    return look(office.desk, key).ruling


def passed(office, *datasets, gate=Gate.DATA):
    key = wants(office, *datasets, gate=gate)
    answered_by_all(office, key)
    assert answer_of(office, key).outcome is Outcome.PASS
    return key


def test_what_was_let_in_passes_and_approvals_are_bound_to_it(office):
    key = wants(office, TABLE)
    opened = look(office.desk, key)
    assert {TABLE, admission().contract} <= set(opened.bound)
    assert opened.dossier.barred == {"owner", "developer"}
    answered_by_all(office, key)
    assert answer_of(office, key).outcome is Outcome.PASS


def test_stale_evidence_reopens_it_and_a_new_admission_shuts_that_up(office):
    key = passed(office, TABLE)
    office.clock.pass_days(91)
    ruling = answer_of(office, key)
    assert ruling.outcome is Outcome.INCONCLUSIVE
    assert "applicants 1 was let in 91 days ago; that counts for 90" in ruling.reasons[0].sentence
    again = replace(admission(), judged_at=timestamp(office.clock.now))
    kept = registered(office, again)
    assert (kept.key, kept.revision) == ("applicants:1", 2)
    assert answer_of(office, key).outcome is Outcome.PASS
    assert registered(office, admission()).revision == 2, "an older admission says nothing new"
    assert len(office.desk.store.history(DatasetVersion, "applicants:1")) == 2


def test_a_sealer_that_is_no_longer_trusted_reopens_it(office):
    key = passed(office, TABLE)
    trust(office, trusted=False)
    assert "No data gate whose key is trusted" in answer_of(office, key).reasons[0].sentence
    assert answer_of(office, key).outcome is Outcome.INCONCLUSIVE


def test_a_later_refusal_under_any_name_shuts_it(office):
    key = passed(office, TABLE)
    refused = replace(admission(outcome=Outcome.BREACH), judged_at="2026-11-24T10:00:00Z")
    registered(office, replace(refused, name="applicants-again"), "7")
    office.clock.pass_days(1)
    ruling = answer_of(office, key)
    assert ruling.outcome is Outcome.BREACH
    assert "applicants-again 7: 2 of 9 rows are below 18." in ruling.reasons[0].sentence


def test_another_contract_lapses_approvals(office):
    key = passed(office, TABLE)
    office.clock.pass_days(1)
    looser = replace(admission(), contract=canonical.digest("looser"), judged_at=timestamp(office.clock.now))
    registered(office, looser)
    assert len(answer_of(office, key).waiting_for) == 5


def test_training_waits_for_the_data_gate(office):
    registered(office, admission(b"other rows"), "2")
    key = wants(office, TABLE, OTHER, gate=Gate.TRAINING)
    answered_by_all(office, key)
    said = [reason.sentence for reason in answer_of(office, key).reasons if reason.outcome is Outcome.INCONCLUSIVE]
    assert said == [f"applicants {n} has not passed this system's data gate." for n in (1, 2)]
    through = passed(office, TABLE, OTHER)
    assert answer_of(office, key).outcome is Outcome.PASS
    withdraw(office.desk, office.caller("owner"), through)
    assert answer_of(office, key).outcome is Outcome.INCONCLUSIVE


def test_a_request_names_data_that_is_registered_where_data_is_let_through(office):
    with pytest.raises(FixInput, match="names no data set"):
        wants(office)
    with pytest.raises(FixInput, match="No data set is registered"):
        wants(office, OTHER)
    with pytest.raises(FixInput, match="takes no data sets"):
        wants(office, TABLE, gate=Gate.PROCUREMENT)


@pytest.mark.parametrize("when", ["yesterday", "2026-11-24T09:00:00", ""])
def test_an_admission_without_a_moment_is_not_entered(office, when):
    with pytest.raises(FixInput, match="no moment"):
        registered(office, replace(admission(b"x"), judged_at=when), "9")
