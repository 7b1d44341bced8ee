"""A forward-only view of a stream, in constant memory."""

from __future__ import annotations

from typing import BinaryIO

CHUNK = 1 << 20
SLACK = 4096
"""Bytes that are always in view beyond the reading position, unless the stream ends first."""


class Window:
    """`data` is the part of `stream` in view; its first byte is `base` bytes behind where the stream stood at first.

    `final` says that the stream ends with `data`. What is skipped is sought over where the stream can seek, never read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.data = b""
        self.base = 0
        self.final = False
        self._stream = stream
        self._left: int | None = None
        if stream.seekable():
            here = stream.tell()
            self._left = stream.seek(0, 2) - here
            stream.seek(here)
        self.advance(0)

    def advance(self, at: int) -> bool:
        """Let the view begin at ``data[at]``, which may lie beyond it. False if the stream ends before that point."""
        rest, ahead = self.data[at:], at - len(self.data)
        self.base += at
        if ahead > 0 and not self._skip(ahead):
            self.data, self.final = b"", True
            return False
        self.data = rest
        while len(self.data) < SLACK and not self.final:
            self._read()
        return True

    def _read(self) -> None:
        chunk = self._stream.read(CHUNK)
        self.final = not chunk
        self.data += chunk
        if self._left is not None:
            self._left -= len(chunk)

    def _skip(self, count: int) -> bool:
        if self._left is not None:
            if count > self._left:
                return False
            self._stream.seek(count, 1)
            self._left -= count
            return True
        while count > 0:
            chunk = self._stream.read(min(count, CHUNK))
            if not chunk:
                return False
            count -= len(chunk)
        return True

    @property
    def rest(self) -> int | None:
        """Bytes from the start of `data` to the end of the stream; None where the stream cannot tell."""
        return None if self._left is None else self._left + len(self.data)
