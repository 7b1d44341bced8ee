"""Demo data, on request only: an organisation three weeks into its first release, and somebody of every role.

The evidence is the made-up loan model of `holdfast.testing.runs`; nothing of it was measured. People sign in as
``ROLE@demo.example`` with one random password.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from holdfast.canonical import digest_bytes
from holdfast.domain.account import Profile
from holdfast.domain.approval import Discipline
from holdfast.domain.classification import Questionnaire
from holdfast.domain.dataset import Admission
from holdfast.domain.errors import FixInput
from holdfast.domain.evidence import Evidence
from holdfast.domain.gate import Gate
from holdfast.domain.person import Person
from holdfast.domain.provenance import Artifact, Seen, Source
from holdfast.domain.system import Owners, Status, System
from holdfast.domain.verdict import Outcome
from holdfast.flows.approve import answer, answer_waiver, ask_waiver
from holdfast.flows.comment import write_comment
from holdfast.flows.deploy import deploy
from holdfast.flows.desk import Desk
from holdfast.flows.gate import ask
from holdfast.flows.register import classify_system, file_evidence, register_system, trust_sealer
from holdfast.flows.register_data import register_dataset
from holdfast.flows.steps import file_step
from holdfast.ledger.envelope import seal
from holdfast.ports import Accounts
from holdfast.testing.desk import PEOPLE, Clock, Office
from holdfast.testing.pipelines import sample_provenance
from holdfast.testing.runs import sample_system

DOMAIN = "demo.example"
REGIME = "eu-ai-act"
LOANS = replace(
    sample_system(),
    owners=Owners("R. Osei, data office", "M. Lindqvist, modelling", "Platform team", "Model risk desk"),
    deployment="Scores applications behind the branch and web front ends.",
    data_categories=("income", "credit history", "employment"),
    value_at_stake=40_000_000,
    status=Status.IN_USE,
)
OTHERS = (
    System("CV screening", "Ranks applicants for interviews.", "talent", "People who apply", vendor="Acme HR"),
    System("Price suggestions", "Suggests daily prices to shop managers.", "pricing", "Customers of 80 shops"),
    System("Supplier scoring", "Flags suppliers that are likely to fail.", "procurement", "Small suppliers"),
)


def furnish(desk: Desk, accounts: Accounts, questionnaires: Mapping[str, Questionnaire]) -> str:
    """Fill an empty control plane; the password of all its people. FixInput where somebody works there already."""
    if desk.store.count(Person):
        raise FixInput("demo.occupied", "Somebody works here already.", "Ask for demo data with a new --home.")
    clock = Clock(desk.now - timedelta(days=21))
    house = Office(replace(desk, clock=clock), clock).founded()
    password = f"demo {secrets.token_urlsafe(9)}"
    for name in PEOPLE:
        accounts.add(Profile(name, f"Demo {name}", f"{name}@{DOMAIN}"))
        accounts.set_password(name, password)
    _know(house, questionnaires[REGIME])
    _first_release(house)
    clock.pass_days(6)
    _second_release(house)
    return password


def _know(house: Office, regime: Questionnaire) -> None:
    for system in (LOANS, *OTHERS):
        register_system(house.desk, house.caller("owner"), system)
    answers = tuple((question.id, question.id == "creditworthiness") for question in regime.questions)
    classify_system(house.desk, house.caller("owner"), LOANS.name, regime, answers)
    some = tuple((question.id, question.id == "hiring") for question in regime.questions[:20])
    classify_system(house.desk, house.caller("owner"), OTHERS[0].name, regime, some)
    trust_sealer(house.desk, house.caller("it"), "CI of the modelling team", house.desk.signer.public_bytes().hex())


def _first_release(house: Office) -> None:
    """A breach, and a waiver that was refused."""
    desk, key = house.desk, _ask(house, "breach", "1.0")
    until = house.clock.now + timedelta(days=30)
    waiver = ask_waiver(
        desk, house.caller("owner"), key, "evasion.flip_rate", reason="The branch waits for it.",
        controls="A person looks at every approval that follows a second application.", until=until,
    )  # fmt: skip
    house.clock.pass_days(1)
    no = "Two in five is too many."
    answer_waiver(desk, house.caller("risk"), key, waiver.key, Discipline.RISK, reason=no, says_yes=False)
    remark = "Mend the income bands first; the evidence shows the cheapest flips."
    write_comment(desk, house.caller("risk"), f"system {LOANS.name}", remark)


def _second_release(house: Office) -> None:
    """Mitigated, approved by all, in production; the next one waits."""
    key = _ask(house, "pass", "1.1")
    for discipline in Discipline:
        answer(house.desk, house.caller(discipline), key, discipline, reason="Within the appetite, as I read it.")
        house.clock.pass_days(0.5)
    deploy(house.desk, house.caller("owner"), key)
    house.clock.pass_days(5)
    key = _ask(house, "pass", "1.2")
    for discipline in (Discipline.IT, Discipline.RISK):
        answer(house.desk, house.caller(discipline), key, discipline, reason="Same model, newer data.")


def _ask(house: Office, outcome: str, version: str) -> str:
    """File evidence on a release and ask to let it into production; the request's key."""
    evidence = house.evidence(outcome, salt=version)
    _trace(house, evidence, version)
    envelope, sealer = house.sealed(evidence)
    filed = file_evidence(house.desk, house.caller("developer"), envelope, sealer, version).filed.record
    opened = ask(
        house.desk, house.caller("owner"), Gate.DEPLOYMENT, LOANS.name, reason=f"Release {version} is ready.",
        release=filed.release, environment="production",
    )  # fmt: skip
    return opened.request.key


def _trace(house: Office, evidence: Evidence, version: str) -> None:
    """How the release came to be, of which the test data of the first and the last one is known to nobody."""
    desk, at = house.desk, house.desk.at
    model, test, train = (Artifact(m.name, m.digest, Seen.DECLARED) for m in evidence.materials)
    export = Artifact(f"applications-{version}.csv", digest_bytes(f"export {version}".encode()), Seen.DECLARED)
    source = Source("applications", export.digest, "Core banking export", "internal", "R. Osei", at)
    contract = digest_bytes(b"contract")
    admission = Admission(
        "applications", export.digest, contract, "", source, Outcome.PASS, (), 68_412, 0, judged_at=at
    )
    key = desk.signer.public_bytes().hex()
    register_dataset(desk, house.caller("developer"), seal(admission, desk.signer), sealer=key, version=version)
    split = (train, test) if version == "1.1" else (train,)
    for id, words, inputs, outputs in (("split", "split.py", (export,), split), ("fit", "fit.py", (train,), (model,))):
        step = replace(
            sample_provenance(), id=f"{id}-{version}", command=("python", words), inputs=inputs, outputs=outputs,
            gaps=(), missing=(), actor="demo developer", started_at=at, finished_at=at,
        )  # fmt: skip
        file_step(desk, house.caller("developer"), seal(step, desk.signer), key)
