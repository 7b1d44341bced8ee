"""The purse of many gateways in one Valkey or Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from holdfast.domain.errors import FixInput, Unavailable

SECONDS = 0.5
"""An answer that takes longer counts as none."""

REST = 1.0
"""Seconds for which a server that did not answer is left alone: requests that need a lease wait in line for it."""

ALIVE = 5.0
"""Seconds after which a gateway that was not heard of no longer shares."""

KEPT = 2 * 86_400
LEASE = """
local left = tonumber(ARGV[2]) - tonumber(redis.call('GET', KEYS[1]) or '0')
local granted = math.min(tonumber(ARGV[1]), left)
if granted <= 0 then return 0 end
redis.call('INCRBY', KEYS[1], granted)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return granted
"""


class SharedPurse:
    """Implements `budgets.Purse`; a context manager, within which it says every second that `gateway` is alive.

    `gateways` stays what it was while the server cannot be reached.
    """

    def __init__(self, url: str, gateway: str, clock: Callable[[], float]) -> None:
        self.gateways = 1
        self._gateway = gateway
        self._clock = clock
        self._rests_until = 0.0
        try:
            self._server = Redis.from_url(
                url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=Retry(NoBackoff(), 0)
            )
        except ValueError as error:
            hint = "Write it as redis://host:port, rediss://host:port or unix:///path."
            raise FixInput("budgets.valkey", "The address of the shared budgets cannot be read.", hint) from error
        self._script = self._server.register_script(LEASE)
        self._beating: asyncio.Task[None] | None = None

    async def lease(self, name: str, wanted: int, limit: int) -> int:
        """As `Purse` says. After a failure nobody waits for it again before `REST` is over."""
        if time.monotonic() < self._rests_until:
            raise _cut_off()
        try:
            return int(await self._script(keys=[f"holdfast:{name}"], args=[wanted, limit, KEPT]))
        except (RedisError, OSError, TimeoutError) as error:
            self._rests_until = time.monotonic() + REST
            raise _cut_off() from error

    async def __aenter__(self) -> Self:
        with suppress(RedisError, OSError, TimeoutError):
            await self._beat()
        self._beating = asyncio.get_running_loop().create_task(self._go_on())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._beating is not None:
            self._beating.cancel()
        with suppress(RedisError, OSError, TimeoutError):
            await self._server.zrem("holdfast:gateways", self._gateway)
        await self._server.aclose()

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(1)
            with suppress(RedisError, OSError, TimeoutError):
                await self._beat()

    async def _beat(self) -> None:
        now: Any = self._clock()
        async with self._server.pipeline() as pipe:
            pipe.zadd("holdfast:gateways", {self._gateway: now})
            pipe.zremrangebyscore("holdfast:gateways", "-inf", now - ALIVE)
            pipe.zcard("holdfast:gateways")
            *_, count = await pipe.execute()
        self.gateways = max(1, int(count))


def _cut_off() -> Unavailable:
    hint = "Look at Valkey; budgets go on from what is leased until then."
    return Unavailable("budget.cut-off", "The shared budgets cannot be reached.", hint)
