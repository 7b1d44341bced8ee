"""skops files: a schema that names every type and the loader that restores it.

Every type must be on the same list as for pickles, and the schema's nodes must be of a kind that only restores data:
nodes that look attributes up or call functions have let schemas run code (CVE-2025-54412, CVE-2025-54413).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from holdfast.artifacts.allowlist import Use, allowed_use
from holdfast.artifacts.report import Reason, refuse

LOADERS = (
    *("BytearrayNode", "BytesNode", "DTypeNode", "DefaultDictNode", "DictNode", "FunctionNode", "JsonNode", "ListNode"),
    *("LossNode", "MaskedArrayNode", "NdArrayNode", "ObjectNode", "RandomGeneratorNode", "RandomStateNode", "SetNode"),
    *("SliceNode", "SparseMatrixNode", "TreeNode", "TupleNode", "TypeNode"),
)
_PRIMITIVES = frozenset(("builtins.NoneType", "builtins.type", "builtins.slice", "builtins.str", "builtins.int"))


def check(schema: bytes, extra: frozenset[str]) -> Iterator[Reason]:
    """What keeps a skops file with this ``schema.json`` from being loaded."""
    try:
        root = json.loads(schema)
    except (ValueError, RecursionError) as error:
        yield refuse("skops.schema", f"The schema cannot be read: {error}.")
        return
    seen = set()
    for node in _nodes(root):
        for reason in _node(node, extra):
            if reason.message not in seen:
                seen.add(reason.message)
                yield reason


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    todo = [value]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            if "__loader__" in value or "__class__" in value or "__module__" in value:
                yield value
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)


def _node(node: dict[str, Any], extra: frozenset[str]) -> Iterator[Reason]:
    loader, module, name = node.get("__loader__"), node.get("__module__"), node.get("__class__")
    if loader not in LOADERS:
        yield refuse("skops.loader", f"Its schema uses {str(loader)[:80]!r}, which may look up attributes or run code.")
    if not (isinstance(module, str) and isinstance(name, str)):
        yield refuse("skops.schema", "A node of its schema names no type.")
        return
    path = f"{module}.{name}"
    use = Use.VALUE if path in _PRIMITIVES else allowed_use(module, name, extra)
    if use is None or (loader == "ObjectNode" and Use.NEW not in use):
        message = f"It names {path[:200]}, which is not on the list of what a model needs."
        yield refuse("skops.unlisted-type", message, name=path[:200])
