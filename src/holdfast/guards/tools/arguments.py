"""Whether the arguments of a call are what a policy lets them be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.domain.tool import ArgumentTerms, ToolTerms

_URL = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9.-]+)(?::\d{1,5})?(?:[/?#][^\s\\]*)?", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@,;<>\"\\]+@([a-z0-9.-]+)", re.IGNORECASE)
_HOST = re.compile(r"([a-z0-9.-]+)", re.IGNORECASE)

MISSING = object()


def wrong_in(terms: ToolTerms, arguments: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with arguments, a sentence each, without their content."""
    if terms.only:
        known = {one.path.split(".")[0] for one in terms.arguments}
        if set(arguments) - known:
            yield "it has an argument that the policy does not name"
    for one in terms.arguments:
        values = list(_at(arguments, one.path.split(".")))
        if one.needed and not values:
            yield f"its {one.path} is missing"
        for value in values:
            why = next(_wrong(one, value), "")
            if why:
                yield f"its {one.path} {why}"
                break


def is_inside(terms: ToolTerms, arguments: Mapping[str, Any]) -> bool:
    """Whether a call stays in the house: it names whom it reaches, and all of them are at the house's hosts."""
    named = [(value, hosts) for path, hosts in terms.inside for value in _at(arguments, path.split("."))]
    reached = [(value, hosts) for value, hosts in named if value is not None]
    return bool(reached) and all(_is_at(value, hosts) for value, hosts in reached)


def _at(node: Any, path: list[str]) -> Iterator[Any]:
    """The values at a path; of a list, each."""
    if isinstance(node, list):
        for inner in node:
            yield from _at(inner, path)
    elif not path:
        yield node
    elif isinstance(node, Mapping):
        if path[0] in node:
            yield from _at(node[path[0]], path[1:])
    else:  # an object was meant: what stands there instead is judged as if it were the value, and never fits unseen
        yield node


def _wrong(terms: ArgumentTerms, value: Any) -> Iterator[str]:
    if terms.one_of and not any(type(value) is type(one) and value == one for one in terms.one_of):
        yield "is none of those that are allowed"
    if terms.hosts and not _is_at(value, terms.hosts):
        yield "goes to no host that is allowed"
    if terms.pattern and not (isinstance(value, str) and _matches(terms.pattern, value)):
        yield "does not have the form that is asked for"
    yield from _out_of_bounds(terms, value)


def _out_of_bounds(terms: ArgumentTerms, value: Any) -> Iterator[str]:
    if terms.shortest is not None or terms.longest is not None:
        length = len(value) if isinstance(value, str | Mapping) else len(str(value))
        if length < (terms.shortest or 0):
            yield "is too short"
        if terms.longest is not None and length > terms.longest:
            yield "is too long"
    if terms.least is not None or terms.most is not None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield "is no number"
            return
        low = -float("inf") if terms.least is None else terms.least
        high = float("inf") if terms.most is None else terms.most
        if not low <= value <= high:
            yield "is out of bounds"


def _is_at(value: Any, hosts: tuple[str, ...]) -> bool:
    """Whether a URL, an email address or a name is at one of these hosts, or below it.

    What readers could understand in two ways (a name before the host, backslashes, several addresses) is at none.
    """
    if not isinstance(value, str):
        return False
    found = _URL.fullmatch(value) or _ADDRESS.fullmatch(value) or _HOST.fullmatch(value)
    if found is None:
        return False
    host = found[1].lower().rstrip(".")
    return any(host == one or host.endswith(f".{one}") for one in hosts)


def _matches(pattern: str, value: str) -> bool:
    import re2

    return re2.fullmatch(pattern, value) is not None
