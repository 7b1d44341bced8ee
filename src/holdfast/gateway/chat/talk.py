"""The endpoints of conversations: who asks, for which model, in which dialect; and errors as its clients know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from holdfast.domain.credential import Credential
from holdfast.domain.errors import Absent, Blocked, FixInput, Forbidden, HoldfastError, TooMany
from holdfast.gateway.access.budgets import Meter
from holdfast.gateway.chat.conversing import Conversing, Turn
from holdfast.gateway.dialects.completions import Completions
from holdfast.gateway.dialects.contract import Dialect, Json, Usage, read_object
from holdfast.gateway.dialects.embeddings import Embeddings
from holdfast.gateway.dialects.messages import Messages
from holdfast.gateway.dialects.responses import Responses
from holdfast.gateway.http.beside import beside
from holdfast.gateway.http.connection import Headers
from holdfast.gateway.http.server import JSON, TOO_LONG, Receive, Reply, Scope, Streamed, read_body, trace_of
from holdfast.gateway.observe.observer import SYSTEM, Observer
from holdfast.gateway.routes import Handler
from holdfast.problems import status_of

MOST_BODY_BYTES = 32 * 1024 * 1024
PASSED_ON = (b"anthropic-version", b"anthropic-beta", b"traceparent", b"tracestate")
TASK = b"holdfast-task"
"""The header by which a request picks one of the policy's tasks."""

FILTERED = "content_filter"
"""The code by which clients know that a guard kept an exchange back, as they know it from Azure."""


class Talk:
    """`chats` by the name under which clients ask for them as a model. `let_in` says who asks, `meter` what they use,
    `pseudonym` how a person is named; `observer` hears of what is refused.
    """

    def __init__(
        self,
        chats: Mapping[str, Conversing],
        let_in: Callable[[Scope], Credential],
        meter: Callable[[Credential], Meter],
        pseudonym: Callable[[str], str],
        observer: Observer,
    ) -> None:
        self._chats = dict(chats)
        self._let_in, self._meter, self._pseudonym = let_in, meter, pseudonym
        self._observer = observer

    def routes(self) -> dict[tuple[str, str], Handler]:
        """By method and path: OpenAI's, Anthropic's, and Azure's for each model."""
        completions, responses, embeddings, messages = Completions(), Responses(), Embeddings(), Messages()
        routes: dict[tuple[str, str], Handler] = {
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/messages"): self._endpoint(messages),
        }
        for dialect in (completions, responses, embeddings):
            routes["POST", f"/v1{dialect.path.decode()}"] = self._endpoint(dialect)
            routes["POST", f"/openai/v1{dialect.path.decode()}"] = self._endpoint(dialect)
        for name in self._chats:
            for dialect in (completions, embeddings):
                path = f"/openai/deployments/{name}{dialect.path.decode()}"
                routes["POST", path] = self._endpoint(dialect, name)
        return routes

    def _endpoint(self, dialect: Dialect, name: str = "") -> Handler:
        async def answer(scope: Scope, receive: Receive) -> Reply | Streamed:
            try:
                return await self._answer(dialect, name, scope, receive)
            except HoldfastError as error:
                self._observer.refused(error, scope)
                return failed(dialect, error)

        return answer

    async def _answer(self, dialect: Dialect, name: str, scope: Scope, receive: Receive) -> Reply | Streamed:
        credential = self._let_in(scope)
        raw = await read_body(receive, MOST_BODY_BYTES)
        body = await beside(len(raw), lambda: _object(raw))
        asked = name or str(body.get("model") or "")
        chat = self._chats.get(asked)
        if chat is None:
            raise Absent("gateway.model", f"There is no model {asked!r:.80} here.", "See GET /v1/models.")
        scope["state"][SYSTEM] = chat.system
        if not credential.may_ask(chat.system, dialect.route):
            raise Forbidden("gateway.scope", "This credential does not reach this model.", "Ask its owner for one.")
        body["model"] = asked
        subject = self._subject(body)
        headers: Headers = [pair for pair in scope["headers"] if pair[0] in PASSED_ON]
        told = dict(scope["headers"])
        task, principals = task_of(told), (credential.id, credential.name)
        turn = Turn(dialect, body, headers, credential.id, subject, trace_of(told), task=task, principals=principals)
        meter = self._meter(credential)
        await meter.enter(1)

        def spent(usage: Usage, money: int) -> None:
            meter.leave(tokens=usage.tokens, money=money)

        return await chat.answer(turn, spent)

    def _subject(self, body: Json) -> str:
        """Whom it is about, as the client names them; the upstream hears the pseudonym."""
        metadata = body.get("metadata")
        places = [(body, "safety_identifier"), (body, "user")]
        if isinstance(metadata, dict):
            places.append((metadata, "user_id"))
        subject = ""
        for holder, name in places:
            if isinstance(holder.get(name), str) and holder[name]:
                holder[name] = self._pseudonym(holder[name])
                subject = subject or holder[name]
        return subject

    async def _models(self, scope: Scope, _receive: Receive) -> Reply:
        try:
            credential = self._let_in(scope)
        except HoldfastError as error:
            self._observer.refused(error, scope)
            return failed(Completions(), error)
        names = sorted(name for name, chat in self._chats.items() if chat.system in credential.systems)
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "holdfast"} for name in names]
        return Reply(200, orjson.dumps({"object": "list", "data": models}))


def task_of(headers: Mapping[bytes, bytes]) -> str:
    """The task that a request picks for its conversation."""
    return headers.get(TASK, b"").decode("latin-1").strip()


def failed(dialect: Dialect, error: HoldfastError) -> Reply:
    """An error as the dialect's clients know it."""
    status = 413 if error.code == TOO_LONG else 400 if isinstance(error, FixInput | Blocked) else status_of(error)
    code = FILTERED if isinstance(error, Blocked) else error.code
    headers = [*JSON]
    if isinstance(error, TooMany):
        headers.append((b"retry-after", b"%d" % error.seconds))
    return Reply(status, orjson.dumps(dialect.error(status, code, str(error))), tuple(headers))


def _object(body: bytes) -> Json:
    try:
        return read_object(body)
    except ValueError as error:
        raise FixInput("chat.malformed", f"The body cannot be read: {error}.", "Send one object in UTF-8.") from error
