"""The endpoints of servers of tools: streamable HTTP, and errors as MCP's clients know them.

What a server sends unasked (by GET) is not served: nobody could say to which call it belongs.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from holdfast.domain.credential import Credential, Route
from holdfast.domain.errors import Absent, FixInput, Forbidden, HoldfastError, SignInFirst, TooMany, Unavailable
from holdfast.gateway.access.budgets import Meter
from holdfast.gateway.chat.conversing import paid
from holdfast.gateway.chat.talk import task_of
from holdfast.gateway.dialects.contract import Json, read_object
from holdfast.gateway.http.beside import beside
from holdfast.gateway.http.connection import Headers
from holdfast.gateway.http.server import EVENTS, JSON, Receive, Reply, Scope, Streamed, read_body
from holdfast.gateway.http.sse import Event
from holdfast.gateway.observe.observer import SYSTEM, Observer
from holdfast.gateway.routes import Handler
from holdfast.gateway.tools.asking import Asking
from holdfast.gateway.tools.conversations import Conversations
from holdfast.gateway.tools.host import METHOD, NAME, PARAM, SESSION, Exchange
from holdfast.gateway.tools.rpc import (
    INTERNAL,
    INVALID_REQUEST,
    PARSE_ERROR,
    REFUSED,
    failure,
    header_value,
    is_answer,
    object_in,
    status_of,
)
from holdfast.gateway.tools.serving import ToolServing
from holdfast.problems import status_of as http_status

MOST_BODY_BYTES = 8 * 1024 * 1024
PASSED_ON = (b"mcp-protocol-version", SESSION, METHOD, NAME, b"traceparent", b"tracestate")
CONVERSATION, SUBJECT = b"holdfast-conversation", b"holdfast-subject"
NOTICES = ("notifications/initialized", "notifications/cancelled", "notifications/progress")


class McpEndpoints:
    """`servers` by the name in their path; the rest is as `Talk` has it."""

    def __init__(
        self,
        servers: Mapping[str, ToolServing],
        conversations: Conversations,
        *,
        let_in: Callable[[Scope], Credential],
        meter: Callable[[Credential], Meter],
        pseudonym: Callable[[str], str],
        observer: Observer,
    ) -> None:
        self._servers, self._conversations = dict(servers), conversations
        self._let_in, self._meter, self._pseudonym, self._observer = let_in, meter, pseudonym, observer

    def routes(self) -> dict[tuple[str, str], Handler]:
        """By method and path."""
        routes: dict[tuple[str, str], Handler] = {}
        for name, server in self._servers.items():
            routes["POST", f"/mcp/{name}"] = self._guarded(server, self._post)
            routes["DELETE", f"/mcp/{name}"] = self._guarded(server, self._delete)
            routes["GET", f"/mcp/{name}"] = _not_served
        return routes

    def _guarded(self, server: ToolServing, handle: Callable[..., Any]) -> Handler:
        async def answered(scope: Scope, receive: Receive) -> Reply | Streamed:
            try:
                scope.setdefault("state", {})[SYSTEM] = server.system
                credential = self._let_in(scope)
                if not credential.may_ask(server.system, Route.TOOLS):
                    raise Forbidden("gateway.scope", "This credential does not reach these tools.", "Ask its owner.")
                done: Reply | Streamed = await handle(server, credential, scope, receive)
            except HoldfastError as error:
                self._observer.refused(error, scope)
                return failed(error)
            return done

        return answered

    async def _delete(self, server: ToolServing, credential: Credential, scope: Scope, _receive: Receive) -> Reply:
        headers = dict(scope["headers"])
        id = headers.get(SESSION, b"").decode("latin-1")
        session = self._conversations.session(credential.id, server.name, id, server.tools)
        self._conversations.close(credential.id, server.name, id)
        with suppress(Unavailable):
            await server.hosts[session.release].end(_passed_on(scope))
        return Reply(200, b"")

    async def _post(
        self, server: ToolServing, credential: Credential, scope: Scope, receive: Receive
    ) -> Reply | Streamed:
        raw = await read_body(receive, MOST_BODY_BYTES)
        message = await beside(len(raw), lambda: _message(raw))
        headers, method = dict(scope["headers"]), message.get("method")
        _require_same(headers, message)
        if not isinstance(method, str):
            return Reply(202, b"")  # an answer to what no server could ask
        bill: list[int] = []
        asking = self._asking(server, credential, headers, message, passed=_passed_on(scope), spent=bill.append)
        exchange = Exchange(server.hosts[asking.session.release], _passed_on(scope))
        meter = self._meter(credential)
        await meter.enter(1)

        def leave() -> None:
            meter.leave(money=sum(bill))

        try:
            if "id" not in message:
                reply: Reply | Streamed = await self._notified(server, asking, scope)
            else:
                reply = await self._answered(server, asking, exchange, scope)
        except BaseException:
            leave()
            raise
        if isinstance(reply, Streamed):
            return replace(reply, parts=paid(reply.parts, leave))
        leave()
        return reply

    def _asking(
        self,
        server: ToolServing,
        credential: Credential,
        headers: Mapping[bytes, bytes],
        message: Json,
        *,
        passed: Headers,
        spent: Callable[[int], None],
    ) -> Asking:
        id = headers.get(SESSION, b"").decode("latin-1")
        mine, known = (credential.id, server.name, id), self._conversations
        named = headers.get(CONVERSATION, b"").decode("latin-1")
        session = known.session(*mine, server.tools)
        session.release = session.release or server.lanes.chosen()[0]
        if session.release not in server.hosts:  # another generation's
            known.close(*mine)
            raise Absent("mcp.session", "This session is over.", "Open another one.")
        subject = headers.get(SUBJECT, b"").decode("latin-1")
        return Asking(
            message,
            server.system,
            session,
            known.conversation(*mine, named, server.tools),
            credential.id,
            (credential.id, credential.name),
            self._pseudonym(subject) if subject else "",
            self._pseudonym(f"credential {credential.name}"),
            task_of(headers),
            passed,
            spent,
        )

    async def _answered(
        self, server: ToolServing, asking: Asking, exchange: Exchange, scope: Scope
    ) -> Reply | Streamed:
        """One answer as JSON; where the server says something before it, all as events."""
        messages = server.guarded.answer(asking, exchange)
        try:
            first = await anext(messages)
        except HoldfastError as error:
            self._observer.refused(error, scope)
            return failed(error, asking.message.get("id"))
        if not is_answer(first):
            return Streamed(EVENTS, self._events(first, messages, asking))
        await messages.aclose()
        opened = (*JSON, *self._opened(server, asking, exchange, first))
        return Reply(status_of(first), orjson.dumps(first), opened)

    def _opened(self, server: ToolServing, asking: Asking, exchange: Exchange, told: Json) -> Headers:
        """The header by which a client hears of the session that it opened."""
        if asking.message.get("method") != "initialize" or not exchange.session or "error" in told:
            return []
        session = self._conversations.open(asking.principal, server.name, exchange.session, server.tools)
        session.release = asking.session.release
        return [(SESSION, exchange.session.encode("latin-1"))]

    async def _events(self, first: Json, rest: AsyncGenerator[Json], asking: Asking) -> AsyncGenerator[bytes]:
        try:
            yield _event(first)
            async for told in rest:
                yield _event(told)
        except HoldfastError as error:
            yield _event(failure(asking.message.get("id"), INTERNAL, str(error), error.code))
        finally:
            await rest.aclose()

    async def _notified(self, server: ToolServing, asking: Asking, scope: Scope) -> Reply:
        if asking.message.get("method") in NOTICES:
            answer = await server.hosts[asking.session.release].post(asking.message, _passed_on(scope))
            answer.close()
        return Reply(202, b"")


async def _not_served(_scope: Scope, _receive: Receive) -> Reply:
    return Reply(405, b"", ((b"allow", b"POST, DELETE"),))


def failed(error: HoldfastError, id: Any = None) -> Reply:
    """An error as MCP's clients know it."""
    status = 400 if isinstance(error, FixInput) else http_status(error)
    code = INVALID_REQUEST if isinstance(error, FixInput | Absent) else REFUSED if status < 500 else INTERNAL
    headers = [*JSON]
    if isinstance(error, TooMany):
        headers.append((b"retry-after", b"%d" % error.seconds))
    if isinstance(error, SignInFirst):
        headers.append((b"www-authenticate", b"Bearer"))
    return Reply(status, orjson.dumps(failure(id, code, str(error), error.code)), tuple(headers))


