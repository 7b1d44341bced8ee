"""The kinds of record that acts make, by name, and the facets by which they are found. One table, so that nothing else
has to know them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from holdfast.domain.alert import Alert, Incident
from holdfast.domain.appetite import Appetite
from holdfast.domain.approval import Approval, Delegation, Waiver
from holdfast.domain.classification import Classification
from holdfast.domain.clearance import Breaker
from holdfast.domain.credential import Credential
from holdfast.domain.dataset import DatasetVersion, PromptVersion
from holdfast.domain.decision import PersonalReading, Segment
from holdfast.domain.evidence import Evidence
from holdfast.domain.gate import Committee, Request
from holdfast.domain.lineage import FiledOutput, FiledSource, FiledStep
from holdfast.domain.person import Comment, Person, Proposal, Reset, Sealer, Token
from holdfast.domain.release import Deployment, Release
from holdfast.domain.retention import Hold, Removal, Retention
from holdfast.domain.review import HumanReview
from holdfast.domain.system import System
from holdfast.domain.verdict import Verdict
from holdfast.domain.watch import FiledBaseline, Watch, Watched
from holdfast.domain.webhook import Webhook


@dataclass(frozen=True, slots=True)
class Filed:
    """Evidence as the store files it: what it is about, and the digest under which its bytes lie among the blobs."""

    system: str
    release: str
    digest: str
    taken_at: str
    effort: str
    envelope: str
    sealer: str

    @classmethod
    def of(cls, evidence: Evidence, digest: str, *, envelope: str, sealer: str) -> Filed:
        """How `evidence` is filed: `envelope` is the digest of its sealed form, `sealer` the signing key (hex)."""
        return cls(evidence.system, evidence.release, digest, evidence.taken_at, evidence.effort, envelope, sealer)


@dataclass(frozen=True, slots=True)
class Facets:
    """By what a record is found and sorted: the system that it belongs to, the digest or record that it is about, its
    state, a title, and when it happened (RFC 3339, empty where its act says so).
    """

    system: str = ""
    about: str = ""
    state: str = ""
    title: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record: its name, its type, and its facets."""

    name: str
    type: type
    facets: Callable[[Any], Facets]


def _approval(record: Approval) -> Facets:
    state = "yes" if record.says_yes else "no"
    about = record.bound_to[0] if record.bound_to else ""
    return Facets(about=about, state=state, title=record.role, at=record.given_at)


def _release(record: Release) -> Facets:
    """Found by the digest of its model, which is what a gateway or an admission hook holds in its hand."""
    model = record.material("model")
    return Facets(record.system, model.digest if model else "", record.source, record.version)


def _request(record: Request) -> Facets:
    state = "withdrawn" if record.is_withdrawn else "open"
    return Facets(record.system, record.release, state, record.gate, record.at)


