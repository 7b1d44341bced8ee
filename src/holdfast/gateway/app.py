"""The gateway as an ASGI application: who asks, for which system, within which budget, in which protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import orjson

from holdfast.datasets.raw import Reader, Reading
from holdfast.domain.credential import Credential, Route
from holdfast.domain.errors import Absent, FixInput, Forbidden, HoldfastError, Unavailable
from holdfast.flows.exchange import Asked
from holdfast.gateway.access.budgets import Meter
from holdfast.gateway.access.identity import Identities
from holdfast.gateway.chat.conversing import Conversing
from holdfast.gateway.chat.talk import Talk
from holdfast.gateway.http.beside import beside
from holdfast.gateway.http.server import (
    CERTIFICATE,
    Receive,
    Reply,
    Room,
    Scope,
    Send,
    Streamed,
    problem,
    read_body,
    send_reply,
    send_stream,
    trace_of,
)
from holdfast.gateway.observe.observer import PRINCIPAL, SYSTEM, Observer
from holdfast.gateway.observe.tracing import TRACEPARENT
from holdfast.gateway.review.reviews import Reviews, decision_in
from holdfast.gateway.routes import Handler, Routes
from holdfast.gateway.rows import invocations, openinference
from holdfast.gateway.rows.answers import inferred, metadata, predicted
from holdfast.gateway.rows.backends import JSON_LENGTH, Put, json_length
from holdfast.gateway.rows.openinference import InferRequest
from holdfast.gateway.rows.serving import Outcome, Serving
from holdfast.gateway.tools.conversations import Conversations
from holdfast.gateway.tools.endpoint import McpEndpoints
from holdfast.gateway.tools.serving import ToolServing
from holdfast.version import __version__

MOST_BODY_BYTES = 32 * 1024 * 1024
MOST_OTHER_COLUMNS = 1_000
PASSED_ON = (b"content-type", b"accept", TRACEPARENT, b"tracestate")

Headers = Mapping[bytes, bytes]
Pseudonym = Callable[[str], str]


@dataclass(frozen=True)
class Reached:
    """A system that can be asked here: who serves it, how its rows are read, and how people in them are named."""

    serving: Serving
    reader: Reader
    pseudonym: Pseudonym

    @property
    def names(self) -> tuple[str, ...]:
        """The model's columns, in order."""
        return self.reader.schema.names

    def asked(self, columns: Mapping[str, Sequence[Any]], principal: str, trace: str) -> Asked:
        """The rows as guards and model see them."""
        reading = _read(self.reader, columns)
        field = self.serving.post.policy.subject
        people = columns.get(field) if field else None
        subjects = (
            [self.pseudonym(str(who)) if who is not None else "" for who in people] if people is not None else None
        )
        return Asked(reading, principal, subjects, trace)


