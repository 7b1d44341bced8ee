"""What a request may say: what the API's description names. A key that it does not name is refused, not read over."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import Request

from holdfast.domain.errors import FixInput

CLOSED = {"type": "object", "additionalProperties": False}
JSON = "application/json"
KINDS: dict[type, str] = {dict: "object", list: "array"}


def refuse_unknown(request: Request, body: Any) -> None:
    """FixInput for a query parameter, or a key anywhere in the JSON `body`, that the operation does not name."""
    document = request.app.openapi()
    operation = _operations(document)[request.scope["endpoint"].__name__]
    named = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
    for name in request.query_params:
        if name not in named:
            raise _unknown("query", name, named)
    _look(document["components"]["schemas"], _schema_of(operation), body, "body")


def close(document: dict[str, Any]) -> None:
    """Let the description say of all that bodies are made of that it takes no other keys."""
    schemas = document["components"]["schemas"]
    waiting = [_schema_of(operation) for operation in _operations(document).values()]
    seen: set[str] = set()
    while waiting:
        for name in set(_references(waiting.pop())) - seen:
            seen.add(name)
            waiting.append(schemas[name])
            if "properties" in schemas[name]:
                schemas[name].setdefault("additionalProperties", False)


def _operations(document: Mapping[str, Any]) -> dict[str, Any]:
    return {one["operationId"]: one for methods in document["paths"].values() for one in methods.values()}


def _schema_of(operation: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (
        operation["requestBody"]["content"][JSON]["schema"] if "requestBody" in operation else CLOSED
    )
    return found


def _references(schema: Any) -> Iterator[str]:
    """The names of the schemas to which a schema refers."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield _name(schema)
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _look(schemas: Mapping[str, Any], schema: Mapping[str, Any], value: Any, where: str) -> None:
    """FixInput for the first key within `value` that is not named. Whether the rest is valid, others say."""
    if "$ref" in schema:
        return _look(schemas, schemas[_name(schema)], value, where)
    if "anyOf" in schema:
        return _look_in_any(schemas, schema["anyOf"], value, where)
    if isinstance(value, list):
        for number, item in enumerate(value):
            _look(schemas, schema.get("items", {}), item, f"{where}.{number}")
    if isinstance(value, dict):
        named, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        for key, item in value.items():
            if key not in named and others is False:
                raise _unknown(where, key, named)
            inner = named.get(key, others)
            _look(schemas, inner if isinstance(inner, dict) else {}, item, f"{where}.{key}")
    return None


def _look_in_any(schemas: Mapping[str, Any], choices: Iterable[Any], value: Any, where: str) -> None:
    """One of the choices that this kind of value could be must name all of it."""
    kind = KINDS.get(type(value))
    wrong: FixInput | None = None
    for choice in choices:
        found = schemas[_name(choice)] if "$ref" in choice else choice
        if found.get("type") != kind:
            continue
        try:
            return _look(schemas, found, value, where)
        except FixInput as error:
            wrong = error
    if wrong:
        raise wrong
    return None


def _unknown(where: str, key: str, named: Iterable[str]) -> FixInput:
    near = difflib.get_close_matches(key, named, n=1)
    allowed = ", ".join(named) or "nothing"
    hint = f"Did you mean `{near[0]}`?" if near else f"Allowed here: {allowed}."
    return FixInput("request.unknown", f"{where}: there is no `{key[:100]}`.", hint)
