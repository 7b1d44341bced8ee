"""What a stream is, by its content, and which check judges it. Archives and compressed streams are looked into."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, BinaryIO

from holdfast.artifacts import archive, npy, onnx, plain, skops
from holdfast.artifacts.inflate import HARMLESS, Bomb, Inflated, compression
from holdfast.artifacts.report import Reason, refuse, unknown
from holdfast.artifacts.walker import Walk, walk, walk_plainly

Source = Callable[[], io.BufferedReader]
"""Opens the stream from its start, as often as it is called."""
Found = tuple[str, list[Reason]]
"""A format and the reasons against a stream of it."""

HEAD = 4096
DEEPEST = 3
"""Archives and compressed streams within one another."""
IN_MEMORY = 16 << 20
"""Bytes of an archive's member that are kept in memory before a temporary file holds them."""

_OPAQUE: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "hdf5", "A Keras model in HDF5 may hold Lambda layers, which run code."),
    (b"GGUF", "gguf", "A GGUF file may hold a template that its reader runs."),
    (b"CBM1", "catboost", "CatBoost's format is not read by this scan."),
    (b"7z\xbc\xaf\x27\x1c", "7z", "This scan does not open 7z archives."),
    (b"Rar!", "rar", "This scan does not open RAR archives."),
    (b"\x04\x22\x4d\x18", "lz4", "This scan does not open LZ4 streams."),
    (b"\x28\xb5\x2f\xfd", "zstd", "This scan does not open Zstandard streams."),
    (b"ZF", "joblib-old", "joblib before 0.10 wrote this; save the model again with a current version."),
    (b"\x7fELF", "elf", "This is a program or a native library."),
    (b"MZ", "windows-program", "This is a program or a native library."),
    (b"PK\x05\x06", "zip", "The archive is empty."),
)
_HAPPENS = tuple(f"pickle.{rule}" for rule in ("unlisted-call", "dynamic-import", "dynamic-call", "extension-registry"))
_DATA: tuple[tuple[bytes, str], ...] = ((b"PAR1", "parquet"), (b"ARROW1", "arrow"))


def buffered(stream: Any) -> io.BufferedReader:
    """The stream with a buffer that can be peeked into."""
    return io.BufferedReader(stream, buffer_size=1 << 17)


class Forward(io.RawIOBase):
    """A stream without its ability to seek, for streams that seek by reading everything again."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As `io.RawIOBase`."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def inspect(source: Source, name: str, size: int | None, extra: frozenset[str], depth: int = 0) -> Found:
    """The format of what `source` opens, and the reasons against it.

    `name` is a file's name, which decides only between kinds of text; `size` is None where nobody knows it beforehand.
    """
    head = source().peek(HEAD)[:HEAD]
    if not head:
        return "empty", [unknown("file.empty", "It is empty.")]
    if plain.is_safetensors(head):
        return "safetensors", list(plain.check_safetensors(source(), size))
    if head[0] == 0x80:
        return _pickle(walk(source(), extra), source, extra)
    if head.startswith(b"\x93NUMPY"):
        return "npy", list(npy.check(source(), extra))
    if head.startswith(b"PK\x03\x04"):
        return _zip(source, extra, depth)
    if found := compression(head):
        return _compressed(source, found, name, extra, depth)
    for magic, format, message in _OPAQUE:
        if head.startswith(magic):
            return format, [unknown("file.not-read", message)]
    for magic, format in _DATA:
        if head.startswith(magic):
            return format, []
    return _without_magic(source, head, name, extra, depth)


def _without_magic(source: Source, head: bytes, name: str, extra: frozenset[str], depth: int) -> Found:
    attempt = walk(source(), extra)  # no magic number announces a pickle of protocol 0 or 1
    if _is_pickle(attempt):
        return _pickle(attempt, source, extra)
    if head[257:262] == b"ustar":
        return _tar(source, extra, depth)
    if plain.is_text(head):
        format = plain.text_format(head, name)
        return format, list(plain.check_text(source(), format, name))
    if head[:1] == b"{" and head[1:2] in (b"i", b"U", b"I", b"l", b"L"):
        return "xgboost-ubj", list(plain.check_ubjson(source()))
    if head[:1] == b"\x08":
        try:
            return "onnx", list(onnx.check(source()))
        except onnx.NotOnnx:
            pass
    return "unknown", [unknown("file.unknown", "Nobody knows this format, so nobody can tell what loading it does.")]


def _is_pickle(attempt: Walk) -> bool:
    """Whether bytes without a magic number are a pickle: a whole one, or so much of one that something would happen."""
    happens = any(reason.rule in _HAPPENS for reason in attempt.reasons)
    return not attempt.reasons or happens or (bool(attempt.imports) and not attempt.broken)


def _pickle(done: Walk, source: Source, extra: frozenset[str]) -> Found:
    reasons = list(done.reasons)
    if done.ambiguous and not reasons:  # pickle.load takes the bytes behind some arrays for opcodes
        reasons = list(walk_plainly(source(), extra))
    return ("joblib" if done.arrays else "pickle"), reasons


def _compressed(
    source: Source, found: tuple[str, Callable[[], Any]], name: str, extra: frozenset[str], depth: int
) -> Found:
    compression, make = found
    if depth >= DEEPEST:
        return compression, [unknown("archive.nested", "A compressed stream within others was not opened.")]
    inner = name.removesuffix(PurePath(name).suffix)
    format, reasons = inspect(lambda: buffered(Inflated(source(), make())), inner, None, extra, depth + 1)
    whole = Inflated(source(), make())
    while whole.read(1 << 20):
        pass
    if not whole.clean:
        reasons.append(refuse("compressed.trailing-data", "Bytes follow the compressed stream's end."))
    return f"{format}+{compression}", reasons


def _zip(source: Source, extra: frozenset[str], depth: int) -> Found:
    stream = source()
    if depth >= DEEPEST:
        return "zip", [unknown("archive.nested", "An archive within others was not opened.")]
    if stream.seekable():
        return "zip", list(archive.check_zip(stream, _member(extra, depth), lambda data: skops.check(data, extra)))
    with _spooled(stream) as copy:
        return "zip", list(archive.check_zip(copy, _member(extra, depth), lambda data: skops.check(data, extra)))


def _tar(source: Source, extra: frozenset[str], depth: int) -> Found:
    if depth >= DEEPEST:
        return "tar", [unknown("archive.nested", "An archive within others was not opened.")]
    member = _member(extra, depth)

    def look_into(content: BinaryIO, name: str) -> Iterator[Reason]:
        with _spooled(content) as copy:
            yield from member(lambda: _from_start(copy), name)

    return "tar", list(archive.check_tar(source(), look_into))


def _member(extra: frozenset[str], depth: int) -> archive.Inspect:
    def look_into(open_member: Callable[[], BinaryIO], name: str) -> Iterator[Reason]:
        _, reasons = inspect(lambda: buffered(Forward(open_member())), name, None, extra, depth + 1)
        yield from reasons

    return look_into


def _from_start(stream: BinaryIO) -> BinaryIO:
    stream.seek(0)
    return stream


def _spooled(stream: BinaryIO) -> Any:
    """A copy of a stream that can seek: in memory while it is small, then in a temporary file."""
    import tempfile

    copy = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by the caller
    while chunk := stream.read(1 << 20):
        copy.write(chunk)
        if copy.tell() > 64 * HARMLESS:
            raise Bomb
    copy.seek(0)
    return copy
