"""uvicorn's server, but a signal that it has answered is not raised again: what was accepted is still to be drained."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn


class Server(uvicorn.Server):
    """Stops at SIGINT and SIGTERM once what is under way is finished, and lets its caller go on.

    `first` is done before it stops, beside its loop, while it still answers; a second signal does not wait for it.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.first: Callable[[], None] | None = None
        self._stopping: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Called by uvicorn, in its loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        if self.first is None or self._stopping is not None:
            self.end()
        else:
            self._stopping = asyncio.get_running_loop().create_task(self._stop_after(self.first))

    async def _stop_after(self, first: Callable[[], None]) -> None:
        await asyncio.to_thread(first)
        self.end()

    def end(self) -> None:
        """Stop; from any thread."""
        self.should_exit = True


class Beside(uvicorn.Server):
    """A second server in the same process: signals are the first one's, and it ends with the task that runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Called by uvicorn."""
        yield
