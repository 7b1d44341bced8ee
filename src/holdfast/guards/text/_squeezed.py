"""A text without all that is no letter or digit, and where each of its characters stood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

_NOISE = re.compile(r"[\W_]+")
_BASE, _INVERSE = 0x9E3779B97F4A7C15, pow(0x9E3779B97F4A7C15, -1, 2**64)

Hashes = NDArray[np.uint64]


class Squeezed:
    """The letters and digits of a text, in lower case."""

    def __init__(self, text: str) -> None:
        small = text.lower()
        self._whole = (
            small if len(small) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        )
        self.text = _NOISE.sub("", self._whole)

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Where each of its characters stood, int64 (n,)."""
        return np.flatnonzero([c.isalnum() for c in self._whole])

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        """Where characters `start` to `end` of it stood."""
        return int(self._places[start]), int(self._places[end - 1]) + 1

    def grams(self, length: int) -> Hashes:
        """A hash of each `length` characters in a row, uint64 (n - length + 1,); modulo 2**64, by prefix sums."""
        n = len(self.text)
        if n < length:
            return np.zeros(0, np.uint64)
        codes = np.frombuffer(self.text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
        codes = (codes + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
        codes ^= codes >> np.uint64(32)
        rows = 1 << n.bit_length()
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(codes * _powers(_BASE, rows)[:n])])
        return np.asarray((sums[length:] - sums[:-length]) * _powers(_INVERSE, rows)[: n - length + 1])


@lru_cache(maxsize=64)
def _powers(base: int, n: int) -> Hashes:
    return np.concatenate([np.ones(1, np.uint64), np.cumprod(np.full(n - 1, base, np.uint64))])


def among(hashes: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Which hashes, uint64 (n,), are among the known ones, sorted uint64 (k,)."""
    if not len(known):
        return np.zeros(len(hashes), dtype=bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, hashes), len(known) - 1)] == hashes)


def runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Where flags, bool (n,), are set in a row: from which to which."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
