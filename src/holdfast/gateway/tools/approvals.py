"""Calls that a person has to look at first: they wait like any decision, and go through once they are approved.

The same call is the same tool with the same arguments, by the same credential. An approval lets it through once. What
was held is forgotten after twice the time that a person has to decide, by this gateway's own clock.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from holdfast.domain.decision import Decision
from holdfast.domain.errors import HoldfastError
from holdfast.domain.policy import Policy
from holdfast.domain.review import Held
from holdfast.domain.verdict import parse_time, timestamp
from holdfast.gateway.review.reviews import Reviews
from holdfast.guards.tools.steps import Call
from holdfast.ports import Clock

APPROVE, REFUSE = "approve", "refuse"
REMEMBERED = 10_000


class Standing(StrEnum):
    """How a call stands with people."""

    UNASKED = "unasked"
    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


class Approvals:
    """What waits here, by call. Those that are not asked for again are forgotten first."""

    def __init__(self, reviews: Reviews, clock: Clock) -> None:
        self._reviews, self._clock = reviews, clock
        self._waiting: OrderedDict[bytes, tuple[str, datetime]] = OrderedDict()

    async def standing(self, principal: str, server: str, call: Call) -> tuple[Standing, str]:
        """How a call stands, and the decision under which it waits, or waited."""
        key = _key(principal, server, call)
        if key not in self._waiting:
            return Standing.UNASKED, ""
        decision, until = self._waiting[key]
        if self._clock() > until:
            self._waiting.pop(key, None)
            return Standing.UNASKED, ""
        try:
            review = await self._reviews.review(decision)
        except HoldfastError:
            return Standing.WAITING, decision
        if review is None or review.resolution is None:
            return Standing.WAITING, decision
        return (Standing.APPROVED if review.resolution.answer == APPROVE else Standing.REFUSED), decision

    def use(self, principal: str, server: str, call: Call) -> bool:
        """Use an approval up; whether it was still there."""
        return self._waiting.pop(_key(principal, server, call), None) is not None

    async def hold(self, server: str, call: Call, decision: Decision, policy: Policy) -> None:
        """Let a call wait for a person, durably."""
        hours = timedelta(hours=policy.review_hours)
        due = parse_time(decision.at) + hours
        held = Held(decision, f"{policy.name} {policy.version}", timestamp(due), choices=(APPROVE, REFUSE))
        await asyncio.to_thread(self._reviews.folder.add, [held])
        self._waiting[_key(decision.principal, server, call)] = decision.id, due + hours
        if len(self._waiting) > REMEMBERED:
            self._waiting.popitem(last=False)


def _key(principal: str, server: str, call: Call) -> bytes:
    return sha256(b"\0".join((principal.encode(), server.encode(), call.key))).digest()
