"""Formats that hold numbers and text only: they are allowed when they are what they claim to be."""

from __future__ import annotations

import json
from codecs import getincrementaldecoder
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO

from holdfast.artifacts.report import Reason, refuse, unknown

DATA_SUFFIXES = (
    *(".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".geojson", ".yaml", ".yml", ".toml", ".ini", ".cfg"),
    *(".md", ".rst", ".txt", ".log", ".xml", ".sql", ".license"),
)
DATA_NAMES = ("readme", "license", "licence", "notice", "changelog", "authors", ".gitignore", ".gitattributes")
CODE_SUFFIXES = (
    *(".py", ".pyw", ".pyi", ".ipynb", ".pth", ".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1", ".r", ".jl"),
    *(".js", ".mjs", ".ts", ".rb", ".pl", ".php", ".lua", ".java", ".go", ".rs", ".c", ".cpp", ".h"),
    *(".html", ".htm", ".svg", ".j2", ".jinja", ".jinja2"),
)
_YAML = (b"!!python/", b"tag:yaml.org,2002:python/")
_MARKS: dict[str, tuple[bytes, ...]] = {
    ".yaml": _YAML,
    ".yml": _YAML,
    ".json": (b'"class_name"', b'"registered_name"', b'"keras_version"'),
}
LONGEST_HEADER = 100_000_000
CHUNK = 1 << 20


def is_text(head: bytes) -> bool:
    """Whether these first bytes are UTF-8 text without control characters."""
    try:
        getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not any(byte < 32 and byte not in b"\t\n\r\f" for byte in head)


def text_format(head: bytes, name: str) -> str:
    """What kind of text: LightGBM's and XGBoost's models by content, source code and data by the file's name."""
    path = PurePath(name.lower())
    if head.startswith((b"tree\nversion=", b"tree\r\nversion=")):
        return "lightgbm"
    if head.lstrip().startswith(b"{") and b'"learner"' in head:
        return "xgboost-json"
    if path.suffix in CODE_SUFFIXES or head.startswith(b"#!"):
        return "source"
    return "text" if path.suffix in DATA_SUFFIXES or path.stem in DATA_NAMES else "other-text"


def check_text(stream: BinaryIO, format: str, name: str) -> Iterator[Reason]:
    """What keeps a text from being allowed."""
    if format == "source":
        yield unknown("source.not-scanned", "This is source code, and was not scanned.")
        return
    suffix = PurePath(name.lower()).suffix
    marks = _MARKS.get(suffix, ())
    decoder, tail = getincrementaldecoder("utf-8")(), b""
    found: set[bytes] = set()
    try:
        while chunk := stream.read(CHUNK):
            decoder.decode(chunk)
            found.update(mark for mark in marks if mark in tail + chunk)
            tail = chunk[-32:]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        yield unknown("text.encoding", "It begins as UTF-8 text and does not go on as such.")
        return
    if found and suffix == ".json":
        yield unknown("keras.config", "It describes a Keras model, whose layers may name functions or hold code.")
    elif found:
        yield refuse("yaml.python-tag", "It holds a YAML tag that makes an unsafe reader run Python (!!python/...).")
    elif format == "other-text":
        yield unknown("text.unknown", "It is text of no kind that is known to hold data only.")


def is_safetensors(head: bytes) -> bool:
    """Whether these first bytes begin a safetensors file."""
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= LONGEST_HEADER


def check_safetensors(stream: BinaryIO, size: int | None) -> Iterator[Reason]:
    """The header must be JSON whose tensors fill the rest of the file exactly, without gaps or overlaps."""
    length = int.from_bytes(stream.read(8), "little")
    try:
        header = json.loads(stream.read(length).decode("utf-8"), object_pairs_hook=_unique)
        spans = sorted(tuple(tensor["data_offsets"]) for name, tensor in header.items() if name != "__metadata__")
        end = 0
        for start, stop in spans:
            if start != end or stop < start:
                raise ValueError("its tensors leave gaps or overlap")
            end = stop
        if size is not None and 8 + length + end != size:
            raise ValueError("its tensors do not fill the file")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        yield refuse("safetensors.header", f"The safetensors header is wrong: {error}.", 8)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


_UBJ_SIZE = {b"i": 1, b"U": 1, b"C": 1, b"I": 2, b"l": 4, b"d": 4, b"L": 8, b"D": 8, b"T": 0, b"F": 0, b"Z": 0, b"N": 0}
_UBJ_INT = frozenset((b"i", b"U", b"I", b"l", b"L"))


def check_ubjson(stream: BinaryIO) -> Iterator[Reason]:
    """XGBoost's binary models: Universal Binary JSON that is well-formed to the last byte."""
    try:
        _ubj_value(stream, _take(stream, 1), 0)
        if stream.read(1):
            raise ValueError("bytes follow its end")
    except (ValueError, EOFError) as error:
        yield refuse("ubjson.broken", f"It is no whole UBJSON document: {error}.")


def _take(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise EOFError("it ends early")
    return data


def _pass(stream: BinaryIO, count: int) -> None:
    while count > 0:
        count -= len(_take(stream, min(count, CHUNK)))


def _ubj_int(stream: BinaryIO) -> int:
    kind = _take(stream, 1)
    if kind not in _UBJ_INT:
        raise ValueError("a length is no integer")
    value = int.from_bytes(_take(stream, _UBJ_SIZE[kind]), "big", signed=kind != b"U")
    if value < 0:
        raise ValueError("a length is negative")
    return value


def _ubj_value(stream: BinaryIO, kind: bytes, depth: int) -> None:
    if depth > 100:
        raise ValueError("it is nested too deeply")
    if kind in (b"S", b"H"):
        _pass(stream, _ubj_int(stream))
    elif kind in (b"[", b"{"):
        _ubj_container(stream, kind, depth)
    elif kind in _UBJ_SIZE:
        _pass(stream, _UBJ_SIZE[kind])
    else:
        raise ValueError("a value has an unknown type")


def _ubj_container(stream: BinaryIO, kind: bytes, depth: int) -> None:
    keyed, mark, item = kind == b"{", _take(stream, 1), b""
    if mark == b"$":
        item, mark = _take(stream, 1), _take(stream, 1)
    if mark == b"#":
        count = _ubj_int(stream)
        if item in _UBJ_SIZE and not keyed:
            _pass(stream, count * _UBJ_SIZE[item])
            return
        for _ in range(count):
            if keyed:
                _pass(stream, _ubj_int(stream))
            _ubj_value(stream, item or _take(stream, 1), depth + 1)
        return
    while mark != (b"}" if keyed else b"]"):
        if keyed:
            if mark not in _UBJ_INT:
                raise ValueError("a key has no length")
            length = int.from_bytes(_take(stream, _UBJ_SIZE[mark]), "big", signed=mark != b"U")
            _pass(stream, length)
            mark = _take(stream, 1)
        _ubj_value(stream, mark, depth + 1)
        mark = _take(stream, 1)
