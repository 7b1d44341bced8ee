"""Between OpenAI's chat completions, which clients speak, and Anthropic's messages, where an upstream speaks those.

Sources: OpenAI's API reference, "Chat completions"; Anthropic's, "Messages" and "Streaming messages". What has no
counterpart is refused rather than dropped, since a client that asked for it would not learn that it was not heeded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from holdfast.domain.errors import FixInput
from holdfast.gateway.connection import Broken
from holdfast.gateway.sse import Event

VERSION = "2023-06-01"
MOST_TOKENS = 4096
"""Anthropic asks for a limit; this is it where the client names none."""

Json = dict[str, Any]
_KEPT = ("model", "temperature", "top_p", "stream")
_IGNORED = {"user", "store", "metadata", "stream_options", "service_tier", "safety_identifier", "prompt_cache_key"}
_TRANSLATED = {"messages", "max_tokens", "max_completion_tokens", "stop", "n", *_KEPT}
_TRANSLATED |= {"tools", "tool_choice", "parallel_tool_calls"}
_FINISH = {"max_tokens": "length", "tool_use": "tool_calls", "refusal": "content_filter"}
_COUNTED = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def to_messages(asked: Json) -> Json:
    """An Anthropic request of an OpenAI one; FixInput where something asked has no counterpart."""
    unknown = sorted(name for name, value in asked.items() if value is not None and name not in _TRANSLATED | _IGNORED)
    if unknown or asked.get("n", 1) != 1:
        what = unknown[0] if unknown else "n"
        raise FixInput("chat.untranslated", f"This upstream has nothing like {what!r:.60}.", "Leave it out.")
    messages = _list(asked.get("messages"), "messages")
    system = [_text(message.get("content")) for message in messages if message.get("role") in ("system", "developer")]
    turns = [_turn(message) for message in messages if message.get("role") not in ("system", "developer")]
    made: Json = {name: asked[name] for name in _KEPT if asked.get(name) is not None}
    made["max_tokens"] = asked.get("max_completion_tokens") or asked.get("max_tokens") or MOST_TOKENS
    made["messages"] = _merged(turns)
    if system:
        made["system"] = "\n\n".join(system)
    if asked.get("stop"):
        made["stop_sequences"] = [asked["stop"]] if isinstance(asked["stop"], str) else asked["stop"]
    if asked.get("tools"):
        made["tools"] = [_tool(tool) for tool in _list(asked["tools"], "tools")]
    if asked.get("tool_choice") or asked.get("parallel_tool_calls") is False:
        made["tool_choice"] = _choice(asked.get("tool_choice") or "auto")
        if asked.get("parallel_tool_calls") is False and made["tool_choice"]["type"] != "none":
            made["tool_choice"]["disable_parallel_tool_use"] = True
    return made


def from_message(answered: Json, created: int) -> Json:
    """An OpenAI answer of an Anthropic one; `created` is the time, in seconds since 1970."""
    blocks = answered.get("content") or []
    text = "".join(block.get("text", "") for block in blocks if block.get("type") == "text")
    calls = [
        _call(block.get("id", ""), block.get("name", ""), orjson.dumps(block.get("input") or {}).decode())
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    message: Json = {"role": "assistant", "content": text or None, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    finish = _FINISH.get(answered.get("stop_reason") or "", "stop")
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    about = {"id": answered.get("id", ""), "object": "chat.completion", "model": answered.get("model", "")}
    return {**about, "created": created, "choices": [choice], "usage": _usage(answered.get("usage") or {})}


class Translated:
    """Anthropic's stream of events as OpenAI's, event by event. `usage` is what was counted so far."""

    def __init__(self, created: int, *, with_usage: bool = False) -> None:
        self.usage: Json = {}
        self._with_usage = with_usage
        self._about: Json = {"id": "", "object": "chat.completion.chunk", "created": created, "model": ""}
        self._calls: dict[int, int] = {}
        self._finish = "stop"

    def feed(self, event: Event) -> Iterator[Event]:
        """What the client hears of one event; nothing of most."""
        if not event.data or event.name == "ping":
            return
        told = _told(event)
        kind = told.get("type", event.name)
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            yield from handler(told)

    def _on_message_start(self, told: Json) -> Iterator[Event]:
        message = told.get("message") or {}
        self._about |= {"id": message.get("id", ""), "model": message.get("model", "")}
        self.usage |= message.get("usage") or {}
        yield self._chunk({"role": "assistant", "content": ""})

    def _on_content_block_start(self, told: Json) -> Iterator[Event]:
        block = told.get("content_block") or {}
        if block.get("type") == "tool_use":
            at = self._calls[told.get("index", 0)] = len(self._calls)
            call = {"index": at, **_call(block.get("id", ""), block.get("name", ""), "")}
            yield self._chunk({"tool_calls": [call]})

    def _on_content_block_delta(self, told: Json) -> Iterator[Event]:
        delta = told.get("delta") or {}
        if delta.get("type") == "text_delta":
            yield self._chunk({"content": delta.get("text", "")})
        elif delta.get("type") == "input_json_delta":
            at = self._calls.get(told.get("index", 0), 0)
            arguments = {"arguments": delta.get("partial_json", "")}
            yield self._chunk({"tool_calls": [{"index": at, "function": arguments}]})

    def _on_message_delta(self, told: Json) -> Iterator[Event]:
        self.usage |= told.get("usage") or {}
        self._finish = _FINISH.get((told.get("delta") or {}).get("stop_reason") or "", "stop")
        yield from ()

    def _on_message_stop(self, _told: Json) -> Iterator[Event]:
        yield self._chunk({}, self._finish)
        if self._with_usage:
            yield Event("", orjson.dumps({**self._about, "choices": [], "usage": _usage(self.usage)}).decode())
        yield Event("", "[DONE]")

    def _on_error(self, told: Json) -> Iterator[Event]:
        yield Event("", orjson.dumps({"error": told.get("error") or {}}).decode())

    def _chunk(self, delta: Json, finish: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return Event("", orjson.dumps({**self._about, "choices": [choice]}).decode())


def _told(event: Event) -> Json:
    try:
        told = orjson.loads(event.data)
    except orjson.JSONDecodeError as error:
        raise Broken("The upstream sent an event that is no JSON.") from error
    return told if isinstance(told, dict) else {}


def _list(given: Any, what: str) -> list[Json]:
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise FixInput("chat.malformed", f"{what} is no list of objects.", "Send it as OpenAI's API reference says.")
    return given


def _text(content: Any) -> str:
    """The text of a content that may be in parts."""
    if isinstance(content, str) or content is None:
        return content or ""
    return "".join(part.get("text", "") for part in _list(content, "content"))


def _turn(message: Json) -> Json:
    role = message.get("role")
    if role == "tool":
        answered = {"tool_use_id": message.get("tool_call_id", ""), "content": _text(message.get("content"))}
        return {"role": "user", "content": [{"type": "tool_result", **answered}]}
    if role == "assistant":
        return {"role": "assistant", "content": [*_parts(message.get("content")), *_uses(message)]}
    if role == "user":
        return {"role": "user", "content": _parts(message.get("content"))}
    hint = "Roles are system, developer, user, assistant and tool."
    raise FixInput("chat.role", f"Nobody speaks as {role!r:.60}.", hint)


def _parts(content: Any) -> list[Json]:
    if isinstance(content, str) or content is None:
        return [{"type": "text", "text": content}] if content else []
    return [_part(part) for part in _list(content, "content")]


def _part(part: Json) -> Json:
    if part.get("type") == "text":
        return {"type": "text", "text": part.get("text", "")}
    if part.get("type") == "image_url":
        url = str((part.get("image_url") or {}).get("url", ""))
        if url.startswith("data:") and ";base64," in url:
            kind, _, data = url.removeprefix("data:").partition(";base64,")
            return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}
        return {"type": "image", "source": {"type": "url", "url": url}}
    raise FixInput("chat.untranslated", f"This upstream takes no {part.get('type')!r:.60} part.", "Leave it out.")


def _uses(message: Json) -> list[Json]:
    return [
        {
            "type": "tool_use",
            "id": call.get("id", ""),
            "name": (call.get("function") or {}).get("name", ""),
            "input": _arguments((call.get("function") or {}).get("arguments")),
        }
        for call in _list(message.get("tool_calls") or [], "tool_calls")
    ]


def _arguments(text: Any) -> Any:
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        raise FixInput("chat.malformed", "A tool call's arguments are no JSON.", "Send them as they came.") from error


def _merged(turns: list[Json]) -> list[Json]:
    """Turns in which roles alternate, as Anthropic asks."""
    made: list[Json] = []
    for turn in turns:
        if made and made[-1]["role"] == turn["role"]:
            made[-1] = {"role": turn["role"], "content": [*made[-1]["content"], *turn["content"]]}
        else:
            made.append(turn)
    return made


def _tool(tool: Json) -> Json:
    function = tool.get("function") or {}
    if tool.get("type") != "function":
        raise FixInput("chat.untranslated", f"This upstream has no {tool.get('type')!r:.60} tool.", "Leave it out.")
    about = {"name": function.get("name", ""), "description": function.get("description", "")}
    return {**about, "input_schema": function.get("parameters") or {"type": "object"}}


def _choice(choice: Any) -> Json:
    if isinstance(choice, Mapping):
        return {"type": "tool", "name": (choice.get("function") or {}).get("name", "")}
    known = {"auto": "auto", "required": "any", "none": "none"}
    if choice not in known:
        raise FixInput("chat.malformed", f"tool_choice is {choice!r:.60}.", f"It is one of {', '.join(known)}.")
    return {"type": known[choice]}


def _call(id: str, name: str, arguments: str) -> Json:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _usage(counted: Json) -> Json:
    asked = sum(counted.get(name) or 0 for name in _COUNTED)
    answered = counted.get("output_tokens") or 0
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
