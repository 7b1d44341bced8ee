"""Hold: somebody asks to pass a gate, and the gate answers from what is known now.

The answer is never stored: a changed digest, a lapsed waiver or old evidence shuts the gate again by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.approval import Approval, Waiver
from holdfast.domain.errors import FixInput, Forbidden
from holdfast.domain.gate import Admission, Committee, Decision, Dossier, Gate, Request, Waived, decide
from holdfast.domain.kinds import Filed
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.domain.verdict import Outcome, Verdict
from holdfast.flows.ahead import ahead
from holdfast.flows.desk import COMMITTEE, MOST, Caller, Desk, random_id, require, stated
from holdfast.flows.readings import evidence_of
from holdfast.flows.register import classifications, gravest, is_trusted, judge_evidence
from holdfast.ledger.bundle import same_verdict


@dataclass(frozen=True, slots=True)
class Open:
    """A request as it stands now: who asked for what, and what the gate says.

    `bound` are the digests that an approval given now would be bound to, the request's own first; `unsealed` is the
    verdict as judged now where no recorded verdict says the same, so that an approval has to record it first.
    """

    request: Kept[Request]
    dossier: Dossier
    decision: Decision
    bound: tuple[str, ...]
    unsealed: Verdict | None = None


def ask(
    desk: Desk, caller: Caller, gate: Gate, system: str, *, reason: str, release: str = "", environment: str = ""
) -> Open:
    """Ask to pass a gate, with a system or with one release of it into an environment."""
    require(caller, Permission.ASK_GATE)
    desk.store.get(System, system)
    if gate.needs_evidence:
        found = desk.store.get(Release, release).record
        if found.system != system:
            raise FixInput("gate.release", f"That release belongs to {found.system}.", "Name a release of this system.")
        stated(environment, "environment")
    request = Request(gate, system, caller.person.id, stated(reason, "reason"), desk.at, release, environment)
    made = desk.do(caller, Draft(Verb.ASK_GATE, random_id(), request))
    return look(desk, made[0].key)


def withdraw(desk: Desk, caller: Caller, key: str) -> Kept[Request]:
    """Take a request back; only who made it can."""
    kept = desk.store.get(Request, key)
    if kept.record.requester != caller.person.id:
        raise Forbidden("gate.not-yours", "Somebody else made this request.", "Ask them to withdraw it, or refuse it.")
    desk.do(caller, Draft(Verb.WITHDRAW_REQUEST, key, replace(kept.record, is_withdrawn=True), kept.revision))
    return desk.store.get(Request, key)


def look(desk: Desk, key: str) -> Open:
    """A request and what the gate says to it now."""
    kept = desk.store.get(Request, key)
    request = kept.record
    system = desk.store.get(System, request.system).record
    found = classifications(desk, request.system)
    committee = desk.store.find(Committee, COMMITTEE)
    subject = _release(desk, system, request) if request.gate.needs_evidence else _Subject((canonical.digest(system),))
    asked = canonical.digest(request)
    bound = (asked, *sorted({*subject.digests, *(canonical.digest(record) for record in found)}))
    dossier = Dossier(
        gate=request.gate,
        system=system,
        classification=next((c for c in found if c.tier is gravest(found)), None),
        committee=committee.record if committee else None,
        verdict=subject.verdict,
        digests=frozenset(bound),
        barred=frozenset({request.requester, *subject.authors}),
        approvals=_approvals(desk, asked),
        waivers=tuple(_waivers(desk, asked)),
    )
    return Open(kept, dossier, decide(dossier, desk.now), bound, subject.unsealed)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What asks to pass: its current digests, who built it, and the verdict on it."""

    digests: tuple[str, ...]
    authors: tuple[str, ...] = ()
    verdict: Verdict | None = None
    unsealed: Verdict | None = None


def _release(desk: Desk, system: System, request: Request) -> _Subject:
    """A release, with the newest trusted evidence on it judged now. Whoever filed that counts as an author, too.

    A verdict that was recorded earlier stands for it as long as judging again says the same. So approvals lapse when
    the evidence goes stale, is superseded by other evidence, or meets other limits.
    """
    release = desk.store.get(Release, request.release).record
    found = next((kept for kept in _evidence(desk, release.digest) if is_trusted(desk, kept.record.sealer)), None)
    if found is None:
        return _Subject((release.digest,), release.authors)
    filed, authors = found.record, (*release.authors, found.actor)
    now = judge_evidence(desk, system, evidence_of(desk, filed.digest), filed.digest)
    recorded = desk.store.list(Verdict, about=release.digest, limit=MOST).items
    standing = [kept.key for kept in recorded if same_verdict(kept.record, now)]
    digests = (release.digest, now.appetite, *standing)
    return _Subject(digests, authors, now, None if standing else now)


def _evidence(desk: Desk, release: str) -> tuple[Kept[Filed], ...]:
    """What is filed on a release, the newest first."""
    return desk.store.list(Filed, about=release, limit=MOST).items


def _approvals(desk: Desk, about: str) -> tuple[Approval, ...]:
    return tuple(kept.record for kept in desk.store.list(Approval, about=about, limit=MOST).items)


def _waivers(desk: Desk, about: str) -> Iterator[Waived]:
    for kept in desk.store.list(Waiver, about=about, limit=MOST).items:
        digest = canonical.digest(kept.record)
        yield Waived(kept.record, digest, _approvals(desk, digest))


def admit(desk: Desk, digest: str, environment: str) -> Admission:
    """Whether a release's or a model's digest may run in an environment now. A digest that nobody knows may not."""
    exact = desk.store.find(Release, digest)
    releases = (exact,) if exact else desk.store.list(Release, about=digest, limit=MOST).items
    if not releases:
        return Admission(False, digest, environment, "No release is made of this digest.")
    shut = Admission(False, digest, environment, "Nobody asked to let this release into this environment.")
    requests = _requests(desk, [release.key for release in releases], environment)
    desk = ahead(desk, requests)
    for kept in requests:
        decision = look(desk, kept.key).decision
        if decision.outcome is Outcome.PASS:
            why = "Approved, and nothing has changed since."
            return Admission(True, digest, environment, why, kept.key, Outcome.PASS)
        if not shut.request:  # the newest request says why
            why = decision.reasons[0].sentence
            shut = Admission(False, digest, environment, why, kept.key, decision.outcome)
    return shut


def _requests(desk: Desk, releases: list[str], environment: str) -> list[Kept[Request]]:
    """What was asked for these releases there and not taken back, the newest first for each."""
    found = desk.store.gather(Request, "about", releases)
    here = (kept for release in releases for kept in found[release])
    return [kept for kept in here if kept.record.environment == environment and not kept.record.is_withdrawn]
