"""Steps of a release's way through the house, for tests of what happens on it."""

from __future__ import annotations

from dataclasses import replace

from holdfast.domain.appetite import Tier
from holdfast.domain.approval import Discipline
from holdfast.domain.classification import Question, Questionnaire, TierRule
from holdfast.domain.gate import Gate
from holdfast.domain.system import Owners, System
from holdfast.flows.approve import answer
from holdfast.flows.gate import Open, ask
from holdfast.flows.register import classify_system, file_evidence, register_system, trust_sealer
from holdfast.testing.desk import Office
from holdfast.testing.runs import sample_system

REGIME = Questionnaire(
    "regime",
    "1",
    "A regime",
    (Question("listed", "Is it listed?", "Art 6"), Question("scores", "Does it score people?", "Art 5")),
    (
        TierRule("listed", Tier.HIGH, "Art 6", "It is listed.", yes=("listed",)),
        TierRule("banned", Tier.PROHIBITED, "Art 5", "It scores people.", yes=("scores",)),
    ),
)
SYSTEM = replace(sample_system(), owners=Owners("a", "b", "c", "d"))


def registered(office: Office, system: System = SYSTEM) -> System:
    register_system(office.desk, office.caller("owner"), system)
    answers = (("listed", True), ("scores", False))
    classify_system(office.desk, office.caller("owner"), system.name, REGIME, answers)
    envelope_key = office.desk.signer.public_bytes().hex()
    trust_sealer(office.desk, office.caller("it"), "CI", envelope_key)
    return system


def filed(office: Office, outcome: str = "pass", salt: str = ""):
    evidence = office.evidence(outcome, salt=salt)
    return file_evidence(office.desk, office.caller("developer"), *office.sealed(evidence), version="1.0")


def asked(office: Office, release: str, who: str = "owner", gate: Gate = Gate.DEPLOYMENT) -> Open:
    caller = office.caller(who)
    return ask(office.desk, caller, gate, SYSTEM.name, reason="ready", release=release, environment="production")


def answered_by_all(office: Office, key: str, disciplines=tuple(Discipline)) -> None:
    for discipline in disciplines:
        answer(office.desk, office.caller(discipline), key, discipline, reason="seen")
