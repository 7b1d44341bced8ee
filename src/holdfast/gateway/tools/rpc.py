"""JSON-RPC 2.0 as the Model Context Protocol has it (up to revision 2026-07-28), and the texts in its messages.

Messages are objects; batches are none.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from typing import Any

from holdfast.domain.errors import FixInput
from holdfast.gateway.dialects.contract import DEEPEST, Json, Slot

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, INTERNAL, REFUSED = (
    -32700, -32600, -32601, -32602, -32603, -32000,
)  # fmt: skip
HTTP = {PARSE_ERROR: 400, INVALID_REQUEST: 400, INVALID_PARAMS: 400, -32020: 400, -32021: 400, -32022: 400}
HTTP[NO_METHOD] = 404
"""The status that goes with an error's code; 200 with any other (revision 2026-07-28, "Streamable HTTP")."""

FILES = ("image", "audio")
_SENTINEL = ("=?base64?", "?=")


def answer(id: Any, result: Json) -> Json:
    """The answer to a request."""
    return {"jsonrpc": "2.0", "id": id, "result": result}


def failure(id: Any, code: int, message: str, reason: str = "") -> Json:
    """The error that answers a request; `reason` is one of Holdfast's codes."""
    error: Json = {"code": code, "message": message}
    return {"jsonrpc": "2.0", "id": id, "error": error | ({"data": {"code": reason}} if reason else {})}


def refusal(id: Any, text: str) -> Json:
    """A call that was not made, or whose result is kept back, as a model hears it: a result that is an error."""
    return answer(id, {"content": [{"type": "text", "text": text}], "isError": True, "resultType": "complete"})


def is_answer(told: Json) -> bool:
    """Whether a message answers a request, rather than being one or a notification."""
    return "method" not in told and ("result" in told or "error" in told)


def status_of(told: Json) -> int:
    """The HTTP status of an answer."""
    error = told.get("error")
    return HTTP.get(error.get("code", 0), 200) if isinstance(error, dict) else 200


def object_in(node: Any, name: str) -> Json:
    """An object in an object; empty where there is none."""
    found = node.get(name) if isinstance(node, dict) else None
    return found if isinstance(found, dict) else {}


def texts(node: Any, key: Any, role: str, depth: int = 0, *, files: bool = True) -> Iterator[Slot]:
    """Every text at and below ``node[key]``; FixInput where it is nested too deeply. Pictures, sound and blobs, where
    there can be `files`, are none.
    """
    value = node[key]
    if isinstance(value, str):
        if value:
            yield Slot(node, key, role)
        return
    if depth > DEEPEST:
        raise FixInput("mcp.too-deep", f"It is nested more than {DEEPEST} deep.", "Flatten it.")
    if isinstance(value, dict):
        apart = _file_in(value) if files else ""
        for name in value:
            if name != apart:
                yield from texts(value, name, role, depth + 1, files=files)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            if isinstance(inner, str | list | dict):
                yield from texts(value, place, role, depth + 1, files=files)


def _file_in(value: Json) -> str:
    """The name under which an object holds a file in base64; empty where it holds none."""
    if value.get("type") in FILES:
        return "data"
    return "blob" if "uri" in value and "text" not in value else ""


def header_value(raw: bytes) -> str | None:
    """What a routing header says, in whichever of its two forms; None where it cannot be read."""
    text = raw.decode("latin-1")
    start, end = _SENTINEL
    if not (text.startswith(start) and text.endswith(end)):
        return text
    try:
        return b64decode(text[len(start) : -len(end)], validate=True).decode()
    except (NotBase64, UnicodeDecodeError):
        return None
