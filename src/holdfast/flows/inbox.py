"""What waits for somebody: requests and waivers that they may answer, and proposals that they may enact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept
from holdfast.domain.approval import Waiver
from holdfast.domain.gate import Request, Waived, waiver_counts
from holdfast.domain.kinds import KINDS, Filed
from holdfast.domain.person import Person, Proposal
from holdfast.domain.release import Deployment
from holdfast.domain.verdict import Outcome, Verdict, parse_time, timestamp
from holdfast.flows.approve import unbarred
from holdfast.flows.desk import Caller, Desk
from holdfast.flows.gate import Open, look
from holdfast.flows.propose import SUBJECTS
from holdfast.flows.register import appetite_in_force

LOOKED_AT = 100
"""The newest open requests that are looked at; each is judged anew."""


@dataclass(frozen=True, slots=True)
class Answerable:
    """A request as it stands, and what of it a person may answer: `disciplines` of its own, and waivers by key."""

    opened: Open
    disciplines: tuple[str, ...]
    waivers: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def waits(self) -> bool:
        """Whether their answer is missing."""
        return bool(set(self.disciplines) & set(self.opened.decision.waiting_for) or self.waivers)


def answerable(desk: Desk, caller: Caller, opened: Open) -> Answerable:
    """What of an open request the caller may answer now."""
    if Permission.APPROVE not in caller.permissions or opened.request.record.is_withdrawn:
        return Answerable(opened, ())
    own = _disciplines(desk, caller.person, opened.dossier.barred)
    found = [(kept.key, _for_waiver(desk, caller.person, opened, kept, own)) for kept in waivers_of(desk, opened)]
    return Answerable(opened, own, tuple((key, disciplines) for key, disciplines in found if disciplines))


def waivers_of(desk: Desk, opened: Open) -> tuple[Kept[Waiver], ...]:
    """The waivers that were asked for a request, the newest first."""
    return desk.store.list(Waiver, about=opened.bound[0], limit=LOOKED_AT).items


def _disciplines(desk: Desk, person: Person, barred: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted({mandate.discipline for mandate in unbarred(desk, person, barred)}))


def _for_waiver(desk: Desk, person: Person, opened: Open, kept: Kept[Waiver], own: tuple[str, ...]) -> tuple[str, ...]:
    """The disciplines in which a person's answer to a waiver is missing."""
    rule, waiver = opened.dossier.rule, kept.record
    if rule is None or not set(own) & set(rule.waiver_quorum) or parse_time(waiver.expires_at) <= desk.now:
        return ()
    waived = _waived(opened, waiver)
    if waived is None or waiver_counts(waived, opened.dossier, rule, desk.now):
        return ()
    said = {approval.role for approval in waived.approvals if approval.person == person.id}
    free = _disciplines(desk, person, opened.dossier.barred | {waiver.person})
    return tuple(d for d in free if d in rule.waiver_quorum and d not in said)


def _waived(opened: Open, waiver: Waiver) -> Waived | None:
    return next((waived for waived in opened.dossier.waivers if waived.waiver == waiver), None)


def waiting(desk: Desk, caller: Caller) -> tuple[Answerable, ...]:
    """The requests that wait for the caller, the newest first."""
    if Permission.APPROVE not in caller.permissions:
        return ()
    found = (answerable(desk, caller, opened) for opened in open_requests(desk))
    return tuple(one for one in found if one.waits)


def open_requests(desk: Desk) -> Iterator[Open]:
    """The newest requests that nobody took back, each as it stands now."""
    return (look(desk, kept.key) for kept in desk.store.list(Request, state="open", limit=LOOKED_AT).items)


def enactable(desk: Desk, caller: Caller) -> tuple[Kept[Proposal], ...]:
    """Open proposals of others that the caller may enact."""
    found = desk.store.list(Proposal, state="open", limit=LOOKED_AT).items
    return tuple(
        kept
        for kept in found
        if kept.record.proposer != caller.person.id
        and SUBJECTS[KINDS[kept.record.kind].type].enact in caller.permissions
    )


def breached(desk: Desk) -> tuple[Kept[Verdict], ...]:
    """The newest verdict of each system where that is a breach, among the latest breaches."""
    found: dict[str, Kept[Verdict]] = {}
    for kept in desk.store.list(Verdict, state=Outcome.BREACH, limit=LOOKED_AT).items:
        found.setdefault(kept.record.system, kept)
    return tuple(kept for system, kept in found.items() if _newest(desk, system) == kept.key)


def _newest(desk: Desk, system: str) -> str:
    return desk.store.list(Verdict, system=system, limit=1).items[0].key


@dataclass(frozen=True, slots=True)
class Ageing:
    """A release in production and until when its evidence counts (RFC 3339, empty where there is none)."""

    deployment: Kept[Deployment]
    until: str


def ageing(desk: Desk, within: timedelta) -> tuple[Ageing, ...]:
    """What runs in production on evidence that counts no longer, or not much longer; the most urgent first."""
    days = timedelta(days=appetite_in_force(desk).evidence_days)
    found = []
    for kept in desk.store.list(Deployment, state="running", limit=LOOKED_AT).items:
        newest = desk.store.list(Filed, about=kept.record.release, limit=1).items
        until = parse_time(newest[0].record.taken_at) + days if newest else None
        if until is None or until <= desk.now + within:
            found.append(Ageing(kept, timestamp(until) if until else ""))
    return tuple(sorted(found, key=lambda one: one.until))
