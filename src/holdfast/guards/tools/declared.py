"""What a tool says of itself, and whether that is still what was pinned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast import canonical

SCHEMAS = ("parameters", "input_schema", "inputSchema")
NEUTRAL = frozenset(
    ("type", "name", "description", "strict", "cache_control", "defer_loading", "_meta", "icons", "execution")
)
"""What does not change what a model reads of a tool, and what has a place of its own in the digest."""


def name_of(tool: Mapping[str, Any]) -> str:
    """The name under which a declared tool is called; those that a host of models runs itself may have a type alone.

    A remote MCP server is ``mcp:NAME``.
    """
    about = _about(tool)
    if tool.get("type") in ("mcp", "mcp_toolset"):
        return f"mcp:{tool.get('server_label') or tool.get('mcp_server_name') or ''}"
    return str(about.get("name") or tool.get("type") or "")


def digest_of(tool: Mapping[str, Any]) -> str:
    """The digest of what a tool says of itself: name, description, schema of its arguments, and whatever else a model
    would read. The same tool has the same digest in OpenAI's, Anthropic's and MCP's words; empty where there is none.
    """
    about = _about(tool)
    schema: Any = next((about[name] for name in SCHEMAS if about.get(name) is not None), {})
    said = {"name": name_of(tool), "description": about.get("description") or "", "schema": schema}
    others = {name: about[name] for name in about if name not in (*NEUTRAL, *SCHEMAS) and about[name] is not None}
    try:
        return canonical.digest(said | ({"others": others} if others else {}))
    except (ValueError, TypeError, RecursionError):
        return ""


def _about(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    for place in ("function", "custom"):
        inner = tool.get(place)
        if isinstance(inner, Mapping):
            return inner
    return tool
