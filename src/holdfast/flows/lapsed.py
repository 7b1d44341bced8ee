"""What runs in production though its gate has shut since: an approval ended, or what it was bound to changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from holdfast.domain.act import Kept
from holdfast.domain.gate import Request
from holdfast.domain.release import Deployment
from holdfast.domain.verdict import Outcome
from holdfast.flows.ahead import ahead
from holdfast.flows.desk import Desk, every
from holdfast.flows.gate import Open, look
from holdfast.flows.news import is_quiet, newest_act

AT_ONCE = 25
"""Requests that are loaded and judged together."""

FRESH = timedelta(minutes=1)
QUICK = 0.25
PAUSE = 10


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A release that runs, and the request that let it in, as its gate answers now."""

    deployment: Kept[Deployment]
    opened: Open


class Lapses:
    """All that lapsed, remembered until something happened or a minute has passed.

    Where looking takes over a quarter of a second, as with thousands of deployments, nobody looks again within ten
    times as long as it took: what is shown may be as old as that.
    """

    def __init__(self) -> None:
        self._known: tuple[Lapsed, ...] = ()
        self._newest = ""
        self._looked_at: datetime | None = None
        self._rests_until = 0.0

    def find(self, desk: Desk) -> tuple[Lapsed, ...]:
        """What runs though its gate is shut, what was put into production last first."""
        newest = newest_act(desk.store)
        is_fresh = self._looked_at is not None and timedelta(0) <= desk.now - self._looked_at < FRESH
        if monotonic() < self._rests_until:
            return self._known
        if is_fresh and is_quiet(desk.store, self._newest, newest):
            self._newest = newest
            return self._known
        started = monotonic()
        self._known, self._newest, self._looked_at = lapsed(desk), newest, desk.now
        took = monotonic() - started
        self._rests_until = monotonic() + PAUSE * took if took > QUICK else 0.0
        return self._known


def lapsed(desk: Desk) -> tuple[Lapsed, ...]:
    """What runs though its gate is shut, as of now."""
    running = list(every(desk.store, Deployment, state="running"))
    found = []
    for start in range(0, len(running), AT_ONCE):
        some = running[start : start + AT_ONCE]
        requests = desk.store.many(Request, {kept.record.gate for kept in some})
        ready = ahead(desk, requests.values())
        opened = ((kept, look(ready, kept.record.gate)) for kept in some)
        found += [Lapsed(kept, one) for kept, one in opened if one.ruling.outcome is not Outcome.PASS]
    return tuple(found)
