"""Brings events to a SIEM beside everything else, and keeps them on the disk until they are there.

Nobody waits for it. One thread makes durable what was seen, a moment later; another delivers, again and again, at least
once: receivers tell a repeated event by its `metadata.uid`. What finds no room is dropped and counted, and an event
says how many were.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import httpx

from holdfast.flows.carriers import SECONDS, Carrier, Refused
from holdfast.flows.ocsf import Json
from holdfast.gateway.observe.figures import Family, Kind
from holdfast.gateway.observe.sighting import Sighting, Sort
from holdfast.gateway.observe.spool import Spool

MOST = 100_000
"""Events that wait on the disk at most."""

MOST_IN_MEMORY = 10_000
AT_ONCE = 200
LOOK = 0.2
SHORTEST_REST, LONGEST_REST = 0.25, 30.0
PATIENCE = 5.0
"""Seconds in which what is left is delivered once the gateway stops; the rest is on the disk for the next start."""

LOG = logging.getLogger("holdfast.gateway")


class Outbox:
    """Implements `observer.Sightings`, as a context manager."""

    def __init__(
        self, spool: Spool, carrier: Carrier, event: Callable[[Sighting], Json], most: int = MOST_IN_MEMORY
    ) -> None:
        self._spool, self._carrier, self._event = spool, carrier, event
        self._queue: queue.Queue[Sighting] = queue.Queue(most)
        self._overflown = self._lost = self._sent = self._refused = self._told = 0
        self._closing, self._kept_all = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("events-keep", self._keep_on), ("events-deliver", self._deliver_on))
        ]

    def add(self, sighting: Sighting) -> None:
        """Keep it, or drop it where too many wait."""
        try:
            self._queue.put_nowait(sighting)
        except queue.Full:
            self._overflown += 1

    def standing(self) -> list[Family]:
        """Counts of what was sent, refused, dropped, and waits."""
        counts = (
            ("holdfast_events_sent", "Events delivered.", Kind.COUNTER, self._sent),
            ("holdfast_events_refused", "Events that the receiver will never take.", Kind.COUNTER, self._refused),
            ("holdfast_events_dropped", "Events dropped: too many waited.", Kind.COUNTER, self._dropped),
            ("holdfast_events_waiting", "Events that wait.", Kind.GAUGE, self._queue.qsize() + self._spool.waiting),
        )
        return [Family(name, help, kind, (({}, float(count)),)) for name, help, kind, count in counts]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(PATIENCE + 2 * SECONDS)
        if not any(thread.is_alive() for thread in self._threads):
            self._spool.close()

    @property
    def _dropped(self) -> int:
        return self._overflown + self._lost

    def _keep_on(self) -> None:
        """Make durable what is seen, until the end has come and nothing is left."""
        while True:
            is_over = self._closing.is_set()
            seen = self._next()
            if seen:
                self._keep([self._event(sighting) for sighting in seen])
            elif is_over:
                self._kept_all.set()
                return

    def _next(self) -> list[Sighting]:
        """What waits, up to `AT_ONCE`; and, where some were dropped since the last time, one that says so."""
        seen: list[Sighting] = []
        try:
            seen.append(self._queue.get(timeout=0.0 if self._closing.is_set() else LOOK))
            while len(seen) < AT_ONCE:
                seen.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        lost = self._dropped - self._told
        if lost and self._spool.has_room:
            self._told += lost
            seen.append(Sighting(Sort.STATE, time.time(), "events.dropped", f"{lost} events were dropped."))
        return seen

    def _keep(self, events: Sequence[Json]) -> None:
        try:
            self._lost += len(events) - self._spool.keep(events)
        except sqlite3.Error as error:
            self._lost += len(events)
            LOG.warning("events.disk: %d events could not be kept: %s", len(events), error)
            self._closing.wait(LOOK)

    def _deliver_on(self) -> None:
        """Deliver until nothing is left and the end has come, or until the end's patience is over."""
        until, rest = float("inf"), SHORTEST_REST
        while time.monotonic() < until:
            if self._closing.is_set() and until == float("inf"):
                until = time.monotonic() + PATIENCE
            is_last = self._kept_all.is_set()
            try:
                if not self._deliver(AT_ONCE) and is_last:
                    return
                rest = SHORTEST_REST
            except (OSError, httpx.HTTPError, sqlite3.Error) as error:
                if rest == SHORTEST_REST:
                    why = type(error).__name__ if isinstance(error, httpx.HTTPError) else error
                    LOG.warning("events.undelivered: %s Tried again until it works.", why)
                self._pause(rest)
                rest = min(2 * rest, LONGEST_REST)

    def _deliver(self, count: int) -> bool:
        """Deliver the oldest; whether there were any. Of those that are refused, each is tried alone."""
        last, events = self._spool.first(count)
        if not events:
            self._pause(LOOK)
            return False
        try:
            self._carrier.deliver(events)
            self._sent += len(events)
        except Refused as error:
            if len(events) > 1:
                return self._deliver(len(events) // 2)
            self._refused += 1
            LOG.warning("events.refused: one event was given up. %s", error)
        self._spool.forget(last)
        return True

    def _pause(self, seconds: float) -> None:
        """Rest; briefly once the end has come."""
        if self._closing.wait(seconds):
            time.sleep(SHORTEST_REST if seconds > LOOK else LOOK / 10)
