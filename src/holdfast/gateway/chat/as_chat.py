"""OpenAI's responses as chat completions, for an upstream that knows those or is translated into those.

Sources: OpenAI's API reference, "Responses", "Streaming events" and "Chat completions". Nothing is remembered between
turns: what has no counterpart is refused rather than dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.domain.errors import FixInput
from holdfast.gateway.dialects.contract import Json, number, objects
from holdfast.gateway.http.connection import Broken

_SAME = ("model", "temperature", "top_p", "stream", "parallel_tool_calls")
_IGNORED = {"metadata", "store", "stream_options", "service_tier", "safety_identifier", "prompt_cache_key", "user"}
_TRANSLATED = {"input", "instructions", "max_output_tokens", "tools", "tool_choice", "text", *_SAME}
_NOTHING: dict[str, tuple[Any, ...]] = {"background": (False,), "truncation": ("disabled",), "include": ([],)}
"""What asks for nothing when it has one of these values."""

_TEXTS = ("input_text", "output_text", "text", "refusal")
_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}


def to_chat(asked: Json) -> Json:
    """A request for a chat completion of one for a response; FixInput where something asked has no counterpart."""
    for name, value in asked.items():
        if value is not None and name not in _TRANSLATED | _IGNORED and value not in _NOTHING.get(name, ()):
            raise _untranslated(name)
    made: Json = {name: asked[name] for name in _SAME if asked.get(name) is not None}
    made["messages"] = _messages(asked)
    if asked.get("max_output_tokens") is not None:
        made["max_completion_tokens"] = asked["max_output_tokens"]
    if asked.get("tools"):
        made["tools"] = [_tool(tool) for tool in _objects(asked["tools"], "tools")]
    if asked.get("tool_choice") is not None:
        made["tool_choice"] = _choice(asked["tool_choice"])
    if _format(asked.get("text")) != "text":
        raise _untranslated("text.format")
    return made


def from_chat(asked: Json, answered: Json) -> Json:
    """The response to a request of the chat completion that answers it."""
    choice = next(iter(objects(answered.get("choices"))), {})
    message = _object(choice, "message")
    id = f"resp_{answered.get('id') or ''}"
    output = [_message(f"msg_{id}", str(message["content"]))] if message.get("content") else []
    output += [_call(f"fc_{id}_{place}", call) for place, call in enumerate(objects(message.get("tool_calls")))]
    about = _about(asked, id, answered)
    return _over(about, output, str(choice.get("finish_reason") or ""), answered.get("usage"))


class AsResponse:
    """A chat completion's stream told as the stream of a response."""

    def __init__(self, asked: Json) -> None:
        self._asked = asked
        self._about: Json = {}
        self._output: list[Json] = []
        self._said: list[str] = []
        self._places: dict[int, int] = {}
        self._finish, self._usage = "", None

    def feed(self, told: Json) -> Iterator[Json]:
        """What the client hears of one chunk."""
        if "error" in told:
            yield {"type": "error", "code": None, "param": None, "message": _why(told["error"])}
            return
        if not self._about:
            self._about = _about(self._asked, f"resp_{told.get('id') or ''}", told)
            begun = {**self._about, "status": "in_progress", "output": []}
            yield {"type": "response.created", "response": begun}
            yield {"type": "response.in_progress", "response": begun}
        self._usage = told.get("usage") or self._usage
        for choice in objects(told.get("choices"))[:1]:
            delta = _object(choice, "delta")
            if delta.get("content"):
                yield from self._say(str(delta["content"]))
            for call in objects(delta.get("tool_calls")):
                yield from self._call(call)
            self._finish = str(choice.get("finish_reason") or self._finish)

    def end(self) -> Iterator[Json]:
        """What the client hears once nothing follows."""
        yield from self._close()
        over = _over(self._about, self._output, self._finish, self._usage)
        yield {"type": f"response.{over['status']}", "response": over}

    def _say(self, text: str) -> Iterator[Json]:
        if not self._is_open("message"):
            yield from self._open(_message(f"msg_{self._about['id']}_{len(self._output)}", ""))
        self._said.append(text)
        yield {"type": "response.output_text.delta", **self._at, "content_index": 0, "delta": text, "logprobs": []}

    def _call(self, told: Json) -> Iterator[Json]:
        place = number(told, "index")
        if place not in self._places:
            opened = _call(
                f"fc_{self._about['id']}_{place}", {**told, "function": {**_object(told, "function"), "arguments": ""}}
            )
            yield from self._open(opened)
            self._places[place] = len(self._output) - 1
        if self._places[place] != len(self._output) - 1:
            raise Broken("The upstream goes on with a call after it began another.")
        more = str(_object(told, "function").get("arguments") or "")
        if more:
            self._said.append(more)
            yield {"type": "response.function_call_arguments.delta", **self._at, "delta": more}

    @property
    def _at(self) -> Json:
        return {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1}

    def _is_open(self, kind: str) -> bool:
        return bool(self._output) and self._output[-1]["type"] == kind

    def _open(self, item: Json) -> Iterator[Json]:
        yield from self._close()
        self._said = []
        self._output.append(item)
        begun = {**item, "status": "in_progress"}
        place = len(self._output) - 1
        if item["type"] == "message":
            yield {"type": "response.output_item.added", "output_index": place, "item": {**begun, "content": []}}
            part = {**item["content"][0]}
            yield {"type": "response.content_part.added", **self._at, "content_index": 0, "part": part}
        else:
            yield {"type": "response.output_item.added", "output_index": place, "item": begun}

    def _close(self) -> Iterator[Json]:
        """End the item that is being told, if any."""
        if not self._output:
            return
        item = self._output[-1]
        if item["type"] == "message":
            part = item["content"][0]
            part["text"] = "".join(self._said)
            at = {**self._at, "content_index": 0}
            yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
            yield {"type": "response.content_part.done", **at, "part": {**part}}
        else:
            item["arguments"] = "".join(self._said)
            told = {"name": item["name"], "arguments": item["arguments"]}
            yield {"type": "response.function_call_arguments.done", **self._at, **told}
        yield {"type": "response.output_item.done", "output_index": len(self._output) - 1, "item": item}


