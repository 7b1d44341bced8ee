"""What a person may ask of the decision log: a copy of what is kept about them, and that it be forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from holdfast.domain.decision import Decision
from holdfast.domain.verdict import timestamp
from holdfast.ports import Clock


class Archive(Protocol):
    """Where decisions are found again."""

    def about(self, subject: str) -> Iterator[Decision]:
        """All decisions about a pseudonym."""


class Keys(Protocol):
    """The keys under which personal fields are sealed, one a subject."""

    def pseudonym(self, identifier: str) -> str:
        """What stands for a person in decisions."""

    def export(self, pseudonym: str, decisions: Iterable[Decision]) -> Iterator[Decision]:
        """Those about the pseudonym with their fields opened."""

    def erase(self, pseudonym: str, at: str) -> bool:
        """Destroy the key; whether there was one."""


class Waiting(Protocol):
    """What gateways tell the control plane."""

    def forget(self, subject: str) -> None:
        """Keep, durably, that the control plane shall forget a pseudonym."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What is kept about one person: the decisions in the order in which they were made, opened where they can be."""

    subject: str
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Erasure:
    """That a person's key was destroyed; `had_key` is False where none was ever made, or it was destroyed before."""

    subject: str
    at: str
    had_key: bool


def export_subject(archive: Archive, keys: Keys, identifier: str) -> Copy:
    """A copy of all decisions about a person (GDPR Article 15)."""
    subject = keys.pseudonym(identifier)
    found = keys.export(subject, archive.about(subject))
    return Copy(subject, tuple(sorted(found, key=lambda decision: decision.id)))


def erase_subject(keys: Keys, identifier: str, clock: Clock, waiting: Waiting | None = None) -> Erasure:
    """Make personal fields of a person unreadable for good (GDPR Article 17); proofs of the decisions still hold.

    What people are asked to decide about them is forgotten, too, where a gateway has sent it from here.
    """
    subject, at = keys.pseudonym(identifier), timestamp(clock())
    if waiting is not None:
        waiting.forget(subject)  # before, so that a crash forgets no less; after, so that nothing is sent in between
    erasure = Erasure(subject, at, keys.erase(subject, at))
    if waiting is not None:
        waiting.forget(subject)
    return erasure
