"""numpy's ``.npy``: a header, then raw bytes, or for arrays of objects a pickle (NEP 1)."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from typing import Any, BinaryIO

from holdfast.artifacts.report import Reason, refuse
from holdfast.artifacts.values import Item
from holdfast.artifacts.walker import walk

LONGEST_HEADER = 1 << 16


def check(stream: BinaryIO, extra: frozenset[str]) -> Iterator[Reason]:
    """What keeps the array at `stream` from being loaded."""
    try:
        header = _header(stream)
        item, shape = _item(header["descr"]), header["shape"]
        count = math.prod(shape) if all(type(n) is int and n >= 0 for n in shape) else -1
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError) as error:
        yield refuse("npy.header", f"The array's header cannot be read: {error}.", 0)
        return
    if item is None or count < 0:
        yield refuse("npy.header", "The array's header describes no array that numpy writes.", 0)
    elif item.objects:
        yield from walk(stream, extra).reasons
    elif _skip(stream, count * item.size) != count * item.size:
        yield refuse("npy.truncated", "The file ends in the middle of the array.")
    elif stream.read(1):
        yield refuse("npy.trailing-data", "Bytes follow the array's end; another reader may run them.")


def _header(stream: BinaryIO) -> Any:
    lead = stream.read(8)
    major = lead[6] if len(lead) == 8 else 0
    if major not in (1, 2, 3):
        raise ValueError("unknown version")
    size = int.from_bytes(stream.read(2 if major == 1 else 4), "little")
    if size > LONGEST_HEADER:
        raise ValueError("it is too long")
    text = stream.read(size)
    if len(text) != size:
        raise ValueError("it is cut short")
    return ast.literal_eval(text.decode("latin1").strip())


def _item(descr: object) -> Item | None:
    """The element of a dtype description: a code, or a list of fields (name, code or list, optional shape)."""
    if isinstance(descr, str):
        return Item.parse(descr.lstrip("<>|=").partition("[")[0])
    if not isinstance(descr, list):
        return None
    size, objects = 0, False
    for field in descr:
        item = _item(field[1])
        if item is None:
            return None
        shape = field[2] if len(field) > 2 else ()
        size += item.size * math.prod(shape if isinstance(shape, tuple) else (shape,))
        objects |= item.objects
    return Item(size, objects)


def _skip(stream: BinaryIO, count: int) -> int:
    left = count
    while left and (chunk := stream.read(min(left, 1 << 20))):
        left -= len(chunk)
    return count - left
