"""Human review at the gateway: what is held reaches the control plane, and whoever asked learns how it ended."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from holdfast import canonical
from holdfast.domain.act import Kept
from holdfast.domain.credential import Credential
from holdfast.domain.decision import Decision
from holdfast.domain.errors import Absent, FixInput, HoldfastError, Tampered, TooMany, Unavailable
from holdfast.domain.review import Held, HumanReview, ReviewState
from holdfast.gateway.http.server import Reply
from holdfast.gateway.http.upstream import Upstream
from holdfast.gateway.review.held import HeldFolder

EVERY = 1.0
LONGEST_REST = 30.0
MOST_BYTES = 1024 * 1024
PACE, AT_ONCE = 0.1, 20
"""Seconds between two questions to the control plane on behalf of others, and how many may come at once: it lets a
gateway's token through so often and no more, and clearances, by which a credential ends, come by the same one.
"""
REMEMBERED = 10_000
NOT_NOW = (401, 403, 429, 503)
"""What the control plane answers to everything, for a while; any other no is about one decision."""
PATH = re.compile(r"/decisions/([0-9a-f-]{36})/review")
Opened = Callable[[Decision], Decision]
"""A decision with its sealed fields in place; Absent where its subject was erased."""


def path_of(decision: str) -> str:
    """Where whoever asked learns how a review ended."""
    return f"/decisions/{decision}/review"


def decision_in(method: str, path: str) -> str:
    """The decision whose review is asked for; empty where something else is."""
    found = PATH.fullmatch(path)
    return found[1] if found is not None and method == "GET" else ""


class Reviews:
    """Files what waits in a folder, in the background, and asks how reviews stand. `trouble` is what goes wrong,
    `waiting` how many exchanges were in the folder when it was looked at last.
    """

    def __init__(self, folder: HeldFolder, plane: Upstream, token: str, opened: Opened) -> None:
        self.folder = folder
        self.trouble: HoldfastError | None = None
        self.waiting = 0
        self._wrong: HoldfastError | None = None
        self._plane, self._opened = plane, opened
        self._headers = [(b"authorization", b"Bearer " + token.encode()), (b"content-type", b"application/json")]
        self._over: OrderedDict[str, HumanReview] = OrderedDict()
        self._free_at = 0.0

    async def follow(self) -> None:
        """File again and again, until cancelled; where something fails, after a rest that doubles."""
        rest = EVERY
        while True:
            await self.file_all()
            rest = EVERY if self.trouble is None else min(2 * rest, LONGEST_REST)
            await asyncio.sleep(rest)

    async def file_all(self) -> int:
        """File what waits, then whom to forget; how many files went."""
        done, self._wrong = 0, None
        try:
            found = await asyncio.to_thread(self.folder.exchanges)
            self.waiting = len(found)
            for path in found:
                done += await self._file_or_leave(path)
            self.waiting -= done
            for path in await asyncio.to_thread(self.folder.forgotten):
                await self._forget(path)
                done += 1
        except HoldfastError as error:
            self._wrong = error
        self.trouble = self._wrong
        return done

    async def _file_or_leave(self, path: Path) -> bool:
        """File one exchange; whether it went. One that is refused or damaged keeps back no other, and stays."""
        try:
            exchange = await asyncio.to_thread(self.folder.read, path)
            for held in exchange.held if exchange is not None else ():
                await self._file(held)
        except (FixInput, Tampered) as error:
            self._wrong = error
            return False
        await asyncio.to_thread(self.folder.remove, path)
        return exchange is not None

    async def _file(self, held: Held) -> None:
        shown = await asyncio.to_thread(self._readable, held)
        await self._send(b"/api/v1/reviews", {"held": canonical.plain(shown)}, held.decision.id)
        if await asyncio.to_thread(self._readable, held) != shown:  # erased on the way, and told before this arrived
            await asyncio.to_thread(self.folder.forget, held.decision.subject)

    async def _forget(self, path: Path) -> None:
        await self._send(b"/api/v1/reviews/forget", {"subject": path.stem}, f"to forget {path.stem}")
        await asyncio.to_thread(self.folder.remove, path)

    async def _send(self, path: bytes, body: dict[str, Any], what: str) -> None:
        """Unavailable where the control plane does not listen now, FixInput where it refuses this one thing."""
        status, said = await self._ask(b"POST", path, orjson.dumps(body))
        if status in NOT_NOW:
            raise Unavailable("review.unfiled", f"The control plane answered {status}.", "Look at the gateway's token.")
        if status not in (200, 201):
            raise FixInput("review.refused", f"The control plane refuses {what}: {status} {said!r:.300}.")
        await asyncio.sleep(PACE)

    def _readable(self, held: Held) -> Held:
        try:
            return replace(held, decision=self._opened(held.decision))
        except Absent:
            return replace(held, decision=replace(held.decision, sealed=""))

    async def _ask(self, method: bytes, path: bytes, body: bytes = b"") -> tuple[int, bytes]:
        answer = await self._plane.ask(method, path, self._headers, body)
        return answer.status, await answer.body(MOST_BYTES)

    async def tell(self, decision: str, credential: Credential) -> Reply:
        """How a review stands, for the credential that asked; Absent, in the same words, for any other."""
        held = await asyncio.to_thread(self.folder.find, decision)
        if held is not None and held.decision.principal == credential.id:
            return _reply({"decision": decision, "state": ReviewState.WAITING.value, "due_at": held.due_at})
        review = await self.review(decision)
        if review is None or review.principal != credential.id:
            raise Absent("review.absent", "No decision of yours waits, or waited, under this id.", "Check the id.")
        return _reply(_standing(review))

    async def review(self, decision: str) -> HumanReview | None:
        """The review of a decision; None while the control plane has none."""
        return self._over.get(decision) or await self._found(decision)

    async def _found(self, decision: str) -> HumanReview | None:
        """The review as the control plane has it; one that is over never changes, and is not asked for again."""
        self._wait_your_turn()
        status, body = await self._ask(b"GET", f"/api/v1/reviews/{decision}/outcome".encode())
        if status == 404:
            return None
        if status != 200:
            hint = "The decision waits all the same; ask again in a while."
            raise Unavailable("review.unknown", f"The control plane answered {status}.", hint)
        review: HumanReview = canonical.rebuild(Kept[HumanReview], orjson.loads(body)).record
        if review.resolution is not None:
            self._over[decision] = review
            if len(self._over) > REMEMBERED:
                self._over.popitem(last=False)
        return review

    def _wait_your_turn(self) -> None:
        """TooMany where others asked so much that the control plane would stop listening to this gateway."""
        now = asyncio.get_running_loop().time()
        if self._free_at - now > AT_ONCE * PACE:
            raise TooMany("review.often", "Outcomes are asked for too often here.", "Ask again in a few seconds.", 2)
        self._free_at = max(self._free_at, now) + PACE


def _standing(review: HumanReview) -> dict[str, Any]:
    """What an asker hears: the outcome, not who decided, nor why."""
    said: dict[str, Any] = {"decision": review.decision, "state": review.state.value, "due_at": review.due_at}
    ended = review.resolution
    if ended is not None:
        said |= {"refused": ended.answer is None, "answer": ended.answer, "at": ended.at}
    return said


def _reply(said: dict[str, Any]) -> Reply:
    return Reply(200, orjson.dumps(said))
