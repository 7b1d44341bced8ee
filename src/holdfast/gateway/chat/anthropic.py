"""Between OpenAI's chat completions, which clients speak, and Anthropic's messages, where an upstream speaks those.

Sources: OpenAI's API reference, "Chat completions"; Anthropic's, "Messages" and "Streaming messages". What has no
counterpart is refused rather than dropped, since a client that asked for it would not learn that it was not heeded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from holdfast.domain.errors import FixInput
from holdfast.gateway.dialects.contract import number, read_object
from holdfast.gateway.http.connection import Broken
from holdfast.gateway.http.sse import Event

VERSION = "2023-06-01"
MOST_TOKENS = 4096
"""Anthropic asks for a limit; this is it where the client names none."""

MOST_CALLS = 256

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
    _require_plain(asked)
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
    """An OpenAI answer of an Anthropic one; `created` is the time, in seconds since 1970. Broken where it is none."""
    blocks = answered.get("content") or []
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise Broken("The upstream's message has no list of blocks.")
    text = "".join(str(block.get("text") or "") for block in blocks if block.get("type") == "text")
    calls = [
        _call(block.get("id", ""), block.get("name", ""), orjson.dumps(block.get("input") or {}).decode())
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    message: Json = {"role": "assistant", "content": text or None, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    finish = _FINISH.get(str(answered.get("stop_reason")), "stop")
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    about = {"id": answered.get("id", ""), "object": "chat.completion", "model": answered.get("model", "")}
    return {**about, "created": created, "choices": [choice], "usage": _usage(_object(answered, "usage"))}


class Translated:
    """Anthropic's stream of events as OpenAI's, event by event. `usage` is what was counted so far."""

    def __init__(self, created: int) -> None:
        self.usage: Json = {}
        self._about: Json = {"id": "", "object": "chat.completion.chunk", "created": created, "model": ""}
        self._calls: dict[int, int] = {}
        self._finish = "stop"

    def feed(self, event: Event) -> Iterator[Event]:
        """What the client hears of one event; nothing of most."""
        if not event.data or event.name == "ping":
            return
        told = _told(event)
        kind = told.get("type", event.name)
        handler = getattr(self, f"_on_{kind}", None) if isinstance(kind, str) else None
        if handler is not None:
            yield from handler(told)

    def _on_message_start(self, told: Json) -> Iterator[Event]:
        message = _object(told, "message")
        self._about |= {"id": message.get("id", ""), "model": message.get("model", "")}
        self._count(message)
        yield self._chunk({"role": "assistant", "content": ""})

    def _on_content_block_start(self, told: Json) -> Iterator[Event]:
        block = _object(told, "content_block")
        if block.get("type") == "tool_use":
            if len(self._calls) >= MOST_CALLS:
                raise Broken("The upstream calls too many tools at once.")
            at = self._calls[_place(told)] = len(self._calls)
            call = {"index": at, **_call(block.get("id", ""), block.get("name", ""), "")}
            yield self._chunk({"tool_calls": [call]})

    def _on_content_block_delta(self, told: Json) -> Iterator[Event]:
        delta = _object(told, "delta")
        if delta.get("type") == "text_delta":
            yield self._chunk({"content": delta.get("text", "")})
        elif delta.get("type") == "input_json_delta":
            at = self._calls.get(_place(told), 0)
            arguments = {"arguments": delta.get("partial_json", "")}
            yield self._chunk({"tool_calls": [{"index": at, "function": arguments}]})

    def _on_message_delta(self, told: Json) -> Iterator[Event]:
        self._count(told)
        self._finish = _FINISH.get(str(_object(told, "delta").get("stop_reason")), "stop")
        yield from ()

    def _on_message_stop(self, _told: Json) -> Iterator[Event]:
        yield self._chunk({}, self._finish)
        yield Event("", orjson.dumps({**self._about, "choices": [], "usage": _usage(self.usage)}).decode())
        yield Event("", "[DONE]")

    def _on_error(self, told: Json) -> Iterator[Event]:
        yield Event("", orjson.dumps({"error": told.get("error") or {}}).decode())

    def _count(self, told: Json) -> None:
        usage = _object(told, "usage")
        self.usage |= {name: usage[name] for name in (*_COUNTED, "output_tokens") if name in usage}

    def _chunk(self, delta: Json, finish: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return Event("", orjson.dumps({**self._about, "choices": [choice]}).decode())


def _told(event: Event) -> Json:
    try:
        return read_object(event.data)
    except ValueError as error:
        raise Broken(f"The upstream sent an event that cannot be read: {error}.") from error


def _object(told: Json, name: str) -> Json:
    """An object in what an upstream says; empty where it says none."""
    found = told.get(name) or {}
    if not isinstance(found, dict):
        raise Broken(f"The upstream's {name} is no object.")
    return found


def _place(told: Json) -> int:
    place = told.get("index", 0)
    return place if isinstance(place, int) else 0


def _require_plain(asked: Json) -> None:
    """What is handed on as it came is of the kind that OpenAI's API reference says."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "model": str,
        "temperature": (int, float),
        "top_p": (int, float),
        "stream": bool,
        "max_tokens": int,
        "max_completion_tokens": int,
        "stop": (str, list),
    }
    for name, kind in kinds.items():
        if asked.get(name) is not None and not isinstance(asked[name], kind):
            raise _malformed(f"{name} is {asked[name]!r:.60}")


