"""Reading compressed streams in constant memory, strictly: one stream, nothing behind it, no bombs."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

CHUNK = 1 << 18
HARMLESS = 1 << 30
"""Bytes that any stream may grow to, whatever its ratio."""
STEEPEST = 200
"""Bytes out per byte in beyond which a stream that is larger than `HARMLESS` is a bomb."""

ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
"""What a broken compressed stream raises."""


class Bomb(Exception):
    """A stream that grows out of all proportion."""


MAGIC: tuple[tuple[str, bytes, Callable[[], Any]], ...] = (
    ("gzip", b"\x1f\x8b", lambda: zlib.decompressobj(31)),
    ("bz2", b"BZh", bz2.BZ2Decompressor),
    ("xz", b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
    ("lzma", b"\x5d\x00\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE)),
    *(("zlib", bytes([0x78, flag]), lambda: zlib.decompressobj(15)) for flag in (0x01, 0x5E, 0x9C, 0xDA)),
)


def compression(head: bytes) -> tuple[str, Callable[[], Any]] | None:
    """The name of a compression and what undoes it, from a stream's first bytes."""
    return next(((name, make) for name, magic, make in MAGIC if head.startswith(magic)), None)


class Inflated(io.RawIOBase):
    """The decompressed bytes of `stream`; `clean` says at the end whether the stream ended where its content did."""

    def __init__(self, stream: BinaryIO, decompressor: Any) -> None:
        self._stream = stream
        self._decompressor = decompressor
        self._taken = self._given = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As `io.RawIOBase`; EOFError for a stream cut short, `Bomb` for one that grows out of proportion."""
        data = b""
        while not data and not self._decompressor.eof:
            data = self._more(len(buffer))
        self._given += len(data)
        if self._given > HARMLESS and self._given > STEEPEST * self._taken:
            raise Bomb
        buffer[: len(data)] = data
        return len(data)

    def _more(self, size: int) -> bytes:
        held = getattr(self._decompressor, "unconsumed_tail", b"")
        wants = getattr(self._decompressor, "needs_input", not held)
        if wants:
            held = self._stream.read(CHUNK)
            self._taken += len(held)
            if not held:
                raise EOFError("the compressed stream is cut short")
        return bytes(self._decompressor.decompress(held, size))

    @property
    def clean(self) -> bool:
        """Whether all of the outer stream belonged to this one. True only once everything has been read."""
        return bool(self._decompressor.eof and not self._decompressor.unused_data and not self._stream.read(1))
