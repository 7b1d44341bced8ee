"""The gateway's HTTP server: uvicorn's, with what it leaves to others: slow and endless requests, and certificates.

A client has so many seconds for a request's headers and so many for its body, and so many bytes for each; an idle
connection is closed. So who sends byte by byte, or nothing, or reads nothing, holds a connection for a bounded time and
little memory. What all of them hold together is bounded, too (`Room`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from holdfast.domain.errors import Blocked, FixInput, HoldfastError, SignInFirst, TooMany, Unavailable
from holdfast.gateway.observe.tracing import TRACEPARENT, parent_of
from holdfast.problems import MEDIA_TYPE, document, status_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CERTIFICATE = "holdfast.certificate"
"""Where a scope's state has the names in a verified client certificate: URIs (SPIFFE), DNS names, common name."""

TOO_LONG = "request.too-long"
HEADER_SECONDS = 10.0
HEADER_BYTES = 64 * 1024
BODY_SECONDS = 60.0
MOST_PIPELINED = 32
"""Requests that a client may send on one connection before the first is answered."""

FRAMING = 16
"""Bytes of framing for each byte of a body: in chunks of one byte there are six, the rest is nobody's need."""

HELD_BYTES = 128 * 1024 * 1024
"""Of all requests that are under way together, beyond what each may hold unasked."""

UNASKED_BYTES = 64 * 1024


