"""How a conversation is written and read in OpenAI's and in Anthropic's dialect.

Sources: OpenAI's API reference, "Chat completions"; Anthropic's API reference, "Messages".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from holdfast.domain.chat import Call, Message, Reply, Tool
from holdfast.domain.errors import ModelFailed

Json = dict[str, Any]

TEXT_CHARACTERS = 200_000
"""More of an answer is not read: some 50,000 tokens, beyond what models answer at once."""

ANTHROPIC_VERSION = "2023-06-01"
ANTHROPIC_TOKENS = 4096
"""Anthropic asks for a limit; this is it where the manifest has none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """All that one request says; `limit` is what the dialect calls `max_tokens`."""

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    limit: str = "max_tokens"


@dataclass(frozen=True, slots=True)
class Form:
    """A dialect: its endpoint's path, its headers by the key, and how a request is written and a reply read."""

    path: str
    headers: Callable[[str], dict[str, str]]
    body: Callable[[Asked], Json]
    reply: Callable[[Any], Reply]


def _settings(asked: Asked) -> Json:
    return {} if asked.temperature is None else {"temperature": asked.temperature}


def _openai_headers(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def _openai_body(asked: Asked) -> Json:
    system = [{"role": "system", "content": asked.system}] if asked.system else []
    body: Json = {"model": asked.model, "messages": [*system, *map(_openai_message, asked.messages)]}
    if asked.max_tokens is not None:
        body[asked.limit] = asked.max_tokens
    if asked.tools:
        body["tools"] = [{"type": "function", "function": _schema(tool, "parameters")} for tool in asked.tools]
    return body | _settings(asked)


def _openai_message(message: Message) -> Json:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.answers, "content": message.text}
    told: Json = {"role": message.role, "content": message.text or None if message.calls else message.text}
    if message.calls:
        told["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    return told


def _openai_reply(told: Any) -> Reply:
    choice = _first(told, "choices")
    message = _object(choice, "message")
    usage = _object(told, "usage")
    functions = [(part.get("id"), _object(part, "function")) for part in _objects(message, "tool_calls")]
    finish = _word(choice, "finish_reason")
    return Reply(
        text=_text(message.get("content")) or _text(message.get("refusal")),
        calls=tuple(Call(_word(f, "name"), _word(f, "arguments", 20_000), str(id or "")[:200]) for id, f in functions),
        finish=finish,
        asked=_count(usage, "prompt_tokens"),
        answered=_count(usage, "completion_tokens"),
        is_blocked=finish == "content_filter",
    )


def _anthropic_headers(key: str) -> dict[str, str]:
    return {"anthropic-version": ANTHROPIC_VERSION} | ({"x-api-key": key} if key else {})


def _anthropic_body(asked: Asked) -> Json:
    body: Json = {
        "model": asked.model,
        "max_tokens": asked.max_tokens or ANTHROPIC_TOKENS,
        "messages": [_anthropic_message(message) for message in asked.messages],
    }
    if asked.system:
        body["system"] = asked.system
    if asked.tools:
        body["tools"] = [_schema(tool, "input_schema") for tool in asked.tools]
    return body | _settings(asked)


def _anthropic_message(message: Message) -> Json:
    if message.role == "tool":
        block: Json = {"type": "tool_result", "tool_use_id": message.answers, "content": message.text}
        return {"role": "user", "content": [block]}
    text = [{"type": "text", "text": message.text}] if message.text else []
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call)} for call in message.calls
    ]
    return {"role": message.role, "content": [*text, *calls]}


def _anthropic_reply(told: Any) -> Reply:
    if not isinstance(told, dict) or not isinstance(told.get("content"), list):
        _malformed()
    blocks, usage = _objects(told, "content"), _object(told, "usage")
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    finish = _word(told, "stop_reason")
    return Reply(
        text="".join(_text(block.get("text")) for block in blocks if block.get("type") == "text"),
        calls=tuple(
            Call(_word(call, "name"), json.dumps(call.get("input") or {}), _word(call, "id", 200)) for call in calls
        ),
        finish=finish,
        asked=_count(usage, "input_tokens"),
        answered=_count(usage, "output_tokens"),
        is_blocked=finish in ("refusal", "content_filter"),
    )


def _schema(tool: Tool, parameters: str) -> Json:
    return {"name": tool.name, "description": tool.description, parameters: json.loads(tool.parameters)}


def _arguments(call: Call) -> Any:
    try:
        found = json.loads(call.arguments)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _first(told: Any, name: str) -> Mapping[str, Any]:
    found = told.get(name) if isinstance(told, dict) else None
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        _malformed()
    return found[0]


def _malformed() -> NoReturn:
    raise ModelFailed(
        "chat.malformed", "The chat's answer is not what its dialect has.", "Is `model.chat.dialect` the right one?"
    )


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _objects(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = holder.get(name)
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []


def _text(value: Any) -> str:
    """A text, or one in parts."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))[:TEXT_CHARACTERS]
    return value[:TEXT_CHARACTERS] if isinstance(value, str) else ""


def _word(holder: Mapping[str, Any], name: str, most: int = 100) -> str:
    found = holder.get(name)
    return found[:most] if isinstance(found, str) else ""


def _count(holder: Mapping[str, Any], name: str) -> int:
    found = holder.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= 10**12 else 0


FORMS = {
    "openai": Form("/chat/completions", _openai_headers, _openai_body, _openai_reply),
    "anthropic": Form("/v1/messages", _anthropic_headers, _anthropic_body, _anthropic_reply),
}
"""By the name of the dialect."""
