"""Hold: somebody asks to pass a gate, and the gate answers from what is known now.

The answer is never stored: a changed digest, a lapsed waiver or old evidence shuts the gate again by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.appetite import Appetite
from holdfast.domain.approval import Approval, Waiver
from holdfast.domain.dataset import DatasetVersion
from holdfast.domain.errors import Absent, FixInput, Forbidden, Tampered
from holdfast.domain.gate import Admission, Committee, Dossier, Gate, Request, Ruling, Waived, decide
from holdfast.domain.intake import Offered
from holdfast.domain.kinds import Filed
from holdfast.domain.lineage import Lineage
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.domain.verdict import Outcome, Verdict
from holdfast.flows.ahead import ahead
from holdfast.flows.breakers import tripped
from holdfast.flows.desk import APPETITE, COMMITTEE, MOST, Caller, Desk, random_id, require, stated
from holdfast.flows.readings import evidence_of
from holdfast.flows.register import classifications, gravest, is_trusted, judge_evidence
from holdfast.flows.register_data import offered
from holdfast.flows.steps import release_lineage
from holdfast.ledger.bundle import same_verdict

MOST_DATASETS = 100
"""Data sets of one request; each is looked up whenever somebody looks."""


@dataclass(frozen=True, slots=True)
class Open:
    """A request as it stands now: who asked for what, and what the gate says.

    `bound` are the digests that an approval given now would be bound to, the request's own first; `unsealed` is the
    verdict as judged now where no recorded verdict says the same, so that an approval has to record it first.
    """

    request: Kept[Request]
    dossier: Dossier
    ruling: Ruling
    bound: tuple[str, ...]
    unsealed: Verdict | None = None


def ask(
    desk: Desk,
    caller: Caller,
    gate: Gate,
    system: str,
    *,
    reason: str,
    release: str = "",
    environment: str = "",
    datasets: tuple[str, ...] = (),
) -> Open:
    """Ask to pass a gate: with a system, with `datasets` (digests) for it, or with a release into an environment."""
    require(caller, Permission.ASK_GATE)
    desk.store.get(System, system)
    if gate.needs_evidence:
        found = desk.store.get(Release, release).record
        if found.system != system:
            raise FixInput("gate.release", f"That release belongs to {found.system}.", "Name a release of this system.")
        stated(environment, "environment")
    wanted = tuple(dict.fromkeys(datasets))
    _require_known(desk, gate, wanted)
    why = stated(reason, "reason")
    request = Request(gate, system, caller.person.id, why, desk.at, release, environment, datasets=wanted)
    made = desk.do(caller, Draft(Verb.ASK_GATE, random_id(), request))
    return look(desk, made[0].key)


def _require_known(desk: Desk, gate: Gate, datasets: tuple[str, ...]) -> None:
    """Data sets are named where they are let through, and each is registered."""
    if bool(datasets) != gate.needs_data:
        what = "names no data set" if gate.needs_data else "takes no data sets"
        raise FixInput("gate.datasets", f"A request at the {gate} gate {what}.", "Data and training gates need some.")
    if len(datasets) > MOST_DATASETS:
        raise FixInput("gate.datasets", f"{len(datasets)} data sets are too many.", f"At most {MOST_DATASETS} at once.")
    for digest in datasets:
        if not desk.store.list(DatasetVersion, about=digest, limit=1).items:
            hint = "Register what `holdfast data admit` sealed; its digest is the table's."
            raise FixInput("gate.datasets", f"No data set is registered with the digest {digest!r:.80}.", hint)


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
    committee, appetite = desk.store.find(Committee, COMMITTEE), desk.store.find(Appetite, APPETITE)
    tier = gravest(found)
    rule = committee.record.rule(request.gate, tier) if committee and tier else None
    subject = _subject(desk, system, request, needs_lineage=rule is not None and rule.needs_lineage)
    asked = canonical.digest(request)
    bound = (asked, *sorted({*subject.digests, *(canonical.digest(record) for record in found)}))
    dossier = Dossier(
        gate=request.gate,
        system=system,
        classification=next((c for c in found if c.tier is tier), None),
        committee=committee.record if committee else None,
        verdict=subject.verdict,
        digests=frozenset(bound),
        barred=frozenset({request.requester, *subject.authors}),
        approvals=_approvals(desk, asked),
        waivers=tuple(_waivers(desk, asked)),
        data=subject.data,
        evidence_days=appetite.record.evidence_days if appetite else None,
        lineage=subject.lineage,
        trouble=subject.trouble,
    )
    return Open(kept, dossier, decide(dossier, desk.now), bound, subject.unsealed)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What asks to pass: its current digests, who built it or filed what counts of it, and what is known of it."""

    digests: tuple[str, ...]
    authors: tuple[str, ...] = ()
    verdict: Verdict | None = None
    unsealed: Verdict | None = None
    data: tuple[Offered, ...] = ()
    lineage: Lineage | None = None
    trouble: str = ""


