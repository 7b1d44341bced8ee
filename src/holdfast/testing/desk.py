"""A desk on a real SQLite file and a real ledger, with a clock to set and people of every role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from holdfast import canonical
from holdfast.decisions.master import MasterKey
from holdfast.decisions.subjects import Subjects
from holdfast.domain.access import permissions
from holdfast.domain.act import Draft, Verb
from holdfast.domain.appetite import Appetite, Tier
from holdfast.domain.approval import Discipline
from holdfast.domain.evidence import Evidence, Failed
from holdfast.domain.gate import Committee, Gate, Rule
from holdfast.domain.person import Person, Role
from holdfast.domain.verdict import Outcome, timestamp
from holdfast.flows.desk import APPETITE, COMMITTEE, Caller, Desk
from holdfast.ledger.bundle import release_of
from holdfast.ledger.envelope import seal
from holdfast.ledger.log import Log
from holdfast.storage.blobs import FileBlobs
from holdfast.storage.contents import SqlContents
from holdfast.storage.engine import open_engine
from holdfast.storage.keys import load_or_create
from holdfast.storage.schema import upgrade
from holdfast.storage.sql import SqlStore
from holdfast.testing.runs import sample_appetite, sample_evidence

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
ALL = tuple(Discipline)
PEOPLE: dict[str, tuple[Role, ...]] = {
    "admin": (Role.ADMIN,),
    "viewer": (Role.VIEWER,),
    "owner": (Role.OWNER,),
    "developer": (Role.DEVELOPER,),
    "reviewer": (Role.REVIEWER,),
    "auditor": (Role.AUDITOR,),
    **{discipline.value: (Role(f"approver:{discipline}"),) for discipline in Discipline},
}
"""Somebody of each role, under a pseudonym that says which."""


class Clock:
    """The time, to be set by a test."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Now."""
        return self.now

    def pass_days(self, days: float) -> None:
        """Let time pass."""
        self.now += timedelta(days=days)


class Office:
    """A desk, its clock, and callers by name; `founded` puts an appetite, a committee and people there."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.desk = desk
        self.clock = clock

    def caller(self, name: str) -> Caller:
        """The named person, as they are now."""
        person = self.desk.store.get(Person, name).record
        return Caller(person, permissions(person))

    def founded(self, appetite: Appetite | None = None) -> Office:
        """Set what an organisation has on its first day, as the act of nobody in particular."""
        people = [Draft(Verb.SET_PERSON, name, Person(name, roles)) for name, roles in PEOPLE.items()]
        rules = tuple(Rule(gate, (Tier.LIMITED, Tier.HIGH), ALL, ("risk", "legal")) for gate in Gate)
        self.desk.store.commit(
            [
                *people,
                Draft(Verb.SET_APPETITE, APPETITE, appetite or sample_appetite()),
                Draft(Verb.SET_COMMITTEE, COMMITTEE, Committee("AI committee", "1", rules)),
            ],
            actor="founder",
            at=self.desk.at,
            id="founding",
        )
        return self

    def evidence(self, outcome: str = "pass", *, salt: str = "") -> Evidence:
        """Evidence taken now, in which no probe failed, on a release that `salt` tells from others."""
        evidence = sample_evidence(Outcome(outcome))
        outcomes = tuple(o for o in evidence.outcomes if not isinstance(o, Failed))
        materials = tuple(replace(m, digest=canonical.digest([salt, m.role, m.name])) for m in evidence.materials)
        release, taken_at = release_of(materials, evidence.schema), timestamp(self.clock())
        return replace(evidence, release=release, materials=materials, outcomes=outcomes, taken_at=taken_at)

    def sealed(self, evidence: Evidence) -> tuple[bytes, str]:
        """The evidence in an envelope, and the key that sealed it in hex."""
        return seal(evidence, self.desk.signer), self.desk.signer.public_bytes().hex()


@contextmanager
def office(folder: Path, store: SqlStore | None = None) -> Iterator[Office]:
    """An office whose files lie in `folder`; on a given store or on SQLite."""
    clock = Clock()
    engine = None
    if store is None:
        engine = open_engine(f"sqlite:///{folder / 'holdfast.db'}")
        upgrade(engine)
        store = SqlStore(engine)
    signer = load_or_create(folder / "key.pem", "test/ledger")
    with Log(folder / "ledger", signer, "test/ledger") as ledger:
        subjects = Subjects(folder / "subjects.db", MasterKey.in_file(folder / "master.key"))
        contents, prompts = SqlContents.of_reviews(store, subjects), SqlContents.of_prompts(store, subjects)
        yield Office(Desk(store, FileBlobs(folder / "blobs"), signer, ledger, clock, contents, prompts), clock)
        subjects.close()
    if engine is not None:
        engine.dispose()
