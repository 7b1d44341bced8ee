"""The courier: tells subscribed addresses of acts that are in the ledger, in order, each at least once.

Messages follow the Standard Webhooks specification, version 1.0.0 (https://www.standardwebhooks.com): the headers
``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, the last of which is HMAC-SHA256 over the other two and
the body. An address that does not answer is tried again later, and gets nothing further until it has answered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import httpx

from holdfast import canonical
from holdfast.domain.act import Act, Kept
from holdfast.domain.errors import HoldfastError
from holdfast.domain.webhook import Webhook
from holdfast.flows.desk import MOST
from holdfast.ledger.acts import act_in
from holdfast.ports import Clock, Ledger, Places, Store

BATCH = 200
TIMEOUT_S = 10.0
LONGEST_PAUSE_S = 3600


@dataclass(frozen=True, slots=True)
class Place:
    """How far an address was told: the next index in the ledger, and how often the message there has failed."""

    next: int
    failures: int = 0
    not_before: float = 0.0


class Courier:
    """Delivers in a thread of its own while it is entered. A context manager.

    `secret` is the installation's; each webhook's own is derived from it, so that none is kept. Of several processes
    the one that holds the lock of `places` delivers. `failure` is what keeps it from working now.
    """

    def __init__(
        self, store: Store, ledger: Ledger, places: Places, secret: bytes, clock: Clock, *, every: float = 1.0
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._places = places
        self._secret = secret
        self._clock = clock
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self.failure: HoldfastError | None = None

    def secret_of(self, key: str) -> str:
        """The secret of the webhook `key`, as receivers' libraries take it."""
        derived = hmac.digest(self._secret, f"holdfast webhook {key}".encode(), "sha256")
        return f"whsec_{base64.b64encode(derived).decode()}"

    def deliver(self) -> int:
        """Tell every address what it was not told yet, as far as they answer; how many messages arrived."""
        found = self._store.list(Webhook, state="active", limit=MOST).items
        if not found:
            return 0
        size, _ = self._ledger.head()
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as http:
            return sum(self._tell(http, kept, size) for kept in found if kept.index is not None)

    def _tell(self, http: httpx.Client, kept: Kept[Webhook], size: int) -> int:
        """One address, a batch at most, so that the others get their turn."""
        place = self._place(kept)
        if self._clock().timestamp() < place.not_before:
            return 0
        arrived = 0
        for index, act in self._acts(place.next, min(size, place.next + BATCH)):
            if act is not None and act.verb in (kept.record.verbs or (act.verb,)):
                if not self._post(http, kept, index, act):
                    self._put(kept.key, self._later(Place(index, place.failures if index == place.next else 0)))
                    return arrived
                arrived += 1
            place = Place(index + 1)
            self._put(kept.key, place)
        return arrived

    def _acts(self, start: int, stop: int) -> Iterator[tuple[int, Act | None]]:
        return ((index, act_in(entry)) for index, entry in enumerate(self._ledger.read(start, stop), start))

    def _post(self, http: httpx.Client, kept: Kept[Webhook], index: int, act: Act) -> bool:
        body = message(act, index)
        headers = signed(self.secret_of(kept.key), canonical.digest(act), self._clock(), body)
        try:
            return http.post(kept.record.url, content=body, headers=headers).is_success
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def _later(self, place: Place) -> Place:
        pause = min(2.0 ** (place.failures + 1), LONGEST_PAUSE_S)
        return Place(place.next, min(place.failures + 1, 30), self._clock().timestamp() + pause)

    def _place(self, kept: Kept[Webhook]) -> Place:
        """Where an address was left; right after its own subscription at first."""
        data = self._places.get(kept.key)
        return canonical.decode(Place, data) if data else Place((kept.index or 0) + 1)

    def _put(self, key: str, place: Place) -> None:
        self._places.put(key, canonical.encode(place))

    def __enter__(self) -> Courier:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            try:
                with self._places.lock() as is_mine:
                    while is_mine() and not self._stopped.wait(self._every):
                        self.deliver()
                        self.failure = None
            except HoldfastError as error:
                self.failure = error


def message(act: Act, index: int) -> bytes:
    """What an address is told: which act, when, and where in the ledger it can be proved. No content."""
    return json.dumps(
        {"type": act.verb, "timestamp": act.at, "data": {**canonical.plain(act), "index": index}}
    ).encode()


def signed(secret: str, digest: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers of a message about the act with this digest."""
    id, at = f"msg_{digest.removeprefix('sha256:')[:32]}", str(int(now.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        "content-type": "application/json",
        "user-agent": "holdfast",
    }