def _subject(desk: Desk, system: System, request: Request, *, needs_lineage: bool) -> _Subject:
    """What a request speaks of. Lineage is looked up only where it decides: it is many records."""
    if request.gate.needs_evidence:
        subject = _release(desk, system, request)
        traced = release_lineage(desk, request.release) if needs_lineage else None
        if traced is None:
            return subject
        return replace(subject, authors=(*subject.authors, *traced.filed_by), lineage=traced.lineage)
    return _data(desk, system, request)


def _data(desk: Desk, system: System, request: Request) -> _Subject:
    """The system, and the data sets that are to be used for it, each bound with the contract that it was held to."""
    found = [offered(desk, digest) for digest in request.datasets]
    passed = _past_data_gate(desk, request) if request.gate is Gate.TRAINING else frozenset()
    data = tuple(replace(fact, has_passed=fact.digest in passed) for fact, _ in found)
    contracts = (fact.contract for fact in data if fact.contract)
    digests = (canonical.digest(system), *request.datasets, *contracts)
    return _Subject(digests, tuple(sorted({actor for _, actors in found for actor in actors})), data=data)


def _past_data_gate(desk: Desk, request: Request) -> frozenset[str]:
    """Which of a request's data sets the data gate of the same system lets through now."""
    wanted, passed = set(request.datasets), set[str]()
    found = desk.store.list(Request, system=request.system, state="open", text=Gate.DATA, limit=MOST).items
    for kept in (one for one in found if one.record.gate is Gate.DATA):
        asked = wanted & set(kept.record.datasets)
        if asked - passed and look(desk, kept.key).ruling.outcome is Outcome.PASS:
            passed |= asked
    return frozenset(passed)


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
    try:
        evidence = evidence_of(desk, filed.digest)
    except (Absent, Tampered) as error:  # one damaged file must not hide all other requests
        return _Subject((release.digest,), authors, trouble=error.message)
    now = judge_evidence(desk, system, evidence, filed.digest)
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
    stopped = {release.key: _stopped(desk, release.record) for release in releases}
    if all(stopped.values()):
        why = next(iter(stopped.values()))
        return Admission(False, digest, environment, f"Stopped: {why}", outcome=Outcome.BREACH)
    requests = _requests(desk, [key for key, why in stopped.items() if not why], environment)
    desk = ahead(desk, requests)
    for kept in requests:
        ruling = look(desk, kept.key).ruling
        if ruling.outcome is Outcome.PASS:
            why = "Approved, and nothing has changed since."
            return Admission(True, digest, environment, why, kept.key, Outcome.PASS)
        if not shut.request:  # the newest request says why
            why = ruling.reasons[0].sentence
            shut = Admission(False, digest, environment, why, kept.key, ruling.outcome)
    return shut


def _stopped(desk: Desk, release: Release) -> str:
    """Why a breaker keeps this release from deciding; empty where none does."""
    found = tripped(desk, release.system)
    return next((breaker.reason for breaker in found if breaker.stops(release.system, release.digest)), "")


def _requests(desk: Desk, releases: list[str], environment: str) -> list[Kept[Request]]:
    """What was asked for these releases there and not taken back, the newest first for each."""
    found = desk.store.gather(Request, "about", releases)
    here = (kept for release in releases for kept in found[release])
    return [kept for kept in here if kept.record.environment == environment and not kept.record.is_withdrawn]
