"""Approvals, refusals, waivers and delegations: a person's word, bound to exact digests.

Law 2: an approval lapses as soon as any digest that it is bound to changes; the requester never counts as an approver.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdfast.domain.verdict import parse_time


class Discipline(StrEnum):
    """The points of view that a committee brings together."""

    IT = "it"
    RISK = "risk"
    LEGAL = "legal"
    COMPLIANCE = "compliance"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's answer about exact digests (verdict, release, appetite), until it expires.

    `role` is the discipline in which it is given, `on_behalf_of` whom the person stood in for (empty: themselves).
    `says_yes` is False for dissent, which is kept and never counts.
    """

    person: str
    role: str
    reason: str
    bound_to: tuple[str, ...]
    given_at: str
    expires_at: str
    says_yes: bool = True
    on_behalf_of: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A breach of one `measure` that people may accept on exact digests, until it expires.

    It counts once those who must have approved it; their approvals are bound to the waiver's own digest. `controls`
    names what keeps the harm small meanwhile; a waiver without one is worth nothing.
    """

    measure: str
    person: str
    role: str
    reason: str
    controls: str
    bound_to: tuple[str, ...]
    given_at: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """`person` lets `delegate` answer in `discipline` for a while."""

    person: str
    delegate: str
    discipline: Discipline
    since: str
    until: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Mandate:
    """Who may answer in a discipline now: by office, or by delegation from `on_behalf_of`."""

    person: str
    discipline: str
    on_behalf_of: str = ""


def mandates(offices: Iterable[tuple[str, str]], delegations: Iterable[Delegation], now: datetime) -> set[Mandate]:
    """All mandates at `now`, from (person, discipline) `offices` and delegations by those who hold one.

    A delegate cannot delegate further.
    """
    held = set(offices)
    stand_ins = {
        Mandate(d.delegate, d.discipline, d.person)
        for d in delegations
        if (d.person, d.discipline) in held and parse_time(d.since) <= now < parse_time(d.until)
    }
    return {Mandate(person, discipline) for person, discipline in held} | stand_ins


def holds(act: Approval | Waiver, *, digests: frozenset[str], barred: frozenset[str], now: datetime) -> bool:
    """Whether an approval or waiver counts now, for a thing that has these `digests`.

    False when it is bound to nothing, to any digest that is no longer current, before it was given, after it expired,
    when it says no, or when somebody who is `barred` (the requester, the model's authors) gave it or was stood in for.
    """
    bound = bool(act.bound_to) and set(act.bound_to) <= digests
    in_time = parse_time(act.given_at) <= now < parse_time(act.expires_at)
    says_yes = not isinstance(act, Approval) or act.says_yes
    involved = {act.person, act.on_behalf_of} if isinstance(act, Approval) else {act.person}
    return bound and in_time and says_yes and not (involved - {""}) & barred


def uncovered(
    approvals: Iterable[Approval],
    *,
    roles: frozenset[str],
    digests: frozenset[str],
    barred: frozenset[str],
    now: datetime,
) -> tuple[str, ...]:
    """The roles that no approval covers, where each person counts for one role alone; sorted, as few as can be."""
    people = {role: set[str]() for role in roles}
    for approval in approvals:
        if approval.role in people and holds(approval, digests=digests, barred=barred, now=now):
            people[approval.role].add(approval.person)
    return _unmatched(people)


def approved_by(
    approvals: Iterable[Approval],
    *,
    roles: frozenset[str],
    digests: frozenset[str],
    barred: frozenset[str],
    now: datetime,
) -> bool:
    """Whether every role in `roles` is covered by a person of its own whose approval holds. No roles: False."""
    return bool(roles) and not uncovered(approvals, roles=roles, digests=digests, barred=barred, now=now)


def _unmatched(people: dict[str, set[str]]) -> tuple[str, ...]:
    """Roles left over by a maximum matching of roles to people (augmenting paths; Kuhn 1955)."""
    taken: dict[str, str] = {}

    def place(role: str, seen: set[str]) -> bool:
        for person in sorted(people[role] - seen):
            seen.add(person)
            if person not in taken or place(taken[person], seen):
                taken[person] = role
                return True
        return False

    return tuple(role for role in sorted(people) if not place(role, set()))
