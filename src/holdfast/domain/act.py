"""Acts: what people and machines do that somebody may have to answer for. Few, and all of them in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Verb(StrEnum):
    """Everything that can be done; the vocabulary of the audit trail."""

    REGISTER_SYSTEM = "system.register"
    CHANGE_SYSTEM = "system.change"
    RETIRE_SYSTEM = "system.retire"
    CLASSIFY = "system.classify"
    OVERRIDE_TIER = "system.override-tier"
    REGISTER_RELEASE = "release.register"
    REGISTER_DATASET = "dataset.register"
    REGISTER_PROMPT = "prompt.register"
    FILE_STEP = "step.file"
    FILE_SOURCE = "source.file"
    RECORD_EVIDENCE = "evidence.record"
    GIVE_VERDICT = "verdict.give"
    ASK_GATE = "gate.ask"
    WITHDRAW_REQUEST = "gate.withdraw"
    DEPLOY = "deployment.start"
    END_DEPLOYMENT = "deployment.end"
    APPROVE = "approval.give"
    REFUSE = "approval.refuse"
    REVOKE_APPROVAL = "approval.revoke"
    REQUEST_WAIVER = "waiver.request"
    DELEGATE = "delegation.give"
    END_DELEGATION = "delegation.end"
    COMMENT = "comment.write"
    PROPOSE = "proposal.make"
    ENACT = "proposal.enact"
    DROP_PROPOSAL = "proposal.drop"
    SET_APPETITE = "appetite.set"
    SET_COMMITTEE = "committee.set"
    SET_PERSON = "person.set"
    RESET_PERSON = "person.reset"
    ISSUE_TOKEN = "token.issue"  # noqa: S105 - a verb, not a password
    REVOKE_TOKEN = "token.revoke"  # noqa: S105 - a verb, not a password
    TRIP_BREAKER = "breaker.trip"
    RESET_BREAKER = "breaker.reset"
    ISSUE_CREDENTIAL = "credential.issue"
    REVOKE_CREDENTIAL = "credential.revoke"
    REGISTER_SEGMENT = "segment.register"
    REMOVE_SEGMENT = "segment.remove"
    SET_RETENTION = "retention.set"
    PLACE_HOLD = "hold.place"
    LIFT_HOLD = "hold.lift"
    READ_PERSONAL = "personal.read"
    FILE_REVIEW = "review.file"
    DECIDE_REVIEW = "review.decide"
    LAPSE_REVIEW = "review.lapse"
    FILE_BASELINE = "baseline.file"
    SET_WATCH = "watch.set"
    WATCH = "release.watch"
    RAISE_ALERT = "alert.raise"
    SETTLE_ALERT = "alert.settle"
    OPEN_INCIDENT = "incident.open"
    CLOSE_INCIDENT = "incident.close"
    TRUST_SEALER = "sealer.trust"
    REVOKE_SEALER = "sealer.revoke"
    SUBSCRIBE = "webhook.subscribe"
    UNSUBSCRIBE = "webhook.end"


@dataclass(frozen=True, slots=True)
class Act:
    """One act, as it stands in the ledger: digests and pseudonyms, never content.

    `id` is what makes the same request the same act (an idempotency key, or random); `kind` and `key` name the record
    that it made or changed, and `revision` counts the acts on that record from 1; `record` is the digest of the record
    as it stands after the act. `actor` is a person's or a service's pseudonym, `at` an RFC 3339 UTC time.
    """

    id: str
    verb: Verb
    kind: str
    key: str
    revision: int
    record: str
    actor: str
    at: str
    format: str = "holdfast-act/1"


@dataclass(frozen=True, slots=True)
class Draft:
    """An act that is asked for: the record as it shall stand under `key`, made on revision `base` (0 for a new one)."""

    verb: Verb
    key: str
    record: object
    base: int = 0


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A record as the store keeps it: its key, which revision it is, and the act that made it so."""

    key: str
    record: T
    revision: int
    act: str
    actor: str
    at: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the records that were asked for, in order; `after` is where the next page starts, empty at the end."""

    items: tuple[Kept[T], ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An act in the audit trail, and its place in the ledger once it has one."""

    act: Act
    index: int | None


@dataclass(frozen=True, slots=True)
class Trail:
    """Some of the acts that were asked for, the latest first; `after` is where the next page starts."""

    items: tuple[Entry, ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class ActRow:
    """An act as its row says, the record that it made (canonical JSON), and its place in the ledger if it has one."""

    act: Act
    body: str
    index: int | None


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The head of a record as its row says. `facets` are system, about, state, title, at."""

    kind: str
    key: str
    revision: int
    facets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows as they were at one moment: acts in the order of their index, those without one last, and heads."""

    acts: Iterator[ActRow]
    heads: Iterator[HeadRow]
