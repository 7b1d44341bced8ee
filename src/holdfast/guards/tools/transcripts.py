"""Steps of a conversation in OpenAI's chat messages (API reference, "Chat completions"), which recordings have, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.guards.tools.steps import Call, Given, Result, Step, read_arguments, text_of

Json = dict[str, Any]


def chat_steps(messages: object) -> Iterator[Step]:
    """The steps of messages, in order; what is none is left out."""
    for message in objects(messages):
        role, content = message.get("role"), message.get("content")
        if role in ("tool", "function"):
            yield Result(str(message.get("tool_call_id") or ""), text_of(content), str(message.get("name") or ""))
        elif role == "assistant":
            yield from chat_calls(message)
        else:
            yield Given(text_of(content))


def chat_calls(message: Json) -> Iterator[Call]:
    """The calls in what an assistant says."""
    for call in objects(message.get("tool_calls")):
        yield chat_call(call)
    if isinstance(message.get("function_call"), dict):
        yield chat_call({"function": message["function_call"]})


def chat_call(call: Json) -> Call:
    """One call; a custom tool's input is a text."""
    id = str(call.get("id") or "")
    custom, function = call.get("custom"), call.get("function")
    if isinstance(custom, dict):
        return Call(id, str(custom.get("name") or ""), {"input": str(custom.get("input") or "")})
    about = function if isinstance(function, dict) else {}
    return Call(id, str(about.get("name") or ""), read_arguments(about.get("arguments") or "{}"))


def objects(node: object) -> list[Json]:
    """The objects of a list; none of anything else."""
    return [item for item in node if isinstance(item, dict)] if isinstance(node, list) else []