class ServerConnection(HttpToolsProtocol):
    """One client's connection."""

    _timer: asyncio.TimerHandle | None = None
    _leaving: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _framing = 0
    _body = 0
    _is_open = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client that says nothing is not waited for."""
        super().connection_made(transport)
        certificate = transport.get_extra_info("peercert")
        self._names = names_in(certificate) if certificate else ()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._arrived()
        for timer in (self._leaving, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read what it is told: it has so long to begin."""
        super().pause_writing()
        self._unread = self.loop.call_later(BODY_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def data_received(self, data: bytes) -> None:
        """Bytes from the client. The parser holds a line until it ends: one without end is cut off here."""
        self._framing += len(data)
        super().data_received(data)
        if self._framing > HEADER_BYTES + FRAMING * self._body and not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")
        elif not self._is_open and (self.cycle is None or self.cycle.response_complete):
            self._wait()  # empty lines before a request are no request

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if len(self.pipeline) >= MOST_PIPELINED:
            raise ValueError("too many requests at once")
        super().on_message_begin()
        self._is_open = True
        self._header_bytes = self._framing = self._body = 0
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; too many of them are no HTTP that is worth reading."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES:
            raise ValueError("the headers are too long")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """All headers are there: the request begins."""
        self._arrived()
        if self._names:
            self.scope["state"][CERTIFICATE] = self._names
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of a request's body."""
        self._framing -= len(body)
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._is_open = False
        self._stay()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer that came before its request was whole: the rest is read and dropped, but not for ever."""
        super().on_response_complete()
        if self._is_open or self.transport.is_closing():
            self._leave()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP, or too much of it."""
        self._arrived()
        super().send_400_response(msg)
        self._leave()

    def timeout_keep_alive_handler(self) -> None:
        """The client asks for nothing more."""
        super().timeout_keep_alive_handler()
        self._leave()

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        """A closed connection still writes what it holds: it is aborted where its client does not read that in time."""
        if self._leaving is None:
            self._leaving = self.loop.call_later(BODY_SECONDS, self.transport.abort)

    def _stay(self) -> None:
        if self._leaving is not None and not self.transport.is_closing():
            self._leaving.cancel()
            self._leaving = None


def names_in(certificate: MutableMapping[str, Any]) -> tuple[str, ...]:
    """The names in a certificate as `ssl` tells them, the most specific kind first."""
    alternatives = [(kind, name) for kind, name in certificate.get("subjectAltName", ())]
    common = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    uris = [name for kind, name in alternatives if kind == "URI"]
    return (*uris, *(name for kind, name in alternatives if kind == "DNS"), *common)


async def read_body(receive: Receive, most: int) -> bytes:
    """A request's whole body; FixInput where it is longer than `most` bytes, comes too slowly, or is cut off."""
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS
    first = await _part(receive, deadline)
    if not first.get("more_body"):
        return _within(first["body"], most)
    parts, size = [first["body"]], len(first["body"])
    while True:
        part = await _part(receive, deadline)
        parts.append(part["body"])
        size += len(part["body"])
        if size > most:
            _within(part["body"], -1)
        if not part.get("more_body"):
            return b"".join(parts)


def _within(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise FixInput(TOO_LONG, "The request is too long.", "Send fewer rows at a time.")
    return body


async def _part(receive: Receive, deadline: float | None) -> MutableMapping[str, Any]:
    try:
        async with asyncio.timeout_at(deadline):
            part = await receive()
    except TimeoutError as error:
        hint = f"Send the body within {BODY_SECONDS:g} seconds."
        raise FixInput("request.slow", "The request's body did not arrive.", hint) from error
    if part["type"] == "http.disconnect":
        raise FixInput("request.cut-off", "The client went away before its request was whole.")
    return part


class Room:
    """What the bodies of all requests under way may take together."""

    def __init__(self, most: int = HELD_BYTES) -> None:
        self._left = most

    @asynccontextmanager
    async def taken(self, receive: Receive) -> AsyncIterator[Receive]:
        """`receive`, counted until the block ends; it raises Unavailable where there is no room. Small bodies have
        room always, so that a few large ones keep nobody else out.
        """
        size = held = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal size, held
            part = await receive()
            size += len(part.get("body", b""))
            more = max(0, size - UNASKED_BYTES) - held
            if more > self._left:
                hint = "Try again in a moment, with fewer rows."
                raise Unavailable("gateway.full", "Too many large requests are under way.", hint)
            self._left, held = self._left - more, held + more
            return part

        try:
            yield counted
        finally:
            self._left += held


JSON = ((b"content-type", b"application/json"),)
EVENTS = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is whole: its status, its headers besides the length, its body."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = JSON


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer that is told piece by piece. Once `parts` was begun it is to be read to its end, or closed."""

    headers: tuple[tuple[bytes, bytes], ...]
    parts: AsyncGenerator[bytes]


async def send_reply(send: Send, reply: Reply) -> None:
    """Send it."""
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def send_stream(receive: Receive, send: Send, reply: Streamed) -> None:
    """Send it as it comes, until it ends or the client is gone."""
    loop = asyncio.get_running_loop()
    telling, gone = loop.create_task(_tell(send, reply)), loop.create_task(_gone(receive))
    try:
        await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            await telling
    finally:
        telling.cancel()
        gone.cancel()
        await asyncio.wait((telling, gone))
        await reply.parts.aclose()


async def _tell(send: Send, reply: Streamed) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": list(reply.headers)}
    is_begun = False
    async for part in reply.parts:
        if not is_begun:
            await send(start)
            is_begun = True
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await asyncio.sleep(0)  # to a client that is gone nothing is sent, and nothing waited for
    if not is_begun:
        await send(start)
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def trace_of(headers: Mapping[bytes, bytes]) -> str:
    """The W3C trace id of a request; empty without one."""
    parent = parent_of(headers.get(TRACEPARENT, b""))
    return parent.trace if parent else ""


def problem(error: HoldfastError) -> Reply:
    """An error as a problem document (RFC 9457)."""
    status = 413 if error.code == TOO_LONG else status_of(error)
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    if isinstance(error, TooMany):
        headers.append((b"retry-after", b"%d" % error.seconds))
    if isinstance(error, SignInFirst):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, Blocked) and error.decisions:
        headers.append((b"holdfast-decision", error.decisions[0].encode()))
    told = document(status, error.code, error.message, error.hint, type(error).__name__)
    if isinstance(error, Blocked) and error.rows:
        told |= {"rows": error.rows, "decisions": error.decisions}
    return Reply(status, orjson.dumps(told), tuple(headers))
