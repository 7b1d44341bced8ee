"""What happens in a conversation with tools, step by step, whatever the protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

MOST_DEEP = 64


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody says, or the conversation is told from the start."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool is called: `id` joins the call with its result; `arguments` are None where they cannot be read."""

    id: str
    tool: str
    arguments: Mapping[str, Any] | None

    @property
    def key(self) -> bytes:
        """Equal for equal calls, whatever the order of their arguments."""
        return orjson.dumps([self.tool, self.arguments], option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answered to the call with this id; `tool` is its name where the protocol says it."""

    call: str
    text: str
    tool: str = ""


Step = Given | Call | Result


def read_arguments(given: object) -> Mapping[str, Any] | None:
    """Arguments from JSON text, or as they stand. None where they are no object or nested too deeply, or name a field
    twice, of which one reader takes the first and another the last.
    """
    if isinstance(given, str):
        try:
            read = orjson.loads(given or "{}")
            if isinstance(read, dict) and _is_shallow(read):
                json.loads(given or "{}", object_pairs_hook=_once)
            given = read
        except ValueError:
            return None
    return given if isinstance(given, dict) and _is_shallow(given) else None


def text_of(content: object) -> str:
    """What a content says, be it a text or in parts."""
    return content if isinstance(content, str) else "\n".join(leaves(content))


def plainly(text: str) -> str:
    """A text as it is read: where it is JSON, what its values say, so that no escape hides anything."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return text
    try:
        read = orjson.loads(text)
    except ValueError:
        return text
    return "\n".join(leaves(read)) if _is_shallow(read) else text


def leaves(node: object) -> Iterator[str]:
    """Every text and number in arguments or a result, names of fields too, in order."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for name, inner in node.items():
            yield str(name)
            yield from leaves(inner)
    elif isinstance(node, list | tuple):
        for inner in node:
            yield from leaves(inner)
    elif node is not None and not isinstance(node, bool):
        yield str(node)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a field is named twice")
    return made


def _is_shallow(node: Any) -> bool:
    level = [node] if isinstance(node, dict | list) else []
    for _ in range(MOST_DEEP):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
        level = [inner for inner in level if isinstance(inner, dict | list)]
        if not level:
            return True
    return False
