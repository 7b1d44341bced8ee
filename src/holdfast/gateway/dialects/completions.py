"""OpenAI's chat completions (API reference, "Chat completions"), which most servers of models speak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from holdfast.domain.errors import FixInput
from holdfast.gateway.dialects import openai
from holdfast.gateway.dialects.calls import CallsTold, ChatCallsTold, completion_steps
from holdfast.gateway.dialects.contract import (
    Dialect,
    Json,
    Piece,
    Slot,
    Stream,
    Usage,
    number,
    objects,
    reason,
    refuse_system,
    spoken_before,
    top,
    walk,
)
from holdfast.gateway.http.sse import Event
from holdfast.guards.tools.steps import Step
from holdfast.guards.tools.transcripts import chat_calls


class Completions(Dialect):
    """``/chat/completions``."""

    name = "chat.completions"
    path = b"/chat/completions"

    def asked(self, body: Json) -> list[Slot]:
        """As `Dialect` says; each message is spoken by its role."""
        messages = body.get("messages")
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise FixInput("chat.malformed", "`messages` is no list of objects.", "See OpenAI's API reference.")
        said = [slot for place, message in enumerate(messages) for slot in walk(messages, place, _role(message))]
        return [*said, *top(body, {}, apart=("messages",))]

    def answered(self, told: Json) -> list[Slot]:
        """As `Dialect` says."""
        return top(told, dict.fromkeys(told, "assistant"), apart=("usage",))

    def usage(self, told: Json) -> Usage | None:
        """As `Dialect` says."""
        return counted(told.get("usage"))

    def finish(self, told: Json) -> str:
        """As `Dialect` says."""
        return next((reason(one, "finish_reason") for one in objects(told.get("choices"))), "")

    def standing_in(self, body: Json, text: str, id: str, created: int) -> Json:
        """As `Dialect` says."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "content_filter", "logprobs": None}
        about = {"id": id, "object": "chat.completion", "created": created, "model": body.get("model", "")}
        return {**about, "choices": [choice], "usage": _NOTHING}

    def prompted(self, body: Json, said: Sequence[tuple[str, str]]) -> Json:
        """As `Dialect` says."""
        refuse_system(map(_role, body["messages"]))
        system, others = spoken_before(said)
        first = [{"role": "system", "content": system}] if system else []
        return {**body, "messages": [*first, *others, *body["messages"]]}

    def steps(self, body: Json) -> Iterator[Step]:
        """As `Dialect` says."""
        return completion_steps(body)

    def called(self, told: Json) -> Iterator[Step]:
        """As `Dialect` says."""
        messages = (choice.get("message") for choice in objects(told.get("choices")))
        return (call for message in messages if isinstance(message, dict) for call in chat_calls(message))

    def calls_told(self) -> CallsTold:
        """As `Dialect` says."""
        return ChatCallsTold()

    def stream(self, body: Json) -> Stream:
        """As `Dialect` says."""
        options = body.get("stream_options")
        return _Told(with_usage=isinstance(options, dict) and options.get("include_usage") is True)

    def events_of(self, told: Json) -> list[Event]:
        """As `Dialect` says."""
        choice = told["choices"][0]
        about = {name: told[name] for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
        first = {"index": 0, "delta": choice["message"], "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
        return [*(_event({**about, "choices": [each]}) for each in (first, last)), DONE]

    def error(self, status: int, code: str, message: str) -> Json:
        """As `Dialect` says."""
        return openai.error(status, code, message)


DONE = Event("", "[DONE]")
_NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class _Told(Stream):
    def __init__(self, *, with_usage: bool) -> None:
        self._with_usage = with_usage
        self._about: Json = {}

    def read(self, told: Json) -> Piece:
        """As `Stream` says. A chunk without choices carries usage, which the client may not have asked for."""
        self.usage = counted(told.get("usage")) or self.usage
        choices = objects(told.get("choices"))
        apart = ("choices", "usage") if choices == told.get("choices") else ("usage",)
        if choices:
            self._about = {name: told[name] for name in ("id", "object", "created", "model") if name in told}
        found = [slot for choice in choices for slot in _said(choice)]
        wholes = [*(slot for slot in found if not slot.channel), *top(told, dict.fromkeys(told, "assistant"), apart)]
        ended = [choice for choice in choices if choice.get("finish_reason")]
        self.finish = reason(ended[0], "finish_reason") if ended else self.finish
        return Piece(
            told,
            [slot for slot in found if slot.channel],
            wholes,
            frozenset(number(choice, "index") for choice in ended),
            is_dropped=not choices and not wholes and "usage" in told and not self._with_usage,
        )

    def cut(self) -> list[Event]:
        """As `Stream` says."""
        choice = {"index": 0, "delta": {}, "finish_reason": "content_filter", "logprobs": None}
        return [_event({**self._about, "choices": [choice]}), DONE]


def counted(usage: Any) -> Usage | None:
    """OpenAI's count of tokens."""
    if not isinstance(usage, dict):
        return None
    return Usage(number(usage, "prompt_tokens"), number(usage, "completion_tokens"))


def _role(message: Json) -> str:
    return str(message.get("role") or "user")[:40]


def _said(choice: Json) -> Iterator[Slot]:
    """Each text of a choice: those of its delta are pieces of a channel; only a tool's name is told at once."""
    group, delta = number(choice, "index"), choice.get("delta")
    yield from top(choice, dict.fromkeys(choice, "assistant"), ("delta",) if isinstance(delta, dict) else ())
    if not isinstance(delta, dict):
        return
    calls = objects(delta.get("tool_calls"))
    for call in calls:
        for slot in walk({"": call}, "", "assistant"):
            slot.channel = () if slot.key == "name" else (group, "call", number(call, "index"), slot.key)
            yield slot
    apart = ("tool_calls",) if calls == delta.get("tool_calls") else ()
    for slot in top(delta, dict.fromkeys(delta, "assistant"), apart):
        slot.channel = (group, slot.key)
        yield slot


def _event(told: Json) -> Event:
    return Event("", orjson.dumps(told).decode())
