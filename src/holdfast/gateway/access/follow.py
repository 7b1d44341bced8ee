"""Follows the control plane: what may run here now, kept in memory and on disk, verified under one pinned key.

Asked every second with what is known already, so that a lapsed approval, a revoked key or a tripped breaker counts
within two seconds. While the control plane is away the last clearance goes on, each part of it until its own end, and
all of it for no longer than `stale_after` seconds since the control plane was last heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from holdfast import canonical
from holdfast.domain.clearance import Clearance
from holdfast.domain.errors import HoldfastError, Tampered, Unavailable
from holdfast.gateway.http.upstream import Upstream
from holdfast.ledger.envelope import open_sealed
from holdfast.ledger.files import replace as replace_file
from holdfast.ledger.note import Key

EVERY = 1.0
MOST_BYTES = 16 * 1024 * 1024


class Follower:
    """Holds the clearance of an environment for some systems. `changed` is called whenever it is another one."""

    def __init__(
        self,
        plane: Upstream,
        token: str,
        key: Key,
        environment: str,
        systems: tuple[str, ...],
        *,
        kept: Path,
        clock: Callable[[], datetime],
        stale_after: float = 86_400.0,
    ) -> None:
        self.trouble: HoldfastError | None = None
        self.changed: Callable[[], None] = lambda: None
        self._plane, self._token, self._key = plane, token, key
        self._environment, self._systems = environment, tuple(sorted(set(systems)))
        self._kept, self._clock, self._stale_after = kept, clock, timedelta(seconds=stale_after)
        self._clearance = Clearance(environment, self._systems, "", ())
        self._digest, self._tag = "", ""
        self._heard = datetime.min.replace(tzinfo=clock().tzinfo)
        self._turn = asyncio.Lock()
        self._read_kept()

    @property
    def clearance(self) -> Clearance:
        """What is cleared now; nothing where the control plane has been silent for too long."""
        return replace(self._clearance, cleared=()) if self.is_stale else self._clearance

    @property
    def is_stale(self) -> bool:
        """Whether the control plane has been silent for so long that nothing may run any more."""
        return self._clock() - self._heard > self._stale_after

    @property
    def age(self) -> float:
        """Seconds since the control plane was heard; many where it never was."""
        return (self._clock() - self._heard).total_seconds()

    @property
    def digest(self) -> str:
        """The digest of the clearance in force; empty before the first."""
        return self._digest

    async def follow(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(EVERY)

    async def refresh(self) -> None:
        """Ask once; `trouble` says what went wrong, None where nothing did."""
        try:
            async with self._turn:
                await self._ask()
            self.trouble = None
        except HoldfastError as error:
            self.trouble = error
        except OSError as error:  # what was heard counts, though a restart would not know of it
            what = f"The clearance cannot be kept in {self._kept}: {error.strerror}."
            self.trouble = Unavailable("clearance.disk", what, "Make room or mend the disk.")

    async def ask_for(self, systems: tuple[str, ...]) -> None:
        """Follow these systems from now on; what is cleared for others goes with the next answer."""
        async with self._turn:
            wanted = tuple(sorted(set(systems)))
            if wanted == self._systems:
                return
            self._systems, self._tag = wanted, ""
        await self.refresh()

    async def _ask(self) -> None:
        query = urlencode([("environment", self._environment), *(("system", name) for name in self._systems)])
        headers = [(b"authorization", b"Bearer " + self._token.encode())]
        if self._tag:
            headers.append((b"if-none-match", self._tag.encode()))
        answer = await self._plane.ask(b"GET", b"/api/v1/clearance?" + query.encode(), headers, b"")
        body = await answer.body(MOST_BYTES)
        if answer.status not in (200, 304):
            hint = "Look at the token and its permissions; what is cleared goes on meanwhile."
            raise Unavailable("clearance.refused", f"The control plane answered {answer.status}.", hint)
        if answer.status == 200:
            self._take(body)
            self._heard = self._clock()
            replace_file(self._kept, body)
            self._tag = dict(answer.headers).get(b"etag", b"").decode("ascii", "replace")
        self._heard = self._clock()

    def _take(self, envelope: bytes) -> None:
        found = open_sealed(envelope, self._key.public, Clearance)
        if (found.environment, found.systems) != (self._environment, self._systems):
            raise Tampered("clearance.other", "This clearance is for another gateway.", "Look who sent it.")
        if found.at < self._clearance.at:
            raise Tampered("clearance.old", "This clearance is older than the one in force.", "Look who sent it.")
        self._clearance, self._digest = found, canonical.digest(found)
        self.changed()

    def _read_kept(self) -> None:
        """What an earlier process kept; it was heard when it was written. Nothing where it was for other systems."""
        try:
            envelope, written = self._kept.read_bytes(), self._kept.stat().st_mtime
            self._take(envelope)
            self._heard = datetime.fromtimestamp(written, self._clock().tzinfo)
        except FileNotFoundError:
            return
        except (HoldfastError, OSError, ValueError) as error:
            what = f"What was cleared before cannot be used: {error}"
            self.trouble = Unavailable("clearance.kept", what, f"Only the control plane counts; see {self._kept}.")
