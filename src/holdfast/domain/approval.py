"""Approvals and waivers: a person's word, bound to exact digests.

Law 2: an approval lapses as soon as any digest that it is bound to changes; the requester never counts as an approver.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from holdfast.domain.verdict import parse_time


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's approval of exact digests (verdict, release, appetite), until it expires."""

    person: str
    role: str
    reason: str
    bound_to: tuple[str, ...]
    given_at: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """One person's acceptance of one breached measure on exact digests, until it expires."""

    measure: str
    person: str
    role: str
    reason: str
    bound_to: tuple[str, ...]
    given_at: str
    expires_at: str


def holds(act: Approval | Waiver, *, digests: frozenset[str], requester: str, now: datetime) -> bool:
    """Whether an approval or waiver counts now, for a thing that has these `digests`.

    False when it is bound to nothing, to any digest that is no longer current, before it was given, after it expired,
    or when the requester gave it.
    """
    bound = bool(act.bound_to) and set(act.bound_to) <= digests
    in_time = parse_time(act.given_at) <= now < parse_time(act.expires_at)
    return bound and in_time and act.person != requester


def approved_by(
    approvals: tuple[Approval, ...],
    *,
    roles: frozenset[str],
    digests: frozenset[str],
    requester: str,
    now: datetime,
) -> bool:
    """Whether every role in `roles` is covered by a distinct person whose approval holds. No roles: False."""
    people = {
        role: {
            a.person for a in approvals if a.role == role and holds(a, digests=digests, requester=requester, now=now)
        }
        for role in roles
    }
    return bool(roles) and _distinct_cover(sorted(roles), people, frozenset())


def _distinct_cover(roles: list[str], people: dict[str, set[str]], taken: frozenset[str]) -> bool:
    if not roles:
        return True
    first, rest = roles[0], roles[1:]
    return any(_distinct_cover(rest, people, taken | {person}) for person in people[first] - taken)
