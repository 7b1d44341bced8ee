from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast import canonical
from holdfast.domain.appetite import Appetite, Tier
from holdfast.domain.errors import Conflict, FixInput, Forbidden, Tampered
from holdfast.domain.evidence import Material
from holdfast.domain.release import Release
from holdfast.domain.system import Status, System
from holdfast.domain.verdict import Outcome
from holdfast.flows.desk import APPETITE, Caller
from holdfast.flows.register import (
    change_system,
    classify_system,
    file_evidence,
    override_tier,
    register_release,
    register_system,
    release_digest,
    trust_sealer,
)

from .journey import REGIME, SYSTEM, filed, registered


def test_a_system_enters_as_high_until_it_is_classified(office):
    kept = register_system(office.desk, office.caller("owner"), replace(SYSTEM, tier=Tier.MINIMAL))
    assert kept.record == replace(SYSTEM, tier=Tier.HIGH)
    answers = (("listed", False), ("scores", False))
    classify_system(office.desk, office.caller("owner"), SYSTEM.name, REGIME, answers)
    assert office.desk.store.get(System, SYSTEM.name).record.tier is Tier.MINIMAL


@pytest.mark.parametrize("name", ["", " x", "a/b", "a\nb", "x" * 101])
def test_a_name_is_one_line_without_slashes(office, name):
    with pytest.raises(FixInput):
        register_system(office.desk, office.caller("owner"), replace(SYSTEM, name=name))


def test_a_change_keeps_the_tier_and_says_when_it_retires(office):
    registered(office)
    kept = office.desk.store.get(System, SYSTEM.name)
    after = replace(SYSTEM, purpose="other", tier=Tier.MINIMAL, status=Status.RETIRED)
    changed = change_system(office.desk, office.caller("owner"), SYSTEM.name, after, kept.revision)
    assert (changed.record.purpose, changed.record.tier) == ("other", Tier.HIGH)
    with pytest.raises(Conflict):
        change_system(office.desk, office.caller("owner"), SYSTEM.name, SYSTEM, kept.revision)


def test_nobody_overrides_silence_or_a_prohibition(office):
    register_system(office.desk, office.caller("owner"), SYSTEM)
    compliance = office.caller("compliance")

    def classify(**answers):
        given = tuple(answers.items())
        classify_system(office.desk, office.caller("owner"), SYSTEM.name, REGIME, given)

    def override(tier=Tier.LIMITED):
        return override_tier(
            office.desk, compliance, SYSTEM.name, regime=REGIME.regime, tier=tier, reason="narrow task"
        )

    classify(listed=True)
    with pytest.raises(Forbidden, match="not classified"):
        override()
    classify(listed=True, scores=True)
    with pytest.raises(Forbidden, match="prohibited"):
        override()
    assert office.desk.store.get(System, SYSTEM.name).record.tier is Tier.PROHIBITED
    classify(listed=True, scores=False)
    assert override().record.tier is Tier.LIMITED
    assert office.desk.store.get(System, SYSTEM.name).record.tier is Tier.LIMITED
    classify(listed=True, scores=False)
    assert office.desk.store.get(System, SYSTEM.name).record.tier is Tier.HIGH


def test_an_answer_to_no_question_is_refused(office):
    register_system(office.desk, office.caller("owner"), SYSTEM)
    with pytest.raises(FixInput, match="Nobody asks"):
        classify_system(office.desk, office.caller("owner"), SYSTEM.name, REGIME, (("weather", True),))


def test_evidence_brings_its_release_and_is_judged_by_the_appetite_in_force(office):
    registered(office)
    found = filed(office, "breach")
    assert found.verdict.record.outcome is Outcome.BREACH
    assert found.verdict.record.appetite == canonical.digest(office.desk.store.get(Appetite, APPETITE).record)
    release = office.desk.store.get(Release, found.filed.record.release).record
    assert (release.authors, release.source) == (("developer",), "check")
    assert filed(office, "breach").filed.revision == 1


def test_evidence_that_was_changed_or_sealed_by_another_key_is_refused(office):
    registered(office)
    envelope, key = office.sealed(office.evidence())
    developer = office.caller("developer")
    with pytest.raises(Tampered):
        file_evidence(office.desk, developer, envelope.replace(b"payload", b"payl0ad"), key, "1")
    with pytest.raises(Tampered):
        file_evidence(office.desk, developer, envelope, "11" * 32, "1")
    with pytest.raises(FixInput):
        file_evidence(office.desk, developer, envelope, "not hex", "1")


def test_a_release_is_its_digests(office):
    registered(office)
    materials = (Material("model", "m.onnx", "sha256:" + "a" * 64, 10),)
    digest = release_digest(SYSTEM.name, materials)
    release = Release(digest, SYSTEM.name, "2.0", materials, source="api")
    first = register_release(office.desk, office.caller("developer"), release)
    assert register_release(office.desk, office.caller("developer"), release) == first
    with pytest.raises(FixInput):
        register_release(office.desk, office.caller("developer"), replace(release, materials=()))
    other = replace(SYSTEM, name="other")
    register_system(office.desk, office.caller("owner"), other)
    with pytest.raises(FixInput, match="belongs to"):
        register_release(office.desk, office.caller("developer"), replace(release, system="other"))


@pytest.mark.parametrize("who", ["viewer", "auditor", "admin", "risk"])
def test_who_has_no_right_changes_nothing(office, who):
    with pytest.raises(Forbidden, match=r"systems\.manage"):
        register_system(office.desk, office.caller(who), SYSTEM)
    assert office.desk.store.count(System) == 0


def test_somebody_inactive_can_do_nothing(office):
    from holdfast.domain.access import permissions

    owner = replace(office.caller("owner").person, is_active=False)
    with pytest.raises(Forbidden):
        register_system(office.desk, Caller(owner, permissions(owner)), SYSTEM)


def test_only_who_may_trusts_a_sealer_and_only_one_that_is_trusted_is_revoked(office):
    with pytest.raises(Forbidden):
        trust_sealer(office.desk, office.caller("developer"), "mine", "22" * 32)
    assert trust_sealer(office.desk, office.caller("it"), "CI", "22" * 32).record.is_trusted
    assert not trust_sealer(office.desk, office.caller("it"), "CI", "22" * 32, trusted=False).record.is_trusted


def test_a_release_cannot_be_named_before_it_is_made_of_something_else(office):
    """Else its digest, known beforehand, could be entered for another model, and let that in with it."""
    registered(office)
    genuine = office.evidence()
    forged = replace(genuine, materials=office.evidence(salt="a back door").materials)
    with pytest.raises(Tampered, match="does not follow"):
        file_evidence(office.desk, office.caller("developer"), *office.sealed(forged), "1")
    assert office.desk.store.find(Release, genuine.release) is None


def test_evidence_on_the_release_of_another_system_is_refused(office):
    registered(office)
    register_system(office.desk, office.caller("owner"), replace(SYSTEM, name="other"))
    filed(office)
    elsewhere = replace(office.evidence(), system="other")
    with pytest.raises(FixInput, match="belongs to"):
        file_evidence(office.desk, office.caller("developer"), *office.sealed(elsewhere), "1")
