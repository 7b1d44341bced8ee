"""Rewriting a text piece by piece, and finding the place in the old text of what stands in the new one."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

Edit = tuple[int, int, str]
"""Characters `start` to `end`, and what stands in their place."""


class Places(Protocol):
    """Where a stretch of a new text stood in the old one."""

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        """The smallest stretch of the old text that holds what became `start` to `end` of the new one."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The new text as consecutive pieces: piece `i` begins at `at[i]` and was `start[i]` to `end[i]` of the old text.

    A piece as long as it was maps character by character, any other as a whole. Old text between two pieces is gone.
    """

    at: array[int]
    start: array[int]
    end: array[int]
    length: int

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the old text; of an empty stretch, where the piece that follows it began."""
        if not self.at:
            return (0, 0)
        first = max(0, bisect_right(self.at, start) - 1)
        begin = self._place(first, start, self.start[first])
        if end <= start:
            return (begin, begin)
        last = max(first, bisect_left(self.at, end) - 1)
        return (begin, self._place(last, end, self.end[last]))

    def _place(self, piece: int, where: int, otherwise: int) -> int:
        upto = self.at[piece + 1] if piece + 1 < len(self.at) else self.length
        is_linear = upto - self.at[piece] == self.end[piece] - self.start[piece]
        return self.start[piece] + min(where, upto) - self.at[piece] if is_linear else otherwise


@dataclass(frozen=True, slots=True)
class Backwards:
    """A text of `length` characters that was read from its end."""

    length: int

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the old text."""
        return (self.length - end, self.length - start)


def rewritten(text: str, edits: Iterable[Edit], kept: Iterable[tuple[int, int]] | None = None) -> tuple[str, Pieces]:
    """The text with edits made, which come in order and do not overlap, and its places.

    With `kept`, only what lies in these stretches (in order, apart from one another, no edit across an end) stays, a
    line break between two of them.
    """
    building = _Building()
    edits = iter(edits)
    edit = next(edits, None)
    for number, (begin, finish) in enumerate(kept if kept is not None else [(0, len(text))]):
        if number:
            building.put("\n", begin, begin)
        at = begin
        while edit is not None and edit[1] <= finish:
            building.put(text[at : edit[0]], at, edit[0])
            building.put(edit[2], edit[0], edit[1])
            at = edit[1]
            edit = next(edits, None)
        building.put(text[at:finish], at, finish)
    return building.done()


class _Building:
    """Parts of a new text; where two that map character by character follow one another, they are one piece."""

    def __init__(self) -> None:
        self._parts, self._length, self._linear_upto = list[str](), 0, -1
        self._at, self._start, self._end = array("q"), array("q"), array("q")

    def put(self, new: str, start: int, end: int) -> None:
        if not new:
            return
        self._parts.append(new)
        is_linear = len(new) == end - start
        if is_linear and start == self._linear_upto:
            self._end[-1] = end
        else:
            self._at.append(self._length)
            self._start.append(start)
            self._end.append(end)
        self._linear_upto = end if is_linear else -1
        self._length += len(new)

    def done(self) -> tuple[str, Pieces]:
        return "".join(self._parts), Pieces(self._at, self._start, self._end, self._length)


def original(chain: tuple[Places, ...], start: int, end: int) -> tuple[int, int]:
    """The stretch of the first text, where each of the chain's places leads from a text to the one before it."""
    for places in reversed(chain):
        start, end = places(start, end)
    return start, end
