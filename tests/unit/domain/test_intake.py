"""Data and lineage at a gate: what is missing, old, refused or broken is never Pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.test_gate import NOW, QUORUM, approval, dossier

from holdfast.domain.appetite import Tier
from holdfast.domain.evidence import Material
from holdfast.domain.gate import Committee, Gate, Rule, decide
from holdfast.domain.intake import Offered, judge_lineage
from holdfast.domain.lineage import Origin, assembly, trace
from holdfast.domain.provenance import Artifact, Provenance, Seen, Source
from holdfast.domain.release import Release
from holdfast.domain.verdict import Outcome, parse_time, timestamp

TODAY = timestamp(NOW)
DAYS = 90
OK = Offered("sha256:table", "applicants 1", Outcome.PASS, TODAY, "sha256:c", "", has_passed=True)
RELEASE = Release("sha256:release", "loans", "1.0", (Material("model", "model.bin", "sha256:model", 1),))


def data_dossier(*data: Offered, gate: Gate = Gate.DATA, days: int | None = DAYS):
    return dossier(gate=gate, verdict=None, data=data, evidence_days=days)


def step(made: str, *read: str, **changes: object) -> Provenance:
    inputs = tuple(Artifact(name, f"sha256:{name}", Seen.DECLARED) for name in read)
    outputs = (Artifact(made, f"sha256:{made}", Seen.CHANGED),)
    base = Provenance(f"step {made}", ("make", made), inputs, outputs, None, (), (), "m", TODAY, TODAY, 0)
    return replace(base, **changes)  # type: ignore[arg-type]


def source(name: str) -> Source:
    return Source(name, f"sha256:{name}", "CRM", "internal", "mara", TODAY)


def lineage(steps=(), sources=(), release=RELEASE):
    return trace(release.digest, [assembly(release), *steps], sources)


@pytest.mark.parametrize("gate", [Gate.DATA, Gate.TRAINING])
def test_admitted_data_and_approvals_pass(gate):
    ruling = decide(data_dossier(OK, gate=gate), NOW)
    assert ruling.outcome is Outcome.PASS
    assert any("applicants 1 was let in" in reason.sentence for reason in ruling.reasons)


@pytest.mark.parametrize(
    ("bad", "outcome", "says"),
    [
        (replace(OK, outcome=None), Outcome.INCONCLUSIVE, "No data gate whose key is trusted"),
        (replace(OK, outcome=Outcome.BREACH, because="Two rows are below 18."), Outcome.BREACH, "Two rows"),
        (replace(OK, outcome=Outcome.INCONCLUSIVE), Outcome.INCONCLUSIVE, "could not tell"),
        (replace(OK, judged_at=timestamp(NOW + timedelta(hours=1))), Outcome.INCONCLUSIVE, "in the future"),
        (replace(OK, judged_at=timestamp(NOW - timedelta(days=91))), Outcome.INCONCLUSIVE, "91 days ago"),
    ],
)
def test_one_data_set_that_may_not_be_used_shuts_the_gate(bad, outcome, says):
    ruling = decide(data_dossier(OK, bad), NOW)
    assert ruling.outcome is outcome
    assert says in ruling.reasons[0].sentence


offers = st.builds(
    Offered,
    digest=st.just("sha256:t"),
    outcome=st.sampled_from([None, *Outcome]),
    judged_at=st.integers(-400, 10).map(lambda days: timestamp(NOW + timedelta(days=days))),
    has_passed=st.booleans(),
)


@given(st.lists(offers, max_size=3), st.sampled_from([Gate.DATA, Gate.TRAINING]), st.none() | st.integers(1, 365))
def test_no_data_stale_data_or_refused_data_is_never_pass(data, gate, days):
    """Law 1 for data: Pass follows from each data set being let in, lately enough, and from nothing else."""
    ruling = decide(data_dossier(*data, gate=gate, days=days), NOW)

    def usable(one: Offered) -> bool:
        age = NOW - parse_time(one.judged_at)
        fresh = days is not None and timedelta(minutes=-5) <= age <= timedelta(days=days)
        return one.outcome is Outcome.PASS and fresh and (gate is Gate.DATA or one.has_passed)

    assert (ruling.outcome is Outcome.PASS) == (bool(data) and all(map(usable, data)))


@given(st.integers(0, 400))
def test_what_is_let_in_reopens_with_time_alone(days):
    outcome = decide(data_dossier(OK), NOW + timedelta(days=days)).reasons
    stale = [reason for reason in outcome if "Admit it again" in reason.sentence]
    assert bool(stale) == (days > DAYS)


def test_training_asks_for_the_data_gate_of_the_same_system():
    admitted_only = replace(OK, has_passed=False)
    assert decide(data_dossier(admitted_only), NOW).outcome is Outcome.PASS
    ruling = decide(data_dossier(admitted_only, gate=Gate.TRAINING), NOW)
    assert ruling.outcome is Outcome.INCONCLUSIVE
    assert "has not passed this system's data gate" in ruling.reasons[0].sentence


def test_approvals_are_bound_to_the_data():
    bound = tuple(approval(f"head of {role}", role, "sha256:table") for role in QUORUM)
    base = replace(data_dossier(OK), approvals=bound, digests=frozenset({"sha256:table"}))
    assert decide(base, NOW).outcome is Outcome.PASS
    assert decide(replace(base, digests=frozenset({"sha256:other"})), NOW).outcome is Outcome.INCONCLUSIVE


STRICT = Committee("all", "1", tuple(Rule(gate, (Tier.HIGH,), QUORUM, needs_lineage=True) for gate in Gate))
WHOLE = lineage([step("model", "train"), step("train", "raw")], [source("raw")])
BROKEN = lineage([step("model", "train"), step("train", "raw")])


@pytest.mark.parametrize("gate", [Gate.DEPLOYMENT, Gate.CHANGE])
def test_a_rule_that_needs_lineage_names_the_broken_link(gate):
    assert decide(dossier(gate=gate, committee=STRICT, lineage=WHOLE), NOW).outcome is Outcome.PASS
    ruling = decide(dossier(gate=gate, committee=STRICT, lineage=BROKEN), NOW)
    assert ruling.outcome is Outcome.INCONCLUSIVE
    assert [r.sentence for r in ruling.reasons if "lineage" in r.sentence] == [
        "The lineage breaks at raw (sha256:raw): No recorded step made it, and nobody attested where it comes from."
    ]
    assert decide(dossier(gate=gate, committee=STRICT, lineage=None), NOW).outcome is Outcome.INCONCLUSIVE


@given(st.sampled_from([None, WHOLE, BROKEN]), st.sampled_from(list(Gate)))
def test_a_rule_that_does_not_need_lineage_is_not_moved_by_it(found, gate):
    case = dossier(gate=gate, data=(OK,), evidence_days=DAYS)
    assert decide(replace(case, lineage=found), NOW) == decide(case, NOW)


names = st.sampled_from(["model", "train", "raw", "rates", "extra"])


@given(
    st.lists(st.builds(step, names, names, names, exit_code=st.integers(0, 1)), max_size=6),
    st.lists(names.map(source), max_size=3),
)
def test_lineage_is_pass_only_where_no_link_is_broken(steps, sources):
    found = lineage(steps, sources)
    reasons = list(judge_lineage(found))
    assert ({r.outcome for r in reasons} == {Outcome.PASS}) == found.is_complete
    assert all(link.origin is Origin.BROKEN for link in found.breaks)
    assert bool(found.breaks) != found.is_complete


def test_a_release_of_nothing_that_lineage_looks_at_is_broken():
    papers = replace(RELEASE, materials=(Material("dependencies", "requirements.txt", "sha256:r", 1),))
    assert not lineage(release=papers).is_complete
    assert [link.digest for link in lineage(release=papers).breaks] == [RELEASE.digest]


def test_many_broken_links_are_counted():
    made = step("model", *(f"part{n}" for n in range(9)))
    assert [r.sentence for r in judge_lineage(lineage([made]))][-1] == "The lineage breaks at 4 more files."
