"""Decisions: what was asked of a released model, what it answered, and everything that was decided on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from holdfast.domain.guard import GuardVerdict
from holdfast.domain.schema import Scalar

Field = tuple[str, Scalar | None]
"""A named value; None for a missing one."""


class Ended(StrEnum):
    """How an exchange ended for whoever asked; `OPENED` where an answer began to be told, piece by piece.

    What became of such an answer is in a decision of its own, which `follows` the one that opened it.
    """

    ANSWERED = "answered"
    BLOCKED = "blocked"
    REVIEW = "review"
    FALLBACK = "fallback"
    FAILED = "failed"
    OPENED = "opened"


class Lane(StrEnum):
    """Why this release was asked: it is the one in force, a share is tried on it, or it only listens."""

    LIVE = "live"
    CANARY = "canary"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Decision:
    """One automated decision: one row put to a model, or one turn of a conversation.

    `id` is a UUID of version 7 (RFC 9562 section 5.7): ids sort by time. `at` is RFC 3339 in UTC with microseconds.
    `release` is the digest that answered and `snapshot` that of the admissions in force. `principal` is the id of the
    credential that asked, never its secret; `subject` the keyed pseudonym of whom it is about, empty for nobody.
    `inputs` and `outputs` are named values, each name once; the log keeps neither missing ones nor their order. Those
    that a policy calls personal are in `sealed` instead: AES-256-GCM under the subject's key, base64. `reasons` are
    reason codes. `micros` is how long the exchange took; `trace` its W3C trace id. `follows` is the id of the decision
    that this one belongs to: the live one for a shadow, the opening one for the end of a stream. `policy` and
    `reference` are the digests of what judged it; empty where nothing did, and in decisions from before they were
    noted.
    """

    id: str
    at: str
    system: str
    release: str
    environment: str
    lane: Lane
    ended: Ended
    gateway: str
    principal: str
    subject: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    verdicts: tuple[GuardVerdict, ...] = ()
    reasons: tuple[str, ...] = ()
    sealed: str = ""
    snapshot: str = ""
    micros: int = 0
    trace: str = ""
    follows: str = ""
    policy: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of decisions (or labels) of one system and day that will never change, as it stands in the ledger.

    `root` is the RFC 6962 Merkle root (hex) over its rows in order, `layout` the digest of its columns, `file` the
    digest of the file's bytes, `place` where it lies below the log's folder. `first` and `last` are the times
    (RFC 3339) of its earliest and latest decision, and `rows` counts them; `gateway` names the process that wrote it.
    """

    system: str
    day: str
    gateway: str
    place: str
    rows: int
    root: str
    layout: str
    file: str
    first: str
    last: str
    format: str = "holdfast-decisions/1"


@dataclass(frozen=True, slots=True)
class PersonalReading:
    """That `person` read what is sealed in a `decision` of a `system`, and for what `reason`."""

    decision: str
    system: str
    person: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class Label:
    """What turned out to be true of a decision of a system: the `outcome` observed, when, and who says so."""

    system: str
    decision: str
    outcome: Scalar
    observed_at: str
    source: str
