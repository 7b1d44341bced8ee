"""Documents on their way into an index: cut into chunks that say where they come from, and searched for crowds.

Chunks that are near-copies of one another crowd all others out of an answer (PoisonedRAG, arXiv 2402.07867, plants five
texts a question). They are found by MinHash over runs of three words (A. Broder, "On the resemblance and containment of
documents", 1997) and checked by their exact resemblance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.text.grams import grams
from holdfast.text.normalise import normalise
from holdfast.text.windows import windows

WORDS, STEP = 120, 100
BANDS, ROWS = 20, 3
"""Chunks that share all of a band's numbers are compared: at a resemblance of 0.5 nearly all pairs do, at 0.2 few."""

BLOCK = 4096
"""Runs of words that are hashed at a time."""

ALIKE = 0.5
CROWD = 4
"""So many near-copies are a crowd: an answer is mostly made of three to five chunks."""

_RANDOM = np.random.default_rng(2024)
_FACTORS = _RANDOM.integers(1, 2**63, BANDS * ROWS, dtype=np.uint64) | np.uint64(1)
_TERMS = _RANDOM.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)


@dataclass(frozen=True)
class Chunk:
    """Characters `start` to `end` of a document, and where that comes from. Its digest is of the text as it stands."""

    document: str
    origin: str
    start: int
    end: int
    text: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Crowd:
    """Chunks, by their places in what was given, that are near-copies of the first of them."""

    chunks: tuple[int, ...]
    documents: int


def chunked(document: str, origin: str, text: str, words: int = WORDS, step: int = STEP) -> Iterator[Chunk]:
    """The chunks of a document, which overlap and together hold all of it."""
    for start, end in windows(text, words, step):
        yield Chunk(document, origin, start, end, text[start:end])


def crowds(chunks: Sequence[Chunk], alike: float = ALIKE, least: int = CROWD) -> tuple[Crowd, ...]:
    """Groups of at least so many chunks that resemble their first one by `alike` or more, the largest first.

    The time grows with the number of chunks, not with that of pairs: each is compared with the first of those that
    share a band with it.
    """
    shingles = [_shingles(chunk.text) for chunk in chunks]
    leader: list[int] = []
    first: dict[tuple[int, bytes], int] = {}
    for number, shingle in enumerate(shingles):
        bands = _bands(shingle)
        known = dict.fromkeys(first[band] for band in bands if band in first)
        same = next((one for one in known if _resemblance(shingles[one], shingle) >= alike), number)
        leader.append(same)
        for band in bands:
            first.setdefault(band, same)
    groups: dict[int, list[int]] = {}
    for number, one in enumerate(leader):
        if len(shingles[number]):
            groups.setdefault(one, []).append(number)
    found = [Crowd(tuple(group), len({chunks[i].document for i in group})) for group in groups.values()]
    return tuple(sorted((crowd for crowd in found if len(crowd.chunks) >= least), key=lambda crowd: -len(crowd.chunks)))


def _shingles(text: str) -> NDArray[np.int64]:
    """The different runs of three words; of a text too short for one, those of two words."""
    pairs, threes = grams(normalise(text).text).words
    return np.unique(threes if len(threes) else pairs)


def _bands(shingles: NDArray[np.int64]) -> list[tuple[int, bytes]]:
    if not len(shingles):
        return []
    parts = [shingles[at : at + BLOCK].astype(np.uint64)[:, None] for at in range(0, len(shingles), BLOCK)]
    smallest = np.min([(part * _FACTORS + _TERMS >> np.uint64(20)).min(axis=0) for part in parts], axis=0)
    return [(band, row.tobytes()) for band, row in enumerate(smallest.reshape(BANDS, ROWS))]


def _resemblance(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / max(1, len(one) + len(other) - common)
