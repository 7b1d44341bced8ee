"""The whole way: breach, waiver refused, mitigated, quorum, released, changed, lapsed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from holdfast import canonical
from holdfast.domain.approval import Discipline
from holdfast.domain.errors import Absent, Conflict, FixInput, Forbidden
from holdfast.domain.gate import Gate
from holdfast.domain.person import Sealer
from holdfast.domain.release import Deployment
from holdfast.domain.system import System
from holdfast.domain.verdict import Outcome
from holdfast.flows import deploy as live
from holdfast.flows.approve import answer, answer_waiver, ask_waiver, delegate, end_delegation, mandates_of, revoke
from holdfast.flows.deploy import deploy, end_deployment
from holdfast.flows.gate import admit, look, withdraw
from holdfast.flows.inbox import waiting
from holdfast.flows.propose import enact, propose
from holdfast.flows.register import change_system, trust_sealer
from holdfast.testing.desk import ALL

from .journey import SYSTEM, answered_by_all, asked, filed, registered


def released(office, salt=""):
    release = filed(office, "pass", salt).filed.record.release
    key = asked(office, release).request.key
    answered_by_all(office, key)
    return release, key


def test_the_whole_way(office):
    registered(office)
    breach = filed(office, "breach", "first").filed.record.release
    opened = asked(office, breach)
    assert opened.ruling.outcome is Outcome.BREACH
    answered_by_all(office, opened.request.key)
    assert look(office.desk, opened.request.key).ruling.outcome is Outcome.BREACH
    with pytest.raises(Forbidden, match="shut"):
        deploy(office.desk, office.caller("developer"), opened.request.key)

    measure = next(r.limit.measure for r in opened.ruling.reasons if r.outcome is Outcome.BREACH and r.limit)
    until = office.clock.now + timedelta(days=30)
    waiver = ask_waiver(
        office.desk,
        office.caller("owner"),
        opened.request.key,
        measure,
        reason="no time",
        controls="review",
        until=until,
    )
    no = answer_waiver(
        office.desk, office.caller("risk"), opened.request.key, waiver.key, Discipline.RISK, reason="no", says_yes=False
    )
    assert not no.record.says_yes
    assert look(office.desk, opened.request.key).ruling.outcome is Outcome.BREACH

    release, key = released(office, "mitigated")
    assert look(office.desk, key).ruling.outcome is Outcome.PASS
    live = deploy(office.desk, office.caller("developer"), key).record
    assert set(live.let_in_by) == set(ALL)
    assert admit(office.desk, release, "production").admitted
    assert not admit(office.desk, release, "staging").admitted

    changed = filed(office, "pass", "other data").filed.record.release
    assert not admit(office.desk, changed, "production").admitted
    assert asked(office, changed).ruling.waiting_for == tuple(sorted(ALL))


def test_a_digest_that_nobody_knows_may_not_run(office):
    assert admit(office.desk, "sha256:" + "0" * 64, "production").reason == "No release is made of this digest."


def test_a_model_is_admitted_by_its_own_digest(office):
    registered(office)
    released(office, "x")
    model = next(m.digest for m in office.evidence(salt="x").materials if m.role == "model")
    assert admit(office.desk, model, "production").admitted


@pytest.mark.parametrize("change", ["classification", "stale", "appetite", "sealer", "evidence", "withdrawn"])
def test_approvals_lapse_with_what_they_are_bound_to(office, change):
    from holdfast.flows.register import classify_system

    from .journey import REGIME

    registered(office)
    release, key = released(office)
    assert admit(office.desk, release, "production").admitted
    if change == "classification":
        more = replace(REGIME, version="2")
        classify_system(office.desk, office.caller("owner"), SYSTEM.name, more, (("listed", True), ("scores", False)))
    if change == "stale":
        office.clock.pass_days(91)
    if change == "appetite":
        from holdfast.testing.runs import sample_appetite

        stricter = replace(sample_appetite(), version="2027.1")
        proposal = propose(office.desk, office.caller("owner"), stricter, reason="yearly review")
        enact(office.desk, office.caller("risk"), proposal.key)
    if change == "sealer":
        trust_sealer(office.desk, office.caller("it"), "CI", office.desk.signer.public_bytes().hex(), trusted=False)
    if change == "evidence":
        office.clock.pass_days(1)
        filed(office, "breach")
    if change == "withdrawn":
        withdraw(office.desk, office.caller("owner"), key)
    assert not admit(office.desk, release, "production").admitted


def test_new_evidence_that_says_the_same_keeps_no_approval_of_the_old(office):
    """Other evidence is another digest: what people saw is not what lies there now."""
    registered(office)
    release, key = released(office)
    office.clock.pass_days(1)
    filed(office, "pass")
    assert look(office.desk, key).ruling.waiting_for == tuple(sorted(ALL))
    answered_by_all(office, key)
    assert admit(office.desk, release, "production").admitted


def test_a_waiver_that_those_who_must_approved_opens_the_gate_until_it_ends(office):
    registered(office)
    release = filed(office, "breach").filed.record.release
    opened = asked(office, release)
    key = opened.request.key
    measures = {r.limit.measure for r in opened.ruling.reasons if r.outcome is not Outcome.PASS and r.limit}
    until = office.clock.now + timedelta(days=30)
    for measure in measures:
        waiver = ask_waiver(
            office.desk, office.caller("owner"), key, measure, reason="r", controls="a person reviews", until=until
        )
        for discipline in (Discipline.RISK, Discipline.LEGAL):
            answer_waiver(office.desk, office.caller(discipline), key, waiver.key, discipline, reason="ok")
    answered_by_all(office, key)
    assert look(office.desk, key).ruling.outcome is Outcome.PASS
    office.clock.pass_days(31)
    assert look(office.desk, key).ruling.outcome is Outcome.BREACH


def test_only_what_stands_in_the_way_is_waived(office):
    registered(office)
    key = asked(office, filed(office).filed.record.release).request.key
    until = office.clock.now + timedelta(days=30)
    with pytest.raises(FixInput, match="does not stand in the way"):
        ask_waiver(office.desk, office.caller("owner"), key, "performance.auc", reason="r", controls="c", until=until)


def test_requester_author_and_stranger_cannot_answer(office):
    from holdfast.domain.person import Person, Role

    registered(office)
    key = asked(office, filed(office).filed.record.release).request.key
    with pytest.raises(Forbidden, match="do not speak for legal"):
        answer(office.desk, office.caller("risk"), key, Discipline.LEGAL, reason="r")
    with pytest.raises(Forbidden, match="approve"):
        answer(office.desk, office.caller("admin"), key, Discipline.IT, reason="r")
    for name in ("owner", "developer"):
        both = Person(name, (*office.caller(name).person.roles, Role.APPROVER_RISK))
        proposal = propose(office.desk, office.caller("admin"), both, reason="small team")
        assert proposal.record.state == "enacted"
        with pytest.raises(Forbidden, match="cannot count"):
            answer(office.desk, office.caller(name), key, Discipline.RISK, reason="r")


def test_a_delegate_answers_until_the_delegation_ends(office):
    registered(office)
    key = asked(office, filed(office).filed.record.release).request.key
    until = office.clock.now + timedelta(days=7)
    with pytest.raises(Forbidden, match="no office"):
        delegate(office.desk, office.caller("risk"), "it", Discipline.LEGAL, until=until, reason="leave")
    given = delegate(office.desk, office.caller("risk"), "it", Discipline.RISK, until=until, reason="leave")
    found = answer(office.desk, office.caller("it"), key, Discipline.RISK, reason="seen").record
    assert (found.person, found.on_behalf_of) == ("it", "risk")
    assert "risk" not in look(office.desk, key).ruling.waiting_for
    with pytest.raises(Forbidden):
        end_delegation(office.desk, office.caller("it"), given.key)
    end_delegation(office.desk, office.caller("risk"), given.key)
    assert {m.discipline for m in mandates_of(office.desk, office.caller("it").person)} == {"it"}


def test_an_answer_is_taken_back_by_who_gave_it(office):
    registered(office)
    key = asked(office, filed(office).filed.record.release).request.key
    given = answer(office.desk, office.caller("legal"), key, Discipline.LEGAL, reason="seen")
    with pytest.raises(Forbidden):
        revoke(office.desk, office.caller("risk"), given.key)
    revoke(office.desk, office.caller("legal"), given.key)
    assert "legal" in look(office.desk, key).ruling.waiting_for


def test_a_gate_without_a_release_is_bound_to_the_system(office):
    registered(office)
    key = asked(office, "", gate=Gate.PROCUREMENT).request.key
    answered_by_all(office, key)
    assert look(office.desk, key).ruling.outcome is Outcome.PASS
    kept = office.desk.store.get(System, SYSTEM.name)
    change_system(office.desk, office.caller("owner"), SYSTEM.name, replace(kept.record, vendor="Acme"), kept.revision)
    assert look(office.desk, key).ruling.outcome is Outcome.INCONCLUSIVE
    with pytest.raises(FixInput, match="go live"):
        deploy(office.desk, office.caller("owner"), key)


def test_what_ran_before_ends_with_what_comes_after_it(office):
    registered(office)
    for salt in ("one", "two"):
        _, key = released(office, salt)
        deploy(office.desk, office.caller("owner"), key)
        office.clock.pass_days(1)
    history = [k.record for k in office.desk.store.list(Deployment, system=SYSTEM.name, descending=False).items]
    assert [(d.until, d.ended_because) for d in history] == [(history[1].since, "replaced"), ("", "")]
    running = office.desk.store.list(Deployment, state="running").items[0]
    end_deployment(office.desk, office.caller("owner"), running.key, reason="incident")
    with pytest.raises(Conflict):
        end_deployment(office.desk, office.caller("owner"), running.key, reason="again")


def test_of_two_first_deployments_at_once_one_counts(office, monkeypatch):
    registered(office)
    (_, one), (_, other) = released(office, "one"), released(office, "other")
    looked = live.running_in

    def looked_too_early(*where):
        found = looked(*where)
        monkeypatch.setattr(live, "running_in", looked)
        deploy(office.desk, office.caller("developer"), other)
        return found

    monkeypatch.setattr(live, "running_in", looked_too_early)
    with pytest.raises(Conflict):
        deploy(office.desk, office.caller("owner"), one)
    (running,) = office.desk.store.list(Deployment, system=SYSTEM.name, state="running").items
    assert running.record.gate == other
    assert deploy(office.desk, office.caller("owner"), one).record.gate == one


def test_only_who_asked_withdraws_and_nobody_answers_what_is_withdrawn(office):
    registered(office)
    key = asked(office, filed(office).filed.record.release).request.key
    with pytest.raises(Forbidden):
        withdraw(office.desk, office.caller("developer"), key)
    withdraw(office.desk, office.caller("owner"), key)
    with pytest.raises(Conflict, match="withdrawn"):
        answer(office.desk, office.caller("risk"), key, Discipline.RISK, reason="r")


def test_a_release_is_asked_for_by_its_own_system_and_for_somewhere(office):
    registered(office)
    release = filed(office).filed.record.release
    registered_other = replace(SYSTEM, name="other")
    from holdfast.flows.gate import ask
    from holdfast.flows.register import register_system

    register_system(office.desk, office.caller("owner"), registered_other)
    owner = office.caller("owner")
    with pytest.raises(FixInput, match="belongs to"):
        ask(office.desk, owner, Gate.DEPLOYMENT, "other", reason="r", release=release, environment="production")
    with pytest.raises(FixInput, match="environment"):
        ask(office.desk, owner, Gate.DEPLOYMENT, SYSTEM.name, reason="r", release=release)
    with pytest.raises(Absent):
        ask(office.desk, owner, Gate.DEPLOYMENT, SYSTEM.name, reason="r", release="sha256:no", environment="p")


def test_evidence_by_somebody_untrusted_is_no_evidence(office):
    registered(office)
    release = filed(office).filed.record.release
    key = office.desk.signer.public_bytes().hex()
    trust_sealer(office.desk, office.caller("it"), "CI", key, trusted=False)
    assert office.desk.store.list(Sealer, state="revoked").items
    opened = asked(office, release)
    assert any("no evidence" in reason.sentence for reason in opened.ruling.reasons)
    assert canonical.digest(opened.request.record) == opened.bound[0]


def test_whoever_filed_the_evidence_that_counts_is_barred_as_well(office):
    from holdfast.flows.register import file_evidence

    registered(office)
    release = filed(office).filed.record.release
    office.clock.pass_days(1)
    file_evidence(office.desk, office.caller("owner"), *office.sealed(office.evidence()), "1")
    assert asked(office, release, who="developer").dossier.barred == {"developer", "owner"}


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_damaged_evidence_shuts_its_own_gate_and_no_page(office, tmp_path, harm):
    registered(office)
    filing = filed(office)
    key = asked(office, filing.verdict.record.release).request.key
    answered_by_all(office, key)
    assert look(office.desk, key).ruling.outcome is Outcome.PASS
    hex = filing.filed.key.removeprefix("sha256:")
    (blob,) = tmp_path.rglob(hex[2:])
    blob.unlink()
    if harm == "changed":
        blob.write_bytes(b"{}")
    ruling = look(office.desk, key).ruling
    assert ruling.outcome is Outcome.INCONCLUSIVE
    assert "cannot be relied on" in ruling.reasons[0].sentence
    assert not admit(office.desk, filing.verdict.record.release, "production").admitted
    assert [one.opened.request.key for one in waiting(office.desk, office.caller("legal"))] == [key]
