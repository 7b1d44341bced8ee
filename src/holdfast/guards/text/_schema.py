"""A part of JSON Schema (draft 2020-12): what answers of models are asked to be. What it does not know it refuses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from holdfast.domain.errors import FixInput
from holdfast.guards.text._patterns import engine

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
KNOWN = frozenset(
    [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "anyOf",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "pattern",
        "title",
        "description",
        "default",
        "examples",
        "$schema",
        "$id",
        "format",
    ]
)
MOST_FAULTS, DEEPEST = 20, 60


class Schema:
    """A schema; FixInput for a keyword that is not of the part that is known."""

    def __init__(self, told: Any, depth: int = 0) -> None:
        if not isinstance(told, dict) or depth > DEEPEST:
            raise FixInput("guard.schema", "A schema is an object, nested not too deeply.", "Write {} for anything.")
        unknown = sorted(told.keys() - KNOWN)
        if unknown:
            raise FixInput(
                "guard.schema", f"The schema uses {unknown[0]!r}.", f"Known are: {', '.join(sorted(KNOWN))}."
            )
        self._told = told
        types = told.get("type", ())
        self._types = (types,) if isinstance(types, str) else tuple(types)
        if any(name not in TYPES for name in self._types):
            raise FixInput("guard.schema", f"There is no type {types!r}.", f"There are: {', '.join(TYPES)}.")
        self._properties = {name: Schema(part, depth + 1) for name, part in told.get("properties", {}).items()}
        others = told.get("additionalProperties", True)
        self._others = Schema(others, depth + 1) if isinstance(others, dict) else None
        self._is_closed = others is False
        self._items = Schema(told["items"], depth + 1) if "items" in told else None
        self._any = [Schema(part, depth + 1) for part in told.get("anyOf", ())]
        self._pattern = engine().compile(told["pattern"]) if "pattern" in told else None

    def faults(self, value: Any) -> list[str]:
        """What does not fit, by the path to it and in words that hold none of the content; the first few of it."""
        found = []
        for fault in self._faults(value, "$", 0):
            found.append(fault)
            if len(found) == MOST_FAULTS:
                break
        return found

    def _faults(self, value: Any, path: str, depth: int) -> Iterator[str]:
        if depth > DEEPEST:
            yield f"{path} is nested too deeply"
            return
        if self._types and not any(_is(value, name) for name in self._types):
            yield f"{path} is no {' or '.join(self._types)}"
            return
        told = self._told
        if ("const" in told and not _same(value, told["const"])) or (
            "enum" in told and not any(_same(value, one) for one in told["enum"])
        ):
            yield f"{path} is none of the values that it may have"
        if self._any and all(any(part._faults(value, path, depth + 1)) for part in self._any):
            yield f"{path} fits none of anyOf"
        yield from self._beyond(value, path)
        if isinstance(value, dict):
            yield from self._of_object(value, path, depth)
        elif isinstance(value, list) and self._items is not None:
            for place, item in enumerate(value):
                yield from self._items._faults(item, f"{path}[{place}]", depth + 1)

    def _of_object(self, value: dict[str, Any], path: str, depth: int) -> Iterator[str]:
        for name in self._told.get("required", ()):
            if name not in value:
                yield f"{path} has no {name}"
        for name, part in value.items():
            schema = self._properties.get(name, self._others)
            if schema is not None:
                where = f"{path}.{name}" if name in self._properties else f"{path}.*"
                yield from schema._faults(part, where, depth + 1)
            elif self._is_closed:
                yield f"{path} has a property that it may not have"

    def _beyond(self, value: Any, path: str) -> Iterator[str]:
        told = self._told
        if isinstance(value, str):
            size, least, most = len(value), "minLength", "maxLength"
            if self._pattern is not None and self._pattern.search(value) is None:
                yield f"{path} does not match its pattern"
        elif isinstance(value, list):
            size, least, most = len(value), "minItems", "maxItems"
        elif isinstance(value, int | float) and not isinstance(value, bool):
            size, least, most = value, "minimum", "maximum"  # type: ignore[assignment]
        else:
            return
        if not told.get(least, -math.inf) <= size <= told.get(most, math.inf):
            yield f"{path} is beyond its bounds"


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, float) and name == "integer":
        return value.is_integer()
    return isinstance(value, TYPES[name])  # type: ignore[arg-type]


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)
