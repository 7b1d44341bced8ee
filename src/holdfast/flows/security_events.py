"""Security events: alerts, breakers and incidents reach a SIEM, in the order of the ledger, each at least once.

How far it was told is a note in the database, so that what happened while nobody could be told, or while no process
ran, is told later. It begins with what happens after the first time that it ran. What the receiver will never take is
counted and left out; all else waits until it is taken.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import httpx
import orjson

from holdfast import canonical
from holdfast.domain.act import Kept
from holdfast.domain.errors import HoldfastError, Unavailable
from holdfast.domain.kinds import KINDS
from holdfast.flows.carriers import Carrier, Refused
from holdfast.flows.ocsf import Json, event_of
from holdfast.ledger.acts import act_in
from holdfast.ports import Ledger, Places, Store

KEY = "security-events"
BATCH = 200
LONGEST_PAUSE_S = 60.0

LOG = logging.getLogger("holdfast.events")


@dataclass(frozen=True, slots=True)
class Told:
    """How far the SIEM was told: the next index in the ledger; and how many events it refused for good."""

    next: int
    refused: int = 0


class SecurityEvents:
    """Delivers in a thread of its own while it is entered. A context manager.

    Of several processes on one database the one that holds the lock delivers. `failure` is what keeps it from working
    now.
    """

    def __init__(self, store: Store, ledger: Ledger, places: Places, carrier: Carrier, *, every: float = 1.0) -> None:
        self._store, self._ledger, self._places, self._carrier = store, ledger, places, carrier
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="security-events", daemon=True)
        self.failure: HoldfastError | None = None

    def deliver(self) -> int:
        """Tell what was not told yet, a batch at most; how many events that were. OSError or httpx.HTTPError where the
        SIEM cannot be told now.
        """
        size, _ = self._ledger.head()
        told = self._told(size)
        stop = min(size, told.next + BATCH)
        found = [one for one in map(self._event, range(told.next, stop), self._ledger.read(told.next, stop)) if one]
        refused = self._bring([orjson.dumps(event) for event in found])
        if stop > told.next:
            self._put(Told(stop, told.refused + refused))
        return len(found) - refused

    def _event(self, index: int, entry: bytes) -> Json | None:
        act = act_in(entry)
        if act is None or act.kind not in ("alert", "breaker", "incident"):
            return None
        made: tuple[Kept[object], ...] = self._store.history(KINDS[act.kind].type, act.key)
        record = next((kept.record for kept in made if kept.revision == act.revision), None)
        return None if record is None else event_of(act, record, index)

    def _bring(self, events: list[bytes]) -> int:
        """How many of them are refused for good: each is tried alone then."""
        if not events:
            return 0
        try:
            self._carrier.deliver(events)
        except Refused as error:
            if len(events) > 1:
                return sum(self._bring([event]) for event in events)
            LOG.warning("events.refused: one event was given up. %s", error)
            return 1
        return 0

    def _told(self, size: int) -> Told:
        data = self._places.get(KEY)
        if data is not None:
            found: Told = canonical.decode(Told, data)
            return found
        self._put(Told(size))
        return Told(size)

    def _put(self, told: Told) -> None:
        self._places.put(KEY, canonical.encode(told))

    def __enter__(self) -> SecurityEvents:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        pause = self._every
        while not self._stopped.wait(pause):
            try:
                with self._places.lock(KEY) as is_mine:
                    while is_mine() and not self._stopped.wait(self._every):
                        self.deliver()
                        self.failure, pause = None, self._every
            except HoldfastError as error:
                self.failure = error
            except (OSError, httpx.HTTPError) as error:
                what = f"The SIEM could not be told: {type(error).__name__}."
                self.failure = Unavailable("events.undelivered", what, "Look at the address in HOLDFAST_EVENTS.")
                pause = min(2 * pause, LONGEST_PAUSE_S)
