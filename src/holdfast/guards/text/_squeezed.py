"""A text without all that is no letter or digit, and where each of its characters stood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WORDS = re.compile(r"[^\W_]+")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Squeezed:
    """Letters and digits in lower case, and the place of each in the text that they stood in, int64 (n,)."""

    text: str
    places: NDArray[np.int64]

    @classmethod
    def of(cls, text: str) -> Squeezed:
        """A text, squeezed; a letter whose small form is several is left as it is."""
        parts, places = list[str](), list[NDArray[np.int64]]()
        for match in _WORDS.finditer(text):
            small = match[0].lower()
            parts.append(small if len(small) == len(match[0]) else match[0])
            places.append(np.arange(match.start(), match.end()))
        return cls("".join(parts), np.concatenate(places) if places else np.zeros(0, np.int64))

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        """Where characters `start` to `end` of the squeezed text stood."""
        return int(self.places[start]), int(self.places[end - 1]) + 1

    def grams(self, length: int) -> Hashes:
        """A hash of each `length` characters in a row, uint64 (n - length + 1,); modulo 2**64, by prefix sums."""
        n = len(self.text)
        if n < length:
            return np.zeros(0, np.uint64)
        codes = np.frombuffer(self.text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
        codes = (codes + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
        codes ^= codes >> np.uint64(32)
        powers, inverse = _powers(_BASE, n), _powers(_INVERSE, n)
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(codes * powers)])
        return np.asarray((sums[length:] - sums[:-length]) * inverse[: n - length + 1])


def _powers(base: np.uint64, n: int) -> Hashes:
    return np.concatenate([np.ones(1, np.uint64), np.cumprod(np.full(max(n - 1, 0), base, np.uint64))])


def runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Where flags, bool (n,), are set in a row: from which to which."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
