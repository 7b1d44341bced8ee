"""ONNX models: a walk over the protobuf wire format, for what makes a runtime reach outside the file.

An ONNX graph runs no code of its own, but names operators that a runtime may load from libraries (a domain that is not
standard), and files that hold tensors (external data), which must not lie outside the model's folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO

from holdfast.artifacts.report import Reason, refuse, unknown

DOMAINS = {b"", b"ai.onnx", b"ai.onnx.ml", b"ai.onnx.training", b"ai.onnx.preview.training", b"com.microsoft"}
"""Domains whose operators come with the standard and with ONNX Runtime; those of any other come from a library."""

# Message → field → message or what to do with the bytes (onnx.proto, IR version 10).
_MODEL = {7: "graph", 8: "opset", 25: "function"}
_FIELDS: dict[str, dict[int, str]] = {
    "model": _MODEL,
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "node": {5: "attribute", 7: "domain"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "opset": {1: "domain"},
    "entry": {1: "key", 2: "value"},
}
LARGEST = 1 << 31
"""Protobuf messages are smaller than 2 GiB; beyond that a model keeps its tensors outside."""
DEEPEST = 100


class NotOnnx(Exception):
    """The bytes are no ONNX model."""


def check(stream: BinaryIO) -> Iterator[Reason]:
    """What keeps the model at `stream` from being loaded; `NotOnnx` if it is none."""
    data = memoryview(stream.read(LARGEST))
    if stream.read(1):
        raise NotOnnx
    seen = list(_walk(data, "model", 0))
    if not any(kind == "graph" for kind, _ in seen):
        raise NotOnnx
    domains = {bytes(value) for kind, value in seen if kind == "domain"} - DOMAINS
    for domain in sorted(domains):
        name = domain.decode("utf-8", "replace")[:100]
        yield unknown("onnx.custom-operators", f"It uses operators of {name!r}, which a runtime loads from a library.")
    for kind, value in seen:
        if kind == "location":
            yield from _location(bytes(value).decode("utf-8", "replace"))


def _location(path: str) -> Iterator[Reason]:
    posix, windows = PurePosixPath(path), PureWindowsPath(path)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        yield refuse("onnx.external-data", f"It reads tensors from outside its folder: {path[:200]!r}.")


def _walk(data: memoryview, message: str, depth: int) -> Iterator[tuple[str, memoryview]]:
    if depth > DEEPEST:
        raise NotOnnx
    key = b""
    for number, value in _fields(data):
        kind = _FIELDS[message].get(number)
        if kind is None or value is None:
            continue
        if kind == "key":
            key = bytes(value)
        elif kind == "value":
            yield ("location" if key == b"location" else "value"), value
        elif kind == "domain":
            yield kind, value
        else:
            yield kind, value
            yield from _walk(value, kind, depth + 1)


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | None]]:
    """Field numbers, and the bytes of those that are length-delimited."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 2:
            size, at = _varint(data, at)
            if size > len(data) - at:
                raise NotOnnx
            yield number, data[at : at + size]
            at += size
        elif wire == 0:
            _, at = _varint(data, at)
            yield number, None
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise NotOnnx
    if at != len(data):
        raise NotOnnx


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise NotOnnx
