"""Documents on their way into an index: provenance, crowds of near-copies."""

from __future__ import annotations

import random
from itertools import pairwise

from holdfast.text.corpus import chunked, crowds

WORDS = [f"{a}{b}" for a in ("ba", "lo", "mi", "ru", "te", "ka", "no") for b in ("den", "lir", "sot", "mak", "vel")]


def prose(seed: int, words: int = 300) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) for _ in range(words))


def test_chunks_hold_all_of_a_document_and_say_where_they_come_from():
    text = prose(1, 1_000)
    chunks = list(chunked("handbook", "https://intranet.example/handbook", text))
    assert (chunks[0].start, chunks[-1].end) == (0, len(text))
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert all(later.start <= earlier.end for earlier, later in pairwise(chunks))
    assert len({chunk.digest for chunk in chunks}) == len(chunks)


def test_near_copies_are_a_crowd_and_ordinary_chunks_are_none():
    rng = random.Random(5)
    ordinary = [chunk for n in range(60) for chunk in chunked(f"page {n}", "site", prose(n))]
    copied = prose(777, 90).split()
    planted = []
    for n in range(6):
        words = [rng.choice(WORDS) if rng.random() < 0.03 else word for word in copied]
        planted += list(chunked(f"planted {n}", "upload", " ".join(words)))
    chunks = ordinary[:80] + planted + ordinary[80:]
    assert crowds(ordinary) == ()
    found = crowds(chunks)
    assert [crowd.documents for crowd in found] == [6]
    assert set(found[0].chunks) == set(range(80, 86))


def test_empty_and_broken_chunks_crowd_nobody():
    chunks = [chunk for text in ("", " ", "\ud800", "a", "") * 4 for chunk in chunked("d", "o", text)]
    assert crowds(chunks) == ()