class Gateway:
    """Routes, by path: those of what it serves now, see `serve`. Who may ask changes with `rebuild`."""

    def __init__(
        self,
        reviews: Reviews,
        *,
        identities: Callable[[], Identities],
        meter: Callable[[Credential], Meter],
        pseudonym: Pseudonym,
        observer: Observer | None = None,
    ) -> None:
        self._observer = observer or Observer()
        self._make_identities, self._meter, self._reviews = identities, meter, reviews
        self._identities = identities()
        self._meters: dict[Credential, Meter] = {}
        self._room = Room()
        self._ready: Callable[[], bool] = lambda: True
        self._pseudonym = pseudonym
        self._conversations = Conversations(monotonic)
        self._routes = Routes()
        self.serve({}, {})

    def serve(
        self,
        reached: Mapping[str, Reached],
        chats: Mapping[str, Conversing],
        tools: Mapping[str, ToolServing] = MappingProxyType({}),
    ) -> Routes:
        """Serve these systems, and no others, from the next request on; the routes of those before."""
        before, self._routes = self._routes, Routes()
        self._reached = dict(reached)
        self._routes |= {
            ("GET", "/health/live"): self._live,
            ("GET", "/health/ready"): self._is_ready,
            ("GET", "/v2/health/live"): self._live,
            ("GET", "/v2/health/ready"): self._is_ready,
            ("GET", "/ping"): self._live,
            ("GET", "/v2"): self._about,
            **self._talk(chats),
            **self._mcp(tools),
        }
        for name in self._reached:
            self._add(name)
        return before

    def _talk(self, chats: Mapping[str, Conversing]) -> dict[tuple[str, str], Handler]:
        return Talk(chats, self._asking, self._metered, self._pseudonym, self._observer).routes() if chats else {}

    def _mcp(self, tools: Mapping[str, ToolServing]) -> dict[tuple[str, str], Handler]:
        return McpEndpoints(
            tools,
            self._conversations,
            let_in=self._asking,
            meter=self._metered,
            pseudonym=self._pseudonym,
            observer=self._observer,
        ).routes()

    def rebuild(self) -> None:
        """Take in who may ask now; budgets of those who stay go on."""
        self._identities = self._make_identities()

    def ready_when(self, is_ready: Callable[[], bool]) -> None:
        """What says whether this gateway can let anybody decide."""
        self._ready = is_ready

    def _add(self, name: str) -> None:
        reached = self._reached[name]

        async def infer(scope: Scope, receive: Receive) -> Reply:
            return await self._infer(reached, scope, receive)

        async def invoke(scope: Scope, receive: Receive) -> Reply:
            return await self._invoke(reached, scope, receive)

        async def describe(scope: Scope, _receive: Receive) -> Reply:
            self._let_in(reached, scope)
            return Reply(200, orjson.dumps(metadata(reached.serving.name, reached.reader.schema)))

        self._routes[("POST", f"/v2/models/{name}/infer")] = infer
        self._routes[("GET", f"/v2/models/{name}")] = describe
        self._routes[("GET", f"/v2/models/{name}/ready")] = self._is_ready
        self._routes[("POST", f"/{name}/invocations")] = invoke
        self._routes[("POST", f"/endpoints/{name}/invocations")] = invoke
        if len(self._reached) == 1:
            self._routes[("POST", "/invocations")] = invoke

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. What its body takes is counted until the answer is told, since a stream keeps it that long."""
        if scope["type"] != "http":
            return
        started, status = perf_counter(), 500
        try:
            with self._routes as routes:
                async with self._room.taken(receive) as counted:
                    sent = await self._answered(routes, scope, counted)
                    status = sent.status if isinstance(sent, Reply) else 200
                    await _tell(counted, send, sent)
        finally:
            self._observer.replied(status, started)

    async def _answered(self, routes: Routes, scope: Scope, receive: Receive) -> Reply | Streamed:
        try:
            route = routes.get((scope["method"], unquote(scope["path"])))
            if decision_in(scope["method"], scope["path"]):
                route = self._outcome
            if route is None:
                raise Absent("gateway.path", "There is nothing at this address.", "See /v2/models/NAME/infer.")
            return await route(scope, receive)
        except HoldfastError as error:
            self._observer.refused(error, scope)
            return problem(error)

    async def _outcome(self, scope: Scope, _receive: Receive) -> Reply:
        decision = decision_in(scope["method"], scope["path"])
        return await self._reviews.tell(decision, self._asking(scope))

    def _let_in(self, reached: Reached, scope: Scope) -> Credential:
        """Who asks, if they may ask this system for predictions."""
        scope.setdefault("state", {})[SYSTEM] = reached.serving.system
        credential = self._asking(scope)
        if not credential.may_ask(reached.serving.system, Route.PREDICT):
            raise Forbidden("gateway.scope", "This credential does not reach this system.", "Ask its owner for one.")
        return credential

    def _asking(self, scope: Scope) -> Credential:
        """Who asks: by certificate, or by a key where any of the protocols has it."""
        headers: Headers = dict(scope["headers"])
        state = scope.setdefault("state", {})
        names = state.get(CERTIFICATE, ())
        credential = self._identities.by_certificate(names) if names else None
        if credential is None:
            key = (headers.get(b"x-api-key") or headers.get(b"api-key", b"")).decode("latin-1")
            credential = self._identities.by_header(headers.get(b"authorization", b"").decode("latin-1"), key)
        state[PRINCIPAL] = credential.id
        return credential

    async def _infer(self, reached: Reached, scope: Scope, receive: Receive) -> Reply:
        credential, headers = self._let_in(reached, scope), dict(scope["headers"])
        body = await read_body(receive, MOST_BODY_BYTES)

        def read() -> tuple[InferRequest, Asked]:
            request = openinference.read_request(body, json_length(scope["headers"]))
            columns = openinference.columns(request.inputs, reached.names)
            lists = {name: column.tolist() for name, column in columns.items()}
            return request, reached.asked(lists, credential.id, trace_of(headers))

        request, asked = await beside(len(body), read)
        outcome = await self._decided(reached, credential, asked, _put(scope, request))
        return await beside(len(body), partial(inferred, reached.serving.name, request, outcome))

    async def _invoke(self, reached: Reached, scope: Scope, receive: Receive) -> Reply:
        credential, headers = self._let_in(reached, scope), dict(scope["headers"])
        body = await read_body(receive, MOST_BODY_BYTES)
        kind = headers.get(b"content-type", b"").decode("latin-1")

        def read() -> Asked:
            columns = invocations.read_invocations(body, kind, reached.names)
            return reached.asked(columns, credential.id, trace_of(headers))

        asked = await beside(len(body), read)
        outcome = await self._decided(reached, credential, asked, Put(b"", _passed_on(scope)))
        return await beside(len(body), partial(predicted, outcome))

    async def _decided(self, reached: Reached, credential: Credential, asked: Asked, put: Put) -> Outcome:
        if not len(asked):
            return Outcome((), None, None)
        meter = self._metered(credential)
        await meter.enter(len(asked))
        try:
            return await reached.serving.decide(asked, put)
        finally:
            meter.leave()

    def _metered(self, credential: Credential) -> Meter:
        return self._meters.get(credential) or self._meters.setdefault(credential, self._meter(credential))

    async def _live(self, _scope: Scope, _receive: Receive) -> Reply:
        return Reply(200, b"{}")

    async def _is_ready(self, _scope: Scope, _receive: Receive) -> Reply:
        if not self._ready():
            raise Unavailable("gateway.not-ready", "Nothing is cleared here yet.", "Look at the control plane.")
        return Reply(200, b"{}")

    async def _about(self, _scope: Scope, _receive: Receive) -> Reply:
        return Reply(
            200, orjson.dumps({"name": "holdfast", "version": __version__, "extensions": ["binary_tensor_data"]})
        )


async def _tell(receive: Receive, send: Send, sent: Reply | Streamed) -> None:
    with suppress(OSError, HoldfastError):  # a stream whose end cannot be logged is cut off
        if isinstance(sent, Streamed):
            await send_stream(receive, send, sent)
        else:
            await send_reply(send, sent)


def _read(reader: Reader, columns: Mapping[str, Sequence[Any]]) -> Reading:
    """One row as a mapping, which is quick; many by column. FixInput for a table that is absurdly wide."""
    if len(columns) > len(reader.schema.names) + MOST_OTHER_COLUMNS:
        what = f"A table has {len(columns):,} columns; the model has {len(reader.schema.names):,}."
        raise FixInput("inference.columns", what, "Send the model's columns.")
    rows = len(next(iter(columns.values()), ()))
    if rows == 1:
        return reader.read({name: values[0] for name, values in columns.items()})
    return reader.read_columns(columns)


def _passed_on(scope: Scope) -> list[tuple[bytes, bytes]]:
    return [pair for pair in scope["headers"] if pair[0] in PASSED_ON]


def _put(scope: Scope, request: InferRequest) -> Put:
    length = request.json_length
    told = [] if length is None else [(JSON_LENGTH, b"%d" % length)]
    return Put(request.body, [*_passed_on(scope), *told])
