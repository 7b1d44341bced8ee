"""Steps and sources that are filed: only under trusted keys, found by digest, and traced back to from a release."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.flows.journey import answered_by_all, asked, filed, registered
from tests.unit.flows.test_register_data import admission
from tests.unit.flows.test_register_data import registered as entered

from holdfast import canonical
from holdfast.domain.act import Draft, Verb
from holdfast.domain.appetite import Tier
from holdfast.domain.approval import Discipline
from holdfast.domain.errors import FixInput, Forbidden, Tampered
from holdfast.domain.gate import Committee, Gate, Rule
from holdfast.domain.lineage import FiledOutput, FiledStep
from holdfast.domain.person import Person, Role
from holdfast.domain.provenance import Artifact, Provenance, Seen, Source
from holdfast.domain.release import Release
from holdfast.domain.verdict import Outcome
from holdfast.flows import steps
from holdfast.flows.desk import COMMITTEE
from holdfast.flows.gate import look
from holdfast.flows.register import trust_sealer
from holdfast.flows.steps import file_source, file_step, release_lineage
from holdfast.ledger.envelope import open_sealed, seal
from holdfast.testing.pipelines import sample_provenance


def file(office, record, who="developer"):
    flow = file_step if isinstance(record, Provenance) else file_source
    desk = office.desk
    return flow(desk, office.caller(who), seal(record, desk.signer), desk.signer.public_bytes().hex())


def made_of(made, *read, **changes):
    """A step that made the digest `made` from the digests `read`."""
    inputs = tuple(Artifact(f"{n}.csv", digest, Seen.DECLARED) for n, digest in enumerate(read))
    outputs = (Artifact("out.bin", made, Seen.DECLARED),)
    return replace(sample_provenance(), inputs=inputs, outputs=outputs, gaps=(), missing=(), **changes)


def trust(office, *, trusted=True):
    key = office.desk.signer.public_bytes().hex()
    trust_sealer(office.desk, office.caller("it"), "CI", key, trusted=trusted)


@pytest.fixture
def lines(office):
    """A release of which the model was made from an admitted table, and whose two tables are admitted or attested."""
    registered(office)
    release = office.desk.store.get(Release, filed(office).filed.record.release).record
    model, test, train = (material.digest for material in release.materials)
    raw = canonical.digest_bytes(b"rows")
    file(office, made_of(model, train, id="train"))
    file(office, made_of(train, raw, id="clean"))
    file(office, Source("test", test, "CRM", "internal", "mara", "2026-11-24T09:00:00Z"))
    return office, release, raw


def test_a_step_is_kept_whole_and_found_by_what_it_made(office):
    registered(office)
    made = sample_provenance()
    kept = file(office, made)
    envelope = office.desk.blobs.get(kept.record.envelope)
    assert open_sealed(envelope, office.desk.signer.public_bytes(), Provenance) == made
    assert (kept.record.provenance.data, kept.record.provenance.packages) == (made.data, ())
    (output,) = office.desk.store.list(FiledOutput, about=made.outputs[0].digest).items
    assert (output.record.step, output.record.path) == (kept.key, "model.joblib")
    assert file(office, made) == kept
    assert [act.verb for act in office.desk.store.pending(100)][-2:] == [Verb.FILE_STEP] * 2


def test_only_a_trusted_key_and_whoever_may_can_file(office):
    with pytest.raises(FixInput, match="Nobody here trusts"):
        file(office, sample_provenance())
    trust(office)
    with pytest.raises(Forbidden):
        file(office, sample_provenance(), who="auditor")
    key, another_kind = office.desk.signer.public_bytes().hex(), seal(admission(), office.desk.signer)
    with pytest.raises(Tampered):
        file_step(office.desk, office.caller("developer"), another_kind, key)
    edited = seal(sample_provenance(), office.desk.signer).replace(b'"sig":"', b'"sig":"AAAA')
    with pytest.raises(Tampered):
        file_step(office.desk, office.caller("developer"), edited, key)
    assert not office.desk.store.count(FiledStep)


def test_what_is_dated_by_no_moment_is_not_filed(office):
    trust(office)
    for wrong in (
        replace(sample_provenance(), finished_at="now"),
        Source("a", "sha256:a", "CRM", "x", "m", "2026-11-24T09:00:00"),
    ):
        with pytest.raises(FixInput, match="no moment"):
            file(office, wrong)


def test_of_a_step_with_many_files_those_that_it_declared_are_found(office):
    trust(office)
    many = tuple(Artifact(f"{n}.png", canonical.digest_bytes(b"%d" % n), Seen.CHANGED) for n in range(70))
    with pytest.raises(FixInput, match="wrote 70 files"):
        file(office, replace(sample_provenance(), outputs=many))
    file(office, replace(sample_provenance(), outputs=(*many, Artifact("m", "sha256:m", Seen.DECLARED))))
    assert office.desk.store.count(FiledOutput) == 1


def test_a_release_is_traced_back_and_a_broken_link_shows(lines):
    office, release, raw = lines
    traced = release_lineage(office.desk, release.digest)
    assert not traced.is_complete
    assert [link.digest for link in traced.lineage.breaks] == [raw]
    entered(office, admission())
    traced = release_lineage(office.desk, release.digest)
    assert traced.is_complete
    assert traced.filed_by == ("developer",)
    assert len(traced.lineage.links) == 5
    trust(office, trusted=False)
    lost = release_lineage(office.desk, release.digest).lineage
    assert {link.digest for link in lost.breaks} == {material.digest for material in release.materials}


def test_what_a_data_gate_refused_is_no_source(lines):
    office, release, raw = lines
    entered(office, admission())
    later = replace(admission(outcome=Outcome.BREACH), judged_at="2026-11-25T09:00:00Z")
    entered(office, later, "2")
    assert [link.digest for link in release_lineage(office.desk, release.digest).lineage.breaks] == [raw]


def test_an_admission_grounds_its_own_table_and_no_other(lines):
    office, release, raw = lines
    forged = admission(b"other")
    entered(office, replace(forged, source=replace(forged.source, digest=raw)))
    assert not release_lineage(office.desk, release.digest).is_complete


def test_more_files_than_are_looked_at_are_not_taken_for_known(lines, monkeypatch):
    office, release, _raw = lines
    entered(office, admission())
    monkeypatch.setattr(steps, "MOST_FILES", 3)
    traced = release_lineage(office.desk, release.digest)
    assert not traced.is_complete
    assert any("not all looked at" in link.because for link in traced.lineage.broken)


def demand_lineage(office):
    rules = tuple(Rule(gate, (Tier.HIGH,), tuple(Discipline), needs_lineage=True) for gate in Gate)
    kept = office.desk.store.get(Committee, COMMITTEE)
    record = Committee("AI committee", "2", rules)
    draft = Draft(Verb.SET_COMMITTEE, COMMITTEE, record, kept.revision)
    office.desk.store.commit([draft], actor="founder", at=office.desk.at, id="strict")


def test_a_rule_that_needs_lineage_shuts_the_gate_until_the_way_back_is_whole(lines):
    office, release, _raw = lines
    key = asked(office, release.digest).request.key
    answered_by_all(office, key)
    assert look(office.desk, key).ruling.outcome is Outcome.PASS
    assert look(office.desk, key).dossier.lineage is None
    demand_lineage(office)
    ruling = look(office.desk, key).ruling
    assert ruling.outcome is Outcome.INCONCLUSIVE
    assert "The lineage breaks at" in ruling.reasons[0].sentence
    entered(office, admission())
    assert look(office.desk, key).ruling.outcome is Outcome.PASS
    trust(office, trusted=False)
    assert look(office.desk, key).ruling.outcome is Outcome.INCONCLUSIVE


def test_whoever_filed_the_lineage_that_counts_is_barred(lines):
    office, release, raw = lines
    both = Person("both", (Role.DEVELOPER, Role.APPROVER_IT))
    office.desk.store.commit([Draft(Verb.SET_PERSON, "both", both)], actor="founder", at=office.desk.at, id="both")
    file(office, Source("rows", raw, "CRM", "internal", "mara", "2026-11-24T09:00:00Z"), who="both")
    key = asked(office, release.digest).request.key
    assert "both" not in look(office.desk, key).dossier.barred
    demand_lineage(office)
    assert "both" in look(office.desk, key).dossier.barred
