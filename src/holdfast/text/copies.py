"""Near-copies among many texts: MinHash signatures of word shingles, banded, and each candidate compared in full.

Broder, "On the resemblance and containment of documents" (SEQUENCES 1997); banding after Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", section 3.4.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from holdfast.text.normalise import normalise

WORDS = 3
"""Words of a shingle."""

BANDS, ROWS = 32, 3
"""Two texts of which half is alike meet in a band with probability 1 - (1 - .5 ** 3) ** 32 = .986."""

COMPARED = 8
"""Texts of a bucket with which each other text of it is compared: a flood of copies costs no more than that."""

BLOCK = 4096

_WORD = re.compile(r"\w+")

Shingles = NDArray[np.uint64]


def near_copies(texts: Sequence[str], alike: float = 0.5) -> tuple[tuple[int, ...], ...]:
    """Groups of texts by their places, each at least two, in which every text is `alike` (Jaccard) to another.

    Texts of fewer words than a shingle are only alike where they are equal. Spelling that a reader cannot see, case and
    punctuation count for nothing.
    """
    shingles = [_shingles(text) for text in texts]
    parents = list(range(len(texts)))
    for bucket in _buckets(shingles):
        heads = bucket[:COMPARED]
        for place in bucket[1:]:
            for head in heads:
                apart = head < place and _root(parents, head) != _root(parents, place)
                if apart and _jaccard(shingles[head], shingles[place]) >= alike:
                    parents[_root(parents, place)] = _root(parents, head)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for place in range(len(texts)):
        groups[_root(parents, place)].append(place)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _shingles(text: str) -> Shingles:
    """The distinct shingles of a text, hashed; the whole of it where it is short."""
    words = _WORD.findall(normalise(text).text.casefold())
    runs = [" ".join(words[at : at + WORDS]) for at in range(max(1, len(words) - WORDS + 1))]
    return np.unique(np.array([zlib.crc32(run.encode("utf-8", "surrogatepass")) for run in runs], dtype=np.uint64))


def _buckets(shingles: Sequence[Shingles]) -> Iterable[list[int]]:
    """Places of texts that share a band of their signatures, in order."""
    rng = np.random.default_rng(20971)
    scale, shift = (rng.integers(1, 1 << 63, BANDS * ROWS, dtype=np.uint64) | np.uint64(1) for _ in range(2))
    found: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)
    for place, own in enumerate(shingles):
        signature = _signature(own, scale, shift).reshape(BANDS, ROWS)
        for band in range(BANDS):
            found[band, signature[band].tobytes()].append(place)
    return (bucket for bucket in found.values() if len(bucket) > 1)


def _signature(own: Shingles, scale: Shingles, shift: Shingles) -> Shingles:
    """The least of each hash over all shingles, by multiply-shift (Dietzfelbinger et al., 1997), in blocks."""
    parts = [own[at : at + BLOCK, None] for at in range(0, len(own), BLOCK)]
    return np.min([((part * scale + shift) >> np.uint64(32)).min(axis=0) for part in parts], axis=0)  # type: ignore[no-any-return]


def _root(parents: list[int], place: int) -> int:
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place


def _jaccard(a: Shingles, b: Shingles) -> float:
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / (len(a) + len(b) - both)
