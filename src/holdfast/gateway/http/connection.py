"""One HTTP/1.1 connection to an upstream: a request out, an answer in as it arrives, and the next request after it.

Parsing is httptools' (llhttp); what is here is waiting, deadlines and back-pressure. An answer's body is read in
chunks: while nobody takes them, little more than `AHEAD` bytes are held, and TCP tells the upstream to wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import httptools

from holdfast.domain.errors import Unavailable

T = TypeVar("T")
Headers = list[tuple[bytes, bytes]]
"""Names in lower case, in the order in which they came."""

AHEAD = 256 * 1024
MOST_HEADER_BYTES = 64 * 1024


class Broken(Unavailable):
    """The upstream did not answer as HTTP asks; `is_untouched` where nothing of an answer had arrived."""

    def __init__(self, message: str, *, is_untouched: bool = False) -> None:
        super().__init__("upstream.broken", message, "Look at the upstream: the gateway's own side is well.")
        self.is_untouched = is_untouched


class Answer:
    """What an upstream answers: its status and headers at once, its body as it comes.

    Read it to the end or `close` it: until then it keeps its connection. `ended` is called once, when it gives that up.
    """

    def __init__(self, connection: Connection, status: int, headers: Headers) -> None:
        self.status = status
        self.headers = headers
        self.ended: Callable[[Connection], None] | None = None
        self._connection: Connection | None = connection

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's parts as they arrive; Broken where the upstream stops in the middle."""
        try:
            while self._connection is not None and (chunk := await self._connection.take()):
                yield chunk
        finally:
            self.close()

    async def body(self, most: int) -> bytes:
        """The whole body; Broken where it is longer than `most` bytes."""
        parts: list[bytes] = []
        async for chunk in self.chunks():
            parts.append(chunk)
            most -= len(chunk)
            if most < 0:
                raise Broken("The upstream's answer is too long.")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Give the connection up; what was not read is dropped with it."""
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        connection.let_go()
        if self.ended is not None:
            self.ended(connection)


class Connection(asyncio.Protocol):
    """Carries one exchange at a time. `is_free` says whether it can carry the next one.

    `seconds` is how long an answer may take to begin, and then each part of it to follow the one before.
    """

    def __init__(self, seconds: float) -> None:
        self.is_free = False
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._head: asyncio.Future[Answer] | None = None
        self._more: asyncio.Future[None] | None = None
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._headers: Headers = []
        self._header_bytes = 0
        self._head_bytes = 0
        self._is_complete = True
        self._is_delimited = False
        self._is_kept = False
        self._error: Broken | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request; the answer, once its headers are there. Broken where none comes."""
        if self._transport is None or self._transport.is_closing():
            raise Broken("The upstream closed the connection.", is_untouched=True)
        self.is_free = self._is_complete = self._is_delimited = self._is_kept = False
        self._headers, self._header_bytes, self._head_bytes = [], 0, 0
        self._parser = httptools.HttpResponseParser(self)
        self._head = self._loop.create_future()
        self._transport.write(request)
        try:
            return await self._in_time(self._head)
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._head = None

    async def take(self) -> bytes:
        """The next part of the body; empty at its end. Broken where the upstream stops in the middle."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._is_complete:
                return b""
            self._more = self._loop.create_future()
            try:
                await self._in_time(self._more)
            finally:
                self._more = None
        chunk = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._held -= len(chunk)
        if self._transport is not None and self._held < AHEAD and not self._transport.is_reading():
            self._transport.resume_reading()
        return chunk

    async def _in_time(self, future: asyncio.Future[T]) -> T:
        timer = self._loop.call_later(self._seconds, self._fail, f"The upstream was silent for {self._seconds:g} s.")
        try:
            return await future
        finally:
            timer.cancel()

    def let_go(self) -> None:
        """The exchange is over: free for the next one, or closed where what follows could not be told apart."""
        is_open = self._transport is not None and not self._transport.is_closing()
        is_read = self._is_complete and self._error is None and not self._chunks
        if is_open and is_read and self._is_kept:
            self.is_free = True
        else:
            self.abort()

    def abort(self) -> None:
        """Close it at once."""
        self.is_free = False
        self._chunks.clear()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Called by asyncio. Who talks without being asked may not frame the next answer; this one stands."""
        if self._is_complete:
            self.is_free = False
            if self._transport is not None:
                self._transport.abort()
            return
        is_head = self._head is not None and not self._head.done()
        try:
            self._parser.feed_data(data)
            if is_head:
                self._measure_head(len(data))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"The upstream's answer is not HTTP: {error}.")

    def _measure_head(self, more: int) -> None:
        """The parser holds a line until it ends, which one of an upstream gone wrong never does."""
        self._head_bytes += more
        if self._head is not None and not self._head.done() and self._head_bytes > MOST_HEADER_BYTES:
            self._fail("The upstream's answer is not HTTP: its headers do not end.")

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio. An answer without a length ends where its connection does (RFC 9112 section 6.3)."""
        self.is_free = False
        has_headers = self._head is None or self._head.done()
        if not self._is_complete and error is None and has_headers and not self._is_delimited:
            self._is_complete = True
            self._wake()
        elif not self._is_complete and self._error is None:
            self._fail("The upstream closed the connection before its answer was whole.")

    def on_message_begin(self) -> None:
        """Called by the parser. A second answer to one request makes the connection unfit for others."""
        self._is_kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if self._is_complete:
            return
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MOST_HEADER_BYTES:
            raise ValueError("its headers are too long")
        name = name.lower()
        self._is_delimited = self._is_delimited or name in (b"content-length", b"transfer-encoding")
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Called by the parser. Interim answers (1xx) are passed over."""
        status = self._parser.get_status_code()
        if self._is_complete:
            return
        if status < 200:
            self._headers, self._is_delimited = [], False
        elif self._head is not None and not self._head.done():
            self._is_delimited = self._is_delimited or status in (204, 304)
            self._head.set_result(Answer(self, status, self._headers))

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        if self._is_complete:
            return
        self._chunks.append(body)
        self._held += len(body)
        if self._held >= AHEAD and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """Called by the parser. `should_keep_alive` tells the truth only here."""
        if not self._is_complete and (self._head is None or self._head.done()):
            self._is_complete = True
            self._is_kept = self._is_delimited and self._parser.should_keep_alive()
            self._wake()

    def _fail(self, message: str) -> None:
        head = self._head
        is_waiting = head is not None and not head.done()
        self._error = Broken(message, is_untouched=is_waiting and not self._headers)
        if head is not None and is_waiting:
            head.set_exception(self._error)
        self._wake()
        self.abort()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)