def _message(raw: bytes) -> Json:
    try:
        message = read_object(raw)
    except ValueError as error:
        hint = f"Send one JSON-RPC message (code {PARSE_ERROR})."
        raise FixInput("mcp.malformed", f"The body cannot be read: {error}.", hint) from error
    params = message.get("params")
    if message.get("jsonrpc") != "2.0" or (params is not None and not isinstance(params, dict)):
        raise FixInput("mcp.malformed", "The body is no message of MCP.", "Send one JSON-RPC 2.0 message.")
    if "id" in message and not isinstance(message["id"], str | int):
        raise FixInput("mcp.malformed", "A request's id is a text or a number.", "Send one JSON-RPC 2.0 message.")
    return message


def _require_same(headers: Mapping[bytes, bytes], message: Json) -> None:
    """What headers say of a message has to be what it says: upstreams may go by either."""
    params = object_in(message, "params")
    named = params.get("name", params.get("uri"))
    pairs = ((METHOD, message.get("method")), (NAME, named))
    if any(name in headers and header_value(headers[name]) != said for name, said in pairs):
        raise FixInput("mcp.headers", "The headers do not say what the message says.", "Send the same in both.")


def _passed_on(scope: Scope) -> Headers:
    return [pair for pair in scope["headers"] if pair[0] in PASSED_ON or pair[0].startswith(PARAM)]


def _event(told: Json) -> bytes:
    return bytes(Event("message", orjson.dumps(told).decode()))
