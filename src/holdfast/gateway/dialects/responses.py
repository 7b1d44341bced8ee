"""OpenAI's responses (API reference, "Responses" and "Streaming events")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from holdfast.domain.errors import FixInput
from holdfast.gateway.dialects import openai
from holdfast.gateway.dialects.calls import LAST, CallsTold, ResponseCallsTold, item_steps, response_steps
from holdfast.gateway.dialects.contract import (
    STRUCTURE,
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
from holdfast.guards.tools.steps import Step

ECHOED = ("instructions", "tools", "metadata", "prompt", "text", "reasoning", "tool_choice", "usage")
"""Parts of an answer that repeat the request."""

MOST_NAME = 200


class Responses(Dialect):
    """``/responses``."""

    name = "responses"
    path = b"/responses"

    def asked(self, body: Json) -> list[Slot]:
        """As `Dialect` says; what is remembered upstream from earlier turns has been read when it was said."""
        given = body.get("input")
        if not isinstance(given, str | list) and body.get("prompt") is None:
            raise FixInput("chat.malformed", "`input` is neither a text nor a list.", "See OpenAI's API reference.")
        items: list[Any] = given if isinstance(given, list) else []
        said = [slot for place, item in enumerate(items) for slot in walk(items, place, _role(item))]
        roles = {"input": "user", "instructions": "system"}
        return [*said, *top(body, roles, apart=("input",) if items else ())]

    def answered(self, told: Json) -> list[Slot]:
        """As `Dialect` says."""
        return top(told, dict.fromkeys(told, "assistant"), apart=ECHOED)

    def usage(self, told: Json) -> Usage | None:
        """As `Dialect` says."""
        usage = told.get("usage")
        return Usage(number(usage, "input_tokens"), number(usage, "output_tokens")) if usage else None

    def finish(self, told: Json) -> str:
        """As `Dialect` says."""
        return reason(told, "status")

    def standing_in(self, body: Json, text: str, id: str, created: int) -> Json:
        """As `Dialect` says."""
        content = [{"type": "output_text", "text": text, "annotations": []}]
        message = {"type": "message", "id": f"msg_{id}", "status": "completed", "role": "assistant", "content": content}
        about = {"id": id, "object": "response", "created_at": created, "model": body.get("model", "")}
        asked = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": False, "metadata": {}}
        why = {"status": "incomplete", "error": None, "incomplete_details": {"reason": "content_filter"}}
        return {**about, **asked, **why, "output": [message], "usage": None}

    def prompted(self, body: Json, said: Sequence[tuple[str, str]]) -> Json:
        """As `Dialect` says."""
        given = body.get("input")
        items = given if isinstance(given, list) else [{"role": "user", "content": given}] if given else []
        refuse_system([*map(_role, items), *(["system"] if body.get("instructions") else [])])
        system, others = spoken_before(said)
        return {**body, **({"instructions": system} if system else {}), "input": [*others, *items]}

    def steps(self, body: Json) -> Iterator[Step]:
        """As `Dialect` says."""
        return response_steps(body)

    def called(self, told: Json) -> Iterator[Step]:
        """As `Dialect` says."""
        return item_steps(told.get("output"))

    def calls_told(self) -> CallsTold:
        """As `Dialect` says."""
        return ResponseCallsTold()

    def stream(self, body: Json) -> Stream:  # noqa: ARG002 - all that it says is in its events
        """As `Dialect` says."""
        return _Told()

    def events_of(self, told: Json) -> list[Event]:
        """As `Dialect` says."""
        message = told["output"][0]
        part = message["content"][0]
        at = {"item_id": message["id"], "output_index": 0, "content_index": 0}
        begun: Json = {**told, "status": "in_progress", "output": []}
        events: list[Json] = [
            {"type": "response.created", "response": begun},
            {"type": "response.output_item.added", "output_index": 0, "item": {**message, "content": []}},
            {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
            {"type": "response.output_text.delta", **at, "delta": part["text"], "logprobs": []},
            {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []},
            {"type": "response.content_part.done", **at, "part": part},
            {"type": "response.output_item.done", "output_index": 0, "item": message},
            {"type": "response.incomplete", "response": told},
        ]
        return [_event({**event, "sequence_number": place}) for place, event in enumerate(events)]

    def error(self, status: int, code: str, message: str) -> Json:
        """As `Dialect` says."""
        return openai.error(status, code, message)

    def error_event(self, status: int, code: str, message: str) -> Event:  # noqa: ARG002 - a stream's error has none
        """As `Dialect` says."""
        return _event({"type": "error", "code": code, "message": message, "param": None, "sequence_number": 0})


class _Told(Stream):
    def __init__(self) -> None:
        self._response: Json = {}
        self._number = 0

    def read(self, told: Json) -> Piece:
        """As `Stream` says. Events are numbered anew, since some may be added."""
        kind = str(told.get("type") or "")
        told["sequence_number"], self._number = self._number, self._number + 1
        response = told.get("response")
        if isinstance(response, dict):
            self._response = {name: response[name] for name in response if name in STRUCTURE or name in ECHOED}
            usage = response.get("usage")
            if usage:
                self.usage = Usage(number(usage, "input_tokens"), number(usage, "output_tokens"))
            self.finish = reason(response, "status") or self.finish
            found = top(response, dict.fromkeys(response, "assistant"), apart=ECHOED)
            others = top(told, dict.fromkeys(told, "assistant"), apart=("response",))
            return Piece(told, wholes=[*found, *others], is_last=kind in LAST)
        group = tuple(str(told.get(name))[:MOST_NAME] for name in ("item_id", "content_index", "summary_index"))
        others = top(told, dict.fromkeys(told, "assistant"), apart=("delta",))
        if kind.endswith(".delta") and isinstance(told.get("delta"), str):
            channel = ((*group, kind.removesuffix(".delta")),)
            return Piece(told, [Slot(told, "delta", "assistant", channel)], others)
        whole = list(walk(told, "delta", "assistant")) if "delta" in told else []
        return Piece(told, (), [*whole, *others], frozenset({(*group, kind.removesuffix(".done"))}))

    def cut(self) -> list[Event]:
        """As `Stream` says."""
        why = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": []}
        told = {"type": "response.incomplete", "response": {**self._response, **why}, "sequence_number": self._number}
        return [_event(told)]


def _role(item: Any) -> str:
    return str(item.get("role") or "user")[:40] if isinstance(item, dict) else "user"


def _event(told: Json) -> Event:
    return Event(str(told["type"]), orjson.dumps(told).decode())
