"""Anthropic's messages (API reference, "Messages" and "Streaming messages")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import orjson

from holdfast.domain.errors import FixInput
from holdfast.gateway.dialects.calls import CallsTold, MessageCallsTold, block_steps, message_steps
from holdfast.gateway.dialects.contract import (
    Dialect,
    Json,
    Piece,
    Slot,
    Stream,
    Usage,
    number,
    reason,
    refuse_system,
    spoken_before,
    top,
    walk,
)
from holdfast.gateway.http.sse import Event
from holdfast.guards.tools.steps import Given, Step, text_of

COUNTED = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
MOST_OPEN = 256
_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class Messages(Dialect):
    """``/v1/messages``."""

    name = "messages"
    path = b"/v1/messages"

    def asked(self, body: Json) -> list[Slot]:
        """As `Dialect` says; each message is spoken by its role, the results of tools by the tool."""
        messages = body.get("messages")
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise FixInput("chat.malformed", "`messages` is no list of objects.", "See Anthropic's API reference.")
        roles = [str(message.get("role") or "user")[:40] for message in messages]
        said = [slot for place, role in enumerate(roles) for slot in walk(messages, place, role)]
        return [*said, *top(body, {}, apart=("messages", "metadata"))]

    def answered(self, told: Json) -> list[Slot]:
        """As `Dialect` says."""
        return top(told, dict.fromkeys(told, "assistant"), apart=("usage",))

    def usage(self, told: Json) -> Usage | None:
        """As `Dialect` says."""
        return _counted(told.get("usage"))

    def finish(self, told: Json) -> str:
        """As `Dialect` says."""
        return reason(told, "stop_reason")

    def standing_in(self, body: Json, text: str, id: str, created: int) -> Json:  # noqa: ARG002 - it has no time
        """As `Dialect` says."""
        about = {"id": id, "type": "message", "role": "assistant", "model": body.get("model", "")}
        said = {"content": [{"type": "text", "text": text}], "stop_reason": "refusal", "stop_sequence": None}
        return {**about, **said, "usage": {"input_tokens": 0, "output_tokens": 0}}

    def prompted(self, body: Json, said: Sequence[tuple[str, str]]) -> Json:
        """As `Dialect` says."""
        roles = [str(message.get("role") or "") for message in body["messages"]]
        refuse_system([*roles, *(["system"] if body.get("system") else [])])
        system, others = spoken_before(said)
        return {**body, **({"system": system} if system else {}), "messages": [*others, *body["messages"]]}

    def steps(self, body: Json) -> Iterator[Step]:
        """As `Dialect` says."""
        return chain([Given(text_of(body.get("system")))], message_steps(body.get("messages")))

    def called(self, told: Json) -> Iterator[Step]:
        """As `Dialect` says."""
        return block_steps(told.get("content"))

    def calls_told(self) -> CallsTold:
        """As `Dialect` says."""
        return MessageCallsTold()

    def stream(self, body: Json) -> Stream:  # noqa: ARG002 - all that it says is in its events
        """As `Dialect` says."""
        return _Told()

    def events_of(self, told: Json) -> list[Event]:
        """As `Dialect` says."""
        text = told["content"][0]["text"]
        begun = {**told, "content": [], "stop_reason": None}
        return [
            _event({"type": "message_start", "message": begun}),
            _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
            _event({"type": "content_block_stop", "index": 0}),
            *_stopped("refusal", 0),
        ]

    def error(self, status: int, code: str, message: str) -> Json:
        """As `Dialect` says."""
        kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": f"{message} ({code})"}}

    def error_event(self, status: int, code: str, message: str) -> Event:
        """As `Dialect` says."""
        return _event(self.error(status, code, message))


class _Told(Stream):
    def __init__(self) -> None:
        self._counted: Json = {}
        self._open: set[int] = set()

    def read(self, told: Json) -> Piece:
        """As `Stream` says."""
        kind, index = told.get("type"), number(told, "index")
        message = told.get("message")
        self._count(told.get("usage") or (message.get("usage") if isinstance(message, dict) else None))
        delta = told.get("delta")
        if kind == "content_block_delta" and isinstance(delta, dict):
            found = top(delta, dict.fromkeys(delta, "assistant"))
            others = top(told, dict.fromkeys(told, "assistant"), apart=("delta", "usage"))
            return Piece(told, [Slot(s.holder, s.key, s.role, (index, s.key)) for s in found], others)
        if kind == "content_block_start" and len(self._open) < MOST_OPEN:
            self._open.add(index)
        if kind == "message_delta":
            self.finish = reason(delta, "stop_reason") or self.finish
        found = top(told, dict.fromkeys(told, "assistant"), apart=("usage",))
        if kind == "content_block_stop":
            self._open.discard(index)
            return Piece(told, wholes=found, ends=frozenset({index}))
        return Piece(told, wholes=found, is_last=kind == "message_stop")

    def _count(self, usage: object) -> None:
        if isinstance(usage, dict):
            names = (name for name in (*COUNTED, "output_tokens") if usage.get(name) is not None)
            self._counted |= {name: number(usage, name) for name in names}
            self.usage = _counted(self._counted)

    def cut(self) -> list[Event]:
        """As `Stream` says."""
        stops = [_event({"type": "content_block_stop", "index": index}) for index in sorted(self._open)]
        return [*stops, *_stopped("refusal", self.usage.answered if self.usage else 0)]


def _counted(usage: object) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    return Usage(sum(number(usage, name) for name in COUNTED), number(usage, "output_tokens"))


def _stopped(reason: str, tokens: int) -> list[Event]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    last = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}}
    return [_event(last), _event({"type": "message_stop"})]


def _event(told: Json) -> Event:
    return Event(str(told["type"]), orjson.dumps(told).decode())