def _step(record: FiledStep) -> Facets:
    step = record.provenance
    state = "succeeded" if step.succeeded else "failed"
    return Facets(about=record.envelope, state=state, title=" ".join(step.command), at=step.finished_at)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("system", System, lambda r: Facets(r.name, r.use_case, r.tier, r.name)),
        Kind("classification", Classification, lambda r: Facets(r.system, r.regime, r.tier or "open")),
        Kind("release", Release, _release),
        Kind("evidence", Filed, lambda r: Facets(r.system, r.release, r.effort, at=r.taken_at)),
        Kind("verdict", Verdict, lambda r: Facets(r.system, r.release, r.outcome, at=r.judged_at)),
        Kind(
            "deployment",
            Deployment,
            lambda r: Facets(r.system, r.release, "ended" if r.until else "running", r.environment, r.since),
        ),
        Kind("request", Request, _request),
        Kind("approval", Approval, _approval),
        Kind(
            "waiver",
            Waiver,
            lambda r: Facets(about=r.bound_to[0] if r.bound_to else "", title=r.measure, at=r.given_at),
        ),
        Kind("delegation", Delegation, lambda r: Facets(about=r.person, title=r.delegate, at=r.since)),
        Kind("committee", Committee, lambda r: Facets(title=r.name, state=r.version)),
        Kind("appetite", Appetite, lambda r: Facets(title=r.name, state=r.version)),
        Kind("person", Person, lambda r: Facets(state="active" if r.is_active else "inactive")),
        Kind("reset", Reset, lambda r: Facets(about=r.person)),
        Kind(
            "token",
            Token,
            lambda r: Facets(about=r.person, state="revoked" if r.is_revoked else "live", at=r.expires_at),
        ),
        Kind(
            "breaker",
            Breaker,
            lambda r: Facets(r.system, r.release, "tripped" if r.is_tripped else "reset", r.system, r.at),
        ),
        Kind(
            "credential",
            Credential,
            lambda r: Facets(about=r.match, state="revoked" if r.is_revoked else "live", title=r.name, at=r.expires_at),
        ),
        Kind("segment", Segment, lambda r: Facets(r.system, r.day, r.gateway, r.place, r.last)),
        Kind("reading", PersonalReading, lambda r: Facets(r.system, r.decision, at=r.at)),
        Kind("retention", Retention, lambda r: Facets(r.system, title=r.system)),
        Kind("hold", Hold, lambda r: Facets(r.system, state="lifted" if r.is_lifted else "placed", at=r.at)),
        Kind("removal", Removal, lambda r: Facets(r.system, r.segment, title=r.place, at=r.at)),
        Kind("review", HumanReview, lambda r: Facets(r.system, r.release, r.state, r.system, r.due_at)),
        Kind("sealer", Sealer, lambda r: Facets(title=r.name, state="trusted" if r.is_trusted else "revoked")),
        Kind("webhook", Webhook, lambda r: Facets(title=r.name, state="active" if r.is_active else "ended")),
        Kind("baseline", FiledBaseline, lambda r: Facets(r.system, r.release)),
        Kind("watch", Watch, lambda r: Facets(r.system, title=r.system)),
        Kind("watched", Watched, lambda r: Facets(r.system, r.release, r.outcome, r.until, r.at)),
        Kind("alert", Alert, lambda r: Facets(r.system, r.release, r.standing, r.what, r.at)),
        Kind(
            "incident",
            Incident,
            lambda r: Facets(r.system, r.release, "open" if r.is_open else "closed", r.title, r.opened_at),
        ),
        Kind("comment", Comment, lambda r: Facets(about=r.about, at=r.at)),
        Kind(
            "dataset", DatasetVersion, lambda r: Facets(about=r.digest, state=r.outcome, title=f"{r.name} {r.version}")
        ),
        Kind("prompt", PromptVersion, lambda r: Facets(about=r.digest, title=f"{r.name} {r.version}")),
        Kind("step", FiledStep, _step),
        Kind("output", FiledOutput, lambda r: Facets(about=r.digest, title=r.path)),
        Kind(
            "source", FiledSource, lambda r: Facets(about=r.source.digest, title=r.source.name, at=r.source.attested_at)
        ),
        Kind("proposal", Proposal, lambda r: Facets(about=f"{r.kind} {r.key}", state=r.state)),
    )
}
"""Every kind by its name."""

NAMES: dict[type, str] = {kind.type: name for name, kind in KINDS.items()}
"""Every kind's name by its type."""


LONGEST = {"system": 200, "about": 300, "state": 40, "title": 300, "at": 30}
"""Characters that a facet keeps; columns are no wider."""


def facets_of(kind: str, record: object, act_at: str) -> Facets:
    """The facets of a record of this kind, as lists show them: cut to length, dated by its act where it has no date."""
    found = KINDS[kind].facets(record)
    cut = {name: str(getattr(found, name))[:most] for name, most in LONGEST.items()}
    return Facets(**{**cut, "at": cut["at"] or act_at})
