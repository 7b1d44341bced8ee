"""Gates: a pure function of facts, evidence, approvals and now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.appetite import Limit, Tier
from holdfast.domain.approval import Approval, Waiver
from holdfast.domain.classification import Classification
from holdfast.domain.gate import Committee, Dossier, Gate, Rule, Waived, decide
from holdfast.domain.system import Owners, Status, System
from holdfast.domain.verdict import Outcome, Reason, Verdict, timestamp

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LATER = timestamp(NOW + timedelta(days=30))
EARLIER = timestamp(NOW - timedelta(days=1))
DIGESTS = frozenset({"sha256:release", "sha256:verdict", "sha256:appetite"})
QUORUM = ("it", "risk", "legal", "compliance", "business")
COMMITTEE = Committee(
    "AI committee", "1", tuple(Rule(gate, (Tier.HIGH,), QUORUM, waiver_quorum=("risk", "legal")) for gate in Gate)
)
LIMIT = Limit("fairness.impact_ratio", "four fifths", minimum=0.8)
BREACHED = Reason(Outcome.BREACH, "The impact ratio is 0.7.", LIMIT)
KEPT = Reason(Outcome.PASS, "The AUC is 0.8.", Limit("performance.auc", "better than chance", minimum=0.6))


def verdict(*reasons: Reason) -> Verdict:
    outcome = Outcome.BREACH if BREACHED in reasons else Outcome.PASS
    return Verdict(outcome, reasons, "loans", "sha256:release", "sha256:e", "sha256:appetite", Tier.HIGH, EARLIER)


def approval(person: str, role: str, *bound: str, says_yes: bool = True) -> Approval:
    return Approval(person, role, "seen", tuple(bound or sorted(DIGESTS)), EARLIER, LATER, says_yes)


def dossier(**changes: object) -> Dossier:
    base = Dossier(
        gate=Gate.DEPLOYMENT,
        system=System("loans", owners=Owners("a", "b", "c", "d"), tier=Tier.HIGH),
        classification=Classification("loans", "eu-ai-act", "1", (), Tier.HIGH, (), ()),
        committee=COMMITTEE,
        verdict=verdict(KEPT),
        digests=DIGESTS,
        barred=frozenset({"requester", "author"}),
        approvals=tuple(approval(f"head of {role}", role) for role in QUORUM),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def waived(person: str = "owner", controls: str = "a person reviews each refusal", by: tuple[str, ...] = ("r", "l")):
    waiver = Waiver(LIMIT.measure, person, "owner", "no time", controls, ("sha256:release",), EARLIER, LATER)
    approvals = tuple(approval(p, role, "sha256:waiver") for p, role in zip(by, ("risk", "legal"), strict=False))
    return Waived(waiver, "sha256:waiver", approvals)


def test_all_three_together_pass():
    ruling = decide(dossier(), NOW)
    assert (ruling.outcome, ruling.waiting_for) == (Outcome.PASS, ())
    assert ruling.counted == tuple(sorted(f"head of {role}" for role in QUORUM))


@pytest.mark.parametrize("gate", list(Gate))
@pytest.mark.parametrize("part", ["data", "model", "deployment", "monitoring"])
def test_without_all_four_owners_no_gate_is_passed(gate: Gate, part: str):
    owners = replace(Owners("a", "b", "c", "d"), **{part: " "})
    ruling = decide(dossier(gate=gate, system=System("loans", owners=owners)), NOW)
    assert ruling.outcome is Outcome.INCONCLUSIVE
    assert part in ruling.reasons[0].sentence


tiers = st.sampled_from([None, *Tier])


@given(st.sampled_from(list(Gate)), tiers, st.booleans(), st.sets(st.sampled_from(QUORUM)))
def test_nobody_can_approve_what_is_prohibited(gate, overridden, with_waiver, roles):
    prohibited = replace(dossier().classification, computed=Tier.PROHIBITED)
    everyone = Committee("all", "1", tuple(Rule(g, tuple(Tier), tuple(roles), tuple(roles)) for g in Gate))
    case = dossier(gate=gate, classification=prohibited, committee=everyone, waivers=(waived(),) * with_waiver)
    assert decide(case, NOW).outcome is Outcome.BREACH


@given(st.sets(st.sampled_from(QUORUM)))
def test_each_missing_discipline_is_named_and_keeps_the_gate_shut(there):
    ruling = decide(dossier(approvals=tuple(approval(role, role) for role in there)), NOW)
    assert set(ruling.waiting_for) == set(QUORUM) - there
    assert (ruling.outcome is Outcome.PASS) == (there == set(QUORUM))


@pytest.mark.parametrize("person", ["requester", "author"])
def test_requester_and_author_never_count(person: str):
    others = tuple(approval(role, role) for role in QUORUM if role != "risk")
    assert decide(dossier(approvals=(*others, approval(person, "risk"))), NOW).waiting_for == ("risk",)


def test_one_person_counts_for_one_discipline():
    same = tuple(approval("head of everything", role) for role in QUORUM)
    assert len(decide(dossier(approvals=same), NOW).waiting_for) == len(QUORUM) - 1


@given(st.sampled_from(sorted(DIGESTS)))
def test_a_changed_digest_reopens_the_gate(gone):
    ruling = decide(dossier(digests=(DIGESTS - {gone}) | {"sha256:new"}), NOW)
    assert ruling.outcome is Outcome.INCONCLUSIVE
    assert ruling.waiting_for == tuple(sorted(QUORUM))


def test_no_evidence_and_no_verdict_reasons_are_inconclusive():
    assert decide(dossier(verdict=None), NOW).outcome is Outcome.INCONCLUSIVE
    assert decide(dossier(verdict=verdict()), NOW).outcome is Outcome.INCONCLUSIVE
    assert decide(dossier(gate=Gate.PROCUREMENT, verdict=None), NOW).outcome is Outcome.PASS


def test_a_breach_is_waived_only_with_controls_and_by_those_who_must():
    breach = dossier(verdict=verdict(BREACHED, KEPT))
    assert decide(breach, NOW).outcome is Outcome.BREACH
    assert decide(replace(breach, waivers=(waived(),)), NOW).outcome is Outcome.PASS
    refused = [
        waived(controls=" "),
        waived(by=("r",)),
        waived(by=("owner", "l")),
        waived(by=("author", "l")),
        replace(waived(), digest="sha256:other"),
    ]
    assert all(decide(replace(breach, waivers=(w,)), NOW).outcome is Outcome.BREACH for w in refused)
    assert decide(replace(breach, waivers=(waived(),)), NOW + timedelta(days=31)).outcome is Outcome.BREACH


def test_a_limit_that_says_so_cannot_be_waived():
    firm = replace(BREACHED, limit=replace(LIMIT, waivable=False))
    breach = verdict(firm)
    assert decide(dossier(verdict=breach, waivers=(waived(),)), NOW).outcome is Outcome.BREACH


def test_what_keeps_all_evidence_from_counting_cannot_be_waived():
    stale = Reason(Outcome.INCONCLUSIVE, "The evidence is 91 days old; it counts for 90.")
    assert decide(dossier(verdict=verdict(stale, KEPT), waivers=(waived(),)), NOW).outcome is Outcome.INCONCLUSIVE


def test_dissent_is_on_record_and_does_not_count():
    no = approval("second lawyer", "legal", says_yes=False)
    ruling = decide(dossier(approvals=(*dossier().approvals, no)), NOW)
    assert ruling.outcome is Outcome.PASS
    assert any("Dissent on record (legal): seen" in reason.sentence for reason in ruling.reasons)
    only = tuple(replace(a, says_yes=a.role != "legal") for a in dossier().approvals)
    assert decide(dossier(approvals=only), NOW).waiting_for == ("legal",)


def test_a_retired_or_misclassified_system_does_not_pass():
    retired = replace(dossier().system, status=Status.RETIRED)
    assert decide(dossier(system=retired), NOW).outcome is Outcome.BREACH
    assert decide(dossier(classification=None), NOW).outcome is Outcome.INCONCLUSIVE
    lower = replace(dossier().system, tier=Tier.MINIMAL)
    assert decide(dossier(system=lower), NOW).outcome is Outcome.INCONCLUSIVE


def test_no_committee_lets_nothing_through():
    assert decide(dossier(committee=None), NOW).outcome is Outcome.INCONCLUSIVE
    nobody = Committee("nobody", "1", (Rule(Gate.DEPLOYMENT, (Tier.HIGH,), ()),))
    assert decide(dossier(committee=nobody), NOW).outcome is Outcome.INCONCLUSIVE