def _member(part: Json, name: str) -> Json:
    """An object in what a client asks; empty where it gives none."""
    found = part.get(name) or {}
    if not isinstance(found, dict):
        raise _malformed(f"{name} is no object")
    return found


def _malformed(what: str) -> FixInput:
    return FixInput("chat.malformed", f"This cannot be asked: {what}.", "Send it as OpenAI's API reference says.")


def _list(given: Any, what: str) -> list[Json]:
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise _malformed(f"{what} is no list of objects")
    return given


def _text(content: Any) -> str:
    """The text of a content that may be in parts."""
    if isinstance(content, str) or content is None:
        return content or ""
    return "".join(str(part.get("text") or "") for part in _list(content, "content"))


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
        url = str(_member(part, "image_url").get("url", ""))
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
            "name": _member(call, "function").get("name", ""),
            "input": _arguments(_member(call, "function").get("arguments")),
        }
        for call in _list(message.get("tool_calls") or [], "tool_calls")
    ]


def _arguments(text: Any) -> Json:
    try:
        return read_object(text or "{}")
    except ValueError as error:
        raise _malformed(f"a tool call's arguments cannot be read, {error}") from error


def _merged(turns: list[Json]) -> list[Json]:
    """Turns in which roles alternate, as Anthropic asks."""
    made: list[Json] = []
    for turn in turns:
        if made and made[-1]["role"] == turn["role"]:
            made[-1]["content"].extend(turn["content"])
        else:
            made.append(turn)
    return made


def _tool(tool: Json) -> Json:
    function = _member(tool, "function")
    if tool.get("type") != "function":
        raise FixInput("chat.untranslated", f"This upstream has no {tool.get('type')!r:.60} tool.", "Leave it out.")
    about = {"name": function.get("name", ""), "description": function.get("description", "")}
    return {**about, "input_schema": function.get("parameters") or {"type": "object"}}


def _choice(choice: Any) -> Json:
    if isinstance(choice, Mapping):
        return {"type": "tool", "name": _member(dict(choice), "function").get("name", "")}
    known = {"auto": "auto", "required": "any", "none": "none"}
    if not isinstance(choice, str) or choice not in known:
        raise FixInput("chat.malformed", f"tool_choice is {choice!r:.60}.", f"It is one of {', '.join(known)}.")
    return {"type": known[choice]}


def _call(id: str, name: str, arguments: str) -> Json:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _usage(counted: Json) -> Json:
    asked = sum(number(counted, name) for name in _COUNTED)
    answered = number(counted, "output_tokens")
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
