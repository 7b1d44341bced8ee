"""Group commit by one thread: whatever arrives while one group goes to the disk is the next group.

Threads wait for their group; coroutines are told through their event loop. Where a bound is set (`within`), nobody
waits: what was taken in less than so many seconds before a crash, and what the commit under way holds, can be lost.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy

from holdfast.domain.errors import FixInput, HoldfastError, Unavailable

WAITING_BYTES = 64 * 1024 * 1024
_OVERHEAD = 200


class _Call:
    """Payloads that somebody hands in, and who waits for them: a thread, a coroutine, or nobody."""

    __slots__ = ("error", "future", "gate", "payloads", "size")

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.payloads = payloads
        self.size = sum(map(len, payloads)) + _OVERHEAD
        self.error: HoldfastError | None = None
        self.gate: threading.Lock | None = None
        self.future: asyncio.Future[None] | None = None


class Committer:
    """`commit` takes many payloads, all or none; OSError: none is in. It runs in one thread of its own.

    Unavailable where more than `waiting_bytes` wait, or the disk takes no more.
    """

    def __init__(
        self,
        commit: Callable[[list[bytes]], None],
        *,
        within: float | None = None,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self._commit = commit
        self._within = within
        self._limit = waiting_bytes
        self._calls: deque[_Call] = deque()
        self._bytes = 0
        self._failure: HoldfastError | None = None
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._is_open = True
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="decisions-commit", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """How much was handed in and is not committed yet."""
        return self._bytes

    def submit(self, payloads: Sequence[bytes]) -> None:
        """Hand in payloads; they are durable when this returns, unless a bound is set."""
        call = _Call(payloads)
        if self._within is None:
            call.gate = threading.Lock()
            call.gate.acquire()
        self._enqueue(call)
        if call.gate is not None:
            call.gate.acquire()
            if call.error is not None:
                raise copy(call.error) from call.error

    async def submit_async(self, payloads: Sequence[bytes]) -> None:
        """The same for a coroutine."""
        call = _Call(payloads)
        if self._within is not None:
            self._enqueue(call)
            return
        loop = asyncio.get_running_loop()
        call.future = loop.create_future()
        self._enqueue(call, wake=False)
        loop.call_soon(self._wake)  # by then others may have handed in, and go to the disk with it
        await call.future

    def close(self) -> None:
        """Commit what waits, and end the thread. Unavailable where something that was taken could not be committed."""
        self._closing.set()
        with self._changed:
            self._is_open = False
            self._changed.notify()
        if os.getpid() == self._pid:
            self._thread.join()
        if self._calls:
            raise self._failure or Unavailable("decisions.disk", "Decisions were taken and are not on the disk.")

    def _enqueue(self, call: _Call, *, wake: bool = True) -> None:
        with self._changed:
            if not self._is_open or os.getpid() != self._pid:
                raise FixInput("decisions.closed", "The decision log is closed here.", "Open it, after any fork.")
            if self._within is not None and self._failure is not None:
                raise copy(self._failure) from self._failure
            if self._bytes + call.size > self._limit and self._bytes:
                raise Unavailable(
                    "decisions.busy",
                    f"{self._bytes:,} bytes of decisions wait for the disk.",
                    "Slow down, or put the log on a faster disk.",
                )
            self._bytes += call.size
            self._calls.append(call)
            if wake:
                self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while group := self._next():
            error = self._write(group)
            self._failure = error
            if error is not None and self._within is not None:
                self._put_back(group)
                if not self._is_open:
                    return
                continue
            with self._changed:
                self._bytes -= sum(call.size for call in group)
            _tell(group, error)

    def _next(self) -> list[_Call]:
        """All that waits; nothing once the log is closed."""
        with self._changed:
            while self._is_open and not self._calls:
                self._changed.wait()
        if self._within is not None:
            self._closing.wait(self._within)
        with self._changed:
            group = list(self._calls)
            self._calls.clear()
            return group

    def _write(self, group: list[_Call]) -> HoldfastError | None:
        try:
            self._commit([payload for call in group for payload in call.payloads])
        except HoldfastError as error:
            return error
        except Exception as error:  # whoever waits must hear of it, whatever it is
            why = getattr(error, "strerror", None) or repr(error)
            return Unavailable(
                "decisions.disk",
                f"The decision log takes nothing more: {why}.",
                "Make room or mend the disk, then do the same again. Nothing that was acknowledged is lost.",
            )
        return None

    def _put_back(self, group: list[_Call]) -> None:
        with self._changed:
            self._calls.extendleft(reversed(group))


def _tell(group: list[_Call], error: HoldfastError | None) -> None:
    """Wake everybody who waits for this group: threads one by one, the coroutines of a loop together."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for call in group:
        call.error = error
        if call.gate is not None:
            call.gate.release()
        elif call.future is not None:
            loops.setdefault(call.future.get_loop(), []).append(call.future)
    for loop, futures in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, futures, error)


def _resolve(futures: list[asyncio.Future[None]], error: HoldfastError | None) -> None:
    for future in futures:
        if future.done():
            continue  # whoever waited was cancelled
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(copy(error))
