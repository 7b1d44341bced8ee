"""The routes of one generation of systems, and how many requests are under way by them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from holdfast.gateway.http.server import Receive, Reply, Scope, Streamed

Handler = Callable[[Scope, Receive], Awaitable[Reply | Streamed]]


class Routes(dict[tuple[str, str], Handler]):
    """Routes by method and path. Whoever goes by one holds it as a context manager meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._under_way = 0

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.sleep(0.05)

    def __enter__(self) -> Self:
        self._under_way += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._under_way -= 1
