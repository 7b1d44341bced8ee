"""What waits for somebody: requests and waivers that they may answer, and proposals that they may enact."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept
from holdfast.domain.approval import Mandate, Waiver
from holdfast.domain.gate import Request, Waived, waiver_counts
from holdfast.domain.kinds import KINDS, Filed
from holdfast.domain.person import Proposal
from holdfast.domain.release import Deployment
from holdfast.domain.verdict import Outcome, Verdict, parse_time, timestamp
from holdfast.flows.ahead import ahead
from holdfast.flows.approve import mandates_of, unbarred
from holdfast.flows.desk import MOST, Caller, Desk, every
from holdfast.flows.gate import Open, look
from holdfast.flows.propose import SUBJECTS
from holdfast.flows.register import appetite_in_force

AT_ONCE = 25
"""Requests that are loaded and judged together."""


@dataclass(frozen=True, slots=True)
class Answerable:
    """A request as it stands, and what of it a person may answer: `disciplines` of its own, and waivers by key."""

    opened: Open
    disciplines: tuple[str, ...]
    waivers: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def waits(self) -> bool:
        """Whether their answer is missing."""
        return bool(set(self.disciplines) & set(self.opened.ruling.waiting_for) or self.waivers)


def answerable(desk: Desk, caller: Caller, opened: Open, mandates: Collection[Mandate] | None = None) -> Answerable:
    """What of an open request the caller may answer now, by the mandates that they hold (looked up where not given)."""
    if Permission.APPROVE not in caller.permissions or opened.request.record.is_withdrawn:
        return Answerable(opened, ())
    held = mandates_of(desk, caller.person) if mandates is None else mandates
    own = _disciplines(held, opened.dossier.barred)
    found = [(kept.key, _for_waiver(desk, held, opened, kept, own)) for kept in waivers_of(desk, opened)]
    return Answerable(opened, own, tuple((key, disciplines) for key, disciplines in found if disciplines))


def waivers_of(desk: Desk, opened: Open) -> tuple[Kept[Waiver], ...]:
    """The waivers that were asked for a request, the newest first."""
    return desk.store.list(Waiver, about=opened.bound[0], limit=MOST).items


def _disciplines(held: Collection[Mandate], barred: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted({mandate.discipline for mandate in unbarred(held, barred)}))


def _for_waiver(
    desk: Desk, held: Collection[Mandate], opened: Open, kept: Kept[Waiver], own: tuple[str, ...]
) -> tuple[str, ...]:
    """The disciplines in which an answer to a waiver is missing that these mandates could give."""
    rule, waiver = opened.dossier.rule, kept.record
    if rule is None or not set(own) & set(rule.waiver_quorum) or parse_time(waiver.expires_at) <= desk.now:
        return ()
    waived = _waived(opened, waiver)
    if waived is None or waiver_counts(waived, opened.dossier, rule, desk.now):
        return ()
    people = {mandate.person for mandate in held}
    said = {approval.role for approval in waived.approvals if approval.person in people}
    free = _disciplines(held, opened.dossier.barred | {waiver.person})
    return tuple(d for d in free if d in rule.waiver_quorum and d not in said)


def _waived(opened: Open, waiver: Waiver) -> Waived | None:
    return next((waived for waived in opened.dossier.waivers if waived.waiver == waiver), None)


def waiting(
    desk: Desk, caller: Caller, after: str = "", *, lapsed: Collection[Kept[Request]] = ()
) -> Iterator[Answerable]:
    """The requests that wait for the caller: those of `lapsed` deployments, then undecided ones, the newest first; all
    or those beyond the request `after`, where one is named.

    They are judged as they are taken, so whoever wants a page takes no more than that.
    """
    if Permission.APPROVE not in caller.permissions:
        return
    held = mandates_of(desk, caller.person)
    beyond = (*lapsed, *undecided(desk))
    places = [place for place, kept in enumerate(beyond, 1) if kept.key == after]
    for some in _portions(beyond[places[0] if places else 0 :]):
        ready = ahead(desk, some)
        found = (answerable(ready, caller, look(ready, kept.key), held) for kept in some)
        yield from (one for one in found if one.waits)


def undecided(desk: Desk) -> tuple[Kept[Request], ...]:
    """Requests that nobody took back and that led to no deployment yet, the newest first.

    What was let in and went into production is decided, until it lapses there (`holdfast.flows.lapsed`).
    """
    return desk.store.unnamed(Request, Deployment, "gate", state="open")


def _portions(found: tuple[Kept[Request], ...]) -> Iterator[tuple[Kept[Request], ...]]:
    return (found[start : start + AT_ONCE] for start in range(0, len(found), AT_ONCE))


def look_all(desk: Desk, requests: Sequence[Kept[Request]]) -> list[Open]:
    """Several requests as they stand now, loaded together."""
    ready = ahead(desk, requests)
    return [look(ready, kept.key) for kept in requests]


def enactable(desk: Desk, caller: Caller) -> tuple[Kept[Proposal], ...]:
    """Open proposals of others that the caller may enact."""
    return tuple(
        kept
        for kept in every(desk.store, Proposal, state="open")
        if kept.record.proposer != caller.person.id
        and SUBJECTS[KINDS[kept.record.kind].type].enact in caller.permissions
    )


def breached(desk: Desk, most: int) -> tuple[Kept[Verdict], ...]:
    """The newest verdict of each system where that is a breach, the latest first, `most` at most."""
    return desk.store.newest(Verdict, state=Outcome.BREACH, limit=most)


def count_breached(desk: Desk) -> int:
    """How many systems' newest verdict is a breach."""
    return desk.store.count_newest(Verdict, Outcome.BREACH)


@dataclass(frozen=True, slots=True)
class Ageing:
    """A release in production and until when its evidence counts (RFC 3339, empty where there is none)."""

    deployment: Kept[Deployment]
    until: str


def ageing(desk: Desk, within: timedelta) -> tuple[Ageing, ...]:
    """What runs in production on evidence that counts no longer, or not much longer; the most urgent first."""
    days = timedelta(days=appetite_in_force(desk).evidence_days)
    running = list(every(desk.store, Deployment, state="running"))
    taken = desk.store.latest(Filed, {kept.record.release for kept in running})
    found = []
    for kept in running:
        newest = taken.get(kept.record.release)
        until = parse_time(newest) + days if newest else None
        if until is None or until <= desk.now + within:
            found.append(Ageing(kept, timestamp(until) if until else ""))
    return tuple(sorted(found, key=lambda one: one.until))