def _messages(asked: Json) -> list[Json]:
    given, instructions = asked.get("input"), asked.get("instructions")
    messages = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}]
    for item in _objects(given, "input"):
        message = _turn(item)
        is_more = bool(messages) and "tool_calls" in message and messages[-1]["role"] == "assistant"
        if is_more:
            messages[-1].setdefault("tool_calls", []).extend(message["tool_calls"])
        else:
            messages.append(message)
    return messages


def _turn(item: Json) -> Json:
    kind = item.get("type", "message")
    if kind == "message":
        return {"role": item.get("role"), "content": _content(item.get("content"))}
    if kind == "function_call":
        function = {"name": item.get("name", ""), "arguments": item.get("arguments", "")}
        call = {"id": item.get("call_id", ""), "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if kind == "function_call_output":
        return {"role": "tool", "tool_call_id": item.get("call_id", ""), "content": _content(item.get("output"))}
    raise _untranslated(kind)


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return [_part(part) for part in _objects(content, "content")]


def _part(part: Json) -> Json:
    kind = part.get("type")
    if kind in _TEXTS:
        return {"type": "text", "text": part.get("text", part.get("refusal", ""))}
    if kind == "input_image" and part.get("image_url"):
        return {"type": "image_url", "image_url": {"url": part["image_url"]}}
    raise _untranslated(kind)


def _tool(tool: Json) -> Json:
    if tool.get("type") != "function":
        raise _untranslated(tool.get("type"))
    return {"type": "function", "function": {name: tool[name] for name in tool if name not in ("type", "strict")}}


def _choice(choice: Any) -> Any:
    if not isinstance(choice, dict):
        return choice
    if choice.get("type") != "function":
        raise _untranslated(choice.get("type"))
    return {"type": "function", "function": {"name": choice.get("name", "")}}


def _format(text: Any) -> Any:
    return _object(text, "format").get("type", "text") if isinstance(text, dict) else "text"


def _about(asked: Json, id: str, told: Json) -> Json:
    """What a response says that is not what the model said."""
    echoed = {name: asked.get(name) for name in ("instructions", "temperature", "top_p", "max_output_tokens")}
    choice = {"tool_choice": asked.get("tool_choice") or "auto", "tools": asked.get("tools") or []}
    choice["parallel_tool_calls"] = asked.get("parallel_tool_calls") is not False
    made = {"id": id, "object": "response", "created_at": told.get("created", 0), "model": told.get("model", "")}
    return {**made, **echoed, **choice, "metadata": asked.get("metadata") or {}, "error": None, "usage": None}


def _over(about: Json, output: list[Json], finish: str, usage: Any) -> Json:
    why = _CUT.get(finish)
    status = {"status": "incomplete" if why else "completed", "incomplete_details": {"reason": why} if why else None}
    return {**about, **status, "output": output, "usage": _usage(usage) if usage else None}


def _usage(counted: Any) -> Json:
    asked, answered = number(counted, "prompt_tokens"), number(counted, "completion_tokens")
    details = {
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {"input_tokens": asked, "output_tokens": answered, "total_tokens": asked + answered, **details}


def _message(id: str, text: str) -> Json:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": id, "status": "completed", "role": "assistant", "content": content}


def _call(id: str, told: Json) -> Json:
    function = _object(told, "function")
    said = {"name": str(function.get("name") or ""), "arguments": str(function.get("arguments") or "")}
    return {"type": "function_call", "id": id, "status": "completed", "call_id": str(told.get("id") or ""), **said}


def _object(node: Json, name: str) -> Json:
    found = node.get(name)
    return found if isinstance(found, dict) else {}


def _why(error: Any) -> str:
    return str(error.get("message") or "") if isinstance(error, dict) else ""


def _objects(given: Any, what: str) -> list[Json]:
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        hint = "Send it as OpenAI's API reference says."
        raise FixInput("chat.malformed", f"This cannot be asked: {what} is no list of objects.", hint)
    return given


def _untranslated(what: Any) -> FixInput:
    return FixInput("chat.untranslated", f"This upstream has nothing like {what!r:.60}.", "Leave it out.")
