"""Data sets and prompts as versions: bound to digests, sealed by somebody trusted, never changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast import canonical
from holdfast.domain.act import Verb
from holdfast.domain.dataset import Admission, DatasetVersion, Objection, PromptVersion
from holdfast.domain.errors import FixInput, Forbidden, Tampered
from holdfast.domain.provenance import Source
from holdfast.domain.verdict import Outcome
from holdfast.flows.register import trust_sealer
from holdfast.flows.register_data import read_prompt, register_dataset, register_prompt
from holdfast.ledger.envelope import open_sealed, seal


def admission(content=b"rows", outcome=Outcome.PASS):
    digest = canonical.digest_bytes(content)
    source = Source("applicants", digest, "CRM", "internal", "mara", "2026-11-24T09:00:00Z")
    objections = (
        () if outcome is Outcome.PASS else (Objection("range", outcome, "2 of 9 rows are below 18.", "age", 2),)
    )
    return Admission(
        "applicants", digest, canonical.digest("c"), "", source, outcome, objections, 9, 2, "2026-11-24T09:00:00Z"
    )


def registered(office, record, version="1", who="developer", **given):
    sealer = office.desk.signer.public_bytes().hex()
    envelope = seal(record, office.desk.signer)
    return register_dataset(office.desk, office.caller(who), envelope, sealer=sealer, version=version, **given)


@pytest.fixture
def trusting(office):
    trust_sealer(office.desk, office.caller("it"), "CI", office.desk.signer.public_bytes().hex())
    return office


def test_a_version_is_bound_to_a_digest_a_contract_and_a_source(trusting):
    kept = registered(trusting, admission())
    assert (kept.key, kept.record.outcome, kept.record.source.where) == ("applicants:1", "pass", "CRM")
    envelope = trusting.desk.blobs.get(kept.record.admission)
    assert open_sealed(envelope, trusting.desk.signer.public_bytes(), Admission) == admission()
    found = trusting.desk.store.list(DatasetVersion, about=admission().digest)
    assert [item.record for item in found.items] == [kept.record]
    assert [act.verb for act in trusting.desk.store.pending(100)][-1] is Verb.REGISTER_DATASET


def test_a_version_never_changes_and_follows_one_that_is_known(trusting):
    first = registered(trusting, admission())
    assert registered(trusting, admission()) == first
    with pytest.raises(FixInput, match="another digest"):
        registered(trusting, admission(b"more"))
    with pytest.raises(FixInput, match="no version with that digest"):
        registered(trusting, admission(b"more"), "2", parent=canonical.digest("?"))
    assert (
        registered(trusting, admission(b"more"), "2", parent=first.record.digest).record.parent == first.record.digest
    )


def test_what_was_refused_is_known_as_refused(trusting):
    registered(trusting, admission(outcome=Outcome.BREACH))
    assert trusting.desk.store.count(DatasetVersion, state="breach") == 1


def test_only_a_trusted_sealer_counts_and_only_those_who_may_can_enter(office):
    with pytest.raises(FixInput, match="Nobody here trusts"):
        registered(office, admission())
    trust_sealer(office.desk, office.caller("it"), "CI", office.desk.signer.public_bytes().hex())
    with pytest.raises(Forbidden):
        registered(office, admission(), who="auditor")
    envelope = seal(admission(), office.desk.signer).replace(b'"sig":"', b'"sig":"AAAA')
    key = office.desk.signer.public_bytes().hex()
    with pytest.raises(Tampered):
        register_dataset(office.desk, office.caller("developer"), envelope, sealer=key, version="1")


def test_a_prompt_is_kept_by_its_bytes(office):
    kept = register_prompt(office.desk, office.caller("developer"), "triage", "1", b"You are careful.")
    assert office.desk.prompts.get(kept.record.digest) == b"You are careful."
    assert read_prompt(office.desk, office.caller("developer"), "triage", "1") == b"You are careful."
    with pytest.raises(Forbidden):
        read_prompt(office.desk, office.caller("auditor"), "triage", "1")
    with pytest.raises(FixInput, match="another digest"):
        register_prompt(office.desk, office.caller("developer"), "triage", "1", b"You are careless.")
    after = register_prompt(
        office.desk, office.caller("developer"), "triage", "2", b"Be careful.", parent=kept.record.digest
    )
    assert after.record == replace(
        kept.record, version="2", digest=canonical.digest_bytes(b"Be careful."), parent=kept.record.digest
    )
    assert office.desk.store.count(PromptVersion) == 2


@pytest.mark.parametrize(("name", "version"), [("", "1"), ("a/b", "1"), ("a:b", "1"), ("a", ""), ("a", "1:2")])
def test_names_and_versions_can_be_cited(office, name, version):
    with pytest.raises(FixInput, match="is no"):
        register_prompt(office.desk, office.caller("developer"), name, version, b"x")


def test_an_empty_prompt_is_none(office):
    with pytest.raises(FixInput, match="0 bytes"):
        register_prompt(office.desk, office.caller("developer"), "a", "1", b"")
