"""Questionnaires as data: the shipped ones on realistic systems, and errors that name the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.domain.appetite import Tier
from holdfast.domain.classification import classify
from holdfast.domain.errors import FixInput
from holdfast.questionnaires import read_questionnaires
from holdfast.settings import read_settings

SHIPPED = read_questionnaires()
ACT = SHIPPED["eu-ai-act"]

SYSTEMS = {
    # what it is: (what is true of it, the tier expected, the clause that decides)
    "a spam filter": ((), "minimal", ""),
    "a demand forecast for a warehouse": ((), "minimal", ""),
    "fraud detection on card payments": (("profiles",), "minimal", ""),
    "CV screening": (("hiring", "profiles"), "high", "Annex III 4(a)"),
    "CV screening that claims to be preparatory": (("hiring", "profiles", "prepares"), "high", "last subparagraph"),
    "sorting applications by language": (("hiring", "narrow-task"), "limited", "Art 6(3), Annex III 4(a)"),
    "polishing the wording of job adverts": (
        ("hiring", "improves-finished-work", "generates-content"),
        "limited",
        "Art 6(3)",
    ),
    "credit scoring of people": (("creditworthiness", "profiles"), "high", "Annex III 5(b)"),
    "pricing of life insurance": (("life-health-insurance", "profiles"), "high", "Annex III 5(c)"),
    "a chatbot for customers": (("talks-to-people", "generates-content"), "limited", "Art 50(1)"),
    "a generator of stock pictures": (("generates-content",), "limited", "Art 50(2)"),
    "a spelling corrector": (("generates-content", "assists-editing"), "minimal", ""),
    "a dubbing tool with the speaker's own face": (("generates-content", "deep-fakes"), "limited", "Art 50"),
    "an automatic news ticker": (("generates-content", "public-interest-text"), "limited", "Art 50"),
    "emotion recognition at work": (("emotion-work-school", "emotion-recognition"), "prohibited", "Art 5(1)(f)"),
    "a camera that wakes tired drivers": (
        ("emotion-work-school", "emotion-medical-safety", "emotion-recognition"),
        "high",
        "Annex III 1(c)",
    ),
    "emotion recognition in a shop": (("emotion-recognition",), "high", "Annex III 1(c)"),
    "social scoring of tenants": (("social-scoring", "profiles"), "prohibited", "Art 5(1)(c)"),
    "a database of faces from the web": (("scrapes-faces",), "prohibited", "Art 5(1)(e)"),
    "an undressing app": (("intimate-images", "deep-fakes", "generates-content"), "prohibited", "Art 5(1)(ba)"),
    "live face recognition by police without a court": (("live-identification",), "prohibited", "Art 5(1)(h)"),
    "the same for a kidnapped child, with a court": (
        ("live-identification", "live-identification-permitted", "remote-identification", "law-enforcement"),
        "high",
        "Annex III",
    ),
    "a pressure valve's predictive cut-off (notified body)": (
        ("product-safety", "third-party-assessment"),
        "high",
        "Art 6(1), Annex I",
    ),
    "predictive maintenance of a press, self-assessed": (("product-safety",), "minimal", ""),
    "reading X-rays": (("product-safety", "third-party-assessment"), "high", "Annex I"),
    "load control of a power grid": (("critical-infrastructure",), "high", "Annex III 2"),
    "proctoring of exams": (("exam-monitoring",), "high", "Annex III 3(d)"),
    "giving out deliveries by courier rating": (("managing-workers", "profiles"), "high", "Annex III 4(b)"),
    "asylum interview risk": (("migration", "profiles"), "high", "Annex III 7"),
    "finding files for a judge": (("justice", "prepares"), "limited", "Art 6(3), Annex III 8(a)"),
    "messages tailored to voters": (("elections", "profiles", "generates-content"), "high", "Annex III 8(b)"),
}


def classified(regime, true):
    asked = {question.id for question in regime.questions}
    assert set(true) <= asked
    return classify(regime, "s", tuple((id, id in true) for id in sorted(asked)))


@pytest.mark.parametrize("system", SYSTEMS)
def test_realistic_systems_under_the_ai_act(system):
    true, tier, clause = SYSTEMS[system]
    found = classified(ACT, true)
    rules = {rule.id: rule for rule in ACT.rules}
    assert found.tier == tier
    assert clause in rules[found.rules[0]].clause if found.rules else clause == ""


@pytest.mark.parametrize("regime", SHIPPED.values(), ids=lambda regime: regime.regime)
def test_every_question_matters_and_every_rule_can_be_met(regime):
    rested_on = {id for rule in regime.rules for id in (*rule.yes, *rule.any, *rule.no)}
    assert rested_on == {question.id for question in regime.questions}
    for rule in regime.rules:
        assert rule.id in classified(regime, {*rule.yes, *rule.any[:1]}).rules


def test_dates_are_those_of_the_digital_omnibus():
    from_ = {rule.id.partition("/")[0]: rule.applies_from for rule in ACT.rules}
    assert from_["prohibited"] == "2025-02-02"
    assert from_["prohibited-2026"] == "2026-12-02"
    assert from_["listed"] == from_["listed-and-profiles"] == "2027-12-02"
    assert from_["product"] == "2028-08-02"
    assert from_["tell-people"] == "2026-08-02"
    assert all(from_.values())


def test_an_exception_never_holds_for_a_system_that_profiles():
    listed = [rule.yes[0] for rule in ACT.rules if rule.id.startswith("listed/")]
    assert len(listed) == 18
    for use in listed:
        for exception in ("narrow-task", "improves-finished-work", "finds-patterns", "prepares"):
            assert classified(ACT, {use, exception}).tier is Tier.LIMITED
            assert classified(ACT, {use, exception, "profiles"}).tier is Tier.HIGH


OWN = """\
regime: house-rules
version: "7"
title: Ours
questions:
  - {id: money, text: Much money, clause: Rule 1}
rules:
  - {id: money, tier: high, clause: Rule 1, says: Much money., if_yes: [money]}
"""


def test_an_own_file_replaces_a_shipped_one_and_adds_others(tmp_path: Path):
    (tmp_path / "ours.yaml").write_text(OWN)
    found = read_questionnaires(read_settings({"HOLDFAST_QUESTIONNAIRES": str(tmp_path)}).questionnaires)
    assert found.keys() == SHIPPED.keys()
    assert found["house-rules"].version == "7"
    (tmp_path / "more.yaml").write_text(OWN.replace("house-rules", "bank"))
    assert read_questionnaires(tmp_path).keys() == {*SHIPPED, "bank"}
    (tmp_path / "again.yaml").write_text(OWN)
    with pytest.raises(FixInput, match="Two files"):
        read_questionnaires(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (OWN.replace("if_yes: [money]", "if_yes: [time]"), "ours.yaml line 6.*rests on 'time', which nobody asks"),
        (OWN.replace(", if_yes: [money]", ""), "ours.yaml line 7.*a rule needs"),
        (OWN.replace("tier: high", "tier: dire"), "ours.yaml line 7.*tier"),
        (OWN.replace("text:", "txet:"), "ours.yaml line 5.*txet"),
        (OWN.replace("rules:", "  - {id: money, text: Again, clause: Rule 2}\nrules:"), "line 4.*stands there twice"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, wrong: str, message: str):
    (tmp_path / "ours.yaml").write_text(wrong)
    with pytest.raises(FixInput, match=message):
        read_questionnaires(tmp_path)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(FixInput, match="no folder"):
        read_questionnaires(tmp_path / "none")
