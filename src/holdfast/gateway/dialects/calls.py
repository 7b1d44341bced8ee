"""Tools in the dialects: which a request declares, what was called in a conversation, and calls while they are told.

Whatever an item of another kind calls by itself at the model's host (a search, a remote MCP server) is a call, too, and
what came of it a result that has its text, where it is told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from holdfast.gateway.dialects.contract import Json, number, objects
from holdfast.gateway.http.connection import Broken
from holdfast.guards.tools.declared import digest_of, name_of
from holdfast.guards.tools.steps import Call, Given, Result, Step, read_arguments, text_of
from holdfast.guards.tools.transcripts import chat_call, chat_steps

LAST = ("response.completed", "response.incomplete", "response.failed")
DECLARED = ("tools", "functions", "mcp_servers")
CHOSEN = ("tool_choice", "function_call")
SEARCHES, SEARCH = "web_search_options", "web_search"
"""The parameter by which chat completions search, and the tool that it declares."""

MOST_CHARACTERS = 1_000_000
MOST_CALLS = 512


def declared(body: Json) -> dict[str, str]:
    """The digest of each tool that a request declares, by name; of several of one name empty, which nobody pins."""
    found: dict[str, str] = {SEARCH: ""} if body.get(SEARCHES) is not None else {}
    for place, tool in _tools(body):
        name = _name(place, tool)
        found[name] = "" if name in found else digest_of(tool)
    return found


def without(body: Json, names: Collection[str]) -> None:
    """Take tools out of a request, and a choice of one of them."""
    if SEARCH in names:
        body.pop(SEARCHES, None)
    for place in DECLARED:
        if isinstance(body.get(place), list):
            body[place] = [
                tool for tool in body[place] if not isinstance(tool, dict) or _name(place, tool) not in names
            ]
            if not body[place]:
                del body[place]
    is_chosen = [place for place in CHOSEN if isinstance(body.get(place), dict) and _names_any(body[place], names)]
    gone = CHOSEN if not any(place in body for place in DECLARED) else is_chosen
    for place in (*gone, *(("parallel_tool_calls",) if gone is CHOSEN else ())):
        body.pop(place, None)


def _tools(body: Json) -> Iterator[tuple[str, Json]]:
    return ((place, tool) for place in DECLARED for tool in objects(body.get(place)))


def _name(place: str, tool: Json) -> str:
    return f"mcp:{tool.get('name') or ''}" if place == "mcp_servers" else name_of(tool)


def _names_any(choice: Json, names: Collection[str]) -> bool:
    parts = [choice, *objects(choice.get("tools"))]
    return any(name_of(part) in names for part in parts)


def completion_steps(body: Json) -> Iterator[Step]:
    """What a request for a chat completion says of the conversation; what a search will find is in no message."""
    if body.get(SEARCHES) is not None:
        yield Result("", "", SEARCH)
    yield from chat_steps(body.get("messages"))


def response_steps(body: Json) -> Iterator[Step]:
    """What a request for a response says of the conversation. What is remembered upstream is not to be seen: it counts
    as the result of a tool that nobody knows.
    """
    if body.get("previous_response_id") is not None or body.get("conversation") is not None:
        yield Result("", "")
    if body.get("instructions"):
        yield Given(text_of(body["instructions"]))
    given = body.get("input")
    if isinstance(given, str):
        yield Given(given)
    yield from item_steps(given)


def item_steps(items: object) -> Iterator[Step]:
    """The steps in items of OpenAI's responses."""
    for item in objects(items):
        kind = str(item.get("type") or "message")
        if kind in ("function_call_output", "custom_tool_call_output"):
            yield Result(str(item.get("call_id") or ""), text_of(item.get("output")))
        elif kind in ("function_call", "custom_tool_call"):
            yield item_call(item)
        elif kind == "item_reference":
            yield Result("", "")
        elif kind.endswith("_call") or kind.startswith("mcp_"):
            id, name = str(item.get("id") or ""), kind.removesuffix("_call")
            name = f"mcp:{item.get('server_label') or ''}" if kind.startswith("mcp_") else name
            yield Call(id, name, {"item": item})
            yield Result(id, text_of(item))
        elif kind.endswith("_output"):
            yield Result(str(item.get("call_id") or ""), text_of(item.get("output")))
        elif item.get("role") != "assistant":
            yield Given(text_of(item.get("content")))


