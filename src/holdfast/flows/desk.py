"""The desk where people's requests are handled: who asks, what they may, and how what they did is kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from holdfast.domain.access import GRANTS, Permission
from holdfast.domain.act import Act, Draft, Kept, Verb
from holdfast.domain.errors import FixInput, Forbidden
from holdfast.domain.evidence import Evidence
from holdfast.domain.person import Person
from holdfast.domain.verdict import timestamp
from holdfast.ports import Blobs, Clock, Contents, Ledger, Signer, Store

T = TypeVar("T")

MOST = 500
"""Records of one kind about one thing that are looked at together; nothing has more."""

APPETITE = "in-force"
COMMITTEE = "standing"
"""The keys of the one appetite and the one committee that count; their earlier revisions are their history."""


def random_id() -> str:
    """96 random bits in hex: an id that nobody can guess or meet again."""
    return secrets.token_hex(12)


@dataclass(frozen=True)
class Caller:
    """Who asks: a person, what they may do here (a token may narrow it), and the id of the request.

    The same request id makes the same acts once, however often it is sent.
    """

    person: Person
    permissions: frozenset[Permission]
    request: str = field(default_factory=random_id)


@dataclass(frozen=True)
class Desk:
    """What the governing trips need from outside. `committed` is called after acts were made, to wake the sequencer;
    `contents` keeps what people decide upon, `prompts` the texts of prompts.
    """

    store: Store
    blobs: Blobs
    signer: Signer
    ledger: Ledger
    clock: Clock
    contents: Contents
    prompts: Contents
    committed: Callable[[], None] = lambda: None

    @property
    def now(self) -> datetime:
        """The time, aware, UTC."""
        return self.clock()

    @property
    def at(self) -> str:
        """The time as records carry it."""
        return timestamp(self.clock())

    def do(self, caller: Caller, *drafts: Draft, evidence: Evidence | None = None) -> tuple[Act, ...]:
        """Make all acts at once, or none."""
        request = f"{caller.person.id}:{caller.request}"
        made = self.store.commit(drafts, actor=caller.person.id, at=self.at, id=request, evidence=evidence)
        self.committed()
        return made

    def keep(self, caller: Caller, verb: Verb, key: str, record: T, base: int = 0) -> Kept[T]:
        """Make one act; the record as it left it, whatever somebody else has made of that since."""
        return as_left(self.do(caller, Draft(verb, key, record, base))[0], record)


def as_left(act: Act, record: T) -> Kept[T]:
    """The record that an act made, as the act left it."""
    return Kept(act.key, record, act.revision, act.id, act.actor, act.at)


def every(store: Store, kind: type[T], **filters: str) -> Iterator[Kept[T]]:
    """All records of a kind by their facets, however many there are; for questions that one record left out would
    answer wrongly.
    """
    after = ""
    while True:
        page = store.list(kind, after=after, limit=MOST, **filters)  # type: ignore[arg-type]
        yield from page.items
        after = page.after
        if not after:
            return


def require(caller: Caller, permission: Permission) -> None:
    """Forbidden unless the caller may do this; the hint says who can."""
    if permission not in caller.permissions:
        roles = ", ".join(sorted(GRANTS[permission]))
        raise Forbidden(
            "access.forbidden",
            f"You may not do this ({permission}).",
            f"These roles can: {roles}. An admin grants them.",
        )


def stated(text: str, what: str) -> str:
    """The text, which must say something; FixInput otherwise."""
    if not text.strip():
        raise FixInput("request.empty", f"The {what} is missing.", "Say it in a sentence; others will rely on it.")
    return text.strip()
