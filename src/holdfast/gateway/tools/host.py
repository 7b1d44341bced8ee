"""Where a server of tools is: how it is asked over streamable HTTP, with which key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import orjson

from holdfast.domain.errors import Absent, ModelFailed, Unavailable
from holdfast.gateway.dialects.contract import Json, read_object
from holdfast.gateway.http.connection import Answer, Headers
from holdfast.gateway.http.sse import Reader
from holdfast.gateway.http.upstream import Upstream
from holdfast.gateway.tools.rpc import INVALID_REQUEST, failure, is_answer

MOST_ANSWER_BYTES = 8 * 1024 * 1024
SESSION = b"mcp-session-id"
METHOD, NAME, PARAM = b"mcp-method", b"mcp-name", b"mcp-param-"
DRAIN_SECONDS = 0.05
MOST_AFTER_BYTES = 4096
OWN = ((b"accept", b"application/json, text/event-stream"), (b"content-type", b"application/json"))


class Exchange:
    """One client's request on its way to a server, over HTTP. `session` is the one that it opened."""

    def __init__(self, host: ToolHost, headers: Headers) -> None:
        self.session = ""
        self._host, self._headers = host, headers

    async def ask(self, message: Json, *, is_redacted: bool = False) -> AsyncGenerator[Json]:
        """The messages that answer one, the answer itself last; Unavailable or ModelFailed where there is none. Headers
        that repeat arguments are left out where those are redacted.
        """
        headers = [pair for pair in self._headers if not (is_redacted and pair[0].startswith(PARAM))]
        answer = await self._host.post(message, headers)
        try:
            self.session = dict(answer.headers).get(SESSION, b"").decode("latin-1")
            async with aclosing(_messages(answer, message)) as messages:
                async for told in messages:
                    yield told
                    if is_answer(told):
                        await _drain(answer)
                        return
        finally:
            answer.close()
        raise ModelFailed("upstream.malformed", "The server of tools ended without an answer.")

    async def ask_aside(self, message: Json) -> Json:
        """The answer to a question of our own, in the same session."""
        headers = [pair for pair in self._headers if pair[0] not in (METHOD, NAME) and not pair[0].startswith(PARAM)]
        if any(name == METHOD for name, _ in self._headers):
            headers.append((METHOD, str(message["method"]).encode()))
        return [told async for told in Exchange(self._host, headers).ask(message)][-1]


class ToolHost:
    """A server of tools at an `upstream`. `key` is its bearer token, empty where it asks for none."""

    def __init__(self, upstream: Upstream, key: str) -> None:
        self.upstream = upstream
        self._key = key
        self._path = b"" if upstream.origin.path else b"/"

    async def post(self, message: Json, headers: Headers) -> Answer:
        """Send it a message."""
        return await self.upstream.ask(b"POST", self._path, self._all(headers), orjson.dumps(message))

    async def end(self, headers: Headers) -> None:
        """Tell it that a session is over."""
        answer = await self.upstream.ask(b"DELETE", self._path, self._all(headers), b"")
        answer.close()

    def _all(self, headers: Headers) -> Headers:
        key = ((b"authorization", b"Bearer " + self._key.encode()),) if self._key else ()
        return [*headers, *OWN, *key]

    async def close(self) -> None:
        """Let the connections go."""
        self.upstream.close()


async def _drain(answer: Answer) -> None:
    """Read what follows, which is next to nothing, so that the connection can be used again."""
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await answer.body(MOST_AFTER_BYTES)


async def _messages(answer: Answer, asked: Json) -> AsyncGenerator[Json]:
    kind = dict(answer.headers).get(b"content-type", b"")
    if answer.status == 200 and kind.startswith(b"text/event-stream"):
        reader = Reader()
        async for chunk in answer.chunks():
            for event in reader.feed(chunk):
                if event.name in ("", "message"):
                    yield _read(event.data)
        return
    body = await answer.body(MOST_ANSWER_BYTES)
    if answer.status == 200:
        yield _read(body)
        return
    yield _refused(answer.status, body, asked)


def _refused(status: int, body: bytes, asked: Json) -> Json:
    """The error in an answer that is none; where it has none of its own, one that says the status."""
    if status in (401, 403, 407, 429) or status >= 500:
        raise ModelFailed("upstream.status", f"The server of tools answered {status}.")
    try:
        told = read_object(body)
    except ValueError:
        told = {}
    if isinstance(told.get("error"), dict):
        return told | {"id": asked.get("id")}
    if status == 404 and asked.get("method") not in ("initialize", "server/discover"):
        raise Absent("mcp.session", "The server of tools knows no such session.", "Open another one.")
    return failure(asked.get("id"), INVALID_REQUEST, f"The server of tools answered {status}.")


def _read(text: bytes | str) -> Json:
    try:
        return read_object(text)
    except ValueError as error:
        raise ModelFailed("upstream.malformed", f"The server of tools cannot be understood: {error}.") from error