def item_call(item: Json) -> Call:
    """The call in an item of a response."""
    id, name = str(item.get("call_id") or item.get("id") or ""), str(item.get("name") or "")
    if item.get("type") == "custom_tool_call":
        return Call(id, name, {"input": str(item.get("input") or "")})
    return Call(id, name, read_arguments(item.get("arguments") or "{}"))


def message_steps(messages: object) -> Iterator[Step]:
    """The steps in Anthropic's messages."""
    for message in objects(messages):
        content = message.get("content")
        if isinstance(content, str):
            if message.get("role") != "assistant":
                yield Given(content)
            continue
        yield from block_steps(content, is_said=message.get("role") != "assistant")


def block_steps(blocks: object, *, is_said: bool = False) -> Iterator[Step]:
    """The steps in blocks of a message; `is_said` where other blocks are what somebody says to the model."""
    for block in objects(blocks):
        kind = str(block.get("type") or "")
        if kind.endswith("_use"):
            yield block_call(block)
        elif kind.endswith("tool_result"):
            yield Result(str(block.get("tool_use_id") or ""), text_of(block.get("content")))
        elif is_said:
            yield Given(text_of(block.get("text") or block))


def block_call(block: Json) -> Call:
    """The call in a block."""
    name = f"mcp:{block.get('server_name') or ''}" if block.get("type") == "mcp_tool_use" else block.get("name")
    return Call(str(block.get("id") or ""), str(name or ""), read_arguments(block.get("input") or {}))


@dataclass(slots=True)
class _Open:
    """A call that is being told: what was said of it at once, and its arguments so far."""

    about: Json
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)


class CallsTold(ABC):
    """Calls in an answer that is told piece by piece. `is_open` while one of them is not whole."""

    def __init__(self) -> None:
        self._open: dict[Hashable, _Open] = {}
        self._size = 0

    @property
    def is_open(self) -> bool:
        """Whether what was told so far must be held back."""
        return bool(self._open)

    @abstractmethod
    def feed(self, told: Json) -> list[Step]:
        """The steps that are whole with this event."""

    @abstractmethod
    def _step(self, key: Hashable, call: _Open) -> Step:
        """A call that is whole."""

    def end(self) -> list[Step]:
        """The calls that never were whole."""
        return self._closed(list(self._open))

    def _begin(self, key: Hashable, about: Json) -> _Open:
        if len(self._open) >= MOST_CALLS:
            raise Broken("The upstream calls too many tools at once.")
        return self._open.setdefault(key, _Open(about))

    def _more(self, key: Hashable, text: object) -> None:
        if isinstance(text, str) and text:
            self._size += len(text)
            if self._size > MOST_CHARACTERS:
                raise Broken("The upstream calls tools with too much.")
            self._begin(key, {}).parts.append(text)

    def _closed(self, keys: Collection[Hashable]) -> list[Step]:
        return [self._step(key, self._open.pop(key)) for key in keys if key in self._open]


