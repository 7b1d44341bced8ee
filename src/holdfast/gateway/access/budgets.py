"""Budgets: how much each credential may still use, counted in memory, shared among gateways by leases.

A rate is a bucket of its own in each gateway, filled with that gateway's share. A day's amount is one number for all: a
gateway leases part of it from a `Purse` before it is needed, and only what it leased can it spend. So no more than the
amount is ever used while the purse can be reached, however many gateways there are; while it cannot, each goes on with
what it has leased, and then does what `when_cut_off` says.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from holdfast.domain.credential import Credential
from holdfast.domain.errors import TooMany, Unavailable

PARTS = 50
"""A lease is this part of a day's amount."""

DAY = 86_400
DAYS_KEPT = 4


class Cut(StrEnum):
    """What a gateway does when its leases are used up and the purse cannot be reached: refuse, or let through."""

    REFUSE = "refuse"
    ALLOW = "allow"


class Purse(Protocol):
    """Where a day's amounts are counted for all gateways."""

    async def lease(self, name: str, wanted: int, limit: int) -> int:
        """Take up to `wanted` of what is left of `limit` under `name`; what was taken, 0 at the end.

        Unavailable where it cannot be reached.
        """

    @property
    def gateways(self) -> int:
        """How many share it, this one among them."""


class OwnPurse:
    """The purse of a gateway that is alone."""

    gateways = 1

    def __init__(self) -> None:
        self._taken: dict[str, dict[str, int]] = {}

    async def lease(self, name: str, wanted: int, limit: int) -> int:
        """As `Purse` says. The last days are kept: a clock that jumps and comes back gives nothing out twice."""
        day = name.partition(":")[0]
        taken = self._taken.pop(day, {})
        granted = max(0, min(wanted, limit - taken.get(name, 0)))
        taken[name] = taken.get(name, 0) + granted
        self._taken[day] = taken
        if len(self._taken) > DAYS_KEPT:
            del self._taken[next(iter(self._taken))]
        return granted


class Meter:
    """What one credential uses here. `clock` tells seconds since 1970."""

    def __init__(self, credential: Credential, purse: Purse, clock: Callable[[], float], cut: Cut = Cut.REFUSE) -> None:
        budget = credential.budget
        self._budget = budget
        self._purse = purse
        self._clock = clock
        self._level = 0.0
        self._then = clock()
        self._under_way = 0
        limits = {"rows": budget.rows, "tokens": budget.tokens, "money": budget.money}
        self._amounts = {
            what: _Amount(f"{credential.id}:{what}", limit, purse, clock, cut)
            for what, limit in limits.items()
            if limit is not None
        }

    async def enter(self, rows: int) -> None:
        """Begin an exchange of so many rows; TooMany where a limit is reached, and then nothing is used.

        `tokens` and `money` are known only afterwards: an exchange begins as long as there are any left, so that each
        amount is overdrawn by no more than what is under way at the time.
        """
        self._take_rate()
        if self._budget.at_once is not None and self._under_way >= self._budget.at_once:
            raise TooMany("budget.at-once", f"{self._budget.at_once} exchanges are under way.", "Wait for one to end.")
        self._under_way += 1
        try:
            for what, amount in self._amounts.items():
                await amount.take(rows if what == "rows" else 0)
        except BaseException:
            self._under_way -= 1
            raise

    def leave(self, *, tokens: int = 0, money: int = 0) -> None:
        """End an exchange, with what it used."""
        self._under_way -= 1
        for what, used in (("tokens", tokens), ("money", money)):
            if used and what in self._amounts:
                self._amounts[what].settle(used)

    def _take_rate(self) -> None:
        """A leaky bucket: an exchange adds one, time takes `per_second`; more than the burst does not fit."""
        if self._budget.per_second is None:
            return
        now, rate = self._clock(), self._budget.per_second / self._purse.gateways
        self._level = max(0.0, self._level - max(0.0, now - self._then) * rate)
        self._then = now
        if self._level + 1 > max(1.0, self._budget.burst / self._purse.gateways):
            seconds = max(1, math.ceil((self._level + 1 - self._budget.burst / self._purse.gateways) / rate))
            raise TooMany("budget.rate", "That was too much at once.", f"Wait {seconds} s, then go on.", seconds)
        self._level += 1


class _Amount:
    """What is leased of one amount for today."""

    def __init__(self, name: str, limit: int, purse: Purse, clock: Callable[[], float], cut: Cut) -> None:
        self._name = name
        self._limit = limit
        self._purse = purse
        self._clock = clock
        self._cut = cut
        self._lease = max(1, limit // PARTS)
        self._day = -1
        self._left = 0
        self._ahead: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def take(self, amount: int) -> None:
        """Use `amount`, or ask whether anything is left where it is 0; TooMany where there is not enough."""
        self._turn_the_page()
        needed = max(1, amount)
        if self._left < needed:
            await self._lease_up_to(needed)
        elif self._left < self._lease // 2 and (self._ahead is None or self._ahead.done()):
            self._ahead = asyncio.get_running_loop().create_task(self._lease_up_to(self._lease))
        if self._left < needed:
            seconds = DAY - int(self._clock() % DAY)
            raise TooMany("budget.spent", f"The day's {self._name.rpartition(':')[2]} are used up.", "", seconds)
        self._left -= amount

    def settle(self, amount: int) -> None:
        """Use `amount`, whether it is there or not: it was used."""
        self._turn_the_page()
        self._left -= amount

    def _turn_the_page(self) -> None:
        day = int(self._clock() // DAY)
        if day != self._day:
            self._day, self._left = day, 0

    async def _lease_up_to(self, needed: int) -> None:
        async with self._turn:
            short = needed - self._left
            if short <= 0:
                return
            try:
                wanted = max(short, self._lease)
                granted = await self._purse.lease(f"{self._day}:{self._name}", wanted, self._limit)
                self._left += granted  # apart from the await: others use what is left meanwhile
            except Unavailable:
                if self._cut is Cut.ALLOW:
                    self._left += short