class ChatCallsTold(CallsTold):
    """In chat completions: until the choice ends."""

    def feed(self, told: Json) -> list[Step]:
        """As `CallsTold` says."""
        steps: list[Step] = []
        for choice in objects(told.get("choices")):
            group, delta = number(choice, "index"), choice.get("delta")
            if isinstance(delta, dict):
                self._take(group, delta)
            if isinstance(choice.get("message"), dict):  # told whole in a stream, which some servers do
                self._take(group, choice["message"])
            if choice.get("finish_reason"):
                steps += self._closed([key for key in self._open if isinstance(key, tuple) and key[0] == group])
        return steps

    def _take(self, group: int, delta: Json) -> None:
        calls = [((group, number(call, "index")), call) for call in objects(delta.get("tool_calls"))]
        if isinstance(delta.get("function_call"), dict):
            calls.append(((group, -1), {"function": delta["function_call"]}))
        for key, call in calls:
            about = self._begin(key, {}).about
            about["id"] = str(call.get("id") or about.get("id") or "")
            for kind, field_name in (("function", "arguments"), ("custom", "input")):
                inner = call.get(kind)
                if isinstance(inner, dict):
                    about["kind"] = kind
                    about["name"] = about.get("name", "") + str(inner.get("name") or "")
                    self._more(key, inner.get(field_name))

    def _step(self, key: Hashable, call: _Open) -> Step:  # noqa: ARG002 - all that it needs was told
        kind = call.about.get("kind", "function")
        inner = {"name": call.about.get("name", ""), "arguments": call.text, "input": call.text}
        return chat_call({"id": call.about.get("id", ""), kind: inner})


class ResponseCallsTold(CallsTold):
    """In responses: until the item is done. What is told again as a whole is a call again, so that both are judged."""

    def feed(self, told: Json) -> list[Step]:
        """As `CallsTold` says."""
        kind, item = str(told.get("type") or ""), told.get("item")
        key: Hashable = str(told.get("item_id") or (item.get("id") if isinstance(item, dict) else ""))
        response = told.get("response")
        if isinstance(response, dict) and (kind in LAST or response.get("output")):
            return [*self.end(), *item_steps(response.get("output"))]
        if kind.endswith(".added") and isinstance(item, dict):
            if str(item.get("type") or "").endswith("_call"):
                self._begin(key, item)
            return []
        if kind.endswith((".arguments.delta", "_arguments.delta", "_call_input.delta")):
            self._more(key, told.get("delta"))
            return []
        if kind.endswith((".arguments.done", "_arguments.done", "_call_input.done")):
            return self._said_whole(key, told)
        if kind.endswith("output_item.done") and isinstance(item, dict):
            return [*self._closed([key]), *item_steps([item])]
        return []

    def _said_whole(self, key: Hashable, told: Json) -> list[Step]:
        """The arguments once more, which need not be those that were told in pieces."""
        about = self._begin(key, {}).about
        whole = told.get("arguments", told.get("input"))
        return [item_call({**about, "arguments": whole, "input": whole})] if _is_client(about) else []

    def _step(self, key: Hashable, call: _Open) -> Step:  # noqa: ARG002 - all that it needs was told
        if not call.parts or (call.about and not _is_client(call.about)):
            return Given("")
        return item_call({**call.about, "arguments": call.text, "input": call.text})


class MessageCallsTold(CallsTold):
    """In messages: until the block ends."""

    def feed(self, told: Json) -> list[Step]:
        """As `CallsTold` says."""
        kind, index, block, delta = (
            told.get("type"),
            number(told, "index"),
            told.get("content_block"),
            told.get("delta"),
        )
        if kind == "content_block_start" and isinstance(block, dict):
            if str(block.get("type") or "").endswith("_use"):
                self._begin(index, block)
                return []
            return list(block_steps([block]))
        if kind == "content_block_delta" and isinstance(delta, dict) and "partial_json" in delta:
            self._more(index, delta["partial_json"])
        if kind == "content_block_stop":
            return self._closed([index])
        message = told.get("message")
        return list(block_steps(message.get("content"))) if isinstance(message, dict) else []

    def _step(self, key: Hashable, call: _Open) -> Step:  # noqa: ARG002 - all that it needs was told
        if not call.parts:
            return block_call(call.about)
        input: Any = read_arguments(call.text)
        return block_call(call.about | {"input": input}) if input is not None else _unread(call.about)


def _unread(about: Json) -> Call:
    made = block_call(about)
    return Call(made.id, made.tool, None)


def _is_client(about: Json) -> bool:
    """Whether the client runs it; what the host ran itself is told once it is done."""
    return about.get("type") in (None, "function_call", "custom_tool_call")
